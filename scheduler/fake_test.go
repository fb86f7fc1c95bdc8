package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/scheduler"
)

// fakeEngine is an engine without directories: steps take time, may fail, and full ones
// satisfy what made them necessary. It notes what must never happen.
type fakeEngine struct {
	store *metaversetest.Memory
	took  time.Duration
	now   func() time.Time
	then  func(scheduler.Step) // in the middle of a step
	done  func(scheduler.Step) // after one that was completed

	mu         sync.Mutex
	steps      []scheduler.Step
	reasons    []string
	running    map[string]bool
	syncing    bool
	most       int // steps at one time
	fail       map[scheduler.Step]metaverse.RunResult
	widen      map[scheduler.Step]metaverse.WidenReason
	errors     map[scheduler.Step]int64
	due        map[string]metaverse.Due
	purged     int
	violations []string
}

func newFake() *fakeEngine {
	return &fakeEngine{
		store: metaversetest.NewMemory(), now: time.Now, running: make(map[string]bool), due: make(map[string]metaverse.Due),
		fail: make(map[scheduler.Step]metaverse.RunResult), widen: make(map[scheduler.Step]metaverse.WidenReason),
		errors: make(map[scheduler.Step]int64),
	}
}

// read makes connectors known: imported and evaluated before.
func (f *fakeEngine) read(names ...string) *fakeEngine {
	for _, n := range names {
		f.due[n] = metaverse.Due{Watermark: true, Synchronised: true}
	}
	return f
}

func (f *fakeEngine) Store() metaverse.Store { return f.store }

func (f *fakeEngine) Due(_ context.Context, name string) (metaverse.Due, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.due[name], nil
}

func (f *fakeEngine) Purge(context.Context, time.Duration) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.purged++
	return 0, nil
}

func (f *fakeEngine) ForgetWatermarks(context.Context) ([]string, error) { return nil, nil }

func (f *fakeEngine) Run(ctx context.Context, name string, kind metaverse.StepKind, o *metaverse.RunOptions) (*metaverse.RunRecord, error) {
	step := scheduler.Step{Connector: name, Kind: kind}
	started := f.now()
	f.begin(step, o.Reason)
	var stopped error
	f.mu.Lock()
	took := f.took
	f.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		stopped = ctx.Err()
	case <-o.Stop:
		stopped = metaverse.ErrStopped
	}
	if f.then != nil {
		f.then(step)
	}
	rec, err := f.end(step, started, stopped)
	if err == nil && f.done != nil {
		f.done(step)
	}
	return rec, err
}

func (f *fakeEngine) begin(step scheduler.Step, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sync := step.Kind == metaverse.FullSync || step.Kind == metaverse.DeltaSync
	if f.running[step.Connector] {
		f.violations = append(f.violations, fmt.Sprintf("two steps of %s at a time", step.Connector))
	}
	if sync && (f.syncing || len(f.running) > 0) {
		f.violations = append(f.violations, "a synchronisation beside another step")
	}
	f.running[step.Connector], f.syncing = true, sync
	f.most = max(f.most, len(f.running))
	f.steps, f.reasons = append(f.steps, step), append(f.reasons, reason)
}

func (f *fakeEngine) end(step scheduler.Step, started time.Time, stopped error) (*metaverse.RunRecord, error) {
	ended := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, step.Connector)
	f.syncing = false
	rec := &metaverse.RunRecord{
		Connector: step.Connector, Step: step.Kind, Result: metaverse.ResultSuccess, Started: started, Ended: ended, Widened: f.widen[step],
	}
	rec.Counters.Errors = f.errors[step]
	if result, bad := f.fail[step]; bad {
		rec.Result = result
		return rec, &metaverse.StepError{Record: rec, Err: errors.New("no answer")}
	}
	if stopped != nil {
		rec.Result = metaverse.ResultStoppedCancelled
		return rec, &metaverse.StepError{Record: rec, Err: stopped}
	}
	d := f.due[step.Connector]
	switch step.Kind {
	case metaverse.FullImport:
		d.Watermark = true
	case metaverse.FullSync:
		d.Synchronised, d.RulesChanged = true, false
	}
	f.due[step.Connector] = d
	return rec, nil
}

// ran returns the steps that have begun, in order.
func (f *fakeEngine) ran() []scheduler.Step {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.steps)
}

// recorder keeps events.
type recorder struct {
	mu     sync.Mutex
	events []scheduler.Event
}

func (r *recorder) on(_ context.Context, e scheduler.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) count(id scheduler.EventID) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.ID == id {
			n++
		}
	}
	return n
}

// last returns the newest event of a sort.
func (r *recorder) last(id scheduler.EventID) (last scheduler.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.ID == id {
			last = e
		}
	}
	return last
}
