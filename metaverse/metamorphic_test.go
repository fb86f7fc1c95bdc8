package metaverse_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// variant is a way to run the same history that must not matter.
type variant struct {
	name string
	// store opens another store; nil means SQLite in memory.
	store func(t *testing.T) metaverse.Store
	// change adjusts a world before its first cycle and after each change of its rules.
	change func(w *world)
	// full has every cycle read and evaluate everything.
	full bool
}

func variants(t *testing.T) []variant {
	server := postgrestest.Start(t, nil)
	return []variant{
		{name: "memory", store: func(*testing.T) metaverse.Store { return metaversetest.NewMemory() }},
		{name: "file", store: func(t *testing.T) metaverse.Store {
			return opened(t, filepath.Join(t.TempDir(), "store.db"))
		}},
		{name: "PostgreSQL", store: func(t *testing.T) metaverse.Store { return opened(t, server.Schema(t)) }},
		{name: "rules in another order", change: func(w *world) { slices.Reverse(w.rules) }},
		{name: "small batches", change: func(w *world) { w.opts.Batch = 2 }},
		{name: "full cycles", full: true},
	}
}

func opened(t *testing.T, where string) metaverse.Store {
	s, err := sqlstore.Open(t.Context(), where, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// The same history gives the same tenant and the same state whatever the store, the order in
// which rules are written, the size of batches, and whether cycles are full or delta ones.
func TestVariantsAgree(t *testing.T) {
	t.Parallel()
	seeds := 5
	if testing.Short() {
		seeds = 1
	}
	all := variants(t)
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			want := history(t, seed, variant{name: "plain"})
			for _, v := range all {
				t.Run(v.name, func(t *testing.T) { require.Equal(t, want, history(t, seed, v)) })
			}
		})
	}
}

// history plays the edits of a seed and returns what each round left behind.
func history(t *testing.T, seed uint64, v variant) (rounds []string) {
	t.Helper()
	w := newWorld(t)
	if v.store != nil {
		w.store = v.store(t)
	}
	w.opts.ImportHold.Fraction = -1
	change := func() {
		if v.change != nil {
			v.change(w)
		}
		w.reload()
	}
	change()
	rng := rand.New(rand.NewPCG(seed, 9))
	e := &editor{world: w, n: func(limit int, _ string) int { return rng.IntN(limit) }}
	for range 12 {
		e.create()
	}
	w.initial()
	for range 8 {
		before := w.policy
		for range 4 {
			e.edit()
		}
		if w.policy != before {
			change()
		}
		if v.full {
			w.initial()
			w.initial()
		}
		w.settle()
		require.Equal(t, w.expected(), w.tenant())
		// Who stood in the way for a while leaves a placeholder behind that maintenance removes.
		_, err := w.engine.Purge(t.Context(), time.Hour)
		require.NoError(t, err)
		rounds = append(rounds, fmt.Sprint(w.tenant()), metaversetest.Snapshot(t, w.store))
	}
	return rounds
}
