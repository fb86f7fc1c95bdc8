package sqlstore_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

func open(t *testing.T, path string, opts *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), path, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	var paths sync.Map // of stores
	opts := &sqlstore.Options{CacheSize: 1 << 20, Synchronous: sqlstore.SynchronousNormal}
	openAt := func(t *testing.T, path string) metaverse.Store {
		s := open(t, path, opts)
		paths.Store(s, path)
		return s
	}
	metaversetest.Run(t,
		func(t *testing.T) metaverse.Store { return openAt(t, filepath.Join(t.TempDir(), "store.db")) },
		&metaversetest.Options{
			Reopen: func(t *testing.T, s metaverse.Store) metaverse.Store {
				path, _ := paths.Load(s)
				require.NoError(t, s.Close())
				return openAt(t, path.(string))
			},
			Check: checkConformance,
		})
}

// checkConformance looks for what holds always; the tests leave behind what a synchronisation
// would not.
func checkConformance(t *testing.T, s metaverse.Store) {
	problems, err := s.(*sqlstore.Store).Check(t.Context())
	require.NoError(t, err)
	for _, p := range problems {
		require.NotContains(t, []string{"database", "record", "sequence", "import-object", "import-connector"}, p.Rule, p.Text)
	}
}
