package metaverse_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// What a rule has given goes with the rule, in the metaverse and in the tenant: the next in
// precedence takes over, and what nobody else supplies is cleared, references among it.
func TestRuleThatLeavesIsRecalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	more := rules.Rule{ID: "in-more", Name: "In from AD - More", Direction: rules.Inbound, Connector: "ad", SourceType: "user", TargetType: "person",
		LinkType: rules.Join, Precedence: 50,
		Flows: []rules.Flow{expression("displayName", `"Dr " & [displayName]`), expression("proxyAddresses", `"SMTP:" & [userPrincipalName]`), direct("manager", "manager")}}
	for i := range w.rules {
		w.rules[i].Flows = slices.DeleteFunc(slices.Clone(w.rules[i].Flows), func(f rules.Flow) bool {
			return w.rules[i].ID == "in-user" && (f.Target == "manager" || f.Target == "proxyAddresses")
		})
	}
	plain := slices.Clone(w.rules)
	w.rules = append(w.rules, more)
	w.reload()
	w.user(1)
	w.user(2, set("manager", attr.Reference(userDN(1))))
	w.initial()
	w.settle()
	require.Equal(t, []string{"Dr User 2"}, w.tenant()["E2"]["displayName"])
	require.Equal(t, []string{"SMTP:u2@contoso.test"}, w.tenant()["E2"]["proxyAddresses"])
	require.Equal(t, []string{"->E1"}, w.tenant()["E2"]["manager"])

	w.rules = plain
	w.reload()
	w.settle()
	require.Equal(t, []string{"User 2"}, w.tenant()["E2"]["displayName"])
	require.Empty(t, w.tenant()["E2"]["proxyAddresses"])
	require.Empty(t, w.tenant()["E2"]["manager"])
	page, err := w.engine.SearchMV(t.Context(), metaverse.MVQuery{Attribute: "proxyAddresses"})
	require.NoError(t, err)
	require.Empty(t, page.Objects)
	require.Zero(t, w.initial().Objects, "a full cycle finds nothing more")
}
