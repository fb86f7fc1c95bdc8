package sqlstore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// come lets many objects come into a store, and go lets them leave it.
func come(t *testing.T, s metaverse.Store, n int) (ids []metaverse.CSID) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error {
		first, err := tx.NewCS(n)
		require.NoError(t, err)
		image := attr.NewSet(map[string][]attr.Value{"description": {attr.String(string(make([]byte, 2000)))}})
		var objects []*metaverse.CSObject
		for i := range n {
			id := first + metaverse.CSID(i)
			name := connector.TextAnchor(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)))
			objects = append(objects, &metaverse.CSObject{ID: id, Connector: "gone", Class: "user", Anchor: name, State: metaverse.NormalDisconnector, Imported: true, Image: image})
			ids = append(ids, id)
		}
		return tx.PutCS(objects)
	}))
	return ids
}

// What objects that have left took is given back to the file system, and the store is as before.
func TestOptimizeGivesSpaceBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, nil)
	fill(t, s)
	size := func() (bytes int64) {
		for _, file := range []string{path, path + "-wal"} {
			if info, err := os.Stat(file); err == nil {
				bytes += info.Size()
			}
		}
		return bytes
	}
	ids := come(t, s, 4000)
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error { return tx.DeleteCS(ids) }))
	full, before := size(), metaversetest.Snapshot(t, s)
	require.Greater(t, full, int64(4<<20))

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Optimize(cancelled), context.Canceled)
	require.NoError(t, s.View(t.Context(), func(metaverse.Reader) error { return s.Optimize(t.Context()) }), "beside somebody who reads")
	require.NoError(t, s.Optimize(t.Context()))
	require.Less(t, size(), full/4)
	info, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Zero(t, info.Size())
	require.Equal(t, before, metaversetest.Snapshot(t, s))
	problems, err := s.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Len(t, come(t, s, 10), 10, "it is written to as before")
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Optimize(t.Context()), sqlstore.ErrClosed)
}

// On a server the planner hears what the tables hold.
func TestOptimizePostgres(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, nil)
	url := server.Schema(t)
	s := open(t, url, nil)
	fill(t, s)
	require.NoError(t, s.Optimize(t.Context()))
	server.Exec(t, url, `DO $$ BEGIN
		ASSERT (SELECT reltuples FROM pg_class WHERE oid = 'cs'::regclass) = 6, 'no statistics';
	END $$`)
}
