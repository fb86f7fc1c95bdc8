package software_test

import (
	"testing"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/internal/lifecycletest"
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
