package metaversetest_test

import (
	"testing"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	metaversetest.Run(t, func(*testing.T) metaverse.Store { return metaversetest.NewMemory() }, &metaversetest.Options{
		Reopen: func(_ *testing.T, s metaverse.Store) metaverse.Store { return s.(*metaversetest.Memory).Reopen() },
	})
}
