package metaversetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/metaverse"
)

// model runs random Updates on the store and on a Memory. Both have to agree about every
// call that fails and, after each Update, about everything that can be read. Some Updates are
// given up, and from time to time the store is reopened.
func (s *suite) model(t *testing.T) {
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; s.opts.ModelRuns > 0 && runs > s.opts.ModelRuns {
			return
		}
		m := &machine{t: rt, store: s.open(t), model: NewMemory()}
		defer func() { require.NoError(t, m.store.Close()) }()
		for range rapid.IntRange(1, 12).Draw(rt, "updates") {
			m.update()
			if s.opts.Reopen != nil && rapid.IntRange(0, 9).Draw(rt, "reopen") == 0 {
				m.store, m.model = s.opts.Reopen(t, m.store), m.model.Reopen()
			}
			m.compare()
		}
	})
}

// A machine holds the two stores of one run of the model test.
type machine struct {
	t     *rapid.T
	store metaverse.Store
	model *Memory
	live  *memTx           // the model within an Update
	cs    []metaverse.CSID // reserved so far
	mv    []metaverse.MVID
}

var errGiveUp = errors.New("given up on purpose")

func (m *machine) update() {
	giveUp := rapid.IntRange(0, 7).Draw(m.t, "give up") == 0
	cs, mv := m.cs, m.mv
	var want error
	got := m.store.Update(m.t.Context(), func(tx metaverse.Tx) error {
		want = m.model.Update(m.t.Context(), func(model metaverse.Tx) error {
			err := m.operations(tx, model.(*memTx))
			if err == nil && giveUp {
				err = errGiveUp
			}
			return err
		})
		return want
	})
	require.Equal(m.t, want, got, "the Update ends with the function's error")
	if want != nil {
		m.cs, m.mv = cs, mv
	}
}

// operations carries out random operations on both. One that fails ends the Update.
func (m *machine) operations(tx metaverse.Tx, model *memTx) error {
	m.live = model
	operations := modelOperations()
	for range rapid.IntRange(1, 10).Draw(m.t, "operations") {
		op := operations[rapid.IntRange(0, len(operations)-1).Draw(m.t, "operation")]
		got, want := op.run(m, tx, model)
		if (got == nil) != (want == nil) {
			require.Fail(m.t, "store and model disagree", "%s: store: %v, model: %v", op.name, got, want)
		}
		if want != nil {
			return fmt.Errorf("%s: %w", op.name, want)
		}
	}
	m.compareReaders(tx, model)
	return nil
}

func (m *machine) compare() {
	require.NoError(m.t, m.store.View(m.t.Context(), func(r metaverse.Reader) error {
		return m.model.View(m.t.Context(), func(model metaverse.Reader) error {
			m.compareReaders(r, model)
			return nil
		})
	}))
}

func (m *machine) compareReaders(store, model metaverse.Reader) {
	requireSame(m.t, m.describe(model), m.describe(store), "store and model hold the same")
}

// describe reads everything there is to read.
func (m *machine) describe(r metaverse.Reader) map[string]any {
	out := make(map[string]any)
	note := func(name string, args ...any) func(v any, err error) {
		return func(v any, err error) {
			require.NoError(m.t, err, name)
			out[fmt.Sprint(append([]any{name, " "}, args...)...)] = v
		}
	}
	for _, conn := range modelConnectors() {
		m.describeSpace(r, conn, func(name string, v any, err error) { note(name, conn)(v, err) })
	}
	note("errors")(errorsByKey(r.ObjectErrors("", -1, modelAll)))
	note("runs")(any2(r.Runs("", 0, modelAll)))
	note("connectors")(any2(r.Connectors()))
	note("count mv")(any2(r.CountMV()))
	note("scan mv")(any2(r.ScanMV(0, modelAll)))
	note("mv by value")(any2(r.MVByValue(modelValues())))
	note("work")(workSet(r.RefWork(modelAll)))
	note("settings")(any2(r.Settings("")))
	cs, mv := append([]metaverse.CSID{0, 1 << 40}, m.cs...), append([]metaverse.MVID{0, 1 << 40}, m.mv...)
	note("mv heads")(any2(r.MVHeads(mv)))
	note("linked")(any2(r.LinkedCS(mv)))
	note("referred to")(any2(r.ReferredTo(cs)))
	note("has export refs")(exportRefSources(r.HasExportRefs(cs)))
	note("pending exports")(any2(r.PendingExport(cs)))
	for _, id := range cs {
		note("ref names", id)(any2(r.CSRefNames(id)))
		note("referrers", id)(any2(r.Referrers(id, 0, modelAll)))
		for _, a := range modelAttributes() {
			note("refs", id, a)(any2(r.CSRefs(id, a, 0, 0)))
			note("ref page", id, a)(any2(r.CSRefs(id, a, 2, 2)))
			note("ref count", id, a)(any2(r.CountCSRefs(id, a)))
		}
		for _, sent := range []bool{false, true} {
			note("export refs", id, sent)(any2(r.ExportRefs(id, sent, metaverse.ExportRef{}, modelAll)))
			note("export ref page", id, sent)(any2(r.ExportRefs(id, sent, metaverse.ExportRef{Attribute: "manager", Target: 2}, 2)))
		}
	}
	for _, id := range mv {
		for _, a := range modelAttributes() {
			note("mv refs", id, a)(any2(r.MVRefs(id, a, 0, 0)))
			note("mv ref count", id, a)(any2(r.CountMVRefs(id, a)))
		}
	}
	return out
}

func (m *machine) describeSpace(r metaverse.Reader, conn string, note func(name string, v any, err error)) {
	add := func(name string) func(v any, err error) { return func(v any, err error) { note(name, v, err) } }
	add("count")(any2(r.CountCS(conn)))
	add("scan")(any2(r.ScanCS(conn, 0, modelAll)))
	add("scan page")(any2(r.ScanCS(conn, 1, 2)))
	add("pending imports")(any2(r.PendingImports(conn, 0, modelAll)))
	add("pending count")(any2(r.CountPendingImports(conn)))
	add("pending page")(any2(r.PendingImports(conn, 1, 2)))
	add("unseen")(any2(r.Unseen(conn, 0, modelAll)))
	add("unseen page")(any2(r.Unseen(conn, 1, 2)))
	add("count unseen")(any2(r.CountUnseen(conn)))
	add("by anchor")(any2(r.CSByAnchor(conn, modelAnchors())))
	add("by dn")(any2(r.CSByDN(conn, modelNames())))
	add("by value")(any2(r.CSByValue(conn, modelValues())))
	add("exports")(any2(r.ScanPendingExports(conn, 0, modelAll)))
	add("export page")(any2(r.ScanPendingExports(conn, 1, 2)))
	add("count exports")(any2(r.CountPendingExports(conn)))
	add("runs")(any2(r.Runs(conn, 3, 2)))
	add("errors")(errorsByKey(r.ObjectErrors(conn, 0, modelAll)))
}

const modelAll = 10000

func any2[T any](v T, err error) (any, error) { return v, err }

func exportRefSources(unsent, sent []bool, err error) (any, error) {
	return [2][]bool{unsent, sent}, err
}

// workSet makes the order of the reference queue, which the contract leaves open, not count.
func workSet(work []metaverse.RefWork, err error) (any, error) {
	out := make(map[metaverse.RefWork]bool, len(work))
	for _, w := range work {
		out[w] = true
	}
	return out, err
}

// errorsByKey makes the order of one object's errors, which the contract leaves open, not
// count.
func errorsByKey(errs []metaverse.ObjectError, err error) (any, error) {
	out := make(map[string]metaverse.ObjectError, len(errs))
	for _, e := range errs {
		out[fmt.Sprint(e.CS, e.Connector, e.Object, e.Step, e.Code, e.Attribute, e.Rule)] = e
	}
	return out, err
}
