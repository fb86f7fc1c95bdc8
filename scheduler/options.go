package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Options are the options of [New]. The zero value, or nil, is good.
type Options struct {
	// Interval is the time from the start of one cycle to the start of the next. 0 means 30
	// minutes. It must be from MinInterval to MaxGap, and 0 where there is a Schedule.
	Interval time.Duration
	// Schedule says when cycles start, in place of Interval.
	Schedule Schedule
	// Jitter is the largest random delay added to each start, so that many programs do not
	// start at the same moment. 0 means none.
	Jitter time.Duration
	// First is the policy of the first cycle of [Scheduler.Run]; "" means Delta, which
	// reads everything where nothing was read before.
	First Policy
	// Parallel is the number of imports, and of exports, that run side by side; 0 means 4,
	// 1 means one after the other. Synchronisations never run side by side.
	Parallel int
	// SlowAfter is how long a cycle may take before an event tells of it. 0 means three
	// times as long as cycles of its policy took lately, and at least 30 minutes.
	SlowAfter time.Duration
	// HangAfter is how long a step may make no progress before it is broken off, so that a
	// directory that never answers does not hold up the others; 0 means one hour, and it is at
	// least five minutes. It needs [Scheduler.Report] to be called. A step that goes on all the same
	// makes [Health] say that the program is not live.
	HangAfter time.Duration
	// KeepHistory is how long run steps stay in the history; 0 means seven days.
	KeepHistory time.Duration
	// Poll is how often the scheduler looks at the clock and at what operators ask of it
	// through the store; 0 means five seconds.
	Poll time.Duration
	// Tasks are maintenance beside that of the scheduler itself, such as the rotation of
	// certificates. They run between cycles, and not while the scheduler is suspended.
	Tasks []Task
	// Certificates returns the certificates to watch, those of the tenant's application
	// first of all. Nil means none.
	Certificates func(context.Context) ([]Certificate, error)
	// Lease tells which of several processes on one store is the active one. Nil means
	// that this process is alone.
	Lease Lease
	// OnCycle, when not nil, is called after each cycle of [Scheduler.Run], on its
	// goroutine.
	OnCycle func(*Cycle, error)
	// OnEvent, when not nil, is called with every event, from any goroutine. It must not
	// block.
	OnEvent func(context.Context, Event)
	// Observer, when not nil, hears of cycles and steps.
	Observer Observer
	// Logger receives one record for each event, with its number as event_id. Nil discards.
	Logger *slog.Logger
	// Now is the wall clock. Nil means time.Now.
	Now func() time.Time
}

// A Task is a piece of maintenance.
type Task struct {
	Name  string
	Every time.Duration // at least MinInterval
	Run   func(context.Context) error
}

// A Certificate is one that the scheduler watches.
type Certificate struct {
	Name    string // for people
	Expires time.Time
	Due     time.Time // when it should be replaced; zero means 30 days before it expires
	// Software says that no hardware protects the private key.
	Software bool
}

// A Lease tells which of several processes is the active one. It is the store's part to
// see to it that a process that has lost its lease writes nothing; the scheduler starts
// nothing without it.
type Lease interface {
	// Active reports whether this process is the active one now.
	Active(ctx context.Context) (bool, error)
}

// An Observer hears of cycles and steps as they begin and end, for traces and measurements.
// It must be safe for concurrent use and must not block.
type Observer interface {
	// CycleStarted and StepStarted return the context for what the cycle or step does.
	CycleStarted(context.Context, Policy) context.Context
	CycleEnded(context.Context, *Cycle, error)
	StepStarted(context.Context, Step) context.Context
	StepEnded(context.Context, *StepRecord)
}

// unobserved is the Observer that hears nothing.
type unobserved struct{}

func (unobserved) CycleStarted(ctx context.Context, _ Policy) context.Context { return ctx }
func (unobserved) CycleEnded(context.Context, *Cycle, error)                  {}
func (unobserved) StepStarted(ctx context.Context, _ Step) context.Context    { return ctx }
func (unobserved) StepEnded(context.Context, *StepRecord)                     {}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Schedule == nil && d.Interval == 0 {
		d.Interval = 30 * time.Minute
	}
	if d.First == "" {
		d.First = Delta
	}
	if d.Parallel == 0 {
		d.Parallel = 4
	}
	if d.HangAfter == 0 {
		d.HangAfter = time.Hour
	}
	if d.KeepHistory == 0 {
		d.KeepHistory = 7 * day
	}
	if d.Poll == 0 {
		d.Poll = 5 * time.Second
	}
	if d.OnCycle == nil {
		d.OnCycle = func(*Cycle, error) {}
	}
	if d.OnEvent == nil {
		d.OnEvent = func(context.Context, Event) {}
	}
	if d.Observer == nil {
		d.Observer = unobserved{}
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}

func (o *Options) validate() error {
	var problems []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	if o.Schedule == nil {
		bad(o.Interval < MinInterval, "interval %v is shorter than %v", o.Interval, MinInterval)
		bad(o.Interval > MaxGap, "interval %v is longer than %v: watermarks would expire", o.Interval, MaxGap)
	} else {
		bad(o.Interval != 0, "interval and schedule exclude each other")
	}
	bad(o.Jitter < 0, "jitter is negative")
	bad(o.Jitter > day/2, "jitter %v is longer than half a day", o.Jitter)
	bad(!slices.Contains([]Policy{Delta, Initial}, o.First), "there is no policy %q", o.First)
	bad(o.Parallel < 0, "parallel is negative")
	bad(o.SlowAfter < 0, "slow-after is negative")
	bad(o.HangAfter < minHang, "hang-after %v is shorter than %v", o.HangAfter, minHang)
	bad(o.KeepHistory < 0, "keep-history is negative")
	bad(o.Poll < 0, "poll is negative")
	for _, t := range o.Tasks {
		bad(t.Run == nil || t.Name == "" || t.Every < MinInterval, "task %q needs a name, a function and an interval of at least %v", t.Name, MinInterval)
	}
	return errors.Join(problems...)
}

const day = 24 * time.Hour
