package metaversetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
)

var errOnPurpose = errors.New("on purpose")

func transactionTests() []conformanceTest {
	return []conformanceTest{
		{rule: "an error undoes everything", run: errorUndoes},
		{rule: "a panic undoes everything and goes on", run: panicUndoes},
		{rule: "a failed write cannot be committed", run: failedWrite},
		{rule: "a cancelled context stops", run: cancelStops},
		{rule: "a view does not see a later update", run: viewIsolated},
		{rule: "a view within an update sees the state before it", run: viewWithinUpdate},
		{rule: "an update within an update ends with its context", run: nestedUpdate},
		{rule: "a function can be run again", run: runAgain},
		{rule: "updates of many goroutines are all kept", run: manyUpdates},
		{rule: "ids are never given out twice", run: idsNotReused},
		{rule: "everything survives a restart", reopens: true, run: survives},
		{rule: "a closed store says so and closing twice is fine", run: closed},
	}
}

func count(t *testing.T, f *fixture, conn string) (n int64) {
	t.Helper()
	f.view(t, func(r metaverse.Reader) { n = get[metaverse.CSCounts](t)(r.CountCS(conn)).Objects })
	return n
}

func errorUndoes(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) { put(t, tx, "ad", "before") })
	err := f.store.Update(t.Context(), func(tx metaverse.Tx) error {
		ids := put(t, tx, "ad", "a", "b")
		require.NoError(t, tx.PutSetting("k", []byte("v")))
		require.NoError(t, tx.DeleteCS(ids[:1]))
		return errOnPurpose
	})
	require.ErrorIs(t, err, errOnPurpose, "Update returns the function's error")
	require.EqualValues(t, 1, count(t, f, "ad"), "an Update that failed has no effect")
	// New names of the update that failed are no longer known; their numbers are free.
	f.update(t, func(tx metaverse.Tx) {
		require.Nil(t, get[[]byte](t)(tx.Setting("k")))
		put(t, tx, "entra", "c")
	})
	require.EqualValues(t, 1, count(t, f, "entra"))
}

func panicUndoes(t *testing.T, f *fixture) {
	require.PanicsWithValue(t, "on purpose", func() {
		_ = f.store.Update(t.Context(), func(tx metaverse.Tx) error {
			put(t, tx, "ad", "a")
			panic("on purpose")
		})
	}, "a panic goes on to the caller")
	require.PanicsWithValue(t, "on purpose", func() {
		_ = f.store.View(t.Context(), func(metaverse.Reader) error { panic("on purpose") })
	})
	require.Zero(t, count(t, f, "ad"), "an Update that panicked has no effect")
	f.update(t, func(tx metaverse.Tx) { put(t, tx, "ad", "a") })
	require.EqualValues(t, 1, count(t, f, "ad"), "the store goes on after a panic")
}

func failedWrite(t *testing.T, f *fixture) {
	err := f.store.Update(t.Context(), func(tx metaverse.Tx) error {
		put(t, tx, "ad", "a")
		id := get[metaverse.CSID](t)(tx.NewCS(1))
		require.Error(t, settled(tx, tx.PutCS([]*metaverse.CSObject{object(id, "ad", "a")})), "the DN is taken")
		return nil // swallowed
	})
	require.Error(t, err, "an Update in which a write has failed must not be committed")
	require.Zero(t, count(t, f, "ad"))
}

func cancelStops(t *testing.T, f *fixture) {
	ctx := cancelled(t)
	require.ErrorIs(t, f.store.View(ctx, func(metaverse.Reader) error { return nil }), context.Canceled)
	require.ErrorIs(t, f.store.Update(ctx, func(metaverse.Tx) error { return nil }), context.Canceled)

	ctx, cancel := context.WithCancel(t.Context())
	err := f.store.Update(ctx, func(tx metaverse.Tx) error {
		put(t, tx, "ad", "a")
		cancel()
		_, err := tx.CountCS("ad")
		require.ErrorIs(t, err, context.Canceled, "methods look at the context")
		return nil
	})
	require.ErrorIs(t, err, context.Canceled, "an Update whose context has ended is not committed")
	require.Zero(t, count(t, f, "ad"))
}

func viewIsolated(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) { put(t, tx, "ad", "a") })
	f.view(t, func(r metaverse.Reader) {
		// Nothing was read yet: the picture is that of the beginning all the same.
		done := make(chan error)
		go func() {
			done <- f.store.Update(t.Context(), func(tx metaverse.Tx) error {
				id, err := tx.NewCS(1)
				if err != nil {
					return err
				}
				return tx.PutCS([]*metaverse.CSObject{object(id, "ad", "b")})
			})
		}()
		require.NoError(t, <-done, "an Update does not wait for a View")
		require.EqualValues(t, 1, get[metaverse.CSCounts](t)(r.CountCS("ad")).Objects, "a View has one picture")
	})
	require.EqualValues(t, 2, count(t, f, "ad"))
}

func viewWithinUpdate(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		put(t, tx, "ad", "a")
		require.Zero(t, count(t, f, "ad"), "a View does not see what is not committed")
		require.EqualValues(t, 1, get[metaverse.CSCounts](t)(tx.CountCS("ad")).Objects, "a Tx sees its own writes")
	})
	require.EqualValues(t, 1, count(t, f, "ad"))
}

func nestedUpdate(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) {
		put(t, tx, "ad", "a")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := f.store.Update(ctx, func(metaverse.Tx) error { return nil })
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	require.EqualValues(t, 1, count(t, f, "ad"))
}

func runAgain(t *testing.T, f *fixture) {
	work := func(tx metaverse.Tx) error {
		id, err := tx.NewCS(1)
		if err != nil {
			return err
		}
		if err := tx.PutCS([]*metaverse.CSObject{object(id, "ad", "a")}); err != nil {
			return err
		}
		return tx.AddCSRefs([]metaverse.CSRef{{Source: id, Attribute: "manager", Target: id}})
	}
	require.ErrorIs(t, f.store.Update(t.Context(), func(tx metaverse.Tx) error {
		return errors.Join(work(tx), errOnPurpose)
	}), errOnPurpose)
	require.NoError(t, f.store.Update(t.Context(), work), "what was undone is not in the way")
	require.EqualValues(t, 1, count(t, f, "ad"))
}

func manyUpdates(t *testing.T, f *fixture) {
	const goroutines, each = 4, 8
	var wg sync.WaitGroup
	errs := make(chan error, 2*goroutines*each)
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				name := string(rune('a'+g)) + string(rune('a'+i))
				errs <- f.store.Update(t.Context(), func(tx metaverse.Tx) error {
					id, err := tx.NewCS(1)
					if err != nil {
						return err
					}
					o := object(id, "ad", name)
					o.Class = "class of " + name // new names from all sides
					return tx.PutCS([]*metaverse.CSObject{o})
				})
				errs <- f.store.View(t.Context(), func(r metaverse.Reader) error {
					_, err := r.ScanCS("ad", 0, 100)
					return err
				})
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	f.view(t, func(r metaverse.Reader) {
		objects := get[[]*metaverse.CSObject](t)(r.ScanCS("ad", 0, 100))
		require.Len(t, objects, goroutines*each)
		for _, o := range objects {
			require.Equal(t, "class of "+o.DN, o.Class)
		}
	})
}

func idsNotReused(t *testing.T, f *fixture) {
	var cs []metaverse.CSID
	var mv []metaverse.MVID
	var run int64
	f.update(t, func(tx metaverse.Tx) {
		cs, mv = put(t, tx, "ad", "a", "b"), putMV(t, tx, "person", 2)
		first := get[metaverse.CSID](t)(tx.NewCS(5))
		require.Greater(t, first, cs[1], "ids grow")
		require.Equal(t, first+5, get[metaverse.CSID](t)(tx.NewCS(1)), "n ids are reserved")
		cs[1] = first + 5
		run = get[int64](t)(tx.PutRun(&metaverse.RunRecord{Connector: "ad", Ended: time.Unix(1, 0)}))
		require.Greater(t, cs[0], metaverse.CSID(0))
		require.Greater(t, mv[0], metaverse.MVID(0))
	})
	f.update(t, func(tx metaverse.Tx) {
		require.NoError(t, tx.DeleteCS([]metaverse.CSID{cs[0], cs[0] + 1}))
		require.NoError(t, tx.DeleteMV(mv))
		require.EqualValues(t, 1, get[int64](t)(tx.DeleteRuns(time.Unix(2, 0))))
	})
	f.reopen(t)
	f.update(t, func(tx metaverse.Tx) {
		require.Greater(t, get[metaverse.CSID](t)(tx.NewCS(1)), cs[1], "CS ids are never reused")
		require.Greater(t, get[metaverse.MVID](t)(tx.NewMV(1)), mv[1], "MV ids are never reused")
		require.Greater(t, get[int64](t)(tx.PutRun(&metaverse.RunRecord{Connector: "ad"})), run, "run ids are never reused")
	})
	require.Error(t, f.store.Update(t.Context(), func(tx metaverse.Tx) error {
		return tx.PutCS([]*metaverse.CSObject{object(cs[1]+100, "ad", "x")})
	}), "an id that was not reserved is refused")
}

func survives(t *testing.T, f *fixture) {
	f.update(t, func(tx metaverse.Tx) { populate(t, tx) })
	before := Snapshot(t, f.store)
	require.NotEmpty(t, before)
	f.reopen(t)
	require.Equal(t, before, Snapshot(t, f.store))
}

// populate puts something into every part of a store.
func populate(t *testing.T, tx metaverse.Tx) {
	cs, mv := put(t, tx, "ad", "Ann", "Bob", "Staff"), putMV(t, tx, "person", 3)
	require.NoError(t, tx.PutMV([]*metaverse.MVObject{{
		ID: mv[2], Class: "group", Attributes: awkwardSet(),
		Origins: []metaverse.Origin{{Attribute: "member", Rule: "in", CS: cs[2], Source: "member"}, {Attribute: "displayName", Rule: "in", CS: cs[2]}},
	}}))
	other := put(t, tx, "entra", "ann@example.com", "bob@example.com")
	connect(t, tx, cs, mv)
	connect(t, tx, other, mv)
	require.NoError(t, tx.SetPendingImport(metaverse.ImportUpdate, cs[:1]))
	require.NoError(t, tx.MarkSeen("ad", cs))
	require.NoError(t, tx.SetCSValues(cs[:1], [][]metaverse.ValueKey{{{Attribute: "cn", Key: "sann"}}}))
	require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{{Source: cs[2], Attribute: "member", Target: cs[0]}}))
	require.NoError(t, tx.AddMVRefs([]metaverse.MVRef{{Source: mv[2], Attribute: "member", Target: mv[0]}}))
	require.NoError(t, tx.QueueMVRefsTo(mv[:1]))
	require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{{CS: other[0], Connector: "entra", Op: 2, References: true}}))
	require.NoError(t, tx.PutExportRefs([]metaverse.ExportRef{{Source: other[0], Attribute: "manager", Target: other[1]}}))
	require.NoError(t, tx.PutSetting("watermark", []byte{1, 2}))
	get[int64](t)(tx.PutRun(&metaverse.RunRecord{Connector: "ad", Step: metaverse.FullImport, Result: metaverse.ResultSuccess}))
	require.NoError(t, tx.PutObjectErrors([]metaverse.ObjectError{{CS: cs[1], Connector: "ad", Step: "sync", Code: "oops", Last: time.Unix(5, 0)}}))
}

func closed(t *testing.T, f *fixture) {
	s := f.open(t)
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error { return tx.PutSetting("k", []byte("v")) }))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice is fine")
	require.Error(t, s.View(t.Context(), func(metaverse.Reader) error { return nil }))
	require.Error(t, s.Update(t.Context(), func(metaverse.Tx) error { return nil }))
}
