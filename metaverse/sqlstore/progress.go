package sqlstore

import (
	"context"
	"os"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// reportEvery is the time between two reports of progress.
const reportEvery = 100 * time.Millisecond

// A meter tells how far a long piece of work on the store is, about ten times a second.
type meter struct {
	to           func(metaverse.Progress) // nil for nobody
	p            metaverse.Progress
	began, phase time.Time
	told         time.Time
}

func (s *Store) meter(what string) *meter {
	return &meter{to: s.opts.Progress, p: metaverse.Progress{Connector: "store", Step: metaverse.StepKind(what)}, began: time.Now()}
}

// begin begins a phase of so many things to do.
func (m *meter) begin(phase string, total int64) {
	m.phase = time.Now()
	m.p.Phase, m.p.Done, m.p.Total = phase, 0, total
	m.tell(0, true)
}

// tell adds to what is done.
func (m *meter) tell(done int64, now bool) {
	m.p.Done += done
	if m.to == nil || !now && time.Since(m.told) < reportEvery {
		return
	}
	m.told = time.Now()
	m.p.Elapsed, m.p.InPhase = m.told.Sub(m.began), m.told.Sub(m.phase)
	m.to(m.p)
}

// growing tells how a file grows while another goroutine writes it. The function returned ends
// that.
func (m *meter) growing(ctx context.Context, phase, path string, total int64) func() {
	if m.to == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	m.begin(phase, total)
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(reportEvery):
			}
			if info, err := os.Stat(path); err == nil {
				m.p.Done = min(info.Size(), total)
				m.tell(0, true)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		m.p.Done = total
		m.tell(0, true)
	}
}
