package ad_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

func TestSambaFullImport(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 300, Groups: 10})
	o := adminOptions(d)
	o.PageSize = 50
	s := open(t, directory(t, o))
	v := full(t, s)

	user := v.at(t, d.Population.UserDN(50))
	require.Equal(t, "user", user.Class)
	require.Equal(t, "u000050", user.Attributes.Text("sAMAccountName"))
	control, _ := user.Attributes.First("userAccountControl")
	require.Equal(t, attr.Int(546), control)
	require.Len(t, user.Attributes.Values("proxyAddresses"), 3)
	manager, _ := user.Attributes.First("manager")
	require.Equal(t, attr.Reference(d.Population.UserDN(5)), manager)
	anchor, _ := user.Attributes.First("objectGUID")
	require.Equal(t, attr.KindBinary, anchor.Kind())
	require.Equal(t, user.Anchor.Raw(), anchor.Str())
	sid, _ := user.Attributes.First("objectSid")
	require.Equal(t, attr.KindBinary, sid.Kind())
	created, _ := user.Attributes.First("whenCreated")
	require.True(t, strings.HasSuffix(created.Str(), ".0Z"))
	dn, _ := user.Attributes.First("distinguishedName")
	require.Equal(t, attr.Reference(user.DN), dn)
	require.False(t, user.Attributes.Has("memberOf"), "back links are not imported unless asked for")
	require.False(t, user.Attributes.Has("nTSecurityDescriptor"))

	require.Len(t, v.at(t, d.Population.GroupDN(1)).Attributes.Values("member"), 300)
	require.Equal(t, "computer", v.at(t, "CN=DC1,OU=Domain Controllers,"+d.BaseDN).Class)
	require.Equal(t, "foreignSecurityPrincipal", v.at(t, "CN=S-1-5-11,CN=ForeignSecurityPrincipals,"+d.BaseDN).Class)
	require.Empty(t, user.Partition, "there is only one")

	v.delta(t, s)
	require.Empty(t, v.updates)
	require.Empty(t, v.deletes)
	require.Empty(t, v.objects, "nothing has changed")
}

func TestSambaAttributesAndClasses(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 20, Groups: 2, ExchangeSchema: true})
	o := adminOptions(d)
	o.Classes = []string{"user"}
	o.Attributes = []string{"SAMACCOUNTNAME", "memberOf", "noSuchAttribute", "extensionAttribute1", "mail"}
	v := full(t, open(t, directory(t, o)))
	for _, object := range v.byAnchor {
		require.Equal(t, "user", object.Class, "computers derive from users and are none")
	}
	user := v.at(t, d.Population.UserDN(3))
	require.Equal(t, "mail(1) memberOf(1) objectGUID(1) sAMAccountName(1)", user.Attributes.String())

	narrow, err := directory(t, o).Open(t.Context(), connector.OpenOptions{Attributes: []string{"mail"}})
	require.NoError(t, err)
	user = full(t, narrow).at(t, d.Population.UserDN(3))
	require.Equal(t, "mail(1) objectGUID(1)", user.Attributes.String())
	require.NoError(t, narrow.Close(t.Context()))
	require.NoError(t, narrow.Close(t.Context()), "idempotent")
}

func TestSambaRanges(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 1700, Groups: 3})
	o := adminOptions(d)
	o.Attributes = []string{"member", "cn"}
	o.Classes = []string{"group"}
	con := directory(t, o)
	ad.SetRangeStep(con, 150)
	s := open(t, con)
	v := full(t, s)
	require.Len(t, v.at(t, d.Population.GroupDN(1)).Attributes.Values("member"), 1700)
	require.Len(t, v.at(t, d.Population.GroupDN(2)).Attributes.Values("member"), len(d.Population.DirectUsers(2))+1)

	var edit strings.Builder
	fmt.Fprintf(&edit, "dn: CN=Bulk,%s\nchangetype: add\nobjectClass: group\nsAMAccountName: bulk\n", d.Population.GroupsDN())
	for i := 1; i <= 1600; i++ {
		fmt.Fprintf(&edit, "member: %s\n", d.Population.UserDN(i))
	}
	d.MustEdit(t, edit.String())
	v.delta(t, s)
	require.Len(t, v.at(t, "CN=Bulk,"+d.Population.GroupsDN()).Attributes.Values("member"), 1600)
}

func TestSambaReadObjects(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 450, Groups: 2})
	o := adminOptions(d)
	o.Exclude = []string{"OU=Legal," + d.Population.PeopleDN()}
	s := open(t, directory(t, o))
	v := full(t, s)
	var keys []connector.Key
	for _, object := range v.byAnchor {
		keys = append(keys, connector.Key{Anchor: object.Anchor})
	}
	unknown := connector.NewAnchor(make([]byte, 16))
	keys = append(keys, connector.Key{Anchor: unknown}, connector.Key{DN: d.Population.UserDN(1)}, connector.Key{DN: "CN=nobody," + d.BaseDN},
		connector.Key{DN: "no dn"}, connector.Key{Anchor: connector.TextAnchor("x")}, connector.Key{DN: d.Population.UserDN(3)})
	reader, ok := connector.As[connector.ObjectReader](s)
	require.True(t, ok)
	var items []connector.Item
	for item, err := range reader.ReadObjects(t.Context(), keys) {
		require.NoError(t, err)
		items = append(items, item)
	}
	require.Len(t, items, len(keys))
	for i, object := range items[:len(v.byAnchor)] {
		require.Equal(t, connector.ItemObject, object.Kind)
		require.Equal(t, keys[i].Anchor, object.Object.Anchor)
		want := v.byAnchor[keys[i].Anchor].Attributes
		require.True(t, want.Equal(&object.Object.Attributes))
	}
	rest := items[len(v.byAnchor):]
	require.Equal(t, connector.ItemDelete, rest[0].Kind)
	require.Equal(t, unknown, rest[0].Object.Anchor)
	require.Equal(t, d.Population.UserDN(1), rest[1].Object.DN)
	require.Equal(t, connector.ItemObject, rest[1].Kind)
	for _, gone := range rest[2:] {
		require.Equal(t, connector.ItemDelete, gone.Kind)
	}
	require.Equal(t, "OU=Legal", strings.Split(d.Population.UserDN(3), ",")[1], "the last key is out of scope")
}

func TestSambaPartitions(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 5})
	o := adminOptions(d)
	o.Partitions = []string{"dc=contoso, dc=test", "CN=Configuration," + d.BaseDN}
	o.Classes = []string{"user", "site"}
	con := directory(t, o)
	schema, err := con.Schema(t.Context())
	require.NoError(t, err)
	require.Len(t, schema.Partitions, 2)
	s := open(t, con)
	v := full(t, s)
	site := v.at(t, "CN=Default-First-Site-Name,CN=Sites,CN=Configuration,"+d.BaseDN)
	user := v.at(t, d.Population.UserDN(1))
	require.Equal(t, schema.Partitions[0].ID, user.Partition)
	require.Equal(t, schema.Partitions[1].ID, site.Partition)
	d.MustEdit(t, "dn: "+site.DN+"\nchangetype: modify\nreplace: description\ndescription: x\n\n"+
		"dn: "+user.DN+"\nchangetype: modify\nreplace: title\ntitle: x\n")
	v.delta(t, s)
	require.Len(t, v.updates, 2)
	v.equal(t, full(t, s))
}
