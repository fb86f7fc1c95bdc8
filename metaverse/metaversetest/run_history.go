package metaversetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

func historyTests() []conformanceTest {
	return []conformanceTest{
		{rule: "settings are kept under keys", run: settings},
		{rule: "runs come back newest first in pages", run: runs},
		{rule: "runs are deleted by age", run: deleteRuns},
		{rule: "an error keeps its first time and counts up", run: errorCounts},
		{rule: "other errors of the step are replaced", run: errorsReplaced},
		{rule: "errors of unknown objects are told apart by the object", run: unknownErrors},
		{rule: "errors are read in pages of whole objects", run: errorPages},
		{rule: "errors are cleared by step", run: clearErrors},
	}
}

func settings(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		for key, value := range map[string]string{"a/1": "x", "a/2": "", "a": "y", "b": "z", "a/\xff\x00": "\x00\xff"} {
			require.NoError(t, tx.PutSetting(key, []byte(value)))
		}
		require.NoError(t, tx.PutSetting("a/1", []byte("w")))
	})
	f.reopen(t)
	f.update(t, func(tx metaverse.Tx) {
		require.Equal(t, []byte("w"), get[[]byte](t)(tx.Setting("a/1")))
		empty := get[[]byte](t)(tx.Setting("a/2"))
		require.NotNil(t, empty, "an empty value is a value")
		require.Empty(t, empty)
		require.Nil(t, get[[]byte](t)(tx.Setting("none")))
		require.Equal(t, map[string][]byte{"a/1": []byte("w"), "a/2": {}, "a/\xff\x00": {0, 0xff}}, get[map[string][]byte](t)(tx.Settings("a/")))
		require.Len(t, get[map[string][]byte](t)(tx.Settings("")), 5)
		require.NoError(t, tx.PutSetting("a/1", nil))
		require.NoError(t, tx.PutSetting("none", nil))
		require.Nil(t, get[[]byte](t)(tx.Setting("a/1")))
	})
}

func runs(t *testing.T, f *fixture) {
	at := time.Date(2026, 11, 21, 8, 0, 0, 987654321, time.UTC)
	var want []metaverse.RunRecord // newest first
	f.update(t, func(tx metaverse.Tx) {
		for i := range 5 {
			r := metaverse.RunRecord{
				Connector: []string{"ad", "entra"}[i%2], Step: metaverse.DeltaImport, Result: metaverse.ResultRunning,
				Started: at.Add(time.Duration(i) * time.Second), Objects: int64(i), Notes: []string{"note"},
				Counters: metaverse.Counters{Adds: 1, Projected: 2, RefDeletes: 3},
			}
			r.ID = get[int64](t)(tx.PutRun(&r))
			want = append([]metaverse.RunRecord{r}, want...)
		}
		require.Greater(t, want[0].ID, want[1].ID)
		want[2].Ended, want[2].Result, want[2].Error = at.Add(time.Hour), metaverse.ResultSuccess, "why"
		require.Equal(t, want[2].ID, get[int64](t)(tx.PutRun(&want[2])), "a run with an id is replaced")
	})
	f.reopen(t)
	f.view(t, func(r metaverse.Reader) {
		list := func(conn string, before int64, limit int) []metaverse.RunRecord {
			return get[[]metaverse.RunRecord](t)(r.Runs(conn, before, limit))
		}
		require.Equal(t, want, list("", 0, 10))
		require.Equal(t, want[:2], list("", 0, 2))
		require.Equal(t, want[2:4], list("", want[1].ID, 2))
		require.Equal(t, []metaverse.RunRecord{want[0], want[2], want[4]}, list("ad", 0, 10))
		require.Equal(t, []metaverse.RunRecord{want[3]}, list("entra", want[1].ID, 10))
		require.Empty(t, list("none", 0, 10))
	})
}

func deleteRuns(t *testing.T, f *fixture) {
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	f.update(t, func(tx metaverse.Tx) {
		for _, ended := range []time.Time{at.Add(-time.Hour), at, {}, at.Add(-1)} {
			get[int64](t)(tx.PutRun(&metaverse.RunRecord{Connector: "ad", Ended: ended}))
		}
		require.EqualValues(t, 2, get[int64](t)(tx.DeleteRuns(at)), "those that ended before")
		left := get[[]metaverse.RunRecord](t)(tx.Runs("", 0, 10))
		require.Len(t, left, 2)
		require.True(t, left[0].Ended.IsZero(), "a run in progress stays")
		require.Zero(t, get[int64](t)(tx.DeleteRuns(at)))
	})
}

func errorAt(id metaverse.CSID, step, code string, at int64) metaverse.ObjectError {
	when := time.Unix(at, 0).UTC()
	return metaverse.ObjectError{
		CS: id, Connector: "ad", Step: step, Code: code, Attribute: "mail", Rule: "a rule", Message: fmt.Sprint("message ", at), First: when, Last: when, Count: 1,
	}
}

func errorCounts(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a")
		for at := range int64(3) {
			require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{errorAt(ids[0], "sync", "x", at+10)}))
		}
		want := errorAt(ids[0], "sync", "x", 12)
		want.First, want.Count, want.Object = time.Unix(10, 0).UTC(), 3, object(0, "ad", "a").Key()
		require.Equal(t, []metaverse.ObjectError{want}, get[[]metaverse.ObjectError](t)(tx.ObjectErrors("", 0, 10)))
		// Gone and back it is new.
		require.NoError(t, tx.ClearObjectErrors("sync", ids))
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{errorAt(ids[0], "sync", "x", 20)}))
		got := get[[]metaverse.ObjectError](t)(tx.ObjectErrors("ad", -1, 10))
		require.Equal(t, 1, got[0].Count)
		require.Equal(t, time.Unix(20, 0).UTC(), got[0].First)
	})
}

func codes(errs []metaverse.ObjectError) (out []string) {
	for _, e := range errs {
		out = append(out, fmt.Sprintf("%s %s %d", e.Step, e.Code, e.Count))
	}
	return out
}

func errorsReplaced(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a", "b")
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{
			errorAt(ids[0], "sync", "x", 1), errorAt(ids[0], "sync", "y", 1), errorAt(ids[0], "export", "x", 1), errorAt(ids[1], "sync", "x", 1),
		}))
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{errorAt(ids[0], "sync", "y", 2), errorAt(ids[0], "sync", "z", 2)}))
		require.ElementsMatch(t, []string{"sync y 2", "sync z 1", "export x 1", "sync x 1"}, codes(get[[]metaverse.ObjectError](t)(tx.ObjectErrors("ad", -1, 10))))
		require.Empty(t, get[[]metaverse.ObjectError](t)(tx.ObjectErrors("entra", -1, 10)))
	})
}

func unknownErrors(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		unknown := func(conn, dn, code string) metaverse.ObjectError {
			e := errorAt(0, "import", code, 5)
			e.Connector, e.Object = conn, connector.Key{Anchor: connector.TextAnchor("1"), DN: dn}
			return e
		}
		errs := []metaverse.ObjectError{unknown("ad", "a", "x"), unknown("ad", "b", "x"), unknown("entra", "a", "x")}
		require.NoError(t, tx.PutObjectErrors(errs))
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{unknown("ad", "b", "y")}), "replaces that object's only")
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{unknown("ad", "a", "x")}))
		ids := put(t, tx, "ad", "known")
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{errorAt(ids[0], "import", "k", 5)}))
		want := []metaverse.ObjectError{unknown("ad", "a", "x"), unknown("ad", "b", "y")}
		want[0].Count = 2
		got := get[[]metaverse.ObjectError](t)(tx.ObjectErrors("ad", -1, 10))
		require.Len(t, got, 3)
		require.ElementsMatch(t, want, got[:2], "unknown objects come first")
		require.Equal(t, []string{"import k 1"}, codes(get[[]metaverse.ObjectError](t)(tx.ObjectErrors("ad", 0, 10))), "and only after -1")
		require.Len(t, get[[]metaverse.ObjectError](t)(tx.ObjectErrors("", -1, 10)), 4)
		require.NoError(t, tx.ClearUnknownErrors("ad", "sync"))
		require.NoError(t, tx.ClearUnknownErrors("ad", "import"))
		require.Equal(t, []string{"import x 1", "import k 1"}, codes(get[[]metaverse.ObjectError](t)(tx.ObjectErrors("", -1, 10))))
	})
}

func errorPages(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a", "b", "c", "d")
		for i, n := range []int{1, 3, 1, 2} {
			var errs []metaverse.ObjectError
			for j := range n {
				errs = append(errs, errorAt(ids[i], "sync", fmt.Sprint(j), 1))
			}
			require.NoError(t, tx.PutObjectErrors(errs))
		}
		for _, limit := range []int{1, 2, 3, 4, 5, 7, 100} {
			total := 0
			for after := metaverse.CSID(-1); ; {
				page := get[[]metaverse.ObjectError](t)(tx.ObjectErrors("ad", after, limit))
				if len(page) == 0 {
					break
				}
				if len(page) > limit {
					require.Equal(t, page[0].CS, page[len(page)-1].CS, "limit %d: only the errors of one object may exceed it", limit)
				}
				total, after = total+len(page), page[len(page)-1].CS
			}
			require.Equal(t, 7, total, "limit %d: pages hold each error once", limit)
		}
	})
}

func clearErrors(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		ids := put(t, tx, "ad", "a", "b")
		require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{errorAt(ids[0], "sync", "x", 1), errorAt(ids[0], "export", "x", 1), errorAt(ids[1], "sync", "x", 1), errorAt(0, "sync", "u", 1)}))
		require.NoError(t, tx.ClearObjectErrors("sync", []metaverse.CSID{ids[0], 0, 999}))
		require.ElementsMatch(t, []string{"sync u 1", "export x 1", "sync x 1"}, codes(get[[]metaverse.ObjectError](t)(tx.ObjectErrors("ad", -1, 10))), "CS 0 is cleared by ClearUnknownErrors only")
	})
}
