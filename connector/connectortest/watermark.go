package connectortest

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

var watermarkRules = []rule{
	{"garbage has expired", watermarkGarbage},
	{"a watermark of another version has expired", watermarkVersion},
	{"a watermark that the directory refuses has expired", watermarkRefused},
	{"a watermark can be used again", watermarkAgain},
}

// expired checks that an import failed because of its watermark or checkpoint.
func (f *fixture) expired(r *received, what string) {
	f.Helper()
	require.ErrorIsf(f, r.err, connector.ErrWatermarkExpired, "%s gives ErrWatermarkExpired", what)
	require.Emptyf(f, r.items, "%s gives its error before any item", what)
	require.Emptyf(f, r.checkpoints, "%s gives its error before any item", what)
	require.Nilf(f, r.complete, "%s gives no Complete", what)
	require.Falsef(f, connector.IsTransient(r.err), "an expired watermark does not get better by waiting: %v", r.err)
}

func watermarkGarbage(f *fixture) {
	f.need(f.caps.DeltaImport, "delta import")
	f.seedUsers(1)
	_, w := f.fullState()
	for _, bad := range []connector.Watermark{
		connector.Watermark("no watermark at all"),
		{0},
		{},
		w[:len(w)/2],
	} {
		f.expired(f.delta(bad, connector.ImportRequest{}), "a watermark that cannot be read")
	}
}

func watermarkVersion(f *fixture) {
	f.need(f.caps.DeltaImport, "delta import")
	f.seedUsers(1)
	_, w := f.fullState()
	// Whatever the form is, its version is told at the beginning.
	other := slices.Clone(w)
	other[0] ^= 0x55
	f.expired(f.delta(other, connector.ImportRequest{}), "a watermark of an unknown version")
}

func watermarkRefused(f *fixture) {
	f.need(f.caps.DeltaImport, "delta import")
	f.have(f.dir.ExpireWatermark != nil, "ExpireWatermark")
	keys := f.seedUsers(2)
	_, w := f.fullState()
	f.dir.ExpireWatermark(f.T)
	f.expired(f.delta(w, connector.ImportRequest{}), "a watermark that the directory refuses")
	if f.dir.Repair != nil {
		f.dir.Repair(f.T)
	}
	m, w := f.fullState()
	f.modify(keys[0], set(f.h.User.Single, "changed"))
	for _, it := range f.whole(f.delta(w, connector.ImportRequest{})).items {
		require.NoError(f, m.apply(it))
	}
	f.holds(m, keys[0], f.h.User.Single, "changed")
}

func watermarkAgain(f *fixture) {
	f.need(f.caps.DeltaImport, "delta import")
	keys := f.seedUsers(3)
	m, w := f.fullState()
	f.modify(keys[0], set(f.h.User.Single, "first"))
	f.whole(f.delta(w, connector.ImportRequest{})) // its data were lost
	f.modify(keys[1], set(f.h.User.Single, "second"))
	f.delete(f.h.User.Name, keys[2])
	for _, it := range f.whole(f.delta(w, connector.ImportRequest{})).items {
		require.NoError(f, m.apply(it))
	}
	f.same(f.fullModel(), m, "a delta import from an older watermark tells everything since")
}
