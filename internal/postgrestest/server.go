package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ErrUnavailable says why this machine cannot run a server.
var ErrUnavailable = errors.New("postgrestest: no PostgreSQL on this machine")

// Options adjust a server. The zero value, or nil, is good.
type Options struct {
	// Durable makes commits wait for the disk.
	Durable bool
	// Settings are further settings, as in postgresql.conf.
	Settings map[string]string
}

// The role that owns the database, and the database.
const (
	Role     = "hybridsync"
	Database = "hybridsync"
)

// A Server is a running PostgreSQL server. Its fields do not change while it lives. Its methods
// are not safe for concurrent use, but for Schema.
type Server struct {
	Dir      string
	Address  string // 127.0.0.1:port
	Password string // of Role
	CAFile   string // PEM file of the certificate authority

	bin     string
	account *syscall.Credential // nil for our own
	opts    Options
	process *exec.Cmd
	exited  chan struct{}
}

// Start runs a server for the time of the test. It skips the test, with the reason, where
// that is not possible, and fails it when HYBRIDSYNC_REQUIRE is "all".
func Start(t testing.TB, o *Options) *Server {
	t.Helper()
	s, err := New(t.Context(), o)
	Require(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Require ends the test where err, of [New], is not nil: it skips where there is no PostgreSQL
// and none is required.
func Require(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrUnavailable) && os.Getenv("HYBRIDSYNC_REQUIRE") != "all" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// New runs a server until [Server.Close]. Cancelling ctx interrupts only New itself. The error
// matches [ErrUnavailable] where PostgreSQL is missing.
func New(ctx context.Context, o *Options) (_ *Server, err error) {
	s := &Server{Password: rand.Text()}
	if o != nil {
		s.opts = *o
	}
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if s.account, err = postgresAccount(); err != nil {
			return nil, err
		}
	}
	if s.Dir, err = os.MkdirTemp("", "postgrestest-"); err != nil {
		return nil, err
	}
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// programs finds the newest version's folder of programs.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		version := func(i int) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(found[i]))))
			return n
		}
		sort.Slice(found, func(i, j int) bool { return version(i) > version(j) })
		return filepath.Dir(found[0]), nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("%w: program initdb is missing (Debian package postgresql)", ErrUnavailable)
	}
	return filepath.Dir(initdb), nil
}

func postgresAccount() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w: it does not run as root, and there is no user postgres: %w", ErrUnavailable, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s *Server) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *Server) build(ctx context.Context) error {
	if err := os.WriteFile(s.path("password"), []byte(s.Password), 0o644); err != nil { // it guards nothing
		return err
	}
	if err := s.own(s.Dir); err != nil {
		return err
	}
	out, err := s.command(ctx, "initdb", "-D", s.path("data"), "-U", Role, "-A", "scram-sha-256", "--pwfile", s.path("password"),
		"-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions").CombinedOutput()
	if err != nil {
		return fmt.Errorf("postgrestest: initdb: %w: %s", err, out)
	}
	if err := s.writeTLS(); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := s.configure(port); err != nil {
		return err
	}
	if err := s.Restart(ctx); err != nil {
		return err
	}
	return s.sql(ctx, "postgres", "CREATE DATABASE "+Database)
}

// own gives a file to the account of the server.
func (s *Server) own(path string) error {
	if s.account == nil {
		return nil
	}
	return os.Chown(path, int(s.account.Uid), int(s.account.Gid))
}

func (s *Server) configure(port int) error {
	onOff := "off"
	if s.opts.Durable {
		onOff = "on"
	}
	settings := map[string]string{
		"listen_addresses": "'127.0.0.1'", "port": strconv.Itoa(port), "unix_socket_directories": "''",
		"max_connections": "400", "shared_buffers": "'64MB'", "fsync": onOff, "synchronous_commit": "on", "full_page_writes": onOff,
		"ssl": "on", "ssl_cert_file": "'" + s.path("server.pem") + "'", "ssl_key_file": "'" + s.path("server.key") + "'",
		"logging_collector": "off", "log_min_messages": "warning", "max_wal_size": "'4GB'", "jit": "off",
	}
	maps.Copy(settings, s.opts.Settings)
	f, err := os.OpenFile(filepath.Join(s.path("data"), "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for name, value := range settings {
		if _, err := fmt.Fprintf(f, "%s = %s\n", name, value); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// command prepares a program of PostgreSQL, as the account of the server.
func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGPASSWORD="+s.Password)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.account}
	return cmd
}

func (s *Server) sql(ctx context.Context, database, statement string) error {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	out, err := s.command(ctx, "psql", "-h", host, "-p", port, "-U", Role, "-d", database, "-v", "ON_ERROR_STOP=1", "-qc", statement).CombinedOutput()
	if err != nil {
		return fmt.Errorf("postgrestest: %s: %w: %s", statement, err, out)
	}
	return nil
}

// startsWithin is how long a server may take until it answers, and endsWithin until it has ended, on a
// busy machine.
const startsWithin, endsWithin = 5 * time.Minute, 2 * time.Minute

// Restart starts the server, after stopping it where it runs, and returns when it answers.
// Everything that was committed is still there, even after [Server.Kill].
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	deadline := time.Now().Add(startsWithin)
	for {
		if err := s.launch(); err != nil {
			return err
		}
		up, err := s.answers(ctx, deadline)
		if up || err != nil {
			return err
		}
		// It ended at once: processes of one that was killed may not have gone yet.
		if time.Now().After(deadline) {
			return fmt.Errorf("postgrestest: the server does not start: %s", s.logTail())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// answers waits until the server takes connections. It returns false when it has ended.
func (s *Server) answers(ctx context.Context, deadline time.Time) (bool, error) {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return false, err
	}
	for time.Now().Before(deadline) {
		if s.command(ctx, "pg_isready", "-q", "-h", host, "-p", port, "-d", "postgres").Run() == nil {
			return true, nil
		}
		select {
		case <-s.exited:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false, fmt.Errorf("postgrestest: no answer in %v: %s", startsWithin, s.logTail())
}

// launch starts the server. It dies with this process.
func (s *Server) launch() error {
	log, err := os.OpenFile(s.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command(context.Background(), "postgres", "-D", s.path("data"))
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait() //nolint:errcheck // an exit status says nothing here; the log does
		close(exited)
	}()
	s.process, s.exited = cmd, exited
	return nil
}

// Stop ends the server in good order, cutting connections. It is a no-op where it does not run.
func (s *Server) Stop() error { return s.signal(syscall.SIGINT) }

// Kill ends the server as a crash would: nothing is written any more.
func (s *Server) Kill() error { return s.signal(syscall.SIGKILL) }

func (s *Server) signal(sig syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(endsWithin):
		return errors.Join(fmt.Errorf("postgrestest: the server did not end in %v", endsWithin), s.process.Process.Kill())
	}
	s.process = nil
	return nil
}

// Cut ends every connection to the database, in whatever state it is.
func (s *Server) Cut(ctx context.Context) error {
	return s.sql(ctx, "postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '"+Database+"'")
}

// URL names the database, with the password.
func (s *Server) URL() string { return s.url(url.Values{"sslmode": {"disable"}}) }

// TLSURL names the database with verified TLS.
func (s *Server) TLSURL() string {
	return s.url(url.Values{"sslmode": {"verify-full"}, "sslrootcert": {s.CAFile}})
}

func (s *Server) url(q url.Values) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(Role, s.Password), Host: s.Address, Path: Database, RawQuery: q.Encode()}
	return u.String()
}

// Schema makes an empty schema and returns a URL in which it is the only one.
func (s *Server) Schema(t testing.TB) string {
	t.Helper()
	name := "t" + strings.ToLower(rand.Text())
	if err := s.sql(t.Context(), Database, "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	return s.URL() + "&search_path=" + name
}

// Exec runs statements in the schema of a URL that [Server.Schema] has made.
func (s *Server) Exec(t testing.TB, raw, statements string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.sql(t.Context(), Database, "SET search_path = "+u.Query().Get("search_path")+"; "+statements); err != nil {
		t.Fatal(err)
	}
}

// Close stops the server and removes its files. It is idempotent.
func (s *Server) Close() error {
	return errors.Join(s.signal(syscall.SIGQUIT), os.RemoveAll(s.Dir))
}

func (s *Server) logTail() string {
	b, err := os.ReadFile(s.path("log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// freePort finds a port that stays free until the server listens, and while it is restarted: it is below
// those that the system gives to whoever asks for any.
func freePort() (int, error) {
	const first, choices = 10_000, 20_000
	var errs []error
	for range 100 {
		port := first + mathrand.IntN(choices)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		errs = append(errs, err)
	}
	return 0, errors.Join(errs...)
}
