package metaverse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// provisioning is a lab that makes the users of forest a in forest b, at a DN that rules compute.
func provisioning(t *testing.T) *lab {
	t.Helper()
	groups := inbound("in-b", "b", "group", rules.Join, 101, []rules.JoinGroup{on("description", "employeeID")}) // so that they are known
	return newLab(t, groups,
		inbound("in", "a", "user", rules.Provision, 100, nil, direct("displayName", "displayName"), direct("employeeID", "employeeID")),
		rules.Rule{ID: "out-b", Name: "out-b", Direction: rules.Outbound, Connector: "b", SourceType: "person", TargetType: "user",
			LinkType: rules.Provision, Precedence: 200,
			Flows: []rules.Flow{direct("displayName", "displayName"), expression("dn", `"CN=" & [employeeID] & ",DC=b"`)}})
}

// An object that stands where a new one would be made is joined, and becomes what rules say: nothing
// is made twice, and it goes with its identity.
func TestProvisioningJoinsWhatStandsAtTheDN(t *testing.T) {
	t.Parallel()
	l := provisioning(t)
	l.put("b", "user", "cn=7,dc=B", "displayName", "Old", "description", "kept") // DNs compare without case
	l.put("a", "user", "CN=Ann,DC=a", "employeeID", "7", "displayName", "Ann")
	l.put("a", "user", "CN=Keep,DC=a", "employeeID", "9", "displayName", "Keep")
	l.cycle()
	require.Empty(t, l.errors())
	require.Equal(t, 2, l.dirs["b"].Len(), "the other one was made")
	o, err := l.dirs["b"].Get(connector.Key{DN: "CN=7,DC=b"})
	require.NoError(t, err)
	require.Equal(t, "Ann", o.Attributes.Text("displayName"))
	require.Equal(t, "kept", o.Attributes.Text("description"))
	require.Equal(t, [][]string{{"a:CN=Ann,DC=a", "b:cn=7,dc=B"}, {"a:CN=Keep,DC=a", "b:CN=9,DC=b"}}, l.people())

	l.remove("a", "CN=Ann,DC=a")
	l.cycle()
	require.Equal(t, 1, l.dirs["b"].Len(), "it is answered for by the rule that would have made it")
}

// What cannot be joined at the DN is not overwritten: the identity is in trouble, alone, and gets its
// object once the place is free.
func TestProvisioningMeetsAnObjectThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]func(l *lab){
		"another class": func(l *lab) { l.put("b", "group", "CN=7,DC=b", "displayName", "Old") },
		"left alone by an operator": func(l *lab) {
			l.put("b", "user", "CN=7,DC=b", "displayName", "Old")
			l.put("a", "user", "CN=First,DC=a", "employeeID", "7", "displayName", "First")
			l.cycle()
			require.NoError(l.t, l.engine.Disconnect(l.t.Context(), metaverse.ObjectRef{Connector: "b", DN: "CN=7,DC=b"}))
			l.put("a", "user", "CN=Keep,DC=a", "employeeID", "8", "displayName", "Keep")
			l.remove("a", "CN=First,DC=a")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := provisioning(t)
			other(l)
			l.cycle()
			l.put("a", "user", "CN=Ann,DC=a", "employeeID", "7", "displayName", "Ann")
			l.put("a", "user", "CN=Eve,DC=a", "employeeID", "9", "displayName", "Eve")
			l.cycle()
			errs := l.errors()
			require.Len(t, errs, 1)
			require.Equal(t, "cd-existing-object", errs[0].Code)
			require.Equal(t, "CN=Ann,DC=a", errs[0].Object.DN, "%+v", errs)
			o, err := l.dirs["b"].Get(connector.Key{DN: "CN=7,DC=b"})
			require.NoError(t, err)
			require.NotEqual(t, "Ann", o.Attributes.Text("displayName"))
			_, err = l.dirs["b"].Get(connector.Key{DN: "CN=9,DC=b"})
			require.NoError(t, err, "nobody else waits")

			l.remove("b", "CN=7,DC=b")
			l.cycle()
			require.Empty(t, l.errors())
			o, err = l.dirs["b"].Get(connector.Key{DN: "CN=7,DC=b"})
			require.NoError(t, err)
			require.Equal(t, "Ann", o.Attributes.Text("displayName"))
		})
	}
}

// Objects that move on to each other's DNs, in a chain and in a ring, stay who they are, with their
// memberships, whatever the order in which an import shows them.
func TestChainsAndRingsOfRenames(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		w := newWorld(t)
		for i := range 6 {
			w.user(i)
		}
		w.group(1)
		w.join(1, userDN(0), userDN(2), userDN(4))
		w.initial()
		w.settle()
		const aside = "CN=Aside,OU=People,DC=contoso,DC=test"
		move := func(from, to string) { require.NoError(t, w.ad.Rename(connector.Key{DN: from}, to)) }
		move(userDN(2), aside) // a chain: 1 to 2, 0 to 1, and 0 is free
		move(userDN(1), userDN(2))
		move(userDN(0), userDN(1))
		move(userDN(3), userDN(0)) // a ring: 3 to 4 to 5 to 3
		move(userDN(5), userDN(3))
		move(userDN(4), userDN(5))
		move(userDN(0), userDN(4))
		kind := metaverse.DeltaImport
		if full {
			kind = metaverse.FullImport
		}
		rec := w.run("ad", kind)
		require.Equal(t, metaverse.ResultSuccess, rec.Result)
		require.EqualValues(t, 6, rec.Counters.Renames)
		w.settle()
		require.Equal(t, w.expected(), w.tenant())
		require.Equal(t, []string{"->E0", "->E2", "->E4"}, w.members("G1"))
		w.healthy()
		require.Zero(t, w.initial().Objects)
	}
}

// A change that the directory accepts and does not keep is warned of and sent again, in every
// cycle until it shows.
func TestExportedChangeNotReimported(t *testing.T) {
	t.Parallel()
	w := populated(t)
	w.modify(userDN(1), set("department", attr.String("Sales")))
	w.cloud.SetFaults(memdir.Faults{Export: func(connector.Change) memdir.Fate {
		return memdir.Fate{Outcome: connector.Applied, Drop: true}
	}})
	w.run("ad", metaverse.DeltaImport)
	w.run("ad", metaverse.DeltaSync)
	require.EqualValues(t, 1, w.run("cloud", metaverse.Export).Counters.Updates)
	require.EqualValues(t, 1, w.counts("cloud").Unconfirmed, "sent, and waiting for an import")
	for range 3 {
		rec := w.run("cloud", metaverse.FullImport)
		require.EqualValues(t, 1, rec.Counters.Unconfirmed)
		require.Equal(t, metaverse.ResultWarnings, rec.Result)
		w.run("cloud", metaverse.DeltaSync)
		require.EqualValues(t, 1, w.run("cloud", metaverse.Export).Counters.Updates, "sent again")
	}
	w.cloud.SetFaults(memdir.Faults{})
	w.run("cloud", metaverse.FullImport)
	w.run("cloud", metaverse.DeltaSync)
	w.run("cloud", metaverse.Export)
	rec := w.run("cloud", metaverse.FullImport)
	require.EqualValues(t, 1, rec.Counters.Confirmed)
	require.Equal(t, metaverse.ResultSuccess, rec.Result)
	require.Zero(t, w.counts("cloud").Unconfirmed)
	require.Equal(t, w.expected(), w.tenant())
}
