package adtest

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// descriptorKey identifies a descriptor that objects have in common: their own entries,
// those of the container above, and the class that decides what is inherited.
type descriptorKey struct {
	own, above *secdesc.Descriptor
	class      *classDef
}

// ownKey identifies the default descriptor of a class for a creator.
type ownKey struct {
	class *classDef
	owner secdesc.SID
}

// sid is the SID of the domain.
func (d *directory) sid() secdesc.SID {
	s, _ := secdesc.SIDFromBytes([]byte(d.domainSID))
	return s
}

func (e *entry) secSID() secdesc.SID {
	s, _ := secdesc.SIDFromBytes([]byte(e.sid))
	return s
}

// parsed reads a descriptor that stands in this package.
func (d *directory) parsed(sddl string) *secdesc.Descriptor {
	sd, err := secdesc.ParseSDDL(sddl, d.sid())
	if err != nil {
		panic("adtest: " + sddl + ": " + err.Error())
	}
	return sd
}

// defaultFor is the descriptor of a new object of a class.
func (d *directory) defaultFor(class *classDef, owner secdesc.SID) *secdesc.Descriptor {
	key := ownKey{class, owner}
	if sd, ok := d.defaults[key]; ok {
		return sd
	}
	sd := d.parsed(class.defaultDescriptor())
	sd.Owner, sd.Group = owner, d.sid().WithRID(513)
	d.defaults[key] = sd
	return sd
}

// secure gives an object its own entries and passes on what those below inherit.
func (d *directory) secure(e *entry, own *secdesc.Descriptor) {
	e.own = own
	d.propagate(e)
}

// propagate computes the descriptors of an object and of all below it. Deleted objects keep
// what they had: nothing is inherited from the container that they are in.
func (d *directory) propagate(e *entry) {
	if e.own == nil || e.isTombstone() && e.sd != nil {
		return
	}
	var above *secdesc.Descriptor
	if e.parent != nil && !e.own.Protected() {
		above = e.parent.sd
	}
	key := descriptorKey{e.own, above, e.class}
	sd, ok := d.descriptors[key]
	if !ok {
		sd = &secdesc.Descriptor{Control: e.own.Control | secdesc.DACLPresent | secdesc.DACLAutoInherited, Owner: e.own.Owner,
			Group: e.own.Group, DACL: e.own.Explicit()}
		if above != nil {
			sd.DACL = append(sd.DACL, above.Inherit(secdesc.GUID(e.class.guid), e.own.Owner)...)
		}
		d.descriptors[key] = sd
	}
	if e.sd == sd {
		return
	}
	e.sd = sd
	for _, c := range e.children {
		d.propagate(c)
	}
}

// writeDescriptor changes the parts of an object's descriptor that the flags name.
func (d *directory) writeDescriptor(e *entry, sd *secdesc.Descriptor, flags int) {
	own := &secdesc.Descriptor{Control: e.own.Control, Owner: e.own.Owner, Group: e.own.Group, DACL: e.own.DACL}
	if flags&sdOwner != 0 && !sd.Owner.IsZero() {
		own.Owner = sd.Owner
	}
	if flags&sdGroup != 0 && !sd.Group.IsZero() {
		own.Group = sd.Group
	}
	if flags&sdDACL != 0 {
		own.DACL = sd.Explicit()
		own.Control = own.Control&^secdesc.DACLProtected | sd.Control&secdesc.DACLProtected | secdesc.DACLPresent
	}
	d.secure(e, own)
}

// The parts of descriptors, as the control names them.
const (
	sdOwner = 1 << iota
	sdGroup
	sdDACL
	sdSACL
	sdAll = sdOwner | sdGroup | sdDACL | sdSACL
)

// descriptorValue is nTSecurityDescriptor for a viewer: the parts that it asks for, if it
// may see all of them.
func descriptorValue(d *directory, v *viewer, e *entry) []string {
	flags := v.parts
	if flags == 0 {
		flags = sdAll
	}
	if e.sd == nil || !v.system && (flags&^sdSACL != 0 && !v.rights(e).whole.Has(secdesc.ReadControl) || flags&sdSACL != 0 && !v.privileged) {
		return nil
	}
	out := &secdesc.Descriptor{Control: e.sd.Control}
	if flags&sdOwner != 0 {
		out.Owner = e.sd.Owner
	}
	if flags&sdGroup != 0 {
		out.Group = e.sd.Group
	}
	if flags&sdDACL != 0 {
		out.DACL = e.sd.DACL
	} else {
		out.Control &^= secdesc.DACLPresent
	}
	b, err := out.Bytes()
	if err != nil {
		return nil
	}
	return []string{string(b)}
}

// protectedRIDs are the groups that a domain controller protects with their members.
var (
	protectedRIDs     = []uint32{512, 518, 519}
	protectedBuiltins = []uint32{544, 548, 549, 550, 551, 552}
)

// protects reports whether an object has powers for which it is protected: as one of the
// built-in accounts and groups, or by membership in some of these.
func (d *directory) protects(e *entry) bool {
	if e.sid == "" || e.isTombstone() || !e.class.isA("user") && !e.class.isA("group") {
		return false
	}
	if sid := e.secSID(); sid.OfDomain() && slices.Contains([]uint32{500, 502, 516}, sid.RID()) {
		return true
	}
	return slices.ContainsFunc(append(d.groupsOf(e), e), func(g *entry) bool {
		sid := g.secSID()
		if sid.OfDomain() {
			return slices.Contains(protectedRIDs, sid.RID())
		}
		return sid.Domain() == secdesc.Administrators.Domain() && slices.Contains(protectedBuiltins, sid.RID())
	})
}

// shield gives an object the descriptor of AdminSDHolder.
func (d *directory) shield(e *entry) { d.secure(e, d.holder.own) }

// sdProp is what domain controllers do every hour: who has powers gets adminCount 1 and the
// descriptor of AdminSDHolder. Who has them no more keeps both.
func (d *directory) sdProp() int {
	n := 0
	for _, e := range d.partitions[0].entries {
		if e.purged || !d.protects(e) || e.own == d.holder.own && e.first(d.s.adminCount) == "1" {
			continue
		}
		usn := d.begin().touch(e)
		e.set(d.s.adminCount, []string{"1"}, usn)
		d.shield(e)
		n++
	}
	return n
}
