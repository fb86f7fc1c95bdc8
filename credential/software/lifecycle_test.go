package software_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/internal/lifecycletest"
	"github.com/hybridsync/hybridsync/credential/software"
)

func stores(t *testing.T) func(*testing.T) credential.KeyStore {
	dir := t.TempDir()
	return func(t *testing.T) credential.KeyStore { return open(t, dir) }
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	lifecycletest.Run(t, stores)
}

func TestCrash(t *testing.T) {
	t.Parallel()
	lifecycletest.Crash(t, stores, 5)
}

func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	lifecycletest.Load(t, stores)
}

func TestNothingIsShown(t *testing.T) {
	t.Parallel()
	const phrase = "correct horse battery staple"
	dir := filepath.Join(t.TempDir(), "keys")
	lifecycletest.Scan(t, func(*testing.T) func(*testing.T) credential.KeyStore {
		return func(t *testing.T) credential.KeyStore {
			s, err := software.Open(dir, software.Passphrase(credential.NewSecret(phrase)))
			require.NoError(t, err)
			return s
		}
	}, lifecycletest.Secrecy{Texts: []string{phrase}, Folder: dir, Private: software.Private})
}
