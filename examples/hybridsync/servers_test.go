package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
)

// shortLease is a period of the lease that is waited for soon, and none that is lost on a busy machine.
const shortLease = "lease_period: 6s\n"

// server is the daemon in a process of its own, with a configuration file of its own.
type server struct {
	b    *bench
	path string
	log  string // file
	cmd  *exec.Cmd
}

// server starts a daemon whose file has the keys given beside the bench's, with more in its
// environment.
func (b *bench) server(name, keys string, env ...string) *server {
	b.t.Helper()
	s := &server{b: b, path: filepath.Join(b.dir, name+".yaml"), log: filepath.Join(b.dir, name+".log")}
	s.write(keys)
	exe, err := os.Executable()
	require.NoError(b.t, err)
	log, err := os.Create(s.log)
	require.NoError(b.t, err)
	defer log.Close()
	s.cmd = exec.CommandContext(b.t.Context(), exe, "run", "-config", s.path)
	s.cmd.Env = append(append(os.Environ(), programEnv+"=1"), env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	require.NoError(b.t, s.cmd.Start())
	return s
}

func (s *server) write(keys string) {
	s.b.t.Helper()
	text, err := os.ReadFile(s.b.configure())
	require.NoError(s.b.t, err)
	require.NoError(s.b.t, os.WriteFile(s.path, append(text, keys...), 0o600))
}

// said waits for so many occurrences of a text in the log.
func (s *server) said(text string, times int) {
	s.b.t.Helper()
	s.b.eventually(text, func() bool { return strings.Count(s.text(), text) >= times })
}

// text is the log so far.
func (s *server) text() string {
	s.b.t.Helper()
	log, err := os.ReadFile(s.log)
	require.NoError(s.b.t, err)
	return string(log)
}

func (s *server) signal(sig os.Signal) {
	s.b.t.Helper()
	require.NoError(s.b.t, s.cmd.Process.Signal(sig))
}

// Several servers on one store: one is active, another one takes over when it is killed and goes
// on where it was; one with another configuration never does, until its configuration is
// published.
func TestServers(t *testing.T) {
	t.Parallel()
	pg := postgrestest.Start(t, nil)
	b := newBench(t)
	p := b.populate(120, 3)
	b.values["store"], b.values["more"] = pg.URL(), shortLease

	first := b.server("first", "daemon: {log_format: text, stop_grace: 20s}\n")
	first.said("event=active", 1)
	first.said("event=configuration-published", 1)
	drifted := b.server("drifted", "safety: {deletion_threshold: 7}\n")
	drifted.said("event=configuration-drift", 1)
	drifted.said("keys=safety.deletion_threshold", 1)
	b.eventually("an export", func() bool { return b.tenant.Writes() > 5 })
	first.signal(syscall.SIGKILL)
	_ = first.cmd.Wait()
	second := b.server("second", "daemon: {log_format: text}\n") // which is its own affair
	second.said("event=active", 1)
	b.eventually("a cycle", func() bool {
		st := b.status().State
		return st.LastResult == metaverse.ResultSuccess && st.Running == nil
	})
	require.Len(t, b.tenant.Users(), 120)
	b.nothingCreatedTwice()

	// Every server is seen from everywhere, with its role and its configuration.
	b.eventually("both servers", func() bool {
		out, err := b.run("status")
		require.NoError(t, err)
		return strings.Count(out, "active") == 1 && strings.Count(out, "standby") == 1
	})
	out, err := b.run("status")
	require.NoError(t, err)
	for _, want := range []string{"lease: ", "good for", "configuration: version 1, ", " by " + operator(), "next cycle: ", "IMPORTED", " ago"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "this file is another one")
	seen, err := decode[struct{ Cluster cluster }](b, "status")
	require.NoError(t, err)
	hashes := make(map[string]string)
	for _, s := range seen.Cluster.Servers {
		hashes[s.Role] = s.Hash
	}
	require.Equal(t, seen.Cluster.Configuration.Hash, hashes["active"])
	require.NotEmpty(t, hashes["standby"])
	require.NotEqual(t, hashes["active"], hashes["standby"], "which has drifted")

	// A third process sees and gives orders, but does not step in.
	_, err = b.run("cycle")
	require.ErrorIs(t, err, metaverse.ErrRunning)
	require.ErrorContains(t, err, "holds the lease of the store")
	require.ErrorContains(t, err, "hybridsync start")
	out, err = b.run("history")
	require.NoError(t, err)
	require.Contains(t, out, "export")
	require.NotContains(t, out, "in-progress", "what the killed one left is closed")
	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("title", "Director")))
	last := b.status().State.LastStart
	_, err = b.run("start")
	require.NoError(t, err)
	b.eventually("the cycle that was asked for", func() bool {
		st := b.status().State
		return st.LastStart.After(last) && st.Running == nil
	})
	changed := 0
	for _, u := range b.tenant.Users() {
		if u.JobTitle == "Director" {
			changed++
		}
	}
	require.Equal(t, 1, changed)

	// The active one does not take a configuration that the others do not have.
	second.write("safety: {deletion_threshold: 8}\n")
	second.signal(syscall.SIGHUP)
	second.said("event=configuration-error", 1)

	b.values["more"] += "safety: {deletion_threshold: 7}\n"
	out, err = b.run("config", "diff")
	require.NoError(t, err)
	require.Contains(t, out, "safety.deletion_threshold: 7")
	_, err = b.run("cycle")
	require.ErrorContains(t, err, "safety.deletion_threshold", "a command keeps to it, too")
	out, err = b.run("config", "publish", "-by", "ann")
	require.NoError(t, err)
	require.Contains(t, out, "version 2")
	out, err = b.run("config", "diff")
	require.NoError(t, err)
	require.Contains(t, out, "no difference")
	drifted.said("event=active", 1)
	second.said("event=configuration-drift", 1)
	out, err = b.run("config", "history")
	require.NoError(t, err)
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 2)
	require.Contains(t, out, "ann")
	second.write("") // the bench's keys
	second.signal(syscall.SIGHUP)
	second.said("event=standby", 2)

	for _, s := range []*server{drifted, second} {
		s.signal(syscall.SIGTERM)
		require.NoError(t, s.cmd.Wait())
		text, err := os.ReadFile(s.log)
		require.NoError(t, err)
		require.NotContains(t, string(text), pg.Password)
	}
}

// What servers have to agree on: not secrets, not files, not what is at its default.
func TestSharedConfiguration(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	shared := func() sharedConfig {
		c, err := readConfig(b.configure())
		require.NoError(t, err)
		set, err := loadRules(c)
		require.NoError(t, err)
		return c.shared(set)
	}
	plain := shared()
	text, err := plain.text()
	require.NoError(t, err)
	for _, secret := range []string{b.dc.AdminPassword(), b.tenant.ClientSecret, b.dir, hidden} {
		require.NotContains(t, string(text), secret)
	}
	for more, keys := range map[string][]string{
		"daemon: {listen: \"127.0.0.1:1\", stop_grace: 5s}\nalerts: {webhook: \"https://a.test/x\", token: abc}\n": nil,
		"schedule: {interval: 30m}\nmatching: once\nlease_period: 30s\n":                                           nil,
		"matching: mail\nschedule: {interval: 1h}\n":                                                               {"matching", "schedule.interval"},
	} {
		b.values["more"] = more
		stored := &metaverse.Configuration{Version: 1, Text: text, Hash: metaverse.HashConfiguration(text)}
		list, err := shared().differs(stored)
		require.NoError(t, err)
		var got []string
		for _, d := range list {
			got = append(got, d.Key)
		}
		require.Equal(t, keys, got, more)
	}
	_, err = b.run("config", "publish")
	require.ErrorIs(t, err, errAlone)
}
