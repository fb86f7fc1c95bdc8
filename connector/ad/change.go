package ad

import (
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A change is what DirSync tells of one object.
type change struct {
	guid    guid
	dn      string
	deleted bool
	// created: object classes came along, which happens when an object is created, brought
	// back or changes its class. Then the whole object is read.
	created bool
	// revived: it had been deleted and was brought back.
	revived bool
	renamed bool // or moved
	// whole: what changed cannot be told by modifications, read the object.
	whole bool
	mods  []attr.Mod
	err   error // trouble with a value

	class    string // filled in later
	imported bool
}

// change decodes an entry of DirSync: attributes that changed, without values those that
// were cleared, and for links member;range=1-1 what was added and member;range=0-0 what
// was removed.
func (p *plan) change(e *entry) (change, error) {
	c := change{dn: e.DN}
	var ok bool
	if c.guid, ok = parseGUID(single(e, "objectGUID")); !ok {
		return c, errUnexpectedEntry
	}
	c.deleted = deleted(e)
	if c.deleted {
		return c, nil
	}
	c.renamed = present(e, "name")
	if classes := values(e, "objectClass"); len(classes) > 0 {
		c.created = true
		c.class, c.imported = p.classOf(classes)
	}
	if present(e, "isDeleted") { // without being TRUE: it was brought back
		c.created, c.revived = true, true
	}
	mods := map[string]*attr.Mod{}
	for _, a := range e.Attributes {
		name, r, ranged, ok := parseDescription(a.Name)
		known := p.find(name)
		if known == nil || !known.reported() || attr.EqualName(name, "objectGUID") || attr.EqualName(name, "instanceType") {
			continue
		}
		if !ok || ranged && !r.added() && !r.removed() {
			c.whole = true // an excerpt of a large attribute
			continue
		}
		decoded, err := known.decode(nil, a.Values)
		if err != nil {
			c.err = p.trouble(&connector.Object{Anchor: connector.NewAnchor(c.guid[:]), DN: c.dn}, known, fmt.Errorf("%w: %w", connector.ErrInvalid, err))
			return c, nil
		}
		m := mods[known.name]
		if m == nil {
			m = &attr.Mod{Name: known.name}
			mods[known.name] = m
		}
		switch {
		case !ranged:
			m.Replace, m.Adds = true, decoded
		case r.added():
			m.Adds = append(m.Adds, decoded...)
		default:
			m.Deletes = append(m.Deletes, decoded...)
		}
		if !known.multi { // removing the old value and adding a new one is replacing it
			m.Replace = true
		}
	}
	for _, m := range mods {
		if m.Replace {
			m.Deletes = nil
		}
		c.mods = append(c.mods, *m)
	}
	if c.renamed {
		p.addNaming(&c, single(e, "name"))
	}
	slices.SortFunc(c.mods, func(a, b attr.Mod) int { return attr.CompareNames(a.Name, b.Name) })
	return c, nil
}

// addNaming adds the attributes that follow from the DN. DirSync does not report them.
func (p *plan) addNaming(c *change, name string) {
	set := func(attribute string, v attr.Value) {
		a := p.find(attribute)
		if a == nil || slices.ContainsFunc(c.mods, func(m attr.Mod) bool { return attr.EqualName(m.Name, a.name) }) {
			return
		}
		c.mods = append(c.mods, attr.Mod{Name: a.name, Replace: true, Adds: []attr.Value{v}})
	}
	set("distinguishedName", attr.Reference(c.dn))
	if name != "" {
		set(rdnType(c.dn), attr.String(name))
	}
}
