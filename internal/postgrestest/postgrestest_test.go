package postgrestest_test

import (
	"net/url"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/internal/postgrestest"
)

// What was committed is there after a crash, and schemas are separate.
func TestServer(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t, nil)
	psql := func(dsn, statement string) string {
		u, err := url.Parse(dsn)
		require.NoError(t, err)
		q := u.Query()
		schema := q.Get("search_path") // psql does not know it
		q.Del("search_path")
		u.RawQuery = q.Encode()
		cmd := exec.CommandContext(t.Context(), "psql", u.String(), "-Atqc", statement)
		if schema != "" {
			cmd.Env = append(cmd.Environ(), "PGOPTIONS=-csearch_path="+schema)
		}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	a, b := s.Schema(t), s.Schema(t)
	psql(a, "CREATE TABLE x (n int); INSERT INTO x VALUES (1)")
	psql(b, "CREATE TABLE x (n int)")
	require.NoError(t, s.Kill())
	require.NoError(t, s.Restart(t.Context()))
	require.Equal(t, "1\n", psql(a, "SELECT count(*) FROM x"))
	require.Equal(t, "0\n", psql(b, "SELECT count(*) FROM x"))
	require.Equal(t, "t\n", psql(s.TLSURL(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
	require.NoError(t, s.Cut(t.Context()))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice is fine")
	require.NoDirExists(t, s.Dir)
}
