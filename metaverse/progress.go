package metaverse

import "time"

// Progress tells how far a running step is. Every long step reports it through
// [Options.Progress].
type Progress struct {
	Connector string
	Step      StepKind
	Phase     string        // "import", "obsoletion", "objects", "references", "adds", "updates", "deletes"
	Done      int64         // objects done in this phase
	Total     int64         // objects to do in this phase; 0 where it is not known
	Elapsed   time.Duration // since the step began
	// InPhase is the time since the phase began: what Rate and Remaining go by.
	InPhase time.Duration
}

// Rate returns the objects done in a second of the phase, 0 before there is a measure.
func (p Progress) Rate() float64 {
	if p.InPhase < 100*time.Millisecond || p.Done <= 0 {
		return 0
	}
	return float64(p.Done) / p.InPhase.Seconds()
}

// Remaining estimates the time to the end of the phase. It is not known without a total and
// a rate.
func (p Progress) Remaining() (left time.Duration, known bool) {
	rate := p.Rate()
	if p.Total <= 0 || rate == 0 {
		return 0, false
	}
	seconds := float64(max(p.Total-p.Done, 0)) / rate
	return time.Duration(seconds * float64(time.Second)).Round(time.Second), true
}

// A ProgressView is a progress as results and other processes show it.
type ProgressView struct {
	Connector string   `json:"connector"`
	Step      StepKind `json:"profile"`
	Phase     string   `json:"phase,omitempty"`
	Done      int64    `json:"done"`
	Total     int64    `json:"total,omitempty"`
	Elapsed   int64    `json:"elapsedMs"`
	Rate      float64  `json:"rate,omitempty"`        // objects a second
	Remaining *int64   `json:"remainingMs,omitempty"` // nil where it is not known
}

// View returns the progress for display.
func (p Progress) View() ProgressView {
	v := ProgressView{Connector: p.Connector, Step: p.Step, Phase: p.Phase, Done: p.Done, Total: p.Total,
		Elapsed: p.Elapsed.Milliseconds(), Rate: p.Rate()}
	if left, ok := p.Remaining(); ok {
		ms := left.Milliseconds()
		v.Remaining = &ms
	}
	return v
}
