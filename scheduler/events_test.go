package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// role is a lease that somebody else may hold.
type role struct{ other atomic.Bool }

func (r *role) Active(context.Context) (bool, error) { return !r.other.Load(), nil }

// eventful is a deployment in which everything that there is an event for happens in turn.
type eventful struct {
	t       *testing.T
	engine  *fakeEngine
	rec     *recorder
	s       *scheduler.Scheduler
	control *scheduler.Control
	offset  atomic.Int64 // of the wall clock
	lease   role
	certs   atomic.Pointer[[]scheduler.Certificate]
	broken  atomic.Bool // maintenance fails
}

func (e *eventful) now() time.Time { return time.Now().Add(time.Duration(e.offset.Load())) }

// wait lets time pass.
func (e *eventful) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (e *eventful) cycle() {
	require.NoError(e.t, e.control.Start(e.t.Context(), "operator", ""))
	e.wait(time.Minute)
}

// fail makes the next cycle's steps of a sort end with a result.
func (e *eventful) fail(s scheduler.Step, r metaverse.RunResult) {
	e.engine.mu.Lock()
	e.engine.fail[s] = r
	e.engine.mu.Unlock()
	e.cycle()
	e.engine.mu.Lock()
	delete(e.engine.fail, s)
	e.engine.mu.Unlock()
}

// trouble makes the next cycle's steps of a sort leave objects in trouble.
func (e *eventful) trouble(s scheduler.Step, step, code string) {
	require.NoError(e.t, e.engine.store.Update(e.t.Context(), func(tx metaverse.Tx) error {
		return tx.PutObjectErrors([]metaverse.ObjectError{{
			Connector: s.Connector, Step: step, Code: code, Message: "CN=Somebody, secret", First: e.now(), Last: e.now(), Count: 1,
			Object: connector.Key{DN: "CN=Somebody " + code},
		}})
	}))
	e.engine.mu.Lock()
	e.engine.errors[s] = 1
	e.engine.mu.Unlock()
	e.cycle()
	e.engine.mu.Lock()
	delete(e.engine.errors, s)
	e.engine.mu.Unlock()
}

func (e *eventful) stage(on bool) {
	_, err := metaverse.SetStaging(e.t.Context(), e.engine.store, on, metaverse.Staging{Since: e.now(), By: "operator", Reason: "switch"})
	require.NoError(e.t, err)
	e.wait(time.Minute)
}

// Every event of the table is emitted when what it tells of happens, once, and not before;
// none of them tells of a person.
func TestEveryEventIsEmitted(t *testing.T) {
	t.Parallel()
	e := &eventful{t: t, engine: newFake().read("tenant", "a", "b"), rec: &recorder{}}
	synctest.Test(t, e.run)
	for _, info := range scheduler.EventTable() {
		require.NotZero(t, e.rec.count(info.ID), "event %d %s was never emitted", info.ID, info.Name)
	}
	for _, ev := range e.rec.events {
		require.NotContains(t, fmt.Sprint(ev.Attrs), "Somebody", "event %d names a person", ev.ID)
	}
}

func (e *eventful) run(t *testing.T) {
	e.t = t
	e.certs.Store(&[]scheduler.Certificate{{Name: "app", Expires: e.now().Add(365 * 24 * time.Hour)}})
	var err error
	e.s, err = scheduler.New(e.engine, connectors, &scheduler.Options{
		Interval: 24 * time.Hour, Poll: 30 * time.Second, OnEvent: e.rec.on, Now: e.now, Lease: &e.lease,
		Certificates: func(context.Context) ([]scheduler.Certificate, error) { return *e.certs.Load(), nil },
		Tasks: []scheduler.Task{{Name: "rotation", Every: time.Hour, Run: func(context.Context) error {
			if e.broken.Load() {
				return errors.New("no luck")
			}
			return nil
		}}},
	})
	require.NoError(t, err)
	e.control = e.s.Control()
	ended := make(chan error, 1)
	go func() { ended <- e.s.Run(t.Context()) }()
	e.wait(time.Minute)
	for _, id := range []scheduler.EventID{scheduler.EventStarted, scheduler.EventActive, scheduler.EventCycleStarted, scheduler.EventCycleEnded, scheduler.EventMaintenance} {
		require.NotZero(t, e.rec.count(id), id)
	}
	for _, id := range []scheduler.EventID{scheduler.EventClock, scheduler.EventSuspended, scheduler.EventStepFailed, scheduler.EventStagingEntered,
		scheduler.EventLimitNear, scheduler.EventNoHardwareKey, scheduler.EventFullStep, scheduler.EventStandby} {
		require.Zero(t, e.rec.count(id), id)
	}
	e.failures()
	e.orders()
	e.timePasses()
	for _, id := range []scheduler.EventID{scheduler.EventCertificateChanged, scheduler.EventRotationFailed, scheduler.EventOldKey, scheduler.EventIdentity} {
		e.s.Emit(t.Context(), id, "tenant") // by programs
	}
	e.s.Emit(t.Context(), scheduler.EventConfiguration, "", slog.String("hash", "1234"))
	e.s.Emit(t.Context(), scheduler.EventConfigurationError, "", slog.String("err", "line 3"))
	e.s.Emit(t.Context(), scheduler.EventConfigurationDrift, "", slog.String("keys", "anchor"))
	e.s.Emit(t.Context(), scheduler.EventConfigurationPublished, "", slog.Int64("version", 1))
	e.s.Stop()
	require.NoError(t, <-ended)
}

func (e *eventful) failures() {
	tenant := step("tenant", metaverse.Export)
	e.fail(tenant, metaverse.ResultStoppedDeletionThreshold)
	e.fail(tenant, metaverse.ResultStoppedExportThreshold)
	e.fail(step("a", metaverse.DeltaImport), metaverse.ResultStoppedImportHeld)
	e.fail(step("a", metaverse.DeltaImport), metaverse.ResultNoStartCredentials)
	e.fail(step("a", metaverse.DeltaImport), metaverse.ResultNoStartConnection)
	e.fail(step("a", metaverse.DeltaSync), metaverse.ResultStoppedDiskFull)
	e.trouble(tenant, "export", "AttributeValueMustBeUnique")
	e.trouble(tenant, "export", "dn-attributes-failure")
	e.trouble(step("a", metaverse.DeltaSync), "sync", "unexpected-error")
	e.trouble(step("a", metaverse.DeltaImport), "import", "read-error")
	e.engine.mu.Lock()
	e.engine.widen[step("a", metaverse.DeltaImport)] = metaverse.WidenWatermarkExpired
	e.engine.mu.Unlock()
	e.cycle()
	e.engine.mu.Lock()
	delete(e.engine.widen, step("a", metaverse.DeltaImport))
	e.engine.mu.Unlock()
	require.NoError(e.t, e.control.Require(e.t.Context(), "b", scheduler.Override{FullSync: true, By: "operator"}))
	e.cycle()
	e.broken.Store(true)
	e.wait(2 * time.Hour)
	e.broken.Store(false)
}

func (e *eventful) orders() {
	ctx := e.t.Context()
	e.stage(true)
	exports := len(e.engine.ran())
	e.cycle()
	for _, s := range e.engine.ran()[exports:] {
		require.NotEqual(e.t, metaverse.Export, s.Kind, "nothing is exported in staging mode")
	}
	e.stage(false)
	require.Contains(e.t, fmt.Sprint(e.rec.last(scheduler.EventStagingLeft).Attrs), "switch", "who and why is told")

	e.engine.took = 6 * time.Hour // a step
	require.NoError(e.t, e.control.Start(ctx, "operator", ""))
	e.wait(time.Hour) // longer than thirty minutes
	require.Equal(e.t, 1, e.rec.count(scheduler.EventSlow))
	before := len(e.engine.ran())
	require.NoError(e.t, e.control.Stop(ctx, "operator"))
	e.wait(time.Minute)
	require.Len(e.t, e.engine.ran(), before, "no step begins after the order to stop")
	require.ErrorIs(e.t, e.control.Stop(ctx, "operator"), scheduler.ErrNotRunning)
	e.engine.took = 3 * time.Hour
	e.s.Report(metaverse.Progress{Connector: "a"})
	e.cycle()
	e.wait(8 * time.Hour)
	require.NotZero(e.t, e.rec.count(scheduler.EventStepHung))
	e.engine.took = 0

	e.lease.other.Store(true)
	e.wait(time.Minute)
	require.Equal(e.t, "standby", e.s.Health(ctx).Role)
	e.lease.other.Store(false)
	e.wait(time.Minute)
	require.Equal(e.t, "active", e.s.Health(ctx).Role)
}

func (e *eventful) timePasses() {
	ctx := e.t.Context()
	e.offset.Add(int64(-3 * time.Hour))
	e.wait(time.Minute)
	require.Equal(e.t, 1, e.rec.count(scheduler.EventClock))
	e.offset.Add(int64(60 * time.Hour)) // the machine slept
	e.wait(time.Minute)
	require.Equal(e.t, 1, e.rec.count(scheduler.EventMissed))

	changed, err := e.control.Suspend(ctx, "operator", "migration")
	require.NoError(e.t, err)
	require.True(e.t, changed)
	require.ErrorIs(e.t, e.control.Start(ctx, "operator", ""), scheduler.ErrSuspended)
	e.certs.Store(&[]scheduler.Certificate{{Name: "app", Expires: e.now().Add(36 * 24 * time.Hour), Software: true}})
	ran := len(e.engine.ran())
	e.wait(5 * 24 * time.Hour)
	require.Zero(e.t, e.rec.count(scheduler.EventSuspendedExpiry))
	e.wait(5 * 24 * time.Hour)
	require.Len(e.t, e.engine.ran(), ran, "nothing runs while suspended")
	require.InDelta(e.t, 9, e.rec.count(scheduler.EventStillSuspended), 1, "silence is broken every day")
	require.Equal(e.t, "suspended", e.s.Health(ctx).Role)
	require.True(e.t, e.s.Health(ctx).Stale)
	require.Positive(e.t, e.rec.count(scheduler.EventSuspendedExpiry), "before the certificate expires")
	require.Zero(e.t, e.rec.count(scheduler.EventCertificateExpired))
	e.wait(27 * 24 * time.Hour)
	changed, err = e.control.Resume(ctx)
	require.NoError(e.t, err)
	require.True(e.t, changed)
	e.wait(time.Minute)
	last := e.rec.last(scheduler.EventFullStep)
	require.Contains(e.t, fmt.Sprint(last.Attrs), "39 days old", "what is too old is read in full")
	require.False(e.t, e.s.Health(ctx).Stale)
}

// EVENTS.md is the table of events.
func TestEventTableIsDocumented(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(eventsIntro)
	for _, e := range scheduler.EventTable() {
		fmt.Fprintf(&b, "| %d | %s | `%s` | %s | %s |\n", e.ID, strings.ToLower(e.Level.String()), e.Name, e.Text, e.Do)
	}
	if os.Getenv("UPDATE_EVENTS") != "" {
		require.NoError(t, os.WriteFile("EVENTS.md", []byte(b.String()), 0o644)) //nolint:gosec // it is documentation
	}
	have, err := os.ReadFile("EVENTS.md")
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "run UPDATE_EVENTS=1 go test -run Documented")
	seen := make(map[scheduler.EventID]bool)
	for _, e := range scheduler.EventTable() {
		require.False(t, seen[e.ID], "two events have the number %d", e.ID)
		seen[e.ID] = true
	}
}

const eventsIntro = `# Events

Each is one log record with its number as ` + "`event_id`" + `, its name as ` + "`event`" + ` and the connector that it is about. Numbers below
20000 are those of Microsoft Entra Connect for the same thing. A number never changes its meaning. Alarms about a state, such
as a certificate that expires, come once a day for as long as it lasts. No event names people or their values; texts of
errors, which may name objects, are in the log only.

| id | level | name | meaning | what to do |
| --- | --- | --- | --- | --- |
`
