package ad_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// password is a source of a fixed password.
func password(p string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return p, nil }
}

// adminOptions connects to d with all rights.
func adminOptions(d *sambatest.Domain) ad.Options {
	return ad.Options{URLs: []string{d.URL}, BindName: d.AdminUPN, Password: password(d.Password), CAFile: d.CAFile, AllowAdministrator: true}
}

func directory(t testing.TB, o ad.Options) *ad.Directory {
	t.Helper()
	d, err := ad.New("contoso", o)
	require.NoError(t, err)
	return d
}

func open(t testing.TB, d *ad.Directory) connector.Session {
	t.Helper()
	s, err := d.Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// A view is what an import has shown of a directory.
type view struct {
	byAnchor  map[connector.Anchor]*connector.Object
	mark      connector.Watermark
	updates   []connector.Item
	deletes   []connector.Anchor
	objects   []*connector.Object // of the last import, in order
	troubles  []error
	partition map[string]string // names of the partitions, of a forest
	// partial: references lead out of the scope, where renames are not seen.
	partial bool
}

func newView() *view { return &view{byAnchor: map[connector.Anchor]*connector.Object{}} }

// take applies the items of one import and returns the error that ended it.
func (v *view) take(items func(func(connector.Item, error) bool)) (err error) {
	v.updates, v.deletes, v.objects, v.troubles, v.mark = nil, nil, nil, nil, nil
	for item, e := range items {
		if e != nil {
			return e
		}
		switch {
		case item.Err != nil:
			v.troubles = append(v.troubles, item.Err)
		case item.Kind == connector.ItemObject:
			if old := v.byAnchor[item.Object.Anchor]; old != nil {
				v.repoint(old.DN, item.Object.DN)
			}
			v.byAnchor[item.Object.Anchor] = item.Object
			v.objects = append(v.objects, item.Object)
		case item.Kind == connector.ItemUpdate:
			v.update(item)
		case item.Kind == connector.ItemDelete:
			if old := v.byAnchor[item.Object.Anchor]; old != nil {
				v.repoint(old.DN, "")
			}
			delete(v.byAnchor, item.Object.Anchor)
			v.deletes = append(v.deletes, item.Object.Anchor)
		case item.Kind == connector.ItemComplete:
			v.mark = item.Complete.Watermark
		}
	}
	return nil
}

func (v *view) update(item connector.Item) {
	v.updates = append(v.updates, item)
	o := v.byAnchor[item.Object.Anchor]
	if o == nil {
		return // the engine would read it
	}
	if item.Object.DN != "" {
		v.repoint(o.DN, item.Object.DN)
		o.DN = item.Object.DN
	}
	if item.Object.Partition != "" {
		o.Partition = item.Object.Partition
	}
	if item.Object.Class != "" {
		o.Class = item.Object.Class
	}
	for _, m := range item.Mods {
		o.Attributes.Apply(m)
	}
}

func (v *view) at(t testing.TB, dn string) *connector.Object {
	t.Helper()
	for _, o := range v.byAnchor {
		if o.DN == dn {
			return o
		}
	}
	require.Failf(t, "no such object", "%s", dn)
	return nil
}

func (v *view) has(dn string) bool {
	for _, o := range v.byAnchor {
		if o.DN == dn {
			return true
		}
	}
	return false
}

// repoint follows the rename of an object, or its deletion, in all references to it, as the
// engine does.
func (v *view) repoint(oldDN, newDN string) {
	if oldDN == newDN {
		return
	}
	for _, o := range v.byAnchor {
		for _, name := range slices.Collect(o.Attributes.Names()) {
			if !slices.Contains(o.Attributes.Values(name), attr.Reference(oldDN)) {
				continue
			}
			m := attr.Mod{Name: name, Deletes: []attr.Value{attr.Reference(oldDN)}}
			if newDN != "" {
				m.Adds = []attr.Value{attr.Reference(newDN)}
			}
			o.Attributes.Apply(m)
		}
	}
}

func full(t testing.TB, s connector.Session) *view {
	t.Helper()
	importer, ok := connector.As[connector.FullImporter](s)
	require.True(t, ok)
	v := newView()
	require.NoError(t, v.take(importer.FullImport(t.Context(), connector.ImportRequest{})))
	require.NotEmpty(t, v.mark)
	require.Empty(t, v.troubles)
	return v
}

// delta applies the changes since the view's last import.
func (v *view) delta(t testing.TB, s connector.Session) {
	t.Helper()
	importer, ok := connector.As[connector.DeltaImporter](s)
	require.True(t, ok)
	require.NoError(t, v.take(importer.DeltaImport(t.Context(), v.mark, connector.ImportRequest{})))
	require.NotEmpty(t, v.mark)
	require.Empty(t, v.troubles)
}

// equal compares two views but for attributes that only whole reads refresh.
func (v *view) equal(t testing.TB, want *view) {
	t.Helper()
	require.Len(t, v.byAnchor, len(want.byAnchor))
	for anchor, w := range want.byAnchor {
		got := v.byAnchor[anchor]
		require.NotNilf(t, got, "%s is missing", w.DN)
		require.Equal(t, w.DN, got.DN)
		require.Equal(t, w.Class, got.Class)
		for name, values := range w.Attributes.All() {
			if v.partial && values[0].Kind() == attr.KindReference && !attr.EqualName(name, "distinguishedName") {
				continue
			}
			require.Truef(t, attr.SameValues(values, got.Attributes.Values(name)), "%s of %s", name, w.DN)
		}
	}
}
