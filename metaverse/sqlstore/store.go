package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A Store is a [metaverse.Store] in a SQLite database or on a PostgreSQL server. It is safe for
// concurrent use.
type Store struct {
	opts  Options
	db    database
	refs  refTables
	names atomic.Pointer[dictionary] // newest published names
	ran   atomic.Int64               // statements of Views and Updates

	writing chan struct{} // holds an entry while somebody writes; guards writer
	writer  conn          // nil after it broke, connected again when needed

	leasing chan conn // connection for the lease; nil where Updates serve

	readers chan conn // connections not in use; nil entries are still to be connected

	closing  sync.Once
	closed   chan struct{} // closed with the store
	closeErr error
}

func newStore(db database, o Options) *Store {
	s := &Store{
		opts: o, db: db, refs: newRefTables(),
		writing: make(chan struct{}, 1),
		readers: make(chan conn, o.ReadConnections),
		closed:  make(chan struct{}),
	}
	s.names.Store(&dictionary{})
	for range o.ReadConnections {
		s.readers <- nil // connected when first needed
	}
	return s
}

// Name returns the path of the store, or its URL without a password: for messages.
func (s *Store) Name() string { return s.db.name() }

// Statements returns how many statements Views and Updates have run since the store was opened: for
// measurements that a busy machine does not change. One that a server was sent together with
// others counts as well.
func (s *Store) Statements() int64 { return s.ran.Load() }

// View implements [metaverse.Store]. It waits for a connection where
// [Options.ReadConnections] Views are under way. A View must not be started within as many others.
func (s *Store) View(ctx context.Context, fn func(metaverse.Reader) error) error {
	return s.view(ctx, func(r *reader) error { return fn(r) })
}

func (s *Store) view(ctx context.Context, fn func(*reader) error) (err error) {
	if err := s.open(ctx); err != nil {
		return err
	}
	var c conn
	select {
	case c = <-s.readers:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return ErrClosed
	}
	defer func() { s.readers <- c }()
	if c, err = s.begin(ctx, c, forViews); err != nil {
		return err
	}
	r := s.newReader(ctx, c)
	defer func() {
		r.err = errFinished
		c = end(c)
	}()
	if err := r.refresh(s.names.Load()); err != nil {
		return err
	}
	s.publish(r.dict)
	return fn(&r)
}

// maxAttempts is how often an Update is tried when the server undoes it.
const maxAttempts = 5

// Update implements [metaverse.Store]. On SQLite fn is called once. On PostgreSQL it is called
// again when the server goes away or undoes the transaction because of another one.
func (s *Store) Update(ctx context.Context, fn func(metaverse.Tx) error) (err error) {
	if s.opts.ReadOnly {
		return fmt.Errorf("sqlstore: %s is open for reading only", s.db.name())
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return ErrClosed
	}
	defer func() { <-s.writing }()
	for attempt := 1; ; attempt++ {
		again, err := s.update(ctx, fn)
		if !again || attempt == maxAttempts || s.opts.Reconnect < 0 || ctx.Err() != nil {
			return err
		}
		s.opts.Logger.Info("an update of the store is tried again", "attempt", attempt, "err", err)
		time.Sleep(rand.N(time.Duration(attempt) * 20 * time.Millisecond))
	}
}

// update runs fn in a transaction. again says that the failure was the server's, and that
// nothing has been written.
func (s *Store) update(ctx context.Context, fn func(metaverse.Tx) error) (again bool, err error) {
	if s.writer, err = s.begin(ctx, s.writer, forUpdates); err != nil {
		return false, err
	}
	t := &tx{reader: s.newReader(ctx, s.writer), sequences: make(map[string]*sequence)}
	t.enc.t, t.enc2.t = t, t
	committed := false
	defer func() { // also when fn panics
		again = !committed && !errors.Is(t.err, errOutcome) && (isLost(t.err) || isConflict(t.err))
		t.err = errFinished
		if !committed {
			s.writer = end(s.writer)
		}
	}()
	if err := t.refresh(s.names.Load()); err != nil {
		return false, err
	}
	if err := fn(t); err != nil {
		return false, err
	}
	if err := t.finish(); err != nil {
		return false, err
	}
	if err := s.writer.commit(ctx); err != nil {
		return false, t.fail(err)
	}
	committed = true
	s.publish(t.dict)
	return false, nil
}

func (s *Store) open(ctx context.Context) error {
	select {
	case <-s.closed:
		return ErrClosed
	default:
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// begin starts a transaction on a connection, which it makes where there is none. The
// connection returned is nil when it is of no further use.
func (s *Store) begin(ctx context.Context, c conn, p purpose) (_ conn, err error) {
	deadline := time.Now().Add(s.opts.Reconnect)
	for pause := time.Duration(0); ; pause = min(2*pause+10*time.Millisecond, time.Second) {
		if c == nil {
			c, err = s.db.connect(ctx, p)
		}
		if err == nil {
			if err = c.begin(ctx); err == nil {
				return c, nil
			}
			c.discard()
		}
		c = nil
		if !isLost(err) || time.Now().After(deadline) || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-time.After(pause):
			err = nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.closed:
			return nil, ErrClosed
		}
	}
}

// end rolls back what is open on a connection and returns it, or nil when it is of no
// further use.
func end(c conn) conn {
	if c.rollback() == nil {
		return c
	}
	// Some failures make a database roll back by itself. Whatever it was, a new connection
	// is in a known state.
	c.discard()
	return nil
}

// publish makes names known to later transactions, unless newer ones are known.
func (s *Store) publish(d *dictionary) {
	for {
		known := s.names.Load()
		if known.seq >= d.seq || s.names.CompareAndSwap(known, d) {
			return
		}
	}
}

// Backup implements [metaverse.Store]. The copy of a SQLite store is compact, has mode 0600
// and is on the disk when Backup returns. A copy that fails is removed. PostgreSQL has tools of
// its own: the error matches errors.ErrUnsupported and names them.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	if f, ok := s.db.(*sqliteFile); ok {
		if info, err := os.Stat(f.path); err == nil {
			defer s.meter("backup").growing(ctx, "bytes", path, info.Size())()
		}
	}
	return s.db.backup(ctx, path)
}

// Close releases the store; SQLite writes its log back into the database file. It waits for
// Views and Updates that are under way and must not be called from within one.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.writing <- struct{}{}
		var errs []error
		for range s.opts.ReadConnections {
			if c := <-s.readers; c != nil {
				_ = c.close() // it holds nothing
			}
		}
		if s.leasing != nil {
			if c := <-s.leasing; c != nil {
				_ = c.close()
			}
		}
		s.closeErr = errors.Join(append(errs, s.db.close(s.writer))...)
	})
	return s.closeErr
}

var _ metaverse.Store = (*Store)(nil)
