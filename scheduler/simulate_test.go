package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// incident is something that happens to a deployment.
type incident struct {
	After     time.Duration // since the incident before
	What      string
	Connector string
	Long      time.Duration
}

var incidents = []string{
	"rules", "scope", "attribute", "watermark", "require-import", "require-sync", "initial", "start", "outage",
	"suspend", "down", "clock-back", "clock-forward", "slow", "stop",
}

func drawIncidents(t *rapid.T) []incident {
	longest := 10 // incidents: half a year at most
	if testing.Short() {
		longest = 2
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) incident {
		return incident{
			After:     time.Duration(rapid.IntRange(1, 14*24*60).Draw(t, "minutes")) * time.Minute,
			What:      rapid.SampledFrom(incidents).Draw(t, "what"),
			Connector: rapid.SampledFrom([]string{"a", "b", "tenant"}).Draw(t, "connector"),
			Long:      time.Duration(rapid.IntRange(1, 10*24).Draw(t, "hours")) * time.Hour,
		}
	}), 1, longest).Draw(t, "incidents")
}

// simulation runs a scheduler for months and holds what it does against what it should.
type simulation struct {
	engine  *fakeEngine
	events  *recorder
	offset  time.Duration // of the wall clock
	scopes  map[string]string
	opts    scheduler.Options
	quit    func()
	stopped chan struct{}
	idle    time.Duration // time that nothing could run in, since the last start
	// needs holds why a connector needs a full step, by kind.
	needs    map[scheduler.Step]string
	imported map[string]time.Time
	lax      bool // full imports need no reason: the clock says that the last is old
}

func (m *simulation) violate(format string, args ...any) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.engine.violations = append(m.engine.violations, fmt.Sprintf(format, args...))
}

func (m *simulation) need(name string, kind metaverse.StepKind, why string) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.needs[step(name, kind)] = why
}

// ran is called at the end of each step.
func (m *simulation) ran(s scheduler.Step) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	full := map[metaverse.StepKind]metaverse.StepKind{metaverse.DeltaImport: metaverse.FullImport, metaverse.DeltaSync: metaverse.FullSync}
	if k, delta := full[s.Kind]; delta {
		if s.Kind == metaverse.DeltaImport {
			m.imported[s.Connector] = time.Now()
		}
		if why := m.needs[step(s.Connector, k)]; why != "" {
			m.engine.violations = append(m.engine.violations, fmt.Sprintf("%s of %s in spite of: %s", s.Kind, s.Connector, why))
		}
		return
	}
	age := time.Since(m.imported[s.Connector])
	if s.Kind == metaverse.FullImport {
		m.imported[s.Connector] = time.Now()
	}
	old := s.Kind == metaverse.FullImport && age > scheduler.MaxGap-time.Hour
	if s.Kind != metaverse.Export && m.needs[s] == "" && !m.lax && !old {
		m.engine.violations = append(m.engine.violations, fmt.Sprintf("a needless %s of %s", s.Kind, s.Connector))
	}
	delete(m.needs, s)
}

func (m *simulation) start(ctx context.Context) {
	list := slices.Clone(connectors)
	for i := range list {
		list[i].Scope = m.scopes[list[i].Name]
	}
	s, err := scheduler.New(m.engine, list, &m.opts)
	if err != nil {
		m.violate("%v", err)
		return
	}
	m.quit, m.stopped = s.Stop, make(chan struct{})
	go func() {
		defer close(m.stopped)
		_ = s.Run(ctx)
	}()
}

// idling waits until no cycle runs.
func (m *simulation) idling(ctx context.Context, control *scheduler.Control) {
	for {
		time.Sleep(37 * time.Second)
		synctest.Wait()
		st, err := control.Status(ctx)
		if err != nil {
			m.violate("%v", err)
			return
		}
		if st.State.Running == nil {
			return
		}
	}
}

func (m *simulation) happen(ctx context.Context, i incident) {
	control := scheduler.NewControl(m.engine.store)
	var err error
	all := func(imp, sync bool) {
		for _, c := range connectors {
			if imp {
				m.need(c.Name, metaverse.FullImport, i.What)
			}
			if sync {
				m.need(c.Name, metaverse.FullSync, i.What)
			}
		}
	}
	due := func(name string, fn func(*metaverse.Due)) {
		m.engine.mu.Lock()
		defer m.engine.mu.Unlock()
		d := m.engine.due[name]
		fn(&d)
		m.engine.due[name] = d
	}
	switch i.What { // what a running cycle has planned already is no matter
	case "rules", "scope", "attribute": // a change of the configuration restarts the scheduler
		m.quit()
		<-m.stopped
	case "watermark", "require-import", "require-sync", "initial":
		m.idling(ctx, control)
	}
	switch i.What {
	case "rules":
		for _, c := range connectors {
			due(c.Name, func(d *metaverse.Due) { d.RulesChanged = true })
		}
		all(false, true)
		m.start(ctx)
	case "scope":
		m.scopes[i.Connector] = fmt.Sprint(time.Now())
		m.need(i.Connector, metaverse.FullImport, i.What)
		m.start(ctx)
	case "attribute":
		due(i.Connector, func(d *metaverse.Due) { d.Attributes = append(slices.Clone(d.Attributes), fmt.Sprint(time.Now())) })
		m.need(i.Connector, metaverse.FullImport, i.What)
		m.start(ctx)
	case "watermark":
		due(i.Connector, func(d *metaverse.Due) { d.Watermark = false })
		m.need(i.Connector, metaverse.FullImport, i.What)
	case "require-import":
		m.need(i.Connector, metaverse.FullImport, i.What)
		err = control.Require(ctx, i.Connector, scheduler.Override{FullImport: true, By: "operator"})
	case "require-sync":
		m.need(i.Connector, metaverse.FullSync, i.What)
		err = control.Require(ctx, i.Connector, scheduler.Override{FullSync: true, By: "operator"})
	case "initial":
		all(true, true)
		err = control.Start(ctx, "operator", scheduler.Initial)
	case "start":
		err = control.Start(ctx, "operator", "")
	case "stop":
		switch err = control.Stop(ctx, "operator"); {
		case errors.Is(err, scheduler.ErrNotRunning):
			err = nil
		case err == nil: // what is left waits for the next start, as the operator wants it
			m.engine.mu.Lock()
			m.idle += scheduler.MaxGap
			m.engine.mu.Unlock()
		}
	case "outage":
		s := step(i.Connector, metaverse.DeltaImport)
		f := step(i.Connector, metaverse.FullImport)
		m.engine.mu.Lock()
		m.engine.fail[s], m.engine.fail[f] = metaverse.ResultNoStartConnection, metaverse.ResultNoStartConnection
		m.engine.mu.Unlock()
		time.Sleep(i.Long)
		m.engine.mu.Lock()
		delete(m.engine.fail, s)
		delete(m.engine.fail, f)
		m.engine.mu.Unlock()
	case "suspend":
		_, err = control.Suspend(ctx, "operator", "test")
		m.pause(i.Long)
		_, resumeErr := control.Resume(ctx)
		if err == nil {
			err = resumeErr
		}
	case "down":
		m.quit()
		<-m.stopped
		m.pause(i.Long)
		m.start(ctx)
	case "clock-back":
		m.jump(-i.Long)
	case "clock-forward":
		m.jump(i.Long)
	case "slow":
		m.took(2 * time.Hour)
		time.Sleep(12 * time.Hour)
		m.took(time.Minute)
	}
	if err != nil {
		m.violate("%s: %v", i.What, err)
	}
}

func (m *simulation) jump(by time.Duration) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.offset += by
	m.idle += max(-by, 0) // the calendar has these hours twice
	m.lax = true          // what was imported seems older, or younger, than it is
}

func (m *simulation) took(d time.Duration) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.engine.took = d
}

// pause is a time in which nothing can run.
func (m *simulation) pause(d time.Duration) {
	time.Sleep(d)
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.idle += d
}

func (m *simulation) now() time.Time {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	return time.Now().Add(m.offset)
}

// Whatever happens over months, by the wall clock: no two steps of a connector overlap, nothing runs beside a
// synchronisation, seven days never pass without a cycle while one can run, and every change
// leads to the full step that it needs and to no other.
func TestMonths(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		list := drawIncidents(rt)
		schedule := rapid.SampledFrom([]string{"1h", "24h", "168h", "0 3 * * *", "30 2 * * 0", "0 5 1 * *"}).Draw(rt, "schedule")
		jitter := time.Duration(rapid.IntRange(0, 60).Draw(rt, "jitter")) * time.Minute
		parallel := rapid.IntRange(1, 4).Draw(rt, "parallel")
		m := &simulation{engine: newFake(), events: &recorder{}, scopes: make(map[string]string), needs: make(map[scheduler.Step]string), imported: make(map[string]time.Time)}
		m.opts = scheduler.Options{Jitter: jitter, Parallel: parallel, Poll: 30 * time.Minute, Now: m.now, OnEvent: m.events.on}
		m.engine.now = m.now
		if d, err := time.ParseDuration(schedule); err == nil {
			m.opts.Interval = d
		} else {
			cron, err := scheduler.Cron(schedule, time.UTC)
			require.NoError(rt, err)
			m.opts.Schedule = cron
		}
		synctest.Test(t, func(t *testing.T) { m.months(t, list) })
		require.Empty(rt, m.engine.violations)
		require.Empty(rt, m.needs, "every need was met")
	})
}

func (m *simulation) months(t *testing.T, list []incident) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m.engine.took = time.Minute
	last := time.Now()
	m.engine.done = func(s scheduler.Step) {
		m.ran(s)
		if s.Kind == metaverse.Export && s.Connector == "tenant" || s.Kind == metaverse.DeltaSync || s.Kind == metaverse.FullSync {
			m.engine.mu.Lock()
			gap := time.Since(last) - m.idle
			last, m.idle = time.Now(), 0
			m.engine.mu.Unlock()
			if gap > scheduler.MaxGap {
				m.violate("%s without a cycle", gap)
			}
		}
	}
	for _, c := range connectors {
		m.need(c.Name, metaverse.FullImport, "it is new")
		m.need(c.Name, metaverse.FullSync, "it is new")
	}
	m.start(ctx)
	for _, i := range list {
		time.Sleep(i.After)
		synctest.Wait()
		m.happen(ctx, i)
	}
	time.Sleep(scheduler.MaxGap + 24*time.Hour)
	m.quit()
	<-m.stopped
}
