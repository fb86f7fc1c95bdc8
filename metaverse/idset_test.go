package metaverse

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestIDSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.Int64Range(1, 3*idChunk)).Draw(t, "ids")
		set, model := make(idSet), make(map[CSID]bool)
		for _, id := range ids {
			set.add(CSID(id))
			model[CSID(id)] = true
		}
		for id := CSID(1); id <= 3*idChunk; id++ {
			require.Equal(t, model[id], set.has(id), "%d", id)
		}
	})
}
