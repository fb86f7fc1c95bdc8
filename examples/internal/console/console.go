// Package console shows people what the example programs are doing: progress of long steps
// on a terminal, and tables of results. It is silent where standard error is no terminal.
package console

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A Reporter shows the progress of an engine's steps. The zero Reporter shows nothing.
// It is safe for concurrent use.
type Reporter struct {
	w io.Writer // nil shows nothing

	mu    sync.Mutex
	bar   *progressbar.ProgressBar // of the phase being shown, guarded by mu
	phase string                   // what bar shows, guarded by mu
}

// NewReporter returns a reporter that shows progress on f when f is a terminal.
func NewReporter(f *os.File) *Reporter {
	if !term.IsTerminal(int(f.Fd())) {
		return &Reporter{}
	}
	return &Reporter{w: f}
}

// Report is what an engine calls: counts, rate and time of the running phase.
func (r *Reporter) Report(p metaverse.Progress) {
	if r.w == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	phase := fmt.Sprintf("%s %s: %s", p.Connector, p.Step, p.Phase)
	if phase != r.phase {
		r.end()
		r.phase = phase
		r.bar = progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(r.w), progressbar.OptionSetDescription(phase),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("objects"),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(20))
	}
	if p.Total > 0 {
		r.bar.ChangeMax64(max(p.Total, p.Done))
	}
	_ = r.bar.Set64(p.Done) // a terminal that cannot be written to is no reason to stop
}

// Done clears what is shown.
func (r *Reporter) Done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
}

func (r *Reporter) end() {
	if r.bar != nil {
		_ = r.bar.Finish() // or it goes on being drawn
		_ = r.bar.Clear()
		r.bar, r.phase = nil, ""
	}
}

// Steps writes a table of run steps.
func Steps(w io.Writer, steps []*metaverse.RunRecord) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "CONNECTOR\tSTEP\tRESULT\tADDS\tUPDATES\tDELETES\tUNCHANGED\tERRORS\tOBJECTS\tTIME")
	for _, s := range steps {
		c := s.Counters
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", s.Connector, s.Step, s.Result,
			c.Adds, c.Updates, c.Deletes, c.Unchanged, c.Errors, s.Objects, Took(s))
	}
	return t.Flush()
}

// Took returns how long a step took, for people.
func Took(s *metaverse.RunRecord) string {
	if s.Ended.IsZero() {
		return "running"
	}
	d := s.Ended.Sub(s.Started)
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// Trouble writes object errors, one paragraph each.
func Trouble(w io.Writer, errs []metaverse.ObjectError) {
	for _, e := range errs {
		var where []string
		if e.Attribute != "" {
			where = append(where, "attribute "+e.Attribute)
		}
		if e.Rule != "" {
			where = append(where, "rule "+e.Rule)
		}
		detail := ""
		if len(where) > 0 {
			detail = " (" + strings.Join(where, ", ") + ")"
		}
		fmt.Fprintf(w, "%s, %s: %s%s\n    %s\n", e.Connector, e.Object, e.Code, detail, e.Message)
	}
}
