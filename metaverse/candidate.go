package metaverse

import (
	"context"
	"errors"
	"sync"
)

// A Candidate holds the lease of the store whenever it can: the active one of several processes, or
// a standby for it. It satisfies the scheduler's interface Lease and is safe for concurrent use.
type Candidate struct {
	e    *Engine
	mu   sync.Mutex
	hold *Hold // guarded by mu
}

// Candidate returns a candidate that has not asked for the lease yet.
func (e *Engine) Candidate() *Candidate { return &Candidate{e: e} }

// Active reports whether this process is the active one now. If not, it tries to become it: a
// standby takes over no later than it asks after the lease has ended.
func (c *Candidate) Active(ctx context.Context) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold != nil {
		if c.hold.check() == nil {
			return true, nil
		}
		c.hold.Release()
		c.hold = nil
	}
	hold, err := c.e.Hold(ctx)
	switch {
	case err == nil:
		c.hold = hold
		return true, nil
	case errors.Is(err, ErrRunning):
		return false, nil
	}
	return false, err
}

// Resign gives the lease back, so that a standby need not wait for its end. It is idempotent; to
// ask again whether the candidate is active makes it a candidate again.
func (c *Candidate) Resign() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold != nil {
		c.hold.Release()
		c.hold = nil
	}
}
