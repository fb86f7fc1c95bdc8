package main

import (
	"context"
	"errors"
	"sync"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// lease makes this process the active one of all that work on the store, as soon as it can be.
// The store sees to it that another one writes nothing.
type lease struct {
	mu   sync.Mutex
	hold func(context.Context) (*metaverse.Hold, error) // of the engine in force, guarded by mu
	held *metaverse.Hold                                // nil on standby, guarded by mu
}

// Active implements [scheduler.Lease].
func (l *lease) Active(ctx context.Context) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		select {
		case <-l.held.Lost():
			l.held.Release()
			l.held = nil
		default:
			return true, nil
		}
	}
	h, err := l.hold(ctx)
	switch {
	case errors.Is(err, metaverse.ErrRunning):
		return false, nil
	case err != nil:
		return false, err
	}
	l.held = h
	return true, nil
}

// of takes the lease by another engine from now on.
func (l *lease) of(e *metaverse.Engine) {
	l.release()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hold = e.Hold
}

// release gives the lease back, so that a standby need not wait for its end.
func (l *lease) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		l.held.Release()
		l.held = nil
	}
}

var _ scheduler.Lease = (*lease)(nil)
