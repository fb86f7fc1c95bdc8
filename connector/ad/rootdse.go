package ad

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// A rootDSE is what a domain controller says of itself.
type rootDSE struct {
	host          string // fully qualified name
	service       string // DN of its settings object, the same for one domain controller
	defaultNC     string
	rootNC        string // the forest's root domain
	configNC      string
	schemaNC      string
	namingContext []string
	now           time.Time // by its clock
	controls      map[string]bool
	usn           int64 // the last change that it has made or taken over
	incomplete    bool  // it has not had its first replication yet
	samba         bool  // it is Samba
}

func (l *link) readRoot(ctx context.Context) (rootDSE, error) {
	e, err := l.read(ctx, "", anything, "dnsHostName", "dsServiceName", "defaultNamingContext", "rootDomainNamingContext",
		"configurationNamingContext", "schemaNamingContext", "namingContexts", "currentTime", "supportedControl",
		"highestCommittedUSN", "isSynchronized", "vendorName")
	if err != nil {
		return rootDSE{}, err
	}
	if e == nil {
		return rootDSE{}, fmt.Errorf("%w: no root DSE", connector.ErrProtocol)
	}
	r := rootDSE{
		host:          single(e, "dnsHostName"),
		service:       single(e, "dsServiceName"),
		defaultNC:     single(e, "defaultNamingContext"),
		rootNC:        single(e, "rootDomainNamingContext"),
		configNC:      single(e, "configurationNamingContext"),
		schemaNC:      single(e, "schemaNamingContext"),
		namingContext: values(e, "namingContexts"),
		incomplete:    strings.EqualFold(single(e, "isSynchronized"), "FALSE"),
		samba:         strings.Contains(single(e, "vendorName"), "Samba"),
	}
	r.usn, _ = strconv.ParseInt(single(e, "highestCommittedUSN"), 10, 64) // zero where it is not told
	r.controls = make(map[string]bool)
	for _, oid := range values(e, "supportedControl") {
		r.controls[oid] = true
	}
	if r.defaultNC == "" || r.configNC == "" || r.schemaNC == "" {
		return r, fmt.Errorf("%w: %s is not a domain controller of Active Directory", connector.ErrProtocol, l.server.addr)
	}
	if r.rootNC == "" {
		r.rootNC = r.defaultNC
	}
	r.now, _ = parseTime(single(e, "currentTime")) // zero where it is not told
	return r, nil
}

// holds returns the server's spelling of a naming context and whether it has it.
func (r rootDSE) holds(dn string) (string, bool) {
	all := append(slices.Clone(r.namingContext), r.defaultNC)
	i := slices.IndexFunc(all, func(nc string) bool { return sameDN(nc, dn) })
	if i < 0 {
		return "", false
	}
	return all[i], true
}

// parseTime reads a generalized time such as 20260701123456.0Z.
func parseTime(text string) (time.Time, error) {
	if digits, fraction, ok := strings.Cut(text, "."); ok && strings.HasSuffix(fraction, "Z") {
		text = digits + "Z"
	}
	return time.Parse("20060102150405Z", text)
}

// invocationID is the identity of the domain controller's database, as hexadecimal digits.
// It changes when the database is restored from a backup.
func (l *link) invocationID(ctx context.Context) (string, error) {
	if l.root.service == "" {
		return "", nil
	}
	e, err := l.read(ctx, l.root.service, anything, "invocationId")
	if err != nil || e == nil {
		return "", err
	}
	g, ok := parseGUID(single(e, "invocationId"))
	if !ok {
		return "", nil
	}
	return g.String(), nil
}
