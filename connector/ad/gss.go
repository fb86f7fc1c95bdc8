package ad

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/crypto/etype"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/hybridsync/hybridsync/internal/ldapwire"
)

// errSealed is that a message of a sealed connection is not what the server sent.
var errSealed = errors.New("ad: a sealed message does not verify")

const (
	gssHeader       = 16
	flagAcceptor    = 1
	flagConfidental = 2
	flagSubkey      = 4
)

// A gssContext wraps and unwraps messages with the keys that a ticket has agreed on
// (RFC 4121, section 4.2).
type gssContext struct {
	key       types.EncryptionKey
	kind      etype.EType
	subkey    bool // the key is one that the server chose
	sent, got uint64
}

func newGSSContext(key types.EncryptionKey, subkey bool, sent, got uint64) (gssContext, error) {
	kind, err := crypto.GetEtype(key.KeyType)
	return gssContext{key: key, kind: kind, subkey: subkey, sent: sent, got: got}, err
}

func (g *gssContext) header(flags byte, extra, rotated uint16, seq uint64) []byte {
	if g.subkey {
		flags |= flagSubkey
	}
	b := []byte{5, 4, flags, 0xff}
	b = binary.BigEndian.AppendUint16(b, extra)
	b = binary.BigEndian.AppendUint16(b, rotated)
	return binary.BigEndian.AppendUint64(b, seq)
}

// sign returns a message with its checksum.
func (g *gssContext) sign(message []byte) ([]byte, error) {
	sum, err := g.kind.GetChecksumHash(g.key.KeyValue, append(bytes.Clone(message), g.header(0, 0, 0, g.sent)...), keyusage.GSSAPI_INITIATOR_SEAL)
	if err != nil {
		return nil, err
	}
	out := append(g.header(0, uint16(len(sum)), 0, g.sent), message...)
	g.sent++
	return append(out, sum...), nil
}

// seal returns a message encrypted.
func (g *gssContext) seal(message []byte) ([]byte, error) {
	head := g.header(flagConfidental, 0, 0, g.sent)
	_, secret, err := g.kind.EncryptMessage(g.key.KeyValue, append(bytes.Clone(message), head...), keyusage.GSSAPI_INITIATOR_SEAL)
	if err != nil {
		return nil, err
	}
	g.sent++
	return append(head, secret...), nil
}

// unwrap verifies a message of the server and returns what is in it. It must be sealed
// where that is asked for, and the next in order.
func (g *gssContext) unwrap(token []byte, sealed bool) ([]byte, error) {
	if len(token) < gssHeader || token[0] != 5 || token[1] != 4 || token[3] != 0xff {
		return nil, fmt.Errorf("%w: no wrap token", errSealed)
	}
	flags := token[2]
	extra, rotated := int(binary.BigEndian.Uint16(token[4:])), int(binary.BigEndian.Uint16(token[6:]))
	seq := binary.BigEndian.Uint64(token[8:])
	body := bytes.Clone(token[gssHeader:])
	if flags&flagAcceptor == 0 || (flags&flagConfidental != 0) != sealed || (flags&flagSubkey != 0) != g.subkey || seq != g.got || len(body) == 0 {
		return nil, fmt.Errorf("%w: not the one that is expected", errSealed)
	}
	rotated %= len(body)
	body = append(body[rotated:], body[:rotated]...)
	head := g.header(flags, uint16(extra), 0, seq)
	if sealed {
		plain, err := decrypt(g.kind, g.key, body, keyusage.GSSAPI_ACCEPTOR_SEAL)
		if err != nil || len(plain) < extra+gssHeader || !bytes.Equal(plain[len(plain)-gssHeader:], head) {
			return nil, errSealed
		}
		g.got++
		return plain[:len(plain)-gssHeader-extra], nil
	}
	if extra > len(body) {
		return nil, errSealed
	}
	message, sum := body[:len(body)-extra], body[len(body)-extra:]
	clear(head[4:6])
	if !g.kind.VerifyChecksum(g.key.KeyValue, append(bytes.Clone(message), head...), sum, keyusage.GSSAPI_ACCEPTOR_SEAL) {
		return nil, errSealed
	}
	g.got++
	return message, nil
}

// decrypt decrypts what came from outside. The library takes the length for granted.
func decrypt(kind etype.EType, key types.EncryptionKey, secret []byte, usage uint32) ([]byte, error) {
	if len(secret) < kind.GetConfounderByteSize()+kind.GetHMACBitLength()/8 {
		return nil, errSealed
	}
	return kind.DecryptMessage(key.KeyValue, secret, usage)
}

// A sealedConn encrypts what goes over a connection. It has one reader; writers take turns.
type sealedConn struct {
	net.Conn
	limit int // of one message to the server

	mu  sync.Mutex // of writing
	gss *gssContext

	rest []byte // decrypted, not yet read
}

// maxSealed is the longest encrypted message that is accepted; it is what the server was
// told.
const maxSealed = 1<<24 - 1

// overhead is more than sealing adds to a message.
const overhead = 128

func (c *sealedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(p) {
		part := p[n:min(len(p), n+c.limit-overhead)]
		token, err := c.gss.seal(part)
		if err != nil {
			return n, err
		}
		if _, err := c.Conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...)); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

func (c *sealedConn) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		var size [4]byte
		if _, err := io.ReadFull(c.Conn, size[:]); err != nil {
			return 0, err
		}
		n := binary.BigEndian.Uint32(size[:])
		if n > maxSealed {
			return 0, fmt.Errorf("%w: %w: %d octets", ldapwire.ErrMessage, errSealed, n)
		}
		token := make([]byte, n)
		if _, err := io.ReadFull(c.Conn, token); err != nil {
			return 0, err
		}
		plain, err := c.gss.unwrap(token, true)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ldapwire.ErrMessage, err)
		}
		c.rest = plain
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
