package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// A disk has no room for a store at first.
type disk struct {
	dir    string
	leave  func(octets int)    // makes so much room
	says   string              // the error of a step that finds none
	result metaverse.RunResult // of the step
}

// aloneEnv says that a test has a process of its own.
const aloneEnv = "HYBRIDSYNC_TEST_ALONE"

// alone runs the test again, as the only one of a process, and reports whether that is over. In the
// process itself it does nothing and returns false.
func alone(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	if os.Getenv(aloneEnv) != "" {
		return false
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), exe, "-test.run", pattern, "-test.v")
	cmd.Env = append(os.Environ(), aloneEnv+"=1")
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skipf("a process that may do it cannot be started here: %v", err)
	}
	require.NoError(t, err, "%s", out)
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return true
}

// A disk that fills up ends the step with an error that says so and leaves a good store. When there
// is space again the next cycle finishes, and nothing was done twice.
//
// "no space" has a real disk that is full: a file system in memory, mounted by this process or, where
// it may not, by one in a namespace of users of its own. It is skipped where neither may. "refused" works
// everywhere: files may not grow beyond a limit of the process, which is to SQLite what a quota or a
// broken disk is, a write that fails for another reason than a full disk. It proves the same of the
// store and the next cycle, and that the error is not taken for a full disk.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	t.Run("no space", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m,mode=0700"); err != nil {
			if !alone(t, &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
			}) {
				t.Skipf("a small disk cannot be made here: mounting a tmpfs: %v", err)
			}
			return
		}
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
		ballast := filepath.Join(dir, "ballast")
		fillUp(t, disk{dir, func(octets int) {
			require.NoError(t, os.RemoveAll(ballast))
			var st syscall.Statfs_t
			require.NoError(t, syscall.Statfs(dir, &st))
			if n := int(st.Bavail)*int(st.Bsize) - octets; n > 0 {
				require.NoError(t, os.WriteFile(ballast, make([]byte, n), 0o600))
			}
		}, metaverse.ErrStoreFull.Error(), metaverse.ResultStoppedDiskFull})
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		if alone(t, nil) { // the limit is that of a whole process
			return
		}
		signal.Ignore(syscall.SIGXFSZ)
		var limit syscall.Rlimit
		require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
		fillUp(t, disk{t.TempDir(), func(octets int) {
			limit.Cur = min(uint64(octets), limit.Max)
			require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
		}, "disk I/O error", metaverse.ResultStoppedUnexpected})
	})
}

// fillUp runs cycles with more and more room until one finishes.
func fillUp(t *testing.T, d disk) {
	t.Helper()
	const plenty = 12 << 20
	b := newBench(t)
	p := b.populate(300, 3)
	b.values["store"] = filepath.Join(d.dir, "store.db")
	full, where := 0, make(map[metaverse.StepKind]bool)
	for room := 128 << 10; ; room += 96 << 10 {
		require.Less(t, room, plenty, "it never fits")
		d.leave(room)
		out, err := b.cycle()
		if err == nil {
			break
		}
		full++
		require.ErrorContains(t, err, d.says)
		require.Equal(t, d.result == metaverse.ResultStoppedDiskFull, errors.Is(err, metaverse.ErrStoreFull), "%v", err)
		for _, s := range out.Steps {
			if s.Result == d.result {
				where[s.Profile] = true
			}
		}
		d.leave(2 << 20) // to look at it
		s, err := sqlstore.Open(t.Context(), b.values["store"], nil)
		require.NoError(t, err)
		problems, err := s.Check(context.Background())
		require.NoError(t, err)
		require.Empty(t, problems)
		require.NoError(t, s.Close())
	}
	require.Greater(t, full, 3)
	require.Greater(t, len(where), 1, "it was full in several steps: %v", where)
	d.leave(plenty)
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
