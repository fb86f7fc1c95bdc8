package adtest

// rename changes an object's name, its place, or both.
func (d *directory) rename(u *update, dn, newRDN, superior string) error {
	e, err := d.target(u, dn)
	if err != nil {
		return err
	}
	names, ok := parseDN(newRDN)
	if !ok || len(names) != 1 {
		return badName()
	}
	own, parent := names[0], e.parent
	if superior != "" {
		if parent, err = d.find(superior); err != nil || parent.deleted {
			return refuse(80, "00002095: NameErr: DSID-0315058F, problem 2001 (NO_OBJECT), data 0, best match of:\n\t''\n\x00")
		}
	}
	switch {
	case parent == nil, e.isTombstone(), parent.nc != e.nc, parent.under(e), e.first(d.s.mustAttr("systemFlags")) != "",
		e.parent == nil, d.s.attr(own.typ) != e.rdnDef:
		return unwilling(0x2035)
	case !d.mayRename(u, e, parent):
		return accessDenied()
	case !e.class.under(parent.class):
		return namingViolation(0x2099)
	case e.rdnDef.upper > 0 && len([]rune(own.value)) > e.rdnDef.upper:
		return constraint(0x2082, e.rdnDef)
	}
	if other := parent.children[rdn{e.rdnDef.name, own.value}.key()]; other != nil && other != e {
		return exists(0x2071)
	}
	if parent == e.parent && own.value == e.rdnValue {
		return nil
	}
	e.rdnUSN = d.begin().touch(e)
	e.place(parent, own.value)
	d.propagate(e)
	return nil
}

// mayRename checks rights: to write the name, and for a move to delete here and create there.
func (d *directory) mayRename(u *update, e, parent *entry) bool {
	if u.v.system {
		return true
	}
	if u.refused(e, d.s.name) || !u.v.writes(e, d.s.name) || !u.v.writes(e, e.rdnDef) {
		return false
	}
	return parent == e.parent || u.v.deletes(e) && u.v.creates(parent, e.class)
}
