package adtest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Application tags of LDAP operations.
const (
	opBindRequest      = 0
	opBindResponse     = 1
	opUnbindRequest    = 2
	opSearchRequest    = 3
	opSearchEntry      = 4
	opSearchDone       = 5
	opModifyRequest    = 6
	opModifyResponse   = 7
	opAddRequest       = 8
	opAddResponse      = 9
	opDelRequest       = 10
	opDelResponse      = 11
	opModDNRequest     = 12
	opModDNResponse    = 13
	opCompareRequest   = 14
	opCompareResponse  = 15
	opAbandonRequest   = 16
	opSearchReference  = 19
	opExtendedRequest  = 23
	opExtendedResponse = 24
)

const (
	tagSequence   = 0x30
	tagSet        = 0x31
	tagOctets     = 0x04
	tagInteger    = 0x02
	tagEnumerated = 0x0a
	application   = 0x60
	contextTag    = 0x80
	constructed   = 0x20
)

var errMalformed = errors.New("malformed LDAP message")

// A message is one request.
type message struct {
	id       int64
	op       ber.Tag
	body     *ber.Packet
	controls []control
	handled  chan struct{} // closed when the next request may be read
}

type control struct {
	oid      string
	critical bool
	value    []byte
	hasValue bool
}

// readFrame reads one LDAPMessage, no longer than limit, as it stands.
func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, err
	}
	if head[0] != tagSequence {
		return nil, errMalformed
	}
	size, length := 2, int(head[1])
	if n := int(head[1] & 0x7f); head[1]&0x80 != 0 {
		if n == 0 || n > 4 {
			return nil, errMalformed
		}
		size += n
		if head, err = r.Peek(size); err != nil {
			return nil, err
		}
		length = 0
		for _, b := range head[2:] {
			length = length<<8 | int(b)
		}
	}
	if length > limit {
		return nil, errMalformed
	}
	frame := make([]byte, size+length)
	_, err = io.ReadFull(r, frame)
	return frame, err
}

// decodeMessage takes a frame apart as far as all operations have it in common.
func decodeMessage(frame []byte) (*message, error) {
	p, err := ber.DecodePacketErr(frame)
	if err != nil {
		return nil, err
	}
	if len(p.Children) < 2 || len(p.Children) > 3 {
		return nil, errMalformed
	}
	id, ok := intOf(p.Children[0])
	op := p.Children[1]
	if !ok || id < 0 || id > 1<<31-1 || op.ClassType != ber.ClassApplication {
		return nil, errMalformed
	}
	m := &message{id: id, op: op.Tag, body: op}
	if len(p.Children) == 3 {
		c := p.Children[2]
		if c.ClassType != ber.ClassContext || c.Tag != 0 {
			return nil, errMalformed
		}
		if m.controls, err = decodeControls(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func decodeControls(list *ber.Packet) ([]control, error) {
	var out []control
	for _, p := range list.Children {
		if len(p.Children) < 1 || len(p.Children) > 3 {
			return nil, errMalformed
		}
		c := control{oid: text(p.Children[0])}
		for _, f := range p.Children[1:] {
			switch f.Tag {
			case ber.TagBoolean:
				b, ok := f.Value.(bool)
				if !ok {
					return nil, errMalformed
				}
				c.critical = b
			case ber.TagOctetString:
				c.value, c.hasValue = raw(f), true
			default:
				return nil, errMalformed
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// raw returns the content of a primitive packet.
func raw(p *ber.Packet) []byte {
	if p.Data == nil {
		return nil
	}
	return p.Data.Bytes()
}

func text(p *ber.Packet) string { return string(raw(p)) }

func intOf(p *ber.Packet) (int64, bool) {
	n, ok := p.Value.(int64)
	return n, ok
}

// texts returns the contents of a list's elements.
func texts(p *ber.Packet) []string {
	out := make([]string, len(p.Children))
	for i, c := range p.Children {
		out[i] = text(c)
	}
	return out
}

// An encoder writes BER. Constructed elements have four bytes of length, as AD's have.
type encoder struct{ b []byte }

func (e *encoder) open(tag byte) int {
	e.b = append(e.b, tag, 0x84, 0, 0, 0, 0)
	return len(e.b)
}

func (e *encoder) close(at int) { binary.BigEndian.PutUint32(e.b[at-4:], uint32(len(e.b)-at)) }

func (e *encoder) str(tag byte, s string) {
	e.b = append(e.b, tag)
	switch n := len(s); {
	case n < 0x80:
		e.b = append(e.b, byte(n))
	case n < 0x10000:
		e.b = append(e.b, 0x82, byte(n>>8), byte(n))
	default:
		e.b = append(e.b, 0x84)
		e.b = binary.BigEndian.AppendUint32(e.b, uint32(n))
	}
	e.b = append(e.b, s...)
}

func (e *encoder) num(tag byte, v int64) {
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], uint64(v))
	b := buf[:]
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	e.str(tag, string(b))
}

func (e *encoder) boolean(v bool) {
	b := byte(0)
	if v {
		b = 0xff
	}
	e.b = append(e.b, 0x01, 1, b)
}

// result writes the parts that every answer has in common.
func (e *encoder) result(r *Error) {
	if r == nil {
		r = &Error{}
	}
	e.num(tagEnumerated, int64(r.Code))
	e.str(tagOctets, r.MatchedDN)
	e.str(tagOctets, r.Message)
	if len(r.Referral) > 0 {
		at := e.open(contextTag | constructed | 3)
		for _, u := range r.Referral {
			e.str(tagOctets, u)
		}
		e.close(at)
	}
}

// answer writes a whole message: a result of some kind, further parts, controls.
func (e *encoder) answer(id int64, op byte, r *Error, more func(*encoder), controls []control) {
	msg := e.open(tagSequence)
	e.num(tagInteger, id)
	at := e.open(application | op)
	e.result(r)
	if more != nil {
		more(e)
	}
	e.close(at)
	if len(controls) > 0 {
		at := e.open(contextTag | constructed)
		for _, c := range controls {
			one := e.open(tagSequence)
			e.str(tagOctets, c.oid)
			if c.critical {
				e.boolean(true)
			}
			if c.hasValue {
				e.str(tagOctets, string(c.value))
			}
			e.close(one)
		}
		e.close(at)
	}
	e.close(msg)
}
