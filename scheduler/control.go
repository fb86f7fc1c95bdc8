package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// Keys of settings in the store. Operators write orders, the scheduler writes its state.
const (
	settingOrders = "scheduler/orders"
	settingState  = "scheduler/state"
)

// Conditions of orders to branch on.
var (
	// ErrSuspended says that the scheduler is suspended and starts nothing.
	ErrSuspended = errors.New("scheduler: it is suspended")
	// ErrNotRunning says that there is no cycle to stop.
	ErrNotRunning = errors.New("scheduler: no cycle is running")
)

// Orders are what operators ask of a scheduler. They are kept in the store, so that they
// outlive it, and so that other processes and servers can give them.
type Orders struct {
	Suspended *Suspension         `json:"suspended,omitempty"`
	Start     *Request            `json:"start,omitempty"` // a cycle now
	Stop      *Request            `json:"stop,omitempty"`  // the running cycle
	Next      Policy              `json:"next,omitempty"`  // policy of the next cycle
	Overrides map[string]Override `json:"overrides,omitempty"`
}

// A Suspension keeps cycles from starting.
type Suspension struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// A Request asks for something once.
type Request struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// An Override makes the steps of one connector full ones in the next cycle. Each half is
// forgotten once its step has completed.
type Override struct {
	FullImport bool   `json:"fullImport,omitempty"`
	FullSync   bool   `json:"fullSync,omitempty"`
	By         string `json:"by"`
}

// A Control gives orders to the scheduler of a store, from whichever process, and tells what
// it is doing. It is safe for concurrent use.
type Control struct {
	store metaverse.Store
	now   func() time.Time
}

// NewControl returns the control of a store's scheduler.
func NewControl(store metaverse.Store) *Control { return &Control{store, time.Now} }

// Suspend keeps cycles from starting until [Control.Resume]. A running cycle goes on to its
// end. It reports whether the scheduler was not suspended before.
func (c *Control) Suspend(ctx context.Context, by, reason string) (changed bool, err error) {
	err = c.order(ctx, func(o *Orders, _ *State) error {
		if changed = o.Suspended == nil; changed {
			o.Suspended, o.Start = &Suspension{c.now().UTC(), by, reason}, nil
		}
		return nil
	})
	return changed, err
}

// Resume lets cycles start again. It reports whether the scheduler was suspended.
func (c *Control) Resume(ctx context.Context) (changed bool, err error) {
	err = c.order(ctx, func(o *Orders, _ *State) error {
		changed = o.Suspended != nil
		o.Suspended = nil
		return nil
	})
	return changed, err
}

// Start asks for a cycle now, or as soon as the one that runs has ended. "" leaves the policy
// as it is. It fails with [ErrSuspended] while the scheduler is suspended.
func (c *Control) Start(ctx context.Context, by string, p Policy) error {
	if p != "" && p != Delta && p != Initial {
		return fmt.Errorf("scheduler: there is no policy %q", p)
	}
	return c.order(ctx, func(o *Orders, _ *State) error {
		if o.Suspended != nil {
			return fmt.Errorf("%w since %s, by %s", ErrSuspended, o.Suspended.Since.Format(time.RFC3339), o.Suspended.By)
		}
		o.Start = &Request{c.now().UTC(), by}
		if p != "" {
			o.Next = p
		}
		return nil
	})
}

// Stop asks the running cycle to end at its next safe point: steps that are under way end
// with their next batch, no others begin. Nothing is lost; the next cycle goes on. It fails
// with [ErrNotRunning] when no cycle runs.
func (c *Control) Stop(ctx context.Context, by string) error {
	return c.order(ctx, func(o *Orders, s *State) error {
		if s.Running == nil {
			return ErrNotRunning
		}
		o.Stop = &Request{c.now().UTC(), by}
		return nil
	})
}

// SetNext sets the policy of the next cycle.
func (c *Control) SetNext(ctx context.Context, p Policy) error {
	if p != Delta && p != Initial {
		return fmt.Errorf("scheduler: there is no policy %q", p)
	}
	return c.order(ctx, func(o *Orders, _ *State) error { o.Next = p; return nil })
}

// Require makes steps of one connector full ones in the next cycle, in addition to what was
// required before.
func (c *Control) Require(ctx context.Context, connector string, v Override) error {
	return c.order(ctx, func(o *Orders, _ *State) error {
		if o.Overrides == nil {
			o.Overrides = make(map[string]Override)
		}
		was := o.Overrides[connector]
		o.Overrides[connector] = Override{v.FullImport || was.FullImport, v.FullSync || was.FullSync, v.By}
		return nil
	})
}

// A Status is what is known of a scheduler.
type Status struct {
	Orders  Orders             `json:"orders"`
	State   State              `json:"state"`
	Staging *metaverse.Staging `json:"staging,omitempty"`
	// StagingLeft tells who took the store out of staging mode last.
	StagingLeft *metaverse.Staging `json:"stagingLeft,omitempty"`
}

// Status reads what the scheduler of the store is doing, from whichever process.
func (c *Control) Status(ctx context.Context) (st Status, err error) {
	err = c.store.View(ctx, func(rd metaverse.Reader) error {
		st = Status{}
		return errors.Join(readSetting(rd, settingOrders, &st.Orders), readSetting(rd, settingState, &st.State))
	})
	if err == nil {
		st.Staging, err = metaverse.StagingOf(ctx, c.store)
	}
	if err == nil {
		st.StagingLeft, err = metaverse.StagingLeft(ctx, c.store)
	}
	return st, err
}

// order changes the orders.
func (c *Control) order(ctx context.Context, fn func(*Orders, *State) error) error {
	return c.store.Update(ctx, func(tx metaverse.Tx) error {
		var o Orders
		var s State
		if err := errors.Join(readSetting(tx, settingOrders, &o), readSetting(tx, settingState, &s)); err != nil {
			return err
		}
		if err := fn(&o, &s); err != nil {
			return err
		}
		return putSetting(tx, settingOrders, &o)
	})
}

func readSetting(rd metaverse.Reader, key string, into any) error {
	b, err := rd.Setting(key)
	if err != nil || b == nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("scheduler: setting %s: %w: %w", key, metaverse.ErrCorrupt, err)
	}
	return nil
}

func putSetting(tx metaverse.Tx, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.PutSetting(key, b)
}
