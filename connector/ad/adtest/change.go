package adtest

import (
	"github.com/go-ldap/ldap/v3"
)

// Attrs are attributes with their values, which are bytes in a string.
type Attrs map[string][]string

// A ModOp is what a [Mod] does.
type ModOp uint8

// The kinds of modification, numbered as in LDAP.
const (
	ModAdd     ModOp = 0
	ModDelete  ModOp = 1
	ModReplace ModOp = 2
)

// A Mod changes one attribute.
type Mod struct {
	Op     ModOp
	Attr   string
	Values []string
}

// Replace sets an attribute; without values it clears it.
func Replace(attr string, values ...string) Mod { return Mod{ModReplace, attr, values} }

// AddValues adds values to an attribute.
func AddValues(attr string, values ...string) Mod { return Mod{ModAdd, attr, values} }

// DeleteValues takes values from an attribute; without values, all.
func DeleteValues(attr string, values ...string) Mod { return Mod{ModDelete, attr, values} }

// An update says how a change is to be made.
type update struct {
	v          *viewer
	secure     bool // over TLS: passwords may be written
	permissive bool
	deleted    bool // deleted objects may be named
	faults     *Faults
}

// change carries out add, modify, modifyDN, delete and compare.
func (c *conn) change(m *message, op Op, cs controlSet, rec *Request) error {
	d := c.srv.dir
	if op == OpCompare {
		c.srv.mu.RLock()
		defer c.srv.mu.RUnlock()
		return c.compare(m, rec)
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	u := &update{v: d.viewer(c.account).withParts(cs.parts), secure: c.secure, permissive: cs.permissive, deleted: cs.showDeleted, faults: c.srv.faults}
	f := m.body.Children
	malformed := func() error {
		c.srv.misuse("a malformed %s request", op)
		return protocolError()
	}
	switch op {
	case OpAdd:
		if len(f) != 2 {
			return malformed()
		}
		rec.DN = text(f[0])
		attrs := make([]Mod, 0, len(f[1].Children))
		for _, a := range f[1].Children {
			if len(a.Children) != 2 {
				return malformed()
			}
			attrs = append(attrs, Mod{ModAdd, text(a.Children[0]), texts(a.Children[1])})
			rec.Attributes = append(rec.Attributes, text(a.Children[0]))
		}
		_, err := d.add(u, rec.DN, attrs)
		return err
	case OpModify:
		if len(f) != 2 {
			return malformed()
		}
		rec.DN = text(f[0])
		mods, ok := decodeMods(m)
		if !ok {
			return malformed()
		}
		for _, x := range mods {
			rec.Attributes = append(rec.Attributes, x.Attr)
		}
		return d.modify(u, rec.DN, mods)
	case OpModifyDN:
		if len(f) < 3 || len(f) > 4 {
			return malformed()
		}
		rec.DN = text(f[0])
		superior := ""
		if len(f) == 4 {
			superior = text(f[3])
		}
		return d.rename(u, rec.DN, text(f[1]), superior)
	case OpDelete:
		rec.DN = text(m.body)
		return d.delete(u, rec.DN, cs.treeDelete)
	}
	return malformed()
}

func decodeMods(m *message) ([]Mod, bool) {
	var out []Mod
	for _, x := range m.body.Children[1].Children {
		if len(x.Children) != 2 || len(x.Children[1].Children) != 2 {
			return nil, false
		}
		op, ok := intOf(x.Children[0])
		if !ok || op < int64(ModAdd) || op > int64(ModReplace) {
			return nil, false
		}
		part := x.Children[1].Children
		out = append(out, Mod{ModOp(op), text(part[0]), texts(part[1])})
	}
	return out, true
}

func (c *conn) compare(m *message, rec *Request) error {
	d := c.srv.dir
	f := m.body.Children
	if len(f) != 2 || len(f[1].Children) != 2 {
		c.srv.misuse("a malformed compare request")
		return protocolError()
	}
	rec.DN = text(f[0])
	v := d.viewer(c.account)
	e, err := d.find(rec.DN)
	if err != nil {
		return err
	}
	if e.deleted || !v.reads(e) {
		return noObject(0x208D, "")
	}
	x := &filter{op: ldap.FilterEqualityMatch, def: d.s.attr(text(f[1].Children[0]))}
	d.assertion(x, text(f[1].Children[1]))
	if x.def == nil {
		return unknownAttribute()
	}
	if len(d.values(v, e, x.def)) == 0 {
		return noValue(x.def)
	}
	if x.matches(v, e) == yes {
		return &Error{Code: ldap.LDAPResultCompareTrue}
	}
	return &Error{Code: ldap.LDAPResultCompareFalse}
}

// target finds the object of a change.
func (d *directory) target(u *update, dn string) (*entry, error) {
	e, err := d.find(dn)
	if err != nil {
		return nil, err
	}
	if e.deleted && !u.deleted || !u.v.reads(e) {
		return nil, noObject(0x208D, "")
	}
	return e, nil
}

// refused reports whether a fault refuses the change.
func (u *update) refused(e *entry, def *attrDef) bool {
	return u.faults != nil && u.faults.refuses(e, def)
}
