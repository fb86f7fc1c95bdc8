package metaverse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
)

func TestInitialCycleCreatesEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.group(1) // comes before the users that it refers to
	w.user(1)
	w.user(2, set("manager", attr.Reference(userDN(1))), set("userAccountControl", attr.Int(514)))
	w.join(1, userDN(1), userDN(2))
	w.user(3, set("sAMAccountName", attr.String("svc-backup")))

	export := w.initial()
	require.Equal(t, metaverse.ResultSuccess, export.Result)
	require.Equal(t, map[string]map[string][]string{
		"E1": {"sourceAnchor": {"E1"}, "userPrincipalName": {"u1@contoso.test"}, "displayName": {"User 1"}, "accountEnabled": {"True"}},
		"E2": {"sourceAnchor": {"E2"}, "userPrincipalName": {"u2@contoso.test"}, "displayName": {"User 2"}, "accountEnabled": {"False"}, "manager": {"->E1"}},
		"G1": {"sourceAnchor": {"G1"}, "displayName": {"Group 1"}, "member": {"->E1", "->E2"}},
	}, w.tenant())
	require.EqualValues(t, 3, export.Counters.Adds)

	before := w.tenant()
	second := w.delta()
	require.Zero(t, second.Objects, "a second cycle writes nothing")
	require.Equal(t, before, w.tenant())
	third := w.initial()
	require.Zero(t, third.Objects, "nor does an initial one")
	require.Empty(t, w.errors())
	require.Zero(t, w.counts("cloud").Unconfirmed)
}

func TestDeltaCycleWritesExactlyTheChanges(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(w *world)
		adds    int64
		updates int64
		deletes int64
		check   func(t *testing.T, w *world)
	}{
		{name: "modify", updates: 1,
			change: func(w *world) { w.modify(userDN(1), set("department", attr.String("Sales"))) },
			check:  func(t *testing.T, w *world) { require.Equal(t, []string{"Sales"}, w.tenant()["E1"]["department"]) }},
		{name: "clear", updates: 1,
			change: func(w *world) { w.modify(userDN(2), set("manager")) },
			check:  func(t *testing.T, w *world) { require.Empty(t, w.tenant()["E2"]["manager"]) }},
		{name: "disable", updates: 1,
			change: func(w *world) { w.modify(userDN(1), set("userAccountControl", attr.Int(514))) },
			check:  func(t *testing.T, w *world) { require.Equal(t, []string{"False"}, w.tenant()["E1"]["accountEnabled"]) }},
		{name: "rename changes nothing in the cloud",
			change: func(w *world) {
				require.NoError(w.t, w.ad.Rename(connector.Key{DN: userDN(1)}, "CN=Renamed,OU=Elsewhere,DC=contoso,DC=test"))
			},
			check: func(t *testing.T, w *world) { require.Equal(t, []string{"->E1", "->E2"}, w.members("G1")) }},
		{name: "new member", updates: 1,
			change: func(w *world) {
				w.modify(groupDN(1), attr.Mod{Name: "member", Adds: []attr.Value{attr.Reference(userDN(3))}})
			},
			check: func(t *testing.T, w *world) { require.Equal(t, []string{"->E1", "->E2", "->E3"}, w.members("G1")) }},
		{name: "member removed", updates: 1,
			change: func(w *world) {
				w.modify(groupDN(1), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(1))}})
			},
			check: func(t *testing.T, w *world) { require.Equal(t, []string{"->E2"}, w.members("G1")) }},
		{name: "other manager", updates: 1,
			change: func(w *world) { w.modify(userDN(2), set("manager", attr.Reference(userDN(3)))) },
			check:  func(t *testing.T, w *world) { require.Equal(t, []string{"->E3"}, w.tenant()["E2"]["manager"]) }},
		{name: "delete", deletes: 1,
			change: func(w *world) { require.NoError(w.t, w.ad.Delete(connector.Key{DN: userDN(2)})) },
			check: func(t *testing.T, w *world) {
				require.Equal(t, []string{"E1", "E3", "G1"}, w.anchors())
				require.Equal(t, []string{"->E1"}, w.members("G1"))
			}},
		{name: "leaves outbound scope", deletes: 1,
			change: func(w *world) { w.modify(userDN(3), set("department", attr.String("Secret"))) },
			check:  func(t *testing.T, w *world) { require.Equal(t, []string{"E1", "E2", "G1"}, w.anchors()) }},
		{name: "leaves inbound scope", deletes: 1,
			change: func(w *world) { w.modify(userDN(3), set("sAMAccountName", attr.String("svc-3"))) },
			check:  func(t *testing.T, w *world) { require.Equal(t, []string{"E1", "E2", "G1"}, w.anchors()) }},
		{name: "new user and group", adds: 2, updates: 1,
			change: func(w *world) {
				w.group(2)
				w.user(4)
				w.join(2, groupDN(1), userDN(4))
			},
			check: func(t *testing.T, w *world) { require.Equal(t, []string{"->E4", "->G1"}, w.members("G2")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.group(1)
			w.user(1)
			w.user(2, set("manager", attr.Reference(userDN(1))))
			w.user(3)
			w.join(1, userDN(1), userDN(2))
			w.initial()
			w.settle()

			tt.change(w)
			export := w.delta()
			require.Empty(t, w.errors())
			c := export.Counters
			require.Equal(t, [3]int64{tt.adds, tt.updates, tt.deletes}, [3]int64{c.Adds, c.Updates, c.Deletes})
			tt.check(t, w)
			w.settle()
			tt.check(t, w)
			full := w.initial()
			require.Zero(t, full.Objects, "an initial cycle finds nothing to add")
			tt.check(t, w)
		})
	}
}

func TestOneObjectsTroubleIsItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.user(2, set("userPrincipalName", attr.String("u1@contoso.test"))) // taken
	w.user(3)
	for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.FullSync} {
		w.run("ad", kind)
		w.run("cloud", kind)
	}
	rec := w.run("cloud", metaverse.Export)
	require.Equal(t, metaverse.ResultExportErrors, rec.Result)
	require.EqualValues(t, 2, rec.Counters.Adds)
	require.Equal(t, []string{"E1", "E3"}, w.anchors())
	errs := w.errors()
	require.Len(t, errs, 1)
	require.Equal(t, "export", errs[0].Step)

	w.modify(userDN(2), set("userPrincipalName", attr.String("u2@contoso.test")))
	w.settle()
	require.Equal(t, []string{"E1", "E2", "E3"}, w.anchors())
	require.Empty(t, w.errors(), "the error is gone when the object gets through")
}

func TestPartialImportDeletesNothing(t *testing.T) {
	t.Parallel()
	boom := fmt.Errorf("%w: cut", connector.ErrUnavailable)
	tests := map[string]memdir.Faults{
		"stream without end":   {Truncate: true, After: 2},
		"error in mid-stream":  {Import: boom, After: 3},
		"repeated page token":  {RepeatToken: true},
		"objects not readable": {Item: func(k connector.Key) error { return connector.ErrInvalid }},
		"no directory at all":  {Open: boom},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := range 20 {
				w.user(i)
			}
			w.initial()
			w.settle()
			before := w.tenant()

			w.ad.SetFaults(fault)
			_, _ = w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
			require.Zero(t, w.counts("ad").PendingImport, "nothing is staged for deletion")
			w.run("ad", metaverse.FullSync)
			require.Zero(t, w.run("cloud", metaverse.Export).Objects)
			require.Equal(t, before, w.tenant())

			w.ad.SetFaults(memdir.Faults{})
			w.initial()
			w.settle()
			require.Equal(t, before, w.tenant())
			require.Empty(t, w.errors())
		})
	}
}

func TestShrunkenFullImportIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 100 {
		w.user(i)
	}
	w.initial()
	w.settle()
	for i := range 60 {
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(i)}))
	}
	rec, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.ErrorIs(t, err, metaverse.ErrHeld)
	require.Equal(t, metaverse.ResultStoppedImportHeld, rec.Result)
	require.Zero(t, w.counts("ad").PendingImport)

	rec, err = w.engine.Run(t.Context(), "ad", metaverse.FullImport, &metaverse.RunOptions{AcceptDeletions: true})
	require.NoError(t, err)
	require.EqualValues(t, 60, rec.Counters.Deletes)
	w.run("ad", metaverse.DeltaSync)
	require.EqualValues(t, 60, w.run("cloud", metaverse.Export).Counters.Deletes)
	require.Len(t, w.anchors(), 40)
}

func TestEmptyFullImportIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.initial()
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.ErrorIs(t, err, metaverse.ErrHeld)
	require.Equal(t, []string{"E1"}, w.anchors())
}

func TestDeletionThresholdStopsBeforeTheFirstChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opts.DeletionThreshold = 3
	w.reload()
	for i := range 10 {
		w.user(i)
	}
	w.initial()
	w.settle()
	for i := range 4 {
		require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(i)}))
	}
	w.modify(userDN(9), set("department", attr.String("Sales")))
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	rec, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
	require.ErrorIs(t, err, metaverse.ErrHeld)
	require.Equal(t, metaverse.ResultStoppedDeletionThreshold, rec.Result)
	require.Len(t, w.anchors(), 10)
	require.Empty(t, w.tenant()["E9"]["department"], "nothing at all is sent")

	_, err = w.engine.Run(t.Context(), "cloud", metaverse.Export, &metaverse.RunOptions{AcceptDeletions: true})
	require.NoError(t, err)
	require.Len(t, w.anchors(), 6)
}

func TestLostExportAnswersAreSettledByReading(t *testing.T) {
	t.Parallel()
	for _, dropped := range []bool{false, true} {
		t.Run(fmt.Sprintf("dropped=%t", dropped), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := range 5 {
				w.user(i)
			}
			w.group(1)
			w.join(1, userDN(0), userDN(1))
			w.cloud.SetFaults(memdir.Faults{Export: func(c connector.Change) memdir.Fate {
				return memdir.Fate{Outcome: connector.Unknown, Drop: dropped}
			}})
			w.initial()
			w.cloud.SetFaults(memdir.Faults{})
			w.run("cloud", metaverse.Export)
			w.settle()
			require.Equal(t, []string{"E0", "E1", "E2", "E3", "E4", "G1"}, w.anchors())
			require.Equal(t, []string{"->E0", "->E1"}, w.members("G1"))
		})
	}
}

func TestExistingCloudObjectsAreJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	existing := connector.Object{Class: "user", DN: "somewhere"}
	existing.Attributes.Put("sourceAnchor", attr.String("E1"))
	existing.Attributes.Put("userPrincipalName", attr.String("u1@contoso.test"))
	existing.Attributes.Put("displayName", attr.String("Old Name"))
	require.NoError(t, w.cloud.Put(existing))
	rec := w.initial()
	require.Zero(t, rec.Counters.Adds)
	require.EqualValues(t, 1, rec.Counters.Updates)
	require.Equal(t, []string{"User 1"}, w.tenant()["E1"]["displayName"])
	w.settle()
}

func TestCloudDriftIsCorrected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.user(2)
	w.group(1)
	w.join(1, userDN(1))
	w.initial()
	w.settle()
	before := w.tenant()
	for o := range w.cloud.All() {
		switch o.Attributes.Text("sourceAnchor") {
		case "E1":
			require.NoError(t, w.cloud.Modify(o.Key(), set("displayName", attr.String("Edited in the cloud"))))
		case "E2":
			require.NoError(t, w.cloud.Delete(o.Key()))
		case "G1":
			require.NoError(t, w.cloud.Modify(o.Key(), set("member")))
		}
	}
	w.settle()
	require.Equal(t, before, w.tenant())
}

func TestChangedRulesAreNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.initial()
	w.settle()
	w.rules[0].Flows[2] = expression("displayName", `UCase([displayName])`)
	w.reload()
	w.run("ad", metaverse.DeltaImport)
	rec := w.run("ad", metaverse.DeltaSync)
	require.NotEmpty(t, rec.Notes)
	w.run("cloud", metaverse.Export)
	require.Equal(t, []string{"USER 1"}, w.tenant()["E1"]["displayName"])
}

func TestBigGroupCostsOnlyItsChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 3000
	dns := make([]string, n)
	for i := range n {
		w.user(i)
		dns[i] = userDN(i)
	}
	w.group(1)
	w.join(1, dns[:n-1]...)
	w.initial()
	w.settle()
	require.Len(t, w.members("G1"), n-1)

	w.modify(groupDN(1), attr.Mod{Name: "member", Adds: []attr.Value{attr.Reference(dns[n-1])}})
	w.run("ad", metaverse.DeltaImport)
	rec := w.run("ad", metaverse.DeltaSync)
	require.LessOrEqual(t, rec.Counters.Evaluated, int64(3))
	require.LessOrEqual(t, rec.Counters.References, int64(3))
	export := w.run("cloud", metaverse.Export)
	require.EqualValues(t, 1, export.Counters.RefAdds)
	require.Len(t, w.members("G1"), n)
}

func TestReusedDNIsNotMistakenForTheOldObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.group(1)
	w.join(1, userDN(1))
	w.initial()
	w.settle()
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(1)}))
	w.user(1, set("employeeID", attr.String("E1b"))) // another person at the same DN
	w.settle()
	require.Equal(t, []string{"E1b", "G1"}, w.anchors())
	require.Empty(t, w.members("G1"), "memberships are not inherited")
}

func TestSwappedDNs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1)
	w.user(2)
	w.group(1)
	w.join(1, userDN(1))
	w.initial()
	w.settle()
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(1)}, "CN=tmp,DC=contoso,DC=test"))
	require.NoError(t, w.ad.Rename(connector.Key{DN: userDN(2)}, userDN(1)))
	require.NoError(t, w.ad.Rename(connector.Key{DN: "CN=tmp,DC=contoso,DC=test"}, userDN(2)))
	w.settle()
	require.Equal(t, []string{"->E1"}, w.members("G1"))
	require.Zero(t, w.initial().Objects)
	require.Equal(t, []string{"->E1"}, w.members("G1"))
}

func TestResumedFullImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 500 {
		w.user(i)
	}
	w.initial()
	w.settle()
	w.ad.SetFaults(memdir.Faults{Import: connector.ErrUnavailable, After: 250})
	_, err := w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.Error(t, err)
	w.ad.SetFaults(memdir.Faults{})
	w.reload()
	rec := w.run("ad", metaverse.FullImport)
	require.Less(t, rec.Objects, int64(500), "the import goes on where it stopped")
	require.Zero(t, rec.Counters.Deletes)
}
