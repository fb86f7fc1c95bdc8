package scheduler

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// loop is the state of [Scheduler.Run] that need not outlive it.
type loop struct {
	s      *Scheduler
	first  Policy               // of the first cycle
	alarms map[string]time.Time // when each was raised last

	wall, mono time.Time     // the clocks at the last turn
	held       time.Time     // when something other than sleep kept cycles from starting last
	jitter     time.Duration // of the start after jittered
	jittered   time.Time
	seen       *Status // orders and staging mode at the last turn; nil before the first
	looked     time.Time
	role       bool  // whether it is known who is active
	cycled     bool  // whether the last thing done was a cycle
	outdated   error // that a newer program has brought the store forward
}

// turn does what is due and returns how long to wait.
func (l *loop) turn(ctx context.Context) time.Duration {
	s := l.s
	now := s.now()
	s.beat.Store(now.UnixNano())
	l.clock(ctx, now)
	if !l.lead(ctx, now) {
		return s.opts.Poll
	}
	st, err := s.read(ctx)
	if err == nil {
		err = l.present(ctx, &st, now)
	}
	if err != nil {
		l.trouble(ctx, "store", now, err)
		return s.opts.Poll
	}
	delete(l.alarms, "store")
	l.changes(ctx, &st, now)
	l.watch(ctx, &st, now)
	if st.Orders.Suspended != nil {
		l.held = now
		return s.opts.Poll
	}
	start := l.start(&st, now)
	if st.Orders.Start != nil || !now.Before(start) {
		// Cycles that follow each other at once must not keep maintenance from its turn.
		if l.cycled && l.maintain(ctx, &st, now) {
			l.cycled = false
			return 0
		}
		l.cycled = true
		l.missed(ctx, &st, start, now)
		l.run(ctx, st)
		return 0
	}
	if l.maintain(ctx, &st, now) {
		return 0
	}
	return max(min(s.opts.Poll, start.Sub(now)), time.Millisecond)
}

// start returns when the next cycle starts, zero while the scheduler is suspended.
func (l *loop) start(st *Status, now time.Time) time.Time {
	last := st.State.LastStart
	switch {
	case st.Orders.Suspended != nil:
		return time.Time{}
	case last.IsZero(), st.State.Cut:
		return l.s.next(time.Time{}, now)
	}
	return l.s.next(last, now).Add(l.delay(last))
}

// delay returns the jitter of the start that follows a start.
func (l *loop) delay(last time.Time) time.Duration {
	if l.s.opts.Jitter > 0 && !l.jittered.Equal(last) {
		l.jitter, l.jittered = rand.N(l.s.opts.Jitter), last
	}
	return l.jitter
}

// run runs a cycle.
func (l *loop) run(ctx context.Context, st Status) {
	s := l.s
	policy := st.Orders.Next
	if policy == "" {
		policy = l.first
	}
	if !s.running.TryLock() { // somebody called Cycle: that counts
		return
	}
	defer s.running.Unlock()
	if s.stopped() {
		return
	}
	c, err := s.cycle(ctx, policy, st)
	if ctx.Err() != nil {
		return
	}
	if !c.Ended.IsZero() {
		l.first = Delta
	}
	s.opts.OnCycle(c, err)
	if c.Ended.IsZero() { // it did not begin
		if l.alarm("begin", s.now(), time.Hour) {
			s.Emit(ctx, EventStoreTrouble, "", attrErr(err))
		}
		l.pause(ctx)
	}
}

// pause waits for a poll, so that what fails at once is not tried without end.
func (l *loop) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-l.s.stopping:
	case <-time.After(l.s.opts.Poll):
	}
}

// clock notices that the wall clock went another way than time does.
func (l *loop) clock(ctx context.Context, wall time.Time) {
	mono := time.Now()
	if !l.mono.IsZero() {
		jump := wall.Sub(l.wall) - mono.Sub(l.mono)
		if jump > time.Minute || jump < -time.Minute {
			l.s.Emit(ctx, EventClock, "", attrDuration("by", jump.Round(time.Second)))
		}
	}
	l.wall, l.mono = wall, mono
}

// lead finds out whether this process is the active one.
func (l *loop) lead(ctx context.Context, now time.Time) bool {
	s := l.s
	if s.opts.Lease == nil {
		s.active.Store(true)
		return true
	}
	active, err := s.opts.Lease.Active(ctx)
	if err != nil {
		l.trouble(ctx, "lease", now, err)
		active = false
	}
	if was := s.active.Swap(active); was != active || !l.role {
		id := EventStandby
		if active {
			id = EventActive
		}
		s.Emit(ctx, id, "")
		l.seen, l.role = nil, true
	}
	if !active {
		l.held = now
	}
	return active
}

// trouble tells of a store that cannot be used, once an hour. One that a newer program has brought
// forward is lost for this one.
func (l *loop) trouble(ctx context.Context, key string, now time.Time, err error) {
	if ctx.Err() == nil && l.alarm(key, now, time.Hour) {
		l.s.Emit(ctx, EventStoreTrouble, "", attrErr(err))
	}
	if errors.Is(err, metaverse.ErrNewerSchema) {
		l.outdated = err
	}
}

// present signs the process on, and tells about once a minute that it lives.
func (l *loop) present(ctx context.Context, st *Status, now time.Time) error {
	me := thisProcess(now)
	p := st.State.Process
	mine := p != nil && p.Host == me.Host && p.PID == me.PID && l.seen != nil
	ahead := st.State.ahead(now)
	if ahead { // the clock was set back: what seems to come is over
		st.State.notAfter(now)
	}
	start := l.start(st, now)
	if mine && !ahead && now.Sub(p.Seen) < time.Minute && !now.Before(p.Seen) && st.State.Next.Equal(start) {
		return nil
	}
	return l.s.update(ctx, func(s *State, o *Orders) {
		if mine {
			me.Started = p.Started
		} else {
			s.Cut = s.Cut || s.Running != nil
			s.Running, o.Stop = nil, nil // of a process that is gone
		}
		s.notAfter(now)
		s.Process, s.Next = me, start
	})
}

// leave signs the process off.
func (l *loop) leave(ctx context.Context) {
	err := l.s.update(ctx, func(s *State, _ *Orders) {
		me := thisProcess(time.Time{})
		if p := s.Process; p != nil && p.Host == me.Host && p.PID == me.PID {
			s.Process = nil
		}
	})
	if err != nil {
		l.s.Emit(ctx, EventStoreTrouble, "", attrErr(err))
	}
}

// changes tells of orders and of the staging mode when they are other ones than before.
func (l *loop) changes(ctx context.Context, st *Status, now time.Time) {
	s, was := l.s, l.seen
	l.seen = &Status{Orders: st.Orders, Staging: st.Staging}
	if was == nil {
		was = &Status{}
	}
	if p := st.Orders.Suspended; p != nil && was.Orders.Suspended == nil {
		s.Emit(ctx, EventSuspended, "", attrString("by", p.By), attrString("reason", p.Reason))
		l.alarms["suspended"] = now
	} else if p == nil && was.Orders.Suspended != nil {
		s.Emit(ctx, EventResumed, "")
	}
	if m := st.Staging; m != nil && was.Staging == nil {
		s.Emit(ctx, EventStagingEntered, "", attrString("by", m.By), attrString("reason", m.Reason))
	}
	l.staged(ctx, st)
	if r := st.Orders.Start; r != nil && was.Orders.Start == nil {
		s.Emit(ctx, EventStartRequested, "", attrString("by", r.By))
	}
}

// staged keeps in mind whether the store is in staging mode, so that its end is told of also where
// nothing ran, or another process did, when it came.
func (l *loop) staged(ctx context.Context, st *Status) {
	on := st.Staging != nil
	if on == st.State.Staging || l.s.update(ctx, func(s *State, _ *Orders) { s.Staging = on }) != nil {
		return // the next turn tells of a store in trouble
	}
	if by := st.StagingLeft; !on && by != nil {
		l.s.Emit(ctx, EventStagingLeft, "", attrString("by", by.By), attrString("reason", by.Reason))
	}
}

// missed tells of starts that went by while nothing ran.
func (l *loop) missed(ctx context.Context, st *Status, start, now time.Time) {
	if st.State.LastStart.IsZero() || now.Sub(start) < max(2*l.s.opts.Poll, time.Minute) {
		return // in time
	}
	if l.held.After(start) || !st.State.LastEnd.Before(start) {
		return // suspended, on standby, or still at the cycle before: no riddle
	}
	n := 1
	for t := start; n < maxMissed; n++ {
		if t = l.s.next(t, now); t.After(now) {
			break
		}
	}
	l.s.Emit(ctx, EventMissed, "", attrInt("starts", n), attrDuration("late", now.Sub(start).Round(time.Second)))
}

// maxMissed bounds the counting of missed starts.
const maxMissed = 10_000

// alarm reports whether an alarm is to be raised: it was not within the interval.
func (l *loop) alarm(key string, now time.Time, every time.Duration) bool {
	last, raised := l.alarms[key]
	if raised && now.Sub(last) < every && !last.After(now) {
		return false
	}
	l.alarms[key] = now
	return true
}

// watch watches a running cycle: for orders to stop it, for its progress, for the time it
// takes and for the lease. The function returned ends that.
func (c *cycling) watch(ctx context.Context, st Status) func() {
	done, ended := make(chan struct{}), make(chan struct{})
	slow := c.s.slowAfter(c.cycle.Policy, &st.State)
	go func() {
		defer close(ended)
		tick := time.NewTicker(c.s.opts.Poll)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-c.s.wake:
			case <-tick.C:
			}
			if c.s.breakOff(ctx) {
				c.s.beat.Store(c.s.now().UnixNano())
			}
			c.look(ctx)
			if took := c.s.now().Sub(c.cycle.Started); slow > 0 && took > slow {
				slow = 0
				c.s.Emit(ctx, EventSlow, "", attrDuration("so_far", took.Round(time.Second)), attrString("policy", string(c.cycle.Policy)))
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (s *Scheduler) slowAfter(p Policy, st *State) time.Duration {
	if s.opts.SlowAfter > 0 {
		return s.opts.SlowAfter
	}
	return max(3*st.Took[p], 30*time.Minute)
}

// look writes the progress and takes orders.
func (c *cycling) look(ctx context.Context) {
	s := c.s
	if s.opts.Lease != nil {
		if active, err := s.opts.Lease.Active(ctx); !active || err != nil {
			s.StopCycle() // the store lets nothing through; this spares the tries
			return
		}
	}
	stop := false
	err := s.update(ctx, func(st *State, o *Orders) {
		stop = o.Stop != nil
		if st.Running != nil {
			st.Running.Steps, st.Running.Updated = s.progress(), s.now()
		}
		if st.Process != nil {
			st.Process.Seen = s.now()
		}
	})
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, metaverse.ErrStoreBusy) {
			s.Emit(ctx, EventStoreTrouble, "", attrErr(err))
		}
		return
	}
	if stop && !c.stopped() {
		s.Emit(ctx, EventStopRequested, "")
		s.StopCycle()
	}
}
