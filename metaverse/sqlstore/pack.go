package sqlstore

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/s2"
)

// Packed records.
//
//	packed = version texts block     version is 2
//
// block is the body of a record, compressed in S2's block format; texts is how many of the
// store's common texts, in the order of their numbers, were its dictionary, 0 for none.
const packedVersion = 2

const (
	packFrom = 128 // octets of a record: there is little to gain below
	// maxRatio bounds how much larger a record may be than what is stored of it, so that a
	// forged file cannot take memory at will. Records that would be above are not packed.
	maxRatio = 100
)

var (
	errBadPacked = errors.New("packed record is damaged")
	errNoTexts   = errors.New("packed record refers to common texts that the store does not have")
)

// A packer packs with the common texts of a store. Nil packs without any.
type packer struct {
	texts int64
	dict  *s2.Dict
}

// newPacker makes a packer of common texts, nil where they are too few to be of use.
func newPacker(texts []string) *packer {
	dict := s2.MakeDict([]byte(strings.Join(texts, "")), nil)
	if dict == nil {
		return nil
	}
	return &packer{int64(len(texts)), dict}
}

// pack appends a packed form of a record to an empty buffer, or returns the record where that
// gains nothing.
func (p *packer) pack(buf, record []byte) (packed, result []byte) {
	body := record[1:]
	most := s2.MaxEncodedLen(len(body))
	if len(record) < packFrom || most < 0 {
		return buf, record
	}
	texts := int64(0)
	if p != nil {
		texts = p.texts
	}
	buf = binary.AppendUvarint(append(buf[:0], packedVersion), uint64(texts))
	head := len(buf)
	buf = slices.Grow(buf, most)
	var block []byte
	if p != nil {
		block = p.dict.Encode(buf[head:head+most], body)
	} else {
		block = s2.Encode(buf[head:head+most], body)
	}
	buf = buf[:head+len(block)]
	if len(buf) > len(record)-len(record)/8 || len(body) > maxRatio*len(block) {
		return buf, record
	}
	return buf, buf
}

// scratchMost is the largest buffer that is kept.
const scratchMost = 1 << 20

// scratch are buffers to unpack into: what is read from them is copied.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// unpack returns the body of a packed record, which follows its version.
func (d *dictionary) unpack(packed []byte) (string, error) {
	texts, n := binary.Uvarint(packed)
	if n <= 0 {
		return "", errTruncated
	}
	block := packed[n:]
	size, err := s2.DecodedLen(block)
	if err != nil || size > maxRatio*len(block) {
		return "", errBadPacked
	}
	buf := scratch.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in it
	defer func() {
		if cap(*buf) <= scratchMost {
			scratch.Put(buf)
		}
	}()
	*buf = slices.Grow((*buf)[:0], size)
	var body []byte
	switch {
	case texts == 0:
		body, err = s2.Decode((*buf)[:size], block)
	case d.packer == nil || texts != uint64(d.packer.texts):
		return "", errNoTexts
	default:
		body, err = d.packer.dict.Decode((*buf)[:size], block)
	}
	if err != nil {
		return "", errBadPacked
	}
	return string(body), nil
}
