package expr

import "strings"

// nameKeys are the names that Windows gives to the attributes in names of certificates.
var nameKeys = [...]struct{ oid, key string }{
	{"2.5.4.3", "CN"},
	{"2.5.4.4", "SN"},
	{"2.5.4.5", "SERIALNUMBER"},
	{"2.5.4.6", "C"},
	{"2.5.4.7", "L"},
	{"2.5.4.8", "S"},
	{"2.5.4.9", "STREET"},
	{"2.5.4.10", "O"},
	{"2.5.4.11", "OU"},
	{"2.5.4.12", "T"},
	{"2.5.4.13", "Description"},
	{"2.5.4.17", "PostalCode"},
	{"2.5.4.20", "Phone"},
	{"2.5.4.42", "G"},
	{"2.5.4.43", "I"},
	{"0.9.2342.19200300.100.1.25", "DC"},
	{"1.2.840.113549.1.9.1", "E"},
}

const (
	oidCommonName = "2.5.4.3"
	oidOrgUnit    = "2.5.4.11"
	oidOrg        = "2.5.4.10"
	oidEmail      = "1.2.840.113549.1.9.1"

	// Content octets of 2.5.29.17, 2.5.29.18 and 1.3.6.1.4.1.311.20.2.3.
	rawSubjectAltName = "\x55\x1d\x11"
	rawIssuerAltName  = "\x55\x1d\x12"
	rawPrincipalName  = "\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03"
)

// nameParts calls f for every attribute of a Name's content, in the order of the
// certificate; first says that it begins a component. It reports whether all is well-formed.
func nameParts(name string, f func(oid, value string, first bool)) bool {
	for in := derReader(name); in != ""; {
		set, ok := in.take(tagSet)
		if !ok {
			return false
		}
		first := true
		for inner := derReader(set); inner != ""; {
			pair, ok := inner.take(tagSequence)
			if !ok {
				return false
			}
			p := derReader(pair)
			raw, ok := p.take(tagOID)
			if !ok {
				return false
			}
			oid, ok1 := formatOID(raw)
			tag, value, ok2 := p.any()
			if !ok1 || !ok2 {
				return false
			}
			f(oid, derText(tag, value), first)
			first = false
		}
	}
	return true
}

// formatName writes a Name as Windows does: the most specific component first.
func formatName(name string) (string, bool) {
	var components []string
	ok := nameParts(name, func(oid, value string, first bool) {
		s := nameKey(oid) + "=" + quoteName(value)
		if first {
			components = append(components, s)
		} else {
			components[len(components)-1] += " + " + s
		}
	})
	for i, j := 0, len(components)-1; i < j; i, j = i+1, j-1 {
		components[i], components[j] = components[j], components[i]
	}
	return strings.Join(components, ", "), ok
}

func nameKey(oid string) string {
	for _, k := range nameKeys {
		if k.oid == oid {
			return k.key
		}
	}
	return "OID." + oid
}

// quoteName puts a value in quotes where it has to be.
func quoteName(s string) string {
	if s == "" || strings.ContainsAny(s, ",+=\"\n<>#;") || s[0] == ' ' || s[len(s)-1] == ' ' {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// nameValue returns the last value of an attribute, which is the most specific one.
func nameValue(name, oid string) (found string) {
	nameParts(name, func(o, value string, _ bool) {
		if o == oid {
			found = value
		}
	})
	return found
}

// The tags of general names.
const (
	nameOther = 0xa0
	nameEmail = 0x81
	nameDNS   = 0x82
	nameURI   = 0x86
)

// altName returns the first alternative name of the kind, "" if there is none.
func (c *certificate) altName(extension string, kind byte) (found string) {
	c.eachExtension(func(oid string, _ bool, value string) {
		if oid != extension || found != "" {
			return
		}
		outer := derReader(value)
		list, _ := outer.take(tagSequence)
		for in := derReader(list); in != "" && found == ""; {
			tag, content, ok := in.any()
			switch {
			case !ok:
				return
			case tag != kind:
			case kind == nameOther:
				found = principalName(content)
			default:
				found = derText(tagUTF8String, content)
			}
		}
	})
	return found
}

// principalName returns the user principal name in an otherName, "" if it is another name.
func principalName(content string) string {
	in := derReader(content)
	if oid, _ := in.take(tagOID); oid != rawPrincipalName {
		return ""
	}
	value, _ := in.take(tagContext0)
	inner := derReader(value)
	tag, text, ok := inner.any()
	if !ok {
		return ""
	}
	return derText(tag, text)
}

// nameInfo is X509Certificate2.GetNameInfo.
func (c *certificate) nameInfo(nameType string, issuer bool) string {
	name, alt := c.subject, rawSubjectAltName
	if issuer {
		name, alt = c.issuer, rawIssuerAltName
	}
	first := func(values ...func() string) string {
		for _, v := range values {
			if s := v(); s != "" {
				return s
			}
		}
		return ""
	}
	attribute := func(oid string) func() string { return func() string { return nameValue(name, oid) } }
	alternative := func(kind byte) func() string { return func() string { return c.altName(alt, kind) } }
	switch nameType {
	case "SimpleName":
		return first(attribute(oidCommonName), attribute(oidOrgUnit), attribute(oidOrg), attribute(oidEmail),
			alternative(nameEmail), alternative(nameDNS))
	case "EmailName":
		return first(alternative(nameEmail), attribute(oidEmail))
	case "UpnName":
		return c.altName(alt, nameOther)
	case "DnsName":
		return first(alternative(nameDNS), attribute(oidCommonName))
	case "DnsFromAlternativeName":
		return c.altName(alt, nameDNS)
	default: // UrlName
		return c.altName(alt, nameURI)
	}
}
