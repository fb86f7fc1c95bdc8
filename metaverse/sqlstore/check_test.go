package sqlstore_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// damage is done to a store behind its back, and what a check says of it. Objects 1, 3 and 5 are of
// connector ad, 2, 4 and 6 of connector entra; 1 and 2 are CN=ann, 5 and 6 CN=staff.
type damage struct {
	rule, table string
	id          int64
	object      string // as it is named
	statements  string
}

var damages = []damage{
	{"link-object", "link", 99, "", "INSERT INTO link (cs, mv, kind, rule, sticky) VALUES (99, 1, 1, 0, 0)"},
	{"link-metaverse", "link", 1, "ad: CN=ann", "UPDATE link SET mv = 99 WHERE cs = 1"},
	{"link-twice", "mv", 2, "ad: CN=ann", "UPDATE link SET mv = 2 WHERE cs = 1"},
	{"link-kind", "link", 1, "ad: CN=ann", "UPDATE link SET kind = 0 WHERE cs = 1"},
	{"mv-unlinked", "mv", 1, "", "DELETE FROM link WHERE mv = 1; UPDATE cs SET state = 0 WHERE id IN (1, 2)"},
	{"origin", "mv", 2, "ad: CN=bob", "UPDATE link SET mv = 1 WHERE cs = 4"},
	{"state-link", "cs", 1, "ad: CN=ann", "DELETE FROM link WHERE cs = 1"},
	{"link-state", "cs", 1, "ad: CN=ann", "UPDATE cs SET state = 4, imported = 0 WHERE id = 1"},
	{"state", "cs", 1, "ad: CN=ann", "UPDATE cs SET state = 77 WHERE id = 1"},
	{"placeholder-imported", "cs", 1, "ad: CN=ann", "UPDATE cs SET state = 4 WHERE id = 1; DELETE FROM link WHERE cs = 1"},
	{"placeholder-refers", "cs", 5, "ad: CN=staff", "UPDATE cs SET state = 4, imported = 0 WHERE id = 5; DELETE FROM link WHERE cs = 5"},
	{"orphan", "cs", 4, "entra: CN=bob", "UPDATE cs SET state = 2, imported = 0, anchor = NULL WHERE id = 4; DELETE FROM link WHERE cs = 4"},
	{"dn-key", "cs", 3, "ad: CN=bob", "UPDATE cs SET dn_key = x'636E3D78' WHERE id = 3"},
	{"import-object", "pending_import", 99, "", "INSERT INTO pending_import VALUES (1, 99, 1)"},
	{"import-connector", "pending_import", 1, "ad: CN=ann", "INSERT INTO pending_import VALUES (2, 1, 1)"},
	{"import-operation", "pending_import", 1, "ad: CN=ann", "UPDATE pending_import SET op = 9"},
	{"seen-object", "seen", 99, "", "INSERT INTO seen VALUES (1, 99)"},
	{"seen-connector", "seen", 1, "ad: CN=ann", "INSERT INTO seen VALUES (2, 1)"},
	{"value-object", "cs_value", 99, "", "INSERT INTO cs_value SELECT attr, key, 99 FROM cs_value WHERE cs = 1"},
	{"value-metaverse", "mv_value", 99, "", "INSERT INTO mv_value SELECT attr, key, 99 FROM mv_value WHERE mv = 1"},
	{"value-stale", "cs_value", 1, "ad: CN=ann", "UPDATE cs_value SET key = x'7373' WHERE cs = 1"},
	{"value-stale", "mv_value", 1, "ad: CN=ann", "UPDATE mv_value SET key = x'7373' WHERE mv = 1"},
	{"value-missing", "cs_value", 1, "ad: CN=ann", "UPDATE cs SET state = 0 WHERE id = 1; DELETE FROM link WHERE cs = 1; DELETE FROM cs_value WHERE cs = 1"},
	{"value-missing", "mv_value", 2, "ad: CN=bob", "DELETE FROM mv_value WHERE mv = 2"},
	{"reference-source", "cs_ref", 99, "", "INSERT INTO cs_ref SELECT 99, attr, dst FROM cs_ref"},
	{"reference-target", "cs_ref", 99, "", "INSERT INTO cs_ref SELECT src, attr, 99 FROM cs_ref"},
	{"reference-connector", "cs_ref", 5, "ad: CN=staff", "INSERT INTO cs_ref SELECT src, attr, 2 FROM cs_ref"},
	{"copy-source", "mv_ref", 99, "", "INSERT INTO mv_ref SELECT 99, attr, dst FROM mv_ref"},
	{"copy-target", "mv_ref", 99, "", "INSERT INTO mv_ref SELECT src, attr, 99 FROM mv_ref"},
	{"work-kind", "ref_work", 3, "ad: CN=bob", "UPDATE ref_work SET kind = 3"},
	{"export-object", "pending_export", 99, "", "UPDATE pending_export SET cs = 99; DELETE FROM export_ref"},
	{"export-connector", "pending_export", 6, "entra: CN=staff", "UPDATE pending_export SET conn = 1"},
	{"export-operation", "pending_export", 6, "entra: CN=staff", "UPDATE pending_export SET op = 7"},
	{"export-deletes-linked", "pending_export", 6, "entra: CN=staff", "UPDATE pending_export SET op = 3"},
	{"export-empty", "pending_export", 6, "entra: CN=staff", "UPDATE pending_export SET op = 0, flags = 0; DELETE FROM export_ref"},
	{"export-reference-source", "export_ref", 99, "", "UPDATE export_ref SET src = 99, sent = 1"},
	{"export-reference-target", "export_ref", 99, "", "UPDATE export_ref SET dst = 99"},
	{"export-reference-flag", "export_ref", 6, "entra: CN=staff", "UPDATE pending_export SET flags = 0"},
	{"export-reference-sent", "export_ref", 6, "entra: CN=staff", "UPDATE export_ref SET sent = 1; DELETE FROM pending_export"},
	{"export-reference-connector", "export_ref", 6, "entra: CN=staff", "UPDATE export_ref SET dst = 1"},
	{"error-object", "object_error", 99, "", "UPDATE object_error SET cs = 99"},
	{"error-connector", "object_error", 1, "ad: CN=ann", "UPDATE object_error SET conn = 2"},
	{"error-step", "object_error", 1, "ad: CN=ann", "UPDATE object_error SET step = 'lunch'"},
	{"sequence", "sequence", 0, "", "UPDATE sequence SET next = 1 WHERE name = 'mv'"},
	{"sequence", "sequence", 0, "", "DELETE FROM sequence WHERE name = 'run'"},
	{"lease", "lease", 0, "", "DELETE FROM lease"},
	{"configuration", "configuration", 1, "", "UPDATE configuration SET content = x'00'"},
	{"name", "cs", 3, "ad: CN=bob", "UPDATE cs SET class = 55 WHERE id = 3"},
	{"name", "link", 3, "ad: CN=bob", "UPDATE link SET rule = 55 WHERE cs = 3"},
	{"name", "cs_value", 3, "ad: CN=bob", "UPDATE cs_value SET attr = 55 WHERE cs = 3"},
	{"name", "cs_ref", 5, "ad: CN=staff", "UPDATE cs_ref SET attr = 55"},
	{"name", "mv", 3, "ad: CN=staff", "UPDATE mv SET class = 55 WHERE id = 3"},
	{"name", "mv_ref", 3, "ad: CN=staff", "UPDATE mv_ref SET attr = 55"},
	{"name", "export_ref", 6, "entra: CN=staff", "UPDATE export_ref SET attr = 55"},
	{"name", "run", 1, "", "UPDATE run SET conn = 55"},
	{"record", "cs", 2, "entra: CN=ann", "UPDATE cs SET image = x'0199' WHERE id = 2"},
	{"record", "mv", 3, "ad: CN=staff", "UPDATE mv SET origins = x'01ff' WHERE id = 3"},
	{"record", "pending_export", 6, "entra: CN=staff", "UPDATE pending_export SET sent = x'ff'"},
	{"record", "run", 1, "", "UPDATE run SET data = '{'"},
}

// finds requires that a check of a damaged store names the damage, and hides no values.
func (d *damage) finds(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	problems, err := s.Check(t.Context())
	require.NoError(t, err)
	at := slices.IndexFunc(problems, func(p sqlstore.Problem) bool { return p.Rule == d.rule && p.Table == d.table && p.ID == d.id })
	require.GreaterOrEqual(t, at, 0, "%v", problems)
	require.Equal(t, d.object, problems[at].Object)
	for _, p := range problems {
		require.NotContains(t, p.String(), "example.com", "no values in texts")
		require.NotEmpty(t, p.Advice)
		require.NotEmpty(t, p.Text)
	}
	d.repaired(t, s, problems[at].Advice)
}

// repaired requires that the advice is good: that a repair leaves nothing of the damage if the
// advice is to repair, and that it does not hide what it cannot put right.
func (d *damage) repaired(t *testing.T, s *sqlstore.Store, advice string) {
	t.Helper()
	if d.rule == "database" {
		return // it may not even open
	}
	require.NoError(t, s.Repair(t.Context()))
	problems, err := s.Check(t.Context())
	require.NoError(t, err)
	if strings.Contains(advice, "store repair") {
		// What a link that is lost gave is there until the synchronisation that follows.
		problems = slices.DeleteFunc(problems, func(p sqlstore.Problem) bool { return p.Rule == "origin" })
		require.Empty(t, problems)
		return
	}
	require.True(t, slices.ContainsFunc(problems, func(p sqlstore.Problem) bool { return p.Rule == d.rule }), "%v", problems)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	planted := map[string]bool{}
	all := append(slices.Clone(damages), damage{"database", "database", 0, "", "PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = 'mv_class'"})
	for _, d := range all {
		planted[d.rule] = true
		t.Run(d.rule+" "+d.table, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "store.db")
			s := open(t, path, nil)
			fill(t, s)
			problems, err := s.Check(t.Context())
			require.NoError(t, err)
			require.Empty(t, problems, "a good store")
			require.NoError(t, s.Close())
			raw(t, path, d.statements)
			d.finds(t, open(t, path, nil))
		})
	}
	require.Equal(t, sqlstore.Rules(), slices.Sorted(maps.Keys(planted)), "each rule is tested")
}

var reBlob = regexp.MustCompile(`x'([0-9A-Fa-f]*)'`)

func TestPostgresCheck(t *testing.T) {
	t.Parallel()
	s, url := postgres(t, nil)
	fill(t, s)
	// Stores are dear there: one is damaged and put right again.
	var keep, restore strings.Builder
	for _, table := range []string{
		"sequence", "cs", "pending_import", "seen", "link", "cs_value", "cs_ref", "mv", "mv_value", "mv_ref", "ref_work",
		"pending_export", "export_ref", "setting", "run", "object_error", "lease", "configuration",
	} {
		fmt.Fprintf(&keep, "CREATE TABLE kept_%s AS TABLE %s;", table, table)
		fmt.Fprintf(&restore, "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept_%s;", table, table, table)
	}
	server := sharedServer(t)
	server.Exec(t, url, keep.String())
	for _, d := range damages {
		t.Run(d.rule+" "+d.table, func(t *testing.T) { //nolint:paralleltest // they share the store
			problems, err := s.Check(t.Context())
			require.NoError(t, err)
			require.Empty(t, problems, "a good store")
			server.Exec(t, url, reBlob.ReplaceAllString(d.statements, `'\x$1'::bytea`))
			d.finds(t, s)
			server.Exec(t, url, restore.String())
		})
	}
}
