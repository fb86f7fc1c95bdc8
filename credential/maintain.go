package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Maintain does what is to be done now: it brings an interrupted rotation to its end,
// rotates a managed certificate that is due, removes old key credentials whose overlap has
// ended, and emits events for what an administrator has to know. Call it regularly, or let
// [Manager.Run] do so. While another server is at it, it does nothing. With nothing to do
// it writes nothing but, once an hour, that it was there.
func (m *Manager) Maintain(ctx context.Context) error {
	st, err := m.state.Load(ctx)
	if err != nil {
		return err
	}
	m.watched.Store(m.opts.Clock().UnixNano())
	for _, e := range m.conditions(&st) {
		if e.Kind != EventStalled { // it runs again
			m.emit(ctx, e)
		}
	}
	switch st.Step {
	case StepNone:
		return fmt.Errorf("credential: %w", ErrNotSetUp)
	case StepRevoked:
		return fmt.Errorf("credential: %w", ErrRevoked)
	}
	if !m.work(&st) {
		return nil
	}
	err = m.change(ctx, nil, func(c *change) error { return m.maintain(ctx, c) })
	if _, ok := errors.AsType[*BusyError](err); ok {
		return nil
	}
	return err
}

// work reports whether there is something to do.
func (m *Manager) work(st *State) bool {
	now := m.opts.Clock()
	return st.Step != StepActive || m.rotatesNow(st) || len(st.Doomed) > 0 || now.Sub(st.Maintained) >= time.Hour ||
		slices.ContainsFunc(st.Retired, func(r Retired) bool { return !now.Before(r.RemoveAfter) })
}

// rotatesNow reports whether the library itself has to rotate.
func (m *Manager) rotatesNow(st *State) bool {
	if st.Step != StepActive || st.Mode != Managed || st.Current == nil || m.opts.suspended() {
		return false
	}
	cert, err := st.Current.certificate()
	return err == nil && !m.opts.Clock().Before(m.opts.Policy.Due(cert))
}

// maintain works under the lease, on the state as it is then.
func (m *Manager) maintain(ctx context.Context, c *change) error {
	c.st.Maintained = m.opts.Clock().UTC().Truncate(time.Hour)
	if m.rotatesNow(&c.st) {
		if err := c.canAttach(); err != nil {
			return err
		}
		if err := c.to(ctx, m.newRecord(), Managed); err != nil {
			return err
		}
	}
	if c.st.Step != StepActive {
		if err := c.rotating(); err != nil {
			return err
		}
		return c.finish(ctx)
	}
	return c.cleanUp(ctx, false)
}

// Run maintains at once and then in intervals, until ctx ends; it returns nil then. What
// goes wrong is reported by events and tried again.
func (m *Manager) Run(ctx context.Context) error {
	for {
		if err := m.Maintain(ctx); err != nil && ctx.Err() == nil {
			m.opts.Logger.ErrorContext(ctx, "maintenance of the application identity failed", "err", err)
		}
		if sleep(ctx, m.opts.Interval) != nil {
			return nil
		}
	}
}
