package connectortest

import (
	"context"
	"iter"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A received stream is what one import gave, checked against the rules for streams.
type received struct {
	full        bool
	items       []connector.Item // objects, updates and deletions
	checkpoints []checkpoint
	complete    *connector.Completion
	err         error
}

// A checkpoint is a resume point and the number of items that it covers.
type checkpoint struct {
	at     connector.Checkpoint
	covers int
}

// receive reads a stream to its end.
func (f *fixture) receive(stream iter.Seq2[connector.Item, error], full bool) *received {
	f.Helper()
	r := &received{full: full}
	var copies []attr.Set
	for it, err := range stream {
		require.NoError(f, r.err, "a non-nil error is the last pair of a stream")
		require.Nil(f, r.complete, "Complete is the last item of a stream")
		if err != nil {
			r.err = err
			continue
		}
		f.item(it, full)
		switch it.Kind {
		case connector.ItemCheckpoint:
			r.checkpoints = append(r.checkpoints, checkpoint{it.Checkpoint, len(r.items)})
		case connector.ItemComplete:
			r.complete = it.Complete
		default:
			r.items = append(r.items, it)
			copies = append(copies, it.Object.Attributes.Clone())
		}
	}
	for i := range r.items {
		require.True(f, copies[i].Equal(&r.items[i].Object.Attributes), "an item is the receiver's to keep: the connector does not change it later")
	}
	return r
}

// item checks one item by itself.
func (f *fixture) item(it connector.Item, full bool) {
	f.Helper()
	switch it.Kind {
	case connector.ItemObject:
		require.NotNil(f, it.Object, "an object item has an object")
		require.NoError(f, it.Err, "objects without trouble carry no error")
		require.False(f, it.Object.Anchor.IsZero(), "an imported object has an anchor")
		require.NotEmpty(f, it.Object.Class, "an imported object has a class")
		require.Empty(f, it.Mods, "a whole object has no modifications")
	case connector.ItemUpdate:
		require.False(f, full, "full imports and ReadObjects yield whole objects, no updates")
		require.NotNil(f, it.Object, "an update has an object")
		require.NoError(f, it.Err, "objects without trouble carry no error")
		require.False(f, it.Object.Anchor.IsZero(), "an update names its object by anchor")
		require.Zero(f, it.Object.Attributes.Len(), "an update tells what changed by modifications, not by attributes")
	case connector.ItemDelete:
		require.NotNil(f, it.Object, "a deletion has an object")
		require.False(f, it.Object.Key().IsZero(), "a deletion names its object")
	case connector.ItemCheckpoint:
		require.NotEmpty(f, it.Checkpoint, "a checkpoint is not empty")
	case connector.ItemComplete:
		require.NotNil(f, it.Complete, "Complete has a completion")
	default:
		require.Failf(f, "an item is of a known kind", "kind %v", it.Kind)
	}
}

// whole checks that a stream was complete.
func (f *fixture) whole(r *received) *received {
	f.Helper()
	require.NoError(f, r.err, "an import of a healthy directory has no error")
	require.NotNil(f, r.complete, "an import that saw all ends with Complete")
	if r.full {
		seen := make(map[connector.Anchor]bool)
		for _, it := range r.items {
			require.Equalf(f, connector.ItemObject, it.Kind, "a full import yields objects only: %v", it.Object.Key())
			require.Falsef(f, seen[it.Object.Anchor], "a full import yields every object once: %v", it.Object.Key())
			seen[it.Object.Anchor] = true
		}
	}
	require.GreaterOrEqual(f, r.complete.Objects, int64(len(r.items)), "Completion.Objects counts the objects that were sent")
	if f.caps.DeltaImport {
		require.NotEmpty(f, r.complete.Watermark, "with delta imports, Complete has a watermark")
	} else {
		require.Empty(f, r.complete.Watermark, "without delta imports, Complete has no watermark")
	}
	return r
}

// full makes a full import in a session of its own.
func (f *fixture) full(r connector.ImportRequest) *received {
	f.Helper()
	return f.fullIn(f.Context(), f.session(), r)
}

func (f *fixture) fullIn(ctx context.Context, s connector.Session, r connector.ImportRequest) *received {
	f.Helper()
	return f.receive(capability[connector.FullImporter](f, s).FullImport(ctx, r), true)
}

// delta makes a delta import in a session of its own.
func (f *fixture) delta(w connector.Watermark, r connector.ImportRequest) *received {
	f.Helper()
	s := f.session()
	return f.receive(capability[connector.DeltaImporter](f, s).DeltaImport(f.Context(), w, r), false)
}

// fullModel makes a full import and returns the directory as it shows it.
func (f *fixture) fullModel() *model {
	f.Helper()
	m, _ := f.fullState()
	return m
}

func (f *fixture) fullState() (*model, connector.Watermark) {
	f.Helper()
	r := f.whole(f.full(connector.ImportRequest{}))
	m := f.newModel()
	for _, it := range r.items {
		require.NoError(f, m.apply(it))
	}
	return m, r.complete.Watermark
}

// read reads objects one by one.
func (f *fixture) read(keys ...connector.Key) []connector.Item {
	f.Helper()
	r := f.receive(capability[connector.ObjectReader](f, f.session()).ReadObjects(f.Context(), keys), true)
	require.NoError(f, r.err, "objects of a healthy directory can be read")
	require.Nil(f, r.complete, "ReadObjects yields no Complete")
	require.Empty(f, r.checkpoints, "ReadObjects yields no checkpoints")
	return r.items
}

// same checks that two pictures of the directory are equal.
func (f *fixture) same(want, got *model, rule string) {
	f.Helper()
	if diff := cmp.Diff(want.picture(), got.picture()); diff != "" {
		require.Failf(f, rule, "difference (-want +got):\n%s", diff)
	}
}
