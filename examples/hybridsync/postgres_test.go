package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
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

// The database is killed in the middle of exports and started again: the daemon goes on, nothing is
// lost and nothing is created twice.
func TestPostgresKilledInMidCycle(t *testing.T) {
	t.Parallel()
	pg := postgrestest.Start(t, &postgrestest.Options{Durable: true})
	b := newBench(t)
	users := 600
	if testing.Short() {
		users = 150
	}
	p := b.populate(users, 20)
	b.values["store"], b.values["more"] = pg.URL(), shortLease
	s := b.server("daemon", "")
	nudge := func() { // a cycle that was cut short is not waited for
		if st := b.statusOrNone().State; st.Running == nil {
			_, _ = b.run("start")
		}
	}
	for _, writes := range []int{0, users / 3, users / 2} {
		b.eventually("an export under way", func() bool {
			nudge()
			return b.tenant.Writes() > writes
		})
		require.NoError(t, pg.Kill())
		require.NoError(t, pg.Restart(t.Context()))
	}
	settled := func() bool {
		st := b.statusOrNone().State
		return st.Running == nil && st.LastResult == metaverse.ResultSuccess && len(b.tenant.Users()) == users
	}
	b.eventually("the end of a cycle", func() bool {
		nudge()
		return settled()
	})
	for _, dn := range p.Users[:5] {
		require.NoError(t, b.dc.Modify(dn, adtest.Replace("title", "Director")))
	}
	b.nothingCreatedTwice()
	s.signal(syscall.SIGTERM)
	require.NoError(t, s.cmd.Wait())
	for range 2 { // what was sent is confirmed
		_, err := b.cycle()
		require.NoError(t, err)
	}
	directors := 0
	for _, u := range b.tenant.Users() {
		if u.JobTitle == "Director" {
			directors++
		}
	}
	require.Equal(t, 5, directors)
	b.tenant.ResetLog()
	_, err := b.cycle("-initial")
	require.NoError(t, err)
	require.Zero(t, b.tenant.Writes(), "the tenant is as it should be")
	check, err := decode[map[string]any](b, "store", "check")
	require.NoError(t, err)
	require.Equal(t, true, check["ok"])
}

// sideEnv is how many identities TestSideBySide synchronises. It takes a while, and some 4 GB of
// memory for 100,000: 9 minutes for them on SQLite, and longer on PostgreSQL, on two cores.
const sideEnv = "HYBRIDSYNC_TEST_SIDE_BY_SIDE"

// The same identities through the whole engine on SQLite and on PostgreSQL: the same result, and
// the times side by side in the log of the test (-v).
func TestSideBySide(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(sideEnv))
	if err != nil {
		t.Skip(sideEnv + " is not set")
	}
	took := make(map[string]map[string]time.Duration)
	for _, name := range []string{"sqlite", "postgres"} {
		b := newBench(t)
		if name == "postgres" {
			b.values["store"] = postgrestest.Start(t, &postgrestest.Options{Durable: true}).URL()
		}
		p := b.populate(n, n/50)
		took[name] = make(map[string]time.Duration)
		run := func(what string, args ...string) {
			begin := time.Now()
			result, err := b.cycle(args...)
			require.NoError(t, err)
			took[name][what] = time.Since(begin)
			for _, s := range result.Steps {
				took[name][fmt.Sprint(what, ": ", s.Connector, " ", s.Profile)] = time.Duration(s.Duration) * time.Millisecond
			}
		}
		run("1 first cycle")
		run("2 cycle that confirms")
		run("3 cycle without changes")
		for _, dn := range p.Users[:n/100] {
			require.NoError(t, b.dc.Modify(dn, adtest.Replace("title", "Director")))
		}
		run("4 cycle with 1 % changed")
		run("5 initial cycle", "-initial")
		require.Len(t, b.tenant.Users(), n)
	}
	for _, what := range slices.Sorted(maps.Keys(took["sqlite"])) {
		t.Logf("%-50s %10s %10s", what, took["sqlite"][what].Round(time.Millisecond), took["postgres"][what].Round(time.Millisecond))
	}
}
