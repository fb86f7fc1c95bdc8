package sqlstore_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// shared is the server that tests share which do nothing to it. TestMain stops it.
var shared = struct {
	once   sync.Once
	server *postgrestest.Server
	err    error
}{}

func sharedServer(t testing.TB) *postgrestest.Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = postgrestest.New(context.Background(), nil) })
	postgrestest.Require(t, shared.err)
	return shared.server
}

func stopSharedServer() error {
	if shared.server == nil {
		return nil
	}
	return shared.server.Close()
}

// postgres opens an empty store on the shared server.
func postgres(t testing.TB, opts *sqlstore.Options) (s *sqlstore.Store, url string) {
	t.Helper()
	url = sharedServer(t).Schema(t)
	s, err := sqlstore.Open(t.Context(), url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, url
}

// modelRuns is how many random sequences of operations a store on PostgreSQL has to go through,
// which takes a second each. HYBRIDSYNC_LONG in the environment makes it as many as on SQLite.
func modelRuns() int {
	switch {
	case os.Getenv("HYBRIDSYNC_LONG") != "":
		return 0
	case testing.Short():
		return 3
	default:
		return 15
	}
}

func TestPostgresConformance(t *testing.T) {
	t.Parallel()
	var urls sync.Map // of stores
	openAt := func(t *testing.T, url string) metaverse.Store {
		s := open(t, url, &sqlstore.Options{ReadConnections: 2})
		urls.Store(s, url)
		return s
	}
	metaversetest.Run(t,
		func(t *testing.T) metaverse.Store { return openAt(t, sharedServer(t).Schema(t)) },
		&metaversetest.Options{
			Reopen: func(t *testing.T, s metaverse.Store) metaverse.Store {
				url, _ := urls.Load(s)
				require.NoError(t, s.Close())
				return openAt(t, url.(string))
			},
			Check:     checkConformance,
			ModelRuns: modelRuns(),
		})
}
