package entratest_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

func TestPaging(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	ids := seedUsers(c, 250)
	items, _ := c.all("/users?$select=id")
	require.Len(t, items, 250)
	for i, it := range items {
		require.Equal(t, ids[i], it["id"])
		require.Len(t, it, 1, "exactly what was selected")
	}
	first := c.get("/users?$top=10")
	require.Len(t, first.values(), 10)
	require.NoError(t, c.srv.Delete(ids[3]))
	require.Equal(t, ids[10], c.get(first.link("nextLink")).values()[0]["id"], "a deletion does not shift pages")

	token, err := url.Parse(first.link("nextLink"))
	require.NoError(t, err)
	r := c.get("/groups?$skiptoken=" + url.QueryEscape(token.Query().Get("$skiptoken")))
	require.Equal(t, http.StatusBadRequest, r.status, "a skip token serves one purpose")

	r = c.eventual("/users?$count=true&$top=1")
	require.InDelta(t, 249, r.body["@odata.count"], 0)
	require.Equal(t, "249", string(c.eventual("/users/$count").raw))
	r = c.get("/users?$orderby=displayName desc&$top=2&$select=displayName")
	require.Equal(t, "User 00249", r.values()[0]["displayName"])
	require.Equal(t, "User 00247", c.get(r.link("nextLink")).values()[0]["displayName"])
}

func TestFilter(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	a := c.srv.AddUser(entratest.User{
		UserPrincipalName: "o'neill@contoso.test", DisplayName: "Jack O'Neill", Mail: "jack@contoso.com", OnPremisesImmutableID: "AB+/=",
		Department: "Air", OtherMails: []string{"j@fabrikam.com"}, Properties: map[string]any{
			"onPremisesExtensionAttributes": map[string]string{"extensionAttribute1": "sg1"}, "companyName": "SGC",
		},
	})
	b := c.srv.AddUser(entratest.User{UserPrincipalName: "carter@contoso.test", DisplayName: "Sam Carter", Disabled: true, Department: "Air"})
	d := c.srv.AddUser(entratest.User{UserPrincipalName: "daniel@contoso.test", DisplayName: "Daniel Jackson"})
	for _, tc := range []struct {
		filter   string
		advanced bool // needs ConsistencyLevel: eventual and $count=true
		want     []string
	}{
		{"userPrincipalName eq 'O''Neill@contoso.test'", false, []string{a}},
		{"onPremisesImmutableId eq 'AB+/='", false, []string{a}},
		{"onPremisesImmutableId eq 'ab+/='", false, nil},
		{"onPremisesImmutableId in ('x','AB+/=')", false, []string{a}},
		{"proxyAddresses/any(p:p eq 'smtp:JACK@contoso.com')", false, []string{a}},
		{"proxyAddresses/any(p:startswith(p,'smtp:jack'))", false, []string{a}},
		{"proxyAddresses/any(p:p eq 'SMTP:x@y.z' or p eq 'SMTP:jack@contoso.com')", false, []string{a}},
		{"otherMails/any(m:m eq 'j@fabrikam.com')", false, []string{a}},
		{"startsWith(displayName,'sam') or startswith(displayName,'dan')", false, []string{b, d}},
		{"accountEnabled eq false", false, []string{b}},
		{"department eq 'Air' and accountEnabled eq true", false, []string{a}},
		{"department eq null", false, []string{d}},
		{"department in ('Air')", false, []string{a, b}},
		{"(department eq 'Air') and (userPrincipalName eq 'carter@contoso.test' or mail eq 'jack@contoso.com')", false, []string{a, b}},
		{"displayName ge 'J'", false, []string{a, b}},
		{"department ne 'Air'", true, []string{d}},
		{"not(startswith(displayName,'Sam'))", true, []string{a, d}},
		{"endswith(mail,'contoso.com')", true, []string{a}},
		{"companyName eq 'SGC'", true, []string{a}},
		{"onPremisesExtensionAttributes/extensionAttribute1 eq 'sg1'", true, []string{a}},
		{"otherMails/$count eq 0", true, []string{b, d}},
		{"createdDateTime ge 2020-01-01T00:00:00Z", false, []string{a, b, d}},
	} {
		q := "/users?$select=id&$filter=" + url.QueryEscape(tc.filter)
		plain, adv := c.get(q), c.eventual(q+"&$count=true")
		if tc.advanced {
			require.Equal(t, http.StatusBadRequest, plain.status, tc.filter)
			require.Equal(t, "Request_UnsupportedQuery", plain.code(), tc.filter)
			require.Equal(t, http.StatusBadRequest, c.eventual(q).status, "needs $count, too: %s", tc.filter)
		} else {
			require.Equal(t, http.StatusOK, plain.status, "%s: %s", tc.filter, plain.raw)
			require.Equal(t, adv.values(), plain.values(), tc.filter)
		}
		require.Equal(t, http.StatusOK, adv.status, "%s: %s", tc.filter, adv.raw)
		var got []string
		for _, v := range adv.values() {
			got = append(got, v["id"].(string))
		}
		require.Equal(t, tc.want, got, tc.filter)
	}
	require.Empty(t, c.srv.Misuses())
	for _, bad := range []string{
		"displayName", "displayName eq", "eq 'x'", "displayName eq 'x", "displayName eq true", "samAccountName eq 'x'", "displayName like 'x'",
		"proxyAddresses eq 'x'", "proxyAddresses/any(p:q eq 'x')", "(displayName eq 'x'", "displayName eq 'x')", "accountEnabled eq 'true'",
	} {
		require.Equal(t, http.StatusBadRequest, c.get("/users?$filter="+url.QueryEscape(bad)).status, bad)
	}
	require.Len(t, c.srv.Misuses(), 12, "each is a programming error")
}

func TestDirectoryObjects(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	u := seedUsers(c, 2)
	g := c.createGroup("inner", `,"members@odata.bind":`+bind(u[0]))
	outer := c.createGroup("outer", `,"members@odata.bind":`+bind(g, u[1]))
	require.Equal(t, "#microsoft.graph.group", c.get("/directoryObjects/" + g).body["@odata.type"])
	r := c.do("POST", "/directoryObjects/getByIds", `{"ids":["`+u[0]+`","`+g+`","11111111-1111-1111-1111-111111111111"],"types":["user","group"]}`)
	require.Len(t, r.values(), 2, "%s", r.raw)
	require.Len(t, c.get("/groups/"+outer+"/transitiveMembers").values(), 3)
	require.Len(t, c.get("/users/"+u[0]+"/memberOf").values(), 1)
	require.Len(t, c.get("/users/"+u[0]+"/transitiveMemberOf/microsoft.graph.group").values(), 2)
	require.Equal(t, 0, c.srv.Writes()-2, "getByIds does not write")

	require.Len(t, c.get("/groups/"+outer+"/members/graph.user").values(), 1)
	require.Len(t, c.get("/users/microsoft.graph.delta()").values(), 2)
	require.Empty(t, c.get("/directory/deletedItems/graph.group").values())
	require.Equal(t, u[0], c.get("/users('u00000%40contoso.test')").id())

	require.Len(t, c.get("/domains").values(), 5)
	org := c.get("/organization?$select=id,verifiedDomains").values()
	require.Len(t, org, 1)
	require.Len(t, org[0]["verifiedDomains"], 5)
	require.NotEmpty(t, c.get("/directoryRoles").values())
}
