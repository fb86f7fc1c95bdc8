package secdesc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// sidNames are the short names that SDDL has for SIDs of every domain.
var sidNames = [...]struct {
	name string
	sid  SID
}{
	{"WD", Everyone}, {"CO", CreatorOwner}, {"CG", CreatorGroup}, {"OW", OwnerRights}, {"NU", Network},
	{"ED", EnterpriseDCs}, {"PS", Self}, {"AU", AuthenticatedUsers}, {"SY", LocalSystem}, {"BA", Administrators},
	{"RU", PreWindows2000Compatible}, {"AN", mustSID("S-1-5-7")}, {"IU", mustSID("S-1-5-4")}, {"BU", mustSID("S-1-5-32-545")},
	{"BG", mustSID("S-1-5-32-546")}, {"AO", mustSID("S-1-5-32-548")}, {"SO", mustSID("S-1-5-32-549")},
	{"PO", mustSID("S-1-5-32-550")}, {"BO", mustSID("S-1-5-32-551")}, {"RE", mustSID("S-1-5-32-552")},
}

// ridNames are those of principals of one domain.
var ridNames = map[string]uint32{
	"LA": 500, "LG": 501, "DA": 512, "DU": 513, "DG": 514, "DC": 515, "DD": 516, "CA": 517, "SA": 518, "EA": 519, "PA": 520, "RO": 498,
}

var flagNames = [...]struct {
	name string
	flag Flag
}{
	{"OI", ObjectInherit}, {"CI", ContainerInherit}, {"NP", NoPropagate}, {"IO", InheritOnly}, {"ID", Inherited},
}

var kindNames = map[string]Kind{"A": Allow, "D": Deny, "OA": AllowObject, "OD": DenyObject}

var errSDDL = errors.New("secdesc: not SDDL")

// SDDL returns the text form of an entry, (OA;CIIO;WP;...;...;S-1-5-...). An entry of a
// kind that text has no name for gives "".
func (a ACE) SDDL() string {
	kind := ""
	for name, k := range kindNames {
		if k == a.Kind {
			kind = name
		}
	}
	if kind == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("(" + kind + ";")
	for _, f := range flagNames {
		if a.Flags.Has(f.flag) {
			b.WriteString(f.name)
		}
	}
	b.WriteString(";" + a.Mask.String())
	for _, g := range []GUID{a.ObjectType, a.InheritedObjectType} {
		b.WriteByte(';')
		if !g.IsZero() {
			b.WriteString(g.String())
		}
	}
	b.WriteString(";" + sidText(a.SID) + ")")
	return b.String()
}

func sidText(s SID) string {
	for _, n := range sidNames {
		if n.sid == s {
			return n.name
		}
	}
	return s.String()
}

// SDDL returns the text form of owner, group and DACL. Entries that text has no form for
// are left out: it is for people and tests, not for keeping.
func (d *Descriptor) SDDL() string {
	var b strings.Builder
	if !d.Owner.IsZero() {
		b.WriteString("O:" + sidText(d.Owner))
	}
	if !d.Group.IsZero() {
		b.WriteString("G:" + sidText(d.Group))
	}
	if d.Control.Has(DACLPresent) {
		b.WriteString("D:")
		if d.Control.Has(DACLProtected) {
			b.WriteString("P")
		}
		if d.Control.Has(DACLAutoInherited) {
			b.WriteString("AI")
		}
		for _, a := range d.DACL {
			b.WriteString(a.SDDL())
		}
	}
	return b.String()
}

// ParseSDDL reads the text form of owner, group and DACL. domain is where short names such
// as DA, the domain's administrators, are looked up; where it is zero they are errors.
func ParseSDDL(text string, domain SID) (*Descriptor, error) {
	d := &Descriptor{}
	for text != "" {
		if len(text) < 2 || text[1] != ':' {
			return nil, errSDDL
		}
		what := text[0]
		text = text[2:]
		switch what {
		case 'O', 'G':
			end := len(text)
			for i := 1; i < len(text); i++ {
				if text[i] == ':' {
					end = i - 1
					break
				}
			}
			sid, err := parseSIDText(text[:end], domain)
			if err != nil {
				return nil, err
			}
			if text = text[end:]; what == 'O' {
				d.Owner = sid
			} else {
				d.Group = sid
			}
		case 'D':
			var err error
			if text, err = d.parseDACL(text, domain); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: part %q is not read", errSDDL, string(what))
		}
	}
	return d, nil
}

func (d *Descriptor) parseDACL(text string, domain SID) (rest string, err error) {
	d.Control |= DACLPresent
	d.DACL = []ACE{}
	for _, f := range []struct {
		name string
		flag Control
	}{{"P", DACLProtected}, {"AR", 0}, {"AI", DACLAutoInherited}} {
		if r, ok := strings.CutPrefix(text, f.name); ok {
			text = r
			d.Control |= f.flag
		}
	}
	for strings.HasPrefix(text, "(") {
		end := strings.IndexByte(text, ')')
		if end < 0 {
			return "", errSDDL
		}
		a, err := ParseACE(text[:end+1], domain)
		if err != nil {
			return "", err
		}
		d.DACL = append(d.DACL, a)
		text = text[end+1:]
	}
	return text, nil
}

// ParseACE reads the text form of one entry.
func ParseACE(text string, domain SID) (ACE, error) {
	var a ACE
	inner, ok := strings.CutPrefix(text, "(")
	inner, ok2 := strings.CutSuffix(inner, ")")
	parts := strings.Split(inner, ";")
	if !ok || !ok2 || len(parts) != 6 {
		return a, errSDDL
	}
	if a.Kind, ok = kindNames[parts[0]]; !ok {
		return a, fmt.Errorf("%w: kind %q is not read", errSDDL, parts[0])
	}
	for flags := parts[1]; flags != ""; {
		found := false
		for _, f := range flagNames {
			if r, ok := strings.CutPrefix(flags, f.name); ok {
				flags, found = r, true
				a.Flags |= f.flag
				break
			}
		}
		if !found {
			return a, fmt.Errorf("%w: flags %q", errSDDL, parts[1])
		}
	}
	var err error
	if a.Mask, err = parseMask(parts[2]); err != nil {
		return a, err
	}
	for i, to := range []*GUID{&a.ObjectType, &a.InheritedObjectType} {
		switch p := parts[3+i]; {
		case p == "":
		case !a.Kind.hasObject():
			return a, fmt.Errorf("%w: an entry of kind %s names no objects", errSDDL, parts[0])
		default:
			if *to, err = ParseGUID(p); err != nil {
				return a, err
			}
		}
	}
	a.SID, err = parseSIDText(parts[5], domain)
	return a, err
}

func parseMask(text string) (Mask, error) {
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			return 0, fmt.Errorf("%w: rights %q", errSDDL, text)
		}
		return Mask(n), nil
	}
	var m Mask
	for rest := text; rest != ""; {
		found := false
		for _, n := range maskNames {
			if r, ok := strings.CutPrefix(rest, n.name); ok {
				rest, found = r, true
				m |= n.mask
				break
			}
		}
		if !found {
			return 0, fmt.Errorf("%w: rights %q", errSDDL, text)
		}
	}
	return m, nil
}

func parseSIDText(text string, domain SID) (SID, error) {
	for _, n := range sidNames {
		if n.name == text {
			return n.sid, nil
		}
	}
	if rid, ok := ridNames[text]; ok {
		if domain.IsZero() {
			return SID{}, fmt.Errorf("%w: %s needs a domain", errSDDL, text)
		}
		return domain.WithRID(rid), nil
	}
	return ParseSID(text)
}
