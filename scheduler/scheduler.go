package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// ErrRunning says that a cycle is running already.
var ErrRunning = errors.New("scheduler: a cycle is running already")

// MinInterval is the shortest interval between the starts of two cycles.
const MinInterval = time.Minute

// Options are the options of [New]. The zero value, or nil, is good.
type Options struct {
	// Interval is the time from the start of one cycle to the start of the next. A cycle
	// that takes longer is followed by the next at once. 0 means 30 minutes; less than
	// MinInterval is an error.
	Interval time.Duration
	// Jitter is the largest random delay added to each start, so that many programs do not
	// start at the same moment. 0 means none.
	Jitter time.Duration
	// First is the policy of the first cycle of [Scheduler.Run]; "" means Delta, which
	// reads everything where nothing was read before.
	First Policy
	// OnCycle, when not nil, is called after each cycle of [Scheduler.Run], on its
	// goroutine.
	OnCycle func(*Cycle, error)
	// Logger receives one record for each cycle. Nil discards.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Interval == 0 {
		d.Interval = 30 * time.Minute
	}
	if d.First == "" {
		d.First = Delta
	}
	if d.OnCycle == nil {
		d.OnCycle = func(*Cycle, error) {}
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d
}

// A Scheduler runs sync cycles. It is safe for concurrent use.
type Scheduler struct {
	engine     Engine
	connectors []Connector
	opts       Options
	running    sync.Mutex // held by the one cycle
}

// New returns a scheduler for the engine's connectors, in the order in which they shall
// have their turns.
func New(e Engine, connectors []Connector, opts *Options) (*Scheduler, error) {
	s := &Scheduler{engine: e, connectors: connectors, opts: opts.withDefaults()}
	var problems []error
	if s.opts.Interval < MinInterval {
		problems = append(problems, fmt.Errorf("interval %v is shorter than %v", s.opts.Interval, MinInterval))
	}
	if s.opts.Jitter < 0 {
		problems = append(problems, errors.New("jitter is negative"))
	}
	if s.opts.First != Delta && s.opts.First != Initial {
		problems = append(problems, fmt.Errorf("there is no policy %q", s.opts.First))
	}
	seen := make(map[string]bool)
	for _, c := range connectors {
		if c.Name == "" || seen[c.Name] {
			problems = append(problems, fmt.Errorf("connector name %q is empty or not unique", c.Name))
		}
		seen[c.Name] = true
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	return s, nil
}

// Run runs cycles until ctx ends, the first at once. It returns nil then; a cycle that
// fails is reported to OnCycle and the next one runs all the same.
func (s *Scheduler) Run(ctx context.Context) error {
	policy := s.opts.First
	for {
		start := time.Now()
		cycle, err := s.Cycle(ctx, policy)
		if ctx.Err() != nil {
			return nil
		}
		s.opts.OnCycle(cycle, err)
		policy = Delta
		wait := s.opts.Interval - time.Since(start)
		if s.opts.Jitter > 0 {
			wait += rand.N(s.opts.Jitter)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(wait, 0)):
		}
	}
}
