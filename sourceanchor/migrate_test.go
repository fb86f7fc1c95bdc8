package sourceanchor_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/sourceanchor"
)

func guid(n byte) []byte { return append(make([]byte, 15), n) }

func mover(name string, object, consistency byte) sourceanchor.Mover {
	m := sourceanchor.Mover{Name: name, Account: sourceanchor.Account{ObjectGUID: guid(object)}}
	if consistency != 0 {
		m.Account.ConsistencyGUID = guid(consistency)
	}
	return m
}

func TestPlanMoves(t *testing.T) {
	t.Parallel()
	linked := mover("linked", 60, 0)
	linked.Account.LinkedMailbox = true
	group := mover("group", 70, 0)
	group.Account.Group = true
	tests := []struct {
		name    string
		pair    sourceanchor.Pair
		verdict sourceanchor.MoveVerdict
		value   []byte
		with    string
	}{
		{"objectGUID is copied", sourceanchor.Pair{Source: mover("a", 10, 0), Target: mover("A", 110, 0)}, sourceanchor.MoveCopy, guid(10), ""},
		{"ConsistencyGuid goes first", sourceanchor.Pair{Source: mover("b", 20, 21), Target: mover("B", 120, 0)}, sourceanchor.MoveCopy, guid(21), ""},
		{"already there", sourceanchor.Pair{Source: mover("c", 30, 0), Target: mover("C", 130, 30)}, sourceanchor.MoveDone, guid(30), ""},
		{"another value", sourceanchor.Pair{Source: mover("d", 40, 0), Target: mover("D", 140, 41)}, sourceanchor.MoveConflict, guid(40), "D"},
		{"taken by objectGUID", sourceanchor.Pair{Source: mover("e", 200, 0), Target: mover("E", 150, 0)}, sourceanchor.MoveCollides, guid(200), "stranger"},
		{"taken by ConsistencyGuid", sourceanchor.Pair{Source: mover("f", 202, 0), Target: mover("F", 160, 0)}, sourceanchor.MoveCollides, guid(202), "settled"},
		{"linked mailbox", sourceanchor.Pair{Source: linked, Target: mover("L", 161, 0)}, sourceanchor.MoveNothing, nil, ""},
		{"group", sourceanchor.Pair{Source: group, Target: mover("G", 170, 0)}, sourceanchor.MoveCopy, guid(70), ""},
		{"twice", sourceanchor.Pair{Source: mover("a2", 11, 10), Target: mover("A2", 111, 0)}, sourceanchor.MoveCollides, guid(10), "A"},
		{"what another target holds", sourceanchor.Pair{Source: mover("h", 41, 0), Target: mover("H", 180, 0)}, sourceanchor.MoveCollides, guid(41), "D"},
	}
	var pairs []sourceanchor.Pair
	others := []sourceanchor.Mover{mover("stranger", 200, 0), mover("settled", 201, 202)}
	for _, tt := range tests {
		pairs = append(pairs, tt.pair)
		others = append(others, tt.pair.Target)
	}
	moves := sourceanchor.PlanMoves(pairs, slices.Values(others))
	require.Len(t, moves, len(tests))
	for i, tt := range tests {
		m := moves[i]
		require.Equal(t, tt.verdict, m.Verdict, tt.name)
		require.Equal(t, tt.value, m.Value, tt.name)
		require.Equal(t, tt.with, m.With, tt.name)
		require.NotEmpty(t, m.Reason, tt.name)
	}
}

func TestPlanSwitch(t *testing.T) {
	t.Parallel()
	group := mover("group", 5, 0)
	group.Account.Group = true
	short := sourceanchor.Mover{Name: "short", Account: sourceanchor.Account{ObjectGUID: []byte{1}}}
	objects := []sourceanchor.Mover{mover("empty", 1, 0), mover("copied", 2, 2), mover("foreign", 3, 4), group, short}
	steps := slices.Collect(sourceanchor.PlanSwitch(slices.Values(objects), false))
	require.Len(t, steps, 3)
	require.Equal(t, sourceanchor.SwitchStep{Object: "empty", Decision: sourceanchor.WriteGUID, Value: guid(1), Reason: steps[0].Reason}, steps[0])
	require.Equal(t, sourceanchor.Conflicts, steps[1].Decision)
	require.Nil(t, steps[1].Value, "never over another value")
	require.Equal(t, "short", steps[2].Object)
	require.Len(t, slices.Collect(sourceanchor.PlanSwitch(slices.Values(objects), true)), 4)
	for range sourceanchor.PlanSwitch(slices.Values(objects), true) {
		break // stops without trouble
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	anchorOf := func(n byte) sourceanchor.Anchor { return sourceanchor.FromBytes(guid(n)) }
	local := func(name string, object byte, upn, smtp string) sourceanchor.LocalObject {
		return sourceanchor.LocalObject{Name: name, Account: sourceanchor.Account{ObjectGUID: guid(object)}, UPN: upn, SMTP: smtp}
	}
	swapped := []byte{4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16}
	right := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	text := func(s string) sourceanchor.Anchor {
		a, err := sourceanchor.FromString(s)
		require.NoError(t, err)
		return a
	}
	occupied := local("occupied", 7, "occupied@contoso.test", "")
	occupied.Account.ConsistencyGUID = guid(77)
	locals := []sourceanchor.LocalObject{
		local("good", 1, "good@contoso.test", ""),
		local("twin1", 2, "", ""), local("twin2", 2, "", ""),
		{Name: "order", Account: sourceanchor.Account{ObjectGUID: right}},
		{Name: "case", Anchor: text("EMP1")},
		local("other", 5, "other@contoso.test", ""),
		local("none", 6, "x@contoso.test", "None@contoso.test"),
		occupied,
		local("new", 8, "new@contoso.test", ""),
	}
	clouds := []sourceanchor.CloudObject{
		{ID: "c-good", Anchor: anchorOf(1), UPN: "renamed@contoso.test", Synced: true},
		{ID: "c-dup1", Anchor: anchorOf(90)}, {ID: "c-dup2", Anchor: anchorOf(90)},
		{ID: "c-order", Anchor: sourceanchor.FromBytes(swapped), Synced: true},
		{ID: "c-case", Anchor: text("emp1")},
		{ID: "c-other", Anchor: anchorOf(91), UPN: "OTHER@contoso.test", Synced: true},
		{ID: "c-none", SMTP: "none@contoso.test"},
		{ID: "c-occupied", Anchor: anchorOf(92), UPN: "occupied@contoso.test", Synced: true},
		{ID: "c-orphan", Anchor: anchorOf(93), Synced: true},
		{ID: "c-gone", UPN: "new@contoso.test", Deleted: true},
	}
	audit := sourceanchor.NewAudit(slices.Values(locals), slices.Values(clouds))
	got := map[string]sourceanchor.Trouble{}
	for _, d := range audit.Discrepancies() {
		got[d.Local+"/"+d.Cloud] = d.Trouble
		require.NotEmpty(t, d.Reason)
	}
	require.Equal(t, map[string]sourceanchor.Trouble{
		"twin1/": sourceanchor.DuplicateLocal, "/c-dup1": sourceanchor.DuplicateCloud, "order/c-order": sourceanchor.ByteOrder,
		"case/c-case": sourceanchor.CaseOnly, "other/c-other": sourceanchor.OtherAnchor, "none/c-none": sourceanchor.NoAnchor,
		"occupied/c-occupied": sourceanchor.OtherAnchor, "/c-orphan": sourceanchor.OrphanSynced,
	}, got)

	plan := map[string]sourceanchor.Repair{}
	for _, r := range audit.Plan(true) {
		plan[r.Local+"/"+r.Cloud] = r
	}
	require.Equal(t, swapped, plan["order/c-order"].Value)
	require.Equal(t, sourceanchor.RepairConsistencyGUID, plan["other/c-other"].Kind)
	require.Equal(t, guid(91), plan["other/c-other"].Value)
	require.Equal(t, sourceanchor.RepairImmutableID, plan["none/c-none"].Kind)
	require.Equal(t, anchorOf(6), plan["none/c-none"].Anchor)
	require.Equal(t, sourceanchor.RepairImmutableID, plan["case/c-case"].Kind, "text cannot be written into a GUID attribute")
	require.Equal(t, sourceanchor.RepairByHand, plan["occupied/c-occupied"].Kind, "never over another value")
	require.Equal(t, sourceanchor.RepairByHand, plan["twin1/"].Kind)
	for _, r := range audit.Plan(false) {
		require.NotEqual(t, sourceanchor.RepairConsistencyGUID, r.Kind)
	}

	slices.Reverse(locals)
	slices.Reverse(clouds)
	require.Equal(t, audit.Discrepancies(), sourceanchor.NewAudit(slices.Values(locals), slices.Values(clouds)).Discrepancies())
}

func ExamplePlanMoves() {
	old := sourceanchor.Mover{Name: "ann@old", Account: sourceanchor.Account{ObjectGUID: []byte("0123456789abcdef")}}
	moved := sourceanchor.Mover{Name: "ann@new", Account: sourceanchor.Account{ObjectGUID: []byte("fedcba9876543210")}}
	for _, m := range sourceanchor.PlanMoves([]sourceanchor.Pair{{Source: old, Target: moved}}, slices.Values([]sourceanchor.Mover{moved})) {
		fmt.Println(m.Verdict, m.Target, m.Anchor)
	}
	// Output: copy ann@new MDEyMzQ1Njc4OWFiY2RlZg==
}
