// Package ldapwire reads the answers to LDAP searches at the speed of the network. It is what
// connector/ad reads with, and what the benchmarks read OpenLDAP with.
package ldapwire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrMessage is kept by a wire whose server sent what is not LDAP or is too large.
var ErrMessage = errors.New("not an LDAP message")

// A Wire is the connection below the LDAP library. It reads whole messages and hands them
// up, but for the entries of searches: those it decodes itself, straight into the inbox of
// the search. The library would make some thousand allocations for each of them, which is
// more work than all the rest of an import.
//
// It also refuses messages that are too large before any memory is allocated for them,
// counts what was written, so that a lost connection can tell a request that was never
// sent from one whose answer is missing, and remembers why reading ended.
type Wire struct {
	net.Conn
	limit   int64
	written atomic.Int64
	closed  atomic.Bool

	in   *bufio.Reader // used by the one reader, as is rest
	rest []byte        // of the message that is being handed up

	// turn is held from the announcement of a search until its request was written, so
	// that its message id is known to belong to it.
	turn chan struct{}

	mu      sync.Mutex
	guard   func() error     // of requests that change something, nil for none
	next    *inbox           // of the search that was announced
	inboxes map[int64]*inbox // by message id
	reason  error            // why reading ended
}

// Close closes the connection. From then on it is known to be of no use, even before the
// library has noticed.
func (w *Wire) Close() error {
	w.closed.Store(true)
	return w.Conn.Close()
}

// New puts a wire on a connection. Messages of more than limit octets are refused.
func New(c net.Conn, limit int64) *Wire {
	return &Wire{Conn: c, limit: limit, in: bufio.NewReaderSize(c, 1<<16), turn: make(chan struct{}, 1), inboxes: map[int64]*inbox{}}
}

// An inbox takes the entries of one search.
type inbox struct {
	id   int64 // of the request; 0 until it was written
	take func(*Entry) error
}

// Announce prepares for a search whose request is written next. Its entries are given to take
// on the goroutine that reads, in order; an error of take ends the connection. done must be
// called when the search has ended, however it did. It is not ok when cancelled was closed
// while another search had its turn.
func (w *Wire) Announce(take func(*Entry) error, cancelled <-chan struct{}) (done func(), ok bool) {
	box := &inbox{take: take}
	select {
	case w.turn <- struct{}{}:
	case <-cancelled:
		return nil, false
	}
	w.mu.Lock()
	w.next = box
	w.mu.Unlock()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.next == box { // the request was never written
			w.next = nil
			<-w.turn
		}
		delete(w.inboxes, box.id)
	}, true
}

// Guard sets what is asked right before a request that changes something is written. One that
// it refuses is not written.
func (w *Wire) Guard(allowed func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.guard = allowed
}

// Write sends a request.
func (w *Wire) Write(p []byte) (int, error) {
	if id, op, _, err := messageHead(p); err == nil {
		if err := w.begin(id, op); err != nil {
			return 0, err
		}
	}
	n, err := w.Conn.Write(p)
	w.written.Add(int64(n))
	return n, err
}

// begin prepares for a request that is about to be written.
func (w *Wire) begin(id int64, op byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if op != opSearchRequest {
		if changes(op) && w.guard != nil {
			return w.guard()
		}
		return nil
	}
	if box := w.next; box != nil {
		box.id, w.next = id, nil
		w.inboxes[id] = box
		<-w.turn
	}
	return nil
}

// Read hands up the next octets of messages that are not entries.
func (w *Wire) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		m, err := readMessage(w.in, w.limit)
		if err == nil {
			w.rest, err = w.sort(m)
		}
		if err != nil {
			w.mu.Lock()
			if w.reason == nil {
				w.reason = err
			}
			w.mu.Unlock()
			return 0, err
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// sort puts an entry into its inbox and returns any other message.
func (w *Wire) sort(m string) ([]byte, error) {
	id, op, body, err := messageHead(m)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	box := w.inboxes[id]
	if op == opSearchDone { // whatever comes after it does not count
		delete(w.inboxes, id)
	}
	w.mu.Unlock()
	if op != opEntry && op != opReference {
		return []byte(m), nil
	}
	if box == nil || op == opReference { // of a search that was given up, or to elsewhere
		return nil, nil
	}
	e, err := decodeEntry(body)
	if err != nil {
		return nil, err
	}
	return nil, box.take(e)
}

// Written returns how many octets were sent.
func (w *Wire) Written() int64 { return w.written.Load() }

// Closed reports whether the connection was closed on this side.
func (w *Wire) Closed() bool { return w.closed.Load() }

// Garbled reports whether reading ended because of what the server sent and not because
// the connection broke.
func (w *Wire) Garbled() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.reason, ErrMessage) {
		return w.reason
	}
	return nil
}

// readMessage reads one message of at most limit octets. It is text so that an entry that is cut
// out of it need not be copied.
func readMessage(r *bufio.Reader, limit int64) (string, error) {
	var head [10]byte
	size := 2
	if _, err := io.ReadFull(r, head[:size]); err != nil {
		return "", err
	}
	if head[0] != tagSequence {
		return "", fmt.Errorf("%w: it begins with %#02x", ErrMessage, head[0])
	}
	length := int64(head[1])
	if head[1] >= 0x80 {
		n := int(head[1] & 0x7f)
		if n == 0 || n > 8 {
			return "", fmt.Errorf("%w: a length of %d octets", ErrMessage, n)
		}
		size += n
		if _, err := io.ReadFull(r, head[2:size]); err != nil {
			return "", err
		}
		length = 0
		for _, c := range head[2:size] {
			if length >= 1<<54 {
				return "", fmt.Errorf("%w: an absurd length", ErrMessage)
			}
			length = length<<8 | int64(c)
		}
	}
	if length > limit {
		return "", fmt.Errorf("%w: %d octets, more than the limit of %d (MaxMessage)", ErrMessage, length, limit)
	}
	var m strings.Builder
	m.Grow(size + int(length))
	m.Write(head[:size])
	err := copyMessage(&m, r, int(length))
	return m.String(), err
}

// copyMessage copies n octets.
func copyMessage(to *strings.Builder, from *bufio.Reader, n int) error {
	for n > 0 {
		_, err := from.Peek(1)
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		part, _ := from.Peek(min(n, from.Buffered()))
		to.Write(part)
		_, _ = from.Discard(len(part))
		n -= len(part)
	}
	return nil
}
