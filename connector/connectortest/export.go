package connectortest

import (
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

var exportRules = []rule{
	{"add", exportAdd},
	{"update and clear", exportUpdate},
	{"values of many", exportMulti},
	{"rename", exportRename},
	{"move", exportMove},
	{"delete", exportDelete},
	{"members", exportMembers},
	{"reference", exportReference},
	{"several changes in one batch", exportBatch},
	{"an empty batch", exportNothing},
	{"a change that is there already changes nothing", exportSame},
	{"a delta import shows what was exported", exportDelta},
}

// state is the directory as it is now, by a full import or by reading the keys.
func (f *fixture) state(keys ...connector.Key) *model {
	f.Helper()
	if f.caps.FullImport {
		return f.fullModel()
	}
	f.need(f.caps.ReadObjects, "way to see what was exported")
	m := f.newModel()
	for _, it := range f.read(keys...) {
		require.NoError(f, m.apply(it))
	}
	return m
}

// newUser exports a user and returns its key.
func (f *fixture) newUser(name string, attributes ...attr.Mod) connector.Key {
	f.Helper()
	return f.exportObjects(f.user(name, attributes...))[0]
}

func (f *fixture) exportObjects(objects ...connector.Object) []connector.Key {
	f.Helper()
	keys := make([]connector.Key, len(objects))
	for i, r := range f.mustExport(f.adds(objects)...) {
		keys[i] = connector.Key{Anchor: r.Anchor, DN: objects[i].DN}
		if r.DN != "" {
			keys[i].DN = r.DN
		}
	}
	return keys
}

func (f *fixture) update(k connector.Key, mods ...attr.Mod) connector.Change {
	return connector.Change{Op: connector.OpUpdate, Class: f.classOf(mods), Key: k, Mods: mods}
}

func exportAdd(f *fixture) {
	f.need(f.caps.Export, "export")
	o := f.user("conf-added", set(f.h.User.Single, "added"))
	change := f.adds([]connector.Object{o})[0]
	k := f.exportObjects(o)[0]
	m := f.state(k)
	f.holds(m, k, f.h.User.Single, "added")
	if f.h.DN != nil {
		require.Equal(f, m.key(o.DN), m.key(m.nodes[k.Anchor].dn), "an object is created where the change says")
	}
	objects := len(m.nodes)
	again := f.export(change)[0]
	require.Truef(f, again.Outcome.Done(), "an add that has been applied can be exported again: %v, %v", again.Outcome, again.Err)
	require.Equal(f, k.Anchor, again.Anchor, "an add that is exported again names the object that is there")
	require.Len(f, f.state(k).nodes, objects, "an add that is exported again makes no second object")
}

func exportUpdate(f *fixture) {
	f.need(f.caps.Export, "export")
	k := f.newUser("conf-user", set(f.h.User.Single, "before"))
	change := f.update(k, set(f.h.User.Single, "after"))
	f.mustExport(change)
	f.holds(f.state(k), k, f.h.User.Single, "after")
	f.mustExport(change)
	f.holds(f.state(k), k, f.h.User.Single, "after")
	change = f.update(k, set(f.h.User.Single))
	f.mustExport(change)
	f.holds(f.state(k), k, f.h.User.Single)
	f.mustExport(change)
	f.holds(f.state(k), k, f.h.User.Single)
}

func exportMulti(f *fixture) {
	f.need(f.caps.Export, "export")
	f.have(f.h.User.Multi != "", "multi-valued attribute")
	name := f.h.User.Multi
	k := f.newUser("conf-user", set(name, "555-0101", "555-0102"))
	f.holds(f.state(k), k, name, "555-0101", "555-0102")
	change := f.update(k, attr.Mod{Name: name, Adds: texted([]string{"555-0103"}), Deletes: texted([]string{"555-0101"})})
	f.mustExport(change)
	f.holds(f.state(k), k, name, "555-0102", "555-0103")
	f.mustExport(change)
	f.holds(f.state(k), k, name, "555-0102", "555-0103")
	f.mustExport(f.update(k, set(name, "555-0104")))
	f.holds(f.state(k), k, name, "555-0104")
	f.mustExport(f.update(k, set(name)))
	f.holds(f.state(k), k, name)
}

func exportRename(f *fixture) {
	f.need(f.caps.Export && f.caps.Rename, "export of renames")
	f.have(f.h.DN != nil, "DN")
	f.moves(f.h.DN(f.h.User.Name, "conf-renamed"))
}

func exportMove(f *fixture) {
	f.need(f.caps.Export && f.caps.Rename, "export of renames")
	f.have(f.h.OtherDN != nil, "OtherDN")
	f.moves(f.h.OtherDN(f.h.User.Name, "conf-user"))
}

// moves exports a change of DN together with one of an attribute.
func (f *fixture) moves(to string) {
	f.Helper()
	k := f.newUser("conf-user", set(f.h.User.Single, "before"))
	change := f.update(k, set(f.h.User.Single, "after"))
	change.NewDN = to
	r := f.mustExport(change)[0]
	if r.DN != "" {
		require.Equal(f, to, r.DN, "the result of a rename has the new DN, or none")
	}
	m := f.state(k)
	f.holds(m, k, f.h.User.Single, "after")
	require.Equal(f, to, m.nodes[k.Anchor].dn, "a renamed object has its new DN and its anchor")
	f.mustExport(change) // the key still has the old DN: the anchor counts
	f.same(m, f.state(k), "a rename that is exported again changes nothing")
}

func exportDelete(f *fixture) {
	f.need(f.caps.Export, "export")
	k := f.newUser("conf-user")
	change := connector.Change{Op: connector.OpDelete, Class: f.h.User.Name, Key: k}
	f.mustExport(change)
	if f.caps.FullImport {
		require.Nil(f, f.fullModel().nodes[k.Anchor], "an object that was deleted is not imported")
	}
	f.mustExport(change)
}

func exportMembers(f *fixture) {
	f.need(f.caps.Export, "export")
	name := f.h.Group.Members
	users := f.exportObjects(f.user("conf-user-0"), f.user("conf-user-1"), f.user("conf-user-2"))
	group := f.exportObjects(f.group("conf-group"))[0]
	change := f.update(group, f.add(name, users[0], users[1]))
	f.mustExport(change)
	f.refers(f.state(append(users, group)...), group, name, users[0], users[1])
	f.mustExport(change)
	both := f.add(name, users[2])
	both.Deletes = f.references(users[:1])
	change = f.update(group, both)
	f.mustExport(change)
	f.refers(f.state(append(users, group)...), group, name, users[1], users[2])
	f.mustExport(change)
	f.refers(f.state(append(users, group)...), group, name, users[1], users[2])
	f.mustExport(f.update(group, f.remove(name, users[1], users[2])))
	f.refers(f.state(append(users, group)...), group, name)
}

func exportReference(f *fixture) {
	f.need(f.caps.Export, "export")
	f.have(f.h.User.Reference != "", "single-valued reference")
	name := f.h.User.Reference
	users := f.exportObjects(f.user("conf-user-0"), f.user("conf-user-1"), f.user("conf-user-2"))
	for _, targets := range [][]connector.Key{users[1:2], users[2:3], users[2:3], nil, nil} {
		f.mustExport(f.update(users[0], attr.Mod{Name: name, Replace: true, Adds: f.references(targets)}))
		f.refers(f.state(users...), users[0], name, targets...)
	}
}

func exportBatch(f *fixture) {
	f.need(f.caps.Export, "export")
	keys := f.exportObjects(f.user("conf-user-0", set(f.h.User.Single, "before")), f.user("conf-user-1"))
	added := f.user("conf-user-2", set(f.h.User.Single, "added"))
	results := f.mustExport(
		f.update(keys[0], set(f.h.User.Single, "after")),
		connector.Change{Op: connector.OpDelete, Class: f.h.User.Name, Key: keys[1]},
		f.adds([]connector.Object{added})[0],
	)
	k := connector.Key{Anchor: results[2].Anchor, DN: added.DN}
	m := f.state(keys[0], k)
	f.holds(m, keys[0], f.h.User.Single, "after")
	f.holds(m, k, f.h.User.Single, "added")
	require.Nil(f, m.nodes[keys[1].Anchor], "an object that was deleted is gone")
}

func exportNothing(f *fixture) {
	f.need(f.caps.Export, "export")
	results, err := capability[connector.Exporter](f, f.session()).Export(f.Context(), nil)
	require.NoError(f, err, "a batch without changes is no error")
	require.Empty(f, results, "a batch without changes has no results")
}

func exportSame(f *fixture) {
	f.need(f.caps.Export, "export")
	k := f.newUser("conf-user", set(f.h.User.Single, "same"))
	before := f.state(k)
	f.mustExport(f.update(k, set(f.h.User.Single, "same")))
	f.same(before, f.state(k), "a change that the directory holds already changes nothing")
}

func exportDelta(f *fixture) {
	f.need(f.caps.Export && f.caps.DeltaImport, "export together with delta import")
	k := f.newUser("conf-user", set(f.h.User.Single, "before"))
	m, w := f.fullState()
	added := f.newUser("conf-added", set(f.h.User.Single, "added"))
	f.mustExport(f.update(k, set(f.h.User.Single, "after")))
	for _, it := range f.whole(f.delta(w, connector.ImportRequest{})).items {
		require.NoError(f, m.apply(it))
	}
	f.holds(m, k, f.h.User.Single, "after")
	f.holds(m, added, f.h.User.Single, "added")
	f.same(f.fullModel(), m, "a delta import confirms what was exported")
}
