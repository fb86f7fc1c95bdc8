package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// fakeEngine records the steps that it is asked to run.
type fakeEngine struct {
	steps []scheduler.Step
	fail  map[scheduler.Step]metaverse.RunResult
	took  time.Duration
	then  func()
}

func (f *fakeEngine) Run(_ context.Context, name string, kind metaverse.StepKind, _ *metaverse.RunOptions) (*metaverse.RunRecord, error) {
	step := scheduler.Step{Connector: name, Kind: kind}
	f.steps = append(f.steps, step)
	time.Sleep(f.took)
	if f.then != nil {
		f.then()
	}
	rec := &metaverse.RunRecord{Connector: name, Step: kind, Result: metaverse.ResultSuccess}
	if result, bad := f.fail[step]; bad {
		rec.Result = result
		return rec, &metaverse.StepError{Record: rec, Err: errors.New("no answer")}
	}
	return rec, nil
}

var connectors = []scheduler.Connector{{Name: "tenant", Cloud: true}, {Name: "a"}, {Name: "b", ReadOnly: true}}

func step(name string, kind metaverse.StepKind) scheduler.Step {
	return scheduler.Step{Connector: name, Kind: kind}
}

func TestCycleOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		policy    scheduler.Policy
		imp, sync metaverse.StepKind
	}{
		{scheduler.Delta, metaverse.DeltaImport, metaverse.DeltaSync},
		{scheduler.Initial, metaverse.FullImport, metaverse.FullSync},
	}
	for _, tt := range tests {
		t.Run(string(tt.policy), func(t *testing.T) {
			t.Parallel()
			engine := &fakeEngine{}
			s, err := scheduler.New(engine, connectors, nil)
			require.NoError(t, err)
			cycle, err := s.Cycle(t.Context(), tt.policy)
			require.NoError(t, err)
			require.Equal(t, []scheduler.Step{
				step("a", tt.imp), step("b", tt.imp), step("tenant", tt.imp),
				step("a", tt.sync), step("b", tt.sync), step("tenant", tt.sync),
				step("tenant", metaverse.Export), step("a", metaverse.Export),
			}, engine.steps)
			require.Equal(t, metaverse.ResultSuccess, cycle.Result())
			require.Len(t, cycle.Steps, 8)
		})
	}
}

func TestFailureSkipsOnlyTheExportOfTheSameConnector(t *testing.T) {
	t.Parallel()
	engine := &fakeEngine{fail: map[scheduler.Step]metaverse.RunResult{
		step("tenant", metaverse.DeltaImport): metaverse.ResultNoStartConnection,
	}}
	s, err := scheduler.New(engine, connectors, nil)
	require.NoError(t, err)
	cycle, err := s.Cycle(t.Context(), scheduler.Delta)
	var stepErr *metaverse.StepError
	require.ErrorAs(t, err, &stepErr)
	require.Equal(t, "tenant", stepErr.Record.Connector)
	require.Equal(t, metaverse.ResultNoStartConnection, cycle.Result())
	require.Len(t, engine.steps, 7, "every step but the export to the tenant runs")
	require.Len(t, cycle.Skipped, 1)
	require.Equal(t, step("tenant", metaverse.Export), cycle.Skipped[0].Step)
}

func TestCancelledCycleStopsBetweenSteps(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	engine := &fakeEngine{then: cancel}
	s, err := scheduler.New(engine, connectors, nil)
	require.NoError(t, err)
	cycle, err := s.Cycle(ctx, scheduler.Delta)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, engine.steps, 1)
	require.Len(t, cycle.Skipped, 7)
}

func TestOneCycleAtATime(t *testing.T) {
	t.Parallel()
	var s *scheduler.Scheduler
	var second error
	engine := &fakeEngine{}
	engine.then = func() { _, second = s.Cycle(context.WithoutCancel(t.Context()), scheduler.Delta) }
	s, err := scheduler.New(engine, connectors, nil)
	require.NoError(t, err)
	_, err = s.Cycle(t.Context(), scheduler.Delta)
	require.NoError(t, err)
	require.ErrorIs(t, second, scheduler.ErrRunning)
}

func TestRunKeepsTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var starts []time.Duration
		begin := time.Now()
		engine := &fakeEngine{took: time.Minute} // eight steps: a cycle takes eight minutes
		s, err := scheduler.New(engine, connectors, &scheduler.Options{
			Interval: 10 * time.Minute,
			First:    scheduler.Initial,
			OnCycle: func(c *scheduler.Cycle, err error) {
				require.NoError(t, err)
				starts = append(starts, c.Started.Sub(begin))
				if len(starts) == 3 {
					cancel()
				}
			},
		})
		require.NoError(t, err)
		require.NoError(t, s.Run(ctx))
		require.Equal(t, []time.Duration{0, 10 * time.Minute, 20 * time.Minute}, starts)
		require.Equal(t, metaverse.FullImport, engine.steps[0].Kind)
		require.Equal(t, metaverse.DeltaImport, engine.steps[8].Kind, "only the first cycle is initial")
	})
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := scheduler.New(&fakeEngine{}, []scheduler.Connector{{Name: "a"}, {Name: "a"}},
		&scheduler.Options{Interval: time.Second, Jitter: -1, First: "weekly"})
	require.ErrorContains(t, err, "interval")
	require.ErrorContains(t, err, "jitter")
	require.ErrorContains(t, err, "weekly")
	require.ErrorContains(t, err, `"a"`)
}
