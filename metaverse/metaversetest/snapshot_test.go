package metaversetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// staff stores a group with two members in the order of names, so that ids differ between
// stores.
func staff(t *testing.T, s metaverse.Store, names []string, change func(tx metaverse.Tx, ids map[string]metaverse.CSID)) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), func(tx metaverse.Tx) error {
		ids, people := make(map[string]metaverse.CSID), make(map[string]metaverse.MVID)
		for _, name := range names {
			cs, err := tx.NewCS(1)
			require.NoError(t, err)
			mv, err := tx.NewMV(1)
			require.NoError(t, err)
			ids[name], people[name] = cs, mv
			require.NoError(t, tx.PutCS([]*metaverse.CSObject{{
				ID: cs, Connector: "ad", Anchor: connector.TextAnchor("anchor " + name), DN: name, DNKey: name, State: metaverse.Connected,
				Image: attr.NewSet(map[string][]attr.Value{"cn": {attr.String(name), attr.Int(1)}}),
			}}))
			require.NoError(t, tx.PutMV([]*metaverse.MVObject{{ID: mv, Class: "person", Origins: []metaverse.Origin{{Attribute: "member", CS: cs, Source: "member"}}}}))
			require.NoError(t, tx.SetLink([]metaverse.CSID{cs}, []metaverse.Link{{MV: mv, Kind: metaverse.LinkProject}}))
		}
		for _, name := range []string{"ann", "bob"} {
			require.NoError(t, tx.AddCSRefs([]metaverse.CSRef{{Source: ids["staff"], Attribute: "member", Target: ids[name]}}))
			require.NoError(t, tx.AddMVRefs([]metaverse.MVRef{{Source: people["staff"], Attribute: "member", Target: people[name]}}))
			require.NoError(t, tx.PutExportRefs([]metaverse.ExportRef{{Source: ids["staff"], Attribute: "owner", Target: ids[name]}}))
		}
		require.NoError(t, tx.PutPendingExport([]*metaverse.PendingExport{{
			CS: ids["bob"], Connector: "ad", Op: connector.OpUpdate, Pending: []attr.Mod{{Name: "cn", Replace: true, Adds: []attr.Value{attr.String("x")}}},
		}}))
		if change != nil {
			change(tx, ids)
		}
		return nil
	}))
}

func TestSnapshotDoesNotDependOnIDs(t *testing.T) {
	t.Parallel()
	memory := metaversetest.NewMemory()
	staff(t, memory, []string{"ann", "bob", "staff"}, nil)
	sqlite, err := sqlstore.OpenMemory(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sqlite.Close()) })
	staff(t, sqlite, []string{"staff", "bob", "ann"}, nil)
	want := metaversetest.Snapshot(t, memory)
	require.Equal(t, want, metaversetest.Snapshot(t, sqlite))
	for _, part := range []string{"cs ad:anchor ann", "link ad:anchor ann", "csref ad:anchor staff", "mv person(ad:anchor ann)", "mvref person(ad:anchor staff)", "exportref ad:anchor staff", "export ad:anchor bob"} {
		require.Contains(t, want, part)
	}
}

func TestSnapshotShowsEachChange(t *testing.T) {
	t.Parallel()
	base := metaversetest.NewMemory()
	names := []string{"ann", "bob", "staff"}
	staff(t, base, names, nil)
	before := metaversetest.Snapshot(t, base)
	for name, change := range map[string]func(tx metaverse.Tx, ids map[string]metaverse.CSID){
		"state": func(tx metaverse.Tx, ids map[string]metaverse.CSID) {
			require.NoError(t, tx.SetLink([]metaverse.CSID{ids["ann"]}, []metaverse.Link{{}}))
			require.NoError(t, tx.PutCSState([]metaverse.CSID{ids["ann"]}, metaverse.Placeholder))
		},
		"pending": func(tx metaverse.Tx, ids map[string]metaverse.CSID) {
			require.NoError(t, tx.SetPendingImport(metaverse.ImportAdd, []metaverse.CSID{ids["ann"]}))
		},
		"link": func(tx metaverse.Tx, ids map[string]metaverse.CSID) {
			require.NoError(t, tx.SetLink([]metaverse.CSID{ids["ann"]}, []metaverse.Link{{}}))
		},
		"reference": func(tx metaverse.Tx, ids map[string]metaverse.CSID) {
			require.NoError(t, tx.DeleteCSRefs([]metaverse.CSRef{{Source: ids["staff"], Attribute: "member", Target: ids["bob"]}}))
		},
		"export": func(tx metaverse.Tx, ids map[string]metaverse.CSID) {
			require.NoError(t, tx.DeletePendingExport([]metaverse.CSID{ids["bob"]}))
		},
		"object": func(tx metaverse.Tx, ids map[string]metaverse.CSID) {
			require.NoError(t, tx.DeleteCS([]metaverse.CSID{ids["bob"]}))
		},
	} {
		s := metaversetest.NewMemory()
		staff(t, s, names, change)
		require.NotEqual(t, before, metaversetest.Snapshot(t, s), name)
	}
}

func ExampleMemory() {
	ctx := context.Background()
	store := metaversetest.NewMemory()
	err := store.Update(ctx, func(tx metaverse.Tx) error { return tx.PutSetting("greeting", []byte("hello")) })
	fmt.Println(err)
	err = store.View(ctx, func(r metaverse.Reader) error {
		value, err := r.Setting("greeting")
		fmt.Println(string(value))
		return err
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// hello
	// <nil>
}
