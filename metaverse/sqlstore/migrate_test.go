package sqlstore

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
)

func rawConn(t *testing.T, path string) *sql.Conn {
	t.Helper()
	db, err := sql.Open(driverName, path)
	require.NoError(t, err)
	c, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()); require.NoError(t, db.Close()) })
	return c
}

func TestMigrateForward(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	c := rawConn(t, path)
	steps := []string{"CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)"}
	require.NoError(t, migrate(t.Context(), c, steps, &Options{ReadOnly: false}))
	require.NoError(t, migrate(t.Context(), c, steps, &Options{ReadOnly: false}), "nothing left to do")

	steps = append(steps, "ALTER TABLE a ADD COLUMN y INTEGER", "UPDATE a SET y = x + 1")
	require.ErrorContains(t, migrate(t.Context(), c, steps, &Options{ReadOnly: true}), "reading only")
	bad := append(steps[:2:2], "UPDATE a SET y = 7; UPDATE nothing SET z = 1")
	require.ErrorContains(t, migrate(t.Context(), c, bad, &Options{ReadOnly: false}), "schema version 3")
	version, err := identify(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, 1, version, "a migration that fails changes nothing")

	require.NoError(t, migrate(t.Context(), c, steps, &Options{ReadOnly: false}))
	var y int
	require.NoError(t, c.QueryRowContext(t.Context(), "SELECT y FROM a").Scan(&y))
	require.Equal(t, 2, y)
	err = migrate(t.Context(), c, steps[:2], &Options{ReadOnly: false})
	require.ErrorIs(t, err, metaverse.ErrNewerSchema)
	require.ErrorContains(t, err, "version is 3")
	require.ErrorContains(t, err, "up to 2")
}

func TestMigrateForeign(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]string{
		"tables of others": "CREATE TABLE theirs (x)",
		"id of others":     "PRAGMA application_id = 77",
		"version only":     "PRAGMA user_version = 3",
	} {
		path := filepath.Join(t.TempDir(), "foreign.db")
		c := rawConn(t, path)
		_, err := c.ExecContext(t.Context(), prepare)
		require.NoError(t, err)
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = Open(t.Context(), path, nil)
		require.ErrorIs(t, err, ErrNotStore, name)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, after, "%s: the file is left as it was", name)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context())
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, sqliteOf(s).write(t.Context(), "PRAGMA max_page_count = 100", 0, 0, nil))
	put := func(size int) error {
		return s.Update(t.Context(), func(tx metaverse.Tx) error { return tx.PutSetting("k", make([]byte, size)) })
	}
	require.NoError(t, put(1000))
	require.ErrorIs(t, put(1<<20), metaverse.ErrStoreFull)
	require.NoError(t, s.View(t.Context(), func(r metaverse.Reader) error {
		v, err := r.Setting("k")
		require.Len(t, v, 1000, "what was committed is good")
		return err
	}))
	require.NoError(t, put(2000), "and there may be space again")
	problems, err := s.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestBrokenConnection(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context())
	require.NoError(t, err)
	defer s.Close()
	err = s.Update(t.Context(), func(tx metaverse.Tx) error {
		require.NoError(t, sqliteOf(s).rollback()) // as SQLite does in trouble
		return errStop
	})
	require.ErrorIs(t, err, errStop)
	require.Nil(t, s.writer, "a connection in an unknown state is dropped")
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error { return tx.PutSetting("k", []byte("v")) }))
}

// TestPlans makes sure that no statement of the daily work reads a whole table.
func TestPlans(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context())
	require.NoError(t, err)
	defer s.Close()
	refs := refStatements("cs_ref", 1)
	for _, q := range []string{
		sqlCS, sqlScanCS, sqlPendingImports, sqlUnseen, sqlDeletePendingImport, sqlDeleteSeen, sqlPutPendingImport, sqlDeleteLinks,
		sqlLinkedCS, sqlCSValues, sqlDeleteCSValues, sqlMV, sqlMVHeads, sqlScanMV, sqlMVValues, sqlDeleteMVValues, sqlAnyLink,
		refs.page, refs.all, refs.count, refs.nextName, refs.deleteFrom, refs.deleteTo, refs.workFrom, refs.workTo,
		sqlReferredTo, sqlReferrers, sqlCopyRefsTo, sqlPendingExport, sqlScanExports, sqlNextExportRefName, sqlExportRefs, sqlDeleteExportRefsFrom,
		sqlDeleteExportRefsTo, sqlDeleteVain, sqlRunsOf, sqlErrorsOf, sqlErrorsOfObject, sqlErrorsOfUnknown, sqlClearErrors, sqlDeleteErrors, sqlNextConnector,
		placed(sqlCSByAnchor, 2), placed(sqlCSByDN, 2), placed(sqlCSByValue, 3), placed(sqlMVByValue, 3), placed(refs.has, 4), placed(sqlFindExportRefs, 4),
	} {
		rows, err := sqliteOf(s).query(t.Context(), "EXPLAIN QUERY PLAN "+q, 0, 0, make([]any, countMarks(q)))
		require.NoError(t, err, q)
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			for _, table := range []string{"cs", "mv", "link", "l", "e", "p", "r", "v", "s", "seen", "pending_import", "cs_ref", "cs_value", "export_ref", "run", "object_error", "pending_export"} {
				require.NotEqual(t, "SCAN "+table, detail, q)
			}
		}
		require.NoError(t, rows.Close())
	}
}

func sqliteOf(s *Store) *sqliteConn { return s.writer.(*sqliteConn) }

func placed(q string, width int) string {
	return strings.Replace(q, "{values}", placeholders(2, width), 1)
}

func countMarks(q string) int { return strings.Count(q, "?") }
