package ad

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// errMessage is kept by a wire whose server sent what is not LDAP or is too large.
var errMessage = errors.New("ad: not an LDAP message")

// A wire is the connection below the LDAP library. It refuses messages that are too large
// before the library allocates memory for them, counts what was written, so that a lost
// connection can tell a request that was never sent from one whose answer is missing, and
// remembers why reading ended.
type wire struct {
	net.Conn
	limit   int64
	written atomic.Int64

	frame framer // used by the one reader

	mu     sync.Mutex
	reason error // why reading ended
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if frameErr := w.frame.pass(p[:n], w.limit); frameErr != nil {
		n, err = 0, frameErr
	}
	if err != nil {
		w.mu.Lock()
		if w.reason == nil {
			w.reason = err
		}
		w.mu.Unlock()
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.written.Add(int64(n))
	return n, err
}

// garbled reports whether reading ended because of what the server sent, or because the
// library could not make sense of it, and not because the connection broke.
func (w *wire) garbled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Is(w.reason, errMessage)
}

// A framer follows the outermost BER elements of a stream to learn their lengths.
type framer struct {
	left   int64 // octets of the current message still to come
	length int64
	state  uint8 // 0 tag, 1 length, 2.. octets of a long length plus 1
}

// pass looks at the next octets of the stream.
func (f *framer) pass(p []byte, limit int64) error {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(f.left, int64(len(p)))
			f.left -= n
			p = p[n:]
			continue
		}
		c := p[0]
		p = p[1:]
		switch {
		case f.state == 0:
			if c != 0x30 { // an LDAPMessage is a SEQUENCE
				return fmt.Errorf("%w: it begins with %#02x", errMessage, c)
			}
			f.state, f.length = 1, 0
			continue
		case f.state == 1 && c >= 0x80:
			if c == 0x80 || c > 0x88 {
				return fmt.Errorf("%w: length of %#02x", errMessage, c)
			}
			f.state = 1 + c&0x7f
			continue
		case f.state == 1:
			f.length = int64(c)
		default:
			if f.length >= 1<<54 {
				return fmt.Errorf("%w: absurd length", errMessage)
			}
			f.length = f.length<<8 | int64(c)
			if f.state--; f.state > 1 {
				continue
			}
		}
		if f.length > limit {
			return fmt.Errorf("%w: %d octets, more than the limit of %d (MaxMessage)", errMessage, f.length, limit)
		}
		f.left, f.state = f.length, 0
	}
	return nil
}
