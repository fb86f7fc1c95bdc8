package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

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

	// What the record before had, as most have much the same.
	set, mod nameCursor
	sources  originList
	route    flowList
}

func (e *encoder) start()          { e.buf = append(e.buf[:0], recordVersion) }
func (e *encoder) uvarint(n int64) { e.buf = binary.AppendUvarint(e.buf, uint64(n)) }

func (e *encoder) name(kind nameKind, name string) error {
	id, err := e.number(kind, name)
	e.uvarint(id)
	return err
}

// number returns the number of a name.
func (e *encoder) number(kind nameKind, name string) (int64, error) {
	if name == "" && kind == nameAttribute {
		return 0, errNoName
	}
	if e.fixed == nil {
		return e.t.intern(kind, name)
	}
	id, ok := e.fixed.id(kind, name)
	if !ok {
		return 0, errUnnamed
	}
	return id, nil
}

// attributes encodes the attributes of an object, packed: other records are small, or do not stay. The result is valid until the next call.
func (e *encoder) attributes(s *attr.Set) ([]byte, error) {
	e.start()
	e.set.at = 0
	e.uvarint(int64(s.Len()))
	for name, values := range s.All() {
		id, err := e.set.attribute(e, name)
		if err != nil {
			return nil, err
		}
		e.uvarint(id)
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
	e.mod.at = 0
	e.uvarint(int64(len(mods)))
	for i := range mods {
		m := &mods[i]
		id, err := e.mod.attribute(e, m.Name)
		if err != nil {
			return nil, err
		}
		e.uvarint(id)
		e.buf = append(e.buf, byte(flag(m.Replace)))
		for _, values := range [...][]attr.Value{m.Adds, m.Deletes} {
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
	last := &e.sources
	same := len(last.body) > 0 && len(origins) == len(last.origins)
	for i := range origins {
		o := &origins[i]
		at := e.object(o.CS)
		if at == len(e.cs) {
			e.cs = append(e.cs, o.CS)
		}
		if same {
			l := &last.origins[i]
			same = last.objects[i] == at && l.Attribute == o.Attribute && l.Rule == o.Rule && l.Source == o.Source
		}
	}
	e.uvarint(int64(len(e.cs)))
	for _, id := range e.cs {
		e.uvarint(int64(id))
	}
	if !same {
		if err := e.originBody(origins); err != nil {
			return nil, err
		}
	} else {
		e.buf = append(e.buf, last.body...)
	}
	return e.buf, nil
}

// originBody appends where the attributes come from, and keeps that for the next record once it is
// whole.
func (e *encoder) originBody(origins []metaverse.Origin) error {
	head := len(e.buf)
	e.sources.origins, e.sources.objects, e.sources.body = append(e.sources.origins[:0], origins...), e.sources.objects[:0], e.sources.body[:0]
	e.uvarint(int64(len(origins)))
	for _, o := range origins {
		if err := e.name(nameAttribute, o.Attribute); err != nil {
			return err
		}
		if err := e.name(nameRule, o.Rule); err != nil {
			return err
		}
		at := e.object(o.CS)
		e.sources.objects = append(e.sources.objects, at)
		e.uvarint(int64(at))
		source, err := e.t.intern(nameAttribute, o.Source)
		if err != nil {
			return err
		}
		e.uvarint(source)
	}
	e.sources.body = append(e.sources.body, e.buf[head:]...)
	return nil
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

// flows encodes reference flows, nil for none. The result is valid until the next call, or longer
// for the same flows.
func (e *encoder) flows(flows []metaverse.ReferenceFlow) ([]byte, error) {
	if len(flows) == 0 {
		return nil, nil
	}
	if slices.Equal(flows, e.route.flows) {
		return e.route.record, nil
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
	e.route = flowList{slices.Clone(flows), slices.Clone(e.buf)}
	return e.buf, nil
}
