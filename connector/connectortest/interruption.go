package connectortest

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

var interruptionRules = []rule{
	{"leaving the loop early stops the import", breakEarly},
	{"a context cancelled before gives its error", cancelBefore},
	{"a context cancelled in between gives its error and no Complete", cancelBetween},
	{"a broken stream has no Complete", brokenStream},
	{"a repeated page token is an error", repeatedToken},
	{"sessions leave no goroutines behind", goroutines},
}

func breakEarly(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	f.seedUsers(f.h.Many)
	s := f.session()
	im := capability[connector.FullImporter](f, s)
	for _, err := range im.FullImport(f.Context(), connector.ImportRequest{PageSize: f.h.PageSize}) {
		require.NoError(f, err)
		break
	}
	require.NoError(f, s.Close(f.Context()), "a session can be closed after its import was left")
	r := f.whole(f.full(connector.ImportRequest{}))
	require.GreaterOrEqual(f, len(r.items), f.h.Many, "an import is whole after an earlier one was left")
}

func cancelBefore(f *fixture) {
	s := f.session()
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	if f.caps.FullImport {
		r := f.fullIn(ctx, s, connector.ImportRequest{})
		require.ErrorIs(f, r.err, context.Canceled, "an import with a cancelled context gives the context's error")
		require.Empty(f, r.items, "an import with a cancelled context yields nothing")
	}
	if f.caps.ReadObjects {
		k := connector.Key{Anchor: connector.TextAnchor("none")}
		r := f.receive(capability[connector.ObjectReader](f, s).ReadObjects(ctx, []connector.Key{k}), true)
		require.ErrorIs(f, r.err, context.Canceled, "reading with a cancelled context gives the context's error")
	}
}

func cancelBetween(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	f.seedUsers(f.h.Many)
	im := capability[connector.FullImporter](f, f.session())
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	var last error
	for it, err := range im.FullImport(ctx, connector.ImportRequest{PageSize: f.h.PageSize}) {
		last = err
		require.NotEqual(f, connector.ItemComplete, it.Kind, "a cancelled import has no Complete")
		cancel()
	}
	require.ErrorIs(f, last, context.Canceled, "a cancelled import ends with the context's error")
	require.False(f, connector.IsTransient(last), "a cancelled context is not transient")
}

func brokenStream(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	f.have(f.dir.BreakImport != nil && f.dir.Repair != nil, "BreakImport and Repair")
	keys := f.seedUsers(f.h.Many)
	f.dir.BreakImport(f.T, f.h.PageSize+1)
	r := f.full(connector.ImportRequest{PageSize: f.h.PageSize})
	require.Nil(f, r.complete, "an import that did not see all has no Complete")
	require.Error(f, r.err, "an import whose connection broke ends with an error")
	require.Truef(f, connector.IsTransient(r.err), "a broken connection is transient: %v", r.err)
	require.Less(f, len(r.items), f.h.Many, "a broken import is partial")

	f.dir.Repair(f.T)
	m := f.fullModel()
	for _, k := range keys {
		require.NotNil(f, m.nodes[k.Anchor], "an import is whole after the trouble is over")
	}
}

func repeatedToken(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	f.have(f.dir.RepeatToken != nil && f.dir.Repair != nil, "RepeatToken and Repair")
	f.seedUsers(f.h.Many)
	f.dir.RepeatToken(f.T)
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	r := f.fullIn(ctx, f.session(), connector.ImportRequest{PageSize: f.h.PageSize})
	require.NoError(f, ctx.Err(), "an import does not go in circles when a page token comes twice")
	require.Nil(f, r.complete, "an import with a repeated page token did not see all")
	require.ErrorIs(f, r.err, connector.ErrProtocol, "a page token that comes twice is an error")
	f.dir.Repair(f.T)
	f.whole(f.full(connector.ImportRequest{PageSize: f.h.PageSize}))
}

func goroutines(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	f.seedUsers(2 * f.h.PageSize)
	use := func() {
		s, err := f.conn.Open(f.Context(), f.options())
		require.NoError(f, err)
		for _, err := range capability[connector.FullImporter](f, s).FullImport(f.Context(), connector.ImportRequest{PageSize: f.h.PageSize}) {
			require.NoError(f, err)
			break
		}
		require.NoError(f, s.Close(f.Context()))
	}
	use() // what is made once and kept is made here
	const times = 10
	var before, after int
	for range 5 { // tests beside this one begin goroutines as well, but not every time
		before = settled(0)
		for range times {
			use()
		}
		if after = settled(before + times/2); after < before+times/2 {
			break
		}
	}
	require.Less(f, after, before+times/2, "sessions leave no goroutines behind")
}

// settled returns the number of goroutines once it is at most want, or has had its time to
// get there: connections that were closed take a moment to end theirs.
func settled(want int) int {
	n := runtime.NumGoroutine()
	for range 100 {
		if n < want {
			break
		}
		time.Sleep(10 * time.Millisecond)
		n = min(n, runtime.NumGoroutine())
		if want == 0 {
			break
		}
	}
	return n
}

// typed checks that an error of a connector can be branched on.
func (f *fixture) typed(err error, op string) {
	f.Helper()
	var e *connector.Error
	require.Truef(f, errors.As(err, &e), "an error of a connector is a *connector.Error: %v", err)
	require.NotEmptyf(f, e.Op, "an error tells what was tried, here %s", op)
}
