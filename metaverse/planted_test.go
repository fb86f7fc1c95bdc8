package metaverse_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// The tests of this file prove the proofs: they plant a bug of each class that the engine must
// never have, and require that what the other tests check for finds it.

// spy takes the failures of a test that is expected to fail.
type spy struct {
	*testing.T
	failed bool
	text   strings.Builder
}

func (s *spy) Errorf(format string, args ...any) {
	s.failed = true
	fmt.Fprintf(&s.text, format, args...)
}
func (s *spy) Fatalf(format string, args ...any) { s.Errorf(format, args...); s.FailNow() }
func (s *spy) FailNow()                          { s.failed = true; runtime.Goexit() }
func (s *spy) Logf(string, ...any)               {}

// caught requires that a check fails.
func caught(t *testing.T, check func(t tb)) {
	t.Helper()
	s := &spy{T: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(s)
	}()
	<-done
	require.True(t, s.failed, "the planted bug was not found")
}

// planted is a store that a bug has got into.
type planted struct {
	metaverse.Store
	tx func(metaverse.Tx) metaverse.Tx
}

func (p *planted) Update(ctx context.Context, fn func(metaverse.Tx) error) error {
	return p.Store.Update(ctx, func(tx metaverse.Tx) error { return fn(p.tx(tx)) })
}

// early moves the watermark with the first objects, not with the last.
type early struct {
	metaverse.Tx
	ahead func() connector.Watermark
}

func (e *early) PutCS(objects []*metaverse.CSObject) error {
	if err := e.PutSetting("watermark/ad", e.ahead()); err != nil {
		return err
	}
	return e.Tx.PutCS(objects)
}

// ahead is the watermark that a complete import would leave now.
func (w *world) ahead() (mark connector.Watermark) {
	w.t.Helper()
	w.ad.SetFaults(memdir.Faults{})
	s, err := w.ad.Open(w.t.Context(), connector.OpenOptions{})
	require.NoError(w.t, err)
	full, _ := connector.As[connector.FullImporter](s)
	for item, err := range full.FullImport(w.t.Context(), connector.ImportRequest{}) {
		require.NoError(w.t, err)
		if item.Complete != nil {
			mark = item.Complete.Watermark
		}
	}
	w.ad.SetFaults(brokenOff)
	return mark
}

var brokenOff = memdir.Faults{Import: connector.ErrUnavailable, After: 1}

func TestPlantedWatermarkMovedTooEarly(t *testing.T) {
	t.Parallel()
	interrupted := func(t tb, plant bool) {
		w := newWorld(t)
		w.opts.Batch = 1
		w.user(1)
		w.user(2)
		w.initial()
		w.settle()
		w.modify(userDN(1), set("displayName", attr.String("one")))
		w.modify(userDN(2), set("displayName", attr.String("two")))
		good := w.store
		if plant {
			w.store = &planted{good, func(tx metaverse.Tx) metaverse.Tx { return &early{tx, w.ahead} }}
		}
		w.reload()
		w.ad.SetFaults(brokenOff)
		_, err := w.engine.Run(t.Context(), "ad", metaverse.DeltaImport, nil)
		require.Error(t, err)
		w.ad.SetFaults(memdir.Faults{})
		w.store = good
		w.reload()
		w.settle()
		require.Equal(t, w.expected(), w.tenant())
	}
	interrupted(t, false)
	caught(t, func(t tb) { interrupted(t, true) })
}

// pretending is a directory that says its import was complete when it broke off.
type pretending struct{ *memdir.Directory }

type pretendingSession struct{ connector.Session }

func (p *pretending) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	s, err := p.Directory.Open(ctx, o)
	return &pretendingSession{s}, err
}

func (s *pretendingSession) Unwrap() connector.Session { return s.Session }

func (s *pretendingSession) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	inner, _ := connector.As[connector.FullImporter](s.Session)
	return func(yield func(connector.Item, error) bool) {
		for item, err := range inner.FullImport(ctx, r) {
			if err != nil {
				yield(connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{Watermark: nil, Objects: 1}}, nil)
				return
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

func partialImport(t tb, pretend bool) {
	w := newWorld(t)
	for i := range 5 {
		w.user(i)
	}
	w.initial()
	w.settle()
	before := w.tenant()
	if pretend {
		set, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
		require.NoError(t, err)
		w.engine, err = metaverse.New(w.store, set, []connector.Connector{&pretending{w.ad}, w.cloud}, nil)
		require.NoError(t, err)
	}
	w.ad.SetFaults(memdir.Faults{Import: connector.ErrUnavailable, After: 2})
	_, _ = w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	w.ad.SetFaults(memdir.Faults{})
	require.Zero(t, w.pendingDeletions())
	w.run("ad", metaverse.DeltaSync)
	w.run("cloud", metaverse.Export)
	require.Equal(t, before, w.tenant())
}

func TestPlantedDeletionFromAPartialImport(t *testing.T) {
	t.Parallel()
	partialImport(t, false)
	caught(t, func(t tb) { partialImport(t, true) })
}

// forgetful loses every second reference that it is told to add.
type forgetful struct {
	metaverse.Tx
	n *int
}

func (f *forgetful) AddCSRefs(refs []metaverse.CSRef) error {
	var kept []metaverse.CSRef
	for _, r := range refs {
		if *f.n++; *f.n%2 == 1 {
			kept = append(kept, r)
		}
	}
	return f.Tx.AddCSRefs(kept)
}

func TestPlantedLostMember(t *testing.T) {
	t.Parallel()
	members := func(t tb, plant bool) {
		w := newWorld(t)
		for i := range 4 {
			w.user(i)
		}
		w.group(1)
		w.join(1, userDN(0), userDN(1), userDN(2), userDN(3))
		if plant {
			n := 0
			w.store = &planted{w.store, func(tx metaverse.Tx) metaverse.Tx { return &forgetful{tx, &n} }}
			w.reload()
		}
		w.initial()
		w.settle()
		require.Equal(t, w.expected(), w.tenant())
	}
	members(t, false)
	caught(t, func(t tb) { members(t, true) })
}

// certain never notes that the fate of an export is unknown.
type certain struct{ metaverse.Tx }

func (c *certain) PutPendingExport(exports []*metaverse.PendingExport) error {
	for i, p := range exports {
		if p.Unknown {
			known := *p
			known.Unknown = false
			exports[i] = &known
		}
	}
	return c.Tx.PutPendingExport(exports)
}

func TestPlantedExportRepeatedAfterUnknown(t *testing.T) {
	t.Parallel()
	export := func(t tb, plant bool) {
		w := newWorld(t)
		w.user(1)
		w.run("ad", metaverse.FullImport)
		w.run("cloud", metaverse.FullImport)
		w.run("ad", metaverse.FullSync)
		if plant {
			w.store = &planted{w.store, func(tx metaverse.Tx) metaverse.Tx { return &certain{tx} }}
			w.reload()
		}
		creates := 0
		count := func(c connector.Change) memdir.Fate {
			if c.Op == connector.OpAdd {
				creates++
			}
			return memdir.Fate{Outcome: connector.Unknown}
		}
		w.cloud.SetFaults(memdir.Faults{Export: count, Read: connector.ErrUnavailable})
		_, _ = w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
		w.cloud.SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate {
			if c.Op == connector.OpAdd {
				creates++
			}
			return memdir.Fate{}
		}})
		w.reload()
		_, _ = w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
		require.Equal(t, 1, creates, "the create was sent once")
	}
	export(t, false)
	caught(t, func(t tb) { export(t, true) })
}

// grabbing takes the lease whoever holds it.
type grabbing struct{ metaverse.Store }

func (g *grabbing) AcquireLease(ctx context.Context, h metaverse.Holder, period time.Duration, _ func(metaverse.Holder) bool) (metaverse.Lease, error) {
	return g.Store.AcquireLease(ctx, h, period, func(metaverse.Holder) bool { return true })
}

func TestPlantedLeaseIgnored(t *testing.T) {
	t.Parallel()
	second := func(t tb, plant bool) {
		w := newWorld(t)
		w.user(1)
		holder := w.me()
		holder.Host, holder.Program, holder.Space = "elsewhere", "another", "another boot"
		w.takeOver(holder, time.Hour)
		if plant {
			w.store = &grabbing{w.store}
			w.reload()
		}
		_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
		require.ErrorIs(t, err, metaverse.ErrRunning)
		require.Zero(t, w.counts("ad").Objects)
	}
	second(t, false)
	caught(t, func(t tb) { second(t, true) })
}
