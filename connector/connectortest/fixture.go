package connectortest

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A fixture is the directory of one test with the means to work on it.
type fixture struct {
	*testing.T
	h       *Harness
	dir     Directory
	conn    connector.Connector
	caps    connector.Capabilities
	changes int // exported so far, for ids
}

func newFixture(t *testing.T, h *Harness) *fixture {
	dir := h.Open(t)
	require.NotNil(t, dir.Connector, "Harness.Open returns a connector")
	return &fixture{T: t, h: h, dir: dir, conn: dir.Connector, caps: dir.Connector.Capabilities()}
}

// need skips the test unless the connector declares the capability.
func (f *fixture) need(declared bool, capability string) {
	f.Helper()
	if !declared {
		f.Skipf("the connector declares no %s", capability)
	}
}

// have skips the test unless the harness has what it needs.
func (f *fixture) have(ok bool, what string) {
	f.Helper()
	if !ok {
		f.Skipf("the harness has no %s", what)
	}
}

func (f *fixture) options() connector.OpenOptions {
	if f.h.Options == nil {
		return connector.OpenOptions{}
	}
	return f.h.Options()
}

// session opens a session that is closed at the end of the test.
func (f *fixture) session() connector.Session {
	f.Helper()
	return f.sessionWith(f.options())
}

func (f *fixture) sessionWith(o connector.OpenOptions) connector.Session {
	f.Helper()
	s, err := f.conn.Open(f.Context(), o)
	require.NoError(f, err, "a session can be opened")
	require.NotNil(f, s, "Open without an error returns a session")
	f.Cleanup(func() { _ = s.Close(context.WithoutCancel(f.Context())) })
	return s
}

// capability finds what a session must have by declaration.
func capability[T any](f *fixture, s connector.Session) T {
	f.Helper()
	c, ok := connector.As[T](s)
	require.Truef(f, ok, "a declared capability is there: %T", (*T)(nil))
	return c
}

// object makes an object of a class.
func (f *fixture) object(c *Class, name string, attributes ...attr.Mod) connector.Object {
	o := connector.Object{Class: c.Name}
	if f.h.DN != nil {
		o.DN = f.h.DN(c.Name, name)
	}
	if c.Required != nil {
		o.Attributes = c.Required(name)
	}
	for _, m := range attributes {
		o.Attributes.Apply(m)
	}
	return o
}

func (f *fixture) user(name string, attributes ...attr.Mod) connector.Object {
	return f.object(&f.h.User, name, attributes...)
}

func (f *fixture) group(name string, members ...connector.Key) connector.Object {
	return f.object(&f.h.Group, name, f.add(f.h.Group.Members, members...))
}

// set is a modification that replaces an attribute by texts; none clears it.
func set(name string, texts ...string) attr.Mod {
	return attr.Mod{Name: name, Replace: true, Adds: texted(texts)}
}

func texted(texts []string) []attr.Value {
	var values []attr.Value
	for _, s := range texts {
		values = append(values, attr.String(s))
	}
	return values
}

// add is a modification that adds references.
func (f *fixture) add(name string, targets ...connector.Key) attr.Mod {
	return attr.Mod{Name: name, Adds: f.references(targets)}
}

// remove is a modification that deletes references.
func (f *fixture) remove(name string, targets ...connector.Key) attr.Mod {
	return attr.Mod{Name: name, Deletes: f.references(targets)}
}

func (f *fixture) references(targets []connector.Key) []attr.Value {
	var values []attr.Value
	for _, k := range targets {
		if f.caps.References == connector.ReferenceByAnchor {
			values = append(values, attr.Reference(k.Anchor.Text()))
		} else {
			values = append(values, attr.Reference(k.DN))
		}
	}
	return values
}

// seed creates objects behind the connector's back and returns their keys, complete.
func (f *fixture) seed(objects ...connector.Object) []connector.Key {
	f.Helper()
	var keys []connector.Key
	if f.dir.Seed != nil {
		keys = f.dir.Seed(f.T, objects...)
	} else {
		f.need(f.caps.Export, "export, and the harness has no Seed")
		for _, r := range f.mustExport(f.adds(objects)...) {
			keys = append(keys, connector.Key{Anchor: r.Anchor, DN: r.DN})
		}
	}
	require.Len(f, keys, len(objects), "Seed returns a key for each object")
	for i := range keys {
		if keys[i].DN == "" {
			keys[i].DN = objects[i].DN
		}
	}
	f.complete(keys)
	return keys
}

// seedOne creates one object.
func (f *fixture) seedOne(o connector.Object) connector.Key {
	f.Helper()
	return f.seed(o)[0]
}

// seedUsers creates users with numbered names.
func (f *fixture) seedUsers(n int) []connector.Key {
	f.Helper()
	objects := make([]connector.Object, n)
	for i := range objects {
		objects[i] = f.user("conf-user-"+strconv.Itoa(i), set(f.h.User.Single, "value-"+strconv.Itoa(i)))
	}
	return f.seed(objects...)
}

// complete finds the anchors of keys that have only a DN.
func (f *fixture) complete(keys []connector.Key) {
	f.Helper()
	if !slices.ContainsFunc(keys, func(k connector.Key) bool { return k.Anchor.IsZero() }) {
		return
	}
	f.need(f.caps.FullImport, "full import, and Seed returned no anchors")
	m := f.fullModel()
	for i, k := range keys {
		if k.Anchor.IsZero() {
			n := m.at(k.DN)
			require.NotNilf(f, n, "a seeded object is in a full import: %s", k.DN)
			keys[i].Anchor = n.anchor
		}
	}
}

func (f *fixture) modify(k connector.Key, mods ...attr.Mod) {
	f.Helper()
	if f.dir.Modify != nil {
		f.dir.Modify(f.T, k, mods...)
		return
	}
	f.need(f.caps.Export, "export, and the harness has no Modify")
	f.mustExport(connector.Change{Op: connector.OpUpdate, Class: f.classOf(mods), Key: k, Mods: mods})
}

// classOf guesses the class of an object from what is changed of it: only groups have members.
func (f *fixture) classOf(mods []attr.Mod) string {
	if slices.ContainsFunc(mods, func(m attr.Mod) bool { return attr.EqualName(m.Name, f.h.Group.Members) }) {
		return f.h.Group.Name
	}
	return f.h.User.Name
}

// rename moves a user and returns its new key.
func (f *fixture) rename(k connector.Key, newDN string) connector.Key {
	f.Helper()
	if f.dir.Rename != nil {
		f.dir.Rename(f.T, k, newDN)
	} else {
		f.need(f.caps.Export && f.caps.Rename, "export of renames, and the harness has no Rename")
		f.mustExport(connector.Change{Op: connector.OpUpdate, Class: f.h.User.Name, Key: k, NewDN: newDN})
	}
	k.DN = newDN
	return k
}

func (f *fixture) delete(class string, k connector.Key) {
	f.Helper()
	if f.dir.Delete != nil {
		f.dir.Delete(f.T, k)
		return
	}
	f.need(f.caps.Export, "export, and the harness has no Delete")
	f.mustExport(connector.Change{Op: connector.OpDelete, Class: class, Key: k})
}
