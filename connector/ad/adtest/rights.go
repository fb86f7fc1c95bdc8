package adtest

import (
	"fmt"
	"slices"
)

// A Delegation gives an account or the members of a group rights that a plain domain user
// does not have. Every account reads what is not hidden and not deleted, and writes
// nothing; members of Administrators, Domain Admins and Enterprise Admins do everything.
type Delegation struct {
	// Account is the DN of a user or group.
	Account string
	// GetChanges is the right Replicating Directory Changes, for DirSync without the
	// OBJECT_SECURITY flag. It is for the whole domain.
	GetChanges bool
	// ReadDeleted lets the account read the container of deleted objects.
	ReadDeleted bool
	// Under is the DN of the object on which, and below which, the rights that follow
	// hold; "" is the domain. Objects with adminCount 1 do not inherit them.
	Under string
	// Write names attributes that may be written; "*" stands for all.
	Write []string
	// Classes limits Write to objects of these classes. Empty means all.
	Classes []string
	// Create, Delete and ResetPassword are rights to create objects, to delete or move
	// them and to set passwords.
	Create, Delete, ResetPassword bool
}

// A Hiding takes away an account's right to read.
type Hiding struct {
	// Account is the DN of a user or group.
	Account string
	// Under is the DN of an object that, with all below it, cannot be read.
	Under string
	// Attributes, unless empty, are all that cannot be read of these objects.
	Attributes []string
}

// Delegate gives rights.
func (s *Server) Delegate(r Delegation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dir
	g := &grant{Delegation: r, under: d.partitions[0].head}
	var err error
	if g.principal, err = d.find(r.Account); err != nil {
		return err
	}
	if r.Under != "" {
		if g.under, err = d.find(r.Under); err != nil {
			return err
		}
	}
	if g.attrs, err = d.attrSet(r.Write); err != nil {
		return err
	}
	s.dir.grants = append(s.dir.grants, g)
	return nil
}

// Hide takes away rights to read.
func (s *Server) Hide(h Hiding) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &hidden{}
	var err error
	if g.principal, err = s.dir.find(h.Account); err != nil {
		return err
	}
	if g.under, err = s.dir.find(h.Under); err != nil {
		return err
	}
	if g.attrs, err = s.dir.attrSet(h.Attributes); err != nil {
		return err
	}
	s.dir.hiding = append(s.dir.hiding, g)
	return nil
}

// RevokeAll takes back all that [Server.Delegate] and [Server.Hide] did for an account.
func (s *Server) RevokeAll(account string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.dir.find(account)
	if err != nil {
		return err
	}
	s.dir.grants = slices.DeleteFunc(s.dir.grants, func(g *grant) bool { return g.principal == e })
	s.dir.hiding = slices.DeleteFunc(s.dir.hiding, func(h *hidden) bool { return h.principal == e })
	return nil
}

func (d *directory) attrSet(names []string) (map[*attrDef]bool, error) {
	set := map[*attrDef]bool{}
	for _, n := range names {
		if n == "*" {
			continue
		}
		a := d.s.attr(n)
		if a == nil {
			return nil, fmt.Errorf("adtest: no attribute %s in the schema", n)
		}
		set[a] = true
	}
	return set, nil
}

type grant struct {
	Delegation
	principal, under *entry
	attrs            map[*attrDef]bool
}

type hidden struct {
	principal, under *entry
	attrs            map[*attrDef]bool
}

// A viewer is whom an operation is done for. It holds for one operation.
type viewer struct {
	d       *directory
	account *entry
	admin   bool
	system  bool // the edit methods: not bound by the account manager's rules
	grants  []*grant
	hiding  []*hidden
}

func (d *directory) systemViewer() *viewer { return &viewer{d: d, admin: true, system: true} }

// viewer finds what an account may do.
func (d *directory) viewer(account *entry) *viewer {
	v := &viewer{d: d, account: account}
	groups := append(d.groupsOf(account), account)
	for _, g := range groups {
		if d.adminSIDs[g.sid] {
			v.admin = true
			return v
		}
	}
	for _, g := range d.grants {
		if slices.Contains(groups, g.principal) {
			v.grants = append(v.grants, g)
		}
	}
	for _, h := range d.hiding {
		if slices.Contains(groups, h.principal) {
			v.hiding = append(v.hiding, h)
		}
	}
	return v
}

func (v *viewer) has(right func(*grant) bool) bool {
	return v.admin || slices.ContainsFunc(v.grants, right)
}

// replicates reports whether the viewer may use DirSync on everything.
func (v *viewer) replicates() bool { return v.has(func(g *grant) bool { return g.GetChanges }) }

// reads reports whether the viewer sees the object at all.
func (v *viewer) reads(e *entry) bool {
	if v.admin {
		return true
	}
	if e.deleted && !v.has(func(g *grant) bool { return g.ReadDeleted }) {
		return false
	}
	for _, h := range v.hiding {
		if len(h.attrs) == 0 && e.under(h.under) {
			return false
		}
	}
	return true
}

// readsAttr reports whether the viewer sees the attribute.
func (v *viewer) readsAttr(e *entry, def *attrDef) bool {
	if v.admin || len(v.hiding) == 0 {
		return true
	}
	for _, h := range v.hiding {
		if h.attrs[def] && e.under(h.under) {
			return false
		}
	}
	return true
}

// over reports whether a right is given on the object itself or on what is above it.
func (v *viewer) over(e *entry, right func(*grant) bool) bool {
	return v.has(func(g *grant) bool {
		return right(g) && e.under(g.under) && (e == g.under || e.first(v.d.s.adminCount) != "1")
	})
}

func (v *viewer) writes(e *entry, def *attrDef) bool {
	return v.over(e, func(g *grant) bool {
		if def == v.d.s.unicodePwd {
			return g.ResetPassword
		}
		ofClass := len(g.Classes) == 0 || slices.ContainsFunc(g.Classes, func(c string) bool {
			return c == e.class.name || slices.Contains(e.class.chain, c) && c != "user"
		})
		return ofClass && (g.attrs[def] || slices.Contains(g.Write, "*"))
	})
}

func (v *viewer) creates(parent *entry) bool {
	return v.over(parent, func(g *grant) bool { return g.Create })
}

func (v *viewer) deletes(e *entry) bool {
	return v.over(e, func(g *grant) bool { return g.Delete })
}
