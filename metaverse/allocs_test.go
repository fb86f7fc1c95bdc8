//go:build !race

package metaverse_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
)

// Allocations for each object that a full synchronisation by the standard rules looks at,
// store included. Lower them when the code gets better; whoever has to raise them says why.
const (
	maxAllocsFirst = 215 // every object is new: projected, provisioned, its references settled
	maxAllocsAgain = 250 // nothing has changed

	maxOctetsFirst = 30_000
	maxOctetsAgain = 40_000
)

// The race detector allocates, too, so that it is left out there. It is not parallel, because allocations are counted for the whole process.
func TestAllocationsOfFullSync(t *testing.T) { //nolint:paralleltest // see above
	e := company(t, 2000, 100)
	for _, c := range []struct {
		name          string
		limit, octets float64
	}{{"first", maxAllocsFirst, maxOctetsFirst}, {"again", maxAllocsAgain, maxOctetsAgain}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rec := mustRun(t, e, "ad", metaverse.FullSync)
		runtime.ReadMemStats(&after)
		require.EqualValues(t, 2100, rec.Objects)
		got := float64(after.Mallocs-before.Mallocs) / float64(rec.Objects)
		octets := float64(after.TotalAlloc-before.TotalAlloc) / float64(rec.Objects)
		t.Logf("%s: %.0f allocations, %.0f octets for each object", c.name, got, octets)
		require.LessOrEqual(t, octets, c.octets, c.name)
		require.LessOrEqual(t, got, c.limit, c.name)
	}
}
