package metaversetest

import (
	"context"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// memLease is the lease of a Memory.
type memLease struct {
	token  int64
	holder metaverse.Holder
	until  time.Time
}

func (l *memLease) state() metaverse.Lease {
	return metaverse.Lease{Token: l.token, Holder: l.holder, Left: max(time.Until(l.until), 0)}
}

// AcquireLease implements [metaverse.Store].
func (m *Memory) AcquireLease(ctx context.Context, h metaverse.Holder, period time.Duration, gone func(metaverse.Holder) bool) (metaverse.Lease, error) {
	return m.leased(ctx, func(l *memLease) error {
		if now := l.state(); now.Held() && (gone == nil || !gone(now.Holder)) {
			return &metaverse.LeaseHeldError{Lease: now}
		}
		*l = memLease{l.token + 1, h, time.Now().Add(period)}
		return nil
	})
}

// RenewLease implements [metaverse.Store].
func (m *Memory) RenewLease(ctx context.Context, token int64, period time.Duration) error {
	_, err := m.leased(ctx, func(l *memLease) error {
		if l.token != token || l.until.IsZero() {
			return metaverse.ErrLeaseLost
		}
		l.until = time.Now().Add(period)
		return nil
	})
	return err
}

// ReleaseLease implements [metaverse.Store].
func (m *Memory) ReleaseLease(ctx context.Context, token int64) error {
	_, err := m.leased(ctx, func(l *memLease) error {
		if l.token == token {
			l.until = time.Time{}
		}
		return nil
	})
	return err
}

// Lease implements [metaverse.Store].
func (m *Memory) Lease(ctx context.Context) (metaverse.Lease, error) {
	if _, err := m.state(ctx); err != nil {
		return metaverse.Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lease.state(), nil
}

// leased runs fn on the lease while no Update is under way.
func (m *Memory) leased(ctx context.Context, fn func(*memLease) error) (metaverse.Lease, error) {
	select {
	case m.writing <- struct{}{}:
	case <-ctx.Done():
		return metaverse.Lease{}, context.Cause(ctx)
	}
	defer func() { <-m.writing }()
	if _, err := m.state(ctx); err != nil {
		return metaverse.Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := fn(&m.lease); err != nil {
		return metaverse.Lease{}, err
	}
	return m.lease.state(), nil
}

func (t *memTx) Fence(token int64) error {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	if t.m.lease.token != token || t.m.lease.until.IsZero() {
		return t.fail(metaverse.ErrLeaseLost)
	}
	return t.ready()
}
