package connectortest

import (
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

var resumeRules = []rule{
	{"from each checkpoint the rest follows", resumeEach},
	{"changes made during the interruption are not lost", resumeChanged},
	{"a checkpoint that is none has expired", resumeGarbage},
	{"a delta import resumes too", resumeDelta},
}

// maxResumes bounds how many checkpoints are tried.
const maxResumes = 8

func resumeEach(f *fixture) {
	f.need(f.caps.Resume, "resume")
	f.seedUsers(f.h.Many)
	all := f.whole(f.full(connector.ImportRequest{PageSize: f.h.PageSize}))
	require.NotEmpty(f, all.checkpoints, "with Capabilities.Resume an import of several pages yields checkpoints")
	want := anchors(all.items)
	step := max(1, len(all.checkpoints)/maxResumes)
	for i := 0; i < len(all.checkpoints); i += step {
		cp := all.checkpoints[i]
		rest := f.whole(f.full(connector.ImportRequest{PageSize: f.h.PageSize, Resume: cp.at}))
		covered := anchors(all.items[:cp.covers])
		for _, it := range rest.items {
			require.Falsef(f, covered[it.Object.Anchor], "a checkpoint covers every item before it: %v came again", it.Object.Key())
			covered[it.Object.Anchor] = true
		}
		require.Equal(f, want, covered, "what a checkpoint covers and what follows after resuming are all objects")
		require.Equal(f, all.complete.Objects, rest.complete.Objects, "a resumed import counts what its checkpoint covers, too")
	}
}

func anchors(items []connector.Item) map[connector.Anchor]bool {
	out := make(map[connector.Anchor]bool, len(items))
	for _, it := range items {
		out[it.Object.Anchor] = true
	}
	return out
}

func resumeChanged(f *fixture) {
	f.need(f.caps.Resume && f.caps.DeltaImport, "resume together with delta import")
	keys := f.seedUsers(f.h.Many)
	all := f.whole(f.full(connector.ImportRequest{PageSize: f.h.PageSize}))
	require.NotEmpty(f, all.checkpoints, "with Capabilities.Resume an import of several pages yields checkpoints")
	cp := all.checkpoints[0]
	m := f.newModel()
	for _, it := range all.items[:cp.covers] {
		require.NoError(f, m.apply(it))
	}
	f.modify(keys[0], set(f.h.User.Single, "changed-first"))
	f.modify(keys[len(keys)-1], set(f.h.User.Single, "changed-last"))
	f.delete(f.h.User.Name, keys[1])
	f.seedOne(f.user("conf-late"))

	rest := f.whole(f.full(connector.ImportRequest{PageSize: f.h.PageSize, Resume: cp.at}))
	for _, it := range rest.items {
		require.NoError(f, m.apply(it))
	}
	next := f.whole(f.delta(rest.complete.Watermark, connector.ImportRequest{}))
	for _, it := range next.items {
		require.NoError(f, m.apply(it))
	}
	f.same(f.fullModel(), m, "a resumed import and the delta after it miss nothing that changed since the import began")
}

func resumeGarbage(f *fixture) {
	f.need(f.caps.Resume, "resume")
	f.seedUsers(2)
	r := f.whole(f.full(connector.ImportRequest{}))
	bad := []connector.Checkpoint{connector.Checkpoint("no checkpoint at all"), {0}}
	if f.caps.DeltaImport {
		bad = append(bad, connector.Checkpoint(r.complete.Watermark)) // a checkpoint is never a watermark
	}
	for _, cp := range bad {
		f.expired(f.full(connector.ImportRequest{Resume: cp}), "a checkpoint that the connector does not know")
	}
}

func resumeDelta(f *fixture) {
	f.need(f.caps.Resume && f.caps.DeltaImport, "resume together with delta import")
	f.seedUsers(1)
	_, w := f.fullState()
	f.seedMore(f.h.Many)
	all := f.whole(f.delta(w, connector.ImportRequest{PageSize: f.h.PageSize}))
	if len(all.checkpoints) == 0 {
		f.Skip("delta imports of the connector yield no checkpoints")
	}
	cp := all.checkpoints[0]
	rest := f.whole(f.delta(w, connector.ImportRequest{PageSize: f.h.PageSize, Resume: cp.at}))
	covered := anchors(all.items[:cp.covers])
	for anchor := range anchors(rest.items) {
		covered[anchor] = true
	}
	require.Equal(f, anchors(all.items), covered, "what a checkpoint covers and what follows after resuming are all changes")
}
