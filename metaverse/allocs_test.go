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
	maxAllocsFirst = 270 // every object is new: projected, provisioned, its references settled
	maxAllocsAgain = 280 // nothing has changed
)

// The race detector allocates, too, so that it is left out there. It is not parallel, because allocations are counted for the whole process.
func TestAllocationsOfFullSync(t *testing.T) { //nolint:paralleltest // see above
	e := company(t, 2000, 100)
	for _, c := range []struct {
		name  string
		limit float64
	}{{"first", maxAllocsFirst}, {"again", maxAllocsAgain}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rec := mustRun(t, e, "ad", metaverse.FullSync)
		runtime.ReadMemStats(&after)
		require.EqualValues(t, 2100, rec.Objects)
		got := float64(after.Mallocs-before.Mallocs) / float64(rec.Objects)
		t.Logf("%s: %.0f allocations, %.0f octets for each object", c.name, got, float64(after.TotalAlloc-before.TotalAlloc)/float64(rec.Objects))
		require.LessOrEqual(t, got, c.limit, c.name)
	}
}
