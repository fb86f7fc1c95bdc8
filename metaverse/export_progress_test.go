package metaverse_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

// Each phase of an export counts its own changes: what was created and has references to send
// is in the second one again.
func TestProgressOfExportByPhase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 8 {
		w.user(i)
	}
	w.group(1)
	w.join(1, userDN(1), userDN(2))
	w.initial()
	w.settle()
	w.user(9)
	w.group(2)
	w.join(2, userDN(1), userDN(9))
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(5)}))

	last := make(map[string]metaverse.Progress)
	var phases []string
	w.opts.Progress = func(p metaverse.Progress) {
		if p.Step == metaverse.Export {
			if last[p.Phase] = p; !slices.Contains(phases, p.Phase) {
				phases = append(phases, p.Phase)
			}
		}
	}
	w.reload()
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	w.run("cloud", metaverse.Export)
	require.Equal(t, []string{"adds", "updates", "deletes"}, phases)
	for phase, n := range map[string]int64{"adds": 2, "updates": 1, "deletes": 1} {
		require.Equal(t, [2]int64{n, n}, [2]int64{last[phase].Done, last[phase].Total}, phase)
	}
}
