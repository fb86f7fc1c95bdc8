package metaverse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// fixed is a directory whose DNs follow from what its objects are, as those of a tenant do.
type fixed struct{ *memdir.Directory }

func (f fixed) Capabilities() connector.Capabilities {
	c := f.Directory.Capabilities()
	c.Rename = false
	return c
}

// belated is a world whose cloud gets the creation of a user only after everybody has given it up.
type belated struct {
	*world
	now     time.Time
	pending connector.Object // the creation
}

func newBelated(t *testing.T, died bool) *belated {
	t.Helper()
	w := &belated{world: populated(t), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.opts.Now = func() time.Time { return w.now }
	set, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(t, err)
	w.engine, err = metaverse.New(w.store, set, []connector.Connector{w.ad, fixed{w.cloud}}, &w.opts)
	require.NoError(t, err)
	w.user(9)
	f := memdir.Faults{Export: func(c connector.Change) memdir.Fate {
		if c.Op != connector.OpAdd {
			return memdir.Fate{}
		}
		w.pending = connector.Object{Class: c.Class, DN: c.Key.DN}
		for _, m := range c.Mods {
			w.pending.Attributes.Apply(m)
		}
		return memdir.Fate{Outcome: connector.Unknown, Drop: true}
	}}
	w.cloud.SetFaults(f)
	w.delta()
	if died { // before it could learn anything
		f.ExportBatch = connector.ErrUnavailable
		w.cloud.SetFaults(f)
		_, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
		require.Error(t, err)
	}
	w.cloud.SetFaults(memdir.Faults{})
	require.Equal(t, "E9", w.pending.Attributes.Text("sourceAnchor"))
	return w
}

func (w *belated) arrive() { require.NoError(w.t, w.cloud.Put(w.pending)) }

// A creation whose answer was lost may take effect after a reading has not shown it. Who has left
// by then is deleted all the same.
func TestCreationThatArrivesLate(t *testing.T) {
	t.Parallel()
	for name, died := range map[string]bool{"answer lost": false, "process died": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newBelated(t, died)
			require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(9)}))
			w.delta()
			w.delta()
			w.arrive()
			w.settle()
			require.Equal(t, w.expected(), w.tenant(), "who has left is in the tenant for ever")
			w.healthy()
		})
	}
}

// It may take effect before the deletion has been settled, too: the account is gone for good then, and
// the next one of the same identity can be made.
func TestCreationThatArrivesBeforeItsDeletionIsSettled(t *testing.T) {
	t.Parallel()
	w := newBelated(t, true)
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(9)}))
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	w.arrive()
	require.EqualValues(t, 1, w.run("cloud", metaverse.Export).Counters.Deletes)
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	w.user(9)
	w.settle()
	require.Contains(t, w.anchors(), "E9")
	require.Equal(t, w.expected(), w.tenant())
	w.healthy()
}

// Who comes back meanwhile gets an account, and one only.
func TestComingBackWhileACreationIsAwaited(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"never": false, "late": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newBelated(t, false)
			require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(9)}))
			w.delta()
			w.user(9)
			w.run("ad", metaverse.DeltaImport)
			w.run("ad", metaverse.DeltaSync)
			if arrives {
				w.arrive()
			}
			w.run("cloud", metaverse.Export)
			require.Empty(t, w.errors())
			w.settle()
			require.Contains(t, w.anchors(), "E9")
			require.Equal(t, w.expected(), w.tenant())
			w.healthy()
		})
	}
}

// Nothing is awaited for ever, and what is is no failed change.
func TestCreationIsNotAwaitedForEver(t *testing.T) {
	t.Parallel()
	w := newBelated(t, false)
	before := w.counts("cloud").Objects
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(9)}))
	require.Zero(t, w.delta().Counters.Deferred)
	require.EqualValues(t, 1, w.counts("cloud").PendingExport)
	w.healthy()
	w.now = w.now.Add(time.Hour)
	require.Zero(t, w.delta().Counters.Deferred)
	require.Zero(t, w.counts("cloud").PendingExport)
	require.Equal(t, before-1, w.counts("cloud").Objects)
}

// What a creation was refused for is no trouble any more when its object has left, although it was sent
// once more and is awaited. Found by the model test, seed 9573486365770913862.
func TestAwaitedCreationWasRefusedBefore(t *testing.T) {
	t.Parallel()
	w := newBelated(t, false)
	w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate { return memdir.Fate{Outcome: connector.Rejected} }})
	w.run("cloud", metaverse.Export)
	require.Len(t, w.errors(), 1)
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(9)}))
	w.cloud.SetFaults(memdir.Faults{})
	w.delta()
	require.EqualValues(t, 1, w.counts("cloud").PendingExport, "it is awaited")
	require.Empty(t, w.errors())
	w.healthy()
}
