package adtest

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

// values returns what the viewer sees of an attribute, as text that goes on the wire. The
// result must not be changed.
func (d *directory) values(v *viewer, e *entry, def *attrDef) []string {
	if !v.readsAttr(e, def) {
		return nil
	}
	switch {
	case def == e.rdnDef, def == d.s.name:
		return []string{e.rdnValue}
	case def.source != nil:
		return def.source(d, v, e)
	case def.link():
		return d.linkTexts(e, def)
	case def.backLink():
		return d.backTexts(e, def)
	}
	a := e.stored(def)
	if a == nil || len(a.values) == 0 {
		return nil
	}
	if def.syn.isDN() {
		return d.dnTexts(a.values)
	}
	return a.values
}

// An unlinked reference is stored as its data, a NUL and the GUID of its target, so that it
// follows renames. Behind the GUID there may be the DN of a target that is not there yet.
func storedRef(data string, target *entry) string { return data + "\x00" + string(target.guid[:]) }

func (d *directory) dnTexts(values []string) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		data, g, _ := strings.Cut(v, "\x00")
		target := d.byAnyGUID(GUID([]byte(g)))
		switch phantom := g[len(GUID{}):]; {
		case phantom != "" && (target == nil || target.isTombstone()):
			out = append(out, data+phantom)
		case target != nil:
			out = append(out, data+target.dn)
		}
	}
	return out
}

// A source computes an attribute that is not stored.
type source func(d *directory, v *viewer, e *entry) []string

func (s *schema) setSources() {
	num := strconv.FormatInt
	for name, f := range map[string]source{
		"objectGUID":        func(_ *directory, _ *viewer, e *entry) []string { return []string{string(e.guid[:])} },
		"objectSid":         func(_ *directory, _ *viewer, e *entry) []string { return some(e.sid) },
		"distinguishedName": func(_ *directory, _ *viewer, e *entry) []string { return []string{e.dn} },
		"whenCreated":       func(_ *directory, _ *viewer, e *entry) []string { return []string{generalized(e.created)} },
		"whenChanged":       func(_ *directory, _ *viewer, e *entry) []string { return []string{generalized(e.changed)} },
		"createTimeStamp":   func(_ *directory, _ *viewer, e *entry) []string { return []string{generalized(e.created)} },
		"modifyTimeStamp":   func(_ *directory, _ *viewer, e *entry) []string { return []string{generalized(e.changed)} },
		"uSNCreated":        func(_ *directory, _ *viewer, e *entry) []string { return []string{num(e.usnCreated, 10)} },
		"uSNChanged":        func(_ *directory, _ *viewer, e *entry) []string { return []string{num(e.usnChanged, 10)} },
		"objectCategory":    objectCategory,
		"instanceType":      instanceType,
		"parentGUID": func(_ *directory, _ *viewer, e *entry) []string {
			if e.parent == nil {
				return nil
			}
			return []string{string(e.parent.guid[:])}
		},
		"canonicalName":              canonicalName,
		"allowedAttributes":          func(d *directory, _ *viewer, e *entry) []string { return d.attributesOf(e, nil) },
		"allowedAttributesEffective": func(d *directory, v *viewer, e *entry) []string { return d.attributesOf(e, v) },
		"allowedChildClasses":        func(d *directory, _ *viewer, e *entry) []string { return d.childClassesOf(e) },
		"allowedChildClassesEffective": func(d *directory, v *viewer, e *entry) []string {
			return slices.DeleteFunc(d.childClassesOf(e), func(n string) bool { return !v.creates(e, d.s.class(n)) })
		},
		"sDRightsEffective":     func(_ *directory, v *viewer, e *entry) []string { return []string{strconv.Itoa(v.effectiveParts(e))} },
		"structuralObjectClass": func(_ *directory, _ *viewer, e *entry) []string { return e.class.chain },
		"subSchemaSubEntry": func(d *directory, _ *viewer, _ *entry) []string {
			return []string{"CN=Aggregate," + d.schemaNC.head.dn}
		},
		"tokenGroups":                   tokenGroups,
		"tokenGroupsGlobalAndUniversal": universalGroups,
		"nTSecurityDescriptor":          descriptorValue,
		"primaryGroupToken": func(_ *directory, _ *viewer, e *entry) []string {
			if !e.class.isA("group") {
				return nil
			}
			return []string{num(int64(ridOf(e.sid)), 10)}
		},
		"msDS-PrincipalName": func(d *directory, _ *viewer, e *entry) []string {
			if n := e.first(d.s.samName); n != "" {
				return []string{d.netbios + `\` + n}
			}
			return some(sidString(e.sid))
		},
		"msDS-User-Account-Control-Computed": func(d *directory, _ *viewer, e *entry) []string {
			if t := e.first(d.s.mustAttr("lockoutTime")); t != "" && t != "0" {
				return []string{"16"}
			}
			return []string{"0"}
		},
		"unicodePwd": func(*directory, *viewer, *entry) []string { return nil },
	} {
		s.mustAttr(name).source = f
	}
}

func some(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

func objectCategory(d *directory, _ *viewer, e *entry) []string {
	if c := d.s.class(e.class.category); c != nil && c.entry != nil && !e.isTombstone() {
		return []string{c.entry.dn}
	}
	return nil
}

func instanceType(d *directory, _ *viewer, e *entry) []string {
	switch {
	case e.parent != nil:
		return []string{"4"}
	case e.nc == d.partitions[0]:
		return []string{"5"}
	}
	return []string{"13"}
}

func canonicalName(d *directory, _ *viewer, e *entry) []string {
	names, _ := parseDN(e.dn)
	var host, path []string
	for _, n := range names {
		if strings.EqualFold(n.typ, "DC") {
			host = append(host, n.value)
		} else {
			path = append(path, strings.ReplaceAll(n.value, "/", `\/`))
		}
	}
	slices.Reverse(path)
	return []string{strings.Join(host, ".") + "/" + strings.Join(path, "/")}
}

// tokenGroups returns the SIDs of all security groups that the account is in, through
// others too, its primary group among them.
func tokenGroups(d *directory, _ *viewer, e *entry) []string {
	var out []string
	for _, g := range d.groupsOf(e) {
		if d.security(g) {
			out = append(out, g.sid)
		}
	}
	slices.Sort(out)
	return out
}

// universalGroups leaves out the groups that count in one domain only.
func universalGroups(d *directory, _ *viewer, e *entry) []string {
	const domainLocal = 4
	var out []string
	for _, g := range d.groupsOf(e) {
		if d.security(g) && number(g.first(d.s.groupType))&domainLocal == 0 {
			out = append(out, g.sid)
		}
	}
	slices.Sort(out)
	return out
}

// groupsOf returns the groups that hold an account, directly or through others.
func (d *directory) groupsOf(e *entry) []*entry {
	seen := map[*entry]bool{e: true}
	var out []*entry
	visit := func(g *entry) {
		if g != nil && !seen[g] {
			seen[g] = true
			out = append(out, g)
		}
	}
	if rid, err := strconv.ParseUint(e.first(d.s.primaryGroup), 10, 32); err == nil {
		visit(d.bySID[sidWithRID(d.domainSID, uint32(rid))])
	}
	for i := -1; i < len(out); i++ {
		x := e
		if i >= 0 {
			x = out[i]
		}
		for _, l := range x.back {
			if l.attr.def == d.s.member && l.visible() {
				visit(l.source)
			}
		}
	}
	return out
}

// attributesOf lists the attributes that the object's class allows, with a viewer only
// those that it may write.
func (d *directory) attributesOf(e *entry, v *viewer) []string {
	var out []string
	for a := range e.class.allowed {
		if v == nil || (!a.has(flagSystem) && v.writes(e, a)) {
			out = append(out, a.name)
		}
	}
	sort.Strings(out)
	return out
}

func (d *directory) childClassesOf(e *entry) []string {
	var out []string
	for _, c := range d.s.ordered {
		if c.kind == 1 && c.under(e.class) {
			out = append(out, c.name)
		}
	}
	sort.Strings(out)
	return out
}
