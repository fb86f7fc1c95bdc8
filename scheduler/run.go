package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hybridsync/hybridsync/metaverse"
)

// Cycle runs one cycle now, whatever the schedule says. It returns what was done always. The
// error joins those of the steps that did not complete ([*metaverse.StepError]); steps that
// completed with object errors have none. While another cycle of this scheduler runs it
// fails with [ErrRunning].
func (s *Scheduler) Cycle(ctx context.Context, p Policy) (*Cycle, error) {
	if !s.running.TryLock() {
		return &Cycle{Policy: p}, ErrRunning
	}
	defer s.running.Unlock()
	if s.stopped() {
		return &Cycle{Policy: p}, errors.New("scheduler: it was stopped")
	}
	st, err := s.read(ctx)
	if err != nil {
		return &Cycle{Policy: p}, err
	}
	return s.cycle(ctx, p, st)
}

// cycling is the state of a running cycle.
type cycling struct {
	s     *Scheduler
	cycle *Cycle
	plan  *plan
	stop  chan struct{} // closed to end the cycle at its next safe point

	mu     sync.Mutex
	blind  map[string]bool // connectors whose import failed, guarded by mu
	failed []error         // guarded by mu
}

func (s *Scheduler) cycle(ctx context.Context, p Policy, st Status) (*Cycle, error) {
	c := &cycling{s: s, cycle: &Cycle{Policy: p, Started: s.now(), Staging: st.Staging != nil}, stop: make(chan struct{}), blind: make(map[string]bool)}
	var err error
	if c.plan, err = s.plan(ctx, p, st); err != nil {
		return c.cycle, err
	}
	if err := c.begin(ctx); err != nil {
		return c.cycle, err
	}
	s.Emit(ctx, EventCycleStarted, "", attrString("policy", string(p)), attrBool("staging", c.cycle.Staging))
	octx := s.opts.Observer.CycleStarted(ctx, p)
	watched := c.watch(octx, st)
	for _, phase := range c.plan.phases {
		c.phase(octx, phase)
	}
	watched()
	return c.cycle, c.end(octx)
}

// begin notes in the store that the cycle runs.
func (c *cycling) begin(ctx context.Context) error {
	s := c.s
	s.mu.Lock()
	s.steps, s.moves = make(map[string]metaverse.Progress), make(map[string]*movement)
	s.quit = sync.OnceFunc(func() { close(c.stop) })
	s.mu.Unlock()
	return s.update(ctx, func(st *State, o *Orders) {
		st.LastStart, st.LastPolicy = c.cycle.Started, c.cycle.Policy
		st.Running = &Running{Policy: c.cycle.Policy, Started: c.cycle.Started, Updated: c.cycle.Started}
		o.Start, o.Stop, o.Next = nil, nil, ""
		if c.cycle.Policy == Initial {
			c.require(o)
		}
	})
}

// require keeps in mind, until it is done, that everything has to be read and evaluated: an
// initial cycle that does not get through is made up for by the cycles after it.
func (c *cycling) require(o *Orders) {
	if o.Overrides == nil {
		o.Overrides = make(map[string]Override)
	}
	for _, k := range c.s.connectors {
		o.Overrides[k.Name] = Override{FullImport: true, FullSync: true, By: "an initial cycle that did not complete"}
	}
}

// end notes in the store what the cycle did.
func (c *cycling) end(ctx context.Context) error {
	s := c.s
	s.mu.Lock()
	s.steps, s.moves, s.quit = nil, nil, nil
	s.mu.Unlock()
	c.cycle.Ended = s.now()
	switch {
	case ctx.Err() != nil:
		c.failed = append(c.failed, fmt.Errorf("scheduler: the cycle was stopped: %w", context.Cause(ctx)))
	case c.stopped():
		c.failed = append(c.failed, fmt.Errorf("scheduler: the cycle was stopped: %w", metaverse.ErrStopped))
	}
	took := c.cycle.Ended.Sub(c.cycle.Started)
	quiet := context.WithoutCancel(ctx)
	err := s.update(quiet, func(st *State, o *Orders) {
		st.Running, st.LastEnd, st.LastResult = nil, c.cycle.Ended, c.cycle.Result()
		st.Cut = ctx.Err() != nil || s.stopped()
		o.Stop = nil
		if len(c.failed) == 0 && took >= 0 {
			st.tookAgain(c.cycle.Policy, took)
		}
	})
	if err != nil {
		c.failed = append(c.failed, err)
		s.Emit(quiet, EventStoreTrouble, "", attrErr(err))
	}
	all := errors.Join(c.failed...)
	id := EventCycleEnded
	if all != nil {
		id = EventCycleFailed
	}
	s.Emit(quiet, id, "", attrString("policy", string(c.cycle.Policy)), attrString("result", string(c.cycle.Result())),
		attrInt("steps", len(c.cycle.Steps)), attrInt("skipped", len(c.cycle.Skipped)), attrDuration("duration", took))
	s.opts.Observer.CycleEnded(quiet, c.cycle, all)
	return all
}

func (c *cycling) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return c.s.stopped()
	}
}

// phase runs steps side by side, as many as are allowed.
func (c *cycling) phase(ctx context.Context, steps []Step) {
	records := make([]*metaverse.RunRecord, len(steps))
	skipped := make([]*SkippedStep, len(steps))
	var g errgroup.Group // its steps never fail: what they report is kept
	g.SetLimit(c.s.opts.Parallel)
	for i, step := range steps {
		g.Go(func() error {
			if why := c.skip(ctx, step); why != "" {
				skipped[i] = &SkippedStep{step, why}
				return nil
			}
			records[i] = c.step(ctx, step)
			return nil
		})
	}
	_ = g.Wait()
	for i := range steps {
		if records[i] != nil {
			c.cycle.Steps = append(c.cycle.Steps, records[i])
		}
		if k := skipped[i]; k != nil {
			c.cycle.Skipped = append(c.cycle.Skipped, *k)
			if !c.stopped() && ctx.Err() == nil {
				c.s.Emit(ctx, EventStepSkipped, k.Connector, attrString("step", string(k.Kind)), attrString("reason", k.Why))
			}
		}
	}
}

func (c *cycling) skip(ctx context.Context, step Step) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ctx.Err() != nil, c.stopped():
		return "the cycle was stopped"
	case step.Kind == metaverse.Export && c.blind[step.Connector]:
		return "the import of the same connector did not complete"
	}
	return ""
}

// step runs one step and notes what came of it.
func (c *cycling) step(ctx context.Context, step Step) *metaverse.RunRecord {
	s := c.s
	if step.Reason != "" && step.Reason != reasonInitial {
		s.Emit(ctx, EventFullStep, step.Connector, attrString("step", string(step.Kind)), attrString("reason", step.Reason))
	}
	sctx := s.opts.Observer.StepStarted(ctx, step)
	rctx, ended := s.moving(sctx, step)
	record, err := s.engine.Run(rctx, step.Connector, step.Kind, &metaverse.RunOptions{Reason: step.Reason, Stop: c.stop})
	ended()
	quiet := context.WithoutCancel(sctx)
	out := &StepRecord{Step: step, Run: record, Err: err}
	c.note(quiet, out)
	s.tell(quiet, out)
	s.opts.Observer.StepEnded(quiet, out)
	return record
}

// note keeps what the rest of the cycle and later ones have to know of a step.
func (c *cycling) note(ctx context.Context, r *StepRecord) {
	stopped := c.stopped() && errors.Is(r.Err, metaverse.ErrStopped)
	staging := errors.Is(r.Err, metaverse.ErrStaging)
	c.mu.Lock()
	if r.Err != nil {
		c.blind[r.Connector] = c.blind[r.Connector] || isImport(r.Kind)
		if !stopped && !staging {
			c.failed = append(c.failed, r.Err)
		}
	}
	c.mu.Unlock()
	if r.Err != nil || r.Run == nil {
		return
	}
	err := c.s.update(ctx, func(st *State, o *Orders) {
		st.completed(r.Run, c.plan.wants[r.Connector])
		over, ok := o.Overrides[r.Connector]
		if !ok {
			return
		}
		over.FullImport = over.FullImport && r.Kind != metaverse.FullImport
		over.FullSync = over.FullSync && r.Kind != metaverse.FullSync
		if o.Overrides[r.Connector] = over; !over.FullImport && !over.FullSync {
			delete(o.Overrides, r.Connector)
		}
	})
	if err != nil {
		c.mu.Lock()
		c.failed = append(c.failed, err)
		c.mu.Unlock()
	}
}
