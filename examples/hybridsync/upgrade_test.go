package main

import (
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
)

// upgradable returns what a newer version of the program does to the bench's store, as far as this
// one notices.
func upgradable(t *testing.T, b *bench, kind string) func() {
	t.Helper()
	if kind == "sqlite" {
		return func() {
			db, err := sql.Open("sqlite", filepath.Join(b.dir, "store.db")+"?_pragma=busy_timeout(10000)")
			require.NoError(t, err)
			defer db.Close()
			_, err = db.ExecContext(t.Context(), "PRAGMA user_version = 99")
			require.NoError(t, err)
		}
	}
	server := postgrestest.Start(t, nil)
	b.values["store"] = server.Schema(t)
	return func() { server.Exec(t, b.values["store"], "UPDATE store SET version = 99") }
}

// A daemon of an old version that finds the store brought forward by a new one ends and says why,
// so that its service manager starts what is installed by now. So does its standby.
func TestOldVersionEnds(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.populate(5, 1)
			upgrade := upgradable(t, b, kind)
			daemon := b.server("daemon", "")
			daemon.said("event=cycle-ended", 1)
			old := []*server{daemon}
			if kind == "postgres" {
				standby := b.server("standby", "")
				standby.said("event=standby", 1)
				old = append(old, standby)
			}
			writes := b.tenant.Writes()
			upgrade()
			for _, s := range old {
				require.Error(t, s.cmd.Wait(), "a service manager takes it for a failure")
				require.Contains(t, s.text(), "event=store-trouble")
				require.Contains(t, s.text(), "start the new version of the program")
			}
			for _, command := range []string{"status", "history", "start", "cycle"} {
				_, err := b.run(command)
				require.ErrorIs(t, err, metaverse.ErrNewerSchema, command)
			}
			require.Equal(t, writes, b.tenant.Writes())
		})
	}
}

// A daemon of a new version that waits for an old one has started, as its service manager sees it: it
// is a standby, which lives and is not ready.
func TestNewVersionIsAStandby(t *testing.T) {
	m := newManager(t)
	t.Setenv("NOTIFY_SOCKET", m.path)
	s := &service{i: &invocation{log: slog.New(slog.DiscardHandler)}}
	s.waits(metaverse.Holder{Host: "old", PID: 7})
	require.Contains(t, m.hears(t, "READY=1"), "STATUS=waiting for the old version")
	h := s.health(t.Context())
	require.True(t, h.Live)
	require.False(t, h.Ready)
	require.Equal(t, "standby", h.Role)
	require.Contains(t, h.Reasons[0], "process 7 on old")
}
