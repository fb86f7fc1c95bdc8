package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A Store is a [metaverse.Store] in a SQLite database. It is safe for concurrent use.
type Store struct {
	opts      Options
	path      string
	temporary string // folder to remove when closed
	writeDB   *sql.DB
	readDB    *sql.DB
	names     atomic.Pointer[dictionary] // newest published names

	writing chan struct{} // holds an entry while somebody writes; guards writer
	writer  *conn         // nil after it broke, connected again when needed

	readers chan *conn // connections not in use; nil entries are still to be connected

	closing  sync.Once
	closed   chan struct{} // closed with the store
	closeErr error
}

// View implements [metaverse.Store]. It waits for a connection where
// [Options.ReadConnections] Views are under way. A View must not be started within as many others.
func (s *Store) View(ctx context.Context, fn func(metaverse.Reader) error) error {
	return s.view(ctx, func(r *reader) error { return fn(r) })
}

func (s *Store) view(ctx context.Context, fn func(*reader) error) (err error) {
	if err := s.open(ctx); err != nil {
		return err
	}
	var c *conn
	select {
	case c = <-s.readers:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return ErrClosed
	}
	defer func() { s.readers <- c }()
	if c == nil {
		if c, err = s.connect(ctx, s.readDB); err != nil {
			c = nil
			return err
		}
	}
	r := newReader(ctx, c)
	defer func() {
		r.err = errFinished
		c = s.end(c)
	}()
	if _, err := r.exec(sqlBegin); err != nil {
		return err
	}
	if err := r.refresh(s.names.Load()); err != nil {
		return err
	}
	s.publish(r.dict)
	return fn(&r)
}

// Update implements [metaverse.Store]. fn is called once.
func (s *Store) Update(ctx context.Context, fn func(metaverse.Tx) error) (err error) {
	if s.opts.ReadOnly {
		return fmt.Errorf("sqlstore: %s is open for reading only", s.path)
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
	if s.writer == nil {
		if s.writer, err = s.connect(ctx, s.writeDB); err != nil {
			return err
		}
	}
	t := &tx{reader: newReader(ctx, s.writer), sequences: make(map[string]*sequence)}
	t.enc.t, t.enc2.t = t, t
	if err := s.beginWrite(t); err != nil {
		return err
	}
	committed := false
	defer func() { // also when fn panics
		t.err = errFinished
		if !committed {
			s.writer = s.end(s.writer)
		}
	}()
	if err := t.refresh(s.names.Load()); err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return err
	}
	if err := t.finish(); err != nil {
		return err
	}
	if _, err := t.exec(sqlCommit); err != nil {
		return err
	}
	committed = true
	s.publish(t.dict)
	return nil
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

// beginWrite takes the write lock of the database, waiting for other processes.
func (s *Store) beginWrite(t *tx) error {
	deadline := time.Now().Add(s.opts.BusyTimeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		_, err := t.exec(sqlBeginWrite)
		if err == nil || !isBusy(err) || !time.Now().Before(deadline) {
			return err
		}
		t.err = nil // nothing has begun
		select {
		case <-time.After(pause):
		case <-t.ctx.Done():
			return context.Cause(t.ctx)
		}
	}
}

// end rolls back what is open on a connection and returns it, or nil when it is of no
// further use.
func (s *Store) end(c *conn) *conn {
	_, err := c.c.ExecContext(context.Background(), sqlRollback)
	if err == nil {
		return c
	}
	// Some failures make SQLite roll back by itself. Whatever it was, a new connection is
	// in a known state.
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

// Close writes the log back into the database file and releases the store. It waits for
// Views and Updates that are under way and must not be called from within one.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.writing <- struct{}{}
		for range s.opts.ReadConnections {
			if c := <-s.readers; c != nil {
				_ = c.close() // it holds nothing
			}
		}
		s.closeErr = s.release()
	})
	return s.closeErr
}

func (s *Store) release() error {
	var errs []error
	if s.writer != nil {
		if s.names.Load() != nil && !s.opts.ReadOnly {
			_, err := s.writer.c.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
			if !isBusy(err) { // another process reads; the log stays for the next one
				errs = append(errs, classify(err))
			}
		}
		errs = append(errs, s.writer.close())
	}
	for _, db := range []*sql.DB{s.readDB, s.writeDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.temporary != "" {
		errs = append(errs, os.RemoveAll(s.temporary))
	}
	return errors.Join(errs...)
}

var _ metaverse.Store = (*Store)(nil)
