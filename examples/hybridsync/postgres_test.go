package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
)

// A deployment moves from a file to a server and goes on there as if nothing had happened.
func TestMoveToPostgres(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, nil)
	b := newBench(t)
	p := b.populate(20, 2)
	_, err := b.cycle()
	require.NoError(t, err)
	out, err := b.run("store", "copy", server.URL())
	require.NoError(t, err)
	require.Contains(t, out, "verified")
	require.NotContains(t, out, server.Password)
	_, err = b.run("store", "copy", server.URL())
	require.ErrorContains(t, err, "not empty")

	b.values["store"] = server.URL()
	b.tenant.ResetLog()
	_, err = b.cycle()
	require.NoError(t, err)
	require.Zero(t, b.tenant.Writes(), "nothing is new")
	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("title", "Director")))
	_, err = b.cycle()
	require.NoError(t, err)
	require.Equal(t, 1, b.tenant.Writes())
	for _, args := range [][]string{{"check"}, {"store", "check"}, {"store", "dump"}, {"status"}, {"whatif"}} {
		out, err := b.run(args...)
		require.NoError(t, err, args)
		require.NotContains(t, out, server.Password, args)
	}
	_, err = b.run("store", "backup", b.dir+"/copy.db")
	require.ErrorContains(t, err, "pg_dump")
}
