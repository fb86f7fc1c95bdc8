package sqlstore_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// Checks and backups tell how far they are, to the end.
func TestProgress(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	last := make(map[string]metaverse.Progress)
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, &sqlstore.Options{Progress: func(p metaverse.Progress) {
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, "store", p.Connector)
		require.GreaterOrEqual(t, p.Done, last[string(p.Step)+" "+p.Phase].Done)
		last[string(p.Step)+" "+p.Phase] = p
	}})
	fill(t, s)
	_, err := s.Check(t.Context())
	require.NoError(t, err)
	require.Contains(t, last, "check database")
	require.Equal(t, last["check invariants"].Total, last["check invariants"].Done)
	require.EqualValues(t, 9, last["check objects"].Total)
	require.NoError(t, s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup.db")))
	require.Positive(t, last["backup bytes"].Total)
	require.Equal(t, last["backup bytes"].Total, last["backup bytes"].Done)
}

// A dump has the versions of the configuration.
func TestDumpHasConfigurations(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), nil)
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error {
		_, err := tx.PutConfiguration(metaverse.Configuration{Author: "ann", At: time.Unix(1700000000, 0), Text: []byte("interval: 30m")})
		return err
	}))
	var out bytes.Buffer
	require.NoError(t, s.Dump(t.Context(), &out))
	require.Equal(t, 1, strings.Count(out.String(), `"table":"configuration","version":1,"hash":"`))
	require.Contains(t, out.String(), `"author":"ann","at":"2023-11-14T22:13:20Z","text":"interval: 30m"`)
}
