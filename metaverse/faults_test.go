package metaverse_test

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/rules"
)

// with makes an engine whose on-premises directory is another connector.
func (w *world) with(ad connector.Connector) {
	w.t.Helper()
	set, err := rules.Compile(w.rules, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(w.t, err)
	w.engine, err = metaverse.New(w.store, set, []connector.Connector{ad, w.cloud}, &w.opts)
	require.NoError(w.t, err)
}

// A retold directory is one whose full imports somebody else tells.
type retold struct {
	*memdir.Directory
	tell func(ctx context.Context, r connector.ImportRequest, items iter.Seq2[connector.Item, error]) iter.Seq2[connector.Item, error]
}

type retoldSession struct {
	connector.Session
	d *retold
}

func (d *retold) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	s, err := d.Directory.Open(ctx, o)
	return &retoldSession{s, d}, err
}

func (s *retoldSession) Unwrap() connector.Session { return s.Session }

func (s *retoldSession) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	inner, _ := connector.As[connector.FullImporter](s.Session)
	return s.d.tell(ctx, r, inner.FullImport(ctx, r))
}

// hollow is a directory whose imports are complete and show nothing.
func hollow(d *memdir.Directory) *retold {
	return &retold{d, func(_ context.Context, _ connector.ImportRequest, items iter.Seq2[connector.Item, error]) iter.Seq2[connector.Item, error] {
		return func(yield func(connector.Item, error) bool) {
			for item, err := range items {
				if err == nil && item.Kind != connector.ItemComplete {
					continue
				}
				if err == nil {
					c := *item.Complete
					c.Objects, item.Complete = 0, &c
				}
				if !yield(item, err) {
					return
				}
			}
		}
	}}
}

// Whatever a connector does wrong, nobody is staged for deletion, nothing is sent, and the
// next good cycle ends where it would have without the fault.
func TestNoFaultOfAConnectorDeletes(t *testing.T) {
	t.Parallel()
	const objects = 7
	faulty := func(f connectortest.Fault) func(*world) {
		return func(w *world) {
			w.with(connectortest.WithFaults(w.ad, connectortest.FaultPlan{Faults: []connectortest.Fault{f}}))
		}
	}
	faults := map[string]func(*world){
		"empty result":  func(w *world) { w.with(hollow(w.ad)) },
		"repeated page": func(w *world) { w.ad.SetFaults(memdir.Faults{RepeatToken: true}) },
		"refuse":        faulty(connectortest.Fault{Kind: connectortest.Refuse}),
		"expire":        faulty(connectortest.Fault{Kind: connectortest.Expire}),
		"reorder":       faulty(connectortest.Fault{Kind: connectortest.Reorder, Window: objects}),
		"drop complete": faulty(connectortest.Fault{Kind: connectortest.DropComplete}),
	}
	for after := range objects {
		if testing.Short() && after%3 > 0 {
			continue
		}
		for _, kind := range []connectortest.FaultKind{connectortest.Cut, connectortest.Truncate, connectortest.Duplicate, connectortest.Malformed, connectortest.ItemTrouble} {
			faults[fmt.Sprintf("%s after %d", kind, after)] = faulty(connectortest.Fault{Kind: kind, After: after})
		}
	}
	for name, fault := range faults {
		for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.DeltaImport} {
			t.Run(fmt.Sprintf("%s/%s", name, kind), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.opts.Batch = 2
				w.opts.ImportHold = metaverse.ImportHold{Fraction: 0.99, Minimum: objects}
				w.reload()
				for i := range objects - 1 {
					w.user(i)
				}
				w.group(1)
				w.join(1, userDN(1), userDN(2), userDN(5))
				w.initial()
				w.settle()
				before := w.tenant()
				for i := range objects - 1 { // so that a delta import has something to show
					w.modify(userDN(i), set("title", attr.String("nobody reads it")))
				}
				w.modify(groupDN(1), set("title", attr.String("nobody reads it")))

				fault(w)
				rec, err := w.engine.Run(t.Context(), "ad", kind, nil)
				require.Equal(t, err == nil, rec.Error == "")
				require.Zero(t, rec.Counters.Deletes)
				require.Zero(t, w.pendingDeletions())
				w.ad.SetFaults(memdir.Faults{})
				w.reload()
				w.run("ad", metaverse.DeltaSync)
				require.Zero(t, w.run("cloud", metaverse.Export).Objects, "nothing has changed that anybody reads")
				require.Equal(t, before, w.tenant())
				w.settle()
				require.Zero(t, w.run("ad", metaverse.FullImport).Counters.Deletes)
				w.settle()
				require.Equal(t, w.expected(), w.tenant())
				require.Empty(t, w.errors())
				w.healthy()
			})
		}
	}
}

// In which order the connectors are read and evaluated does not matter.
func TestOrderOfConnectorsDoesNotMatter(t *testing.T) {
	t.Parallel()
	build := func(names ...string) *world {
		w := newWorld(t)
		for i := range 6 {
			w.user(i, set("manager"))
		}
		w.group(1)
		w.join(1, userDN(1), userDN(2))
		for i := range 3 { // some are in the tenant already
			o := connector.Object{Class: "user"}
			o.Attributes.Put("sourceAnchor", attr.String(fmt.Sprintf("E%d", i)))
			o.Attributes.Put("userPrincipalName", attr.String(fmt.Sprintf("u%d@contoso.test", i)))
			require.NoError(t, w.cloud.Put(o))
		}
		for _, kinds := range [][]metaverse.StepKind{{metaverse.FullImport}, {metaverse.FullSync}} {
			for _, name := range names {
				for _, kind := range kinds {
					w.run(name, kind)
				}
			}
		}
		w.run("cloud", metaverse.Export)
		w.settle()
		return w
	}
	a, b := build("ad", "cloud"), build("cloud", "ad")
	require.Equal(t, a.tenant(), b.tenant())
	require.Equal(t, a.expected(), a.tenant())
	require.Equal(t, shape(t, a), shape(t, b))
}

// shape is what a store holds, without how its links came about: who finds whom depends on who
// comes first.
func shape(t *testing.T, w *world) (lines []string) {
	t.Helper()
	kind := regexp.MustCompile(` kind=\S+ rule="[^"]*"`)
	for line := range strings.Lines(metaversetest.Snapshot(t, w.store)) {
		lines = append(lines, kind.ReplaceAllString(line, ""))
	}
	return lines
}
