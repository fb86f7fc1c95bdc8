package metaversetest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

func objectTests() []conformanceTest {
	return []conformanceTest{
		{rule: "objects come back as they were put", run: objectRoundTrip},
		{rule: "missing objects are nil or 0 in the order of the arguments", run: missingObjects},
		{rule: "objects are found by anchor and DN within their connector", run: findObjects},
		{rule: "anchors and DN keys are unique in a connector space", run: uniqueKeys},
		{rule: "one call may swap anchors and DN keys", run: swapKeys},
		{rule: "scans come in pages in id order", run: scanPages},
		{rule: "values are found under their keys", run: csValues},
		{rule: "pending imports are a queue of their own", run: pendingImports},
		{rule: "full synchronisation queues what is imported", run: pendingImportAll},
		{rule: "unseen objects are found", run: unseenObjects},
		{rule: "objects are counted by state", run: countObjects},
		{rule: "deleting an object takes everything of it along", run: deleteCascade},
		{rule: "deleting an object takes exports along that wait for nothing but references to it", run: deleteVain},
		{rule: "objects returned belong to the caller", run: ownership},
		{rule: "large batches work like small ones", run: largeBatches},
	}
}

func awkwardSet() attr.Set {
	return attr.NewSet(map[string][]attr.Value{
		"displayName":   {attr.String("Zoë \x00 \xff")},
		"proxy":         {attr.String("b"), attr.String("a"), attr.String("")},
		"uac":           {attr.Int(math.MinInt64), attr.Int(math.MaxInt64), attr.Int(0), attr.Int(-1)},
		"enabled":       {attr.Bool(true), attr.Bool(false)},
		"objectGUID":    {attr.BinaryString("\x00\x01\xfe")},
		"certificate":   {attr.BinaryString(strings.Repeat("\x00", 9000))},
		"manager":       {attr.Reference("CN=Boss")},
		"mixed":         {attr.String("1"), attr.Int(1), attr.Bool(true), attr.Reference("1"), attr.BinaryString("1")},
		"MiXedCaseName": {attr.String("x")},
	})
}

func objectRoundTrip(t *testing.T, f *fixture) {
	var want []*metaverse.CSObject
	f.update(t, func(tx metaverse.Tx) {
		first := get[metaverse.CSID](t)(tx.NewCS(3))
		want = []*metaverse.CSObject{
			{
				ID: first, Connector: "ad", Class: "user", Anchor: connector.NewAnchor([]byte{0, 1, 0xff}), DN: "CN=Zoë,DC=x",
				DNKey: "cn=zoë,dc=x\xff", Partition: "DC=x", State: metaverse.Connected, Imported: true, Image: awkwardSet(),
			},
			{ID: first + 1, Connector: "ad", DN: "CN=ghost", DNKey: "cn=ghost", State: metaverse.Placeholder},
			{ID: first + 2, Connector: "entra", Class: "group", DN: "new", DNKey: "new", State: metaverse.ExplicitDisconnector},
		}
		require.NoError(t, tx.PutCS(want))
	})
	check := func() {
		t.Helper()
		f.view(t, func(r metaverse.Reader) {
			got := get[[]*metaverse.CSObject](t)(r.CS([]metaverse.CSID{want[0].ID, want[1].ID, want[2].ID}))
			heads := get[[]*metaverse.CSObject](t)(r.CSHeads([]metaverse.CSID{want[1].ID, 999, want[0].ID}))
			require.Nil(t, heads[1])
			for i, full := range map[int]*metaverse.CSObject{0: got[1], 2: got[0]} {
				bare := *full
				bare.Image = attr.Set{}
				require.Equal(t, &bare, heads[i], "a head is the object without its image")
			}
			requireSame(t, want, got, "objects come back as they were put")
		})
	}
	check()
	// Neither Pending nor Link is written by PutCS, but both are read.
	f.update(t, func(tx metaverse.Tx) {
		put := *want[0]
		put.Pending, put.Link = metaverse.ImportAdd, metaverse.Link{MV: 7}
		put.Image = attr.NewSet(map[string][]attr.Value{"cn": {attr.String("changed")}})
		require.NoError(t, tx.PutCS([]*metaverse.CSObject{&put}))
		want[0].Image = put.Image
	})
	check()
	link := metaverse.Link{
		MV: 7, Kind: metaverse.LinkProvision, Rule: "Out to Entra", Sticky: true,
		Outbound: []metaverse.ReferenceFlow{{Target: "members", Source: "member", Rule: "r1"}, {Target: "owners", Source: "managedBy"}},
	}
	f.update(t, func(tx metaverse.Tx) {
		mv := putMV(t, tx, "person", 7)
		link.MV = mv[6]
		require.NoError(t, tx.SetLink([]metaverse.CSID{want[0].ID}, []metaverse.Link{link}))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportDeleteAdd, []metaverse.CSID{want[1].ID}))
		require.NoError(t, tx.PutCSState([]metaverse.CSID{want[2].ID}, metaverse.FilteredDisconnector))
	})
	want[0].Link, want[1].Pending, want[2].State = link, metaverse.ImportDeleteAdd, metaverse.FilteredDisconnector
	check()
	f.reopen(t)
	check()
	f.update(t, func(tx metaverse.Tx) {
		require.NoError(t, tx.SetLink([]metaverse.CSID{want[0].ID}, []metaverse.Link{{}}))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportNone, []metaverse.CSID{want[1].ID, want[0].ID}))
		require.NoError(t, tx.PutCSState([]metaverse.CSID{want[0].ID}, metaverse.NormalDisconnector))
	})
	want[0].Link, want[1].Pending, want[0].State = metaverse.Link{}, metaverse.ImportNone, metaverse.NormalDisconnector
	check()
}

func missingObjects(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a", "b")
		got := get[[]*metaverse.CSObject](t)(tx.CS([]metaverse.CSID{999, ids[1], 0, ids[0], ids[1]}))
		require.Len(t, got, 5)
		require.Nil(t, got[0])
		require.Nil(t, got[2])
		require.Equal(t, []string{"b", "a", "b"}, []string{got[1].DN, got[3].DN, got[4].DN})
		require.NotSame(t, got[1], got[4], "objects belong to the caller")
		mv := get[[]*metaverse.MVObject](t)(tx.MV([]metaverse.MVID{1, 2}))
		require.Equal(t, []*metaverse.MVObject{nil, nil}, mv)
		require.Equal(t, []*metaverse.PendingExport{nil}, get[[]*metaverse.PendingExport](t)(tx.PendingExport(ids[:1])))
		require.Empty(t, get[[]*metaverse.CSObject](t)(tx.CS(nil)))
		require.Empty(t, get[[]*metaverse.CSObject](t)(tx.ScanCS("unknown", 0, 10)))
		require.Zero(t, get[metaverse.CSCounts](t)(tx.CountCS("unknown")))
		// Writing to what does not exist is no error.
		require.NoError(t, tx.DeleteCS([]metaverse.CSID{999}))
		require.NoError(t, tx.DeleteMV([]metaverse.MVID{999}))
		require.NoError(t, tx.PutCSState([]metaverse.CSID{999}, metaverse.Connected))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportAdd, []metaverse.CSID{999}))
		require.Empty(t, get[[]metaverse.CSID](t)(tx.PendingImports("ad", 0, 10)))
		for _, err := range []error{
			tx.PutCS(nil), tx.DeleteCS(nil), tx.PutMV(nil), tx.DeleteMV(nil), tx.AddCSRefs(nil), tx.SetLink(nil, nil),
			tx.MarkSeen("ad", nil), tx.QueueRefWork(nil), tx.PutPendingExport(nil), tx.PutExportRefs(nil), tx.PutObjectErrors(nil),
		} {
			require.NoError(t, err, "empty batches are fine")
		}
	})
}

func findObjects(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "CN=A", "CN=B")
		other := put(t, tx, "entra", "CN=A")
		a, b := connector.TextAnchor("anchor of CN=A"), connector.TextAnchor("anchor of CN=B")
		require.Equal(t, []metaverse.CSID{ids[1], 0, ids[0], 0}, get[[]metaverse.CSID](t)(
			tx.CSByAnchor("ad", []connector.Anchor{b, connector.TextAnchor("x"), a, {}})))
		require.Equal(t, []metaverse.CSID{other[0], 0}, get[[]metaverse.CSID](t)(tx.CSByAnchor("entra", []connector.Anchor{a, b})))
		require.Equal(t, []metaverse.CSID{0, ids[1], 0}, get[[]metaverse.CSID](t)(tx.CSByDN("ad", []string{"CN=A", "cn=b", ""})))
		require.Equal(t, []metaverse.CSID{0}, get[[]metaverse.CSID](t)(tx.CSByDN("unknown", []string{"cn=a"})))
		require.Equal(t, []string{"ad", "entra"}, get[[]string](t)(tx.Connectors()))
	})
}

func uniqueKeys(t *testing.T, f *fixture) {
	var ids []metaverse.CSID
	f.update(t, func(tx metaverse.Tx) {
		ids = put(t, tx, "ad", "a", "b")
		free := get[metaverse.CSID](t)(tx.NewCS(2))
		for i := range metaverse.CSID(2) { // any number may lack an anchor
			o := object(free+i, "ad", fmt.Sprint("new ", i))
			o.Anchor = connector.Anchor{}
			require.NoError(t, tx.PutCS([]*metaverse.CSObject{o}))
		}
	})
	for name, change := range map[string]func(o *metaverse.CSObject){
		"anchor": func(o *metaverse.CSObject) { o.DNKey = "c" },
		"DN":     func(o *metaverse.CSObject) { o.Anchor = connector.TextAnchor("c") },
	} {
		err := f.store.Update(t.Context(), func(tx metaverse.Tx) error {
			o := object(ids[1], "ad", "a")
			change(o)
			return tx.PutCS([]*metaverse.CSObject{o})
		})
		require.ErrorIs(t, err, connector.ErrConflict, "%s is taken", name)
	}
	f.view(t, func(r metaverse.Reader) {
		require.Equal(t, "b", get[[]*metaverse.CSObject](t)(r.CS(ids))[1].DN)
	})
}

func swapKeys(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a", "b", "c", "bystander")
		rotated := []*metaverse.CSObject{object(ids[0], "ad", "b"), object(ids[1], "ad", "c"), object(ids[2], "ad", "a")}
		require.NoError(t, tx.PutCS(rotated), "objects may swap keys within one call")
		require.Equal(t, []metaverse.CSID{ids[2], ids[0], ids[1], ids[3]},
			get[[]metaverse.CSID](t)(tx.CSByDN("ad", []string{"a", "b", "c", "bystander"})))
		// A new object takes the key of one that moves on in the same call.
		fresh := get[metaverse.CSID](t)(tx.NewCS(1))
		require.NoError(t, tx.PutCS([]*metaverse.CSObject{object(fresh, "ad", "b"), object(ids[0], "ad", "d")}))
		require.Equal(t, []metaverse.CSID{fresh, ids[0]}, get[[]metaverse.CSID](t)(tx.CSByDN("ad", []string{"b", "d"})))
		got := get[[]*metaverse.CSObject](t)(tx.CS([]metaverse.CSID{ids[0]}))
		requireSame(t, object(ids[0], "ad", "d"), got[0], "a moved object is complete")
	})
}

func scanPages(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		var want []metaverse.CSID
		for i := range 7 {
			want = append(want, put(t, tx, "ad", fmt.Sprint(i))...)
			put(t, tx, "entra", fmt.Sprint(i)) // in between
		}
		for _, limit := range []int{1, 3, 7, 100} {
			var got []metaverse.CSID
			for after := metaverse.CSID(0); ; {
				page := get[[]*metaverse.CSObject](t)(tx.ScanCS("ad", after, limit))
				require.LessOrEqual(t, len(page), limit)
				if len(page) == 0 {
					break
				}
				for _, o := range page {
					require.Equal(t, "ad", o.Connector)
					got = append(got, o.ID)
				}
				after = got[len(got)-1]
			}
			require.Equal(t, want, got, "limit %d", limit)
		}
	})
}

func csValues(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a", "b", "c")
		other := put(t, tx, "entra", "d")
		mail := func(k string) metaverse.ValueKey { return metaverse.ValueKey{Attribute: "mail", Key: k} }
		sid := metaverse.ValueKey{Attribute: "objectSid", Key: "b\x00\x01\xff"}
		both := []metaverse.ValueKey{mail("sx"), sid, mail("sx")}
		require.NoError(t, tx.SetCSValues([]metaverse.CSID{ids[2], ids[0], other[0], ids[1]},
			[][]metaverse.ValueKey{both, both, both, {mail("sy")}}))
		find := func(conn string, keys ...metaverse.ValueKey) [][]metaverse.CSID {
			return get[[][]metaverse.CSID](t)(tx.CSByValue(conn, keys))
		}
		got := find("ad", mail("sy"), mail("none"), metaverse.ValueKey{Attribute: "MAIL", Key: "sx"}, sid, metaverse.ValueKey{Attribute: "none", Key: "sx"})
		require.Len(t, got, 5)
		require.Equal(t, ids[1:2], got[0])
		require.Equal(t, []metaverse.CSID{ids[0], ids[2]}, got[2], "in id order, of that connector, names without case")
		require.Equal(t, []metaverse.CSID{ids[0], ids[2]}, got[3])
		require.Empty(t, got[1])
		require.Empty(t, got[4])
		require.Equal(t, other, find("entra", mail("sx"))[0])
		// Setting replaces.
		require.NoError(t, tx.SetCSValues([]metaverse.CSID{ids[0], ids[2]}, [][]metaverse.ValueKey{{mail("sz"), sid}, nil}))
		got = find("ad", mail("sx"), mail("sz"), sid)
		require.Empty(t, got[0])
		require.Equal(t, ids[:1], got[1])
		require.Equal(t, ids[:1], got[2])
		// Values of an object may be set before the object is put.
		late := get[metaverse.CSID](t)(tx.NewCS(1))
		require.NoError(t, tx.SetCSValues([]metaverse.CSID{late}, [][]metaverse.ValueKey{{mail("slate")}}))
		require.NoError(t, tx.PutCS([]*metaverse.CSObject{object(late, "ad", "late")}))
		require.Equal(t, []metaverse.CSID{late}, find("ad", mail("slate"))[0])
	})
}

func pendingImports(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a", "b", "c", "d")
		other := put(t, tx, "entra", "e")
		require.NoError(t, tx.SetPendingImport(metaverse.ImportAdd, append([]metaverse.CSID{ids[3], ids[1]}, other...)))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportUpdate, ids[:2]), "replaces what was there")
		page := func(after metaverse.CSID, limit int) []metaverse.CSID {
			return get[[]metaverse.CSID](t)(tx.PendingImports("ad", after, limit))
		}
		require.Equal(t, []metaverse.CSID{ids[0], ids[1], ids[3]}, page(0, 10))
		require.Equal(t, []metaverse.CSID{ids[1]}, page(ids[0], 1))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportNone, ids[:1]))
		require.Equal(t, []metaverse.CSID{ids[1], ids[3]}, page(0, 10))
		require.Equal(t, metaverse.ImportUpdate, get[[]*metaverse.CSObject](t)(tx.CS(ids))[1].Pending)
		require.Equal(t, metaverse.ImportAdd, get[[]*metaverse.CSObject](t)(tx.ScanCS("ad", ids[2], 1))[0].Pending)
	})
}

func pendingImportAll(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "connected", "disconnector", "filtered", "placeholder", "deleted", "not imported")
		put(t, tx, "entra", "other")
		require.NoError(t, tx.PutCSState(ids[:1], metaverse.Connected))
		require.NoError(t, tx.PutCSState(ids[2:3], metaverse.FilteredDisconnector))
		require.NoError(t, tx.PutCSState(ids[3:4], metaverse.Placeholder))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportDelete, ids[4:5]))
		o := object(ids[5], "ad", "not imported")
		o.Imported = false
		require.NoError(t, tx.PutCS([]*metaverse.CSObject{o}))
		require.EqualValues(t, 3, get[int64](t)(tx.SetPendingImportAll("ad")))
		require.Equal(t, []metaverse.CSID{ids[0], ids[1], ids[2], ids[4]}, get[[]metaverse.CSID](t)(tx.PendingImports("ad", 0, 10)))
		objects := get[[]*metaverse.CSObject](t)(tx.CS(ids))
		require.Equal(t, metaverse.ImportUpdate, objects[0].Pending)
		require.Equal(t, metaverse.ImportDelete, objects[4].Pending, "what was pending stays")
		require.Zero(t, get[int64](t)(tx.SetPendingImportAll("ad")))
		require.Empty(t, get[[]metaverse.CSID](t)(tx.PendingImports("entra", 0, 10)))
	})
}

func unseenObjects(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "seen", "gone", "deleted", "placeholder", "not imported", "gone too")
		put(t, tx, "entra", "other")
		require.NoError(t, tx.SetPendingImport(metaverse.ImportDelete, ids[2:3]))
		require.NoError(t, tx.PutCSState(ids[3:4], metaverse.Placeholder))
		o := object(ids[4], "ad", "not imported")
		o.Imported = false
		require.NoError(t, tx.PutCS([]*metaverse.CSObject{o}))
		require.NoError(t, tx.MarkSeen("ad", ids[:1]))
		require.NoError(t, tx.MarkSeen("ad", ids[:1]), "marking twice is fine")
		require.Equal(t, []metaverse.CSID{ids[1], ids[5]}, get[[]metaverse.CSID](t)(tx.Unseen("ad", 0, 10)))
		require.Equal(t, []metaverse.CSID{ids[1]}, get[[]metaverse.CSID](t)(tx.Unseen("ad", 0, 1)))
		require.Equal(t, []metaverse.CSID{ids[5]}, get[[]metaverse.CSID](t)(tx.Unseen("ad", ids[1], 10)))
		require.EqualValues(t, 2, get[int64](t)(tx.CountUnseen("ad")))
		require.NoError(t, tx.ClearSeen("entra"))
		require.EqualValues(t, 2, get[int64](t)(tx.CountUnseen("ad")))
		require.NoError(t, tx.ClearSeen("ad"))
		require.EqualValues(t, 3, get[int64](t)(tx.CountUnseen("ad")))
	})
}

func countObjects(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a", "b", "c", "d", "e", "f")
		put(t, tx, "entra", "x")
		mvs := putMV(t, tx, "person", 2)
		connect(t, tx, ids[:2], mvs)
		require.ElementsMatch(t, []metaverse.CSLink{{CS: ids[0], Connector: "ad", MV: mvs[0]}, {CS: ids[1], Connector: "ad", MV: mvs[1]}},
			get[[]metaverse.CSLink](t)(tx.CSLinks([]metaverse.CSID{ids[2], ids[1], 999, ids[0], ids[1]})))
		require.NoError(t, tx.PutCSState(ids[:2], metaverse.NormalDisconnector))
		require.Equal(t, metaverse.Connected, get[[]*metaverse.CSObject](t)(tx.CS(ids))[1].State, "what has a link is connected")
		require.NoError(t, tx.PutCSState(ids[2:3], metaverse.ExplicitDisconnector))
		require.NoError(t, tx.PutCSState(ids[5:], metaverse.Placeholder))
		o := object(ids[4], "ad", "e")
		o.Imported = false
		require.NoError(t, tx.PutCS([]*metaverse.CSObject{o}))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportUpdate, ids[:3]))
		sent := []attr.Mod{{Name: "cn", Replace: true, Adds: []attr.Value{attr.String("x")}}}
		require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{
			{CS: ids[0], Connector: "ad", Op: connector.OpUpdate, Pending: sent},
			{CS: ids[1], Connector: "ad", Sent: sent},
			{CS: ids[2], Connector: "ad", DeleteSent: true},
		}))
		require.NoError(t, tx.PutExportRefs([]metaverse.ExportRef{
			{Source: ids[1], Attribute: "member", Target: ids[0], Sent: true}, {Source: ids[3], Attribute: "member", Target: ids[0], Sent: true},
			{Source: ids[3], Attribute: "member", Target: ids[1], Sent: true}, {Source: ids[4], Attribute: "member", Target: ids[1]},
		}))
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{
			{CS: ids[0], Connector: "ad", Step: "sync", Code: "x"}, {CS: ids[0], Connector: "ad", Step: "export", Code: "x"},
			{Connector: "ad", Step: "import", Code: "x"},
		}))
		require.Equal(t, metaverse.CSCounts{
			Objects: 5, Imported: 4, Connected: 2, Disconnectors: 3, Placeholders: 1, PendingImport: 3, PendingExport: 1, Unconfirmed: 3, Errors: 1,
		}, get[metaverse.CSCounts](t)(tx.CountCS("ad")))
	})
}

// deleteVain deletes what other objects' exports wait for.
func deleteVain(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "gone", "stays", "waits for one", "waits for both", "has sent more", "has more to send")
		sent := []attr.Mod{{Name: "cn", Replace: true, Adds: []attr.Value{attr.String("x")}}}
		require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{
			{CS: ids[2], Connector: "ad"}, {CS: ids[3], Connector: "ad"}, {CS: ids[4], Connector: "ad", Sent: sent},
			{CS: ids[5], Connector: "ad", Op: connector.OpUpdate, Pending: sent},
		}))
		refs := []metaverse.ExportRef{{Source: ids[3], Attribute: "member", Target: ids[1], Sent: true}}
		for _, source := range ids[2:] {
			refs = append(refs, metaverse.ExportRef{Source: source, Attribute: "member", Target: ids[0], Sent: true})
		}
		require.NoError(t, tx.PutExportRefs(refs))
		require.NoError(t, tx.DeleteCS(ids[:1]))
		var left []metaverse.CSID
		for _, p := range get[[]*metaverse.PendingExport](t)(tx.PendingExport(ids)) {
			if p != nil {
				left = append(left, p.CS)
			}
		}
		require.Equal(t, ids[3:], left)
		require.NoError(t, tx.DeleteCS(ids[1:2]))
		require.Nil(t, get[[]*metaverse.PendingExport](t)(tx.PendingExport(ids[3:4]))[0])
	})
}

func deleteCascade(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids, mv := put(t, tx, "ad", "gone", "stays", "group"), putMV(t, tx, "person", 2)
		connect(t, tx, ids[:2], mv)
		k := metaverse.ValueKey{Attribute: "mail", Key: "sx"}
		require.NoError(t, tx.SetCSValues(ids[:1], [][]metaverse.ValueKey{{k}}))
		require.NoError(t, tx.SetPendingImport(metaverse.ImportDelete, ids))
		require.NoError(t, tx.MarkSeen("ad", ids))
		refs := []metaverse.CSRef{
			{Source: ids[2], Attribute: "member", Target: ids[0]}, {Source: ids[2], Attribute: "member", Target: ids[1]},
			{Source: ids[0], Attribute: "manager", Target: ids[1]},
		}
		require.NoError(t, tx.AddCSRefs(refs))
		require.NoError(t, tx.QueueCSRefsTo(ids[:1]))
		require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{{CS: ids[0], Connector: "ad", Op: connector.OpDelete}}))
		for _, r := range refs {
			require.NoError(t, tx.PutExportRefs([]metaverse.ExportRef{{Source: r.Source, Attribute: r.Attribute, Target: r.Target}}))
		}
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{{CS: ids[0], Connector: "ad", Step: "sync", Code: "x"}}))

		require.NoError(t, tx.DeleteCS(ids[:1]))
		require.Nil(t, get[[]*metaverse.CSObject](t)(tx.CS(ids))[0])
		require.Equal(t, [][]metaverse.CSID{nil, ids[1:2]}, get[[][]metaverse.CSID](t)(tx.LinkedCS(mv)))
		require.Empty(t, get[[][]metaverse.CSID](t)(tx.CSByValue("ad", []metaverse.ValueKey{k}))[0])
		require.Equal(t, ids[1:], get[[]metaverse.CSID](t)(tx.PendingImports("ad", 0, 10)))
		require.Equal(t, []bool{false, true, false}, get[[]bool](t)(tx.HasCSRefs(refs)))
		require.Nil(t, get[[]*metaverse.PendingExport](t)(tx.PendingExport(ids))[0])
		_, found, err := tx.FindExportRefs(refs)
		require.NoError(t, err)
		require.Equal(t, []bool{false, true, false}, found)
		require.Empty(t, get[[]metaverse.ObjectError](t)(tx.ObjectErrors("ad", -1, 10)))
		require.Len(t, get[[]metaverse.RefWork](t)(tx.RefWork(10)), 1, "queued work outlives the object")
		// The keys are free again.
		fresh := put(t, tx, "ad", "gone")
		require.Equal(t, fresh, get[[]metaverse.CSID](t)(tx.CSByDN("ad", []string{"gone"})))
		require.Contains(t, get[[]metaverse.CSID](t)(tx.Unseen("ad", 0, 10)), fresh[0], "a mark is not inherited")
		require.NoError(t, tx.SetLink(ids[1:2], []metaverse.Link{{}}))
		require.NoError(t, tx.PutCSState(ids[1:2], metaverse.NormalDisconnector))
		require.NoError(t, tx.DeleteMV(mv))
	})
}

func ownership(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		o := object(get[metaverse.CSID](t)(tx.NewCS(1)), "ad", "a")
		objects := []*metaverse.CSObject{o}
		require.NoError(t, tx.PutCS(objects))
		o.DN, objects[0] = "changed", nil
		o.Image.Put("cn", attr.String("changed"))
		got := get[[]*metaverse.CSObject](t)(tx.CS([]metaverse.CSID{o.ID}))[0]
		requireSame(t, object(o.ID, "ad", "a"), got, "what was given is not kept")
		got.Image.Put("cn", attr.String("changed"))
		got.DN = "changed"
		requireSame(t, object(o.ID, "ad", "a"), get[[]*metaverse.CSObject](t)(tx.CS([]metaverse.CSID{o.ID}))[0], "what is returned belongs to the caller")
	})
}

// largeBatches goes beyond the sizes at which an implementation may split its work.
func largeBatches(t *testing.T, f *fixture) {
	const n = 331
	f.update(t, func(tx metaverse.Tx) {
		names, keys, anchors := make([]string, n), make([]metaverse.ValueKey, n), make([]connector.Anchor, n)
		for i := range n {
			names[i] = fmt.Sprintf("user %d", i)
			keys[i] = metaverse.ValueKey{Attribute: "mail", Key: names[i]}
			anchors[n-1-i] = connector.TextAnchor("anchor of " + names[i])
		}
		ids := put(t, tx, "ad", names...)
		refs, work := make([]metaverse.CSRef, n), make([]metaverse.RefWork, n)
		values, sources := make([][]metaverse.ValueKey, n), make([]metaverse.CSRefAttribute, n)
		for i, id := range ids {
			values[i] = keys[i : i+1]
			refs[i] = metaverse.CSRef{Source: ids[0], Attribute: "member", Target: id}
			work[i] = metaverse.RefWork{Kind: metaverse.WorkCS, Source: int64(ids[0]), Attribute: "member", Target: int64(id)}
		}
		require.NoError(t, tx.SetCSValues(ids, values))
		require.NoError(t, tx.AddCSRefs(refs))
		for i, id := range ids {
			sources[n-1-i] = metaverse.CSRefAttribute{Source: id, Attribute: "member"}
		}
		require.NoError(t, tx.QueueCSRefsFrom(sources))
		require.Equal(t, ids, get[[]metaverse.CSID](t)(tx.CSByDN("ad", names)))
		for i, id := range get[[]metaverse.CSID](t)(tx.CSByAnchor("ad", anchors)) {
			require.Equal(t, ids[n-1-i], id)
		}
		for i, found := range get[[][]metaverse.CSID](t)(tx.CSByValue("ad", keys)) {
			require.Equal(t, ids[i:i+1], found)
		}
		require.NotContains(t, get[[]bool](t)(tx.HasCSRefs(refs)), false)
		require.NotContains(t, get[[]bool](t)(tx.ReferredTo(ids)), false)
		require.Equal(t, work, get[[]metaverse.RefWork](t)(tx.RefWork(n+1)))
		require.NoError(t, tx.DeleteCSRefs(refs[1:]))
		require.Equal(t, ids[:1], get[[]metaverse.CSID](t)(tx.CSRefs(ids[0], "member", 0, 0)))
		for i, o := range get[[]*metaverse.CSObject](t)(tx.CS(ids)) {
			require.Equal(t, names[i], o.DN)
		}
		require.NoError(t, tx.DeleteCS(ids))
		require.Zero(t, get[metaverse.CSCounts](t)(tx.CountCS("ad")))
		require.NoError(t, tx.DeleteRefWork(work))
		require.Empty(t, get[[]metaverse.RefWork](t)(tx.RefWork(1)))
	})
}
