package metaverse_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
)

func (w *world) preview(dn string, o *metaverse.PreviewOptions) *metaverse.Preview {
	w.t.Helper()
	p, err := w.engine.Preview(w.t.Context(), metaverse.ObjectRef{Connector: "ad", DN: dn}, o)
	require.NoError(w.t, err)
	return p
}

// queue returns the reference queue, which snapshots leave out.
func (w *world) queue() (work []metaverse.RefWork) {
	w.t.Helper()
	require.NoError(w.t, w.store.View(w.t.Context(), func(rd metaverse.Reader) (err error) {
		work, err = rd.RefWork(100_000)
		return err
	}))
	return work
}

func populated(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for i := range 4 {
		w.user(i)
	}
	w.group(1)
	w.join(1, userDN(1), userDN(2))
	w.initial()
	w.settle()
	return w
}

// A preview shows exactly what the following synchronisation does, and writes nothing.
func TestPreviewWritesNothingAndForetells(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(w *world)
		outcome string
		check   func(t *testing.T, p *metaverse.Preview)
	}{
		{name: "update", outcome: "kept",
			change: func(w *world) { w.modify(userDN(1), set("department", attr.String("Sales"))) },
			check: func(t *testing.T, p *metaverse.Preview) {
				require.Equal(t, []metaverse.ValueChange{{Attribute: "department", After: []string{"Sales"},
					Is: []string{"In from AD - User (ad: " + userDN(1) + ")"}}}, p.Metaverse[0].Attributes)
				require.Len(t, p.Exports, 1)
				require.Equal(t, "cloud", p.Exports[0].Object.Connector)
				require.Equal(t, &metaverse.ExportState{Op: "update", Attributes: []metaverse.ModView{
					{Attribute: "department", Replace: true, Adds: []string{"Sales"}}}}, p.Exports[0].After)
			}},
		{name: "leaves scope", outcome: "disconnected",
			change: func(w *world) { w.modify(userDN(1), set("sAMAccountName", attr.String("svc-1"))) },
			check: func(t *testing.T, p *metaverse.Preview) {
				require.False(t, p.Rules[0].InScope)
				require.Contains(t, p.Rules[0].Reason, "NOTSTARTSWITH")
				require.Equal(t, "delete", p.Metaverse[0].Change)
				require.Equal(t, "delete", p.Exports[0].After.Op)
			}},
		{name: "new", outcome: "projected",
			change: func(w *world) { w.user(1, set("employeeID", attr.String("E1"))); w.user(9) },
			check: func(t *testing.T, p *metaverse.Preview) {
				require.Equal(t, "add", p.Metaverse[0].Change)
				require.Equal(t, "add", p.Exports[0].After.Op)
			}},
		{name: "new member", outcome: "kept",
			change: func(w *world) { w.join(1, userDN(3)) },
			check: func(t *testing.T, p *metaverse.Preview) {
				require.Len(t, p.Exports, 1)
				require.Len(t, p.Exports[0].After.References, 1)
				require.Equal(t, "member", p.Exports[0].After.References[0].Attribute)
			}},
		{name: "deleted", outcome: "removed",
			change: func(w *world) { require.NoError(w.t, w.ad.Delete(connector.Key{DN: userDN(1)})) },
			check: func(t *testing.T, p *metaverse.Preview) {
				require.Equal(t, "delete", p.Metaverse[0].Change)
			}},
		{name: "nothing to do", outcome: "kept", change: func(w *world) {},
			check: func(t *testing.T, p *metaverse.Preview) {
				require.Empty(t, p.Metaverse)
				require.Empty(t, p.Exports)
				require.Empty(t, p.Links)
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := populated(t)
			tt.change(w)
			w.run("ad", metaverse.DeltaImport)
			dn := map[string]string{"new": userDN(9), "new member": groupDN(1)}[tt.name]
			if dn == "" {
				dn = userDN(1)
			}
			before, queue := metaversetest.Snapshot(t, w.store), w.queue()
			p := w.preview(dn, nil)
			require.Equal(t, before, metaversetest.Snapshot(t, w.store), "nothing is written")
			require.Equal(t, queue, w.queue(), "nor queued")
			require.Equal(t, tt.outcome, p.Outcome)
			require.Empty(t, p.Errors)
			require.False(t, p.Committed)
			tt.check(t, p)
			data, err := json.Marshal(p)
			require.NoError(t, err)
			var back metaverse.Preview
			require.NoError(t, json.Unmarshal(data, &back))
			var text strings.Builder
			require.NoError(t, p.WriteText(&text))
			require.Contains(t, text.String(), dn)

			w.preview(dn, &metaverse.PreviewOptions{Commit: true})
			committed := metaversetest.Snapshot(t, w.store)
			if tt.outcome != "removed" {
				require.Empty(t, w.preview(dn, nil).Exports, "what was committed has happened")
			}
			if w.counts("ad").PendingImport == 0 { // the group of a deleted user has its own
				w.run("ad", metaverse.DeltaSync)
				require.Equal(t, committed, metaversetest.Snapshot(t, w.store), "the synchronisation has nothing to add")
			}
			w.settle()
			require.Equal(t, w.expected(), w.tenant())
		})
	}
}

func TestPreviewOfAnObjectInTrouble(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.rules[0].Flows[2] = expression("displayName", `IIF([department] = "Bad",Error("no"),[displayName])`)
	w.reload()
	w.initial()
	w.modify(userDN(1), set("department", attr.String("Bad")))
	w.run("ad", metaverse.DeltaImport)
	before := metaversetest.Snapshot(t, w.store)
	p := w.preview(userDN(1), &metaverse.PreviewOptions{Commit: true})
	require.False(t, p.Committed, "an object with errors is not committed")
	require.Len(t, p.Errors, 1)
	require.Equal(t, "displayName", p.Errors[0].Attribute)
	require.Equal(t, "In from AD - User", p.Errors[0].Rule)
	require.Equal(t, before, metaversetest.Snapshot(t, w.store))
	require.Empty(t, w.errors(), "nor is the error")

	_, err := w.engine.Preview(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: "CN=Nobody"}, nil)
	require.ErrorIs(t, err, connector.ErrNotFound)
	_, err = w.engine.Preview(t.Context(), metaverse.ObjectRef{Connector: "elsewhere", DN: userDN(1)}, nil)
	require.ErrorContains(t, err, "elsewhere")
}

func TestExplain(t *testing.T) {
	t.Parallel()
	w := populated(t)
	before := metaversetest.Snapshot(t, w.store)
	x, err := w.engine.Explain(t.Context(), metaverse.ObjectRef{DN: userDN(1)})
	require.NoError(t, err)
	require.Len(t, x.Linked, 2)
	require.Equal(t, "User 1", x.Metaverse.Name)
	var name *metaverse.AttributeLine
	for i := range x.Attributes {
		if x.Attributes[i].Attribute == "displayName" {
			name = &x.Attributes[i]
		}
	}
	require.Equal(t, []string{"User 1"}, name.Values)
	require.True(t, name.Attempts[0].Won)
	require.Equal(t, "In from AD - User", name.Attempts[0].Rule)
	require.Len(t, x.Outbound, 1)
	require.Equal(t, "cloud", x.Outbound[0].Connector)
	require.NotEmpty(t, x.Outbound[0].Attributes)
	var text strings.Builder
	require.NoError(t, x.WriteText(&text))
	require.Contains(t, text.String(), "Out to cloud - User")

	mv, err := w.engine.ExplainMV(t.Context(), x.Metaverse.ID)
	require.NoError(t, err)
	require.Equal(t, x.Attributes, mv.Attributes)
	_, err = w.engine.ExplainMV(t.Context(), 4711)
	require.ErrorIs(t, err, connector.ErrNotFound)
	group, err := w.engine.Explain(t.Context(), metaverse.ObjectRef{DN: groupDN(1)})
	require.NoError(t, err)
	for _, a := range group.Attributes {
		if a.Attribute == "member" {
			require.EqualValues(t, 2, a.Count)
		}
	}
	require.Equal(t, before, metaversetest.Snapshot(t, w.store))
}
