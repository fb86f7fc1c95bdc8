package metaverse_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
	"github.com/hybridsync/hybridsync/rules"
)

// copied returns a copy of a store.
func copied(t tb, s metaverse.Store) metaverse.Store {
	t.Helper()
	dir, err := os.MkdirTemp("", "whatif-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	path := filepath.Join(dir, "copy.db")
	require.NoError(t, s.Backup(t.Context(), path))
	c, err := sqlstore.Open(t.Context(), path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// whatIf asks what other rules, or another on-premises directory, would change.
func (w *world) whatIf(rs []rules.Rule, ad connector.Connector, o *metaverse.WhatIfOptions) *metaverse.Report {
	w.t.Helper()
	set, err := rules.Compile(rs, &rules.CompileOptions{Metaverse: testMetaverse()})
	require.NoError(w.t, err)
	engine, err := metaverse.New(copied(w.t, w.store), set, []connector.Connector{ad, w.cloud}, &metaverse.Options{LeasePeriod: patience})
	require.NoError(w.t, err)
	before, tenant := metaversetest.Snapshot(w.t, w.store), w.tenant()
	report, err := engine.WhatIf(w.t.Context(), w.store, o)
	require.NoError(w.t, err)
	require.Equal(w.t, before, metaversetest.Snapshot(w.t, w.store), "the live store is left alone")
	require.Equal(w.t, tenant, w.tenant())
	data, err := json.Marshal(report)
	require.NoError(w.t, err)
	var back metaverse.Report
	require.NoError(w.t, json.Unmarshal(data, &back))
	return report
}

func text(t testing.TB, r *metaverse.Report) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	return b.String()
}

func whatIfWorld(t *testing.T) *world {
	w := newWorld(t)
	for i := range 20 {
		w.user(i, set("department", attr.String([]string{"Sales", "Legal"}[i%2])))
	}
	w.group(1)
	w.join(1, userDN(1), userDN(2), userDN(3))
	w.initial()
	w.settle()
	return w
}

func TestWhatIfNothingChanges(t *testing.T) {
	t.Parallel()
	w := whatIfWorld(t)
	r := w.whatIf(testRules(), w.ad, nil)
	require.True(t, r.Empty(), text(t, r))
	require.Contains(t, text(t, r), "no effect")
}

func TestWhatIfOtherRules(t *testing.T) {
	t.Parallel()
	w := whatIfWorld(t)
	changed := testRules()
	changed[0].Flows[2] = expression("displayName", `UCase([displayName])`)
	r := w.whatIf(changed, w.ad, nil)
	cloud := r.Connectors[1]
	require.Equal(t, []metaverse.ChangeCount{{Class: "user", Op: "update", After: 20, New: 20}}, cloud.Changes)
	require.Equal(t, []metaverse.AttributeCount{{Class: "user", Attribute: "displayName", Set: 20}}, cloud.Attributes)
	require.Len(t, cloud.Samples, 5)
	require.Equal(t, []metaverse.ModView{{Attribute: "displayName", Replace: true, Old: []string{"User 0"}, Adds: []string{"USER 0"}}}, cloud.Samples[0].State.Attributes)
	require.Empty(t, cloud.Deletes)
	require.EqualValues(t, 20, r.Metaverse[1].Changed)
	require.Equal(t, map[string]int64{"displayName": 20}, r.Metaverse[1].Attributes)
	require.Equal(t, r, w.whatIf(changed, w.ad, nil), "reports of the same change are the same")
}

func TestWhatIfNewScopeNamesTheDeletions(t *testing.T) {
	t.Parallel()
	w := whatIfWorld(t)
	changed := testRules()
	changed[0].Scope[0] = append(changed[0].Scope[0], rules.ScopeCondition{Attribute: "department", Operator: rules.NotEqual, Value: "Legal"})
	r := w.whatIf(changed, w.ad, &metaverse.WhatIfOptions{Thresholds: []metaverse.Threshold{
		{Op: connector.OpDelete, Count: 9}, {Op: connector.OpAdd, Count: -1},
	}})
	cloud := r.Connectors[1]
	require.Len(t, cloud.Deletes, 10)
	require.Contains(t, cloud.Deletes, metaverse.DeleteName{DN: "CN={4531}", Class: "user", Name: "User 1",
		Cause: "ad: " + userDN(1) + " is in no rule's scope any more"})
	require.Equal(t, []metaverse.Excess{{Connector: "cloud", Op: "delete", Count: 10, Limit: 9}}, r.Exceeded)
	require.Equal(t, metaverse.LinkCounts{Disconnected: 10}, r.Connectors[0].Links)
	require.Contains(t, text(t, r), "too many: 10 deletes are pending for cloud")
	require.Empty(t, cloud.Attributes, "a deletion takes memberships along by itself")

	few := w.whatIf(changed, w.ad, &metaverse.WhatIfOptions{MaxNames: 3, Samples: -1})
	require.Len(t, few.Connectors[1].Deletes, 3)
	require.EqualValues(t, 7, few.Connectors[1].MoreDeletes)
	require.Empty(t, few.Connectors[1].Samples)
}

// What is pending already is told from what the change adds.
func TestWhatIfBesidePendingChanges(t *testing.T) {
	t.Parallel()
	w := whatIfWorld(t)
	w.modify(userDN(1), set("department", attr.String("Board")))
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(5)}))
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	require.True(t, w.whatIf(testRules(), w.ad, nil).Empty())

	changed := testRules()
	changed[0].Scope[0] = append(changed[0].Scope[0], rules.ScopeCondition{Attribute: "sAMAccountName", Operator: rules.NotEqual, Value: "u1"})
	cloud := w.whatIf(changed, w.ad, nil).Connectors[1]
	require.Contains(t, cloud.Changes, metaverse.ChangeCount{Class: "user", Op: "delete", Before: 1, After: 2, New: 1})
	require.Contains(t, cloud.Changes, metaverse.ChangeCount{Class: "user", Op: "update", Before: 1, Gone: 1})
	require.Len(t, cloud.Deletes, 1)

	broken := testRules()
	broken[0].Flows[2] = expression("displayName", `IIF([sAMAccountName] = "u2",Error("no"),[displayName])`)
	r := w.whatIf(broken, w.ad, nil)
	require.Len(t, r.Errors, 2, "the contributing objects fail one by one")
	require.EqualValues(t, 1, r.Errors[0].Count)
	require.Equal(t, []string{userDN(2)}, r.Errors[0].Samples)
}

// An administrator's filter that drops people is reported by name before it is in force, and
// stopped when it is, and undone without loss.
func TestMistakenFilterIsForetoldStoppedAndUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const dropped, kept = 2000, 500
	for i := range dropped + kept {
		w.user(i)
	}
	w.initial()
	w.settle()
	tenant := w.tenant()

	filtered, err := memdir.New("ad", nil)
	require.NoError(t, err)
	for o := range w.ad.All() {
		var n int
		if _, err := fmt.Sscanf(o.Attributes.Text("sAMAccountName"), "u%d", &n); err == nil && n >= dropped {
			require.NoError(t, filtered.Put(*o))
		}
	}
	r := w.whatIf(testRules(), filtered, &metaverse.WhatIfOptions{Import: []string{"ad"}, Thresholds: []metaverse.Threshold{{Op: connector.OpDelete, Percent: 5}}})
	require.Len(t, r.Connectors[1].Deletes, dropped)
	require.Contains(t, r.Connectors[1].Deletes[0].Cause, "is not there any more")
	require.Len(t, r.Exceeded, 1)

	good := w.ad
	w.ad = filtered
	w.reload()
	_, err = w.engine.Run(t.Context(), "ad", metaverse.FullImport, nil)
	require.ErrorIs(t, err, metaverse.ErrHeld, "the import is held")
	_, err = w.engine.Run(t.Context(), "ad", metaverse.FullImport, &metaverse.RunOptions{AcceptDeletions: true})
	require.NoError(t, err)
	w.run("ad", metaverse.DeltaSync)
	rec, err := w.engine.Run(t.Context(), "cloud", metaverse.Export, nil)
	require.ErrorIs(t, err, metaverse.ErrHeld, "and so is the export")
	require.Equal(t, metaverse.ResultStoppedDeletionThreshold, rec.Result)
	require.Equal(t, tenant, w.tenant())

	w.ad = good
	w.reload()
	require.Zero(t, w.initial().Counters.Deletes)
	w.settle()
	require.Equal(t, tenant, w.tenant(), "nothing is lost")
	require.Empty(t, w.errors())
}

func TestWhatIfNeedsACopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.engine.WhatIf(t.Context(), w.store, nil)
	require.ErrorContains(t, err, "copy")
}
