package scheduler_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// A step without progress is broken off and holds up nobody else for longer; one that goes on
// slowly is left alone.
func TestHungStepIsBrokenOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine, rec := newFake().read("tenant", "a", "b"), &recorder{}
		engine.took = 3 * time.Hour
		begin := time.Now()
		var ended []*scheduler.Cycle
		s, err := scheduler.New(engine, connectors, &scheduler.Options{Interval: 24 * time.Hour, OnEvent: rec.on,
			OnCycle: func(c *scheduler.Cycle, _ error) { ended = append(ended, c) }})
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		for i := range int64(18) { // a gets on for three hours
			time.Sleep(10 * time.Minute)
			s.Report(metaverse.Progress{Connector: "a", Step: metaverse.DeltaImport, Phase: "reading", Done: i})
		}
		synctest.Wait()
		require.Equal(t, 2, rec.count(scheduler.EventStepHung), "imports of b and of the tenant")
		require.True(t, s.Health(t.Context()).Live)
		engine.mu.Lock()
		engine.took = time.Minute
		engine.mu.Unlock()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		require.Len(t, ended, 1)
		require.Equal(t, metaverse.ResultSuccess, ended[0].Steps[0].Result, "that of a")
		require.Equal(t, metaverse.ResultStoppedCancelled, ended[0].Steps[1].Result)
		require.Less(t, ended[0].Ended.Sub(begin), 5*time.Hour)
		require.Equal(t, []scheduler.Step{step("tenant", metaverse.Export)}, []scheduler.Step{ended[0].Skipped[0].Step})
		s.Stop()
		require.NoError(t, <-done)
	})
}

// deaf is an engine whose steps do not end when they are told to.
type deaf struct{ *fakeEngine }

func (d deaf) Run(ctx context.Context, name string, kind metaverse.StepKind, _ *metaverse.RunOptions) (*metaverse.RunRecord, error) {
	return d.fakeEngine.Run(context.WithoutCancel(ctx), name, kind, &metaverse.RunOptions{})
}

// Where nothing else helps, the program says that it is to be restarted.
func TestDeafStepMakesTheProgramDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine := newFake().read("tenant", "a", "b")
		engine.took = 10 * time.Hour
		s, err := scheduler.New(deaf{engine}, connectors[1:2], &scheduler.Options{Interval: 24 * time.Hour, HangAfter: 30 * time.Minute})
		require.NoError(t, err)
		s.Report(metaverse.Progress{Connector: "a"})
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		time.Sleep(34 * time.Minute)
		require.True(t, s.Health(t.Context()).Live)
		time.Sleep(4 * time.Minute)
		require.False(t, s.Health(t.Context()).Live)
		s.Stop()
		require.NoError(t, <-done)
	})
}

// Maintenance that takes long does not make the program look dead, ends when it takes too long,
// and at once when the scheduler is stopped.
func TestMaintenanceIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine, rec := newFake().read("tenant", "a", "b"), &recorder{}
		var ran atomic.Int32
		s, err := scheduler.New(engine, connectors, &scheduler.Options{Interval: 24 * time.Hour, OnEvent: rec.on,
			Tasks: []scheduler.Task{{Name: "slow", Every: time.Hour, Run: func(ctx context.Context) error {
				ran.Add(1)
				<-ctx.Done()
				return ctx.Err()
			}}}})
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		require.EqualValues(t, 1, ran.Load())
		require.True(t, s.Health(t.Context()).Live)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		failed := rec.last(scheduler.EventMaintenanceFailed)
		require.Contains(t, fmt.Sprint(failed.Attrs), "longer than 10m")
		require.Contains(t, fmt.Sprint(failed.Attrs), "duration=10m0s")
		time.Sleep(15 * time.Minute) // it is tried again
		synctest.Wait()
		require.EqualValues(t, 2, ran.Load())
		stopped := time.Now()
		s.Stop()
		require.NoError(t, <-done)
		require.Zero(t, time.Since(stopped))
		require.Equal(t, 1, rec.count(scheduler.EventMaintenanceFailed))
	})
}

// Cycles that take longer than their interval leave maintenance its turn.
func TestMaintenanceHasItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine := newFake().read("tenant", "a", "b")
		engine.took = time.Minute // a step: five a cycle
		ran := 0
		s, err := scheduler.New(engine, connectors, &scheduler.Options{Interval: time.Minute,
			Tasks: []scheduler.Task{{Name: "rotation", Every: time.Hour, Run: func(context.Context) error { ran++; return nil }}}})
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		time.Sleep(12*time.Hour + time.Minute)
		s.Stop()
		require.NoError(t, <-done)
		require.InDelta(t, 12, ran, 1)
	})
}
