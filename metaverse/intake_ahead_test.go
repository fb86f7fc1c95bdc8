package metaverse_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
)

// flow is a directory whose full import is a function.
func flow(d *memdir.Directory, items func(ctx context.Context) iter.Seq2[connector.Item, error]) *retold {
	return &retold{d, func(ctx context.Context, _ connector.ImportRequest, _ iter.Seq2[connector.Item, error]) iter.Seq2[connector.Item, error] {
		return items(ctx)
	}}
}

func flowUser(n int) connector.Item {
	o := &connector.Object{Class: "user", Anchor: connector.TextAnchor(userDN(n)), DN: userDN(n)}
	o.Attributes.Put("employeeID", attr.String(userDN(n)))
	return connector.Item{Kind: connector.ItemObject, Object: o}
}

func flowEnd(n int) connector.Item {
	return connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{Objects: int64(n), Watermark: connector.Watermark("end")}}
}

// While the engine is busy a connector reads on until a batch is waiting, and no further. All of
// it is staged.
func TestReadingAheadIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const users, batch = 500, 10
		w := newWorld(t)
		w.opts.Batch = batch
		var read atomic.Int64
		var ahead []int64
		w.opts.Progress = func(p metaverse.Progress) {
			if p.Phase == "import" && p.Total == 0 {
				synctest.Wait() // for the connector, which reads as far as it may
				ahead = append(ahead, read.Load()-p.Done)
			}
		}
		w.with(flow(w.ad, func(context.Context) iter.Seq2[connector.Item, error] {
			return func(yield func(connector.Item, error) bool) {
				for i := range users {
					read.Add(1)
					if !yield(flowUser(i), nil) {
						return
					}
				}
				yield(flowEnd(users), nil)
			}
		}))
		rec := w.run("ad", metaverse.FullImport)
		require.EqualValues(t, users, rec.Counters.Adds)
		require.EqualValues(t, users, w.counts("ad").Imported)
		require.NotEmpty(t, ahead)
		for _, n := range ahead {
			require.LessOrEqual(t, n, int64(2*batch+1), "what was taken, what waits, and what waits for room")
			require.GreaterOrEqual(t, n, int64(batch))
		}
	})
}

// A step that ends ends its connector's reading, wherever that is, and waits for it.
func TestReadingAheadEndsWithTheStep(t *testing.T) {
	t.Parallel()
	const before = 25
	for name, stop := range map[string]func(cancel context.CancelFunc){
		"cancelled":       func(cancel context.CancelFunc) { cancel() },
		"too many errors": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.opts.Batch, w.opts.ErrorLimit = 10, 5
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var ended atomic.Bool
			w.with(flow(w.ad, func(ctx context.Context) iter.Seq2[connector.Item, error] {
				return func(yield func(connector.Item, error) bool) {
					defer ended.Store(true)
					for i := range before {
						item := flowUser(i)
						if stop == nil && i >= 10 {
							item.Err = errors.New("cannot be read")
						}
						if !yield(item, nil) {
							return
						}
					}
					if stop != nil {
						stop(cancel)
					}
					<-ctx.Done() // a directory that does not answer
					yield(connector.Item{}, context.Cause(ctx))
				}
			}))
			rec, err := w.engine.Run(ctx, "ad", metaverse.FullImport, nil)
			require.Error(t, err)
			require.True(t, ended.Load())
			require.LessOrEqual(t, rec.Counters.Adds, int64(before))
			require.Zero(t, rec.Counters.Deletes)
		})
	}
}

// An error of the connector comes after all that it sent before, which is staged.
func TestReadingAheadKeepsTheOrder(t *testing.T) {
	t.Parallel()
	const before = 37
	trouble := errors.New("the directory has gone")
	w := newWorld(t)
	w.opts.Batch = 10
	w.with(flow(w.ad, func(context.Context) iter.Seq2[connector.Item, error] {
		return func(yield func(connector.Item, error) bool) {
			for i := range before {
				yield(flowUser(i), nil)
			}
			yield(connector.Item{}, trouble)
		}
	}))
	rec, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.ErrorIs(t, err, trouble)
	require.EqualValues(t, before, rec.Objects)
	require.EqualValues(t, before, w.counts("ad").Imported)
}
