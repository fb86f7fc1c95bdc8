package metaverse_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// A damaged store is repaired, and the next cycle finds the rest by itself: nobody is deleted or
// made twice, and no member is lost.
func TestRepairedStoreFindsEverythingAgain(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"links":              "DELETE FROM link WHERE cs % 2 = 0",
		"all links":          "DELETE FROM link",
		"people":             "DELETE FROM mv WHERE id % 2 = 0",
		"objects":            "DELETE FROM cs WHERE id % 3 = 0",
		"indexes":            "DELETE FROM cs_value; UPDATE mv_value SET key = x'00'",
		"copied references":  "DELETE FROM mv_ref",
		"references":         "DELETE FROM cs_ref",
		"queue":              "DELETE FROM ref_work; DELETE FROM pending_import",
		"pending references": "DELETE FROM export_ref",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := filepath.Join(t.TempDir(), "store.db")
			open := func() *sqlstore.Store {
				store, err := sqlstore.Open(t.Context(), path, nil)
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, store.Close()) })
				w.store = store
				w.reload()
				return store
			}
			store := open()
			w.group(1)
			for i := range 8 {
				w.user(i)
			}
			w.join(1, userDN(1), userDN(2))
			w.initial()
			w.settle()
			w.join(1, userDN(3)) // on its way: imported, not yet synchronised
			w.user(8)
			w.run("ad", metaverse.DeltaImport)
			require.NoError(t, store.Close())
			db, err := sql.Open("sqlite", path)
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), damage)
			require.NoError(t, err)
			require.NoError(t, db.Close())

			store = open()
			require.NoError(t, store.Repair(t.Context()))
			before := w.cloud.Len()
			w.settle()
			require.Equal(t, w.expected(), w.tenant())
			require.Equal(t, before+1, w.cloud.Len())
			require.Empty(t, w.errors())
			problems, err := store.Check(t.Context())
			require.NoError(t, err)
			require.Empty(t, problems)
		})
	}
}

// Nothing is repaired under the hands of those who work on it.
func TestRepairOfAStoreInUse(t *testing.T) {
	t.Parallel()
	w := populated(t)
	store := w.store.(*sqlstore.Store) //nolint:forcetypeassert // it is one
	_, err := store.AcquireLease(t.Context(), metaverse.Holder{Host: "another"}, metaverse.DefaultLeasePeriod, nil)
	require.NoError(t, err)
	require.ErrorIs(t, store.Repair(t.Context()), metaverse.ErrRunning)
}
