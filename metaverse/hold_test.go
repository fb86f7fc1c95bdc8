package metaverse_test

import (
	"context"
	"errors"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
)

// me returns how this process describes itself as a holder.
func (w *world) me() metaverse.Holder {
	w.t.Helper()
	hold, err := w.engine.Hold(w.t.Context())
	require.NoError(w.t, err)
	defer hold.Release()
	lease, err := w.store.Lease(w.t.Context())
	require.NoError(w.t, err)
	require.True(w.t, lease.Held())
	require.Equal(w.t, hold.Token(), lease.Token)
	return lease.Holder
}

// takeOver gives the lease to another process, whoever has it.
func (w *world) takeOver(h metaverse.Holder, period time.Duration) metaverse.Lease {
	w.t.Helper()
	lease, err := w.store.AcquireLease(w.t.Context(), h, period, func(metaverse.Holder) bool { return true })
	require.NoError(w.t, err)
	return lease
}

func TestAnotherProcessHoldsTheLease(t *testing.T) {
	t.Parallel()
	gone := exec.CommandContext(t.Context(), "true")
	require.NoError(t, gone.Run())
	tests := []struct {
		name    string
		change  func(h *metaverse.Holder)
		period  time.Duration
		refused bool
	}{
		{"elsewhere", func(h *metaverse.Holder) { h.Host, h.Space = "elsewhere", "another boot" }, time.Hour, true},
		{"here, alive", func(h *metaverse.Holder) { h.PID = 1 }, time.Hour, true},
		{"here, process gone", func(h *metaverse.Holder) { h.PID = gone.Process.Pid }, time.Hour, false},
		{"process number of another container", func(h *metaverse.Holder) { h.PID, h.Space = gone.Process.Pid, "another namespace" }, time.Hour, true},
		{"our number in another container", func(h *metaverse.Holder) { h.Space = "another namespace" }, time.Hour, true},
		{"time is over", func(h *metaverse.Holder) { h.Host, h.Space = "elsewhere", "another boot" }, time.Nanosecond, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user(1)
			holder := w.me()
			holder.Program = "another"
			tt.change(&holder)
			lease := w.takeOver(holder, tt.period)
			rec, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
			if !tt.refused {
				require.NoError(t, err)
				require.Greater(t, rec.Token, lease.Token)
				return
			}
			require.ErrorIs(t, err, metaverse.ErrRunning)
			require.ErrorContains(t, err, holder.Host, "it is said who has it")
			var held *metaverse.LeaseHeldError
			require.ErrorAs(t, err, &held)
			require.Equal(t, holder, held.Lease.Holder)
			require.Equal(t, metaverse.ResultNoStartRunning, rec.Result)
			require.Zero(t, w.counts("ad").Objects)
			_, err = w.engine.SyncObject(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: userDN(1)}, nil)
			require.ErrorIs(t, err, metaverse.ErrRunning)
		})
	}
}

func TestStepsShareTheLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	outer, err := w.engine.Hold(t.Context())
	require.NoError(t, err)
	inner, err := w.engine.Hold(t.Context())
	require.NoError(t, err)
	require.Equal(t, outer.Token(), inner.Token())
	require.Equal(t, outer.Token(), w.run("ad", metaverse.FullImport).Token)
	inner.Release()
	inner.Release()
	require.Equal(t, outer.Token(), w.run("ad", metaverse.FullSync).Token, "releasing twice gives back once")
	outer.Release()
	lease, err := w.store.Lease(t.Context())
	require.NoError(t, err)
	require.False(t, lease.Held(), "the last one gives it back")
	require.Greater(t, w.run("ad", metaverse.DeltaImport).Token, outer.Token())
}

// A process that lost the lease, because it was suspended for too long, writes nothing more
// and sends nothing more.
func TestLostLeaseStopsTheExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 200 {
		w.user(i)
	}
	for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.FullSync} {
		w.run("ad", kind)
		w.run("cloud", kind)
	}
	sent := 0
	var other metaverse.Lease
	w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
		if sent++; sent == 10 {
			other = w.takeOver(metaverse.Holder{Host: "elsewhere"}, time.Minute)
		}
		return memdir.Fate{}
	}})
	rec, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
	require.ErrorIs(t, err, metaverse.ErrLeaseLost)
	require.Equal(t, metaverse.ResultStoppedLeaseLost, rec.Result)
	require.Equal(t, memdir.DefaultExportBatch, sent, "the batch on its way is the last one")

	w.cloud.SetFaults(memdir.Faults{})
	require.NoError(t, w.store.ReleaseLease(t.Context(), other.Token))
	w.settle()
	require.Equal(t, w.expected(), w.tenant(), "its successor settles what it left behind")
}

// cutOff is a store that cannot be reached to extend the lease.
type cutOff struct {
	metaverse.Store
	cut atomic.Bool
}

func (s *cutOff) RenewLease(ctx context.Context, token int64, period time.Duration) error {
	if s.cut.Load() {
		return errors.New("no answer")
	}
	return s.Store.RenewLease(ctx, token, period)
}

// A holder that cannot extend its lease gives up before another one can have it.
func TestUnreachableStoreEndsTheHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	store := &cutOff{Store: w.store}
	w.store = store
	w.opts.LeasePeriod = 2 * time.Second
	w.reload()
	hold, err := w.engine.Hold(t.Context())
	require.NoError(t, err)
	defer hold.Release()
	store.cut.Store(true)
	<-hold.Lost()
	lease, err := w.store.Lease(t.Context())
	require.NoError(t, err)
	require.Equal(t, hold.Token(), lease.Token, "nobody has taken over yet")
	_, err = w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.ErrorIs(t, err, metaverse.ErrLeaseLost)
	hold.Release()
	store.cut.Store(false)
	w.run("ad", metaverse.FullImport)
}

// late is a connector whose exports begin when the lease is over, and do not hear of it: so does
// a process that was suspended when it had looked at the lease.
type late struct{ connector.Connector }

type lateSession struct{ connector.Session }

func (l late) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	s, err := l.Connector.Open(ctx, o)
	return lateSession{s}, err
}

func (s lateSession) Unwrap() connector.Session { return s.Session }

func (s lateSession) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	<-ctx.Done()
	inner, _ := connector.As[connector.Exporter](s.Session)
	return inner.Export(context.WithoutCancel(ctx), batch)
}

func TestExportThatWakesUpTooLateSendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.FullSync} {
		w.run("ad", kind)
		w.run("cloud", kind)
	}
	good := w.store
	store := &cutOff{Store: w.store}
	store.cut.Store(true)
	w.store, w.opts.LeasePeriod = store, time.Second
	_, err := engineOver(t, w, w.ad, late{w.cloud}).Run(t.Context(), "cloud", metaverse.Export, nil)
	require.ErrorIs(t, err, metaverse.ErrLeaseLost)
	require.Empty(t, w.tenant(), "nothing was sent")

	w.store, w.opts.LeasePeriod = good, time.Minute
	w.reload()
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}

// The lease is extended for as long as it is held. A machine that gives a process no time for a whole
// period takes the lease from it, which is right; then a longer period has to do.
func TestLeaseIsExtended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for period := time.Second; !w.keepsLease(period); period *= 4 {
		require.Less(t, period, time.Minute, "nobody stands still for so long: it was not extended")
	}
}

// keepsLease reports whether a holder keeps the lease for three periods, while another one asks for it.
func (w *world) keepsLease(period time.Duration) bool {
	w.t.Helper()
	w.opts.LeasePeriod = period
	w.reload()
	hold, err := w.engine.Hold(w.t.Context())
	require.NoError(w.t, err)
	defer hold.Release()
	for end := time.Now().Add(3 * period); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		taken, err := w.store.AcquireLease(w.t.Context(), metaverse.Holder{Host: "elsewhere"}, time.Hour, nil)
		if err == nil {
			require.NoError(w.t, w.store.ReleaseLease(w.t.Context(), taken.Token))
			return false
		}
		require.ErrorIs(w.t, err, metaverse.ErrRunning)
	}
	return true
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.engine.Candidate()
	active, err := first.Active(t.Context())
	require.NoError(t, err)
	require.True(t, active)
	w.reload() // another engine is what another process is
	second := w.engine.Candidate()
	active, err = second.Active(t.Context())
	require.NoError(t, err)
	require.False(t, active, "one is active")
	first.Resign()
	first.Resign()
	active, err = second.Active(t.Context())
	require.NoError(t, err)
	require.True(t, active, "a standby follows at once")
	active, err = first.Active(t.Context())
	require.NoError(t, err)
	require.False(t, active)
	w.takeOver(metaverse.Holder{Host: "elsewhere"}, time.Hour)
	w.user(1)
	_, err = w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.ErrorIs(t, err, metaverse.ErrLeaseLost)
	second.Resign()
}

// twice is a store that undoes each Update once and has its function called again, as a database
// server may do.
type twice struct{ metaverse.Store }

var errUndone = errors.New("undone on purpose")

func (s twice) Update(ctx context.Context, fn func(metaverse.Tx) error) error {
	err := s.Store.Update(ctx, func(tx metaverse.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errUndone
	})
	if !errors.Is(err, errUndone) {
		return err
	}
	return s.Store.Update(ctx, fn)
}

// Functions given to Update may be called again: the outcome is the same.
func TestUpdatesCanBeRepeated(t *testing.T) {
	t.Parallel()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		if runs++; runs > 12 { // each is twice the work
			return
		}
		runModel(t, func(w *world) { w.store = twice{w.store} })
	})
}
