package secdesc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Control holds the flags of a descriptor.
type Control uint16

// The flags of descriptors.
const (
	DACLPresent       Control = 0x4
	SACLPresent       Control = 0x10
	DACLAutoInherited Control = 0x400
	SACLAutoInherited Control = 0x800
	DACLProtected     Control = 0x1000 // entries of above are not inherited
	SACLProtected     Control = 0x2000
	selfRelative      Control = 0x8000
)

// Has reports whether c holds all flags of other.
func (c Control) Has(other Control) bool { return c&other == other }

// A Descriptor is a security descriptor.
type Descriptor struct {
	Control      Control
	ResourceBits byte // of the resource manager, zero in directories
	Owner, Group SID  // zero where they were not asked for
	// DACL decides about access; nil is a null DACL, which lets everybody do everything,
	// where Control has DACLPresent.
	DACL []ACE
	// SACL decides about auditing.
	SACL []ACE
}

var errDescriptor = errors.New("secdesc: not a security descriptor")

const (
	headSize    = 20
	aclHeadSize = 8
	maxACL      = math.MaxUint16
)

// Parse reads the self-relative binary form, that of nTSecurityDescriptor.
func Parse(b []byte) (*Descriptor, error) {
	if len(b) < headSize || b[0] != 1 {
		return nil, errDescriptor
	}
	d := &Descriptor{ResourceBits: b[1], Control: Control(binary.LittleEndian.Uint16(b[2:]))}
	if !d.Control.Has(selfRelative) {
		return nil, errDescriptor
	}
	part := func(at int) ([]byte, bool) {
		offset := binary.LittleEndian.Uint32(b[at:])
		if offset == 0 {
			return nil, true
		}
		if offset < headSize || uint64(offset) >= uint64(len(b)) {
			return nil, false
		}
		return b[offset:], true
	}
	for _, p := range []struct {
		at int
		to *SID
	}{{4, &d.Owner}, {8, &d.Group}} {
		from, ok := part(p.at)
		if !ok {
			return nil, errDescriptor
		}
		if from == nil {
			continue
		}
		var err error
		if *p.to, _, err = cutSID(from); err != nil {
			return nil, errors.Join(errDescriptor, err)
		}
	}
	for _, p := range []struct {
		at   int
		flag Control
		to   *[]ACE
	}{{12, SACLPresent, &d.SACL}, {16, DACLPresent, &d.DACL}} {
		from, ok := part(p.at)
		if !ok {
			return nil, errDescriptor
		}
		if from == nil || !d.Control.Has(p.flag) {
			continue
		}
		var err error
		if *p.to, err = parseACL(from); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func parseACL(b []byte) ([]ACE, error) {
	if len(b) < aclHeadSize || (b[0] != 2 && b[0] != 4) {
		return nil, errDescriptor
	}
	size, count := int(binary.LittleEndian.Uint16(b[2:])), int(binary.LittleEndian.Uint16(b[4:]))
	if size < aclHeadSize || size > len(b) || count*8 > size {
		return nil, errDescriptor
	}
	rest := b[aclHeadSize:size]
	list := make([]ACE, 0, count)
	for i := range count {
		var a ACE
		var err error
		if a, rest, err = cutACE(rest); err != nil {
			return nil, fmt.Errorf("secdesc: entry %d: %w", i+1, err)
		}
		list = append(list, a)
	}
	return list, nil
}

// Bytes returns the self-relative binary form. It fails where a list is larger than the
// form can hold, 64 KiB.
func (d *Descriptor) Bytes() ([]byte, error) {
	b := make([]byte, headSize, 512)
	b[0], b[1] = 1, d.ResourceBits
	control := d.Control | selfRelative
	put := func(at int) { binary.LittleEndian.PutUint32(b[at:], uint32(len(b))) }
	for _, p := range []struct {
		at   int
		flag Control
		list []ACE
	}{{12, SACLPresent, d.SACL}, {16, DACLPresent, d.DACL}} {
		if p.list == nil {
			continue
		}
		control |= p.flag
		put(p.at)
		var err error
		if b, err = appendACL(b, p.list); err != nil {
			return nil, err
		}
	}
	for _, p := range []struct {
		at  int
		sid SID
	}{{4, d.Owner}, {8, d.Group}} {
		if !p.sid.IsZero() {
			put(p.at)
			b = append(b, p.sid.raw...)
		}
	}
	binary.LittleEndian.PutUint16(b[2:], uint16(control))
	return b, nil
}

func appendACL(b []byte, list []ACE) ([]byte, error) {
	start := len(b)
	revision := byte(2)
	if slices.ContainsFunc(list, func(a ACE) bool { return a.Kind.hasObject() }) {
		revision = 4
	}
	b = append(b, revision, 0, 0, 0, 0, 0, 0, 0)
	for _, a := range list {
		b = appendACE(b, a)
	}
	if len(b)-start > maxACL || len(list) > math.MaxUint16 {
		return nil, fmt.Errorf("secdesc: an access control list of %d octets, at most %d are possible", len(b)-start, maxACL)
	}
	binary.LittleEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	binary.LittleEndian.PutUint16(b[start+4:], uint16(len(list)))
	return b, nil
}

// Protected reports whether the object inherits nothing from above.
func (d *Descriptor) Protected() bool { return d.Control.Has(DACLProtected) }

// Explicit returns the entries that were set on the object itself. Only those count when a
// descriptor is written: the directory computes the inherited ones.
func (d *Descriptor) Explicit() []ACE {
	out := []ACE{} // an empty list and a missing one differ
	for _, a := range d.DACL {
		if a.Explicit() {
			out = append(out, a)
		}
	}
	return out
}

// Contains reports whether the object's own entries give all that a gives, be it by an
// entry with more rights.
func (d *Descriptor) Contains(a ACE) bool {
	return slices.ContainsFunc(d.DACL, func(have ACE) bool {
		return have.Explicit() && have.Kind == a.Kind && have.Flags == a.Flags && have.Mask.Map().Has(a.Mask.Map()) &&
			have.ObjectType == a.ObjectType && have.InheritedObjectType == a.InheritedObjectType && have.SID == a.SID
	})
}

// Add puts an explicit entry into the DACL, at its place in canonical order.
func (d *Descriptor) Add(a ACE) {
	a.Flags &^= Inherited
	at := slices.IndexFunc(d.DACL, func(have ACE) bool { return rank(have) > rank(a) })
	if at < 0 {
		at = len(d.DACL)
	}
	d.DACL = slices.Insert(slices.Clip(d.DACL), at, a)
	d.Control |= DACLPresent
}

// Remove takes one explicit entry that is equal to a out of the DACL, and reports whether
// there was one.
func (d *Descriptor) Remove(a ACE) bool {
	at := slices.IndexFunc(d.DACL, func(have ACE) bool { return have.Equal(a) })
	if at < 0 {
		return false
	}
	d.DACL = slices.Delete(slices.Clone(d.DACL), at, at+1)
	return true
}

// rank orders entries as a directory does: explicit before inherited, deny before allow,
// plain before object entries.
func rank(a ACE) int {
	r := 0
	if !a.Explicit() {
		return 4 // their order is that of the ancestors
	}
	if !a.Kind.denies() {
		r += 2
	}
	if a.Kind.hasObject() {
		r++
	}
	return r
}
