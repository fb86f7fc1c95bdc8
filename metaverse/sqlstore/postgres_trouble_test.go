package sqlstore_test

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// with changes a URL.
func with(t *testing.T, raw string, change func(u *url.URL, q url.Values)) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	q := u.Query()
	change(u, q)
	u.RawQuery = q.Encode()
	return u.String()
}

// Errors say what to do and never show the password.
func TestPostgresRefuses(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	const secret = "correct horse"
	foreign, newer := s.Schema(t), s.Schema(t)
	open(t, newer, nil)
	s.Exec(t, newer, "UPDATE store SET version = 99")
	s.Exec(t, foreign, "CREATE TABLE cs (theirs int)")
	for name, c := range map[string]struct {
		url  string
		is   error
		text string
	}{
		"wrong password": {with(t, s.URL(), func(u *url.URL, _ url.Values) { u.User = url.UserPassword(postgrestest.Role, secret) }), sqlstore.ErrAccess, "password"},
		"no database":    {with(t, s.URL(), func(u *url.URL, _ url.Values) { u.Path = "elsewhere" }), sqlstore.ErrAccess, "CREATE DATABASE elsewhere"},
		"no schema":      {s.URL() + "&search_path=nothing", sqlstore.ErrAccess, "search_path"},
		"unreachable":    {"postgres://hybridsync:" + url.QueryEscape(secret) + "@127.0.0.1:1/x?sslmode=disable", nil, "cannot be reached"},
		"no such host":   {"postgres://hybridsync:" + url.QueryEscape(secret) + "@nowhere.invalid/x", nil, "cannot be reached"},
		"garbled":        {"postgres://hybridsync:" + url.QueryEscape(secret) + "@127.0.0.1:no/x", nil, "form is"},
		"no such file":   {s.URL() + "&sslrootcert=/does/not/exist", nil, ""},
		"not trusted":    {with(t, s.TLSURL(), func(_ *url.URL, q url.Values) { q.Del("sslrootcert") }), nil, "certificate"},
		"other host":     {with(t, s.TLSURL(), func(u *url.URL, _ url.Values) { u.Host = "localhost:" + u.Port() }), nil, "certificate"},
		"foreign":        {foreign, sqlstore.ErrNotStore, "another program"},
		"newer":          {newer, metaverse.ErrNewerSchema, "99"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := sqlstore.Open(t.Context(), c.url, nil)
			if name == "no such file" && err == nil { // sslmode=disable: nobody looks
				require.NoError(t, store.Close())
				return
			}
			require.Error(t, err)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.ErrorContains(t, err, c.text)
			require.NotContains(t, err.Error(), secret)
			require.NotContains(t, err.Error(), url.QueryEscape(secret))
			require.NotContains(t, err.Error(), s.Password)
		})
	}
	t.Run("verified", func(t *testing.T) {
		t.Parallel()
		store := open(t, s.TLSURL()+"&search_path="+strings.SplitAfter(s.Schema(t), "search_path=")[1], nil)
		fill(t, store)
	})
	err := open(t, s.Schema(t), nil).Backup(t.Context(), t.TempDir()+"/copy.db")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "pg_dump")
}

// Processes that start at the same time make one schema.
func TestPostgresConcurrentStarts(t *testing.T) {
	t.Parallel()
	dsn := sharedServer(t).Schema(t)
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range cap(errs) {
		wg.Go(func() {
			s, err := sqlstore.Open(t.Context(), dsn, &sqlstore.Options{BusyTimeout: time.Minute}) // they wait for each other
			if err == nil {
				err = errors.Join(s.Update(t.Context(), func(tx metaverse.Tx) error { _, err := tx.NewCS(1); return err }), s.Close())
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, open(t, dsn, nil).Update(t.Context(), func(tx metaverse.Tx) error {
		id, err := tx.NewCS(1)
		require.EqualValues(t, cap(errs)+1, id, "ids go on from each other")
		return err
	}))
}

// The server dies, restarts, and loses connections in the middle of Updates: each takes place once.
func TestPostgresServerDies(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, &postgrestest.Options{Durable: true})
	s := open(t, server.URL(), nil)
	fill(t, s)
	before := metaversetest.Snapshot(t, s)
	for name, trouble := range map[string]func() error{
		"killed":  func() error { return errors.Join(server.Kill(), server.Restart(t.Context())) },
		"stopped": func() error { return server.Restart(t.Context()) },
		"cut":     func() error { return server.Cut(t.Context()) },
	} {
		calls := 0
		require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error {
			calls++
			id, err := tx.NewCS(1)
			if err != nil {
				return err
			}
			if err := tx.PutCS([]*metaverse.CSObject{{ID: id, Connector: "trouble", DN: name, DNKey: name}}); err != nil {
				return err
			}
			if _, err := tx.CountCS("trouble"); err != nil { // sends what was put off
				return err
			}
			if calls == 1 {
				require.NoError(t, trouble(), name)
			}
			return tx.PutSetting(name, []byte("x"))
		}), name)
		require.Equal(t, 2, calls, "%s: the function is called again", name)
	}
	require.NoError(t, s.View(t.Context(), func(r metaverse.Reader) error {
		c, err := r.CountCS("trouble")
		require.EqualValues(t, 3, c.Objects, "each once")
		return err
	}))
	require.NoError(t, server.Cut(t.Context()))
	require.Contains(t, metaversetest.Snapshot(t, s), before[:20], "Views connect again, too")
}

// A process that dies at any moment leaves whole batches, and what it has reported.
func TestPostgresCrash(t *testing.T) {
	t.Parallel()
	dsn := sharedServer(t).Schema(t)
	total := int64(0)
	for round := range 3 {
		reported := killWriter(t, dsn, time.Duration(15+60*round)*time.Millisecond)
		store := open(t, dsn, nil)
		problems, err := store.Check(t.Context())
		require.NoError(t, err)
		require.Empty(t, problems)
		require.NoError(t, store.View(t.Context(), func(r metaverse.Reader) error {
			counts, err := r.CountCS("ad")
			require.Zero(t, counts.Objects%crashBatch, "whole batches only")
			batches := counts.Objects / crashBatch
			require.GreaterOrEqual(t, batches, total+reported, "what was reported is there")
			require.LessOrEqual(t, batches, total+reported+1)
			total = batches
			return err
		}))
	}
}

// A holder that hangs in the middle of an Update does not keep a successor from taking over, and
// nothing of the Update remains.
func TestPostgresHungHolder(t *testing.T) {
	t.Parallel()
	old, dsn := postgres(t, nil)
	fresh := open(t, dsn, nil)
	lease, err := old.AcquireLease(t.Context(), metaverse.Holder{Host: "old"}, 100*time.Millisecond, nil)
	require.NoError(t, err)
	var next metaverse.Lease
	calls := 0
	err = old.Update(t.Context(), func(tx metaverse.Tx) error {
		calls++
		if err := tx.Fence(lease.Token); err != nil {
			return err
		}
		if err := tx.PutSetting("late", []byte("x")); err != nil {
			return err
		}
		for next.Token == 0 {
			next, err = fresh.AcquireLease(t.Context(), metaverse.Holder{Host: "fresh"}, time.Hour, nil)
			if err != nil {
				require.ErrorIs(t, err, metaverse.ErrRunning, "not before its time is over")
				next.Token = 0
			}
		}
		return nil
	})
	require.ErrorIs(t, err, metaverse.ErrLeaseLost)
	require.Equal(t, 2, calls, "its transaction was undone, and fenced off when it was tried again")
	require.NoError(t, fresh.Update(t.Context(), func(tx metaverse.Tx) error {
		late, err := tx.Setting("late")
		require.Nil(t, late)
		return errors.Join(err, tx.Fence(next.Token))
	}))
}
