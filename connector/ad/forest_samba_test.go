package ad_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// Two real domains in one connector. Samba makes each a forest of its own: members of the
// other domain, moves between them and the names of a domain that is down are for the
// forests of adtest.
func TestSambaForest(t *testing.T) {
	t.Parallel()
	a := sambatest.Start(t, &sambatest.Options{Users: 60, Groups: 3})
	b := sambatest.Start(t, &sambatest.Options{Users: 40, Groups: 2, Realm: "FABRIKAM.TEST"})
	f, err := ad.NewForest("contoso", adminOptions(a), adminOptions(b))
	require.NoError(t, err)
	_, err = f.Open(t.Context(), connector.OpenOptions{})
	require.ErrorContains(t, err, "another forest")
	ad.TakeStrangers(f)

	s := openForest(t, f)
	v := full(t, s)
	v.partitions(t, f)
	want := len(full(t, open(t, directory(t, adminOptions(a)))).byAnchor) + len(full(t, open(t, directory(t, adminOptions(b)))).byAnchor)
	require.Len(t, v.byAnchor, want)
	require.Equal(t, "contoso.test", v.partition[v.at(t, a.Population.UserDN(1)).Partition])
	require.Equal(t, "fabrikam.test", v.partition[v.at(t, b.Population.UserDN(1)).Partition])
	require.Len(t, v.at(t, b.Population.GroupDN(1)).Attributes.Values("member"), 40)

	for _, d := range []*sambatest.Domain{a, b} {
		p := d.Population
		d.MustEdit(t, fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: title\ntitle: changed\n\ndn: %s\nchangetype: delete\n\n"+
			"dn: %s\nchangetype: modrdn\nnewrdn: CN=Renamed\ndeleteoldrdn: 1\n\n"+
			"dn: %s\nchangetype: modify\ndelete: member\nmember: CN=Renamed,%s\n", p.UserDN(1), p.UserDN(2), p.UserDN(3), p.GroupDN(1), p.DepartmentDN(3)))
	}
	v.delta(t, s)
	require.Len(t, v.deletes, 2)
	require.Equal(t, "group", v.updates[len(v.updates)-1].Object.Class, "removed references come last")
	v.equal(t, full(t, s))

	results := export(t, s,
		connector.Change{ID: "a", Op: connector.OpUpdate, Class: "user", Key: v.at(t, a.Population.UserDN(1)).Key(), Mods: []attr.Mod{replace("title", attr.String("one"))}},
		connector.Change{ID: "b", Op: connector.OpUpdate, Class: "user", Key: v.at(t, b.Population.UserDN(1)).Key(), Mods: []attr.Mod{replace("title", attr.String("two"))}})
	require.Equal(t, connector.Applied, results[0].Outcome)
	require.Equal(t, connector.Applied, results[1].Outcome)
	mark := v.mark
	v.delta(t, s)
	require.Equal(t, "two", v.at(t, b.Population.UserDN(1)).Attributes.Text("title"))

	require.NoError(t, b.Kill())
	a.MustEdit(t, "dn: "+a.Population.UserDN(4)+"\nchangetype: delete\n\ndn: "+a.Population.UserDN(5)+"\nchangetype: modify\nreplace: title\ntitle: alone\n")
	s = openForest(t, f)
	v.mark = mark
	importer, _ := connector.As[connector.DeltaImporter](s)
	err = v.take(importer.DeltaImport(t.Context(), mark, connector.ImportRequest{}))
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.Empty(t, v.deletes)
	require.Equal(t, "alone", v.at(t, a.Population.UserDN(5)).Attributes.Text("title"))

	require.NoError(t, b.Restart(t.Context()))
	v.mark = mark
	s = openForest(t, f)
	v.delta(t, s)
	require.Len(t, v.deletes, 1)
	v.equal(t, full(t, s))
}
