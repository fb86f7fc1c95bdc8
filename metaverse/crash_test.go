package metaverse_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

var errCrash = errors.New("crash")

// crashStore dies at one commit: before it, or right after it. From then on nothing works
// any more, as in a process that is dead.
type crashStore struct {
	metaverse.Store
	left  int  // commits until the crash
	after bool // the last commit takes place
	dead  atomic.Bool
}

func (s *crashStore) Update(ctx context.Context, fn func(metaverse.Tx) error) error {
	if s.dead.Load() {
		return errCrash
	}
	if s.left--; s.left > 0 {
		return s.Store.Update(ctx, fn)
	}
	s.dead.Store(true)
	if !s.after {
		return errors.Join(errCrash, s.Store.Update(ctx, func(tx metaverse.Tx) error {
			return errors.Join(errCrash, fn(tx))
		}))
	}
	return errors.Join(errCrash, s.Store.Update(ctx, fn))
}

func (s *crashStore) View(ctx context.Context, fn func(metaverse.Reader) error) error {
	if s.dead.Load() {
		return errCrash
	}
	return s.Store.View(ctx, fn)
}

// ReleaseLease does nothing for a process that is dead.
func (s *crashStore) ReleaseLease(ctx context.Context, token int64) error {
	if s.dead.Load() {
		return errCrash
	}
	return s.Store.ReleaseLease(ctx, token)
}

// crashWorld is in a state in which a delta cycle has every kind of work to do.
func crashWorld(t testing.TB) *world {
	w := newWorld(t)
	w.opts.Batch = 4
	w.reload()
	w.group(1)
	for i := range 10 {
		w.user(i)
	}
	w.join(1, userDN(1), userDN(2))
	w.initial()
	w.settle()
	w.group(2)
	w.user(10)
	w.join(1, userDN(3))
	w.join(2, userDN(10), groupDN(1))
	w.modify(userDN(4), set("department", attr.String("Sales")), set("manager", attr.Reference(userDN(10))))
	w.modify(userDN(5), set("department", attr.String("Secret")))
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(6)}))
	return w
}

// tryCycle runs the steps of a delta cycle until one fails.
func (w *world) tryCycle() error {
	for _, step := range []struct {
		name string
		kind metaverse.StepKind
	}{
		{"ad", metaverse.DeltaImport}, {"cloud", metaverse.DeltaImport}, {"ad", metaverse.DeltaSync},
		{"cloud", metaverse.DeltaSync}, {"cloud", metaverse.Export}, {"cloud", metaverse.DeltaImport}, {"cloud", metaverse.DeltaSync},
	} {
		if _, err := w.engine.Run(w.t.Context(), step.name, step.kind, nil); err != nil {
			return err
		}
	}
	return nil
}

// Whatever commit a process dies at, before or after it, the next one ends in the state
// that an uninterrupted one would have reached, and creates nothing twice.
func TestCrashAtEveryCommit(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after=%t", after), func(t *testing.T) {
			t.Parallel()
			for cut := 1; ; cut++ {
				w := crashWorld(t)
				good := w.store
				dying := &crashStore{Store: good, left: cut, after: after}
				w.store = dying
				w.reload()
				err := w.tryCycle()
				if !dying.dead.Load() {
					require.NoError(t, err)
					require.Greater(t, cut, 20, "the cycle has too few commits to prove anything")
					return
				}
				require.ErrorIs(t, err, errCrash)
				w.store = good
				w.reload()
				w.settle()
				require.Equal(t, w.expected(), w.tenant(), "died at commit %d", cut)
				require.Empty(t, w.errors(), "died at commit %d", cut)
			}
		})
	}
}
