package metaversetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

func exportTests() []conformanceTest {
	return []conformanceTest{
		{rule: "pending exports come back as they were put", run: exportRoundTrip},
		{rule: "the operation of a pending export is written without the rest", run: exportHeads},
		{rule: "pending exports with something to send are scanned and counted", run: exportScan},
		{rule: "changes of references are read by what was sent", run: exportReferences},
		{rule: "deleting a pending export takes its references along", run: exportDelete},
	}
}

func exportRoundTrip(t *testing.T, f *fixture) {
	var want []*metaverse.PendingExport
	var ids []metaverse.CSID
	f.update(t, func(tx metaverse.Tx) {
		ids = put(t, tx, "entra", "a", "b", "c")
		want = []*metaverse.PendingExport{
			{
				CS: ids[0], Connector: "entra", Op: connector.OpUpdate, NewDN: "CN=new", Unknown: true, References: true,
				Pending: []attr.Mod{
					{Name: "proxyAddresses", Adds: []attr.Value{attr.String("a"), attr.Int(1)}, Deletes: []attr.Value{attr.BinaryString("\x00")}},
					{Name: "displayName", Replace: true, Adds: []attr.Value{attr.String("Zoë")}},
					{Name: "mail", Replace: true},
				},
				Sent:      []attr.Mod{{Name: "enabled", Replace: true, Adds: []attr.Value{attr.Bool(true)}}},
				NotBefore: time.Date(2026, 11, 21, 8, 0, 0, 123456789, time.UTC), Attempts: 3,
			},
			{CS: ids[1], Connector: "entra", DeleteSent: true},
			nil,
		}
		require.NoError(t, tx.PutPendingExport(want[:2]))
	})
	f.reopen(t)
	f.update(t, func(tx metaverse.Tx) {
		requireSame(t, want, get[[]*metaverse.PendingExport](t)(tx.PendingExport(ids)), "pending exports come back as they were put")
		want[0] = &metaverse.PendingExport{CS: ids[0], Connector: "entra", Op: connector.OpDelete}
		require.NoError(t, tx.PutPendingExport(want[:1]))
		requireSame(t, []*metaverse.PendingExport{want[1], want[0], want[1]},
			get[[]*metaverse.PendingExport](t)(tx.PendingExport([]metaverse.CSID{ids[1], ids[0], ids[1]})), "putting replaces")
	})
}

func exportHeads(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "entra", "a", "b", "c")
		e := &metaverse.PendingExport{
			CS: ids[0], Connector: "entra", Op: connector.OpAdd, NewDN: "CN=new", Unknown: true, Attempts: 2,
			Pending: []attr.Mod{{Name: "mail", Replace: true}}, Sent: []attr.Mod{{Name: "title", Replace: true}},
		}
		require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{e}))
		head := *e
		head.Pending, head.Sent = nil, nil
		requireSame(t, []*metaverse.PendingExport{nil, &head, &head},
			get[[]*metaverse.PendingExport](t)(tx.PendingExportHeads([]metaverse.CSID{ids[1], ids[0], ids[0]})), "heads have no modifications")
		require.NoError(t, tx.SetExportOp(ids[:2], connector.OpUpdate, true))
		e.Op, e.References = connector.OpUpdate, true
		requireSame(t, []*metaverse.PendingExport{e, nil},
			get[[]*metaverse.PendingExport](t)(tx.PendingExport(ids[:2])), "all but the operation and the references stays; where there is no pending export none is made")
		require.NoError(t, tx.SetExportOp(ids[:1], 0, false))
		e.Op, e.References = 0, false
		requireSame(t, []*metaverse.PendingExport{e}, get[[]*metaverse.PendingExport](t)(tx.PendingExport(ids[:1])), "and back")
		require.NoError(t, tx.SetExportOp(nil, connector.OpAdd, true))
	})
}

func exportScan(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids, other := put(t, tx, "entra", "a", "b", "c", "d"), put(t, tx, "ad", "e")
		group := object(ids[3], "entra", "d")
		group.Class = "group"
		require.NoError(t, tx.PutCS([]*metaverse.CSObject{group}))
		for i, op := range []connector.ChangeOp{connector.OpUpdate, 0, connector.OpAdd, connector.OpUpdate} {
			require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{{CS: ids[i], Connector: "entra", Op: op}}))
		}
		require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{{CS: other[0], Connector: "ad", Op: connector.OpDelete}}))
		scan := func(after metaverse.CSID, limit int) (out []metaverse.CSID) {
			for _, e := range get[[]*metaverse.PendingExport](t)(tx.ScanPendingExports("entra", after, limit)) {
				out = append(out, e.CS)
			}
			return out
		}
		require.Equal(t, []metaverse.CSID{ids[0], ids[2], ids[3]}, scan(0, 10))
		require.Equal(t, []metaverse.CSID{ids[2]}, scan(ids[0], 1))
		require.ElementsMatch(t, []metaverse.ExportCount{
			{Op: connector.OpAdd, Class: "user", Count: 1}, {Op: connector.OpUpdate, Class: "user", Count: 1}, {Op: connector.OpUpdate, Class: "group", Count: 1},
		}, get[[]metaverse.ExportCount](t)(tx.CountPendingExports("entra")))
		require.Empty(t, get[[]metaverse.ExportCount](t)(tx.CountPendingExports("unknown")))
	})
}

func exportReferences(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "entra", "g", "a", "b", "c")
		ref := func(attribute string, target int) metaverse.ExportRef {
			return metaverse.ExportRef{Source: ids[0], Attribute: attribute, Target: ids[target]}
		}
		key := func(e metaverse.ExportRef) metaverse.CSRef {
			return metaverse.CSRef{Source: e.Source, Attribute: e.Attribute, Target: e.Target}
		}
		owner, a, b, c := ref("owners", 1), ref("members", 1), ref("members", 2), ref("members", 3)
		b.Delete = true
		require.NoError(t, tx.PutExportRefs([]metaverse.ExportRef{owner, c, b, a}))
		var got []metaverse.ExportRef
		for after := (metaverse.ExportRef{}); ; {
			page := get[[]metaverse.ExportRef](t)(tx.ExportRefs(ids[0], false, after, 2))
			require.LessOrEqual(t, len(page), 2)
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1]
		}
		require.Equal(t, []metaverse.ExportRef{a, b, c, owner}, got, "in order of attribute and target")
		require.Empty(t, get[[]metaverse.ExportRef](t)(tx.ExportRefs(ids[0], true, metaverse.ExportRef{}, 10)))
		// One change for each value.
		b.Delete, b.Sent = false, true
		require.NoError(t, tx.PutExportRefs([]metaverse.ExportRef{b}))
		require.Equal(t, []metaverse.ExportRef{b}, get[[]metaverse.ExportRef](t)(tx.ExportRefs(ids[0], true, metaverse.ExportRef{}, 10)))
		require.Equal(t, []metaverse.ExportRef{a, c, owner}, get[[]metaverse.ExportRef](t)(tx.ExportRefs(ids[0], false, metaverse.ExportRef{}, 10)))
		unsent, sent, err := tx.HasExportRefs([]metaverse.CSID{ids[1], ids[0], 999})
		require.NoError(t, err)
		require.Equal(t, []bool{false, true, false}, unsent)
		require.Equal(t, []bool{false, true, false}, sent)
		refs, found, err := tx.FindExportRefs([]metaverse.CSRef{key(c), {Source: ids[0], Attribute: "owners", Target: ids[3]}, key(b)})
		require.NoError(t, err)
		require.Equal(t, []bool{true, false, true}, found)
		require.Equal(t, []metaverse.ExportRef{c, b}, []metaverse.ExportRef{refs[0], refs[2]})
		require.NoError(t, tx.DeleteExportRefs([]metaverse.CSRef{key(b), key(a), key(a)}))
		unsent, sent, err = tx.HasExportRefs(ids[:1])
		require.NoError(t, err)
		require.Equal(t, []bool{true, false}, append(unsent, sent...))
		require.Equal(t, []metaverse.ExportRef{c, owner}, get[[]metaverse.ExportRef](t)(tx.ExportRefs(ids[0], false, metaverse.ExportRef{}, 10)))
		require.Empty(t, get[[]metaverse.ExportRef](t)(tx.ExportRefs(ids[0], true, metaverse.ExportRef{}, 10)))
	})
}

func exportDelete(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "entra", "g", "h")
		for i, id := range ids {
			require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{{CS: id, Connector: "entra", Op: connector.OpUpdate, References: true}}))
			require.NoError(t, tx.PutExportRefs([]metaverse.ExportRef{{Source: id, Attribute: "members", Target: ids[1-i]}}))
		}
		require.NoError(t, tx.DeletePendingExport(append(ids[:1:1], 999)))
		got := get[[]*metaverse.PendingExport](t)(tx.PendingExport(ids))
		require.Nil(t, got[0])
		require.NotNil(t, got[1])
		require.Empty(t, get[[]metaverse.ExportRef](t)(tx.ExportRefs(ids[0], false, metaverse.ExportRef{}, 10)))
		require.Len(t, get[[]metaverse.ExportRef](t)(tx.ExportRefs(ids[1], false, metaverse.ExportRef{}, 10)), 1)
	})
}
