package credential_test

import (
	"testing"

	"github.com/hybridsync/hybridsync/credential/internal/lifecycletest"
)

func TestLifecycle(t *testing.T) {
	t.Parallel()
	lifecycletest.Run(t, lifecycletest.Memory)
}

func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	lifecycletest.Crash(t, lifecycletest.Memory, 1)
}

func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	lifecycletest.Load(t, lifecycletest.Memory)
}

func TestDeployment(t *testing.T) {
	t.Parallel()
	lifecycletest.Deployment(t, lifecycletest.Memory)
}

func TestNothingIsShown(t *testing.T) {
	t.Parallel()
	lifecycletest.Scan(t, lifecycletest.Memory, lifecycletest.Guarded())
}
