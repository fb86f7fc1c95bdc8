package metaverse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

func (w *world) stage(on bool) {
	w.t.Helper()
	set := func(by string) bool {
		changed, err := metaverse.SetStaging(w.t.Context(), w.store, on, metaverse.Staging{Since: time.Now(), By: by, Reason: "test"})
		require.NoError(w.t, err)
		return changed
	}
	require.True(w.t, set("operator"))
	require.False(w.t, set("another"))
	now, err := metaverse.StagingOf(w.t.Context(), w.store)
	require.NoError(w.t, err)
	require.Equal(w.t, on, now != nil)
	who := now
	if !on {
		who, err = metaverse.StagingLeft(w.t.Context(), w.store)
		require.NoError(w.t, err)
	}
	require.Equal(w.t, "operator", who.By)
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

// What waits here to be created was created by another server, and the import shows who refers to
// it before it: it is recognised all the same.
func TestCreatedElsewhereAndReferredToFirst(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{0, 1} { // all in one transaction, or each in its own
		active := newWorld(t)
		var err error
		active.cloud, err = memdir.New("cloud", &memdir.Options{References: connector.ReferenceByAnchor, Schema: cloudSchema(), Unique: []string{"userPrincipalName", "sourceAnchor"}})
		require.NoError(t, err)
		active.reload()
		waiting := *active
		waiting.opts.Batch = batch
		waiting.store, err = sqlstore.OpenMemory(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, waiting.store.Close()) })
		set, err := rules.Compile(waiting.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
		require.NoError(t, err)
		backwards := connectortest.WithFaults(waiting.cloud, connectortest.FaultPlan{Faults: []connectortest.Fault{{Kind: connectortest.Reorder, Window: 100}}})
		waiting.engine, err = metaverse.New(waiting.store, set, []connector.Connector{waiting.ad, backwards}, &waiting.opts)
		require.NoError(t, err)
		waiting.stage(true)
		look := func(imp, sync metaverse.StepKind) {
			for _, kind := range []metaverse.StepKind{imp, sync} {
				waiting.run("ad", kind)
				waiting.run("cloud", kind)
			}
		}
		active.user(1)
		active.user(2)
		active.group(1)
		active.join(1, userDN(1), userDN(2))
		look(metaverse.FullImport, metaverse.FullSync)
		require.EqualValues(t, 3, waiting.counts("cloud").PendingExport)
		active.settle()
		look(metaverse.DeltaImport, metaverse.DeltaSync)
		waiting.healthy()
		counts := waiting.counts("cloud")
		require.EqualValues(t, 3, counts.Objects)
		require.EqualValues(t, 3, counts.Connected)
		for p, err := range metaverse.PendingExports(t.Context(), waiting.store, "cloud") {
			require.NoError(t, err)
			t.Errorf("still pending: %+v", p)
		}
		require.Empty(t, waiting.errors())
		require.Zero(t, counts.PendingExport, "nothing is left to do")
	}
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
