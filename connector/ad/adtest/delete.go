package adtest

import (
	"slices"
	"sort"

	"github.com/go-ldap/ldap/v3"
)

// delete turns an object into a tombstone, with tree all below it first.
func (d *directory) delete(u *update, dn string, tree bool) error {
	e, err := d.target(u, dn)
	if err != nil {
		return err
	}
	var doomed []*entry
	e.walk(func(x *entry) { doomed = append(doomed, x) })
	for _, x := range doomed {
		switch {
		case x.parent == nil, x.deleted, x.first(d.s.critical) == "TRUE", x.first(d.s.mustAttr("systemFlags")) != "",
			x.nc == d.schemaNC:
			return unwilling(0x2084)
		case !u.v.deletes(x) && (!tree || !u.v.deletesTree(e)), u.refused(x, nil):
			return accessDenied()
		}
	}
	if len(doomed) > 1 && !tree {
		return updErr(ldap.LDAPResultNotAllowedOnNonLeaf, 0x2015, "6003 (CANT_ON_NON_LEAF)")
	}
	// Children before their parents, in an order that does not depend on chance.
	sort.Slice(doomed, func(i, j int) bool {
		a, b := doomed[i].depth(), doomed[j].depth()
		return a > b || a == b && doomed[i].seq < doomed[j].seq
	})
	for _, x := range doomed {
		d.tombstone(x)
	}
	return nil
}

func (e *entry) depth() int {
	n := 0
	for ; e.parent != nil; e = e.parent {
		n++
	}
	return n
}

// maxDeletedName is how much of a name a tombstone keeps.
const maxDeletedName = 75

// tombstone moves an object to the container of deleted objects. Its links and those to it
// vanish, which the objects at their other ends do not record, as in AD: who follows
// changes has to conclude it from the deletion.
func (d *directory) tombstone(e *entry) {
	usn := d.begin().touch(e)
	d.unindex(e)
	e.set(d.s.isDeleted, []string{"TRUE"}, usn)
	e.set(d.s.lastKnownParent, []string{storedRef("", e.parent)}, usn)
	if d.recycleBin {
		e.set(d.s.lastKnownRDN, []string{e.rdnValue}, usn)
	} else {
		d.strip(e, usn)
		e.set(d.s.isRecycled, []string{"TRUE"}, usn)
	}
	value := []rune(e.rdnValue)
	if len(value) > maxDeletedName {
		value = value[:maxDeletedName]
	}
	e.place(d.deletedObjects[e.nc], string(value)+"\nDEL:"+e.guid.String())
	e.rdnUSN, e.deleted = usn, true
}

// unindex forgets the names by which an account is found.
func (d *directory) unindex(e *entry) {
	for _, index := range []struct {
		def *attrDef
		m   map[string]*entry
	}{{d.s.samName, d.bySam}, {d.s.upn, d.byUPN}} {
		if k := fold(e.first(index.def)); index.m[k] == e {
			delete(index.m, k)
		}
	}
}

// strip takes from an object what its tombstone does not keep.
func (d *directory) strip(e *entry, usn int64) {
	for i := range e.attrs {
		if a := &e.attrs[i]; !a.def.has(flagTombstone) && len(a.values) > 0 {
			a.values, a.usn = nil, usn
		}
	}
	for _, la := range e.links {
		for _, l := range slices.Clone(la.list) {
			l.remove()
		}
	}
	e.links, e.password = nil, ""
	for len(e.back) > 0 {
		e.back[len(e.back)-1].remove()
	}
}

// isUndelete recognises the modification that brings a deleted object back.
func (d *directory) isUndelete(mods []Mod) bool {
	gone, named := false, false
	for _, m := range mods {
		switch d.s.attr(m.Attr) {
		case d.s.isDeleted:
			gone = m.Op == ModDelete || m.Op == ModReplace && len(m.Values) == 0
		case d.s.dn:
			named = m.Op == ModReplace && len(m.Values) == 1
		}
	}
	return gone && named
}

// undelete brings a deleted object back, under the name that the modification gives.
func (d *directory) undelete(u *update, e *entry, mods []Mod) error {
	if !e.isTombstone() || !u.v.holds(e.nc.head, rightReanimate) {
		return accessDenied()
	}
	var name string
	var rest []Mod
	for _, m := range mods {
		switch d.s.attr(m.Attr) {
		case d.s.isDeleted:
		case d.s.dn:
			name = m.Values[0]
		default:
			rest = append(rest, m)
		}
	}
	parent, own, err := d.parentOf(name)
	if err != nil {
		return err
	}
	if d.s.attr(own.typ) != e.rdnDef || !e.class.under(parent.class) {
		return namingViolation(0x2099)
	}
	if parent.children[rdn{e.rdnDef.name, own.value}.key()] != nil {
		return exists(0x2071)
	}
	st := d.stage(u, e)
	for _, m := range rest {
		if err := st.apply(m); err != nil {
			return err
		}
	}
	for _, def := range []*attrDef{d.s.samName, d.s.upn, d.s.uac, d.s.groupType} {
		if a := e.stored(def); a != nil && st.plain[def] == nil && len(a.values) > 0 {
			st.plain[def] = a.values // checked again, since others may hold it by now
		}
	}
	if !d.recycleBin {
		d.complete(st)
	}
	if err := st.check(); err != nil {
		return err
	}
	usn := d.begin().touch(e)
	for _, def := range []*attrDef{d.s.isDeleted, d.s.isRecycled, d.s.lastKnownParent, d.s.lastKnownRDN} {
		if e.first(def) != "" {
			e.set(def, nil, usn)
		}
	}
	for _, def := range []*attrDef{d.s.samName, d.s.upn} {
		d.reindex(e, def, st.plain[def])
	}
	e.place(parent, own.value)
	e.rdnUSN, e.deleted = usn, false
	d.propagate(e)
	st.commit(usn)
	d.revive(e, usn)
	return nil
}

// revive makes the links of a restored object count as changed, at both ends.
func (d *directory) revive(e *entry, usn int64) {
	for _, la := range e.links {
		for _, l := range la.list {
			if l.visible() {
				l.usn, la.usn = usn, usn
			}
		}
	}
	for _, l := range e.back {
		if l.visible() && l.source != e {
			n := d.begin().touch(l.source)
			l.usn, l.attr.usn = n, n
		}
	}
}
