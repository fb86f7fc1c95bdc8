package scheduler

import (
	"context"
	"errors"
	"time"
)

// A movement is what is known of the progress of a step under way. Times are not those of the
// wall clock, which may be set.
type movement struct {
	step     Step
	last     time.Time // of progress
	breakOff context.CancelCauseFunc
	broken   time.Time // when it was broken off
}

// Bounds of [Options.HangAfter], and how long a step that is broken off may take to end.
const (
	minHang   = 5 * time.Minute
	hangGrace = 5 * time.Minute
)

// errHung is why a step was broken off.
var errHung = errors.New("scheduler: the step made no progress for too long")

// moving begins to watch the progress of a step. The function returned ends that.
func (s *Scheduler) moving(ctx context.Context, step Step) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moves[step.Connector] = &movement{step: step, last: time.Now(), breakOff: cancel}
	return ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.moves, step.Connector)
		delete(s.steps, step.Connector)
		cancel(nil)
	}
}

// breakOff breaks off steps that make no progress. It reports false where one goes on in spite
// of that: only the end of the program helps then.
func (s *Scheduler) breakOff(ctx context.Context) (lives bool) {
	now := time.Now()
	var hung []movement
	lives = true
	s.mu.Lock()
	for _, m := range s.moves {
		switch {
		case !s.tells:
		case !m.broken.IsZero():
			lives = lives && now.Sub(m.broken) < hangGrace
		case now.Sub(m.last) > s.opts.HangAfter:
			m.broken = now
			hung = append(hung, *m)
		}
	}
	s.mu.Unlock()
	for _, m := range hung {
		s.Emit(ctx, EventStepHung, m.step.Connector, attrString("step", string(m.step.Kind)), attrDuration("for", now.Sub(m.last).Round(time.Second)))
		m.breakOff(errHung)
	}
	return lives
}
