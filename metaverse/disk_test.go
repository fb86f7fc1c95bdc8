package metaverse_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
)

var errIO = errors.New("input/output error")

// fullDisk fails one commit, after everything was written, and is well afterwards.
type fullDisk struct {
	metaverse.Store
	left int
	err  error
	hit  bool
}

func (s *fullDisk) Update(ctx context.Context, fn func(metaverse.Tx) error) error {
	if s.left--; s.left != 0 {
		return s.Store.Update(ctx, fn)
	}
	s.hit = true
	return s.Store.Update(ctx, func(tx metaverse.Tx) error { return errors.Join(fn(tx), s.err) })
}

// Whichever commit meets a full disk or a broken one, the step ends with an error that says
// so, the store is good, and the next run finishes what was begun.
func TestFullDiskAtEveryCommit(t *testing.T) {
	t.Parallel()
	for _, broken := range []error{metaverse.ErrStoreFull, errIO} {
		t.Run(broken.Error(), func(t *testing.T) {
			t.Parallel()
			step := 1
			if testing.Short() {
				step = 5
			}
			for cut := 1; ; cut += step {
				w := crashWorld(t)
				good := w.store
				disk := &fullDisk{Store: good, left: cut, err: broken}
				w.store = disk
				w.reload()
				err := w.tryCycle()
				if !disk.hit {
					require.NoError(t, err)
					require.Greater(t, cut, 15, "the cycle has too few commits to prove anything")
					return
				}
				require.ErrorIs(t, err, broken, "commit %d", cut)
				var stepErr *metaverse.StepError
				require.ErrorAs(t, err, &stepErr)
				if errors.Is(broken, metaverse.ErrStoreFull) {
					require.Equal(t, metaverse.ResultStoppedDiskFull, stepErr.Record.Result)
				}
				w.store = good
				w.healthy()
				w.reload()
				w.settle()
				require.Equal(t, w.expected(), w.tenant(), "commit %d", cut)
				require.Empty(t, w.errors())
				w.healthy()
			}
		})
	}
}
