package scheduler_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No test leaves a goroutine behind, which would be one that the package leaves behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
