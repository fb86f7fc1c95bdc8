package sqlstore

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/metaverse"
)

// BenchmarkBareRows writes the rows of a first import, and does nothing else: objects with records
// that are there already, what waits for synchronisation and a reference each. No import into this
// schema takes less of one core.
func BenchmarkBareRows(b *testing.B) {
	const rows, batch = 5000, 1000
	const zero, one = int64(0), int64(1)
	record := []byte(strings.Repeat("0123456789abcdef", 1100/16))
	var took time.Duration
	for b.Loop() {
		b.StopTimer()
		s, err := Open(b.Context(), b.TempDir()+"/store.db", nil)
		require.NoError(b, err)
		b.StartTimer()
		start := time.Now()
		for from := 0; from < rows; from += batch {
			require.NoError(b, s.Update(b.Context(), func(x metaverse.Tx) error {
				t := x.(*tx) //nolint:forcetypeassert // Update gives no other
				ids, refs := make([]metaverse.CSID, batch), make([]metaverse.CSRef, batch)
				for i := range ids {
					id, err := t.NewCS(1)
					if err != nil {
						return err
					}
					sum := sha256.Sum256(fmt.Append(nil, id))
					dn := fmt.Sprintf("CN=User %x,OU=Department %d,DC=contoso,DC=com", sum[:4], id%100)
					if _, err := t.exec(sqlPutCS, int64(id), one, one, zero, zero, one, sum[:16], dn, []byte(strings.ToLower(dn)), record); err != nil {
						return err
					}
					ids[i], refs[i] = id, metaverse.CSRef{Source: id, Attribute: "manager", Target: 1 + id/10}
				}
				if err := t.SetPendingImport(metaverse.ImportAdd, ids); err != nil {
					return err
				}
				return t.AddCSRefs(refs)
			}))
		}
		took += time.Since(start)
		b.StopTimer()
		require.NoError(b, s.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(took.Microseconds())/float64(b.N)/rows, "µs/row")
}
