package metaverse_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
)

// claim writes a lock as another process would.
func (w *world) claim(key, host string, pid int, until time.Time) {
	w.t.Helper()
	text := fmt.Sprintf(`{"host":%q,"pid":%d,"token":"other","until":%q}`, host, pid, until.Format(time.RFC3339))
	require.NoError(w.t, w.store.Update(w.t.Context(), func(tx metaverse.Tx) error { return tx.PutSetting(key, []byte(text)) }))
}

func TestAnotherProcessRuns(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	require.NoError(t, err)
	gone := exec.CommandContext(t.Context(), "true")
	require.NoError(t, gone.Run())
	later, earlier := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	tests := []struct {
		name, key, host string
		pid             int
		until           time.Time
		step            metaverse.StepKind
		refused         bool
	}{
		{"same connector elsewhere", "lock/ad", "elsewhere", 1, later, metaverse.FullImport, true},
		{"same connector here, alive", "lock/ad", host, os.Getppid(), later, metaverse.FullImport, true},
		{"same connector here, process gone", "lock/ad", host, gone.Process.Pid, later, metaverse.FullImport, false},
		{"time is over", "lock/ad", "elsewhere", 1, earlier, metaverse.FullImport, false},
		{"another connector", "lock/cloud", "elsewhere", 1, later, metaverse.FullImport, false},
		{"a synchronisation does not stop an import", "lock/\x00sync", "elsewhere", 1, later, metaverse.FullImport, false},
		{"a synchronisation stops a synchronisation", "lock/\x00sync", "elsewhere", 1, later, metaverse.DeltaSync, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user(1)
			w.claim(tt.key, tt.host, tt.pid, tt.until)
			rec, err := w.engine.Run(t.Context(), "ad", tt.step, nil)
			if !tt.refused {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, metaverse.ErrRunning)
			require.Equal(t, metaverse.ResultNoStartRunning, rec.Result)
			require.Zero(t, w.counts("ad").Objects)
		})
	}
}

// A process that lost its lock, because it was suspended for too long, writes nothing more
// and sends nothing more.
func TestLostLockStopsTheExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 200 {
		w.user(i)
	}
	for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.FullSync} {
		w.run("ad", kind)
		w.run("cloud", kind)
	}
	sent := 0
	w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
		if sent++; sent == 10 {
			w.claim("lock/cloud", "elsewhere", 1, time.Now().Add(time.Hour))
		}
		return memdir.Fate{}
	}})
	_, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
	require.Error(t, err)
	require.Equal(t, memdir.DefaultExportBatch, sent, "the batch on its way is the last one")

	w.cloud.SetFaults(memdir.Faults{})
	w.claim("lock/cloud", "elsewhere", 1, time.Now().Add(-time.Hour))
	w.settle()
	require.Equal(t, w.expected(), w.tenant(), "its successor settles what it left behind")
}
