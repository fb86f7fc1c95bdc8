package adtest

import (
	"sort"
	"strconv"
)

// rootDSE answers the search that tells what the server is. It needs no bind.
func (c *conn) rootDSE(m *message, r searchRequest, a *answer) {
	values := c.srv.dir.rootDSE(c.srv.self)
	own := map[string][]string{} // of the connection, told only by name
	if c.account != nil {
		for sid := range c.srv.dir.token(c.account) {
			own["tokenGroups"] = append(own["tokenGroups"], string(sid.Bytes()))
		}
		sort.Strings(own["tokenGroups"])
	}
	sel := map[string]bool{}
	all := len(r.attrs) == 0
	for _, n := range r.attrs {
		sel[fold(n)] = true
		all = all || n == "*" || n == "+"
	}
	names := make([]string, 0, len(values))
	for n := range values {
		if all || sel[fold(n)] {
			names = append(names, n)
		}
	}
	for n, v := range own {
		if sel[fold(n)] {
			names, values[n] = append(names, n), v
		}
	}
	if sel["netlogon"] {
		names, values["netlogon"] = append(names, "netlogon"), []string{c.srv.netlogon()}
	}
	sort.Strings(names)
	rd := &renderer{sel: selection{typesOnly: r.typesOnly}, extended: -1}
	at, parts := rd.begin(&a.enc, m.id, &entry{})
	for _, n := range names {
		rd.list(&a.enc, n, values[n])
	}
	rd.end(&a.enc, at, parts)
	a.entries = 1
	a.mark()
}

func (d *directory) rootDSE(self *replica) map[string][]string {
	domain := d.partitions[0].head.dn
	level := []string{"7"}
	out := map[string][]string{
		"currentTime":                   {generalized(d.clock())},
		"defaultNamingContext":          {domain},
		"rootDomainNamingContext":       {d.forest.domains[0].partitions[0].head.dn},
		"configurationNamingContext":    {d.config.head.dn},
		"schemaNamingContext":           {d.schemaNC.head.dn},
		"subschemaSubentry":             {"CN=Aggregate," + d.schemaNC.head.dn},
		"dsServiceName":                 {self.service.dn},
		"serverName":                    {self.service.parent.dn},
		"dnsHostName":                   {self.host},
		"ldapServiceName":               {d.domain + ":dc1$@" + upper(d.domain)},
		"highestCommittedUSN":           {strconv.FormatInt(d.usn, 10)},
		"isSynchronized":                {"TRUE"},
		"isGlobalCatalogReady":          {"TRUE"},
		"supportedLDAPVersion":          {"3", "2"},
		"supportedControl":              supportedControls(),
		"supportedExtension":            {oidStartTLS, oidWhoAmI},
		"supportedSASLMechanisms":       {"GSSAPI", "GSS-SPNEGO", "EXTERNAL", "DIGEST-MD5"},
		"domainFunctionality":           level,
		"forestFunctionality":           level,
		"domainControllerFunctionality": level,
		"supportedLDAPPolicies": {"MaxPoolThreads", "MaxPageSize", "MaxValRange", "MaxQueryDuration", "MaxDirSyncDuration",
			"MaxReceiveBuffer", "MaxResultSetsPerConn"},
		"supportedCapabilities": {"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1791",
			"1.2.840.113556.1.4.1935", "1.2.840.113556.1.4.2080", "1.2.840.113556.1.4.2237"},
	}
	if self.fresh {
		out["isSynchronized"] = []string{"FALSE"}
	}
	for _, p := range d.partitions {
		out["namingContexts"] = append(out["namingContexts"], p.head.dn)
	}
	return out
}
