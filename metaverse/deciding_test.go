package metaverse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// pilot is a rule that keeps people from the cloud who are no members of a group.
func pilot(dn string) rules.Rule {
	return rules.Rule{
		ID: "in-pilot", Name: "In from AD - User Filter Group", Direction: rules.Inbound, Connector: "ad", SourceType: "user", TargetType: "person",
		LinkType: rules.Join, Precedence: 90,
		Scope: []rules.ScopeGroup{{{Attribute: "memberOf", Operator: rules.IsNotMemberOf, Value: dn}}},
		Flows: []rules.Flow{{Target: "cloudFiltered", Type: rules.Constant, Constant: "True", Merge: rules.Update}},
	}
}

// Whoever becomes a member of a group that rules ask about, or is none any more, is evaluated by the
// next delta, though the directory tells of the group alone.
func TestMembersOfDecidingGroupsAreEvaluated(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{1, 100} {
		w := newWorld(t)
		w.opts.Batch = batch
		w.rules = append(w.rules, pilot(groupDN(1)))
		w.reload()
		for i := range 3 {
			w.user(1 + i)
		}
		w.group(1)
		w.group(2)
		w.join(1, userDN(1))
		w.join(2, userDN(1), userDN(2))
		w.initial()
		in := func(step string, anchors ...string) {
			t.Helper()
			w.settle()
			require.Equal(t, anchors, w.anchors(), step)
			require.Zero(t, w.initial().Objects, "%s: full finds what delta has missed", step)
			w.healthy()
		}
		in("at first", "E1", "G1", "G2")
		w.join(1, userDN(2))
		in("joined", "E1", "E2", "G1", "G2")
		require.Equal(t, []string{"->E1", "->E2"}, w.members("G2"))
		w.modify(groupDN(1), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(1))}})
		in("left", "E2", "G1", "G2")
		require.NoError(t, w.ad.Rename(connector.Key{DN: groupDN(1)}, groupDN(9)))
		in("the group is called otherwise", "G1", "G2")
		require.NoError(t, w.ad.Rename(connector.Key{DN: groupDN(2)}, groupDN(1)))
		in("another group has its name", "E1", "E2", "G1", "G2")
		require.NoError(t, w.ad.Delete(connector.Key{DN: groupDN(1)}))
		in("that one is gone", "G1")
		require.NoError(t, w.ad.Rename(connector.Key{DN: groupDN(9)}, groupDN(1)))
		in("the group is back", "E2", "G1")
	}
}

// Where rules ask for members and read them nowhere else, members are imported all the same.
func TestDecidingGroupsAreImported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules = append(w.rules, pilot(groupDN(1)))
	for i := range w.rules {
		if w.rules[i].ID == "in-group" {
			w.rules[i].Flows = w.rules[i].Flows[:2]
		}
	}
	w.reload()
	w.user(1)
	w.user(2)
	w.group(1)
	w.join(1, userDN(2))
	w.initial()
	w.settle()
	require.Equal(t, []string{"E2", "G1"}, w.anchors())
}
