package entra_test

import (
	"encoding/hex"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// items collects what an import yields, without its end.
func items(t *testing.T, seq iter.Seq2[connector.Item, error]) (list []connector.Item, mark connector.Watermark) {
	t.Helper()
	for item, err := range seq {
		require.NoError(t, err)
		require.NoError(t, item.Err)
		switch {
		case item.Kind == connector.ItemComplete:
			mark = item.Complete.Watermark
		case item.Object != nil:
			list = append(list, item)
		}
	}
	require.NotEmpty(t, mark)
	return list, mark
}

// Devices are imported where they are asked for, and never exported.
func TestDevices(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	id, err := s.Add("device", "", map[string]any{"deviceId": "00112233-4455-6677-8899-aabbccddeeff", "displayName": "Phone", "accountEnabled": true, "trustType": "Workplace"})
	require.NoError(t, err)
	group := s.AddGroup(entratest.Group{DisplayName: "Phones", MailNickname: "phones", Members: []string{id}})
	session := open(t, connect(t, s, quick(s)))
	importer, _ := connector.As[connector.FullImporter](session)
	list, _ := items(t, importer.FullImport(t.Context(), connector.ImportRequest{}))
	require.Len(t, list, 1, "not asked for")

	o := quick(s)
	o.Classes = []string{"group", "device"}
	tenant := connect(t, s, o)
	schema, err := tenant.Schema(t.Context())
	require.NoError(t, err)
	for _, c := range schema.Classes {
		require.Equal(t, c.Name != "device", c.Export)
	}
	session = open(t, tenant)
	importer, _ = connector.As[connector.FullImporter](session)
	list, mark := items(t, importer.FullImport(t.Context(), connector.ImportRequest{}))
	require.Len(t, list, 2)
	device := list[1].Object
	require.Equal(t, "device", device.Class)
	require.Equal(t, "Device_"+id, device.Anchor.Raw())
	require.Empty(t, device.DN)
	require.Equal(t, "33221100554477668899aabbccddeeff", hex.EncodeToString(device.Attributes.Values("deviceId")[0].Bytes()))
	require.Equal(t, refs(device.Anchor), list[0].Object.Attributes.Values("member"), "of group "+group)

	require.NoError(t, s.Update(id, map[string]any{"displayName": "Old phone"}))
	deltas, _ := connector.As[connector.DeltaImporter](session)
	list, mark = items(t, deltas.DeltaImport(t.Context(), mark, connector.ImportRequest{}))
	require.Len(t, list, 1)
	require.NoError(t, s.Delete(id))
	list, _ = items(t, deltas.DeltaImport(t.Context(), mark, connector.ImportRequest{}))
	require.Equal(t, connector.ItemDelete, list[len(list)-1].Kind)
	require.Equal(t, device.Anchor, list[len(list)-1].Object.Anchor)

	exporter, _ := connector.As[connector.Exporter](session)
	writes := s.Writes()
	results, err := exporter.Export(t.Context(), []connector.Change{
		{ID: "1", Op: connector.OpAdd, Class: "device", Key: connector.Key{DN: dn("x")}},
		{ID: "2", Op: connector.OpDelete, Class: "device", Key: device.Key()},
	})
	require.NoError(t, err)
	for _, r := range results {
		require.Equal(t, connector.Rejected, r.Outcome)
		require.Equal(t, connector.CodeUnmappableType, connector.CodeOf(r.Err))
	}
	require.Equal(t, writes, s.Writes())

	s.SetPermissions("Group.Read.All")
	found := preflight(t, connect(t, s, o), connector.Needs{Import: true})
	require.True(t, slices.ContainsFunc(found[connector.CodePermission], func(f connector.Finding) bool { return strings.Contains(f.Remedy, "Device.Read.All") }))
	_, err = entra.New("tenant", &fixed{}, &entra.Options{Classes: []string{"contact"}})
	require.Error(t, err)
}
