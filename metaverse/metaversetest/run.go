package metaversetest

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// Options adjust [Run].
type Options struct {
	// Reopen closes a store and opens the same one again, as after a restart of the
	// process. Nil leaves out the tests of what survives a restart; only stores that keep
	// nothing should do without.
	Reopen func(t *testing.T, s metaverse.Store) metaverse.Store
	// ModelRuns bounds the number of random sequences of the model test, for stores that are
	// slow to make. 0 means as many as rapid's flags say.
	ModelRuns int
	// Check verifies what should always be true of the store, after each test. Nil leaves it
	// out.
	Check func(t *testing.T, s metaverse.Store)
}

// Run tests a store against the contract of package metaverse. open returns a new and empty
// store each time and takes care of closing it; the tests use it at the same time. opts may be nil.
func Run(t *testing.T, open func(t *testing.T) metaverse.Store, opts *Options) {
	s := &suite{open: open}
	if opts != nil {
		s.opts = *opts
	}
	for _, group := range []struct {
		name  string
		tests []conformanceTest
	}{
		{"transactions", transactionTests()},
		{"objects", objectTests()},
		{"metaverse", metaverseTests()},
		{"references", referenceTests()},
		{"exports", exportTests()},
		{"history", historyTests()},
		{"lease", leaseTests()},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range group.tests {
				t.Run(strings.ReplaceAll(c.rule, " ", "_"), func(t *testing.T) {
					t.Parallel()
					if c.reopens && s.opts.Reopen == nil {
						t.Skip("the store keeps nothing")
					}
					f := &fixture{suite: s, store: s.open(t)}
					c.run(t, f)
					if s.opts.Check != nil {
						s.opts.Check(t, f.store)
					}
				})
			}
		})
	}
	t.Run("model", func(t *testing.T) { t.Parallel(); s.model(t) })
}

type suite struct {
	open func(t *testing.T) metaverse.Store
	opts Options
}

// A conformanceTest proves one rule, which is its name.
type conformanceTest struct {
	rule    string
	reopens bool
	run     func(t *testing.T, f *fixture)
}

// A fixture is one store under test.
type fixture struct {
	*suite
	store metaverse.Store
}

// update runs fn in an Update that has to succeed.
func (f *fixture) update(t *testing.T, fn func(tx metaverse.Tx)) {
	t.Helper()
	require.NoError(t, f.store.Update(t.Context(), func(tx metaverse.Tx) error {
		fn(tx)
		return nil
	}), "Update")
}

// view runs fn in a View that has to succeed.
func (f *fixture) view(t *testing.T, fn func(r metaverse.Reader)) {
	t.Helper()
	require.NoError(t, f.store.View(t.Context(), func(r metaverse.Reader) error {
		fn(r)
		return nil
	}), "View")
}

// reopen restarts the store, where it can be.
func (f *fixture) reopen(t *testing.T) {
	t.Helper()
	if f.opts.Reopen != nil {
		f.store = f.opts.Reopen(t, f.store)
	}
}

// object returns a connected directory's object as import would store it. The name is its DN.
func object(id metaverse.CSID, conn, name string) *metaverse.CSObject {
	return &metaverse.CSObject{
		ID: id, Connector: conn, Class: "user", Anchor: connector.TextAnchor("anchor of " + name),
		DN: name, DNKey: strings.ToLower(name), Imported: true,
		Image: attr.NewSet(map[string][]attr.Value{"cn": {attr.String(name)}}),
	}
}

// put stores objects with the names and returns their ids.
func put(t *testing.T, tx metaverse.Tx, conn string, names ...string) []metaverse.CSID {
	t.Helper()
	first, err := tx.NewCS(len(names))
	require.NoError(t, err, "NewCS")
	ids := make([]metaverse.CSID, len(names))
	objects := make([]*metaverse.CSObject, len(names))
	for i, name := range names {
		ids[i] = first + metaverse.CSID(i)
		objects[i] = object(ids[i], conn, name)
	}
	require.NoError(t, tx.PutCS(objects), "PutCS")
	return ids
}

// putMV stores n metaverse objects and returns their ids.
func putMV(t *testing.T, tx metaverse.Tx, class string, n int) []metaverse.MVID {
	t.Helper()
	first, err := tx.NewMV(n)
	require.NoError(t, err, "NewMV")
	ids := make([]metaverse.MVID, n)
	objects := make([]*metaverse.MVObject, n)
	for i := range ids {
		ids[i] = first + metaverse.MVID(i)
		objects[i] = &metaverse.MVObject{ID: ids[i], Class: class}
	}
	require.NoError(t, tx.PutMV(objects), "PutMV")
	return ids
}

// connect links objects to metaverse objects, as a join would.
func connect(t *testing.T, tx metaverse.Tx, cs []metaverse.CSID, mv []metaverse.MVID) {
	t.Helper()
	links := make([]metaverse.Link, len(cs))
	for i := range links {
		links[i] = metaverse.Link{MV: mv[i], Kind: metaverse.LinkJoin, Rule: "join"}
	}
	require.NoError(t, tx.SetLink(cs, links), "SetLink")
	require.NoError(t, tx.PutCSState(cs, metaverse.Connected), "PutCSState")
}

// get is the result of a call that has to succeed.
func get[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// settled returns the error of a write that may have been put off: reading shows it.
func settled(r metaverse.Reader, err error) error {
	if err == nil {
		_, err = r.Connectors()
	}
	return err
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
