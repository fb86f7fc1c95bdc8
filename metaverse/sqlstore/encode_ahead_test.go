package sqlstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// Many objects, whose records are encoded beside the writer, are stored as few are: each with its
// own record, also when all trade their DNs, and none of them when one cannot be encoded.
func TestManyRecordsAtOnce(t *testing.T) {
	t.Parallel()
	const n = 300
	s, err := sqlstore.OpenMemory(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var objects []*metaverse.CSObject
	put := func() error {
		return s.Update(t.Context(), func(tx metaverse.Tx) error { return tx.PutCS(objects) })
	}
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error {
		first, err := tx.NewCS(n)
		for i := range n {
			objects = append(objects, &metaverse.CSObject{
				ID: first + metaverse.CSID(i), Connector: "ad", Class: "user", Anchor: connector.TextAnchor(fmt.Sprint(i)),
				DN: benchDN(i), DNKey: benchDN(i), Imported: true, Image: adImage(i),
			})
		}
		return err
	}))
	require.NoError(t, put())
	for i, o := range objects { // each takes its neighbour's, and a name that is new
		o.DN, o.DNKey = benchDN((i+1)%n), benchDN((i+1)%n)
		o.Image.Put(fmt.Sprintf("extension%d", i%7), attr.Int(int64(i)))
	}
	require.NoError(t, put())
	check := func() {
		t.Helper()
		require.NoError(t, s.View(t.Context(), func(rd metaverse.Reader) error {
			got, err := rd.ScanCS("ad", 0, 2*n)
			require.NoError(t, err)
			require.Len(t, got, n)
			for i, o := range got {
				want := adImage(i)
				want.Put(fmt.Sprintf("extension%d", i%7), attr.Int(int64(i)))
				require.Equal(t, benchDN((i+1)%n), o.DN)
				require.True(t, want.Equal(&o.Image), "record %d", i)
			}
			return nil
		}))
	}
	check()
	objects[n/2].Image.Put("broken", attr.Value{})
	require.ErrorContains(t, put(), fmt.Sprintf("cs %d: attribute broken", objects[n/2].ID))
	check()
	objects[n/2].Image.Delete("broken")
	objects[n-1].DN, objects[n-1].DNKey = objects[0].DN, objects[0].DNKey
	err = put()
	require.True(t, errors.Is(err, connector.ErrConflict), "%v", err)
	check()
}
