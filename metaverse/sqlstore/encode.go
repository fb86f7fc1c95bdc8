package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// Records.
//
//	record     = version body               version is 1
//	attributes = count { attribute values }
//	values     = header { value }           header is count<<3 | kind, kind 0 for mixed kinds
//	value      = [ kind ] payload           kind only where the header has 0
//	payload    = length octets | zigzag integer | octet 0 or 1
//	mods       = count { attribute flags adds deletes }    flag 1 is replace
//	origins    = objects { cs } count { attribute rule object source }
//	flows      = count { target source rule }
//
// All numbers but the integers are unsigned varints. Attributes and rules are numbers of the
// dictionary; object is an index into the list of objects at the head.
const recordVersion = 1

var (
	errNoValue = errors.New("a value is of no kind")
	errNoName  = errors.New("an attribute has no name")
)

// An encoder appends records to a buffer that is used again and again.
type encoder struct {
	t     *tx
	fixed *dictionary // where names may get no new numbers, the ones that have one
	buf   []byte
	zip   []byte // packed form of buf
	cs    []metaverse.CSID
}

func (e *encoder) start()          { e.buf = append(e.buf[:0], recordVersion) }
func (e *encoder) uvarint(n int64) { e.buf = binary.AppendUvarint(e.buf, uint64(n)) }

func (e *encoder) name(kind nameKind, name string) error {
	if name == "" && kind == nameAttribute {
		return errNoName
	}
	if e.fixed != nil {
		id, ok := e.fixed.id(kind, name)
		if !ok {
			return errUnnamed
		}
		e.uvarint(id)
		return nil
	}
	id, err := e.t.intern(kind, name)
	e.uvarint(id)
	return err
}

// attributes encodes the attributes of an object, packed: other records are small, or do not stay. The result is valid until the next call.
func (e *encoder) attributes(s *attr.Set) ([]byte, error) {
	e.start()
	e.uvarint(int64(s.Len()))
	for name, values := range s.All() {
		if err := e.name(nameAttribute, name); err != nil {
			return nil, err
		}
		if err := e.values(values); err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	var out []byte
	e.zip, out = e.t.dict.packer.pack(e.zip, e.buf)
	return out, nil
}

func (e *encoder) values(values []attr.Value) error {
	var kind attr.Kind
	for i, v := range values {
		if v.IsZero() {
			return errNoValue
		}
		if i == 0 {
			kind = v.Kind()
		} else if v.Kind() != kind {
			kind = attr.Invalid
			break
		}
	}
	e.uvarint(int64(len(values))<<3 | int64(kind))
	for _, v := range values {
		if kind == attr.Invalid {
			e.buf = append(e.buf, byte(v.Kind()))
		}
		switch v.Kind() {
		case attr.KindInt:
			e.buf = binary.AppendVarint(e.buf, v.Int())
		case attr.KindBool:
			e.buf = append(e.buf, byte(v.Int()))
		case attr.KindString, attr.KindBinary, attr.KindReference:
			e.uvarint(int64(len(v.Str())))
			e.buf = append(e.buf, v.Str()...)
		default:
			return errNoValue
		}
	}
	return nil
}

// mods encodes modifications. The result is valid until the next call.
func (e *encoder) mods(mods []attr.Mod) ([]byte, error) {
	e.start()
	e.uvarint(int64(len(mods)))
	for _, m := range mods {
		if err := e.name(nameAttribute, m.Name); err != nil {
			return nil, err
		}
		e.buf = append(e.buf, byte(flag(m.Replace)))
		for _, values := range [][]attr.Value{m.Adds, m.Deletes} {
			if err := e.values(values); err != nil {
				return nil, fmt.Errorf("attribute %s: %w", m.Name, err)
			}
		}
	}
	return e.buf, nil
}

// origins encodes where the attributes of a metaverse object come from. The result is valid
// until the next call.
func (e *encoder) origins(origins []metaverse.Origin) ([]byte, error) {
	e.start()
	e.cs = e.cs[:0]
	for _, o := range origins {
		if e.object(o.CS) == len(e.cs) {
			e.cs = append(e.cs, o.CS)
		}
	}
	e.uvarint(int64(len(e.cs)))
	for _, id := range e.cs {
		e.uvarint(int64(id))
	}
	e.uvarint(int64(len(origins)))
	for _, o := range origins {
		if err := e.name(nameAttribute, o.Attribute); err != nil {
			return nil, err
		}
		if err := e.name(nameRule, o.Rule); err != nil {
			return nil, err
		}
		e.uvarint(int64(e.object(o.CS)))
		source, err := e.t.intern(nameAttribute, o.Source)
		if err != nil {
			return nil, err
		}
		e.uvarint(source)
	}
	return e.buf, nil
}

// object returns the index of an object in the list of objects, its length if it is new.
// The lists have a handful of entries.
func (e *encoder) object(id metaverse.CSID) int {
	for i, have := range e.cs {
		if have == id {
			return i
		}
	}
	return len(e.cs)
}

// flows encodes reference flows, nil for none. The result is valid until the next call.
func (e *encoder) flows(flows []metaverse.ReferenceFlow) ([]byte, error) {
	if len(flows) == 0 {
		return nil, nil
	}
	e.start()
	e.uvarint(int64(len(flows)))
	for _, f := range flows {
		if err := e.name(nameAttribute, f.Target); err != nil {
			return nil, err
		}
		if err := e.name(nameAttribute, f.Source); err != nil {
			return nil, err
		}
		if err := e.name(nameRule, f.Rule); err != nil {
			return nil, err
		}
	}
	return e.buf, nil
}
