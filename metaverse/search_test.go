package metaverse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

func TestSearchCS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 6 {
		w.user(i)
	}
	w.user(6, set("userPrincipalName", attr.String("u1@contoso.test"))) // in conflict with user 1
	w.user(7, set("sAMAccountName", attr.String("svc7")))               // a disconnector
	w.group(1)
	require.NoError(t, w.ad.Put(connector.Object{Class: "computer", DN: "CN=Unknown,OU=Elsewhere,DC=contoso,DC=test"}))
	w.join(1, "CN=Unknown,OU=Elsewhere,DC=contoso,DC=test", userDN(1))
	for _, kind := range []metaverse.StepKind{metaverse.FullImport, metaverse.FullSync} {
		w.run("ad", kind)
		w.run("cloud", kind)
	}
	w.run("cloud", metaverse.Export)
	w.modify(userDN(2), set("department", attr.String("Sales")))
	require.NoError(t, w.ad.Delete(connector.Key{DN: userDN(3)}))
	w.run("ad", metaverse.DeltaImport)
	w.modify(userDN(4), set("department", attr.String("Secret")))

	anchor := func(dn string) connector.Anchor {
		page, err := w.engine.SearchCS(t.Context(), metaverse.CSQuery{Connector: "ad", DN: dn})
		require.NoError(t, err)
		require.Len(t, page.Objects, 1)
		a, err := connector.ParseAnchor(page.Objects[0].Anchor)
		require.NoError(t, err)
		return a
	}
	tests := []struct {
		name string
		q    metaverse.CSQuery
		want []string // DNs
	}{
		{"DN in other case", metaverse.CSQuery{DN: "cn=USER 1,ou=people,dc=contoso,dc=test"}, []string{userDN(1)}},
		{"anchor", metaverse.CSQuery{Anchor: anchor(userDN(5))}, []string{userDN(5)}},
		{"anchor of another DN", metaverse.CSQuery{DN: userDN(1), Anchor: anchor(userDN(5))}, nil},
		{"nobody", metaverse.CSQuery{DN: "CN=Nobody"}, nil},
		{"state", metaverse.CSQuery{State: "normal-disconnector"}, []string{userDN(7)}},
		{"placeholder", metaverse.CSQuery{State: "placeholder"}, []string{"CN=Unknown,OU=Elsewhere,DC=contoso,DC=test"}},
		{"pending import", metaverse.CSQuery{PendingImport: "any", Class: "user"}, []string{userDN(2), userDN(3)}},
		{"pending deletion", metaverse.CSQuery{PendingImport: "delete"}, []string{userDN(3)}},
		{"sub-tree", metaverse.CSQuery{Under: "ou=GROUPS,DC=contoso,DC=test"}, []string{groupDN(1)}},
		{"part of a DN", metaverse.CSQuery{Contains: "user 2"}, []string{userDN(2)}},
		{"class", metaverse.CSQuery{Class: "Group"}, []string{groupDN(1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.q.Connector = "ad"
			page, err := w.engine.SearchCS(t.Context(), tt.q)
			require.NoError(t, err)
			var dns []string
			for _, o := range page.Objects {
				dns = append(dns, o.DN)
			}
			require.Equal(t, tt.want, dns)
			require.Zero(t, page.Next)
		})
	}

	bad, err := w.engine.SearchCS(t.Context(), metaverse.CSQuery{Connector: "cloud", Errors: true})
	require.NoError(t, err)
	require.Len(t, bad.Objects, 1)
	require.Len(t, w.errors(), 1)
	code, dn := w.errors()[0].Code, bad.Objects[0].DN
	for q, found := range map[metaverse.CSQuery]bool{
		{Error: code}: true, {Error: strings.ToUpper(code)}: true, {Error: "permission-issue"}: false,
		{Error: code, PendingExport: "add"}: true, {Error: code, PendingExport: "delete"}: false, {Error: code, PendingImport: "any"}: false,
		{Error: code, DN: dn}: true, {Error: "permission-issue", DN: dn}: false, {Errors: true, DN: dn}: true,
	} {
		q.Connector = "cloud"
		page, err := w.engine.SearchCS(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, found, len(page.Objects) == 1, "%+v", q)
	}
	pending, err := w.engine.SearchCS(t.Context(), metaverse.CSQuery{Connector: "cloud", PendingExport: "add"})
	require.NoError(t, err)
	require.Equal(t, bad.Objects, pending.Objects)
	require.Equal(t, "add", pending.Objects[0].PendingExport)

	var all []string
	for q := (metaverse.CSQuery{Connector: "ad", Class: "user", Limit: 3}); ; {
		page, err := w.engine.SearchCS(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Objects), 3)
		for _, o := range page.Objects {
			all = append(all, o.DN)
		}
		if q.After = page.Next; page.Next == 0 {
			break
		}
	}
	require.Len(t, all, 8, "pages hold everything once")

	for _, q := range []metaverse.CSQuery{{Connector: "x"}, {Connector: "ad", State: "x"}, {Connector: "ad", PendingImport: "none"}, {Connector: "ad", PendingExport: "x"}} {
		_, err := w.engine.SearchCS(t.Context(), q)
		require.Error(t, err, "%+v", q)
	}
}

func TestSearchMV(t *testing.T) {
	t.Parallel()
	w := populated(t)
	tests := []struct {
		name string
		q    metaverse.MVQuery
		want []string
	}{
		{"indexed", metaverse.MVQuery{Attribute: "sourceAnchor", Value: "e2"}, []string{"User 2"}},
		{"not indexed", metaverse.MVQuery{Attribute: "displayName", Value: "user 3"}, []string{"User 3"}},
		{"other class", metaverse.MVQuery{Attribute: "displayName", Value: "user 3", Class: "group"}, nil},
		{"any value", metaverse.MVQuery{Attribute: "memberCount"}, []string{"Group 1"}},
		{"class", metaverse.MVQuery{Class: "group"}, []string{"Group 1"}},
		{"nobody", metaverse.MVQuery{Attribute: "sourceAnchor", Value: "x"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := w.engine.SearchMV(t.Context(), tt.q)
			require.NoError(t, err)
			var names []string
			for _, o := range page.Objects {
				names = append(names, o.Name)
			}
			require.Equal(t, tt.want, names)
		})
	}
	first, err := w.engine.SearchMV(t.Context(), metaverse.MVQuery{Limit: 3})
	require.NoError(t, err)
	second, err := w.engine.SearchMV(t.Context(), metaverse.MVQuery{Limit: 3, After: first.Next})
	require.NoError(t, err)
	require.Len(t, append(first.Objects, second.Objects...), 5)
	require.Zero(t, second.Next)
}

func TestLineage(t *testing.T) {
	t.Parallel()
	w := populated(t)
	x, err := w.engine.Explain(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: userDN(1)})
	require.NoError(t, err)
	cloud := metaverse.ObjectRef{CS: x.Outbound[0].Object.ID}

	enabled, err := w.engine.Lineage(t.Context(), cloud, "accountEnabled")
	require.NoError(t, err)
	require.Len(t, enabled, 1)
	require.Equal(t, "Out to cloud - User", enabled[0].Rule)
	require.Equal(t, []string{"True"}, enabled[0].Values)
	mv := enabled[0].From[0]
	require.Equal(t, "In from AD - User", mv.Rule)
	require.Equal(t, "BitAnd([userAccountControl],2) = 0", mv.Flow)
	require.Equal(t, []metaverse.Lineage{{Object: "ad: " + userDN(1), Attribute: "userAccountControl", Values: []string{"512"}}}, mv.From)

	own, err := w.engine.Lineage(t.Context(), metaverse.ObjectRef{Connector: "ad", DN: userDN(1)}, "employeeID")
	require.NoError(t, err)
	require.Equal(t, []metaverse.Lineage{{Object: "ad: " + userDN(1), Attribute: "employeeID", Values: []string{"E1"}}}, own)

	group, err := w.engine.SearchMV(t.Context(), metaverse.MVQuery{Class: "group"})
	require.NoError(t, err)
	members, err := w.engine.LineageMV(t.Context(), group.Objects[0].ID, "member")
	require.NoError(t, err)
	require.EqualValues(t, 2, members[0].Count)
	require.EqualValues(t, 2, members[0].From[0].Count)
	_, err = w.engine.LineageMV(t.Context(), 4711, "member")
	require.ErrorIs(t, err, connector.ErrNotFound)
}
