package connector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Defaults of [RetryOptions].
const (
	DefaultRetryAttempts = 4
	DefaultRetryBase     = 500 * time.Millisecond
	DefaultRetryMaxWait  = 30 * time.Second
)

// RetryOptions bound [WithRetry]. The zero value means the defaults.
type RetryOptions struct {
	// Attempts is how often something is tried in all; 0 means [DefaultRetryAttempts], 1
	// no second try.
	Attempts int
	// Base is the wait before the second try; it doubles with each further one. 0 means
	// [DefaultRetryBase].
	Base time.Duration
	// MaxWait bounds one wait. A directory that asks for a longer one is not tried again:
	// the error, or the result, goes to the caller, who has better things to do than to
	// wait. 0 means [DefaultRetryMaxWait].
	MaxWait time.Duration
	// Sleep waits; nil means real time. It returns early with the context's cause.
	Sleep func(ctx context.Context, d time.Duration) error
	// Jitter returns a random number in [0, 1); nil means a random one. The wait that
	// backoff gives is shortened by up to its half, so that clients which failed together
	// do not come back together.
	Jitter func() float64
}

func (o *RetryOptions) withDefaults() RetryOptions {
	var out RetryOptions
	if o != nil {
		out = *o
	}
	if out.Attempts <= 0 {
		out.Attempts = DefaultRetryAttempts
	}
	if out.Base <= 0 {
		out.Base = DefaultRetryBase
	}
	if out.MaxWait <= 0 {
		out.MaxWait = DefaultRetryMaxWait
	}
	if out.Sleep == nil {
		out.Sleep = sleep
	}
	if out.Jitter == nil {
		out.Jitter = rand.Float64
	}
	return out
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wait is how long to wait after a failed attempt, counted from 1, when the directory asked
// for asked. It reports whether that is within bounds.
func (o *RetryOptions) wait(attempt int, asked time.Duration) (time.Duration, bool) {
	if asked > o.MaxWait {
		return 0, false
	}
	backoff := o.MaxWait
	if shift := attempt - 1; shift < 32 && o.Base <= o.MaxWait>>shift {
		backoff = o.Base << shift
	}
	backoff -= time.Duration(o.Jitter() * float64(backoff) / 2)
	return max(backoff, asked), true
}

// WithRetry returns a connector that tries again what fails for a passing reason, with
// exponential backoff and jitter, and for as long as the directory asks:
//
//   - Open and Schema, when [IsTransient] says so of the error;
//   - within one Export call, the changes whose outcome is [Retry].
//
// A batch that fails as a whole is not sent again, nor is a change whose outcome is
// [Unknown]: nobody knows what became of them until they are read. Imports are not
// restarted; they have checkpoints. A change is not tried again either when a later one of
// its batch is for the same object. When ctx is done while an export waits, the results
// stand as they are.
//
// Sessions have exactly the capabilities of the inner ones. Nil options mean the defaults.
func WithRetry(c Connector, opts *RetryOptions) Connector {
	return &retrying{c, opts.withDefaults()}
}

type retrying struct {
	Connector
	o RetryOptions
}

// Unwrap returns the inner connector.
func (r *retrying) Unwrap() Connector { return r.Connector }

func (r *retrying) Schema(ctx context.Context) (*Schema, error) {
	return again(ctx, &r.o, func() (*Schema, error) { return r.Connector.Schema(ctx) })
}

func (r *retrying) Open(ctx context.Context, o OpenOptions) (Session, error) {
	s, err := again(ctx, &r.o, func() (Session, error) { return r.Connector.Open(ctx, o) })
	if err != nil {
		return nil, err
	}
	if e, ok := As[Exporter](s); ok {
		return &retryingExporter{s, e, r.o}, nil
	}
	return s, nil
}

// again calls fn until it succeeds, fails for good or has had its attempts.
func again[T any](ctx context.Context, o *RetryOptions, fn func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		v, err := fn()
		if err == nil || attempt >= o.Attempts || !IsTransient(err) || ctx.Err() != nil {
			return v, err
		}
		d, ok := o.wait(attempt, RetryAfter(err))
		if !ok {
			return v, err
		}
		if cause := o.Sleep(ctx, d); cause != nil {
			return v, fmt.Errorf("%w while waiting to try again: %w", cause, err)
		}
	}
}

// A retryingExporter is a session that tries changes again.
type retryingExporter struct {
	Session
	e Exporter
	o RetryOptions
}

// Unwrap returns the inner session.
func (r *retryingExporter) Unwrap() Session { return r.Session }

func (r *retryingExporter) Export(ctx context.Context, batch []Change) ([]Result, error) {
	results, err := r.e.Export(ctx, batch)
	if err != nil {
		return results, err
	}
	for attempt := 1; attempt < r.o.Attempts; attempt++ {
		which, asked := r.due(batch, results)
		if len(which) == 0 {
			break
		}
		d, ok := r.o.wait(attempt, asked)
		if !ok || r.o.Sleep(ctx, d) != nil {
			break
		}
		r.retry(ctx, batch, results, which)
	}
	return results, nil
}

// due returns the indexes of the changes to try again, and the longest wait that was asked
// for. A change whose wait is out of bounds is left alone.
func (r *retryingExporter) due(batch []Change, results []Result) (which []int, asked time.Duration) {
	later := make(map[string]bool) // objects of later changes
	for i := min(len(batch), len(results)) - 1; i >= 0; i-- {
		after := max(results[i].RetryAfter, RetryAfter(results[i].Err))
		key := objectKey(batch[i].Key)
		if results[i].Outcome == Retry && after <= r.o.MaxWait && !later[key] {
			which, asked = append(which, i), max(asked, after)
		}
		later[key] = key != "" // an add to a directory without DNs names nothing
	}
	slices.Reverse(which)
	return which, asked
}

// objectKey tells objects of a batch apart; "" names none.
func objectKey(k Key) string {
	switch {
	case !k.Anchor.IsZero():
		return "a" + k.Anchor.Raw()
	case k.DN != "":
		return "d" + strings.ToLower(k.DN)
	default:
		return ""
	}
}

// retry sends some changes of the batch again and puts in their results.
func (r *retryingExporter) retry(ctx context.Context, batch []Change, results []Result, which []int) {
	part := make([]Change, len(which))
	for i, w := range which {
		part[i] = batch[w]
	}
	fresh, err := r.e.Export(ctx, part)
	for i, w := range which {
		switch {
		case err == nil && i < len(fresh):
			results[w] = fresh[i]
		case err != nil:
			results[w] = Result{ID: batch[w].ID, Outcome: Unknown, Err: err}
		default:
			results[w] = Result{ID: batch[w].ID, Outcome: Unknown, Err: fmt.Errorf("%w: no result", ErrProtocol)}
		}
	}
}

var (
	_ Connector = (*retrying)(nil)
	_ Exporter  = (*retryingExporter)(nil)
)
