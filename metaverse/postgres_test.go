package metaverse_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// The engine does on PostgreSQL what it does on SQLite.
func TestModelOnPostgres(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, nil)
	limit, runs := 4, 0
	if testing.Short() {
		limit = 1
	}
	rapid.Check(t, func(rt *rapid.T) {
		if runs++; runs > limit {
			return
		}
		store, err := sqlstore.Open(t.Context(), server.Schema(t), nil)
		require.NoError(rt, err)
		defer store.Close()
		runModel(rt, func(w *world) { w.store = store })
	})
}
