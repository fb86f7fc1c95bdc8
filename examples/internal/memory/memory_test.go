package memory_test

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/examples/internal/memory"
)

// settings are the percentage and the limit that are in force.
func settings() (percent int, limit int64) {
	percent = debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(-1)
}

func TestTune(t *testing.T) {
	percent, limit := settings()
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })

	t.Setenv("GOGC", "50")
	t.Setenv("GOMEMLIMIT", "1GiB")
	memory.Tune()
	p, l := settings()
	require.Equal(t, percent, p, "what the environment says holds")
	require.Equal(t, limit, l)

	t.Setenv("GOGC", "")
	memory.Tune()
	p, l = settings()
	require.Greater(t, p, percent)
	require.Equal(t, limit, l)

	t.Setenv("GOMEMLIMIT", "")
	memory.Tune()
	_, l = settings()
	require.Less(t, l, int64(512<<20))
}
