package metaverse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// limited is a world in which groups have three members at most: the directory says so, or
// the rules.
func limited(t *testing.T, byRules bool) *world {
	t.Helper()
	schema := cloudSchema()
	if !byRules {
		a, _ := schema.Attribute("member")
		a.MaxValues = 3
	}
	w := newWorldOn(t, schema)
	if byRules {
		w.rules = append(w.rules, rules.Rule{ID: "limit", Name: "Group member limit", Direction: rules.Outbound, Connector: "cloud",
			SourceType: "group", TargetType: "group", LinkType: rules.Join, Precedence: 50,
			Flows: []rules.Flow{expression("member", `IIF([memberCount] > 3, Error("Maximum Group member count exceeded"), IgnoreThisFlow)`)}})
	}
	w.reload()
	for i := range 6 {
		w.user(i)
	}
	w.group(1)
	w.join(1, userDN(0), userDN(1), userDN(2))
	w.initial()
	w.settle()
	require.Equal(t, []string{"->E0", "->E1", "->E2"}, w.members("G1"))
	return w
}

// A group that outgrows a limit is frozen: its members in the tenant stay, changes wait, it is
// reported, and never deleted. When it is small enough again everything is made up for.
func TestGroupAboveTheLimitIsFrozen(t *testing.T) {
	t.Parallel()
	for name, byRules := range map[string]bool{"the directory's": false, "the rules'": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := limited(t, byRules)
			w.join(1, userDN(3))
			w.delta()
			frozen := func() {
				t.Helper()
				require.Equal(t, []string{"->E0", "->E1", "->E2"}, w.members("G1"))
				errs := w.errors()
				require.NotEmpty(t, errs)
				for _, e := range errs {
					require.Equal(t, "member", e.Attribute)
					if !byRules {
						require.Equal(t, "exceeds-allowed-values", e.Code)
						require.Contains(t, e.Message, "at most 3")
						require.Contains(t, e.Message, "the object has ")
					} else {
						require.Contains(t, e.Message, "Maximum Group member count exceeded")
					}
				}
			}
			frozen()
			w.join(1, userDN(4))
			w.modify(groupDN(1), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(0))}})
			w.delta()
			frozen()
			w.delta()
			frozen()
			w.initial()
			frozen()
			w.healthy()

			require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(2)}))
			w.delta()
			w.settle()
			require.Equal(t, []string{"->E1", "->E3", "->E4"}, w.members("G1"))
			require.Empty(t, w.errors())
			require.Equal(t, w.expected(), w.tenant())
		})
	}
}

// Changes that wait for their export when the group outgrows the limit are not sent either.
func TestFreezingHoldsWhatIsPending(t *testing.T) {
	t.Parallel()
	for _, byRules := range []bool{false, true} {
		w := limited(t, byRules)
		w.modify(groupDN(1), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(0))}})
		w.run("ad", "delta-import")
		w.run("ad", "delta-sync") // staged, not sent
		w.join(1, userDN(3), userDN(4))
		w.delta()
		require.Equal(t, []string{"->E0", "->E1", "->E2"}, w.members("G1"))
		require.NotEmpty(t, w.errors())
	}
}

// Other attributes of a frozen group go on, and one that is too large from the start is not
// made before it has fewer members.
func TestFrozenGroupsAndTheirOtherAttributes(t *testing.T) {
	t.Parallel()
	w := limited(t, false)
	w.join(1, userDN(3))
	w.modify(groupDN(1), set("displayName", attr.String("Renamed")))
	w.group(2)
	w.join(2, userDN(0), userDN(1), userDN(2), userDN(3))
	w.delta()
	w.delta()
	require.Equal(t, []string{"Renamed"}, w.tenant()["G1"]["displayName"])
	require.NotContains(t, w.anchors(), "G2")
	require.GreaterOrEqual(t, len(w.errors()), 2)
	w.healthy()

	w.modify(groupDN(2), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(0))}})
	w.modify(groupDN(1), attr.Mod{Name: "member", Deletes: []attr.Value{attr.Reference(userDN(0))}})
	w.settle()
	require.Equal(t, w.expected(), w.tenant())
	require.Empty(t, w.errors())
}
