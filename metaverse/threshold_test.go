package metaverse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

func TestThresholds(t *testing.T) {
	t.Parallel()
	sales := func(w *world, n int) {
		for i := range n {
			w.modify(userDN(i), set("department", attr.String("Sales")))
		}
	}
	remove := func(w *world, n int) {
		for i := range n {
			require.NoError(w.t, w.ad.Delete(connector.Key{DN: userDN(i)}))
		}
	}
	tests := []struct {
		name       string
		thresholds []metaverse.Threshold
		change     func(w *world)
		result     metaverse.RunResult // "" for one that goes through
	}{
		{"updates by count", []metaverse.Threshold{{Op: connector.OpUpdate, Count: 3}}, func(w *world) { sales(w, 4) }, metaverse.ResultStoppedExportThreshold},
		{"exactly as many updates", []metaverse.Threshold{{Op: connector.OpUpdate, Count: 4}}, func(w *world) { sales(w, 4) }, ""},
		{"updates by share", []metaverse.Threshold{{Op: connector.OpUpdate, Percent: 30}}, func(w *world) { sales(w, 4) }, metaverse.ResultStoppedExportThreshold},
		{"exactly the share", []metaverse.Threshold{{Op: connector.OpUpdate, Percent: 40}}, func(w *world) { sales(w, 4) }, ""},
		{"class by count", []metaverse.Threshold{{Op: connector.OpUpdate, Class: "User", Count: 3}}, func(w *world) { sales(w, 4) }, metaverse.ResultStoppedExportThreshold},
		{"another class", []metaverse.Threshold{{Op: connector.OpUpdate, Class: "group", Count: -1}}, func(w *world) { sales(w, 4) }, ""},
		{"class by share", []metaverse.Threshold{{Op: connector.OpUpdate, Class: "user", Percent: 49}}, func(w *world) { sales(w, 4) }, metaverse.ResultStoppedExportThreshold},
		{"exactly the share of the class", []metaverse.Threshold{{Op: connector.OpUpdate, Class: "user", Percent: 50}}, func(w *world) { sales(w, 4) }, ""},
		{"adds", []metaverse.Threshold{{Op: connector.OpAdd, Count: -1}}, func(w *world) { w.user(99) }, metaverse.ResultStoppedExportThreshold},
		{"deletes by share", []metaverse.Threshold{{Op: connector.OpDelete, Percent: 10}}, func(w *world) { remove(w, 2) }, metaverse.ResultStoppedDeletionThreshold},
		{"another connector", []metaverse.Threshold{{Connector: "ad", Op: connector.OpUpdate, Count: -1}}, func(w *world) { sales(w, 4) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := range 8 {
				w.user(i)
			}
			w.group(1)
			w.group(2)
			w.initial()
			w.settle()
			before := w.tenant()
			tt.change(w)
			w.opts.Thresholds = tt.thresholds
			w.reload()
			w.run("ad", metaverse.DeltaImport)
			w.run("ad", metaverse.DeltaSync)
			rec, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
			if tt.result == "" {
				require.NoError(t, err)
				require.NotEqual(t, before, w.tenant())
				return
			}
			require.ErrorIs(t, err, metaverse.ErrHeld)
			require.Equal(t, tt.result, rec.Result)
			require.Len(t, rec.Held, 1)
			require.Equal(t, before, w.tenant(), "nothing is sent")

			_, err = w.engine.Run(t.Context(), "cloud", metaverse.Export, &metaverse.RunOptions{AcceptRun: rec.ID})
			require.NoError(t, err)
			require.Equal(t, w.expected(), w.tenant())
		})
	}
}

func TestAcceptRunNamesOneRunOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 8 {
		w.user(i)
	}
	w.initial()
	w.settle()
	w.opts.Thresholds = []metaverse.Threshold{{Op: connector.OpDelete, Count: 1}}
	w.reload()
	accept := func(id int64) (*metaverse.RunRecord, error) {
		return w.engine.Run(t.Context(), "cloud", metaverse.Export, &metaverse.RunOptions{AcceptRun: id})
	}
	remove := func(i int) {
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(i)}))
		w.run("ad", metaverse.DeltaImport)
		w.run("ad", metaverse.DeltaSync)
	}
	remove(0)
	remove(1)
	held, err := accept(0)
	require.ErrorIs(t, err, metaverse.ErrHeld)
	require.Equal(t, []metaverse.Excess{{Connector: "cloud", Op: "delete", Count: 2, Limit: 1}}, held.Held)

	remove(2)
	more, err := accept(held.ID)
	require.ErrorIs(t, err, metaverse.ErrHeld, "more than was accepted is held again")
	_, err = accept(4711)
	require.ErrorContains(t, err, "4711")
	_, err = accept(more.ID)
	require.NoError(t, err)
	require.Len(t, w.anchors(), 5)

	remove(3)
	remove(4)
	_, err = accept(more.ID)
	require.Error(t, err, "once only")
	require.Len(t, w.anchors(), 5)
}

func TestAcceptedImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 100 {
		w.user(i)
	}
	w.initial()
	for i := range 60 {
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(i)}))
	}
	held, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.ErrorIs(t, err, metaverse.ErrHeld)
	require.EqualValues(t, 60, held.Held[0].Count)
	rec, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, &metaverse.RunOptions{AcceptRun: held.ID})
	require.NoError(t, err)
	require.EqualValues(t, 60, rec.Counters.Deletes)
}

func TestBadThresholds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	for _, bad := range []metaverse.Threshold{{Count: 1}, {Op: connector.OpAdd}, {Op: connector.OpAdd, Percent: 101}, {Op: 9, Count: 1}} {
		_, err := metaverse.New(w.store, set, []connector.Connector{w.ad, w.cloud}, &metaverse.Options{Thresholds: []metaverse.Threshold{bad}})
		require.ErrorContains(t, err, "Thresholds[0]")
	}
}
