package memdir_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

// harness tests directories with the given options.
func harness(o memdir.Options) connectortest.Harness {
	h := connectortest.Harness{
		Open:  func(t *testing.T) connectortest.Directory { return open(t, o) },
		User:  connectortest.Class{Name: "user", Single: "displayName", Multi: "otherTelephone", Reference: "manager"},
		Group: connectortest.Class{Name: "group", Single: "displayName", Members: "member"},
		DN:    func(_, name string) string { return "CN=" + name + ",OU=People,DC=example" },
		OtherDN: func(_, name string) string {
			return "CN=" + name + ",OU=Elsewhere,DC=example"
		},
		Edits:   400,
		AnyName: o.Schema == nil,
	}
	return h
}

func open(t *testing.T, o memdir.Options) connectortest.Directory {
	d, err := memdir.New("test", &o)
	require.NoError(t, err)
	fault := func(f memdir.Faults) func(*testing.T) {
		return func(*testing.T) { d.SetFaults(f) }
	}
	return connectortest.Directory{
		Connector: d,
		Seed: func(t *testing.T, objects ...connector.Object) []connector.Key {
			require.NoError(t, d.Put(objects...))
			keys := make([]connector.Key, len(objects))
			for i := range objects {
				o, err := d.Get(objects[i].Key())
				require.NoError(t, err)
				keys[i] = o.Key()
			}
			return keys
		},
		Modify: func(t *testing.T, k connector.Key, mods ...attr.Mod) { require.NoError(t, d.Modify(k, mods...)) },
		Rename: func(t *testing.T, k connector.Key, dn string) { require.NoError(t, d.Rename(k, dn)) },
		Delete: func(t *testing.T, k connector.Key) { require.NoError(t, d.Delete(k)) },
		BreakImport: func(_ *testing.T, n int) {
			d.SetFaults(memdir.Faults{Import: connector.ErrUnavailable, After: n})
		},
		RepeatToken:     fault(memdir.Faults{RepeatToken: true}),
		ExpireWatermark: fault(memdir.Faults{ExpireWatermark: true}),
		LoseAnswer: fault(memdir.Faults{Export: func(connector.Change) memdir.Fate {
			return memdir.Fate{Outcome: connector.Unknown}
		}}),
		Repair: fault(memdir.Faults{}),
	}
}

func TestConformance(t *testing.T) {
	for name, o := range map[string]memdir.Options{
		"defaults":              {},
		"with a schema":         {Schema: memdir.StandardSchema()},
		"references by anchor":  {Schema: memdir.StandardSchema(), References: connector.ReferenceByAnchor},
		"case-sensitive DNs":    {Schema: memdir.StandardSchema(), CaseSensitiveDN: true},
		"unlimited history":     {History: -1, PageSize: 3, ExportBatch: 1},
		"unique attributes":     {Unique: []string{"userPrincipalName"}},
		"no delta":              {FullOnly: true},
		"read-only":             {ReadOnly: true},
		"no reading of objects": {NoRead: true},
		"full imports alone":    {FullOnly: true, ReadOnly: true, NoRead: true},
		"full and read":         {FullOnly: true, ReadOnly: true},
		"full and export":       {FullOnly: true, NoRead: true},
		"full and delta":        {ReadOnly: true, NoRead: true},
	} {
		t.Run(name, func(t *testing.T) { connectortest.Run(t, harness(o)) })
	}
}

// The same through the connector's own exports, and without DNs.
func TestConformanceByExport(t *testing.T) {
	for _, form := range []connector.ReferenceForm{connector.ReferenceByDN, connector.ReferenceByAnchor} {
		h := harness(memdir.Options{Schema: memdir.StandardSchema(), References: form, Unique: []string{"userPrincipalName"}})
		h.User.Required = func(name string) attr.Set {
			return attr.NewSet(map[string][]attr.Value{"userPrincipalName": {attr.String(name + "@example.com")}})
		}
		if form == connector.ReferenceByAnchor {
			h.DN, h.OtherDN = nil, nil
		}
		whole := h.Open
		h.Open = func(t *testing.T) connectortest.Directory {
			return connectortest.Directory{Connector: whole(t).Connector}
		}
		t.Run(map[connector.ReferenceForm]string{0: "by DN", 1: "by anchor, no DNs"}[form], func(t *testing.T) {
			connectortest.Run(t, h)
		})
	}
}
