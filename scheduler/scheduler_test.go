package scheduler_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

var connectors = []scheduler.Connector{{Name: "tenant", Cloud: true}, {Name: "a"}, {Name: "b", ReadOnly: true}}

func step(name string, kind metaverse.StepKind) scheduler.Step {
	return scheduler.Step{Connector: name, Kind: kind}
}

var serial = &scheduler.Options{Parallel: 1}

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
			engine := newFake().read("tenant", "a", "b")
			s, err := scheduler.New(engine, connectors, serial)
			require.NoError(t, err)
			cycle, err := s.Cycle(t.Context(), tt.policy)
			require.NoError(t, err)
			require.Equal(t, []scheduler.Step{
				step("a", tt.imp), step("b", tt.imp), step("tenant", tt.imp),
				step("a", tt.sync), step("b", tt.sync), step("tenant", tt.sync),
				step("tenant", metaverse.Export), step("a", metaverse.Export),
			}, engine.ran())
			require.Equal(t, metaverse.ResultSuccess, cycle.Result())
			require.Len(t, cycle.Steps, 8)
		})
	}
}

// A directory that is given the source anchor is exported to before the cloud.
func TestExportFirst(t *testing.T) {
	t.Parallel()
	s, err := scheduler.New(newFake().read("tenant", "a", "b"), []scheduler.Connector{{Name: "a"}, {Name: "b", ExportFirst: true}, {Name: "tenant", Cloud: true}}, nil)
	require.NoError(t, err)
	plan, err := s.Plan(t.Context(), scheduler.Delta)
	require.NoError(t, err)
	require.Equal(t, []scheduler.Step{step("b", metaverse.Export), step("tenant", metaverse.Export), step("a", metaverse.Export)}, plan[len(plan)-3:])
}

func TestFailureSkipsOnlyTheExportOfTheSameConnector(t *testing.T) {
	t.Parallel()
	engine := newFake().read("tenant", "a", "b")
	engine.fail[step("tenant", metaverse.DeltaImport)] = metaverse.ResultNoStartConnection
	s, err := scheduler.New(engine, connectors, nil)
	require.NoError(t, err)
	cycle, err := s.Cycle(t.Context(), scheduler.Delta)
	var stepErr *metaverse.StepError
	require.ErrorAs(t, err, &stepErr)
	require.Equal(t, "tenant", stepErr.Record.Connector)
	require.Equal(t, metaverse.ResultNoStartConnection, cycle.Result())
	require.Len(t, engine.ran(), 7, "every step but the export to the tenant runs")
	require.Len(t, cycle.Skipped, 1)
	require.Equal(t, step("tenant", metaverse.Export), cycle.Skipped[0].Step)
}

func TestCancelledCycleStopsBetweenSteps(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	engine := newFake()
	engine.then = func(scheduler.Step) { cancel() }
	s, err := scheduler.New(engine, connectors, serial)
	require.NoError(t, err)
	cycle, err := s.Cycle(ctx, scheduler.Delta)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, engine.ran(), 1)
	require.Len(t, cycle.Skipped, 7)
}

func TestOneCycleAtATime(t *testing.T) {
	t.Parallel()
	var s *scheduler.Scheduler
	var second error
	engine := newFake()
	engine.then = func(scheduler.Step) { _, second = s.Cycle(context.WithoutCancel(t.Context()), scheduler.Delta) }
	s, err := scheduler.New(engine, connectors, serial)
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
		engine := newFake()
		engine.took = time.Minute // eight steps: a cycle takes eight minutes
		s, err := scheduler.New(engine, connectors, &scheduler.Options{
			Interval: 10 * time.Minute, Parallel: 1,
			First: scheduler.Initial,
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
		require.Equal(t, metaverse.FullImport, engine.ran()[0].Kind)
		require.Equal(t, metaverse.DeltaImport, engine.ran()[8].Kind, "only the first cycle is initial")
	})
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := scheduler.New(newFake(), []scheduler.Connector{{Name: "a"}, {Name: "a"}},
		&scheduler.Options{Interval: time.Second, Jitter: -1, First: "weekly"})
	require.ErrorContains(t, err, "interval")
	require.ErrorContains(t, err, "jitter")
	require.ErrorContains(t, err, "weekly")
	require.ErrorContains(t, err, `"a"`)
}

// Jitter delays each start by another time, within its bound.
func TestJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const interval, jitter = time.Hour, 20 * time.Minute
		var starts []time.Time
		s, err := scheduler.New(newFake().read("tenant", "a", "b"), connectors, &scheduler.Options{Interval: interval, Jitter: jitter,
			OnCycle: func(c *scheduler.Cycle, _ error) { starts = append(starts, c.Started) }})
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		time.Sleep(100 * time.Hour)
		s.Stop()
		require.NoError(t, <-done)
		seen := make(map[time.Duration]bool)
		for i, start := range starts[1:] {
			gap := start.Sub(starts[i])
			require.GreaterOrEqual(t, gap, interval)
			require.Less(t, gap, interval+jitter+time.Minute)
			seen[gap.Round(time.Minute)] = true
		}
		require.Greater(t, len(seen), 5)
	})
}
