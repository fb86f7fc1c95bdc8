package memdir_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := memdir.New("", &memdir.Options{
		PageSize: -1, ExportBatch: -1, References: 9, Unique: []string{"nothing"},
		Schema: &connector.Schema{Classes: []connector.Class{{Name: "user", Attributes: []string{"mail"}}}},
	})
	for _, bad := range []string{"name", "PageSize", "ExportBatch", "References", "mail", "nothing"} {
		require.ErrorContains(t, err, bad)
	}
}

func TestPut(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	// References within one call go in any direction.
	require.NoError(t, d.Put(group("CN=g", "CN=ann", "cn=BOB"), user("CN=ann", "Ann"), user("CN=bob", "Bob")))
	require.Equal(t, 3, d.Len())
	require.Equal(t, []string{"CN=ann", "CN=bob"}, texts(t, d, "CN=g", "member"))

	before, err := d.Get(at("cn=ANN"))
	require.NoError(t, err)
	require.False(t, before.Anchor.IsZero())
	require.NoError(t, d.Put(user("CN=Ann", "Annie")))
	after, err := d.Get(connector.Key{Anchor: before.Anchor})
	require.NoError(t, err)
	require.Equal(t, "CN=Ann", after.DN, "putting an object again replaces it, under the same anchor")
	require.Equal(t, "Annie", after.Attributes.Text("displayName"))

	moved := user("CN=ann,OU=x", "Annie")
	moved.Anchor = before.Anchor
	require.NoError(t, d.Put(moved))
	require.Equal(t, []string{"CN=ann,OU=x", "CN=bob"}, texts(t, d, "CN=g", "member"))

	own := user("CN=own", "Own")
	own.Anchor = connector.TextAnchor("mine")
	require.NoError(t, d.Put(own))
	got, err := d.Get(connector.Key{Anchor: connector.TextAnchor("mine")})
	require.NoError(t, err)
	require.Equal(t, "CN=own", got.DN)
}

func TestPutIsAllOrNothing(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{Unique: []string{"mail"}})
	taken := user("CN=taken", "x")
	taken.Attributes.Put("mail", attr.String("a@example.com"))
	require.NoError(t, d.Put(taken))
	same := connector.TextAnchor("same")
	for name, bad := range map[string]connector.Object{
		"no class":             {DN: "CN=b"},
		"no DN":                {Class: "user"},
		"bad DN":               {Class: "user", DN: "\xff"},
		"dangling reference":   group("CN=b", "CN=nobody"),
		"DN twice":             user("CN=good", "x"),
		"anchor twice":         {Class: "user", DN: "CN=b", Anchor: same},
		"unique value":         {Class: "user", DN: "CN=b", Attributes: attr.NewSet(map[string][]attr.Value{"MAIL": {attr.String("A@Example.com")}})},
		"value without a kind": {Class: "user", DN: "CN=b", Attributes: attr.NewSet(map[string][]attr.Value{"x": {{}}})},
		"name without letters": {Class: "user", DN: "CN=b", Attributes: attr.NewSet(map[string][]attr.Value{"": {attr.Int(1)}})},
	} {
		good := user("CN=good", "x")
		good.Anchor = same
		err := d.Put(good, bad)
		var e *connector.Error
		require.ErrorAs(t, err, &e, name)
		require.NotEqual(t, connector.CodeUnexpected, connector.CodeOf(err), name)
		require.Equal(t, 1, d.Len(), name)
	}
}

func TestReferencesFollowAndVanish(t *testing.T) {
	t.Parallel()
	for _, form := range []connector.ReferenceForm{connector.ReferenceByDN, connector.ReferenceByAnchor} {
		d := newDirectory(t, &memdir.Options{References: form})
		a, b := user("CN=a", "A"), user("CN=b", "B")
		a.Anchor, b.Anchor = connector.TextAnchor("CN=a"), connector.TextAnchor("CN=b") // so that both forms read alike
		require.NoError(t, d.Put(a, b, group("CN=g", "CN=a", "CN=b")))
		require.NoError(t, d.Rename(at("CN=a"), "CN=z"))
		want := "CN=z"
		if form == connector.ReferenceByAnchor {
			want = "CN=a"
		}
		require.ElementsMatch(t, []string{"CN=b", want}, texts(t, d, "CN=g", "member"))
		require.NoError(t, d.Delete(at("CN=z")))
		require.Equal(t, []string{"CN=b"}, texts(t, d, "CN=g", "member"))
		require.NoError(t, d.Delete(at("CN=b")))
		require.Empty(t, texts(t, d, "CN=g", "member"))
	}
}

func TestLooseReferences(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, &memdir.Options{LooseReferences: true})
	require.NoError(t, d.Put(user("CN=a", "A"), group("CN=g", "CN=a", "CN=nobody")))
	require.NoError(t, d.Rename(at("CN=a"), "CN=b"))
	require.NoError(t, d.Delete(at("CN=b")))
	require.Equal(t, []string{"CN=a", "CN=nobody"}, texts(t, d, "CN=g", "member"))
}

func TestReferenceToItself(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	require.NoError(t, d.Put(group("CN=g", "CN=g")))
	w := watermark(t, d)
	require.NoError(t, d.Delete(at("CN=g")))
	got, _, err := deltaImport(t, d, w)
	require.NoError(t, err)
	require.Equal(t, []string{"delete CN=g", "complete"}, got)
}

func TestRenameTakesAlongWhatIsBelow(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	ou := connector.Object{Class: "organizationalUnit", DN: "OU=old,DC=x"}
	require.NoError(t, d.Put(ou, user(`CN=a\,OU=old,DC=x`, "escaped"), user("CN=b,ou=OLD,dc=X", "B"), user("CN=c,CN=b,OU=old,DC=x", "C")))
	w := watermark(t, d)
	require.NoError(t, d.Rename(at("ou=old,dc=x"), "OU=new,DC=x"))
	for _, dn := range []string{"OU=new,DC=x", "CN=b,OU=new,DC=x", "CN=c,CN=b,OU=new,DC=x", `CN=a\,OU=old,DC=x`} {
		_, err := d.Get(at(dn))
		require.NoError(t, err, dn)
	}
	got, _, err := deltaImport(t, d, w)
	require.NoError(t, err)
	require.Equal(t, []string{"update OU=new,DC=x", "update CN=b,OU=new,DC=x", "update CN=c,CN=b,OU=new,DC=x", "complete"}, got)

	require.ErrorIs(t, d.Rename(at("OU=new,DC=x"), "OU=y,OU=new,DC=x"), connector.ErrInvalid, "an object cannot be below itself")
	require.ErrorIs(t, d.Rename(at("OU=new,DC=x"), "CN=b,OU=new,DC=x"), connector.ErrConflict)
	require.ErrorIs(t, d.Rename(at("OU=none"), "OU=y"), connector.ErrNotFound)
	require.ErrorIs(t, d.Rename(at("OU=new,DC=x"), ""), connector.ErrInvalid)
	require.ErrorIs(t, d.Delete(at("OU=new,DC=x")), connector.ErrInvalid, "an object with others below it is not deleted")
	for _, dn := range []string{"CN=c,CN=b,OU=new,DC=x", "CN=b,OU=new,DC=x", "OU=new,DC=x"} {
		require.NoError(t, d.Delete(at(dn)))
	}
	require.ErrorIs(t, d.Delete(at("OU=new,DC=x")), connector.ErrNotFound)
}

func TestModify(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	require.NoError(t, d.Put(user("CN=a", "A"), user("CN=b", "B")))
	require.NoError(t, d.Modify(at("CN=a"), set("manager", attr.Reference("cn=B")), set("displayName")))
	require.Equal(t, []string{"CN=b"}, texts(t, d, "CN=a", "manager"))
	require.Empty(t, texts(t, d, "CN=a", "displayName"))
	err := d.Modify(at("CN=a"), set("title", attr.String("x")), set("manager", attr.Reference("CN=nobody")))
	require.Equal(t, connector.CodeReferenceFailure, connector.CodeOf(err))
	require.Empty(t, texts(t, d, "CN=a", "title"), "all modifications or none")
	require.NoError(t, d.Modify(at("CN=a"), attr.Mod{Name: "manager", Deletes: []attr.Value{attr.Reference("CN=nobody")}}), "what does not exist is not referred to")
	require.ErrorIs(t, d.Modify(at("CN=none")), connector.ErrNotFound)
}

func TestAllAndGet(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	_, err := d.Get(connector.Key{})
	require.ErrorIs(t, err, connector.ErrNotFound)
	for range 3 { // more than one page, with gaps
		require.NoError(t, d.Put(group("CN=g")))
		require.NoError(t, d.Delete(at("CN=g")))
	}
	require.NoError(t, d.Put(user("CN=a", "A"), user("CN=b", "B"), user("CN=c", "C")))
	var got []string
	for o := range d.All() {
		got = append(got, o.DN)
		o.Attributes.Put("displayName", attr.String("changed")) // a copy
		if o.DN == "CN=b" {
			break
		}
	}
	require.Equal(t, []string{"CN=a", "CN=b"}, got, "in order of creation")
	require.Equal(t, []string{"A"}, texts(t, d, "CN=a", "displayName"))
	got = nil
	for o := range d.All() {
		got = append(got, o.DN)
		if o.DN == "CN=a" {
			require.NoError(t, d.Put(user("CN=d", "D")), "the directory may be edited meanwhile")
		}
	}
	require.Subset(t, got, []string{"CN=a", "CN=b", "CN=c"})
}

func TestManyObjects(t *testing.T) {
	t.Parallel()
	d := newDirectory(t, nil)
	var objects []connector.Object
	for i := range 1200 {
		objects = append(objects, user("CN="+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)), "x"))
	}
	require.NoError(t, d.Put(objects...))
	n := 0
	for range d.All() {
		n++
	}
	require.Equal(t, 1200, n)
	for _, o := range objects[:900] { // more than half: the order is compacted
		require.NoError(t, d.Delete(o.Key()))
	}
	got, _, err := fullImport(t, d)
	require.NoError(t, err)
	require.Len(t, got, 301)
}
