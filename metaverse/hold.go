package metaverse

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// program tells this process from all others.
var program = sync.OnceValue(rand.Text)

// A Hold is the right to run steps: a share in the lease of the store, which is extended in the
// background as long as somebody holds it.
type Hold struct {
	*tenure
	once sync.Once // of Release
}

// tenure is the time for which a process has the lease.
type tenure struct {
	k     *keeper
	token int64
	name  string          // of the tenure, in Holder
	ctx   context.Context // ends with it; the cause is ErrLeaseLost when that is the reason
	end   context.CancelCauseFunc
	done  chan struct{} // closed when the goroutine has ended
	swept atomic.Bool   // steps that earlier tenures left in progress are closed

	mu    sync.Mutex
	until instant // guarded by mu
}

// An instant is a point in time by both clocks of this process. One stops while a machine is
// suspended, the other one can be set.
type instant struct{ at time.Time }

func now() instant { return instant{time.Now()} }

func (i instant) add(d time.Duration) instant { return instant{i.at.Add(d)} }

// left is the time until the instant, by the clock that is nearer to it.
func (i instant) left() time.Duration {
	t := time.Now()
	return min(i.at.Sub(t), i.at.Round(0).Sub(t.Round(0)))
}

// Token is the fencing token.
func (h *tenure) Token() int64 { return h.token }

// Lost is closed when the lease is lost, or was given back.
func (h *tenure) Lost() <-chan struct{} { return h.ctx.Done() }

// Release gives the lease back, once nobody else in this process needs it. It is idempotent.
func (h *Hold) Release() { h.once.Do(h.k.release) }

// check fails when the lease has been lost, or may have been. It is asked right before anything is
// sent to a directory, by the engine and by connectors: a process that was suspended finds out here.
func (h *tenure) check() error {
	if h.ctx.Err() != nil {
		return context.Cause(h.ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until.left() <= 0 {
		return ErrLeaseLost
	}
	return nil
}

// within returns a context that ends when the lease is lost. What is on its way to a directory is
// given up then: it must not arrive beside what a successor sends. A process that was suspended
// may send before it learns of that end, so connectors ask for the lease themselves.
func (h *tenure) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(connector.WithPermit(ctx, h.check))
	stop := context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// keeper holds the lease for the steps of an engine.
type keeper struct {
	store  Store
	period time.Duration
	log    *slog.Logger

	mu    sync.Mutex
	users int     // guarded by mu
	held  *tenure // of all users, guarded by mu
}

// margin is what a holder gives up before its time is over: the clocks of two machines do not
// run at the same speed, and what is given up takes a moment to end.
func (k *keeper) margin() time.Duration { return k.period / 10 }

// hold acquires the lease, or shares the one that the process has.
func (k *keeper) hold(ctx context.Context) (*Hold, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users > 0 {
		if err := k.held.check(); err != nil {
			return nil, err
		}
		k.users++
		return &Hold{tenure: k.held}, nil
	}
	h, err := k.acquire(ctx)
	if err != nil {
		return nil, err
	}
	k.held, k.users = h, 1
	return &Hold{tenure: h}, nil
}

func (h *tenure) limit() instant {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.until
}

func (k *keeper) acquire(ctx context.Context) (*tenure, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	mine := Holder{Host: host, PID: os.Getpid(), Program: program(), Space: processSpace(), Hold: rand.Text()}
	holds.Store(mine.Hold, nil)
	start := now()
	lease, err := k.store.AcquireLease(ctx, mine, k.period, func(h Holder) bool { return h.gone(mine) })
	if err != nil {
		holds.Delete(mine.Hold)
		return nil, err
	}
	h := &tenure{k: k, token: lease.Token, name: mine.Hold, done: make(chan struct{}), until: start.add(k.period - k.margin())}
	h.ctx, h.end = context.WithCancelCause(context.WithoutCancel(ctx))
	go h.keep()
	return h, nil
}

func (k *keeper) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users--; k.users > 0 {
		return
	}
	h := k.held
	k.held = nil
	h.end(errReleased)
	<-h.done
	holds.Delete(h.name)
	// Not for longer than the lease would last without it.
	ctx, cancel := context.WithTimeout(context.Background(), k.period)
	defer cancel()
	if err := k.store.ReleaseLease(ctx, h.token); err != nil {
		k.log.Warn("the lease could not be given back; it ends by itself", "err", err)
	}
}

var errReleased = errors.New("metaverse: the lease was given back")

// keep extends the lease three times in each period, and more often after a failure.
func (h *tenure) keep() {
	defer close(h.done)
	wait := h.k.period / 3
	for {
		left := h.limit().left()
		if left <= 0 {
			h.k.log.Error("the lease is lost: the store could not be reached in time", "token", h.token)
			h.end(ErrLeaseLost)
			return
		}
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(min(wait, left)):
		}
		switch err := h.renew(); {
		case err == nil:
			wait = h.k.period / 3
		case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrNewerSchema):
			h.k.log.Error("the lease is lost: another process has it", "token", h.token, "err", err)
			h.end(ErrLeaseLost)
			return
		default:
			h.k.log.Warn("the lease could not be extended; trying again", "err", err)
			wait = h.k.period / 20
		}
	}
}

func (h *tenure) renew() error {
	start := now()
	left := h.limit().left()
	if left <= 0 {
		return errTooLate
	}
	ctx, cancel := context.WithTimeout(h.ctx, left)
	defer cancel()
	if err := h.k.store.RenewLease(ctx, h.token, h.k.period); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until = start.add(h.k.period - h.k.margin())
	return nil
}

var errTooLate = errors.New("metaverse: too late to extend the lease")

// Hold makes this process the one that runs steps on the store, until the hold is released or
// lost. While another process is, it fails with a [*LeaseHeldError]; asking again every few
// seconds makes a standby that takes over when the lease ends. Without a Hold each step acquires the
// lease for itself.
func (e *Engine) Hold(ctx context.Context) (*Hold, error) { return e.keeper.hold(ctx) }

// update runs fn in a transaction of the step. It fails when the step has lost the lease: a
// process that was suspended and wakes up writes nothing and starts no export.
func (r *run) update(ctx context.Context, fn func(Tx) error) error {
	return r.e.store.Update(ctx, func(tx Tx) error {
		if err := tx.Fence(r.lease.token); err != nil {
			return err
		}
		var err error
		if r.changes, err = noteChange(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}
