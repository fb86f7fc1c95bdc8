package credential

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// A change is one process at work on the state, under a lease.
type change struct {
	m     *Manager
	st    State
	admin azcore.TokenCredential // nil: the application acts on itself
	// resumed is the step in which an earlier attempt ended, whose outcome is not known.
	resumed Step
}

// change runs fn under the lease. Whatever fn has saved stays, also when it fails.
func (m *Manager) change(ctx context.Context, admin azcore.TokenCredential, fn func(*change) error) error {
	select {
	case m.working <- struct{}{}:
		defer func() { <-m.working }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c := &change{m: m, admin: admin}
	var err error
	if c.st, err = m.state.Load(ctx); err != nil {
		return err
	}
	// Decisions are made on what is read here, and the lease is written only over that:
	// what another server did meanwhile is seen, not repeated.
	now := m.opts.Clock()
	if l := c.st.Lease; l != nil && l.Holder != m.opts.Holder && now.Before(l.Until) {
		return &BusyError{l.Holder, l.Until}
	}
	if err := c.save(ctx); err != nil {
		return m.busy(ctx, err)
	}
	c.resumed = c.st.Step
	err = fn(c)
	if errors.Is(err, ErrStateConflict) {
		return m.busy(ctx, err) // the lease was lost: it is somebody else's to release
	}
	done, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, c.release(done))
}

// busy turns a conflict into the name of who was first.
func (m *Manager) busy(ctx context.Context, err error) error {
	if !errors.Is(err, ErrStateConflict) {
		return err
	}
	st, loadErr := m.state.Load(ctx)
	if loadErr == nil && st.Lease != nil && st.Lease.Holder != m.opts.Holder {
		return &BusyError{st.Lease.Holder, st.Lease.Until}
	}
	return err
}

// save writes the state and extends the lease. A process that lost the lease is refused.
func (c *change) save(ctx context.Context) error {
	c.st.Lease = &Lease{c.m.opts.Holder, c.m.opts.Clock().Add(c.m.opts.LeaseTime).UTC().Truncate(time.Second)}
	return c.write(ctx)
}

func (c *change) release(ctx context.Context) error {
	c.st.Lease = nil
	return c.write(ctx)
}

func (c *change) write(ctx context.Context) error {
	next := c.st
	next.Revision++
	if err := c.m.state.Save(ctx, next); err != nil {
		return err
	}
	c.st.Revision = next.Revision
	return nil
}

// enter records a step and saves.
func (c *change) enter(ctx context.Context, step Step) error {
	c.st.Step = step
	c.resumed = StepNone
	return c.save(ctx)
}

// maxTries is how often one step is tried when what fails may pass.
const maxTries = 5

// advance goes from step to step until the identity is active.
func (c *change) advance(ctx context.Context) error {
	if c.resumed != StepNone && c.resumed != StepActive {
		c.m.emit(ctx, Event{Kind: EventResumed, Message: "an interrupted change goes on at step " + string(c.resumed)})
	}
	for c.st.Step != StepActive {
		step := c.st.Step
		var do func(context.Context) error
		switch step {
		case StepRegister:
			do = c.register
		case StepPrincipal:
			do = c.principal
		case StepPermit:
			do = c.permit
		case StepKey:
			do = c.makeKey
		case StepAttach:
			do = c.attach
		case StepProve:
			do = c.prove
		default:
			return fmt.Errorf("credential: %w: step %q", ErrInProgress, step)
		}
		if err := c.patiently(ctx, step, do); err != nil {
			return fmt.Errorf("credential: step %s: %w", step, err)
		}
	}
	return nil
}

// patiently tries a step again while what fails may pass.
func (c *change) patiently(ctx context.Context, step Step, do func(context.Context) error) error {
	delay := c.m.opts.RetryDelay
	for try := 1; ; try++ {
		err := do(ctx)
		if err == nil || try == maxTries || !transient(err) || ctx.Err() != nil {
			return err
		}
		c.resumed = step // the request may have taken effect
		wait := delay
		var g *GraphError
		if errors.As(err, &g) && g.RetryAfter > wait {
			wait = g.RetryAfter
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		delay = min(2*delay, 30*time.Second)
	}
}

// transient reports whether the same call may succeed later.
func transient(err error) bool {
	if g, ok := errors.AsType[*GraphError](err); ok {
		// A new application or principal is not known everywhere at once.
		return g.transient() || g.Code == "NoBackingApplicationObject" || g.Op == "read roles" && g.Status == http.StatusNotFound
	}
	var timeout interface{ Timeout() bool }
	var temporary interface{ Temporary() bool }
	return errors.As(err, &timeout) || errors.As(err, &temporary)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// graphAs returns Graph with the administrator's credential or, without one, the identity's
// own. Nil means that there is neither.
func (c *change) graphAs() *graph {
	cred := c.admin
	if cred == nil {
		if c.st.Current == nil {
			return nil
		}
		cred = c.m.Credential()
	}
	return &graph{base: c.m.settings.GraphURL, scope: c.m.scope, http: c.m.http, cred: cred}
}

func (c *change) asAdministrator(what string) (*graph, error) {
	if c.admin == nil {
		return nil, fmt.Errorf("credential: %w: to %s", ErrNeedsAdministrator, what)
	}
	return c.graphAs(), nil
}
