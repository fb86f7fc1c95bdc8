package metaverse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
)

// Members who are renamed after their group was read and before they are, in the first full
// import, are members in the tenant at once; also when the import dies after that and is resumed.
func TestRenamedDuringTheFirstImport(t *testing.T) {
	t.Parallel()
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprint("dies=", dies), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.group(1)
			var want []string
			for i := range 8 {
				w.user(i)
				w.join(1, userDN(i))
				want = append(want, fmt.Sprint("->E", i))
			}
			faults := memdir.Faults{After: -1, Page: func(n int) {
				if n == 1 {
					require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(7)}, "CN=Married,OU=People,DC=contoso,DC=test"))
				}
			}}
			if dies {
				faults.After, faults.Import = 6, connector.ErrUnavailable
			}
			w.ad.SetFaults(faults)
			_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, &metaverse.RunOptions{PageSize: 2})
			if dies {
				require.ErrorIs(t, err, connector.ErrUnavailable)
				w.ad.SetFaults(memdir.Faults{})
				w.reload()
				rec, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, &metaverse.RunOptions{PageSize: 2})
				require.NoError(t, err)
				require.Less(t, rec.Objects, int64(9), "it went on where it had stopped")
			} else {
				require.NoError(t, err)
			}
			w.ad.SetFaults(memdir.Faults{})
			for _, name := range []string{"ad", "cloud"} {
				w.run(name, metaverse.FullSync)
			}
			w.run("cloud", metaverse.Export)
			w.run("cloud", metaverse.FullImport)
			w.run("cloud", metaverse.DeltaSync)
			w.run("cloud", metaverse.Export)
			require.ElementsMatch(t, want, w.members("G1"))
			w.settle()
			w.healthy()
			require.ElementsMatch(t, want, w.members("G1"))
		})
	}
}
