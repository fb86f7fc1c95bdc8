package failover_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/metaverse"
)

// historyShown is how many steps of the history a failure shows.
const historyShown = 40

// maxShown bounds the objects that a failure shows.
const maxShown = 20

// explain logs all that the store knows of the objects that differ: where their changes are stuck.
// The people of this test are made up, so that nothing in it is secret.
func (s *site) explain(want, got []string) {
	s.t.Helper()
	s.t.Logf("at %s, %s", clock(time.Now()), s.leaseState())
	s.explainLate()
	err := s.watch.View(s.t.Context(), func(rd metaverse.Reader) error {
		if err := s.explainObjects(rd, want, got); err != nil {
			return err
		}
		return s.explainHistory(rd)
	})
	if err != nil {
		s.t.Logf("the store cannot explain more: %v", err)
	}
}

func (s *site) explainObjects(rd metaverse.Reader, want, got []string) error {
	missing := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return slices.Contains(got, line) })
	extra := slices.DeleteFunc(slices.Clone(got), func(line string) bool { return slices.Contains(want, line) })
	s.t.Logf("%d lines are not in the tenant, %d should not be", len(missing), len(extra))
	objects, err := scanAll(rd, "tenant")
	if err != nil {
		return err
	}
	lines := append(missing, extra...)
	for i, line := range lines[:min(len(lines), maxShown)] {
		sign := "-"
		if i >= len(missing) {
			sign = "+"
		}
		s.t.Logf("%s %s", sign, line)
		for _, o := range objects {
			if !s.concerns(line, o) {
				continue
			}
			_, id, _ := strings.Cut(o.Anchor.Text(), "_")
			s.t.Logf("  created in the tenant at %v", s.tenant.Property(id, "createdDateTime"))
			if err := s.explainObject(rd, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func scanAll(rd metaverse.Reader, connector string) (all []*metaverse.CSObject, err error) {
	for after := metaverse.CSID(0); ; {
		page, err := rd.ScanCS(connector, after, 1000)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all, after = append(all, page...), page[len(page)-1].ID
	}
}

// concerns reports whether a line of people is about an object of the tenant's connector space.
func (s *site) concerns(line string, o *metaverse.CSObject) bool {
	_, id, _ := strings.Cut(o.Anchor.Text(), "_")
	if u, ok := s.tenant.User(id); ok && strings.HasPrefix(line, "user "+u.OnPremisesImmutableID) {
		return true
	}
	if g, ok := s.tenant.Group(id); ok && strings.HasPrefix(line, "group "+g.DisplayName) {
		return true
	}
	kind, rest, _ := strings.Cut(line, " ")
	return kind == "user" && len(rest) >= 24 && strings.EqualFold(o.DN, fmt.Sprintf("CN={%X}", rest[:24])) // 16 octets in Base64
}

// explainObject logs an object and those that are linked to the same identity.
func (s *site) explainObject(rd metaverse.Reader, o *metaverse.CSObject) error {
	ids := []metaverse.CSID{o.ID}
	if o.Link.MV != 0 {
		linked, err := rd.LinkedCS([]metaverse.MVID{o.Link.MV})
		if err != nil {
			return err
		}
		ids = linked[0]
	}
	objects, err := rd.CS(ids)
	if err != nil {
		return err
	}
	exports, err := rd.PendingExport(ids)
	if err != nil {
		return err
	}
	for i, o := range objects {
		s.t.Logf("    %s: %d %s, %v, imported %t, pending import %v, link %d %v", o.Connector, o.ID, o.Anchor.Text(), o.State, o.Imported, o.Pending, o.Link.MV, o.Link.Kind)
		if p := exports[i]; p != nil {
			s.t.Logf("      export: op %v, %d pending, %d sent, deletion sent %t, unknown %t, references %t, attempts %d, not before %s",
				p.Op, len(p.Pending), len(p.Sent), p.DeleteSent, p.Unknown, p.References, p.Attempts, clock(p.NotBefore))
		}
		errs, err := rd.ObjectErrors(o.Connector, o.ID-1, 1)
		if err != nil {
			return err
		}
		for _, e := range errs {
			if e.CS == o.ID {
				s.t.Logf("      error: %s %s, %d times, last at %s: %s", e.Step, e.Code, e.Count, clock(e.Last), e.Message)
			}
		}
	}
	return nil
}

// explainLate logs the requests of holders that came after one of a successor: they may have made
// what nobody knows of.
func (s *site) explainLate() {
	s.t.Helper()
	var newest int64
	for _, r := range s.writes() {
		if token := tokenOf(r.ClientRequestID); token < newest {
			s.t.Logf("late, under %d after one under %d: %s %s at %s", token, newest, r.Method, r.Path, clock(r.Time))
		} else {
			newest = token
		}
	}
}

// explainAround logs what happened some seconds before and after a request.
func (s *site) explainAround(r entratest.Request) {
	s.t.Helper()
	near := func(t time.Time) bool { return t.Sub(r.Time).Abs() < 2*period }
	var lines []event
	for _, e := range s.diary {
		if near(e.at) {
			lines = append(lines, event{e.at, "test: " + e.what})
		}
	}
	for _, w := range s.tenant.Requests() {
		if near(w.Time) && (w.Method != "GET" || tokenOf(w.ClientRequestID) != 0) {
			lines = append(lines, event{w.Time, fmt.Sprintf("%s: %s %s: %d; request %s, batch %s", w.ClientRequestID, w.Method, w.Path, w.Status, w.RequestID, w.Batch)})
		}
	}
	err := s.watch.View(s.t.Context(), func(rd metaverse.Reader) error {
		runs, err := rd.Runs("", 0, 1_000_000)
		for _, run := range runs {
			if near(run.Started) || near(run.Ended) {
				lines = append(lines, event{run.Started, fmt.Sprintf("run %d under %d: %s %s until %s: %s, %v %s",
					run.ID, run.Token, run.Connector, run.Step, clock(run.Ended), run.Result, counted(&run.Counters), run.Error)})
			}
		}
		return err
	})
	slices.SortStableFunc(lines, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range lines {
		s.t.Logf("%s %s", clock(e.at), e.what)
	}
	if err != nil {
		s.t.Logf("the store cannot explain more: %v", err)
	}
}

// explainHistory logs the latest steps that did something or did not succeed, newest first.
func (s *site) explainHistory(rd metaverse.Reader) error {
	var before int64
	for shown := 0; shown < historyShown; {
		runs, err := rd.Runs("", before, 1000)
		if err != nil || len(runs) == 0 {
			return err
		}
		before = runs[len(runs)-1].ID
		for i := 0; i < len(runs) && shown < historyShown; i++ {
			r := &runs[i]
			did := counted(&r.Counters)
			if len(did) == 0 && r.Result == metaverse.ResultSuccess {
				continue
			}
			shown++
			s.t.Logf("run %d under %d: %s %s from %s to %s: %s, %v %s",
				r.ID, r.Token, r.Connector, r.Step, clock(r.Started), clock(r.Ended), r.Result, did, r.Error)
		}
	}
	return nil
}

// counted returns what is not 0.
func counted(c *metaverse.Counters) map[string]int64 {
	out := make(map[string]int64)
	for field, v := range reflect.ValueOf(c).Elem().Fields() {
		if v.Int() != 0 {
			out[field.Name] = v.Int()
		}
	}
	return out
}

// leaseState says who has the lease and which processes there are.
func (s *site) leaseState() string {
	var out strings.Builder
	if l, err := s.watch.Lease(s.t.Context()); err != nil {
		fmt.Fprintf(&out, "the lease cannot be read: %v", err)
	} else {
		fmt.Fprintf(&out, "lease %d of %v, %v left", l.Token, l.Holder, l.Left)
	}
	for _, m := range s.members {
		fmt.Fprintf(&out, "; process %d %s", m.cmd.Process.Pid, m.state())
	}
	return out.String()
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "any time"
	}
	return t.UTC().Format("15:04:05.000")
}

// state says what the system has to say of the process, and whether its network is cut.
func (m *member) state() string {
	state := "that does not exist"
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.cmd.Process.Pid)); err == nil {
		if _, rest, ok := strings.Cut(string(text), ") "); ok {
			state = "in state " + rest[:1]
		}
	}
	if m.proxy.isCut() {
		state += ", cut off"
	}
	return state
}
