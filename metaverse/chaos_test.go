package metaverse_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// chaosSeeds is how many storms each scenario sees; HYBRIDSYNC_CHAOS names a larger number
// for a long run.
func chaosSeeds(t *testing.T) uint64 {
	if n, err := strconv.ParseUint(os.Getenv("HYBRIDSYNC_CHAOS"), 10, 32); err == nil {
		return n
	}
	if testing.Short() {
		return 2
	}
	return 6
}

// TestChaos runs cycles over directories in a storm, with a clock that jumps and restarts in
// between. Whatever happens, nobody is deleted who is still in the directory, and nobody
// exists twice; and when the storm is over everything comes to rest where an undisturbed
// engine would have left it.
func TestChaos(t *testing.T) {
	t.Parallel()
	for name, rates := range connectortest.Storms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex // guards storms
			var storms []*connectortest.Faulty
			t.Run("storms", func(t *testing.T) {
				for seed := range chaosSeeds(t) {
					t.Run(fmt.Sprint(seed), func(t *testing.T) {
						t.Parallel()
						s := ride(t, seed, rates)
						mu.Lock()
						defer mu.Unlock()
						storms = append(storms, s...)
					})
				}
			})
			if !testing.Short() {
				connectortest.RequireFired(t, 3, storms...)
			}
		})
	}
}

// ride is one storm.
func ride(t *testing.T, seed uint64, rates map[connectortest.FaultKind]float64) []*connectortest.Faulty {
	w := newWorld(t)
	w.opts.Batch = 5
	w.opts.ImportHold.Fraction = -1 // small directories
	w.opts.DeletionThreshold = -1
	w.opts.Now = connectortest.JumpingClock(time.Now, seed, 0.02, 48*time.Hour)
	paged(t, w)
	rng := rand.New(rand.NewPCG(seed, 4))
	e := &editor{world: w, n: func(limit int, _ string) int { return rng.IntN(limit) }}
	for range 30 {
		e.create()
	}
	plan := func(n uint64) connectortest.FaultPlan {
		return connectortest.FaultPlan{
			Chaos: &connectortest.Chaos{Seed: 2*seed + n, Rates: rates, Within: 4},
			Sleep: func(context.Context, time.Duration) error { return nil },
		}
	}
	ad, cloud := connectortest.WithFaults(w.ad, plan(0)), connectortest.WithFaults(w.cloud, plan(1))
	weather := func() { w.engine = engineOver(t, w, ad, cloud) }
	weather()
	w.arrived = make(map[string]bool)
	for range 12 {
		for range rng.IntN(5) {
			e.edit()
		}
		before := w.tenant() // somebody may delete in the cloud, too
		w.stormyCycle(rng)
		w.nobodyLost(seed, before)
		if rng.IntN(4) == 0 {
			weather() // a restart
		}
	}
	ad.SetCalm(true)
	cloud.SetCalm(true)
	w.opts.Now = nil
	weather()
	w.initial() // what was in trouble is read again
	w.settle()
	require.Equal(t, w.expected(), w.tenant(), "seed %d", seed)
	require.Empty(t, w.errors(), "seed %d", seed)
	require.Zero(t, w.initial().Objects, "seed %d: a full cycle finds nothing more", seed)
	return []*connectortest.Faulty{ad, cloud}
}

// paged gives the world directories with small pages, so that imports have checkpoints.
func paged(t *testing.T, w *world) {
	t.Helper()
	var err error
	w.ad, err = memdir.New("ad", &memdir.Options{PageSize: 7})
	require.NoError(t, err)
}

func engineOver(t tb, w *world, connectors ...connector.Connector) *metaverse.Engine {
	t.Helper()
	set, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	e, err := metaverse.New(w.store, set, connectors, &w.opts)
	require.NoError(t, err)
	return e
}

// stormyCycle runs the steps of a cycle; each may fail, and none may fail in another way than
// with a StepError.
func (w *world) stormyCycle(rng *rand.Rand) {
	w.t.Helper()
	imp, sync := metaverse.DeltaImport, metaverse.DeltaSync
	if rng.IntN(3) == 0 {
		imp, sync = metaverse.FullImport, metaverse.FullSync
	}
	for _, step := range []struct {
		name string
		kind metaverse.StepKind
	}{{"ad", imp}, {"cloud", imp}, {"ad", sync}, {"cloud", sync}, {"cloud", metaverse.Export}} {
		rec, err := w.engine.Run(w.t.Context(), step.name, step.kind, nil)
		w.t.Logf("%s %s: %s", step.name, step.kind, rec.Result)
		var failed *metaverse.StepError
		require.True(w.t, err == nil || errors.As(err, &failed), "%v", err)
	}
}

// nobodyLost holds what must be true in the middle of a storm: who has come into the tenant,
// and has been in the directory and in scope ever since, is in the tenant, once. (Who has
// left the scope and come back may be deleted late, and made again.)
func (w *world) nobodyLost(seed uint64, before map[string]map[string][]string) {
	w.t.Helper()
	have, want := w.tenant(), w.expected() // tenant fails on two of one source anchor
	for id := range w.arrived {
		if _, ok := want[id]; !ok {
			w.arrived[id] = false
		}
		if w.arrived[id] && before[id] != nil {
			require.True(w.t, have[id] != nil, "seed %d: %s was deleted by mistake", seed, id)
		}
	}
	for id := range have {
		if _, known := w.arrived[id]; !known {
			_, w.arrived[id] = want[id]
		}
	}
}
