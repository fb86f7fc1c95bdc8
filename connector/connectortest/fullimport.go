package connectortest

import (
	"slices"
	"strconv"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

var fullImportRules = []rule{
	{"an empty directory is complete", fullEmpty},
	{"every object comes once with what it holds", fullComplete},
	{"several pages give everything once", fullPaged},
	{"anchors stay", fullAnchorsStay},
	{"references name their targets", fullReferences},
	{"references follow renames under way", fullRenames},
	{"classes limit the import", fullClasses},
	{"attributes limit the import", fullAttributes},
}

func fullEmpty(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	r := f.whole(f.full(connector.ImportRequest{}))
	if len(r.items) > 0 {
		f.Logf("the directory is not empty, it has %d objects of its own", len(r.items))
	}
	if len(r.items) == 0 {
		require.Zero(f, r.complete.Objects, "Completion.Objects of an empty directory is 0")
	}
}

func fullComplete(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	mods := []attr.Mod{set(f.h.User.Single, "single-a")}
	if f.h.User.Multi != "" {
		mods = append(mods, attr.Mod{Name: f.h.User.Multi, Adds: texted([]string{"555-0101", "555-0102", "555-0103"})})
	}
	ann := f.user("conf-ann", mods...)
	bob := f.user("conf-bob", set(f.h.User.Single, "single-b"))
	keys := f.seed(ann, bob, f.group("conf-empty-group"))

	m := f.fullModel()
	for i, o := range []connector.Object{ann, bob, f.group("conf-empty-group")} {
		n := m.nodes[keys[i].Anchor]
		require.NotNilf(f, n, "a full import yields every object: %v", keys[i])
		require.Truef(f, attr.EqualName(o.Class, n.class), "an object has its class: %v: got %s", keys[i], n.class)
		if f.h.DN != nil {
			require.Equalf(f, m.key(o.DN), m.key(n.dn), "an object has its DN")
		}
	}
	f.holds(m, keys[0], f.h.User.Single, "single-a")
	f.holds(m, keys[1], f.h.User.Single, "single-b")
	if f.h.User.Multi != "" {
		f.holds(m, keys[0], f.h.User.Multi, "555-0101", "555-0102", "555-0103")
		f.holds(m, keys[1], f.h.User.Multi)
	}
	f.holds(m, keys[2], f.h.Group.Members)
}

// holds checks the values of an attribute, given sorted; none means that it does not exist.
func (f *fixture) holds(m *model, k connector.Key, name string, want ...string) {
	f.Helper()
	n := m.nodes[k.Anchor]
	require.NotNilf(f, n, "the object exists: %v", k)
	require.Equalf(f, slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(m.values(n, name))), "values of attribute %s of %v", name, k)
}

// refers checks the targets of a reference attribute.
func (f *fixture) refers(m *model, k connector.Key, name string, targets ...connector.Key) {
	f.Helper()
	var want []string
	for _, t := range targets {
		want = append(want, t.Anchor.Text())
	}
	f.holds(m, k, name, want...)
}

func fullPaged(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	keys := f.seedUsers(f.h.Many)
	var total int64
	r := f.whole(f.full(connector.ImportRequest{
		PageSize: f.h.PageSize,
		Progress: func(n int64) { total = n },
	}))
	seen := anchors(r.items)
	for _, k := range keys {
		require.Truef(f, seen[k.Anchor], "an import of several pages yields every object: %v", k)
	}
	if total != 0 {
		require.GreaterOrEqual(f, total, int64(f.h.Many), "Progress tells the number of objects in total")
	}
}

func fullAnchorsStay(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	k := f.seedOne(f.user("conf-ann", set(f.h.User.Single, "before")))
	f.modify(k, set(f.h.User.Single, "after"))
	f.holds(f.fullModel(), k, f.h.User.Single, "after")
	if f.h.DN != nil && (f.dir.Rename != nil || f.caps.Rename) {
		k = f.rename(k, f.h.DN(f.h.User.Name, "conf-renamed"))
		n := f.fullModel().nodes[k.Anchor]
		require.NotNil(f, n, "an object keeps its anchor when it is renamed")
		require.Equal(f, k.DN, n.dn, "an object that was renamed shows its new DN")
	}
}

func fullReferences(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	users := f.seedUsers(3)
	group := f.seedOne(f.group("conf-group", users[0], users[2]))
	m := f.fullModel()
	f.refers(m, group, f.h.Group.Members, users[0], users[2])
	if f.h.User.Reference != "" {
		f.modify(users[0], attr.Mod{Name: f.h.User.Reference, Replace: true, Adds: f.references(users[1:2])})
		f.refers(f.fullModel(), users[0], f.h.User.Reference, users[1])
	}
}

func fullClasses(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	users := f.seedUsers(2)
	group := f.seedOne(f.group("conf-group", users...))
	o := f.options()
	o.Classes = []string{f.h.Group.Name}
	r := f.whole(f.fullIn(f.Context(), f.sessionWith(o), connector.ImportRequest{}))
	var found bool
	for _, it := range r.items {
		require.Truef(f, attr.EqualName(f.h.Group.Name, it.Object.Class), "OpenOptions.Classes limits the import: %v is a %s", it.Object.Key(), it.Object.Class)
		found = found || it.Object.Anchor == group.Anchor
	}
	require.True(f, found, "objects of a class in OpenOptions.Classes are imported")
}

func fullAttributes(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	users := f.seedUsers(1)
	group := f.seedOne(f.group("conf-group", users...))
	o := f.options()
	o.Attributes = []string{f.h.User.Single}
	r := f.whole(f.fullIn(f.Context(), f.sessionWith(o), connector.ImportRequest{}))
	m := f.newModel()
	for _, it := range r.items {
		require.NoError(f, m.apply(it))
	}
	f.holds(m, users[0], f.h.User.Single, "value-"+strconv.Itoa(0))
	require.NotNil(f, m.nodes[group.Anchor], "OpenOptions.Attributes does not limit the objects")
	f.holds(m, group, f.h.Group.Members) // not asked for
}

// fullRenames renames a user after each item of an import. Of two groups of all users one was
// made before them and one after, so that some users come after a group that names them by
// what they were called.
func fullRenames(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	f.have(f.h.DN != nil, "DN")
	first := f.seedOne(f.group("conf-group-a"))
	users := f.seedUsers(f.h.Many)
	f.modify(first, f.add(f.h.Group.Members, users...))
	last := f.seedOne(f.group("conf-group-b", users...))

	left := len(users)
	rename := func() { // those that are likely to come last are renamed first
		left--
		users[left] = f.rename(users[left], f.h.DN(f.h.User.Name, "conf-renamed-"+strconv.Itoa(left)))
	}
	m := f.newModel()
	var end *connector.Completion
	im := capability[connector.FullImporter](f, f.session())
	for it, err := range im.FullImport(f.Context(), connector.ImportRequest{PageSize: f.h.PageSize}) {
		require.NoError(f, err)
		if it.Kind == connector.ItemObject {
			require.NoError(f, m.apply(it))
		}
		if end = it.Complete; left > 0 && end == nil {
			rename()
		}
	}
	require.NotNil(f, end, "an import that saw all ends with Complete")
	if f.caps.DeltaImport {
		for _, it := range f.whole(f.delta(end.Watermark, connector.ImportRequest{})).items {
			require.NoError(f, m.apply(it))
		}
	}
	f.refers(m, first, f.h.Group.Members, users...)
	f.refers(m, last, f.h.Group.Members, users...)
}
