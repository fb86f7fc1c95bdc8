package scheduler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// ErrRunning says that a cycle is running already.
var ErrRunning = errors.New("scheduler: a cycle is running already")

// An Engine is what the scheduler needs of a [metaverse.Engine].
type Engine interface {
	Run(ctx context.Context, connector string, kind metaverse.StepKind, o *metaverse.RunOptions) (*metaverse.RunRecord, error)
	Due(ctx context.Context, connector string) (metaverse.Due, error)
	Purge(ctx context.Context, olderThan time.Duration) (int64, error)
	ForgetWatermarks(ctx context.Context) ([]string, error)
	Store() metaverse.Store
}

var _ Engine = (*metaverse.Engine)(nil)

// A Connector is a connector as the scheduler sees it.
type Connector struct {
	Name  string // as the engine knows it
	Cloud bool   // a cloud directory, as opposed to an on-premises one
	// ReadOnly connectors are never exported to.
	ReadOnly bool
	// ExportFirst on-premises directories are exported to before the cloud, others beside
	// it. It is for those in which the source anchor is written, which comes before the
	// cloud's first export of the same object ([metaverse.Options.AnchorAttribute]).
	ExportFirst bool
	// Scope is a text, or a hash of one, that changes whenever the connector's filters do:
	// another scope makes the next import a full one.
	Scope string
}

// A Scheduler runs sync cycles. It is safe for concurrent use.
type Scheduler struct {
	engine     Engine
	connectors []Connector
	opts       Options
	schedule   Schedule
	control    *Control
	running    sync.Mutex // held by the one cycle
	looping    sync.Mutex // held by Run
	stopping   chan struct{}
	stopOnce   sync.Once
	wake       chan struct{} // has an entry when there is something to look at
	beat       atomic.Int64  // when Run looked last, Unix nanoseconds
	active     atomic.Bool   // whether this is the active process

	mu    sync.Mutex
	steps map[string]metaverse.Progress // of the running cycle, by connector, guarded by mu
	moves map[string]*movement          // of its steps, by connector, guarded by mu
	tells bool                          // whether the program reports progress, guarded by mu
	quit  func()                        // ends the running cycle at its next safe point, guarded by mu
}

// New returns a scheduler for the engine's connectors, in the order in which they shall
// have their turns.
func New(e Engine, connectors []Connector, opts *Options) (*Scheduler, error) {
	s := &Scheduler{
		engine: e, connectors: connectors, opts: opts.withDefaults(), control: NewControl(e.Store()),
		stopping: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	s.control.now = s.opts.Now
	if s.schedule = s.opts.Schedule; s.schedule == nil {
		s.schedule = Every(s.opts.Interval)
	}
	problems := []error{s.opts.validate()}
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

// Control returns what gives orders to the scheduler.
func (s *Scheduler) Control() *Control { return s.control }

func (s *Scheduler) now() time.Time { return s.opts.Now().UTC().Round(0) }

// Run runs cycles as the schedule says until ctx ends or [Scheduler.Stop] is called, and
// returns nil then. Where no cycle ran before, the first starts at once. A cycle that fails
// is reported, and the next one runs all the same. Where a newer version of the program has
// brought the store forward, Run ends with an error that matches [metaverse.ErrNewerSchema]:
// this version has nothing to do there any more.
//
// When ctx ends, steps under way are broken off. Nothing is lost by that, but requests that
// were on their way have to be settled by reading: Stop is the gentle way.
func (s *Scheduler) Run(ctx context.Context) error {
	if !s.looping.TryLock() {
		return errors.New("scheduler: Run is running already")
	}
	defer s.looping.Unlock()
	l := &loop{s: s, first: s.opts.First, alarms: make(map[string]time.Time)}
	s.Emit(ctx, EventStarted, "")
	defer func() {
		quiet := context.WithoutCancel(ctx)
		if s.active.Load() && l.outdated == nil {
			l.leave(quiet)
		}
		s.Emit(quiet, EventStopped, "")
	}()
	for {
		wait := l.turn(ctx)
		if l.outdated != nil {
			return l.outdated
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.stopping:
			return nil
		case <-s.wake:
		case <-time.After(wait):
		}
	}
}

// Stop makes [Scheduler.Run] return after the running cycle has ended at its next safe point:
// steps that are under way end with their next batch, no others begin. It does not wait. A
// stopped scheduler runs no cycle any more.
func (s *Scheduler) Stop() {
	s.stopOnce.Do(func() { close(s.stopping) })
	s.StopCycle()
}

// StopCycle ends the running cycle, if there is one, at its next safe point.
func (s *Scheduler) StopCycle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quit != nil {
		s.quit()
	}
}

// Wake makes [Scheduler.Run] look at its orders at once instead of with its next poll.
func (s *Scheduler) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Scheduler) stopped() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

func thisProcess(now time.Time) *Process {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Process{Host: host, PID: os.Getpid(), Started: now, Seen: now}
}
