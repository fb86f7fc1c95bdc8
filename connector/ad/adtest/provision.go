package adtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// newDirectory makes the content of a new domain that is a forest of its own.
func newDirectory(o *Options) *directory { return newDomain(o, nil) }

// newDomain makes the content of a new domain, in the forest of root unless that is nil.
func newDomain(o *Options, root *directory) *directory {
	seed := sha256.Sum256(fmt.Appendf(nil, "adtest %s %d", fold(o.Domain), o.Seed))
	rng := rand.NewChaCha8(seed)
	d := &directory{domain: o.Domain, netbios: o.NetBIOS, dnsHost: "dc1." + o.Domain,
		clock: o.Clock, recycleBin: o.RecycleBin, guids: guidSource{rng}, usn: 4096, nextRID: 1104,
		byGUID: map[GUID]*entry{}, bySID: map[string]*entry{}, bySam: map[string]*entry{}, byUPN: map[string]*entry{},
		wellKnown: map[string]*entry{}, deletedObjects: map[*partition]*entry{},
		defaults: map[ownKey]*secdesc.Descriptor{}, descriptors: map[descriptorKey]*secdesc.Descriptor{}}
	d.replicas = []*replica{{host: d.dnsHost, invocation: d.guids.next()}}
	sid := []byte{1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0}
	for range 3 {
		sid = binary.LittleEndian.AppendUint32(sid, uint32(rng.Uint64())|1<<30)
	}
	d.domainSID = string(sid)
	p := &provisioner{directory: d, w: d.begin()}
	if root != nil {
		d.s = root.s
		p.domainTree(o)
		p.join(o, root)
		return d
	}
	d.s, d.forest = newSchema(!o.NoExchangeSchema), &forest{domains: []*directory{d}, epochs: map[GUID]int{}}
	p.domainTree(o)
	p.configurationTree(o)
	p.schemaTree()
	p.references()
	return d
}

// A provisioner builds the objects that every domain has.
type provisioner struct {
	*directory
	w *writeUSN
}

func (p *provisioner) partition(parent string, class, value string, parts ...string) *partition {
	nc := &partition{}
	c := p.s.class(class)
	nc.head = p.insert(p.w, nc, nil, c, value)
	if parent != "" {
		nc.head.dn += "," + parent
	}
	names, _ := parseDN(nc.head.dn)
	for _, n := range slices.Backward(names) {
		nc.path = append(nc.path, n.key())
	}
	p.partitions = append(p.partitions, nc)
	p.attrs(nc.head, parts...)
	return nc
}

// object makes an object; parts are attribute names and values in turn.
func (p *provisioner) object(parent *entry, class, value string, parts ...string) *entry {
	e := p.insert(p.w, parent.nc, parent, p.s.class(class), value)
	p.attrs(e, parts...)
	return e
}

func (p *provisioner) attrs(e *entry, parts ...string) {
	for i := 0; i < len(parts); i += 2 {
		def := p.s.mustAttr(parts[i])
		values := []string{parts[i+1]}
		if a := e.stored(def); a != nil {
			values = append(a.values, parts[i+1])
		}
		p.reindex(e, def, values)
		e.set(def, values, e.usnChanged)
	}
}

func (p *provisioner) domainTree(o *Options) {
	label, rest, _ := strings.Cut(o.Domain, ".")
	above := ""
	if rest != "" {
		above = dnsToDN(rest)
	}
	nc := p.partition(above, "domainDNS", label, "msDS-Behavior-Version", "7", "minPwdLength", strconv.Itoa(minPassword),
		"maxPwdAge", "-36288000000000", "lockoutThreshold", "0", "ms-DS-MachineAccountQuota", "10",
		"isCriticalSystemObject", "TRUE")
	domain := nc.head
	p.setSID(domain, p.domainSID)
	p.secure(domain, p.parsed(domainDescriptor))
	p.deletedContainer(nc)
	known := func(guid string, e *entry) *entry {
		p.wellKnown[guid] = e
		def := p.s.mustAttr("wellKnownObjects")
		var values []string
		if a := domain.stored(def); a != nil {
			values = a.values
		}
		domain.set(def, append(values, storedRef("B:32:"+guid+":", e)), domain.usnChanged)
		return e
	}
	box := func(guid, class, name string) *entry {
		return known(guid, p.object(domain, class, name, "isCriticalSystemObject", "TRUE", "systemFlags", "-1946157056"))
	}
	users := box("A9D1CA15768811D1ADED00C04FD8D5CD", "container", "Users")
	box("AA312825768811D1ADED00C04FD8D5CD", "container", "Computers")
	dcs := box("A361B2FFFFD211D1AA4B00C04FD7D83A", "organizationalUnit", "Domain Controllers")
	system := box("AB1D30F3768811D1ADED00C04FD8D5CD", "container", "System")
	p.fsps = box("22B70C67D56E4EFB91E9300FCA3DC1AA", "container", "ForeignSecurityPrincipals")
	box("AB8153B7768811D1ADED00C04FD8D5CD", "lostAndFound", "LostAndFound")
	box("2FBAC1870ADE11D297C400C04FD8D5CD", "infrastructureUpdate", "Infrastructure")
	box("09460C08AE1E4A4EA0F64AEE7DAA1E5A", "container", "Program Data")
	box("1EB93889E40C45DF9F0C64D23BBB6237", "container", "Managed Service Accounts")
	known("18E2EA80684F11D2B9AA00C04F79F805", p.deletedObjects[nc])
	builtin := p.object(domain, "builtinDomain", "Builtin", "isCriticalSystemObject", "TRUE", "systemFlags", "-1946157056")
	p.holder = p.object(system, "container", "AdminSDHolder", "isCriticalSystemObject", "TRUE", "systemFlags", "-1946157056")
	p.secure(p.holder, p.parsed(holderDescriptor))
	p.accounts(o, users, builtin, dcs)
	for _, e := range nc.entries {
		if e.first(p.s.adminCount) == "1" {
			p.shield(e)
		}
	}
}

func (p *provisioner) deletedContainer(nc *partition) {
	e := p.object(nc.head, "container", "Deleted Objects", "description", "Default container for deleted objects",
		"isCriticalSystemObject", "TRUE", "systemFlags", "-1946157056", "showInAdvancedViewOnly", "TRUE", "isDeleted", "TRUE")
	e.deleted, e.keeper = true, true
	p.deletedObjects[nc] = e
	p.secure(e, p.parsed(deletedDescriptor))
}

func (p *provisioner) account(parent *entry, class, name string, sid string, parts ...string) *entry {
	e := p.object(parent, class, name, "sAMAccountName", name, "isCriticalSystemObject", "TRUE")
	p.setSID(e, sid)
	p.attrs(e, parts...)
	return e
}

func (p *provisioner) group(parent *entry, name, sid string, groupType int64, parts ...string) *entry {
	e := p.account(parent, "group", name, sid, "groupType", text10(groupType), "sAMAccountType", text10(groupAccountType(groupType)))
	p.attrs(e, parts...)
	return e
}

func (p *provisioner) accounts(o *Options, users, builtin, dcs *entry) {
	const global, local, universal, builtinLocal = -2147483646, -2147483644, -2147483640, -2147483643
	rid := func(n uint32) string { return sidWithRID(p.domainSID, n) }
	alias := func(n uint32) string {
		s, _ := parseSID("S-1-5-32-" + strconv.FormatUint(uint64(n), 10))
		return s
	}
	user := func(name string, n uint32, uac int64, parts ...string) *entry {
		e := p.account(users, "user", name, rid(n), "userAccountControl", text10(uac), "sAMAccountType", "805306368",
			"primaryGroupID", "513", "accountExpires", "0", "codePage", "0", "countryCode", "0", "badPwdCount", "0",
			"logonCount", "0", "lastLogon", "0", "lastLogoff", "0", "badPasswordTime", "0")
		p.attrs(e, parts...)
		return e
	}
	now := text10(filetime(p.clock()))
	admin := user("Administrator", 500, uacNormal|uacPasswordStays, "adminCount", "1", "pwdLastSet", now,
		"description", "Built-in account for administering the computer/domain")
	admin.password = o.AdminPassword
	user("Guest", 501, uacNormal|uacDisabled|uacNoPassword|uacPasswordStays, "pwdLastSet", "0",
		"description", "Built-in account for guest access to the computer/domain")
	user("krbtgt", 502, uacNormal|uacDisabled, "adminCount", "1", "showInAdvancedViewOnly", "TRUE", "pwdLastSet", now,
		"servicePrincipalName", "kadmin/changepw", "description", "Key Distribution Center Service Account")
	domainAdmins := p.group(users, "Domain Admins", rid(512), global, "adminCount", "1", "description", "Designated administrators of the domain")
	p.group(users, "Domain Users", rid(513), global, "description", "All domain users")
	p.group(users, "Domain Guests", rid(514), global)
	p.group(users, "Domain Computers", rid(515), global, "description", "All workstations and servers joined to the domain")
	p.group(users, "Domain Controllers", rid(516), global, "adminCount", "1", "description", "All domain controllers in the domain")
	p.group(users, "Cert Publishers", rid(517), local)
	schemaAdmins := p.group(users, "Schema Admins", rid(518), universal, "adminCount", "1")
	enterprise := p.group(users, "Enterprise Admins", rid(519), universal, "adminCount", "1")
	p.group(users, "Group Policy Creator Owners", rid(520), global)
	p.group(users, "Protected Users", rid(525), global)
	admins := p.group(builtin, "Administrators", alias(544), builtinLocal, "adminCount", "1")
	p.group(builtin, "Users", alias(545), builtinLocal)
	p.group(builtin, "Guests", alias(546), builtinLocal)
	p.group(builtin, "Account Operators", alias(548), builtinLocal, "adminCount", "1")
	p.group(builtin, "Backup Operators", alias(551), builtinLocal, "adminCount", "1")
	preWindows2000 := p.group(builtin, "Pre-Windows 2000 Compatible Access", alias(554), builtinLocal)
	authenticated, _ := parseSID("S-1-5-11")
	fsp := p.object(p.fsps, "foreignSecurityPrincipal", "S-1-5-11")
	p.setSID(fsp, authenticated)
	for group, members := range map[*entry][]*entry{admins: {admin, domainAdmins, enterprise}, domainAdmins: {admin},
		schemaAdmins: {admin}, enterprise: {admin}, preWindows2000: {fsp}} {
		for _, m := range members {
			group.setLink(p.s.member, linkKey{target: m}, true, group.usnChanged)
		}
	}
	p.controller(dcs, "DC1", rid(1000), p.dnsHost)
}

// controller makes the account of a domain controller.
func (p *provisioner) controller(dcs *entry, name, sid, host string) *entry {
	dc := p.account(dcs, "computer", name, sid, "userAccountControl", "532480", "sAMAccountType", "805306369",
		"primaryGroupID", "516", "dNSHostName", host, "operatingSystem", "Windows Server 2022 Standard",
		"operatingSystemVersion", "10.0 (20348)", "servicePrincipalName", "ldap/"+host, "pwdLastSet", text10(filetime(p.clock())))
	p.reindex(dc, p.s.samName, []string{name + "$"})
	dc.set(p.s.samName, []string{name + "$"}, dc.usnChanged)
	return dc
}

func (p *provisioner) configurationTree(o *Options) {
	domain := p.partitions[0].head
	nc := p.partition(domain.dn, "configuration", "Configuration")
	p.config = nc
	p.secure(nc.head, p.parsed(configurationDescriptor))
	p.deletedContainer(nc)
	p.schemaNC = p.partition(nc.head.dn, "dMD", "Schema", "objectVersion", "88")
	p.secure(p.schemaNC.head, p.parsed(configurationDescriptor))
	// These partitions hold nothing that is synchronised, but a client meets them in every
	// real forest and has to leave them alone.
	dns := p.partition(domain.dn, "domainDNS", "DomainDnsZones")
	forest := p.partition(domain.dn, "domainDNS", "ForestDnsZones")
	partitions := p.object(nc.head, "crossRefContainer", "Partitions", "systemFlags", "-2147483648", "msDS-Behavior-Version", "7")
	p.crossRefs = partitions
	ref := func(name string, target *partition, flags int64, parts ...string) {
		e := p.object(partitions, "crossRef", name, "nCName", storedRef("", target.head), "systemFlags", text10(flags),
			"showInAdvancedViewOnly", "TRUE")
		p.attrs(e, parts...)
	}
	const isNC, isDomain, notInGC = 1, 2, 4
	ref(o.NetBIOS, p.partitions[0], isNC|isDomain, "dnsRoot", o.Domain, "nETBIOSName", o.NetBIOS, "msDS-Behavior-Version", "7")
	ref("Enterprise Configuration", nc, isNC, "dnsRoot", o.Domain)
	ref("Enterprise Schema", p.schemaNC, isNC, "dnsRoot", o.Domain)
	ref("DomainDnsZones", dns, isNC|notInGC, "dnsRoot", "DomainDnsZones."+o.Domain)
	ref("ForestDnsZones", forest, isNC|notInGC, "dnsRoot", "ForestDnsZones."+o.Domain)

	sites := p.object(nc.head, "sitesContainer", "Sites")
	site := p.object(sites, "site", "Default-First-Site-Name")
	p.settings(p.object(site, "serversContainer", "Servers"), "DC1", p.replicas[0])
	services := p.object(nc.head, "container", "Services")
	ntds := p.object(p.object(services, "container", "Windows NT"), "nTDSService", "Directory Service", "tombstoneLifetime", "180")
	p.object(services, "msDS-DeviceRegistrationServiceContainer", "Device Registration Configuration")
	bin := p.object(p.object(ntds, "container", "Optional Features"), "msDS-OptionalFeature", "Recycle Bin Feature")
	feature, _ := parseGUID("766ddcd8-acd0-445e-f3b9-a7f9b6744f2a")
	bin.set(p.s.mustAttr("msDS-OptionalFeatureGUID"), []string{string(feature[:])}, bin.usnChanged)
	if o.RecycleBin {
		p.attrs(partitions, "msDS-EnabledFeature", storedRef("", bin))
	}
}

// settings makes the objects that tell of a domain controller.
func (p *provisioner) settings(servers *entry, name string, r *replica) {
	server := p.object(servers, "server", name, "dNSHostName", r.host)
	r.service = p.object(server, "nTDSDSA", "NTDS Settings", "invocationId", string(r.invocation[:]), "options", "1",
		"msDS-Behavior-Version", "7")
}

// references sets what needs objects that were made later.
func (p *provisioner) references() {
	server := p.replicas[0].service.parent
	if dc := p.bySam["dc1$"]; dc != nil {
		p.attrs(server, "serverReference", storedRef("", dc))
	}
}
