package connectortest

import (
	"strconv"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

var deltaRules = []rule{
	{"nothing changed", deltaRule(func(*fixture, *scene) {})},
	{"added", deltaRule(func(f *fixture, s *scene) {
		k := f.seedOne(f.user("conf-added", set(f.h.User.Single, "added")))
		s.touched(k)
		s.check = func(m *model) { f.holds(m, k, f.h.User.Single, "added") }
	})},
	{"single value changed", deltaRule(func(f *fixture, s *scene) {
		f.modify(s.users[1], set(f.h.User.Single, "changed"))
		s.touched(s.users[1])
		s.check = func(m *model) { f.holds(m, s.users[1], f.h.User.Single, "changed") }
	})},
	{"single value cleared", deltaRule(func(f *fixture, s *scene) {
		f.modify(s.users[1], set(f.h.User.Single))
		s.touched(s.users[1])
		s.check = func(m *model) { f.holds(m, s.users[1], f.h.User.Single) }
	})},
	{"cleared attribute set again", deltaRule(func(f *fixture, s *scene) {
		f.modify(s.users[1], set(f.h.User.Single))
		f.modify(s.users[1], set(f.h.User.Single, "again"))
		s.touched(s.users[1])
		s.check = func(m *model) { f.holds(m, s.users[1], f.h.User.Single, "again") }
	})},
	{"one of many values added and removed", deltaRule(func(f *fixture, s *scene) {
		f.have(f.h.User.Multi != "", "multi-valued attribute")
		f.modify(s.users[0], attr.Mod{Name: f.h.User.Multi, Adds: texted([]string{"555-0109"}), Deletes: texted([]string{"555-0101"})})
		s.touched(s.users[0])
		s.check = func(m *model) { f.holds(m, s.users[0], f.h.User.Multi, "555-0102", "555-0109") }
	})},
	{"all of many values cleared", deltaRule(func(f *fixture, s *scene) {
		f.have(f.h.User.Multi != "", "multi-valued attribute")
		f.modify(s.users[0], set(f.h.User.Multi))
		s.touched(s.users[0])
		s.check = func(m *model) { f.holds(m, s.users[0], f.h.User.Multi) }
	})},
	{"renamed", deltaRule(func(f *fixture, s *scene) {
		f.have(f.h.DN != nil, "DN")
		k := f.rename(s.users[0], f.h.DN(f.h.User.Name, "conf-renamed"))
		s.touched(k)
		s.check = func(m *model) { require.Equal(f, k.DN, m.nodes[k.Anchor].dn, "a renamed object shows its new DN") }
	})},
	{"moved", deltaRule(func(f *fixture, s *scene) {
		f.have(f.h.OtherDN != nil, "OtherDN")
		k := f.rename(s.users[0], f.h.OtherDN(f.h.User.Name, "conf-user-0"))
		s.touched(k)
		s.check = func(m *model) { require.Equal(f, k.DN, m.nodes[k.Anchor].dn, "a moved object shows its new DN") }
	})},
	{"deleted", deltaRule(func(f *fixture, s *scene) {
		f.delete(f.h.User.Name, s.users[2])
		s.touched(s.users[2])
		s.check = func(m *model) { require.Nil(f, m.nodes[s.users[2].Anchor], "a delta import tells of deletions") }
	})},
	{"added and deleted", deltaRule(func(f *fixture, _ *scene) {
		f.delete(f.h.User.Name, f.seedOne(f.user("conf-short-lived")))
	})},
	{"deleted and made again", deltaRule(func(f *fixture, s *scene) {
		f.need(!f.caps.Restore, "objects that are made anew: it restores them")
		f.delete(f.h.User.Name, s.users[2])
		k := f.seedOne(f.user("conf-user-2", set(f.h.User.Single, "new")))
		require.NotEqual(f, s.users[2].Anchor, k.Anchor, "an object that is made again is another object")
		s.touched(k)
		s.check = func(m *model) {
			require.Nil(f, m.nodes[s.users[2].Anchor], "a delta import tells of deletions")
			f.holds(m, k, f.h.User.Single, "new")
		}
	})},
	{"member added", deltaRule(func(f *fixture, s *scene) {
		f.modify(s.group, f.add(f.h.Group.Members, s.users[2]))
		s.touched(s.group)
		s.check = func(m *model) { f.refers(m, s.group, f.h.Group.Members, s.users...) }
	})},
	{"member removed", deltaRule(func(f *fixture, s *scene) {
		f.modify(s.group, f.remove(f.h.Group.Members, s.users[0]))
		s.touched(s.group)
		s.check = func(m *model) { f.refers(m, s.group, f.h.Group.Members, s.users[1]) }
	})},
	{"all members removed", deltaRule(func(f *fixture, s *scene) {
		f.modify(s.group, f.remove(f.h.Group.Members, s.users[0], s.users[1]))
		s.touched(s.group)
		s.check = func(m *model) { f.refers(m, s.group, f.h.Group.Members) }
	})},
	{"new object made a member", deltaRule(func(f *fixture, s *scene) {
		k := f.seedOne(f.user("conf-added"))
		f.modify(s.group, f.add(f.h.Group.Members, k))
		s.touched(s.group)
		s.check = func(m *model) { f.refers(m, s.group, f.h.Group.Members, s.users[0], s.users[1], k) }
	})},
	{"member renamed", deltaRule(func(f *fixture, s *scene) {
		f.have(f.h.DN != nil, "DN")
		k := f.rename(s.users[0], f.h.DN(f.h.User.Name, "conf-renamed"))
		f.modify(s.group, f.add(f.h.Group.Members, s.users[2]))
		s.touched(s.group)
		s.check = func(m *model) { f.refers(m, s.group, f.h.Group.Members, k, s.users[1], s.users[2]) }
	})},
	{"member deleted", deltaRule(func(f *fixture, s *scene) {
		f.delete(f.h.User.Name, s.users[0])
		s.check = func(m *model) { f.refers(m, s.group, f.h.Group.Members, s.users[1]) }
	})},
	{"reference set, changed and cleared", deltaReference},
	{"group renamed with members changed", deltaRule(func(f *fixture, s *scene) {
		f.have(f.dir.Rename != nil && f.h.DN != nil, "Rename and DN")
		k := f.rename(s.group, f.h.DN(f.h.Group.Name, "conf-group-renamed"))
		f.modify(k, f.add(f.h.Group.Members, s.users[2]), f.remove(f.h.Group.Members, s.users[0]))
		s.touched(k)
		s.check = func(m *model) { f.refers(m, k, f.h.Group.Members, s.users[1], s.users[2]) }
	})},
	{"several pages", deltaPaged},
	{"delta by delta equals a full import", deltaEqualsFull},
	{"classes limit the import", deltaClasses},
}

// A scene is three users, the first two of them members of a group, which a full import has
// shown.
type scene struct {
	users []connector.Key
	group connector.Key
	must  []connector.Key // objects that the delta has to mention
	check func(m *model)
}

// touched says that a delta has to mention an object.
func (s *scene) touched(k connector.Key) { s.must = append(s.must, k) }

// deltaRule tests that a delta import tells what an edit changes.
func deltaRule(edit func(f *fixture, s *scene)) func(*fixture) {
	return func(f *fixture) {
		f.need(f.caps.DeltaImport, "delta import")
		s := f.scene()
		m, w := f.fullState()
		edit(f, s)
		r := f.whole(f.delta(w, connector.ImportRequest{}))
		seen := anchors(r.items)
		for _, k := range s.must {
			require.Truef(f, seen[k.Anchor], "a delta import tells of every object that changed: %v", k)
		}
		for _, it := range r.items {
			require.NoError(f, m.apply(it))
		}
		if s.check != nil {
			s.check(m)
		}
		f.same(f.fullModel(), m, "a full import and a delta import on top give what a later full import shows")
		f.quiet(r.complete.Watermark, s)
	}
}

// quiet checks that a delta import after everything was told is silent about the scene.
func (f *fixture) quiet(w connector.Watermark, s *scene) {
	f.Helper()
	seen := anchors(f.whole(f.delta(w, connector.ImportRequest{})).items)
	for _, k := range append(append(s.must, s.group), s.users...) {
		require.Falsef(f, seen[k.Anchor], "a delta import of a directory where nothing changed is empty: %v", k)
	}
}

func (f *fixture) scene() *scene {
	f.Helper()
	first := f.user("conf-user-0", set(f.h.User.Single, "value-0"))
	if f.h.User.Multi != "" {
		first.Attributes.Apply(set(f.h.User.Multi, "555-0101", "555-0102"))
	}
	s := &scene{users: f.seed(first,
		f.user("conf-user-1", set(f.h.User.Single, "value-1")),
		f.user("conf-user-2", set(f.h.User.Single, "value-2")))}
	s.group = f.seedOne(f.group("conf-group", s.users[0], s.users[1]))
	return s
}

func deltaReference(f *fixture) {
	f.need(f.caps.DeltaImport, "delta import")
	f.have(f.h.User.Reference != "", "single-valued reference")
	s := f.scene()
	m, w := f.fullState()
	for _, targets := range [][]connector.Key{s.users[1:2], s.users[2:3], nil} {
		f.modify(s.users[0], attr.Mod{Name: f.h.User.Reference, Replace: true, Adds: f.references(targets)})
		r := f.whole(f.delta(w, connector.ImportRequest{}))
		for _, it := range r.items {
			require.NoError(f, m.apply(it))
		}
		w = r.complete.Watermark
		f.refers(m, s.users[0], f.h.User.Reference, targets...)
	}
	f.same(f.fullModel(), m, "deltas add up to what a full import shows")
}

// seedMore creates as many users again as there are, under other names.
func (f *fixture) seedMore(n int) []connector.Key {
	f.Helper()
	objects := make([]connector.Object, n)
	for i := range objects {
		objects[i] = f.user("conf-more-"+strconv.Itoa(i), set(f.h.User.Single, "more-"+strconv.Itoa(i)))
	}
	return f.seed(objects...)
}

func deltaPaged(f *fixture) {
	f.need(f.caps.DeltaImport, "delta import")
	f.seedUsers(1)
	m, w := f.fullState()
	f.seedMore(f.h.Many)
	r := f.whole(f.delta(w, connector.ImportRequest{PageSize: f.h.PageSize}))
	for _, it := range r.items {
		require.NoError(f, m.apply(it))
	}
	f.same(f.fullModel(), m, "a delta import of several pages tells everything")
}

func deltaClasses(f *fixture) {
	f.need(f.caps.DeltaImport, "delta import")
	s := f.scene()
	_, w := f.fullState()
	f.modify(s.users[0], set(f.h.User.Single, "changed"))
	f.modify(s.group, set(f.h.Group.Single, "changed"))
	o := f.options()
	o.Classes = []string{f.h.Group.Name}
	im := capability[connector.DeltaImporter](f, f.sessionWith(o))
	r := f.whole(f.receive(im.DeltaImport(f.Context(), w, connector.ImportRequest{}), false))
	seen := anchors(r.items)
	require.True(f, seen[s.group.Anchor], "objects of a class in OpenOptions.Classes are imported")
	require.False(f, seen[s.users[0].Anchor], "OpenOptions.Classes limits delta imports too")
}
