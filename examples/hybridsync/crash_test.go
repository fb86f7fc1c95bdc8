package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// programEnv makes the test binary the program itself, for processes that are to be killed.
const programEnv = "HYBRIDSYNC_TEST_PROGRAM"

// crashesEnv is how many processes TestKilledProcess kills; a few dozen by default.
const crashesEnv = "HYBRIDSYNC_TEST_CRASHES"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A killer ends a cycle of the real program by SIGKILL: so long after so many of its steps
// have ended.
type killer struct {
	steps int
	after time.Duration
}

// cycleProcess runs a cycle in a process of its own. It reports whether the process came to
// its end, and how long its steps took.
func (b *bench) cycleProcess(k *killer, args ...string) (done bool, lasted []time.Duration) {
	b.t.Helper()
	exe, err := os.Executable()
	require.NoError(b.t, err)
	cmd := exec.CommandContext(b.t.Context(), exe, append([]string{"cycle", "-log", "info", "-config", b.configure()}, args...)...)
	cmd.Env = append(os.Environ(), programEnv+"=1")
	stderr, err := cmd.StderrPipe()
	require.NoError(b.t, err)
	require.NoError(b.t, cmd.Start())
	var said bytes.Buffer
	last, steps := time.Now(), 0
	kill := func() {
		if k != nil && steps == k.steps {
			time.AfterFunc(k.after, func() { _ = cmd.Process.Kill() })
		}
	}
	kill()
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), `msg="run step ended"`) {
			lasted, last = append(lasted, time.Since(last)), time.Now()
			steps++
			kill()
		}
	}
	err = cmd.Wait()
	if cmd.ProcessState.Exited() {
		require.NoError(b.t, err, said.String())
		return true, lasted
	}
	return false, lasted
}

// changeDirectory is what happens in the directory between two cycles.
func changeDirectory(t *testing.T, dc *adtest.Server, p *adtest.Population, round int) {
	t.Helper()
	for i, dn := range p.Users[10*round : 10*round+10] {
		switch i % 5 {
		case 0:
			require.NoError(t, dc.Delete(dn))
		case 1:
			_ = dc.RemoveMember(p.Groups[1], dn) // it may be one already
			require.NoError(t, dc.AddMember(p.Groups[1], dn))
		default:
			require.NoError(t, dc.Modify(dn, adtest.Replace("title", "Round "+strconv.Itoa(round))))
		}
	}
	for i := range 10 {
		dc.Must(dc.AddUser(fmt.Sprintf("Joiner %d %d", round, i), nil))
	}
}

// A real process, killed at random instants of its imports, synchronisations and exports and
// started again, ends with a tenant and a store as if it had never been killed, and nothing is
// created twice. HYBRIDSYNC_TEST_CRASHES=500 kills that many.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	crashes := 20
	if testing.Short() {
		crashes = 4
	}
	if n, err := strconv.Atoi(os.Getenv(crashesEnv)); err == nil {
		crashes = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	b := newBench(t)
	p := b.populate(200, 10)

	killed := make(map[string]int)
	var lasted []time.Duration // of the steps, the longest seen
	for round := 0; crashes > 0; round++ {
		for crashes > 0 {
			k := &killer{steps: rng.IntN(5)}
			longest := 300 * time.Millisecond
			if k.steps < len(lasted) {
				longest = lasted[k.steps]
			}
			k.after = time.Duration(rng.Int64N(int64(longest)))
			done, steps := b.cycleProcess(k)
			for i, d := range steps {
				if i == len(lasted) {
					lasted = append(lasted, d)
				}
				lasted[i] = max(lasted[i], d)
			}
			if done {
				break
			}
			crashes--
			killed[b.lastStep()]++
		}
		done, _ := b.cycleProcess(nil)
		require.True(t, done)
		if round < len(p.Users)/10 {
			changeDirectory(t, b.dc, p, round)
		}
	}
	t.Logf("killed in %v", killed)
	done, _ := b.cycleProcess(nil) // what was sent last is confirmed
	require.True(t, done)
	b.nothingCreatedTwice()
	// Values that refer to deleted objects stay until a full import, for the objects may be
	// restored.
	writes := b.tenant.Writes()
	done, _ = b.cycleProcess(nil, "-initial")
	require.True(t, done)
	require.Equal(t, writes, b.tenant.Writes(), "full finds what delta has missed")
	b.asIfNeverKilled()
}

// lastStep names the step that the killed process was in.
func (b *bench) lastStep() (name string) {
	b.t.Helper()
	s, err := sqlstore.Open(b.t.Context(), filepath.Join(b.dir, "store.db"), nil)
	require.NoError(b.t, err)
	defer s.Close()
	problems, err := s.Check(b.t.Context())
	require.NoError(b.t, err)
	require.Empty(b.t, problems)
	require.NoError(b.t, s.View(b.t.Context(), func(rd metaverse.Reader) error {
		runs, err := rd.Runs("", 0, 1)
		if name = "between steps"; len(runs) > 0 && runs[0].Result == metaverse.ResultRunning {
			name = string(runs[0].Step)
		}
		return err
	}))
	return name
}

// nothingCreatedTwice looks through everything that the tenant was asked.
func (b *bench) nothingCreatedTwice() {
	b.t.Helper()
	creates := 0
	for _, r := range b.tenant.Requests() {
		if r.Method == http.MethodPost && (r.Template == "/users" || r.Template == "/groups") {
			require.Equal(b.t, http.StatusCreated, r.Status, "a create was repeated")
			creates++
		}
	}
	deleted, others := b.tenant.DeletedItems()
	require.Equal(b.t, len(b.tenant.Users())+len(b.tenant.Groups())+len(deleted)+len(others), creates)
}

// asIfNeverKilled compares the store with one that an undisturbed process makes of the same
// directories, and requires that the latter finds nothing to do in the tenant.
func (b *bench) asIfNeverKilled() {
	b.t.Helper()
	snapshot := func() (lines []string) {
		s, err := sqlstore.Open(b.t.Context(), filepath.Join(b.dir, "store.db"), nil)
		require.NoError(b.t, err)
		defer s.Close()
		// How a link came about is another story: this one found what the other one made.
		how := regexp.MustCompile(` kind=\S+ rule="[^"]*"`)
		for line := range strings.Lines(metaversetest.Snapshot(b.t, s)) {
			if strings.Contains(line, "state=placeholder") {
				continue // what was deleted while others referred to it; maintenance removes it
			}
			lines = append(lines, how.ReplaceAllString(strings.TrimSpace(line), ""))
		}
		slices.Sort(lines)
		return lines
	}
	was := snapshot()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(b.t, os.RemoveAll(filepath.Join(b.dir, "store.db"+suffix)))
	}
	b.tenant.ResetLog()
	for range 2 {
		done, _ := b.cycleProcess(nil)
		require.True(b.t, done)
	}
	require.Zero(b.t, b.tenant.Writes(), "the tenant is as it should be")
	require.Equal(b.t, snapshot(), was)
}
