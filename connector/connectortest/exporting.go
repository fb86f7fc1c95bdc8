package connectortest

import (
	"strconv"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// adds are the changes that create objects.
func (f *fixture) adds(objects []connector.Object) []connector.Change {
	changes := make([]connector.Change, len(objects))
	for i := range objects {
		o := &objects[i]
		changes[i] = connector.Change{Op: connector.OpAdd, Class: o.Class, Key: connector.Key{DN: o.DN}, Mods: attr.Mods(&attr.Set{}, &o.Attributes)}
	}
	return changes
}

// export sends changes in batches of the declared size and checks the form of the results.
// Changes without an id get one.
func (f *fixture) export(changes ...connector.Change) []connector.Result {
	f.Helper()
	ex := capability[connector.Exporter](f, f.session())
	for i := range changes {
		if changes[i].ID == "" {
			f.changes++
			changes[i].ID = "change-" + strconv.Itoa(f.changes)
		}
	}
	var all []connector.Result
	for size := max(1, f.caps.ExportBatch); len(changes) > 0; {
		batch := changes[:min(size, len(changes))]
		changes = changes[len(batch):]
		results, err := ex.Export(f.Context(), batch)
		require.NoError(f, err, "trouble with single changes is no error of the batch")
		f.results(batch, results)
		all = append(all, results...)
	}
	return all
}

// results checks that results fit their batch.
func (f *fixture) results(batch []connector.Change, results []connector.Result) {
	f.Helper()
	require.Len(f, results, len(batch), "Export returns one result for each change")
	for i, r := range results {
		require.Equal(f, batch[i].ID, r.ID, "results come in the order of the changes, with their ids")
		require.GreaterOrEqual(f, r.Outcome, connector.Applied, "a result has an outcome")
		require.LessOrEqual(f, r.Outcome, connector.Unknown, "a result has a known outcome")
		if r.Outcome.Done() {
			require.NoErrorf(f, r.Err, "a change that is done has no error: %v %v", batch[i].Op, batch[i].Key)
		} else {
			require.Errorf(f, r.Err, "a change that is not done has an error: %v %v", batch[i].Op, batch[i].Key)
		}
	}
}

// mustExport sends changes that the directory has to take.
func (f *fixture) mustExport(changes ...connector.Change) []connector.Result {
	f.Helper()
	results := f.export(changes...)
	for i, r := range results {
		require.Truef(f, r.Outcome.Done(), "a valid change is carried out: %v %v: %v, %v", changes[i].Op, changes[i].Key, r.Outcome, r.Err)
		require.Emptyf(f, r.Skipped, "attributes that the harness names can be written: %v %v", changes[i].Op, changes[i].Key)
		if changes[i].Op == connector.OpAdd {
			require.Falsef(f, r.Anchor.IsZero(), "the result of an add has the anchor that the directory assigned: %v", changes[i].Key)
		}
	}
	return results
}
