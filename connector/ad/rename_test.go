package ad_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// during runs a full import and calls edit before the n-th object is taken.
func during(t testing.TB, s connector.Session, edit func(n int)) *view {
	t.Helper()
	importer, ok := connector.As[connector.FullImporter](s)
	require.True(t, ok)
	v, n := newView(), 0
	require.NoError(t, v.take(func(yield func(connector.Item, error) bool) {
		for item, err := range importer.FullImport(t.Context(), connector.ImportRequest{}) {
			edit(n)
			n++
			if !yield(item, err) {
				return
			}
		}
	}))
	require.NotEmpty(t, v.mark)
	return v
}

// A member who is renamed, or whose container is, after her group was read and before she is.
func TestMockRenamedDuringFullImport(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ad.Options){
		"DirSync":        func(*ad.Options) {},
		"WithoutDirSync": func(o *ad.Options) { o.DirSync = ad.DirSyncNever },
		"Containers":     func(o *ad.Options) { o.Include = []string{"OU=First,DC=contoso,DC=test", "OU=Last,DC=contoso,DC=test"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dc := adtest.NewServer(t, &adtest.Options{MaxPageSize: 2, MaxValRange: 6})
			first, last := "OU=First,"+dc.BaseDN(), "OU=Last,"+dc.BaseDN()
			for _, dn := range []string{first, last, "OU=Old," + last} {
				require.NoError(t, dc.Add(dn, adtest.Attrs{"objectClass": {"organizationalUnit"}}))
			}
			team := "CN=team," + first
			require.NoError(t, dc.Add(team, adtest.Attrs{"objectClass": {"group"}, "sAMAccountName": {"team"}}))
			for i := range 12 {
				dn := fmt.Sprintf("CN=person%d,%s", i, map[bool]string{true: last, false: "OU=Old," + last}[i%2 == 0])
				require.NoError(t, dc.Add(dn, adtest.Attrs{"objectClass": {"user"}, "sAMAccountName": {fmt.Sprint("person", i)}}))
				require.NoError(t, dc.AddMember(team, dn))
			}
			o := mockOptions(dc)
			change(&o)
			s := open(t, directory(t, o))
			v := during(t, s, func(n int) {
				if n != 0 {
					return
				}
				_, err := dc.Rename("CN=person8,"+last, "married")
				require.NoError(t, err)
				_, err = dc.Rename("OU=Old,"+last, "New")
				require.NoError(t, err)
			})
			require.Len(t, v.at(t, team).Attributes.Values("member"), 12)
			require.Contains(t, v.at(t, team).Attributes.Values("member"), attr.Reference("CN=married,"+last))
			v.equal(t, full(t, s))
			v.delta(t, s)
			v.equal(t, full(t, s))

			dc.ResetLog()
			quiet := full(t, s)
			require.Len(t, quiet.objects, len(quiet.byAnchor), "nobody comes twice where nothing happens")
			if name == "DirSync" {
				asked := slices.DeleteFunc(dc.Requests(), func(r adtest.Request) bool { return !slices.Contains(r.Controls, ldap.ControlTypeDirSync) })
				require.Len(t, asked, 1, "nor is asked for changes, but for the watermark")
			}
		})
	}
}
