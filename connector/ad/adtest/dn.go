package adtest

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// An rdn is one part of a DN. AD has no parts of several attributes.
type rdn struct{ typ, value string }

// key returns the form under which a parent knows its child.
func (r rdn) key() string { return fold(r.typ) + "=" + fold(r.value) }

// parseDN splits a DN, the most specific part first. The empty DN has no parts.
func parseDN(s string) ([]rdn, bool) {
	dn, err := ldap.ParseDN(s)
	if err != nil {
		return nil, false
	}
	out := make([]rdn, len(dn.RDNs))
	for i, r := range dn.RDNs {
		if len(r.Attributes) != 1 {
			return nil, false
		}
		out[i] = rdn{r.Attributes[0].Type, r.Attributes[0].Value}
		if out[i].value == "" {
			return nil, false
		}
	}
	return out, true
}

// formatRDN writes one part of a DN with AD's escapes.
func formatRDN(typ, value string) string {
	if !strings.ContainsAny(value, ",+\"\\<>;=\n\r\x00") && value != "" && value[0] != '#' && value[0] != ' ' &&
		value[len(value)-1] != ' ' {
		return typ + "=" + value
	}
	var b strings.Builder
	b.WriteString(typ)
	b.WriteByte('=')
	for i := range len(value) {
		switch c := value[i]; {
		case c == '\n':
			b.WriteString(`\0A`)
		case c == '\r':
			b.WriteString(`\0D`)
		case c == 0:
			b.WriteString(`\00`)
		case strings.IndexByte(`,+"\<>;=`, c) >= 0,
			c == '#' && i == 0, c == ' ' && (i == 0 || i == len(value)-1):
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// dnsToDN turns contoso.test into DC=contoso,DC=test.
func dnsToDN(domain string) string {
	return "DC=" + strings.ReplaceAll(domain, ".", ",DC=")
}

// hostOf turns DC=contoso,DC=test into contoso.test.
func hostOf(dn string) string {
	names, _ := parseDN(dn)
	var labels []string
	for _, n := range names {
		if strings.EqualFold(n.typ, "DC") {
			labels = append(labels, n.value)
		}
	}
	return strings.Join(labels, ".")
}
