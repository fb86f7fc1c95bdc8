package metaversetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
)

func referenceTests() []conformanceTest {
	return []conformanceTest{
		{rule: "references of objects are a set read in pages", run: csReferences},
		{rule: "references are found by which of their ends has a link", run: linkedReferences},
		{rule: "references of metaverse objects are a set read in pages", run: mvReferences},
		{rule: "references move to another object", run: moveReferences},
		{rule: "the reference queue is a set that keeps sources together", run: workQueue},
		{rule: "references are queued from and to objects", run: queueReferences},
	}
}

func linkedReferences(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "group", "a", "b", "c")
		connect(t, tx, ids[:2], putMV(t, tx, "person", 2))
		ref := func(source int, attribute string, target int) metaverse.CSRef {
			return metaverse.CSRef{Source: ids[source], Attribute: attribute, Target: ids[target]}
		}
		require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{ref(0, "member", 1), ref(0, "member", 2), ref(0, "owner", 2), ref(2, "member", 1), ref(3, "member", 2)}))
		from := func(linked bool, limit int) []metaverse.CSRef {
			return get[[]metaverse.CSRef](t)(tx.CSRefsFrom([]metaverse.CSRefAttribute{
				{Source: ids[0], Attribute: "Member"}, {Source: ids[3], Attribute: "member"}, {Source: ids[0], Attribute: "none"}, {Source: ids[0], Attribute: "member"},
			}, linked, limit))
		}
		require.ElementsMatch(t, []metaverse.CSRef{ref(0, "member", 1), ref(0, "member", 2), ref(3, "member", 2)}, from(false, 10), "each once")
		require.Equal(t, []metaverse.CSRef{ref(0, "member", 1)}, from(true, 10), "to objects with a link only")
		require.Len(t, from(false, 2), 2)
		of := func(limit int, sources ...metaverse.CSRefAttribute) []metaverse.CSRef {
			return get[[]metaverse.CSRef](t)(tx.CSRefsFrom(sources, false, limit))
		}
		some := []metaverse.CSRefAttribute{{Source: ids[0], Attribute: "owner"}, {Source: ids[3], Attribute: "MEMBER"}, {Source: ids[2], Attribute: "owner"}}
		require.ElementsMatch(t, []metaverse.CSRef{ref(0, "owner", 2), ref(3, "member", 2)}, of(10, some...), "of each the attribute asked for")
		require.ElementsMatch(t, []metaverse.CSRef{ref(0, "owner", 2), ref(3, "member", 2)}, of(3, some...), "though there are more of others")
		require.Len(t, of(1, some...), 1)
		all := []metaverse.CSRefAttribute{{Source: ids[0], Attribute: "owner"}, {Source: ids[0]}, {Source: ids[2], Attribute: "Member"}, {Source: ids[3], Attribute: "owner"}}
		require.ElementsMatch(t, []metaverse.CSRef{ref(0, "member", 1), ref(0, "member", 2), ref(0, "owner", 2), ref(2, "member", 1)}, of(10, all...), "each once")
		require.Len(t, of(3, all...), 3)
		require.Len(t, of(2, all...), 2)
		to := func(limit int) []metaverse.CSRef {
			return get[[]metaverse.CSRef](t)(tx.CSRefsTo([]metaverse.CSID{ids[2], 999, ids[1], ids[2]}, limit))
		}
		require.ElementsMatch(t, []metaverse.CSRef{ref(0, "member", 1), ref(0, "member", 2), ref(0, "owner", 2)}, to(10), "from objects with a link only")
		require.Len(t, to(1), 1)
		require.Empty(t, get[[]metaverse.CSRef](t)(tx.CSRefsTo(nil, 10)))
		require.Empty(t, get[[]metaverse.CSRef](t)(tx.CSRefsFrom(nil, true, 10)))
	})
}

func csReferences(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "group", "a", "b", "c")
		ref := func(attribute string, target int) metaverse.CSRef {
			return metaverse.CSRef{Source: ids[0], Attribute: attribute, Target: ids[target]}
		}
		require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{ref("member", 3), ref("member", 1), ref("member", 2), ref("member", 1), ref("managedBy", 1)}))
		require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{ref("MEMBER", 2)}), "adding again is no error")
		page := func(after metaverse.CSID, limit int) []metaverse.CSID {
			return get[[]metaverse.CSID](t)(tx.CSRefs(ids[0], "Member", after, limit))
		}
		require.Equal(t, ids[1:], page(0, 0), "limit 0 means all, in id order")
		require.Equal(t, ids[1:3], page(0, 2))
		require.Equal(t, ids[3:], page(ids[2], 2))
		require.Empty(t, page(ids[3], 2))
		require.EqualValues(t, 3, get[int64](t)(tx.CountCSRefs(ids[0], "member")))
		require.Zero(t, get[int64](t)(tx.CountCSRefs(ids[0], "none")))
		require.Equal(t, []string{"managedBy", "member"}, get[[]string](t)(tx.CSRefNames(ids[0])), "in name order")
		require.Empty(t, get[[]string](t)(tx.CSRefNames(ids[1])))
		require.Equal(t, []bool{true, false, false, true}, get[[]bool](t)(tx.HasCSRefs(
			[]metaverse.CSRef{ref("member", 2), ref("managedBy", 2), ref("none", 1), ref("managedby", 1)})))
		require.Equal(t, []bool{false, true, true, false}, get[[]bool](t)(tx.ReferredTo([]metaverse.CSID{ids[0], ids[1], ids[3], 999})))
		require.NoError(t, tx.DeleteCSRefs([]metaverse.CSRef{ref("member", 1), ref("member", 1), ref("none", 1), ref("managedBy", 3)}), "deleting what is not there is no error")
		require.Equal(t, ids[2:], page(0, 0))
		require.Equal(t, []bool{true}, get[[]bool](t)(tx.ReferredTo(ids[1:2])))
		require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{{Source: ids[1], Attribute: "member", Target: ids[2]}, {Source: ids[0], Attribute: "manager", Target: ids[2]}}))
		require.Equal(t, ids[:2], get[[]metaverse.CSID](t)(tx.Referrers(ids[2], 0, 10)), "each once, whatever the attributes")
		require.Equal(t, ids[:1], get[[]metaverse.CSID](t)(tx.Referrers(ids[2], 0, 1)))
		require.Equal(t, ids[1:2], get[[]metaverse.CSID](t)(tx.Referrers(ids[2], ids[0], 10)))
		require.Empty(t, get[[]metaverse.CSID](t)(tx.Referrers(ids[2], ids[1], 10)))
	})
}

func mvReferences(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := putMV(t, tx, "person", 3)
		ref := func(target int) metaverse.MVRef {
			return metaverse.MVRef{Source: ids[0], Attribute: "member", Target: ids[target]}
		}
		require.NoError(t, tx.AddMVRefs([]metaverse.MVRef{ref(2), ref(1), ref(2)}))
		require.Equal(t, ids[1:], get[[]metaverse.MVID](t)(tx.MVRefs(ids[0], "member", 0, 0)))
		require.Equal(t, ids[1:2], get[[]metaverse.MVID](t)(tx.MVRefs(ids[0], "member", 0, 1)))
		require.Equal(t, ids[2:], get[[]metaverse.MVID](t)(tx.MVRefs(ids[0], "member", ids[1], 1)))
		require.EqualValues(t, 2, get[int64](t)(tx.CountMVRefs(ids[0], "member")))
		require.NoError(t, tx.DeleteMVRefs([]metaverse.MVRef{ref(1), ref(0)}))
		require.Equal(t, []bool{false, true}, get[[]bool](t)(tx.HasMVRefs([]metaverse.MVRef{ref(1), ref(2)})))
	})
}

func moveReferences(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "g1", "g2", "placeholder", "real")
		ref := func(source, target int) metaverse.CSRef {
			return metaverse.CSRef{Source: ids[source], Attribute: "member", Target: ids[target]}
		}
		require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{ref(0, 2), ref(1, 2), ref(1, 3), ref(2, 0), ref(2, 2)}))
		require.NoError(t, tx.MoveCSRefsTo(ids[2], ids[3]))
		require.Equal(t, []bool{true, true, true, true, false, false, false}, get[[]bool](t)(tx.HasCSRefs(
			[]metaverse.CSRef{ref(0, 3), ref(1, 3), ref(2, 0), ref(2, 3), ref(0, 2), ref(1, 2), ref(2, 2)})))
		require.NoError(t, tx.MoveCSRefsTo(ids[3], ids[3]))
		require.EqualValues(t, 1, get[int64](t)(tx.CountCSRefs(ids[0], "member")))
	})
}

func workQueue(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		w := func(kind metaverse.RefWorkKind, source int64, attribute string, target int64) metaverse.RefWork {
			return metaverse.RefWork{Kind: kind, Source: source, Attribute: attribute, Target: target}
		}
		work := []metaverse.RefWork{
			w(metaverse.WorkMV, 1, "member", 5), w(metaverse.WorkCS, 2, "member", 9), w(metaverse.WorkCS, 1, "member", 5),
			w(metaverse.WorkCS, 2, "manager", 1), w(metaverse.WorkCS, 1, "member", 4), w(metaverse.WorkCS, 2, "member", 9),
		}
		require.NoError(t, tx.QueueRefWork(work))
		require.NoError(t, tx.QueueRefWork(work[:3]), "the queue is a set")
		got := get[[]metaverse.RefWork](t)(tx.RefWork(100))
		require.ElementsMatch(t, work[:5], got)
		type source struct {
			kind metaverse.RefWorkKind
			id   int64
		}
		done, last := make(map[source]bool), source{}
		for _, e := range got {
			s := source{e.Kind, e.Source}
			require.True(t, s == last || !done[s], "entries of one kind and source stay together")
			done[s], last = true, s
		}
		require.Equal(t, got[:2], get[[]metaverse.RefWork](t)(tx.RefWork(2)))
		require.NoError(t, tx.DeleteRefWork(append(got[:2:2], w(metaverse.WorkCS, 77, "none", 1))))
		require.Equal(t, got[2:], get[[]metaverse.RefWork](t)(tx.RefWork(100)))
	})
}

func queueReferences(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		cs, mv := put(t, tx, "ad", "g", "a", "b"), putMV(t, tx, "group", 3)
		require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{
			{Source: cs[0], Attribute: "member", Target: cs[1]}, {Source: cs[0], Attribute: "member", Target: cs[2]},
			{Source: cs[0], Attribute: "managedBy", Target: cs[1]}, {Source: cs[1], Attribute: "manager", Target: cs[2]},
		}))
		require.NoError(t, tx.AddMVRefs([]metaverse.MVRef{
			{Source: mv[0], Attribute: "member", Target: mv[1]}, {Source: mv[0], Attribute: "managedBy", Target: mv[2]},
		}))
		csWork := func(s int, a string, d int) metaverse.RefWork {
			return metaverse.RefWork{Kind: metaverse.WorkCS, Source: int64(cs[s]), Attribute: a, Target: int64(cs[d])}
		}
		mvWork := func(s int, a string, d int) metaverse.RefWork {
			return metaverse.RefWork{Kind: metaverse.WorkMV, Source: int64(mv[s]), Attribute: a, Target: int64(mv[d])}
		}
		drain := func() []metaverse.RefWork {
			work := get[[]metaverse.RefWork](t)(tx.RefWork(100))
			require.NoError(t, tx.DeleteRefWork(work))
			return work
		}
		fromCS := func(source int, attribute string) metaverse.CSRefAttribute {
			return metaverse.CSRefAttribute{Source: cs[source], Attribute: attribute}
		}
		fromMV := func(attribute string) []metaverse.MVRefAttribute {
			return []metaverse.MVRefAttribute{{Source: mv[0], Attribute: attribute}}
		}
		require.NoError(t, tx.QueueCSRefsFrom([]metaverse.CSRefAttribute{fromCS(0, "MEMBER"), fromCS(0, "none")}))
		require.ElementsMatch(t, []metaverse.RefWork{csWork(0, "member", 1), csWork(0, "member", 2)}, drain())
		require.NoError(t, tx.QueueCSRefsFrom([]metaverse.CSRefAttribute{fromCS(0, "")}))
		require.Len(t, drain(), 3)
		require.NoError(t, tx.QueueCSRefsFrom([]metaverse.CSRefAttribute{fromCS(1, "manager"), fromCS(0, ""), fromCS(0, "member")}))
		require.Len(t, drain(), 4)
		require.NoError(t, tx.QueueCSRefsTo([]metaverse.CSID{cs[2], cs[0]}))
		require.ElementsMatch(t, []metaverse.RefWork{csWork(0, "member", 2), csWork(1, "manager", 2)}, drain())
		require.NoError(t, tx.QueueMVRefsFrom(fromMV("member")))
		require.ElementsMatch(t, []metaverse.RefWork{mvWork(0, "member", 1)}, drain())
		require.NoError(t, tx.QueueMVRefsFrom(fromMV("")))
		require.NoError(t, tx.QueueMVRefsTo(mv[2:]))
		require.ElementsMatch(t, []metaverse.RefWork{mvWork(0, "member", 1), mvWork(0, "managedBy", 2)}, drain())
	})
}
