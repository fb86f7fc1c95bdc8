package scheduler

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A State is what a scheduler has done and is doing. It is kept in the store, so that the
// next process goes on from there, and other processes can look.
type State struct {
	// Process is the one whose [Scheduler.Run] works on the store; nil for none.
	Process    *Process            `json:"process,omitempty"`
	Running    *Running            `json:"running,omitempty"` // the cycle under way
	LastStart  time.Time           `json:"lastStart,omitzero"`
	LastEnd    time.Time           `json:"lastEnd,omitzero"`
	LastPolicy Policy              `json:"lastPolicy,omitempty"`
	LastResult metaverse.RunResult `json:"lastResult,omitempty"`
	// Cut says that the end of the program, or of its configuration, cut the last cycle
	// short: the next one starts at once.
	Cut bool `json:"cut,omitempty"`
	// Staging says that the store was in staging mode when the scheduler looked last.
	Staging bool `json:"staging,omitempty"`
	// Next is when the next cycle starts.
	Next time.Time `json:"next,omitzero"`
	// Took is how long cycles took lately, by policy.
	Took       map[Policy]time.Duration  `json:"took,omitempty"`
	Connectors map[string]ConnectorState `json:"connectors,omitempty"`
	// Maintained is when each maintenance task was carried out last.
	Maintained map[string]time.Time `json:"maintained,omitempty"`
}

// A Process is a process that runs a scheduler.
type Process struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"` // its last sign of life, about one a minute
}

// Running is a cycle under way.
type Running struct {
	Policy  Policy                   `json:"policy"`
	Started time.Time                `json:"started"`
	Steps   []metaverse.ProgressView `json:"steps,omitempty"` // those under way
	Updated time.Time                `json:"updated"`
}

// A ConnectorState is when the steps of a connector were completed last, by their starts,
// and what its last full import was asked for.
type ConnectorState struct {
	Imported     time.Time `json:"imported,omitzero"`
	FullImported time.Time `json:"fullImported,omitzero"`
	Synchronised time.Time `json:"synchronised,omitzero"`
	Exported     time.Time `json:"exported,omitzero"`
	Selection    Selection `json:"selection,omitzero"`
}

// A Selection is what an import is asked for.
type Selection struct {
	Classes    []string `json:"classes,omitempty"`
	Attributes []string `json:"attributes,omitempty"`
	Scope      string   `json:"scope,omitempty"`
}

// update changes the state in the store.
func (s *Scheduler) update(ctx context.Context, fn func(*State, *Orders)) error {
	return s.engine.Store().Update(ctx, func(tx metaverse.Tx) error {
		var st State
		var o Orders
		if err := readSetting(tx, settingState, &st); err != nil {
			return err
		}
		if err := readSetting(tx, settingOrders, &o); err != nil {
			return err
		}
		st.fill()
		fn(&st, &o)
		if err := putSetting(tx, settingOrders, &o); err != nil {
			return err
		}
		return putSetting(tx, settingState, &st)
	})
}

// read reads state, orders and staging mode.
func (s *Scheduler) read(ctx context.Context) (Status, error) {
	st, err := s.control.Status(ctx)
	st.State.fill()
	return st, err
}

func (st *State) fill() {
	if st.Connectors == nil {
		st.Connectors = make(map[string]ConnectorState)
	}
	if st.Maintained == nil {
		st.Maintained = make(map[string]time.Time)
	}
	if st.Took == nil {
		st.Took = make(map[Policy]time.Duration)
	}
}

// completed notes a step that has come to its end.
func (st *State) completed(r *metaverse.RunRecord, want Selection) {
	c := st.Connectors[r.Connector]
	switch {
	case isImport(r.Step):
		c.Imported = r.Started
		if r.Step == metaverse.FullImport || r.Widened != "" {
			c.FullImported, c.Selection = r.Started, want
		}
	case isSync(r.Step):
		c.Synchronised = r.Started
	default:
		c.Exported = r.Started
	}
	st.Connectors[r.Connector] = c
}

// ahead reports whether something seems to have happened in the future.
func (st *State) ahead(now time.Time) bool {
	before := st.LastStart
	for _, c := range st.Connectors {
		for _, t := range []time.Time{c.Imported, c.FullImported, c.Synchronised, c.Exported} {
			if t.After(before) {
				before = t
			}
		}
	}
	return before.After(now)
}

// notAfter moves what seems to have happened in the future to the present.
func (st *State) notAfter(now time.Time) {
	past := func(t *time.Time) {
		if t.After(now) {
			*t = now
		}
	}
	past(&st.LastStart)
	past(&st.LastEnd)
	for name, c := range st.Connectors {
		past(&c.Imported)
		past(&c.FullImported)
		past(&c.Synchronised)
		past(&c.Exported)
		st.Connectors[name] = c
	}
}

// tookAgain keeps a moving average of what cycles take.
func (st *State) tookAgain(p Policy, d time.Duration) {
	if was := st.Took[p]; was > 0 {
		d = (3*was + d) / 4
	}
	st.Took[p] = d
}

// covers reports whether what was asked for before includes what is asked for now, and why
// not.
func (had Selection) covers(want Selection) (bool, string) {
	lacks := func(list, of []string) bool {
		return slices.ContainsFunc(list, func(x string) bool { return !slices.Contains(of, x) })
	}
	switch {
	case had.Scope != want.Scope:
		return false, "its scope has changed"
	case lacks(want.Classes, had.Classes):
		return false, "object types to import were added"
	case lacks(want.Attributes, had.Attributes):
		return false, "attributes to import were added"
	}
	return true, ""
}

// report keeps the newest progress of each connector.
func (s *Scheduler) progress() []metaverse.ProgressView {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []metaverse.ProgressView
	for _, name := range slices.Sorted(maps.Keys(s.steps)) {
		out = append(out, s.steps[name].View())
	}
	return out
}

// Report takes the progress of the engine's steps, to be shown to other processes: give it
// to the engine as [metaverse.Options.Progress], or call it from there.
func (s *Scheduler) Report(p metaverse.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tells = true
	if s.steps == nil {
		return
	}
	if was := s.steps[p.Connector]; s.moves[p.Connector] != nil && (was.Phase != p.Phase || was.Done != p.Done) {
		s.moves[p.Connector].last = time.Now()
	}
	s.steps[p.Connector] = p
}
