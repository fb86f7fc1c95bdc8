package connectortest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// A FaultKind is a way to misbehave.
type FaultKind string

// The kinds of faults, with the operations that they apply to.
const (
	// Refuse fails the operation before it begins, with Err. Of an export nothing is sent.
	// Applies to all operations.
	Refuse FaultKind = "refuse"
	// Slow waits for Delay before the operation. Applies to all operations.
	Slow FaultKind = "slow"
	// Stuck does not answer until the context ends or, with a Delay, until that is over, and
	// then fails with Err. Applies to all operations.
	Stuck FaultKind = "stuck"
	// Cut ends a stream with Err. Applies to imports and reading.
	Cut FaultKind = "cut"
	// Truncate ends a stream without an error and without Complete. Applies to imports and
	// reading.
	Truncate FaultKind = "truncate"
	// DropComplete ends an import without its Complete. Applies to imports.
	DropComplete FaultKind = "drop-complete"
	// Duplicate yields an object twice. Applies to imports.
	Duplicate FaultKind = "duplicate"
	// Reorder yields the objects in turned round groups of Window. Checkpoints stay behind
	// what they cover. Applies to imports.
	Reorder FaultKind = "reorder"
	// RepeatPage shows the objects since the last checkpoint once more, as a directory does
	// that gives a page token out twice. Applies to imports.
	RepeatPage FaultKind = "repeat-page"
	// EndlessPages shows the objects since the last checkpoint again and again, until the
	// reader has had enough or the context ends. Applies to imports.
	EndlessPages FaultKind = "endless-pages"
	// Malformed takes anchor, DN and class from an object. Applies to imports and reading.
	Malformed FaultKind = "malformed"
	// ItemTrouble puts Err on an object. Applies to imports and reading.
	ItemTrouble FaultKind = "item-trouble"
	// Expire refuses watermark and checkpoint. Applies to delta imports, and to full
	// imports that resume.
	Expire FaultKind = "expire"
	// LoseAnswer carries a change out and reports it as Unknown. Applies to exports.
	LoseAnswer FaultKind = "lose-answer"
	// LoseBatch carries a batch out and returns Err instead of results. Applies to exports.
	LoseBatch FaultKind = "lose-batch"
	// PartialBatch carries the changes before After out, and returns Err instead of results.
	// Applies to exports.
	PartialBatch FaultKind = "partial-batch"
)

// An Operation is what a connector is asked to do.
type Operation string

// The operations that faults apply to.
const (
	OnOpen        Operation = "open"
	OnSchema      Operation = "schema"
	OnFullImport  Operation = "full-import"
	OnDeltaImport Operation = "delta-import"
	OnRead        Operation = "read"
	OnExport      Operation = "export"
)

// A Fault is one thing that goes wrong.
type Fault struct {
	Kind FaultKind
	// On is the operation; "" means every one that the kind applies to.
	On Operation
	// Call is which call of the operation goes wrong, counted from 1 over all sessions; 0
	// means every one.
	Call int
	// After is how many objects, or changes of an export, of the call pass before it.
	After int
	// Times bounds how often the fault fires in all; 0 means no bound.
	Times int
	// Err is the error; nil means one that fits: [connector.ErrUnavailable] of what is
	// refused, cut or lost, [connector.ErrProtocol] of an object.
	Err error
	// Delay is how long Slow and Stuck wait.
	Delay time.Duration
	// Window is the size of the groups of Reorder; less than 2 means 2.
	Window int
}

// A FaultPlan says what goes wrong. The same plan over the same calls gives the same faults.
type FaultPlan struct {
	Faults []Fault
	// Chaos, when not nil, adds faults by chance.
	Chaos *Chaos
	// Sleep waits, for Slow and Stuck; nil means real time. It returns early with the
	// context's cause.
	Sleep func(ctx context.Context, d time.Duration) error
}

// A Firing is a fault that happened.
type Firing struct {
	Fault int // index in the plan, -1 for one of Chaos
	Kind  FaultKind
	On    Operation
	Call  int // of the operation, counted from 1
	Item  int // objects or changes of the call before it
}

// A Faulty is a connector with faults. Make one with [WithFaults].
type Faulty struct {
	inner connector.Connector
	plan  FaultPlan

	mu    sync.Mutex // guards what follows
	calls map[Operation]int
	fired []int // by fault
	trace []Firing
	calm  bool
}

// WithFaults wraps a connector into one that misbehaves as planned. It has the capabilities
// of the inner one and, like it, is safe for concurrent use; with concurrent sessions, which
// call is the n-th depends on them.
func WithFaults(c connector.Connector, plan FaultPlan) *Faulty {
	plan.Faults = slices.Clone(plan.Faults)
	if plan.Sleep == nil {
		plan.Sleep = sleep
	}
	return &Faulty{inner: c, plan: plan, calls: make(map[Operation]int), fired: make([]int, len(plan.Faults))}
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

// Trace returns what has fired so far, in order. A test should look whether its faults did.
func (f *Faulty) Trace() []Firing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.trace)
}

// SetCalm turns all faults off, or on again: after a storm a test wants to see that everything
// comes to rest.
func (f *Faulty) SetCalm(calm bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calm = calm
}

// Fired counts the faults that have fired, by kind.
func (f *Faulty) Fired() map[FaultKind]int {
	counts := make(map[FaultKind]int)
	for _, x := range f.Trace() {
		counts[x.Kind]++
	}
	return counts
}

// Unwrap returns the inner connector.
func (f *Faulty) Unwrap() connector.Connector { return f.inner }

// Info implements [connector.Connector].
func (f *Faulty) Info() connector.Info { return f.inner.Info() }

// Capabilities implements [connector.Connector].
func (f *Faulty) Capabilities() connector.Capabilities { return f.inner.Capabilities() }

// Schema implements [connector.Connector].
func (f *Faulty) Schema(ctx context.Context) (*connector.Schema, error) {
	if err := f.begin(OnSchema).enter(ctx); err != nil {
		return nil, err
	}
	return f.inner.Schema(ctx)
}

// Open implements [connector.Connector].
func (f *Faulty) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	if err := f.begin(OnOpen).enter(ctx); err != nil {
		return nil, err
	}
	s, err := f.inner.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return f.wrap(s), nil
}

// A call is one call of an operation.
type call struct {
	f  *Faulty
	on Operation
	n  int
}

func (f *Faulty) begin(on Operation) *call {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[on]++
	return &call{f, on, f.calls[on]}
}

// fire returns the first fault of the kind that is due, and enters it into the trace.
func (c *call) fire(kind FaultKind, item int) (Fault, bool) {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calm {
		return Fault{}, false
	}
	for i, p := range f.plan.Faults {
		switch {
		case p.Kind != kind, p.On != "" && p.On != c.on, p.Call != 0 && p.Call != c.n:
		case item < p.After, p.Times > 0 && f.fired[i] >= p.Times:
		default:
			f.fired[i]++
			f.trace = append(f.trace, Firing{i, kind, c.on, c.n, item})
			return p, true
		}
	}
	if p, ok := f.plan.Chaos.draw(kind, c.on, c.n, item); ok {
		f.trace = append(f.trace, Firing{-1, kind, c.on, c.n, item})
		return p, true
	}
	return Fault{}, false
}

// fail is the error of a fault.
func (c *call) fail(p Fault, otherwise error) error {
	err := p.Err
	if err == nil {
		err = otherwise
	}
	return &connector.Error{Op: string(c.on), Connector: c.f.inner.Info().Name, Err: err}
}

// enter is what goes wrong before the operation begins.
func (c *call) enter(ctx context.Context) error {
	if p, ok := c.fire(Slow, 0); ok {
		if err := c.f.plan.Sleep(ctx, p.Delay); err != nil {
			return c.fail(Fault{}, err)
		}
	}
	if p, ok := c.fire(Stuck, 0); ok {
		if err := c.stuck(ctx, p); err != nil {
			return err
		}
	}
	if p, ok := c.fire(Refuse, 0); ok {
		return c.fail(p, connector.ErrUnavailable)
	}
	return nil
}

// stuck waits and fails.
func (c *call) stuck(ctx context.Context, p Fault) error {
	if p.Delay == 0 {
		<-ctx.Done()
		return c.fail(p, context.Cause(ctx))
	}
	if err := c.f.plan.Sleep(ctx, p.Delay); err != nil {
		return c.fail(Fault{}, err)
	}
	return c.fail(p, connector.ErrUnavailable)
}

var _ connector.Connector = (*Faulty)(nil)
