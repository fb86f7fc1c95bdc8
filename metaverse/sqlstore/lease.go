package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// lease reads the lease.
func (r *reader) lease(q string) (l metaverse.Lease, err error) {
	err = r.query(q, func(rows row) error {
		var holder string
		var left int64
		if err := rows.Scan(&l.Token, &holder, &left); err != nil {
			return err
		}
		l, err = leaseOf(l.Token, holder, left)
		return err
	})
	return l, err
}

// leaseOf makes a lease of its columns.
func leaseOf(token int64, holder string, left int64) (metaverse.Lease, error) {
	l := metaverse.Lease{Token: token, Left: max(time.Duration(left)*time.Millisecond, 0)}
	if err := json.Unmarshal([]byte(holder), &l.Holder); err != nil {
		return l, corrupt("lease", token, err)
	}
	return l, nil
}

// Lease implements [metaverse.Store].
func (s *Store) Lease(ctx context.Context) (l metaverse.Lease, err error) {
	err = s.view(ctx, func(r *reader) error {
		l, err = r.lease(sqlLease)
		return err
	})
	return l, err
}

// AcquireLease implements [metaverse.Store]. On PostgreSQL it undoes an Update of a holder whose
// time is over; on SQLite the file is locked until that process goes on or ends.
func (s *Store) AcquireLease(ctx context.Context, h metaverse.Holder, period time.Duration, gone func(metaverse.Holder) bool) (l metaverse.Lease, err error) {
	holder, err := json.Marshal(h)
	if err != nil {
		return l, err
	}
	take := func(r *reader) error {
		if l, err = r.lease(sqlLockLease); err != nil {
			return err
		}
		if l.Held() && (gone == nil || !gone(l.Holder)) {
			return &metaverse.LeaseHeldError{Lease: l}
		}
		if _, err := r.exec(sqlTakeLease, string(holder), period.Milliseconds(), period.Milliseconds()); err != nil {
			return err
		}
		l, err = r.lease(sqlLease)
		return err
	}
	err = s.leaseTx(ctx, take)
	if errors.Is(err, metaverse.ErrStoreBusy) {
		// The holder is in the middle of an Update and does not end it. If its time is over, it
		// has no right to.
		now, readErr := s.Lease(ctx)
		if readErr != nil {
			return now, readErr
		}
		if now.Held() && (gone == nil || !gone(now.Holder)) {
			return now, &metaverse.LeaseHeldError{Lease: now}
		}
		if err := s.db.endWriter(ctx); err != nil {
			return now, err
		}
		err = s.leaseTx(ctx, take)
	}
	return l, err
}

// RenewLease implements [metaverse.Store].
func (s *Store) RenewLease(ctx context.Context, token int64, period time.Duration) error {
	return s.leaseTx(ctx, func(r *reader) error {
		n, err := r.exec(sqlRenewLease, period.Milliseconds(), period.Milliseconds(), token)
		if err == nil && n == 0 {
			err = metaverse.ErrLeaseLost
		}
		return err
	})
}

// ReleaseLease implements [metaverse.Store].
func (s *Store) ReleaseLease(ctx context.Context, token int64) error {
	return s.leaseTx(ctx, func(r *reader) error {
		_, err := r.exec(sqlReleaseLease, token)
		return err
	})
}

// leaseTx runs fn in a transaction for the lease. On PostgreSQL it has a connection of its own
// and does not wait for Updates.
func (s *Store) leaseTx(ctx context.Context, fn func(*reader) error) (err error) {
	if s.opts.ReadOnly {
		return fmt.Errorf("sqlstore: %s is open for reading only", s.db.name())
	}
	if s.leasing == nil {
		return s.Update(ctx, func(t metaverse.Tx) error { return fn(&t.(*tx).reader) })
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	var c conn
	select {
	case c = <-s.leasing:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return ErrClosed
	}
	defer func() { s.leasing <- c }()
	if c, err = s.begin(ctx, c, forLease); err != nil {
		return err
	}
	r := s.newReader(ctx, c)
	committed := false
	defer func() {
		r.err = errFinished
		if !committed {
			c = end(c)
		}
	}()
	if err := fn(&r); err != nil {
		return err
	}
	if err := c.commit(ctx); err != nil {
		return classify(err)
	}
	committed = true
	return nil
}

func (t *tx) Fence(token int64) error {
	held, err := t.queryInt(sqlFence, token)
	if err != nil {
		return err
	}
	if held == 0 {
		return t.fail(metaverse.ErrLeaseLost)
	}
	if t.conn.deferring() {
		return nil // the lease is extended beside the Update
	}
	return t.write(sqlKeepLease, token)
}
