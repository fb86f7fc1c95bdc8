package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// smallDisk mounts a file system of so many bytes in memory.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		t.Skipf("a small disk cannot be made here: mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// leave fills a disk up to the given number of free bytes.
func leave(t *testing.T, dir string, free int) {
	t.Helper()
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.RemoveAll(ballast))
	var st syscall.Statfs_t
	require.NoError(t, syscall.Statfs(dir, &st))
	if n := int(st.Bavail)*int(st.Bsize) - free; n > 0 {
		require.NoError(t, os.WriteFile(ballast, make([]byte, n), 0o600))
	}
}

// A disk that fills up ends the step with an error that says so and leaves a good store. When there
// is space again the next cycle finishes, and nothing was done twice. The disk is real.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "16m")
	b := newBench(t)
	p := b.populate(300, 3)
	b.values["store"] = filepath.Join(disk, "store.db")
	full, where := 0, make(map[metaverse.StepKind]bool)
	for free := 128 << 10; ; free += 96 << 10 {
		require.Less(t, free, 12<<20, "it never fits")
		leave(t, disk, free)
		out, err := b.cycle()
		if err == nil {
			break
		}
		full++
		require.True(t, errors.Is(err, metaverse.ErrStoreFull), "%v", err)
		require.ErrorContains(t, err, metaverse.ErrStoreFull.Error())
		for _, s := range out.Steps {
			if s.Result == metaverse.ResultStoppedDiskFull {
				where[s.Profile] = true
			}
		}
		leave(t, disk, 2<<20) // to look at it
		s, err := sqlstore.Open(t.Context(), b.values["store"], nil)
		require.NoError(t, err)
		problems, err := s.Check(context.Background())
		require.NoError(t, err)
		require.Empty(t, problems)
		require.NoError(t, s.Close())
	}
	require.Greater(t, full, 3)
	require.Greater(t, len(where), 1, "it was full in several steps: %v", where)
	leave(t, disk, 12<<20)
	_, err := b.cycle()
	require.NoError(t, err)
	require.Len(t, b.tenant.Users(), 300)
	require.Len(t, b.tenant.Groups(), len(p.Groups))
	names := make(map[string]bool)
	for _, u := range b.tenant.Users() {
		require.False(t, names[u.UserPrincipalName], "created twice")
		names[u.UserPrincipalName] = true
	}
	_, err = b.run("store", "check")
	require.NoError(t, err)
}
