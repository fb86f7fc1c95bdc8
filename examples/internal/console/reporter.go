package console

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A Reporter shows the progress of long work: a bar for each connector on a terminal, a log
// record now and then elsewhere. The zero Reporter shows nothing. It is safe for concurrent use.
type Reporter struct {
	w io.Writer // nil is no terminal

	mu     sync.Mutex
	log    *slog.Logger        // where there is no terminal; nil for nothing, guarded by mu
	bars   *mpb.Progress       // nil while nothing is shown, guarded by mu
	shown  map[string]*running // by connector, guarded by mu
	logged map[string]time.Time
}

// running is a bar of one phase of a connector's step.
type running struct {
	phase string
	bar   *mpb.Bar
	mu    sync.Mutex
	last  metaverse.Progress // guarded by mu
}

// logEvery is how often a step that goes on is logged.
const logEvery = 30 * time.Second

// NewReporter returns a reporter that shows progress on f when f is a terminal.
func NewReporter(f *os.File) *Reporter {
	if !term.IsTerminal(int(f.Fd())) {
		return &Reporter{}
	}
	return &Reporter{w: f}
}

// LogTo makes the reporter write log records where there is no terminal.
func (r *Reporter) LogTo(log *slog.Logger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = log
}

// Report takes the progress of one connector's step.
func (r *Reporter) Report(p metaverse.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.w != nil:
		r.draw(p)
	case r.log != nil:
		r.record(p)
	}
}

func (r *Reporter) record(p metaverse.Progress) {
	if r.logged == nil {
		r.logged = make(map[string]time.Time)
	}
	key := p.Connector + " " + string(p.Step)
	now := time.Now()
	if p.Elapsed < logEvery || now.Sub(r.logged[key]) < logEvery {
		return // short steps have their one record when they end
	}
	r.logged[key] = now
	v := p.View()
	at := []any{"connector", p.Connector, "step", string(p.Step), "phase", p.Phase, "done", p.Done, "rate", int(v.Rate)}
	if p.Total > 0 {
		at = append(at, "total", p.Total)
	}
	if left, ok := p.Remaining(); ok {
		at = append(at, "left", left)
	}
	r.log.Info("progress", at...)
}

func (r *Reporter) draw(p metaverse.Progress) {
	if r.bars == nil {
		r.bars = mpb.New(mpb.WithOutput(r.w), mpb.WithWidth(64), mpb.WithRefreshRate(150*time.Millisecond))
		r.shown = make(map[string]*running)
	}
	phase := fmt.Sprintf("%s %s: %s ", p.Connector, p.Step, p.Phase)
	s := r.shown[p.Connector]
	if s == nil || s.phase != phase {
		if s != nil {
			s.bar.Abort(true)
		}
		s = &running{phase: phase}
		s.bar = r.bars.AddBar(0, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(phase)), mpb.AppendDecorators(decor.Any(s.text)))
		r.shown[p.Connector] = s
	}
	s.mu.Lock()
	s.last = p
	s.mu.Unlock()
	if p.Total > 0 {
		s.bar.SetTotal(max(p.Total, p.Done)+1, false) // it is complete when the next phase begins
	}
	s.bar.SetCurrent(p.Done)
}

// text is what stands behind a bar: counts, rate, and the time that is left.
func (s *running) text(decor.Statistics) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.last
	out := fmt.Sprintf(" %d", p.Done)
	if p.Total > 0 {
		out += fmt.Sprintf("/%d", p.Total)
	}
	if rate := p.Rate(); rate > 0 {
		out += fmt.Sprintf(", %.0f/s", rate)
	}
	if left, ok := p.Remaining(); ok {
		out += fmt.Sprintf(", %s left", left)
	}
	return out
}

// Done clears what is shown.
func (r *Reporter) Done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bars == nil {
		return
	}
	for _, s := range r.shown {
		s.bar.Abort(true)
	}
	r.bars.Wait() // the last one drawn is wiped away
	r.bars, r.shown = nil, nil
}
