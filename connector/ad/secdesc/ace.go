package secdesc

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// A Kind is the type of an access control entry.
type Kind byte

// The kinds that this package understands. Others are kept and count for nothing.
const (
	Allow       Kind = 0
	Deny        Kind = 1
	AllowObject Kind = 5
	DenyObject  Kind = 6

	allowCallback       Kind = 0x9
	denyCallback        Kind = 0xA
	allowObjectCallback Kind = 0xB
	denyObjectCallback  Kind = 0xC
)

// hasObject reports whether entries of the kind may name what they are about.
func (k Kind) hasObject() bool {
	switch k {
	case AllowObject, DenyObject, 7, 8, allowObjectCallback, denyObjectCallback, 0xF, 0x10:
		return true
	}
	return false
}

func (k Kind) allows() bool { return k == Allow || k == AllowObject }

// denies reports whether entries of the kind take rights away. The condition of a
// callback entry cannot be evaluated: it is taken to hold.
func (k Kind) denies() bool {
	return k == Deny || k == DenyObject || k == denyCallback || k == denyObjectCallback
}

// A Flag says how an entry is inherited.
type Flag byte

// The flags of entries.
const (
	ObjectInherit    Flag = 0x1
	ContainerInherit Flag = 0x2 // objects beneath inherit it
	NoPropagate      Flag = 0x4 // but not those beneath them
	InheritOnly      Flag = 0x8 // it does not count for the object itself
	Inherited        Flag = 0x10
)

// Has reports whether f holds all flags of other.
func (f Flag) Has(other Flag) bool { return f&other == other }

// An ACE is an access control entry.
type ACE struct {
	Kind  Kind
	Flags Flag
	Mask  Mask
	// ObjectType is what the entry is about; zero means everything.
	ObjectType GUID
	// InheritedObjectType is the class of objects that inherit the entry; zero means all.
	InheritedObjectType GUID
	SID                 SID
	// Extra is what follows the SID: the condition of a callback entry, filled with zeros to a
	// multiple of four octets.
	Extra []byte
}

// Equal reports whether two entries are the same.
func (a ACE) Equal(b ACE) bool {
	return a.Kind == b.Kind && a.Flags == b.Flags && a.Mask == b.Mask && a.ObjectType == b.ObjectType &&
		a.InheritedObjectType == b.InheritedObjectType && a.SID == b.SID && bytes.Equal(a.Extra, b.Extra)
}

// Explicit reports whether the entry was set on the object itself.
func (a ACE) Explicit() bool { return !a.Flags.Has(Inherited) }

const (
	objectTypePresent          = 0x1
	inheritedObjectTypePresent = 0x2
)

var errACE = errors.New("secdesc: not an access control entry")

// cutACE reads the entry at the beginning of b.
func cutACE(b []byte) (ACE, []byte, error) {
	if len(b) < 8 {
		return ACE{}, b, errACE
	}
	size := int(binary.LittleEndian.Uint16(b[2:]))
	if size < 8 || size > len(b) {
		return ACE{}, b, errACE
	}
	a := ACE{Kind: Kind(b[0]), Flags: Flag(b[1]), Mask: Mask(binary.LittleEndian.Uint32(b[4:]))}
	body, rest := b[8:size], b[size:]
	if a.Kind.hasObject() {
		if len(body) < 4 {
			return ACE{}, b, errACE
		}
		flags := binary.LittleEndian.Uint32(body)
		body = body[4:]
		for _, part := range []struct {
			flag uint32
			to   *GUID
		}{{objectTypePresent, &a.ObjectType}, {inheritedObjectTypePresent, &a.InheritedObjectType}} {
			if flags&part.flag == 0 {
				continue
			}
			if len(body) < 16 {
				return ACE{}, b, errACE
			}
			*part.to, body = GUID(body[:16]), body[16:]
		}
	}
	var err error
	if a.SID, body, err = cutSID(body); err != nil {
		return ACE{}, b, errACE
	}
	if len(body) > 0 {
		a.Extra = make([]byte, (len(body)+3)&^3) // sizes are multiples of four; a server that is careless is rounded up
		copy(a.Extra, body)
	}
	return a, rest, nil
}

// appendACE appends the binary form, whose size is a multiple of four.
func appendACE(b []byte, a ACE) []byte {
	start := len(b)
	b = append(b, byte(a.Kind), byte(a.Flags), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(a.Mask))
	if a.Kind.hasObject() {
		var flags uint32
		if !a.ObjectType.IsZero() {
			flags |= objectTypePresent
		}
		if !a.InheritedObjectType.IsZero() {
			flags |= inheritedObjectTypePresent
		}
		b = binary.LittleEndian.AppendUint32(b, flags)
		if flags&objectTypePresent != 0 {
			b = append(b, a.ObjectType[:]...)
		}
		if flags&inheritedObjectTypePresent != 0 {
			b = append(b, a.InheritedObjectType[:]...)
		}
	}
	b = append(b, a.SID.raw...)
	b = append(b, a.Extra...)
	for len(b)%4 != start%4 {
		b = append(b, 0)
	}
	binary.LittleEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}
