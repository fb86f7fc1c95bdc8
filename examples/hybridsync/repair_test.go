package main

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// An operator whose store was damaged checks it, does what the check says, and is back at work with
// the next cycle: the tenant does not notice.
func TestStoreRepair(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.populate(12, 2)
	_, err := b.cycle()
	require.NoError(t, err)
	_, err = b.cycle()
	require.NoError(t, err)
	db, err := sql.Open("sqlite", filepath.Join(b.dir, "store.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "DELETE FROM mv WHERE id % 3 = 0; DELETE FROM cs_value")
	require.NoError(t, err)
	require.NoError(t, db.Close())

	out, err := b.run("store", "check")
	require.ErrorContains(t, err, "problems")
	require.Contains(t, out, "hybridsync store repair BACKUP")
	_, err = b.run("store", "repair")
	require.ErrorContains(t, err, "BACKUP")
	backup := filepath.Join(b.dir, "before.db")
	_, err = b.run("store", "repair", filepath.Join(b.dir, "no", "such", "folder"))
	require.ErrorContains(t, err, "nothing was changed")
	out, err = b.run("store", "repair", backup)
	require.FileExists(t, backup)
	require.Contains(t, out, "problems before")
	if err != nil { // what lost links gave is there until the next synchronisation
		require.Contains(t, out, "origin")
	}
	b.tenant.ResetLog()
	_, err = b.cycle()
	require.NoError(t, err)
	require.Zero(t, b.tenant.Writes())
	require.Len(t, b.tenant.Users(), 12)
	out, err = b.run("store", "check")
	require.NoError(t, err, out)
}
