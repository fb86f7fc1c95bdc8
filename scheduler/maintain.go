package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// An Optimizer is a store that has upkeep of its own, such as giving space back.
type Optimizer interface {
	// Optimize does what is worth doing now. It may be called while the store is in use.
	Optimize(ctx context.Context) error
}

// Names of the scheduler's own maintenance tasks.
const (
	taskHistory    = "history"
	taskWatermarks = "watermarks"
	taskStore      = "store"
)

// tasks returns all maintenance tasks.
func (s *Scheduler) tasks() []Task {
	own := []Task{
		{taskHistory, 6 * time.Hour, func(ctx context.Context) error {
			_, err := s.engine.Purge(ctx, s.opts.KeepHistory)
			return err
		}},
		{taskWatermarks, day, func(ctx context.Context) error {
			_, err := s.engine.ForgetWatermarks(ctx)
			return err
		}},
	}
	if o, ok := s.engine.Store().(Optimizer); ok {
		own = append(own, Task{taskStore, day, o.Optimize})
	}
	return append(own, s.opts.Tasks...)
}

// retryTask is how soon a task that failed is tried again.
const retryTask = 10 * time.Minute

// maintain carries out one task that is due, and reports whether there was one.
func (l *loop) maintain(ctx context.Context, st *Status, now time.Time) bool {
	s := l.s
	for _, t := range s.tasks() {
		last := st.State.Maintained[t.Name]
		if age := now.Sub(last); age >= 0 && age < t.Every {
			continue
		}
		failed, again := l.alarms["task/"+t.Name]
		if age := now.Sub(failed); again && age >= 0 && age < min(retryTask, t.Every) {
			continue
		}
		err := l.attend(ctx, t)
		took := max(s.now().Sub(now), 0)
		if err == nil {
			err = s.update(ctx, func(st *State, _ *Orders) { st.Maintained[t.Name] = now })
		}
		if err != nil {
			l.alarms["task/"+t.Name] = now.Add(took)
			if ctx.Err() == nil && !s.stopped() {
				s.Emit(ctx, EventMaintenanceFailed, "", attrString("task", t.Name), attrDuration("duration", took), attrErr(err))
			}
			return true
		}
		delete(l.alarms, "task/"+t.Name)
		s.Emit(ctx, EventMaintenance, "", attrString("task", t.Name), attrDuration("duration", took))
		return true
	}
	return false
}

// maxTask is how long a maintenance task may take. What is left waits for the next time.
const maxTask = 10 * time.Minute

var errTaskLimit = fmt.Errorf("scheduler: a maintenance task took longer than %v", maxTask)

// attend runs a task. It is asked to end when the scheduler is stopped or not the active one any
// more, and when it takes too long; where it does not care, the program is not live any more.
func (l *loop) attend(ctx context.Context, t Task) error {
	s := l.s
	limited, cancel := context.WithTimeoutCause(ctx, maxTask, errTaskLimit)
	defer cancel()
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(s.opts.Poll)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-s.stopping:
				cancel()
				return
			case <-tick.C:
			}
			if limited.Err() != nil {
				return
			}
			s.beat.Store(s.now().UnixNano())
			if s.opts.Lease != nil {
				if active, err := s.opts.Lease.Active(limited); !active || err != nil {
					cancel()
				}
			}
		}
	}()
	err := t.Run(limited)
	close(done)
	<-watched
	if err != nil && errors.Is(context.Cause(limited), errTaskLimit) {
		err = errors.Join(errTaskLimit, err)
	}
	return err
}

// How long before a limit alarms begin.
const (
	limitWarning  = MaxGap - day
	expiryWarning = 30 * day
)

// watch raises the alarms that time gives reason for, each once a day.
func (l *loop) watch(ctx context.Context, st *Status, now time.Time) {
	s := l.s
	if p := st.Orders.Suspended; p != nil && l.alarm("suspended", now, day) {
		s.Emit(ctx, EventStillSuspended, "", attrString("by", p.By), attrDuration("for", now.Sub(p.Since).Round(time.Minute)))
	}
	for _, c := range s.connectors {
		last := st.State.Connectors[c.Name].Imported
		age := now.Sub(last)
		switch {
		case last.IsZero() || age < limitWarning:
		case age > MaxGap && l.alarm("exceeded/"+c.Name, now, day):
			s.Emit(ctx, EventLimitExceeded, c.Name, attrDuration("age", age.Round(time.Minute)))
		case age <= MaxGap && l.alarm("near/"+c.Name, now, day):
			s.Emit(ctx, EventLimitNear, c.Name, attrDuration("age", age.Round(time.Minute)))
		}
	}
	if age := now.Sub(l.looked); s.opts.Certificates != nil && (age >= time.Hour || age < 0) {
		l.looked = now
		l.certificates(ctx, st, now)
	}
}

// certificates looks at the certificates that sign the program in.
func (l *loop) certificates(ctx context.Context, st *Status, now time.Time) {
	s := l.s
	list, err := s.opts.Certificates(ctx)
	if err != nil && l.alarm("certificates", now, day) {
		s.Emit(ctx, EventMaintenanceFailed, "", attrString("task", "certificates"), attrErr(err))
	}
	for _, c := range list {
		due := c.Due
		if due.IsZero() {
			due = c.Expires.Add(-expiryWarning)
		}
		about := []slog.Attr{attrString("certificate", c.Name), slog.Time("expires", c.Expires), attrInt("days_left", int(c.Expires.Sub(now)/day))}
		raise := func(when bool, key string, id EventID, every time.Duration) {
			if when && l.alarm(key+"/"+c.Name, now, every) {
				s.Emit(ctx, id, "", about...)
			}
		}
		expired := !now.Before(c.Expires)
		soon := !now.Before(due) || c.Expires.Sub(now) <= expiryWarning
		raise(expired, "expired", EventCertificateExpired, day)
		raise(!expired && !now.Before(due), "due", EventCertificateDue, day)
		raise(!expired && soon && st.Orders.Suspended != nil, "suspended-expiry", EventSuspendedExpiry, day)
		raise(c.Software, "software", EventNoHardwareKey, 30*day)
	}
}
