package metaverse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
)

func (w *world) stage(on bool) {
	w.t.Helper()
	var st *metaverse.Staging
	if on {
		st = &metaverse.Staging{Since: time.Now(), By: "operator", Reason: "test"}
	}
	changed, err := metaverse.SetStaging(w.t.Context(), w.store, st)
	require.NoError(w.t, err)
	require.True(w.t, changed)
}

// In staging mode everything is computed and nothing is sent, by no way into the directory.
func TestStagingModeSendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.user(2)
	w.stage(true)
	for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.FullSync} {
		w.run("ad", kind)
		w.run("cloud", kind)
	}
	rec, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
	require.ErrorIs(t, err, metaverse.ErrStaging)
	require.Equal(t, metaverse.ResultNoStartStaging, rec.Result)
	_, err = w.object(userDN(1), nil)
	require.NoError(t, err)
	require.Empty(t, w.tenant())
	require.EqualValues(t, 2, w.counts("cloud").PendingExport)

	w.stage(false)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
}

// An export that is under way when the store goes into staging mode sends no other batch.
func TestStagingModeStopsARunningExport(t *testing.T) {
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
	w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
		if sent++; sent == 10 {
			w.stage(true)
		}
		return memdir.Fate{}
	}})
	rec, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
	require.ErrorIs(t, err, metaverse.ErrStaging)
	require.Equal(t, metaverse.ResultStoppedStaging, rec.Result)
	require.Equal(t, memdir.DefaultExportBatch, sent, "the batch on its way is the last one")
}

// Due and the records tell why delta steps are not enough.
func TestDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	due := func(name string) metaverse.Due {
		d, err := w.engine.Due(t.Context(), name)
		require.NoError(t, err)
		return d
	}
	d := due("ad")
	require.False(t, d.Watermark || d.Synchronised || d.RulesChanged)
	require.Contains(t, d.Attributes, "employeeID")
	require.Equal(t, metaverse.WidenNoWatermark, w.run("ad", metaverse.DeltaImport).Widened)
	w.run("ad", metaverse.DeltaSync)
	d = due("ad")
	require.True(t, d.Watermark && d.Synchronised)
	require.False(t, d.RulesChanged)

	w.rules[0].Precedence = 99
	w.reload()
	require.True(t, due("ad").RulesChanged)
	require.Equal(t, metaverse.WidenRulesChanged, w.run("ad", metaverse.DeltaSync).Widened)
	require.False(t, due("ad").RulesChanged)
	require.Empty(t, w.run("ad", metaverse.DeltaImport).Widened)

	require.NoError(t, w.store.Update(t.Context(), func(tx metaverse.Tx) error { return tx.PutSetting("watermark/old", []byte("x")) }))
	gone, err := w.engine.ForgetWatermarks(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"old"}, gone)
	require.True(t, due("ad").Watermark)
	_, err = w.engine.Due(t.Context(), "old")
	require.ErrorContains(t, err, `no connector "old"`)
}
