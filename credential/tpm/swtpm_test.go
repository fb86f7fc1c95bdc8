//go:build !windows

package tpm_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/credentialtest"
	"github.com/hybridsync/hybridsync/credential/internal/lifecycletest"
	"github.com/hybridsync/hybridsync/credential/tpm"
)

// chip starts a software TPM for the length of a test and returns how to connect to it.
func chip(t *testing.T) func(t *testing.T) transport.TPMCloser {
	t.Helper()
	path, err := exec.LookPath("swtpm")
	if err != nil {
		if os.Getenv("HYBRIDSYNC_REQUIRE") == "all" {
			t.Fatal("swtpm is not installed (package swtpm)")
		}
		t.Skip("swtpm is not installed (package swtpm)")
	}
	dir, err := os.MkdirTemp("", "swtpm-*") //nolint:usetesting // names of sockets have to be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(path, "socket", "--tpm2", "--tpmstate", "dir="+dir, "--server", "type=unixio,path="+socket,
		"--ctrl", "type=unixio,path="+filepath.Join(dir, "c"), "--flags", "startup-clear", "--log", "level=0")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool { // there before it listens
		c, err := net.Dial("unix", socket)
		return err == nil && c.Close() == nil
	}, patience, 10*time.Millisecond)
	return func(t *testing.T) transport.TPMCloser {
		t.Helper()
		c := &connection{path: socket}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

const patience = 2 * time.Minute // of a busy machine

// connection keeps off a peculiarity of swtpm: it serves one connection at a time.
type connection struct{ path string }

// Send implements transport.TPM with a connection of its own.
func (c *connection) Send(command []byte) ([]byte, error) {
	t, err := linuxudstpm.Open(c.path)
	// Between two connections it does not listen for a moment.
	for end := time.Now().Add(patience); errors.Is(err, syscall.ECONNREFUSED) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		t, err = linuxudstpm.Open(c.path)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	return t.Send(command)
}

// Close implements io.Closer.
func (c *connection) Close() error {
	_, err := net.ResolveUnixAddr("unix", c.path)
	return err
}

// password is what the TPM demands for using keys.
const password = "hunter2-and-3"

func stores(t *testing.T) func(*testing.T) credential.KeyStore {
	return storesIn(filepath.Join(t.TempDir(), "keys"))(t)
}

// storesIn has the wrapped keys in a folder.
func storesIn(dir string) lifecycletest.Stores {
	return func(t *testing.T) func(*testing.T) credential.KeyStore {
		connect := chip(t)
		// One store for one chip: commands of two would mix.
		var one *tpm.Store
		return func(t *testing.T) credential.KeyStore {
			if one == nil {
				var err error
				one, err = tpm.New(connect(t), dir, &tpm.Options{Auth: credential.NewSecret(password)})
				require.NoError(t, err)
			}
			return one
		}
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	credentialtest.RunKeyStore(t, credentialtest.Harness{New: stores, Export: func(t *testing.T, s credential.KeyStore, id string) {
		tpm.Attack(t, s.(*tpm.Store), id)
	}})
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	lifecycletest.Run(t, stores)
}

func TestCrash(t *testing.T) {
	t.Parallel()
	lifecycletest.Crash(t, stores, 7)
}

func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a software TPM takes half a minute for it")
	}
	lifecycletest.Load(t, stores)
}

func TestNothingIsShown(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	lifecycletest.Scan(t, storesIn(dir), lifecycletest.Secrecy{Texts: []string{password}, Folder: dir})
}

// A key that was copied is useless on another machine, and without its password.
func TestKeysAreBound(t *testing.T) {
	t.Parallel()
	connect, dir := chip(t), filepath.Join(t.TempDir(), "keys")
	auth := &tpm.Options{Auth: credential.NewSecret("right")}
	s, err := tpm.New(connect(t), dir, auth)
	require.NoError(t, err)
	k, err := s.Create(t.Context(), "k")
	require.NoError(t, err)
	alg, err := credential.SelfTest(k)
	require.NoError(t, err)
	require.Equal(t, credential.PS256, alg, "swtpm uses a salt of 32 bytes")
	file, err := os.ReadFile(filepath.Join(dir, "k.key"))
	require.NoError(t, err)
	require.NotContains(t, string(file), "right")

	guess, err := tpm.New(connect(t), dir, &tpm.Options{Auth: credential.NewSecret("wrong")})
	require.NoError(t, err)
	k, err = guess.Open(t.Context(), "k")
	require.NoError(t, err)
	_, err = credential.SelfTest(k)
	require.ErrorContains(t, err, "refuses the password")
	require.NotContains(t, err.Error(), "wrong\x00")

	other, err := tpm.New(chip(t)(t), dir, auth)
	require.NoError(t, err)
	_, err = other.Open(t.Context(), "k")
	require.ErrorIs(t, err, credential.ErrKeyDamaged, "another TPM")

	require.NoError(t, os.Chmod(filepath.Join(dir, "k.key"), 0o644))
	_, err = s.Open(t.Context(), "k")
	require.ErrorIs(t, err, credential.ErrUnsafeFile)
}

// Nothing stays behind in the TPM: its memory holds three objects.
func TestNothingIsLeftInTheTPM(t *testing.T) {
	t.Parallel()
	connect := chip(t)
	s, err := tpm.New(connect(t), filepath.Join(t.TempDir(), "keys"), nil)
	require.NoError(t, err)
	k, err := s.Create(t.Context(), "k")
	require.NoError(t, err)
	for range 10 {
		_, err := credential.SelfTest(k)
		require.NoError(t, err)
	}
	for _, first := range []uint32{0x80000000, 0x81000000, 0x02000000, 0x03000000} {
		r, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: first, PropertyCount: 10}.Execute(connect(t))
		require.NoError(t, err)
		handles, err := r.CapabilityData.Data.Handles()
		require.NoError(t, err)
		require.Empty(t, handles.Handle)
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	_, err := tpm.OpenDevice(filepath.Join(t.TempDir(), "none"), t.TempDir(), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}
