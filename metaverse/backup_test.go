package metaverse_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// backupStore makes a copy of the store after each commit, and within the transaction before it.
type backupStore struct {
	metaverse.Store
	t      testing.TB
	dir    string
	copies []string
}

func (s *backupStore) backup(ctx context.Context) error {
	path := filepath.Join(s.dir, fmt.Sprintf("%d.db", len(s.copies)))
	s.copies = append(s.copies, path)
	return s.Store.Backup(ctx, path)
}

func (s *backupStore) Update(ctx context.Context, fn func(metaverse.Tx) error) error {
	err := s.Store.Update(ctx, func(tx metaverse.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if len(s.copies)%5 == 0 {
			return s.backup(ctx) // written, and not committed
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.backup(ctx)
}

// tenantKeys tells which objects the cloud holds, by their source anchors.
func (w *world) tenantKeys() map[string]string {
	out := make(map[string]string)
	for o := range w.cloud.All() {
		out[o.Attributes.Text("sourceAnchor")] = o.Anchor.Text()
	}
	return out
}

// A copy that is made while steps are running, whenever that is, is sound. Whoever goes on with it
// after a disaster, though the tenant has moved on since, changes nothing there that is right, and
// ends where everybody else does.
func TestBackupWhileStepsRun(t *testing.T) {
	t.Parallel()
	w := crashWorld(t)
	file, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "live.db"), &sqlstore.Options{Synchronous: sqlstore.SynchronousNormal})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	_, err = sqlstore.Copy(t.Context(), w.store.(*sqlstore.Store), file, nil)
	require.NoError(t, err)
	copying := &backupStore{Store: file, t: t, dir: t.TempDir()}
	w.store = copying
	w.reload()

	// Beside the copies at each commit, others are made whenever it happens.
	var beside sync.WaitGroup
	var done atomic.Bool
	dir := t.TempDir()
	n := 0
	beside.Go(func() {
		for ; !done.Load() && n < 15; n++ {
			if err := file.Backup(t.Context(), filepath.Join(dir, fmt.Sprintf("%d.db", n))); err != nil {
				t.Errorf("a copy beside a step: %v", err)
				return
			}
		}
	})
	require.NoError(t, w.tryCycle())
	w.settle()
	done.Store(true)
	beside.Wait()
	require.Equal(t, w.expected(), w.tenant())
	require.Greater(t, len(copying.copies), 20)
	require.Positive(t, n)
	before := w.tenantKeys()

	paths := copying.copies
	for i := range n {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("%d.db", i)))
	}
	if testing.Short() {
		paths = paths[:10]
	}
	for _, path := range paths {
		s, err := sqlstore.Open(t.Context(), path, &sqlstore.Options{Synchronous: sqlstore.SynchronousNormal})
		require.NoError(t, err, path)
		w.store = s
		w.healthy()
		w.reload()
		w.settle()
		require.Equal(t, w.expected(), w.tenant(), path)
		require.Equal(t, before, w.tenantKeys(), "nothing was made twice, or anew: %s", path)
		w.healthy()
		require.NoError(t, s.Close())
	}
}
