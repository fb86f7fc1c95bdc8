package metaverse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// The cost of a delta follows the change, not the population.
func TestEvaluatedObjectsFollowTheChange(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const users, members, teams, perTeam = 100_000, 50_000, 1000, 10
	w := newWorld(t)
	store, err := sqlstore.OpenMemory(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	w.store = store
	w.reload()
	dns := make([]string, users)
	for i := range users {
		w.user(i)
		dns[i] = userDN(i)
	}
	w.group(0)
	w.join(0, dns[:members]...)
	for g := range teams {
		w.group(g + 1)
		w.join(g+1, dns[members+g*perTeam:members+(g+1)*perTeam]...)
	}
	w.run("ad", metaverse.FullImport)
	full := w.run("ad", metaverse.FullSync)
	require.EqualValues(t, users+teams+1, full.Counters.Evaluated)

	delta := func() metaverse.Counters {
		w.run("ad", metaverse.DeltaImport)
		return w.run("ad", metaverse.DeltaSync).Counters
	}
	require.Zero(t, delta().Evaluated, "nothing has changed")

	w.modify(groupDN(0), attr.Mod{Name: "member", Adds: []attr.Value{attr.Reference(dns[members])}})
	c := delta()
	require.LessOrEqual(t, c.Evaluated, int64(3), "one member of a group of 50,000")
	require.LessOrEqual(t, c.References, int64(3))

	// 1 % creates, 1 % deletes, 5 % modifies, among the members of teams as well.
	changed := 0
	for i := range users / 100 {
		w.user(users + i)
		require.NoError(t, w.ad.Delete(connector.Key{DN: dns[members+users/20+i]}))
		changed += 2
	}
	for i := range users / 20 {
		w.modify(dns[members+i], set("department", attr.String(fmt.Sprint("D", i%7))))
		changed++
	}
	c = delta()
	const referring = users / 100 / perTeam
	require.LessOrEqual(t, c.Evaluated, int64(changed+referring), "the changed objects and those that refer to them")
	t.Logf("%d changed, %d evaluated, %d references", changed, c.Evaluated, c.References)
	require.Zero(t, delta().Evaluated)
}
