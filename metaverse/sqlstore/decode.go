package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

var (
	errBadName   = errors.New("bad entry in the table of names")
	errTruncated = errors.New("record is truncated")
	errTrailing  = errors.New("record has trailing data")
	errBadRecord = errors.New("record makes no sense")
	errTooMany   = errors.New("record claims more entries than it has room for")
)

// A decoder reads one record. The record is copied once, into a string that all values
// share. What a record claims to hold is checked against its length before anything is
// allocated.
type decoder struct {
	dict *dictionary
	s    string
	err  error
}

func newDecoder(dict *dictionary, record []byte) *decoder {
	d := &decoder{dict: dict}
	if len(record) > 0 && record[0] == packedVersion {
		body, err := dict.unpack(record[1:])
		if d.s = body; err != nil {
			d.fail(err)
		}
		return d
	}
	d.s = string(record)
	switch v := d.byte(); {
	case d.err == nil && v != recordVersion:
		d.fail(fmt.Errorf("record format %d is unknown", v))
	}
	return d
}

// fail notes the first error. Everything read afterwards is zero.
func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.s = ""
}

// end returns the first error, or one if something is left.
func (d *decoder) end() error {
	if d.err == nil && d.s != "" {
		return errTrailing
	}
	return d.err
}

func (d *decoder) byte() byte {
	if d.s == "" {
		d.fail(errTruncated)
		return 0
	}
	b := d.s[0]
	d.s = d.s[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	if len(d.s) > 0 && d.s[0] < 0x80 { // nearly always
		n := d.s[0]
		d.s = d.s[1:]
		return uint64(n)
	}
	var n uint64
	for i := 0; i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		b := d.s[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if i == binary.MaxVarintLen64-1 && b > 1 {
				break
			}
			d.s = d.s[i+1:]
			return n
		}
	}
	d.fail(errTruncated)
	return 0
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads how many entries of at least size octets follow.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.s)/size) {
		d.fail(errTooMany)
		return 0
	}
	return int(n)
}

func (d *decoder) name(kind nameKind) string {
	id := d.uvarint()
	if id > 1<<40 {
		d.fail(errBadRecord)
		return ""
	}
	name, ok := d.dict.name(kind, int64(id))
	if !ok {
		d.fail(fmt.Errorf("name %d of kind %d is unknown", id, kind))
	}
	return name
}

func (d *decoder) attribute() string {
	name := d.name(nameAttribute)
	if name == "" {
		d.fail(errBadRecord)
	}
	return name
}

func (d *decoder) text() string {
	n := d.uvarint()
	if n > uint64(len(d.s)) {
		d.fail(errTruncated)
		return ""
	}
	out := d.s[:n]
	d.s = d.s[n:]
	return out
}

// valueArena hands out slices of values from a few larger ones.
type valueArena []attr.Value

func (a *valueArena) take(n int) []attr.Value {
	if n > len(*a) {
		if n > arenaSize/4 {
			return make([]attr.Value, n)
		}
		*a = make([]attr.Value, arenaSize)
	}
	out := (*a)[:n:n]
	*a = (*a)[n:]
	return out
}

const arenaSize = 32

func (d *decoder) values(arena *valueArena) []attr.Value {
	header := d.uvarint()
	kind, n := attr.Kind(header&7), header>>3
	if n > uint64(len(d.s)) { // each takes an octet at least
		d.fail(errTooMany)
	}
	if n == 0 || d.err != nil {
		return nil
	}
	out := arena.take(int(n))
	for i := range out {
		k := kind
		if k == attr.Invalid {
			k = attr.Kind(d.byte())
		}
		out[i] = d.value(k)
	}
	return out
}

func (d *decoder) value(k attr.Kind) attr.Value {
	switch k {
	case attr.KindString:
		return attr.String(d.text())
	case attr.KindBinary:
		return attr.BinaryString(d.text())
	case attr.KindReference:
		return attr.Reference(d.text())
	case attr.KindInt:
		return attr.Int(d.varint())
	case attr.KindBool:
		b := d.byte()
		if b > 1 {
			d.fail(errBadRecord)
		}
		return attr.Bool(b == 1)
	default:
		d.fail(errBadRecord)
		return attr.Value{}
	}
}

// decodeAttributes reads what encoder.attributes wrote.
func decodeAttributes(dict *dictionary, record []byte) (attr.Set, error) {
	var out attr.Set
	d := newDecoder(dict, record)
	n := d.count(3)
	out.Grow(n)
	var arena valueArena
	for i := range n {
		name := d.attribute()
		values := d.values(&arena)
		if d.err != nil {
			break
		}
		out.Put(name, values...)
		if out.Len() != i+1 { // no values, or a name that comes twice
			d.fail(errBadRecord)
			break
		}
	}
	if err := d.end(); err != nil {
		return attr.Set{}, err
	}
	return out, nil
}

// decodeMods reads what encoder.mods wrote.
func decodeMods(dict *dictionary, record []byte) ([]attr.Mod, error) {
	d := newDecoder(dict, record)
	n := d.count(4)
	if n == 0 || d.err != nil {
		return nil, d.end()
	}
	out := make([]attr.Mod, n)
	var arena valueArena
	for i := range out {
		out[i].Name = d.attribute()
		replace := d.byte()
		if replace > 1 {
			d.fail(errBadRecord)
		}
		out[i].Replace = replace == 1
		out[i].Adds, out[i].Deletes = d.values(&arena), d.values(&arena)
		if d.err != nil {
			break
		}
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return out, nil
}

// decodeOrigins reads what encoder.origins wrote.
func decodeOrigins(dict *dictionary, record []byte) ([]metaverse.Origin, error) {
	d := newDecoder(dict, record)
	objects := make([]metaverse.CSID, d.count(1))
	for i := range objects {
		objects[i] = metaverse.CSID(d.uvarint())
	}
	n := d.count(4)
	if n == 0 || d.err != nil {
		return nil, d.end()
	}
	out := make([]metaverse.Origin, n)
	for i := range out {
		out[i].Attribute, out[i].Rule = d.attribute(), d.name(nameRule)
		object := d.uvarint()
		if object >= uint64(len(objects)) {
			d.fail(errBadRecord)
			break
		}
		out[i].CS, out[i].Source = objects[object], d.name(nameAttribute)
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return out, nil
}

// decodeFlows reads what encoder.flows wrote.
func decodeFlows(dict *dictionary, record []byte) ([]metaverse.ReferenceFlow, error) {
	if len(record) == 0 {
		return nil, nil
	}
	d := newDecoder(dict, record)
	out := make([]metaverse.ReferenceFlow, d.count(3))
	for i := range out {
		out[i] = metaverse.ReferenceFlow{Target: d.attribute(), Source: d.attribute(), Rule: d.name(nameRule)}
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return out, nil
}
