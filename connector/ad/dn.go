package ad

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// splitDN cuts a DN after its first component. The parent of a single component is "".
func splitDN(dn string) (rdn, parent string) {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++ // whatever follows is no separator
		case ',':
			return dn[:i], strings.TrimLeft(dn[i+1:], " ")
		}
	}
	return dn, ""
}

// rdnType returns the attribute that names the object, "CN" or "OU".
func rdnType(dn string) string {
	rdn, _ := splitDN(dn)
	name, _, _ := strings.Cut(rdn, "=")
	return strings.TrimSpace(name)
}

// within reports whether dn is base or beneath it, without regard to case. Both must be
// spelled as one server spells them.
func within(dn, base string) bool {
	cut := len(dn) - len(base)
	switch {
	case cut < 0:
		return false
	case cut == 0:
		return strings.EqualFold(dn, base)
	case base == "" || dn[cut-1] != ',' || !strings.EqualFold(dn[cut:], base):
		return false
	}
	escapes := 0
	for i := cut - 2; i >= 0 && dn[i] == '\\'; i-- {
		escapes++
	}
	return escapes%2 == 0
}

// sameDN compares DNs of different origin: spelling of escapes, spaces and case aside.
func sameDN(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	pa, err := ldap.ParseDN(a)
	if err != nil {
		return false
	}
	pb, err := ldap.ParseDN(b)
	return err == nil && pa.EqualFold(pb)
}

// plainDN removes the <GUID=...>;<SID=...>; that servers put before some DNs.
func plainDN(dn string) string {
	for strings.HasPrefix(dn, "<") {
		_, rest, ok := strings.Cut(dn, ">;")
		if !ok {
			return dn
		}
		dn = rest
	}
	return dn
}

// A guid is an objectGUID in the directory's order of octets.
type guid [16]byte

func parseGUID(raw string) (guid, bool) {
	var g guid
	if len(raw) != len(g) {
		return g, false
	}
	copy(g[:], raw)
	return g, true
}

// String returns the form with braces left off that administrators know.
func (g guid) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{g[3], g[2], g[1], g[0]}, []byte{g[5], g[4]}, []byte{g[7], g[6]}, g[8:10], g[10:])
}

func (g guid) compare(other guid) int { return slices.Compare(g[:], other[:]) }

// sorted lists a set of GUIDs.
func sorted(set map[guid]struct{}) []guid { return slices.SortedFunc(maps.Keys(set), guid.compare) }

// dn returns the DN by which a server finds the object wherever it is.
func (g guid) dn() string { return "<GUID=" + hex.EncodeToString(g[:]) + ">" }

// filter returns the assertion that finds the object.
func (g guid) filter() string {
	var b strings.Builder
	b.WriteString("(objectGUID=")
	for _, c := range g {
		fmt.Fprintf(&b, `\%02x`, c)
	}
	b.WriteString(")")
	return b.String()
}

// guidDN reports whether a DN names an object by its GUID.
func guidDN(dn string) bool {
	digits, ok := strings.CutPrefix(dn, "<GUID=")
	digits, end := strings.CutSuffix(digits, ">")
	raw, err := hex.DecodeString(digits)
	return ok && end && err == nil && len(raw) == len(guid{})
}
