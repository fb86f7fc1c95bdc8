package adtest

import (
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// modify changes attributes, all or none.
func (d *directory) modify(u *update, dn string, mods []Mod) error {
	e, err := d.target(u, dn)
	if err != nil {
		return err
	}
	if d.isUndelete(mods) {
		return d.undelete(u, e, mods)
	}
	if e.isTombstone() {
		return unwilling(0x2077)
	}
	st := d.stage(u, e)
	for _, m := range mods {
		if err := st.apply(m); err != nil {
			return err
		}
	}
	if err := st.check(); err != nil {
		return err
	}
	if st.changes() {
		st.commit(d.begin().touch(e))
	}
	return nil
}

// staged is a change in the making: the values that the touched attributes will have.
type staged struct {
	d        *directory
	u        *update
	e        *entry
	creating bool
	plain    map[*attrDef][]string
	links    map[*attrDef]map[linkKey]bool
	password *string
	changing bool // the old password was given
	sd       *secdesc.Descriptor
}

func (d *directory) stage(u *update, e *entry) *staged {
	return &staged{d: d, u: u, e: e, plain: map[*attrDef][]string{}, links: map[*attrDef]map[linkKey]bool{}}
}

// apply takes one modification into account.
func (st *staged) apply(m Mod) error {
	d, def := st.d, st.d.s.attr(m.Attr)
	if def == nil {
		return unknownAttribute()
	}
	if err := st.allowed(def); err != nil {
		return err
	}
	switch def {
	case d.s.unicodePwd:
		return st.setPassword(m)
	case d.s.descriptor:
		return st.setDescriptor(m)
	}
	if def.link() {
		return st.applyLink(m, def)
	}
	values := make([]string, len(m.Values))
	for i, v := range m.Values {
		stored, err := d.storable(def, v)
		if err != nil {
			return err
		}
		values[i] = stored
	}
	current, ok := st.plain[def]
	if !ok {
		if a := st.e.stored(def); a != nil {
			current = slices.Clone(a.values)
		}
	}
	result, err := st.combine(def, m.Op, current, values)
	if err != nil {
		return err
	}
	st.plain[def] = result
	return nil
}

// allowed checks whether the attribute may be written at all.
func (st *staged) allowed(def *attrDef) error {
	d := st.d
	switch {
	case def == st.e.rdnDef || def == d.s.name:
		return updErr(ldap.LDAPResultNotAllowedOnRDN, 0x2016, "6004 (CANT_ON_RDN)")
	case !st.creating && !st.mayWrite(def), st.u.refused(st.e, def):
		return accessDenied()
	case def.backLink(), def.has(flagSAM) && !st.foreign(def):
		return unwilling(0x209A)
	case def.has(flagConstructed):
		return constraint(0x20B1, def)
	case def.has(flagSystem) && !st.foreign(def), def == d.s.objectClass:
		if !st.u.v.system || def.source != nil {
			return constraint(0x20B1, def)
		}
	case !st.e.class.allowed[def]:
		return classViolation(0x207D)
	}
	return nil
}

// mayWrite reports whether the rights to the object are enough. Those to passwords and
// descriptors depend on how they are written.
func (st *staged) mayWrite(def *attrDef) bool {
	return def == st.d.s.unicodePwd || def == st.d.s.descriptor || st.u.v.writes(st.e, def)
}

// setDescriptor stages a security descriptor.
func (st *staged) setDescriptor(m Mod) error {
	if m.Op == ModDelete || len(m.Values) != 1 {
		return unwilling(0x57)
	}
	sd, err := secdesc.Parse([]byte(m.Values[0]))
	if err != nil {
		return badSyntax(st.d.s.descriptor)
	}
	if !st.creating && !st.u.v.writesParts(st.e, st.u.v.partsOf(sd), sd) {
		return accessDenied()
	}
	st.sd = sd
	return nil
}

// foreign reports whether the attribute is the SID of a foreign security principal, which
// its creator gives.
func (st *staged) foreign(def *attrDef) bool {
	return st.creating && def == st.d.s.objectSid && st.e.class.name == "foreignSecurityPrincipal"
}

// storable checks a value and brings it into the form in which it is kept.
func (d *directory) storable(def *attrDef, v string) (string, error) {
	if def.syn.isDN() {
		k, err := d.resolveValue(def, v)
		if err != nil {
			return "", err
		}
		return storedRef(k.data, k.target), nil
	}
	if !def.syn.valid(v) {
		return "", badSyntax(def)
	}
	if def.upper > 0 && !def.syn.number() {
		n := len(v)
		if def.syn == synUnicode {
			n = len([]rune(v))
		}
		if n > def.upper {
			return "", constraint(0x2082, def)
		}
	}
	return v, nil
}

// resolveValue finds the object that a value of a DN syntax names.
func (d *directory) resolveValue(def *attrDef, v string) (linkKey, error) {
	data, name, ok := splitDNData(def.syn, v)
	if !ok {
		return linkKey{}, badSyntax(def)
	}
	if strings.HasPrefix(name, "<") {
		// <GUID=..>;<SID=..>;CN=...: any part will do.
		name, _, _ = strings.Cut(name, ";")
	}
	target, err := d.resolve(name)
	if err != nil || target.isTombstone() {
		if fsp := d.foreignPrincipal(name); fsp != nil {
			return linkKey{fsp, data}, nil
		}
		return linkKey{}, noObject(0x525, "")
	}
	return linkKey{target, data}, nil
}

// foreignPrincipal makes the placeholder for an account of another domain, named by its SID.
func (d *directory) foreignPrincipal(name string) *entry {
	value, ok := strings.CutPrefix(strings.ToUpper(name), "<SID=")
	sid, valid := parseSID(strings.TrimSuffix(value, ">"))
	if !ok || !valid || strings.HasPrefix(sid[8:], d.domainSID[8:]) || d.bySID[sid] != nil {
		return nil
	}
	e := d.insert(d.begin(), d.fsps.nc, d.fsps, d.s.class("foreignSecurityPrincipal"), sidString(sid))
	d.setSID(e, sid)
	return e
}

// combine applies a modification to the values of an attribute that is not linked.
func (st *staged) combine(def *attrDef, op ModOp, current, values []string) ([]string, error) {
	same := func(a, b string) bool { return def.syn.key(a) == def.syn.key(b) }
	find := func(list []string, v string) int {
		return slices.IndexFunc(list, func(x string) bool { return same(x, v) })
	}
	switch op {
	case ModReplace:
		for i, v := range values {
			if find(values[:i], v) >= 0 {
				return nil, valueExists(def)
			}
		}
		current = values
	case ModAdd:
		if def.single && len(current) > 0 && len(values) > 0 && !st.u.permissive {
			return nil, valueExists(def)
		}
		if def.single && st.u.permissive {
			current = nil
		}
		for _, v := range values {
			if find(current, v) >= 0 {
				if !st.u.permissive {
					return nil, valueExists(def)
				}
				continue
			}
			current = append(current, v)
		}
	case ModDelete:
		if len(values) == 0 {
			if len(current) == 0 && !st.u.permissive {
				return nil, noValue(def)
			}
			return []string{}, nil
		}
		for _, v := range values {
			i := find(current, v)
			if i < 0 && !st.u.permissive {
				return nil, noValue(def)
			}
			if i >= 0 {
				current = slices.Delete(current, i, i+1)
			}
		}
	}
	if def.single && len(current) > 1 {
		return nil, constraint(0x2081, def)
	}
	return current, nil
}

// applyLink does the same for a linked attribute, of which only the difference is staged.
func (st *staged) applyLink(m Mod, def *attrDef) error {
	d := st.d
	diff := st.links[def]
	if diff == nil {
		diff = map[linkKey]bool{}
		st.links[def] = diff
	}
	la := st.e.linkAttr(def)
	has := func(k linkKey) bool {
		if p, ok := diff[k]; ok {
			return p
		}
		return la != nil && la.index[k] != nil && la.index[k].present
	}
	if m.Op == ModReplace || m.Op == ModDelete && len(m.Values) == 0 {
		count := 0
		for k, p := range diff {
			if p {
				diff[k] = false
				count++
			}
		}
		if la != nil {
			for _, l := range la.list {
				if l.present {
					diff[l.linkKey] = false
					count++
				}
			}
		}
		if m.Op == ModDelete && count == 0 && !st.u.permissive {
			return noValue(def)
		}
	}
	for _, v := range m.Values {
		k, err := d.resolveValue(def, v)
		if err != nil {
			return err
		}
		if m.Op == ModDelete != has(k) {
			if st.u.permissive {
				continue
			}
			return st.linkConflict(def, m.Op)
		}
		diff[k] = m.Op != ModDelete
	}
	return st.singleLink(def, la, diff)
}

// linkConflict is the refusal to add what is there, or to take what is not: AD's account
// manager has its own codes for members.
func (st *staged) linkConflict(def *attrDef, op ModOp) error {
	member := def == st.d.s.member
	switch {
	case op == ModDelete && member:
		return unwilling(0x561)
	case op == ModDelete:
		return noValue(def)
	case member:
		return exists(0x562)
	}
	return valueExists(def)
}

func (st *staged) singleLink(def *attrDef, la *linkAttr, diff map[linkKey]bool) error {
	if !def.single {
		return nil
	}
	n := 0
	for _, p := range diff {
		if p {
			n++
		}
	}
	if la != nil {
		for _, l := range la.list {
			if _, touched := diff[l.linkKey]; !touched && l.visible() {
				n++
			}
		}
	}
	if n > 1 {
		return constraint(0x2081, def)
	}
	return nil
}

// changes reports whether anything would be different.
func (st *staged) changes() bool {
	for def, values := range st.plain {
		if a := st.e.stored(def); a == nil && len(values) > 0 || a != nil && !slices.Equal(a.values, values) {
			return true
		}
	}
	for def, diff := range st.links {
		la := st.e.linkAttr(def)
		for k, p := range diff {
			if was := la != nil && la.index[k] != nil && la.index[k].present; was != p {
				return true
			}
		}
	}
	return st.password != nil || st.sd != nil
}

// commit writes what is different.
func (st *staged) commit(usn int64) {
	d, e := st.d, st.e
	defs := make([]*attrDef, 0, len(st.plain))
	for def := range st.plain {
		defs = append(defs, def)
	}
	slices.SortFunc(defs, func(a, b *attrDef) int { return a.index - b.index })
	for _, def := range defs {
		values := st.plain[def]
		a := e.stored(def)
		if a == nil && len(values) == 0 || a != nil && slices.Equal(a.values, values) {
			continue
		}
		d.reindex(e, def, values)
		e.set(def, values, usn)
	}
	for def, diff := range st.links {
		la := e.linkAttr(def)
		for _, k := range sortedKeys(diff) {
			if was := la != nil && la.index[k] != nil && la.index[k].present; was != diff[k] {
				e.setLink(def, k, diff[k], usn)
			}
		}
	}
	if st.password != nil {
		e.password = *st.password
	}
	if st.sd != nil {
		d.writeDescriptor(e, st.sd, st.u.v.partsOf(st.sd))
	}
	if st.u.v.system && e.own != d.holder.own && e.first(d.s.adminCount) == "1" && len(st.plain[d.s.adminCount]) == 1 {
		d.shield(e)
	}
}

func sortedKeys(diff map[linkKey]bool) []linkKey {
	keys := make([]linkKey, 0, len(diff))
	for k := range diff {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b linkKey) int {
		if a.target != b.target {
			return a.target.seq - b.target.seq
		}
		return strings.Compare(a.data, b.data)
	})
	return keys
}

// reindex keeps the indexes of names.
func (d *directory) reindex(e *entry, def *attrDef, values []string) {
	var index map[string]*entry
	switch def {
	case d.s.samName:
		index = d.bySam
	case d.s.upn:
		index = d.byUPN
	default:
		return
	}
	if old := fold(e.first(def)); index[old] == e {
		delete(index, old)
	}
	if len(values) > 0 {
		index[fold(values[0])] = e
	}
}
