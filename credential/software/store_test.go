package software_test

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/credentialtest"
	"github.com/hybridsync/hybridsync/credential/software"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	credentialtest.RunKeyStore(t, credentialtest.Harness{New: func(t *testing.T) func(*testing.T) credential.KeyStore {
		dir := t.TempDir()
		return func(t *testing.T) credential.KeyStore { return open(t, dir) }
	}})
}

func open(t *testing.T, dir string) *software.Store {
	t.Helper()
	s, err := software.Open(filepath.Join(dir, "keys"), software.KeyFile(filepath.Join(dir, "kek")))
	require.NoError(t, err)
	return s
}

func TestProtectors(t *testing.T) {
	creds := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(creds, "app-kek"), bytes.Repeat([]byte{7}, 32), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(creds, "short"), []byte("too short"), 0o600))
	t.Setenv("CREDENTIALS_DIRECTORY", creds)
	dir := t.TempDir()
	good := map[string]software.Protector{
		"systemd":    software.SystemdCredential("app-kek"),
		"passphrase": software.Passphrase(credential.NewSecret("correct horse battery staple")),
		"file":       software.KeyFile(filepath.Join(t.TempDir(), "kek")),
	}
	for name, p := range good {
		s, err := software.Open(filepath.Join(dir, name), p)
		require.NoError(t, err, name)
		key, err := s.Create(t.Context(), "k")
		require.NoError(t, err, name)
		again, err := software.Open(filepath.Join(dir, name), p)
		require.NoError(t, err, name)
		same, err := again.Open(t.Context(), "k")
		require.NoError(t, err, name)
		require.Equal(t, key.Public(), same.Public(), name)
		require.Equal(t, name == "file", s.Info().Warning != "", "only the file is warned of")
		require.False(t, s.Info().Hardware)
	}
	for name, p := range map[string]software.Protector{
		"none":              {},
		"empty passphrase":  software.Passphrase(credential.Secret{}),
		"missing":           software.SystemdCredential("other"),
		"short":             software.SystemdCredential("short"),
		"path":              software.SystemdCredential("../x/app-kek"),
		"missing directory": software.KeyFile(filepath.Join(dir, "no", "where")),
	} {
		_, err := software.Open(filepath.Join(t.TempDir(), "keys"), p)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "too short\x00")
	}
	wrong, err := software.Open(filepath.Join(dir, "passphrase"), software.Passphrase(credential.NewSecret("wrong")))
	require.NoError(t, err)
	_, err = wrong.Open(t.Context(), "k")
	require.ErrorIs(t, err, credential.ErrKeyDamaged)
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, err = software.Open(filepath.Join(dir, "systemd"), software.SystemdCredential("app-kek"))
	require.ErrorContains(t, err, "CREDENTIALS_DIRECTORY")
}

func TestTamperedFilesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for _, id := range []string{"a", "b"} {
		_, err := s.Create(t.Context(), id)
		require.NoError(t, err)
	}
	a, b := filepath.Join(dir, "keys", "a.key"), filepath.Join(dir, "keys", "b.key")
	content, err := os.ReadFile(a)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(b, content, 0o600))
	_, err = s.Open(t.Context(), "b")
	require.ErrorIs(t, err, credential.ErrKeyDamaged, "a key is bound to its id")
	for i := 0; i < len(content); i += 37 {
		bad := bytes.Clone(content)
		bad[i] ^= 1
		require.NoError(t, os.WriteFile(a, bad, 0o600))
		_, err := s.Open(t.Context(), "a")
		require.Error(t, err, "byte %d", i)
	}
	require.NoError(t, os.WriteFile(a, content[:len(content)/2], 0o600))
	_, err = s.Open(t.Context(), "a")
	require.ErrorIs(t, err, credential.ErrKeyDamaged, "half a file")
}

func TestWrongModesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	_, err := s.Create(t.Context(), "k")
	require.NoError(t, err)
	keys := filepath.Join(dir, "keys")
	for _, file := range []string{"k.key", "salt"} {
		info, err := os.Stat(filepath.Join(keys, file))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}
	require.NoError(t, os.Chmod(filepath.Join(keys, "k.key"), 0o640))
	_, err = s.Open(t.Context(), "k")
	require.ErrorIs(t, err, credential.ErrUnsafeFile)
	require.ErrorContains(t, err, "chmod 600")
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chmod(filepath.Join(keys, "k.key"), 0o600))
		require.NoError(t, os.Chown(filepath.Join(keys, "k.key"), 12345, 12345))
		_, err = s.Open(t.Context(), "k")
		require.ErrorIs(t, err, credential.ErrUnsafeFile, "somebody else's file")
	}
	require.NoError(t, os.Chmod(filepath.Join(dir, "kek"), 0o644))
	_, err = software.Open(keys, software.KeyFile(filepath.Join(dir, "kek")))
	require.ErrorIs(t, err, credential.ErrUnsafeFile)
	require.NoError(t, os.Chmod(filepath.Join(dir, "kek"), 0o600))
	require.NoError(t, os.Chmod(keys, 0o755))
	_, err = software.Open(keys, software.KeyFile(filepath.Join(dir, "kek")))
	require.ErrorIs(t, err, credential.ErrUnsafeFile)
	require.NoError(t, os.Chmod(keys, 0o700))
	require.NoError(t, os.Remove(filepath.Join(keys, "k.key")))
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(keys, "k.key")))
	_, err = s.Open(t.Context(), "k")
	require.Error(t, err)
}

// What lies on the disk shows nothing of the key, neither do errors.
func TestKeysDoNotLieInTheClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	key, err := s.Create(t.Context(), "k")
	require.NoError(t, err)
	modulus := key.Public().(*rsa.PublicKey).N.Bytes()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && (bytes.Contains(content, modulus) || strings.Contains(string(content), "PRIVATE")) {
			err = errors.New("a key lies open in " + path)
		}
		return err
	}))
	require.NotContains(t, fmt.Sprintf("%+v %#v", key, key), "rsa.PrivateKey")
}

func Example() {
	dir, err := os.MkdirTemp("", "keys-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := software.Open(filepath.Join(dir, "keys"), software.KeyFile(filepath.Join(dir, "kek")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store.Info().Kind, store.Info().Hardware)
	// Output: software false
}
