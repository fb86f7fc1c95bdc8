package secdesc

// A Token is the security context of an account: its own SID, those of all its groups, and
// those that every account has.
type Token map[SID]bool

// NewToken returns the token with these SIDs.
func NewToken(sids ...SID) Token {
	t := make(Token, len(sids))
	for _, s := range sids {
		if !s.IsZero() {
			t[s] = true
		}
	}
	return t
}

// An Attribute is a leaf of an object's types.
type Attribute struct {
	ID  GUID // schemaIDGUID
	Set GUID // attributeSecurityGUID, the property set; zero if it is in none
}

// Types is what entries may be about, as a tree: the object's class, beneath it property
// sets, and beneath these attributes.
type Types struct {
	nodes []node
	at    map[GUID]int
}

type node struct {
	parent   int // -1 for the root
	children []int
}

// NewTypes returns the types of an object of a class that may have these attributes. For
// the right to create or delete a child, the types of the child's class alone are the ones
// to use: NewTypes(class).
func NewTypes(class GUID, attributes ...Attribute) *Types {
	t := &Types{at: make(map[GUID]int, len(attributes)+8)}
	t.insert(class, -1)
	for _, a := range attributes {
		parent := 0
		if !a.Set.IsZero() {
			parent = t.insert(a.Set, 0)
		}
		t.insert(a.ID, parent)
	}
	return t
}

func (t *Types) insert(id GUID, parent int) int {
	if i, ok := t.at[id]; ok {
		return i
	}
	i := len(t.nodes)
	t.nodes = append(t.nodes, node{parent: parent})
	t.at[id] = i
	if parent >= 0 {
		t.nodes[parent].children = append(t.nodes[parent].children, i)
	}
	return i
}

// An Object is what access is evaluated for, beside its descriptor.
type Object struct {
	// SID is the object's own objectSid, for entries about Self; zero where it has none.
	SID SID
	// Types are those of its class.
	Types *Types
}

// An Access is what a token may do with an object.
type Access struct {
	types  *Types
	all    bool // there is no DACL
	grants []Mask
	denies []Mask
	list   []ACE // that count for the token, in order
}

// Evaluate finds what a token may do with an object that has this descriptor.
func (d *Descriptor) Evaluate(t Token, o Object) *Access {
	a := &Access{types: o.Types}
	if a.types == nil {
		a.types = NewTypes(GUID{})
	}
	if !d.Control.Has(DACLPresent) || d.DACL == nil {
		a.all = true
		return a
	}
	owner := !d.Owner.IsZero() && t[d.Owner]
	limited := false // entries for the owner replace what owners may do by nature
	for _, e := range d.DACL {
		if e.Flags.Has(InheritOnly) {
			continue
		}
		limited = limited || e.SID == OwnerRights
		if t[e.SID] || e.SID == Self && t[o.SID] || e.SID == OwnerRights && owner {
			a.list = append(a.list, e)
		}
	}
	a.grants, a.denies = make([]Mask, len(a.types.nodes)), make([]Mask, len(a.types.nodes))
	for _, e := range a.list {
		a.take(e)
	}
	if owner && !limited {
		a.grants[0] |= ReadControl | WriteDACL
	}
	return a
}

// take applies one entry to the tree.
func (a *Access) take(e ACE) {
	at := 0
	if !e.ObjectType.IsZero() {
		var ok bool
		if at, ok = a.types.at[e.ObjectType]; !ok {
			return
		}
	}
	mask := e.Mask.Map() &^ (ControlAccess | ValidatedWrite)
	switch {
	case e.Kind.allows():
		a.down(at, mask, a.grants, a.denies)
		a.agree(a.types.nodes[at].parent)
	case e.Kind.denies():
		a.down(at, mask, a.denies, a.grants)
		for up := a.types.nodes[at].parent; up >= 0; up = a.types.nodes[up].parent {
			a.denies[up] |= mask &^ a.grants[up]
		}
	}
}

// down sets bits at a node and beneath, where the opposite has not been decided.
func (a *Access) down(at int, mask Mask, set, unless []Mask) {
	set[at] |= mask &^ unless[at]
	for _, c := range a.types.nodes[at].children {
		a.down(c, mask, set, unless)
	}
}

// agree grants a node what all beneath it are granted.
func (a *Access) agree(at int) {
	for ; at >= 0; at = a.types.nodes[at].parent {
		common := ^Mask(0)
		for _, c := range a.types.nodes[at].children {
			common &= a.grants[c]
		}
		a.grants[at] |= common &^ a.denies[at]
	}
}

// Whole returns the rights to the object as a whole.
func (a *Access) Whole() Mask {
	if a.all {
		return FullControl
	}
	return a.grants[0]
}

// Of returns the rights to what a GUID names: an attribute, a property set or a class. For
// what the object's types do not hold they are those to the whole object.
func (a *Access) Of(id GUID) Mask {
	if a.all {
		return FullControl
	}
	if at, ok := a.types.at[id]; ok {
		return a.grants[at]
	}
	return a.grants[0]
}

// Control reports whether the token has an extended right, by its GUID.
func (a *Access) Control(right GUID) bool { return a.first(ControlAccess, right) }

// Validated reports whether the token may write what a validated write allows.
func (a *Access) Validated(right GUID) bool { return a.first(ValidatedWrite, right) }

// first lets the first entry decide that is about the right or about all of them.
func (a *Access) first(bit Mask, right GUID) bool {
	if a.all {
		return true
	}
	for _, e := range a.list {
		if e.Mask.Map().Has(bit) && (e.ObjectType.IsZero() || e.ObjectType == right) && (e.Kind.allows() || e.Kind.denies()) {
			return e.Kind.allows()
		}
	}
	return false
}
