package metaversetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

func metaverseTests() []conformanceTest {
	return []conformanceTest{
		{rule: "metaverse objects come back as they were put", run: mvRoundTrip},
		{rule: "metaverse values are found under their keys", run: mvValues},
		{rule: "linked objects are listed in id order", run: linkedObjects},
		{rule: "deleting a metaverse object takes its references along", run: mvDelete},
		{rule: "a metaverse object with links cannot be deleted", run: mvDeleteLinked},
	}
}

func mvRoundTrip(t *testing.T, f *fixture) {
	var want []*metaverse.MVObject
	f.update(t, func(tx metaverse.Tx) {
		first := get[metaverse.MVID](t)(tx.NewMV(3))
		want = []*metaverse.MVObject{
			{
				ID: first, Class: "person", Attributes: awkwardSet(),
				Origins: []metaverse.Origin{
					{Attribute: "displayName", Rule: "In from AD", CS: 1 << 40},
					{Attribute: "manager", Rule: "In from AD", CS: 2, Source: "manager"},
					{Attribute: "proxy", Rule: "a", CS: 2}, {Attribute: "proxy", Rule: "b", CS: 1 << 40},
				},
			},
			{ID: first + 1, Class: "group"},
			{ID: first + 2, Class: "person"},
		}
		require.NoError(t, tx.PutMV(want))
	})
	f.reopen(t)
	f.update(t, func(tx metaverse.Tx) {
		requireSame(t, want, get[[]*metaverse.MVObject](t)(tx.ScanMV(0, 10)), "a scan is in id order")
		requireSame(t, want[1:2], get[[]*metaverse.MVObject](t)(tx.ScanMV(want[0].ID, 1)), "a scan comes in pages")
		requireSame(t, []*metaverse.MVObject{want[2], nil, want[0], want[2]},
			get[[]*metaverse.MVObject](t)(tx.MV([]metaverse.MVID{want[2].ID, 999, want[0].ID, want[2].ID})), "in the order of the arguments")
		heads := get[[]*metaverse.MVObject](t)(tx.MVHeads([]metaverse.MVID{999, want[0].ID}))
		requireSame(t, []*metaverse.MVObject{nil, {ID: want[0].ID, Class: want[0].Class, Origins: want[0].Origins}}, heads, "heads have no attributes")
		require.Equal(t, map[string]int64{"person": 2, "group": 1}, get[map[string]int64](t)(tx.CountMV()))
		want[0].Attributes.Put("displayName", attr.String("new"))
		want[0].Origins = nil
		require.NoError(t, tx.PutMV(want[:1]))
		requireSame(t, want[:1], get[[]*metaverse.MVObject](t)(tx.MV([]metaverse.MVID{want[0].ID})), "putting replaces")
	})
}

func mvValues(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := putMV(t, tx, "person", 3)
		k := func(key string) metaverse.ValueKey { return metaverse.ValueKey{Attribute: "mail", Key: key} }
		require.NoError(t, tx.SetMVValues([]metaverse.MVID{ids[2], ids[0]}, [][]metaverse.ValueKey{{k("sx"), k("sy")}, {k("sx")}}))
		got := get[[][]metaverse.MVID](t)(tx.MVByValue([]metaverse.ValueKey{k("none"), k("sx"), k("sy")}))
		require.Empty(t, got[0])
		require.Equal(t, []metaverse.MVID{ids[0], ids[2]}, got[1])
		require.Equal(t, []metaverse.MVID{ids[2]}, got[2])
		require.NoError(t, tx.SetMVValues(ids[2:], [][]metaverse.ValueKey{{k("sz")}}))
		got = get[[][]metaverse.MVID](t)(tx.MVByValue([]metaverse.ValueKey{k("sx"), k("sy"), k("sz")}))
		require.Equal(t, []metaverse.MVID{ids[0]}, got[0])
		require.Empty(t, got[1])
		require.Equal(t, []metaverse.MVID{ids[2]}, got[2])
	})
}

func linkedObjects(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		mv, ad, entra := putMV(t, tx, "person", 2), put(t, tx, "ad", "a", "b"), put(t, tx, "entra", "a")
		connect(t, tx, entra, mv[1:])
		connect(t, tx, ad[:1], mv[1:])
		require.Equal(t, [][]metaverse.CSID{nil, {ad[0], entra[0]}, nil, {ad[0], entra[0]}},
			get[[][]metaverse.CSID](t)(tx.LinkedCS([]metaverse.MVID{mv[0], mv[1], 999, mv[1]})))
		connect(t, tx, ad[:1], mv[:1]) // moves
		require.Equal(t, [][]metaverse.CSID{{ad[0]}, {entra[0]}}, get[[][]metaverse.CSID](t)(tx.LinkedCS(mv)))
	})
}

func mvDelete(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := putMV(t, tx, "person", 3)
		k := metaverse.ValueKey{Attribute: "mail", Key: "sx"}
		require.NoError(t, tx.SetMVValues(ids[:1], [][]metaverse.ValueKey{{k}}))
		refs := []metaverse.MVRef{
			{Source: ids[0], Attribute: "manager", Target: ids[1]}, {Source: ids[2], Attribute: "member", Target: ids[0]},
			{Source: ids[2], Attribute: "member", Target: ids[1]},
		}
		require.NoError(t, tx.AddMVRefs(refs))
		require.NoError(t, tx.DeleteMV(ids[:1]))
		require.Nil(t, get[[]*metaverse.MVObject](t)(tx.MV(ids))[0])
		require.Equal(t, []bool{false, false, true}, get[[]bool](t)(tx.HasMVRefs(refs)))
		require.Empty(t, get[[][]metaverse.MVID](t)(tx.MVByValue([]metaverse.ValueKey{k}))[0])
	})
}

func mvDeleteLinked(t *testing.T, f *fixture) {
	err := f.store.Update(t.Context(), func(tx metaverse.Tx) error {
		mv := putMV(t, tx, "person", 1)
		connect(t, tx, put(t, tx, "ad", "a"), mv)
		return tx.DeleteMV(mv)
	})
	require.Error(t, err)
}
