package ad_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// The source anchor is written where there is none and never over another; other values
// are replaced only where they are what was expected.
func carefulWrites(t *testing.T, s connector.Session, key connector.Key) {
	t.Helper()
	guid := func(text string) attr.Value { return attr.BinaryString(text) }
	update := func(expected attr.Set, mods ...attr.Mod) connector.Result {
		return export(t, s, connector.Change{Op: connector.OpUpdate, Class: "user", Key: key, Expected: expected, Mods: mods})[0]
	}
	const name = "mS-DS-ConsistencyGuid"
	for range 2 { // a repetition is harmless
		require.NoError(t, update(attr.Set{}, replace(name, guid("0123456789abcdef")), replace("title", attr.String("A"))).Err)
	}
	var wrong attr.Set
	wrong.Put(name, guid("0123456789abcdef"))
	for _, expected := range []attr.Set{{}, wrong} {
		r := update(expected, replace(name, guid("fedcba9876543210")), replace("description", attr.String("beside it")))
		require.Equal(t, connector.Conflict, r.Outcome)
		require.ErrorIs(t, r.Err, connector.ErrConflict)
		require.NotContains(t, r.Err.Error(), "0123456789abcdef")
	}
	require.Equal(t, connector.Applied, update(attr.Set{}, replace(name)).Outcome, "clearing it does nothing")

	var titled attr.Set
	titled.Put("title", attr.String("A"))
	require.NoError(t, update(titled, replace("title", attr.String("B"))).Err)
	require.NoError(t, update(titled, replace("title", attr.String("B"))).Err, "done already")
	r := update(titled, replace("title", attr.String("C")))
	require.Equal(t, connector.Conflict, r.Outcome, "somebody else wrote B")
	titled.Put("title", attr.String("B"))
	require.NoError(t, update(titled, replace("title", attr.String("b"))).Err)

	o := full(t, s).byAnchor[key.Anchor]
	require.Equal(t, "0123456789abcdef", o.Attributes.Values(name)[0].Str())
	require.Equal(t, "b", o.Attributes.Text("title"))
}

func TestSambaCarefulWrites(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 2, Groups: 1})
	s := open(t, directory(t, adminOptions(d)))
	carefulWrites(t, s, full(t, s).at(t, d.Population.UserDN(1)).Key())
}

func TestMockCarefulWrites(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	dn := dc.Must(dc.AddUser("somebody", nil))
	s := open(t, directory(t, mockOptions(dc)))
	carefulWrites(t, s, full(t, s).at(t, dn).Key())
}
