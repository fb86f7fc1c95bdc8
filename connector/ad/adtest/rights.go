package adtest

import (
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// Extended rights that the server checks.
var (
	rightGetChanges     = secdesc.MustGUID("1131f6aa-9c07-11d1-f79f-00c04fc2dcd2")
	rightResetPassword  = secdesc.MustGUID("00299570-246d-11d0-a768-00aa006e0529")
	rightChangePassword = secdesc.MustGUID("ab721a53-1e2f-11d0-9819-00aa0040529b")
	rightUnexpire       = secdesc.MustGUID("ccc2dc7d-a6ad-4a7a-8846-c04e3cc53501")
	rightReanimate      = secdesc.MustGUID("45ec5156-db7e-47bb-b53f-dbeb2d03c40f")
)

// A viewer is whom an operation is done for. It holds for one operation, of one goroutine.
type viewer struct {
	d          *directory
	account    *entry
	system     bool // the edit methods: not bound by rights, nor by the account manager's rules
	token      secdesc.Token
	privileged bool // may take ownership and see audit lists, as Administrators may
	parts      int  // of descriptors, that it asks for or writes; 0: all

	cache map[rightsKey]*rights
	key   rightsKey // of last
	last  *rights
}

// A rightsKey identifies objects to which a viewer has the same rights.
type rightsKey struct {
	sd    *secdesc.Descriptor
	class *classDef
	self  bool
}

// rights are what a viewer may do with objects.
type rights struct {
	access *secdesc.Access
	whole  secdesc.Mask
	reads  []bool // by the position of attributes in the schema
}

func (d *directory) systemViewer() *viewer { return &viewer{d: d, system: true} }

// viewer finds what an account may do.
func (d *directory) viewer(account *entry) *viewer {
	v := &viewer{d: d, account: account, cache: map[rightsKey]*rights{}, token: d.token(account)}
	v.privileged = v.token[secdesc.Administrators]
	return v
}

// withParts notes which parts of descriptors are meant, 0 for all.
func (v *viewer) withParts(parts int) *viewer {
	v.parts = parts
	return v
}

// partsOf are the parts of a descriptor that are written: those that are asked for and
// there.
func (v *viewer) partsOf(sd *secdesc.Descriptor) int {
	parts := v.parts
	if parts == 0 {
		parts = sdAll
	}
	if sd.Owner.IsZero() {
		parts &^= sdOwner
	}
	if sd.Group.IsZero() {
		parts &^= sdGroup
	}
	if !sd.Control.Has(secdesc.DACLPresent) {
		parts &^= sdDACL
	}
	return parts &^ sdSACL
}

// token is the security context of an account that has signed in over the network.
func (d *directory) token(account *entry) secdesc.Token {
	t := secdesc.NewToken(account.secSID(), secdesc.Everyone, secdesc.AuthenticatedUsers, secdesc.Network, secdesc.ThisOrganization)
	groups := d.groupsOf(account)
	if everyone := d.bySID[string(secdesc.AuthenticatedUsers.Bytes())]; everyone != nil {
		groups = append(groups, d.groupsOf(everyone)...)
	}
	for _, g := range groups {
		if d.security(g) {
			t[g.secSID()] = true
		}
	}
	return t
}

// security reports whether a group counts for rights.
func (d *directory) security(g *entry) bool { return g.sid != "" && number(g.first(d.s.groupType)) < 0 }

// rights finds the viewer's rights to an object.
func (v *viewer) rights(e *entry) *rights {
	key := rightsKey{e.sd, e.class, e == v.account}
	if v.last != nil && v.key == key {
		return v.last
	}
	r := v.cache[key]
	if r == nil {
		r = v.evaluate(e)
		v.cache[key] = r
	}
	v.key, v.last = key, r
	return r
}

func (v *viewer) evaluate(e *entry) *rights {
	o := secdesc.Object{Types: e.class.types}
	if e == v.account {
		o.SID = e.secSID()
	}
	a := e.sd.Evaluate(v.token, o)
	r := &rights{access: a, whole: a.Whole(), reads: make([]bool, len(v.d.s.list))}
	for i, def := range v.d.s.list {
		id := secdesc.GUID(def.guid)
		r.reads[i] = a.Of(id).Has(secdesc.ReadProperty) && (!def.has(flagConfidential) || a.Control(id))
	}
	return r
}

// holds reports whether the viewer has an extended right to an object.
func (v *viewer) holds(e *entry, right secdesc.GUID) bool {
	return v.system || v.rights(e).access.Control(right)
}

// replicates reports whether the viewer may use DirSync on everything in a partition.
func (v *viewer) replicates(nc *partition) bool { return v.holds(nc.head, rightGetChanges) }

// reads reports whether the viewer sees the object at all: whether it may list the
// container that the object is in.
func (v *viewer) reads(e *entry) bool {
	return v.system || e.parent == nil || v.rights(e.parent).whole.Has(secdesc.ListContents)
}

// readsAttr reports whether the viewer sees the attribute. A descriptor has rules of its
// own.
func (v *viewer) readsAttr(e *entry, def *attrDef) bool {
	return v.system || e.sd == nil || def == v.d.s.descriptor || v.rights(e).reads[def.index]
}

// writes reports whether the viewer may write the attribute. For passwords it depends on
// how.
func (v *viewer) writes(e *entry, def *attrDef) bool {
	return v.system || v.rights(e).access.Of(secdesc.GUID(def.guid)).Has(secdesc.WriteProperty)
}

// resets and changes report whether the viewer may set a password, without and with
// knowing the old one.
func (v *viewer) resets(e *entry) bool { return v.holds(e, rightResetPassword) }

func (v *viewer) changes(e *entry) bool { return v.holds(e, rightChangePassword) }

// child evaluates rights to children of a class.
func (v *viewer) child(parent *entry, class *classDef, right secdesc.Mask) bool {
	if v.system {
		return true
	}
	a := parent.sd.Evaluate(v.token, secdesc.Object{Types: secdesc.NewTypes(secdesc.GUID(class.guid))})
	return a.Whole().Has(right)
}

func (v *viewer) creates(parent *entry, class *classDef) bool {
	return v.child(parent, class, secdesc.CreateChild)
}

func (v *viewer) deletes(e *entry) bool {
	return v.system || v.rights(e).whole.Has(secdesc.Delete) || v.child(e.parent, e.class, secdesc.DeleteChild)
}

// deletesTree reports whether the viewer may delete an object with all below it.
func (v *viewer) deletesTree(e *entry) bool {
	return v.system || v.rights(e).whole.Has(secdesc.DeleteTree)
}

// owner is who owns what the viewer creates.
func (v *viewer) owner() secdesc.SID {
	admins := v.d.sid().WithRID(512)
	if v.system || v.token[admins] || v.privileged {
		return admins
	}
	return v.account.secSID()
}

// writesParts reports whether the viewer may write these parts of an object's descriptor.
// Administrators may always make themselves its owner.
func (v *viewer) writesParts(e *entry, parts int, sd *secdesc.Descriptor) bool {
	if v.system {
		return true
	}
	whole := v.rights(e).whole
	if parts&(sdOwner|sdGroup) != 0 && !whole.Has(secdesc.WriteOwner) && !v.privileged {
		return false
	}
	if parts&sdOwner != 0 && !v.token[sd.Owner] && !v.privileged {
		return false
	}
	return parts&sdDACL == 0 || whole.Has(secdesc.WriteDACL)
}

// effectiveParts is sDRightsEffective.
func (v *viewer) effectiveParts(e *entry) int {
	if v.system {
		return sdAll
	}
	n := 0
	if v.rights(e).whole.Has(secdesc.WriteOwner) || v.privileged {
		n |= sdOwner | sdGroup
	}
	if v.rights(e).whole.Has(secdesc.WriteDACL) {
		n |= sdDACL
	}
	if v.privileged {
		n |= sdSACL
	}
	return n
}
