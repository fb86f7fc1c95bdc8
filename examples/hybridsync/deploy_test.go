package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/scheduler"
)

// manager is the socket on which a service manager listens.
type manager struct {
	path string
	said chan string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") //nolint:usetesting // names of sockets are short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	m := &manager{filepath.Join(dir, "s"), make(chan string, 1000)}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			m.said <- string(buf[:n])
		}
	}()
	return m
}

// hears waits for a message and returns it.
func (m *manager) hears(t *testing.T, text string) string {
	t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case got := <-m.said:
			if strings.HasPrefix(got, text) {
				return got
			}
		case <-deadline:
			t.Fatalf("the service manager never heard %q", text)
		}
	}
}

// The service manager hears when the daemon is ready, lives, reloads and stops.
func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	b, m := newBench(t), newManager(t)
	b.populate(5, 1)
	s := b.server("daemon", "", "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=200000")
	m.hears(t, "READY=1")
	m.hears(t, "WATCHDOG=1")
	s.said("event=cycle-ended", 1)
	s.signal(syscall.SIGHUP)
	require.Contains(t, m.hears(t, "RELOADING=1"), "MONOTONIC_USEC=")
	m.hears(t, "READY=1")
	s.write("daemons: {}\n") // a reload that is refused is over, too
	s.signal(syscall.SIGHUP)
	m.hears(t, "RELOADING=1")
	m.hears(t, "READY=1")
	s.signal(syscall.SIGTERM)
	m.hears(t, "STOPPING=1")
	require.NoError(t, s.cmd.Wait())
}

// A step that comes to no safe point is broken off after stop_grace, and the daemon ends in order.
func TestStopGrace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	require.NoError(t, err)
	defer silent.Close()
	b.values["url"] = "ldaps://" + silent.Addr().String()
	s := b.server("daemon", "daemon: {stop_grace: 200ms}\n")
	s.said("event=cycle-started", 1)
	b.eventually("the import", func() bool { return b.statusOrNone().State.Running != nil })
	s.signal(syscall.SIGTERM)
	require.NoError(t, s.cmd.Wait())
	text, err := os.ReadFile(s.log)
	require.NoError(t, err)
	require.Contains(t, string(text), "they are broken off")
	require.Contains(t, string(text), "event=scheduler-stopped")
	require.Nil(t, b.status().State.Process, "it has signed off")
	require.True(t, b.status().State.Cut, "the next process goes on at once")
}

// Alerts go over TLS to a server that is verified, with an authority of one's own.
func TestWebhookVerifiesItsServer(t *testing.T) {
	t.Parallel()
	var got atomic.Int32
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer s3cret" {
			got.Add(1)
		}
	}))
	defer receiver.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw}), 0o600))
	post := func(url, ca string) error {
		h, err := newWebhook(&alertConfig{Webhook: url, CAFile: ca, Level: "warn", Token: secretValue{ref: "s3cret"}}, nil)
		require.NoError(t, err)
		return h.try(t.Context(), []byte("{}"))
	}
	require.NoError(t, post(receiver.URL, ca))
	require.EqualValues(t, 1, got.Load())
	err := post(receiver.URL, "")
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	var name x509.HostnameError
	require.ErrorAs(t, post(strings.Replace(receiver.URL, "127.0.0.1", "localhost", 1), ca), &name)
	require.EqualValues(t, 1, got.Load(), "nobody else hears of it, and nobody gets the token")
	_, err = newWebhook(&alertConfig{Webhook: receiver.URL, CAFile: ca + "x", Level: "warn"}, nil)
	require.ErrorContains(t, err, "alerts")
}

// A receiver that does not answer holds up nothing, and what is left is posted at the end.
func TestWebhookHoldsNothingUp(t *testing.T) {
	t.Parallel()
	var got atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer receiver.Close()
	h, err := newWebhook(&alertConfig{Webhook: receiver.URL, Level: "warn"}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	for range webhookQueue + 50 { // nobody posts them yet
		h.event(t.Context(), scheduler.Event{EventInfo: scheduler.EventTable()[0]})
	}
	h.drain(t.Context())
	require.EqualValues(t, webhookQueue, got.Load())
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	h.event(t.Context(), scheduler.Event{EventInfo: scheduler.EventTable()[0]})
	h.drain(cancelled) // in vain, and at once
	require.EqualValues(t, webhookQueue, got.Load())
}

// systemd knows every line of the unit, and finds little that the service is exposed to.
func TestUnit(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil && os.Getenv("HYBRIDSYNC_REQUIRE") != "all" {
		t.Skip("there is no systemd-analyze (Debian package systemd)")
	}
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	unit, err := os.ReadFile("deploy/hybridsync.service")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "hybridsync.service")
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(unit), "/usr/local/bin/hybridsync", exe)), 0o600))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "hybridsync.service", "a warning")
	out, err = exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--threshold=20", path).CombinedOutput()
	require.NoError(t, err, string(out))
}

// What the unit and the container file refer to is there.
func TestDeploymentFilesAgree(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("deploy", name))
		require.NoError(t, err)
		return string(text)
	}
	credentials := t.TempDir()
	for _, name := range []string{"ad-password", "app.pem"} {
		require.Contains(t, read("hybridsync.service"), "LoadCredential="+name+":")
		require.Contains(t, read("hybridsync.yaml"), "${CREDENTIALS_DIRECTORY}/"+name)
		require.NoError(t, os.WriteFile(filepath.Join(credentials, name), []byte("x"), 0o600))
	}
	text := strings.ReplaceAll(read("hybridsync.yaml"), "${CREDENTIALS_DIRECTORY}", credentials)
	path := filepath.Join(t.TempDir(), "hybridsync.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	c, err := loadConfig(path)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(c.Store, "/var/lib/hybridsync/"), "the unit's StateDirectory, the container's volume")
	container := read("Containerfile")
	for _, line := range []string{"CGO_ENABLED=0", ":nonroot", "VOLUME /var/lib/hybridsync", "HYBRIDSYNC_CONFIG=/etc/hybridsync/hybridsync.yaml", `CMD ["run"]`} {
		require.Contains(t, container, line)
	}
}
