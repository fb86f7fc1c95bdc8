package connectortest_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/connectortest"
)

// storm makes imports under chaos and returns what fired.
func storm(t *testing.T, seed uint64, rates map[connectortest.FaultKind]float64) *connectortest.Faulty {
	t.Helper()
	f := connectortest.WithFaults(users(t, 9), connectortest.FaultPlan{
		Chaos: &connectortest.Chaos{Seed: seed, Rates: rates, Within: 9},
		Sleep: func(context.Context, time.Duration) error { return nil },
	})
	for range 40 {
		s, err := f.Open(t.Context(), connector.OpenOptions{})
		if err != nil {
			continue
		}
		im, ok := connector.As[connector.FullImporter](s)
		require.True(t, ok)
		n := 0
		for _, err := range im.FullImport(t.Context(), connector.ImportRequest{}) {
			if n++; err != nil || n > 1000 {
				break // enough of endless pages
			}
		}
	}
	return f
}

func TestChaosIsDeterministic(t *testing.T) {
	t.Parallel()
	for name, rates := range connectortest.Storms() {
		one, two := storm(t, 7, rates), storm(t, 7, rates)
		require.Equal(t, one.Trace(), two.Trace(), name)
		if name != "answers" && name != "marks" { // not met by full imports
			require.NotEmpty(t, one.Trace(), name)
			require.NotEqual(t, one.Trace(), storm(t, 8, rates).Trace(), name)
		}
	}
}

func TestEveryKindIsInAStorm(t *testing.T) {
	t.Parallel()
	all := connectortest.Storms()["all"]
	for name, rates := range connectortest.Storms() {
		for kind := range maps.Keys(rates) {
			require.Contains(t, all, kind, name)
		}
	}
	require.Len(t, all, 16)
}

func TestCalm(t *testing.T) {
	t.Parallel()
	f := connectortest.WithFaults(users(t, 3), connectortest.FaultPlan{Faults: []connectortest.Fault{{Kind: connectortest.Refuse}}})
	_, err := f.Schema(t.Context())
	require.ErrorIs(t, err, connector.ErrUnavailable)
	f.SetCalm(true)
	_, err = f.Schema(t.Context())
	require.NoError(t, err)
	f.SetCalm(false)
	_, err = f.Schema(t.Context())
	require.Error(t, err)
	require.Equal(t, map[connectortest.FaultKind]int{connectortest.Refuse: 2}, f.Fired())
}

func TestStuck(t *testing.T) {
	t.Parallel()
	f := connectortest.WithFaults(users(t, 1), connectortest.FaultPlan{Faults: []connectortest.Fault{
		{Kind: connectortest.Stuck, On: connectortest.OnOpen, Delay: time.Millisecond, Times: 1},
		{Kind: connectortest.Stuck, On: connectortest.OnOpen},
	}})
	_, err := f.Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(5*time.Millisecond, cancel)
	_, err = f.Open(ctx, connector.OpenOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestEndlessPagesEndWithTheContext(t *testing.T) {
	t.Parallel()
	f := connectortest.WithFaults(users(t, 5), connectortest.FaultPlan{Faults: []connectortest.Fault{{Kind: connectortest.EndlessPages}}})
	s, err := f.Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	im, _ := connector.As[connector.FullImporter](s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for it, err := range im.FullImport(ctx, connector.ImportRequest{}) {
		require.NoError(t, err)
		require.Equal(t, connector.ItemObject, it.Kind, "no end, no checkpoint")
		if n++; n == 500 {
			cancel()
		}
	}
	require.Greater(t, n, 499)
	require.Less(t, n, 503)
}

func TestRequireFired(t *testing.T) {
	t.Parallel()
	f := connectortest.WithFaults(users(t, 1), connectortest.FaultPlan{
		Faults: []connectortest.Fault{{Kind: connectortest.Slow, On: connectortest.OnSchema}},
		Chaos:  &connectortest.Chaos{Rates: map[connectortest.FaultKind]float64{connectortest.Refuse: 0}},
		Sleep:  func(context.Context, time.Duration) error { return nil },
	})
	_, err := f.Schema(t.Context())
	require.NoError(t, err)
	connectortest.RequireFired(t, 1, f)
	var quiet failures
	connectortest.RequireFired(&quiet, 2, f)
	require.Equal(t, 1, int(quiet.n))
}

// failures counts errors that a helper reports.
type failures struct {
	testing.TB
	n int
}

func (f *failures) Helper()               {}
func (f *failures) Errorf(string, ...any) { f.n++ }

func TestJumpingClock(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	read := func(seed uint64) (all []time.Time) {
		clock := connectortest.JumpingClock(func() time.Time { return base }, seed, 0.5, time.Hour)
		for range 50 {
			all = append(all, clock())
		}
		return all
	}
	one := read(1)
	require.Equal(t, one, read(1))
	require.NotEqual(t, one, read(2))
	back := false
	for i, now := range one {
		require.LessOrEqual(t, now.Sub(base).Abs(), time.Hour)
		back = back || i > 0 && now.Before(one[i-1])
	}
	require.True(t, back, "it goes back, too")
	still := connectortest.JumpingClock(func() time.Time { return base }, 1, 0, time.Hour)
	require.Equal(t, base, still())
}
