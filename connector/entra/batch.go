package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
)

// An operation is one request, to be sent as an item of a batch.
type operation struct {
	method string
	path   string // relative to the version, with a slash in front
	body   any    // marshalled to JSON; nil for none
}

func (o *operation) writes() bool { return o.method != http.MethodGet }

// A dispatcher sends the operations of many tasks in JSON batches. Tasks are plain code
// that calls send and goes on with the answer; the dispatcher collects what they ask for
// until a batch is full or every task waits. Graph runs the items of a batch in any order,
// and takes dependencies only where a batch is nothing but one chain: what must come
// after something else is therefore sent after its answer.
type dispatcher struct {
	c   *client
	ctx context.Context //nolint:containedctx // a dispatcher lives as long as one call
	log *slog.Logger

	mu       sync.Mutex // guards everything below
	active   int        // tasks that do not wait
	inflight int        // batches under way
	queue    []*pending
	answered bool  // the service has answered something
	fatal    error // why nothing more is sent
}

type pending struct {
	op     *operation
	answer *answer
	err    error
	done   chan struct{}
}

func newDispatcher(ctx context.Context, c *client, log *slog.Logger) *dispatcher {
	return &dispatcher{c: c, ctx: ctx, log: log}
}

// run runs task for 0 to n-1 side by side and returns when all have returned.
func (d *dispatcher) run(n int, task func(i int)) {
	d.mu.Lock()
	d.active += n
	d.mu.Unlock()
	d.spawn(n, task)
}

// spawn is run for tasks that are counted already.
func (d *dispatcher) spawn(n int, task func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			defer d.rest()
			task(i)
		})
	}
	wg.Wait()
}

// fan runs task for 0 to n-1, at most limit at a time, on behalf of the calling task, which
// waits for them.
func (d *dispatcher) fan(n, limit int, task func(i int)) {
	if n == 0 {
		return
	}
	workers := min(n, limit)
	d.mu.Lock()
	d.active += workers - 1
	d.mu.Unlock()
	var next atomic.Int64
	d.spawn(workers, func(int) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			task(i)
		}
	})
	d.wake()
}

// rest takes the calling task out of those that do not wait.
func (d *dispatcher) rest() {
	d.mu.Lock()
	d.active--
	d.flush()
	d.mu.Unlock()
}

// wake is the opposite of rest.
func (d *dispatcher) wake() {
	d.mu.Lock()
	d.active++
	d.mu.Unlock()
}

// An unansweredError says that an operation that must not be repeated blindly may or may
// not have been carried out.
type unansweredError struct{ err error }

func (e *unansweredError) Error() string { return "the answer was lost: " + describeError(e.err) }
func (e *unansweredError) Unwrap() error { return e.err }

// An outerError is a batch that was refused as a whole, for a reason that holds for all.
type outerError struct{ err error }

func (e *outerError) Error() string { return describeError(e.err) }
func (e *outerError) Unwrap() error { return e.err }

var errNoReply = errors.New("the batch's answer has no answer to this item")

// ambiguous reports whether the operation may have been carried out although err came.
func ambiguous(err error) bool {
	if g, ok := errors.AsType[*GraphError](err); ok {
		return g.Status >= http.StatusInternalServerError || g.Status == http.StatusRequestTimeout
	}
	return isNetwork(err) || errors.Is(err, errNoReply) || errors.Is(err, errJSON)
}

// send carries out an operation. What can be repeated without harm is repeated while that
// may help; a POST whose answer was lost is an [*unansweredError]. An answer of 400 and
// more is a [*GraphError].
func (d *dispatcher) send(op operation) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := d.once(&op)
		if err == nil || d.ctx.Err() != nil {
			return a, d.cancelled(&op, err)
		}
		if _, ok := errors.AsType[*outerError](err); ok {
			return nil, err
		}
		if op.method == http.MethodPost && ambiguous(err) {
			return nil, &unansweredError{err}
		}
		wait, again := d.c.again(err, attempt)
		if !again && attempt < d.c.o.Attempts && (errors.Is(err, errNoReply) || errors.Is(err, errJSON)) {
			wait, again = backoff(attempt), true
		}
		if !again {
			return nil, err
		}
		d.log.DebugContext(d.ctx, "operation is tried again", "method", op.method, "attempt", attempt, "wait", wait, "err", describeError(err))
		if err := d.pause(wait); err != nil {
			return nil, err
		}
	}
}

// cancelled makes clear that an operation that a done context cut off may have happened.
func (d *dispatcher) cancelled(op *operation, err error) error {
	if err != nil && op.writes() && !errors.Is(err, errUnsent) {
		return &unansweredError{err}
	}
	return err
}

// pause waits without keeping others from being sent.
func (d *dispatcher) pause(wait time.Duration) error {
	d.rest()
	defer d.wake()
	return d.c.pause(d.ctx, wait)
}

// errUnsent marks what was given up before it was sent.
var errUnsent = errors.New("not sent")

// once makes one attempt.
func (d *dispatcher) once(op *operation) (*answer, error) {
	p := &pending{op: op, done: make(chan struct{})}
	d.mu.Lock()
	if d.fatal != nil || d.ctx.Err() != nil {
		err := d.fatal
		d.mu.Unlock()
		if err == nil {
			err = context.Cause(d.ctx)
		}
		return nil, &outerError{fmt.Errorf("%w: %w", errUnsent, err)}
	}
	d.queue = append(d.queue, p)
	d.active--
	d.flush()
	d.mu.Unlock()
	<-p.done // flush wakes the task before it closes the channel
	return p.answer, p.err
}

// flush sends what is due. The caller holds the lock.
func (d *dispatcher) flush() {
	for d.inflight < d.c.o.Concurrency && len(d.queue) > 0 && (len(d.queue) >= batchLimit || d.active == 0) {
		n := min(len(d.queue), batchLimit)
		items := d.queue[:n:n]
		d.queue = d.queue[n:]
		d.inflight++
		go d.exchange(items)
	}
}

// exchange sends one batch and hands out its answers.
func (d *dispatcher) exchange(items []*pending) {
	d.settle(items)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inflight--
	for _, p := range items {
		if outer, ok := errors.AsType[*outerError](p.err); !ok {
			d.answered = true
		} else if d.fatal == nil {
			d.fatal = outer.err
		}
		d.active++
		close(p.done)
	}
	d.flush()
}

// settle sends the items and fills in their answers or errors. A batch that is refused as
// malformed or too large is taken apart, so that one item's fault is its own.
func (d *dispatcher) settle(items []*pending) {
	err := d.post(items)
	if err == nil {
		return
	}
	var g *GraphError
	if errors.As(err, &g) && (g.Status == http.StatusBadRequest || g.Status == http.StatusRequestEntityTooLarge) {
		if n := len(items) / 2; n > 0 {
			d.settle(items[:n])
			d.settle(items[n:])
			return
		}
		err = g
	}
	for _, p := range items {
		p.answer, p.err = nil, err
	}
}

type batchItem struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

type batchReply struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// post sends the items as one request and fills in their answers.
func (d *dispatcher) post(items []*pending) error {
	requests := make([]batchItem, len(items))
	writes, units := 0, 0
	for i, p := range items {
		requests[i] = batchItem{ID: strconv.Itoa(i + 1), Method: p.op.method, URL: p.op.path, Body: p.op.body}
		if p.op.body != nil {
			requests[i].Headers = map[string]string{"Content-Type": "application/json"}
		}
		if p.op.writes() {
			writes++
		}
		units += unitsOf(p.op.method, p.op.path)
	}
	body, err := json.Marshal(map[string]any{"requests": requests})
	if err != nil {
		return &outerError{fmt.Errorf("%w: %w", errUnsent, err)}
	}
	if err := d.c.pace.spend(d.ctx, writes, units); err != nil {
		return &outerError{fmt.Errorf("%w: %w", errUnsent, err)}
	}
	a, err := d.c.once(d.ctx, d.c.plain(abstractions.POST, "/$batch", body), nil)
	if err != nil {
		return d.outer(err)
	}
	return d.distribute(items, a.body)
}

// outer decides whether the failure of a batch is one of all that could follow.
func (d *dispatcher) outer(err error) error {
	if g, ok := errors.AsType[*GraphError](err); ok {
		d.c.pace.hold(g.RetryAfter)
		if transientStatus(g) && g.RetryAfter <= longestWait {
			return err
		}
		return &outerError{err}
	}
	if isNetwork(err) || errors.Is(err, context.Canceled) {
		return err
	}
	return &outerError{err} // errUnsent too: nothing may be sent any more
}

// distribute gives each item its answer, whatever order they came in.
func (d *dispatcher) distribute(items []*pending, body []byte) error {
	var out struct {
		Responses []batchReply `json:"responses"`
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return errJSON
	}
	for _, p := range items {
		p.err = errNoReply
	}
	for _, r := range out.Responses {
		n, err := strconv.Atoi(r.ID)
		if err != nil || n < 1 || n > len(items) {
			continue
		}
		h := make(http.Header, len(r.Headers))
		for name, value := range r.Headers {
			h.Set(name, value)
		}
		p := items[n-1]
		d.c.pace.observe(r.Status, h)
		d.c.pace.correct(unitsOf(p.op.method, p.op.path), h)
		p.answer, p.err = &answer{r.Status, h, r.Body}, nil
		if r.Status >= http.StatusBadRequest || r.Status < http.StatusOK {
			p.answer, p.err = nil, newGraphError(r.Status, h, truncate(r.Body), d.c.o.Clock())
		}
	}
	return nil
}

func truncate(b []byte) []byte { return b[:min(len(b), maxErrorBody)] }
