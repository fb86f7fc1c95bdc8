package metaverse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// Statements of the store for each object of a company. Each costs a round trip to a server, where it is
// not sent together with others. Lower them when the code gets better; whoever has to raise
// them says why.
const (
	maxStatementsImport = 1.3  // a full import into an empty store: its row, its references
	maxStatementsFirst  = 4.0  // a first synchronisation: the rows of the identity, of the new object and of its pending export
	maxStatementsAgain  = 0.15 // nothing has changed
)

func TestStatementsForEachObject(t *testing.T) {
	t.Parallel()
	const users, groups = 2000, 100
	e := company(t, users, groups) // imported
	store, ok := e.Store().(*sqlstore.Store)
	require.True(t, ok)
	var before int64
	ran := func(what string, limit float64) {
		n := store.Statements()
		got := float64(n-before) / (users + groups)
		before = n
		t.Logf("%s: %.2f statements for each object", what, got)
		require.LessOrEqual(t, got, limit, what)
	}
	ran("full import", maxStatementsImport)
	mustRun(t, e, "ad", metaverse.FullSync)
	ran("first synchronisation", maxStatementsFirst)
	mustRun(t, e, "ad", metaverse.FullSync)
	ran("full synchronisation again", maxStatementsAgain)
}
