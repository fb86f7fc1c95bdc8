package entratest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

func bind(ids ...string) string {
	urls := make([]string, len(ids))
	for i, id := range ids {
		urls[i] = `"https://graph.microsoft.com/v1.0/directoryObjects/` + id + `"`
	}
	return "[" + strings.Join(urls, ",") + "]"
}

func seedUsers(c *client, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = c.srv.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("u%05d@contoso.test", i), DisplayName: fmt.Sprintf("User %05d", i)})
	}
	return ids
}

func TestGroupMembers(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	u := seedUsers(c, 30)
	g := c.createGroup("sales", `,"owners@odata.bind":`+bind(u[0])+`,"members@odata.bind":`+bind(u[1], u[2]))
	require.ElementsMatch(t, u[1:3], c.srv.Members(g))

	r := c.do("POST", "/groups/"+g+"/members/$ref", ref(u[3]))
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.raw)
	r = c.do("POST", "/groups/"+g+"/members/$ref", ref(u[3]))
	require.Equal(t, http.StatusBadRequest, r.status)
	require.Equal(t, "Request_BadRequest", r.code(), "already a member")
	require.Equal(t, http.StatusNotFound, c.do("POST", "/groups/"+g+"/members/$ref", ref("11111111-1111-1111-1111-111111111111")).status)

	r = c.do("PATCH", "/groups/"+g, `{"members@odata.bind":`+bind(u[4], u[3])+`}`)
	require.Equal(t, http.StatusBadRequest, r.status, "one is a member already")
	require.Len(t, c.srv.Members(g), 3, "all or nothing")
	require.Equal(t, http.StatusBadRequest, c.do("PATCH", "/groups/"+g, `{"members@odata.bind":`+bind(u[4:25]...)+`}`).status, "21 at once")
	require.Equal(t, http.StatusNoContent, c.do("PATCH", "/groups/"+g, `{"members@odata.bind":`+bind(u[4:24]...)+`}`).status)
	require.Len(t, c.srv.Members(g), 23)

	items, _ := c.all("/groups/" + g + "/members?$top=7&$select=id,displayName")
	require.Len(t, items, 23)
	require.Equal(t, "#microsoft.graph.user", items[0]["@odata.type"])
	items, _ = c.all("/groups/" + g + "/members/microsoft.graph.group")
	require.Empty(t, items)
	x, _ := c.get("/groups/" + g + "?$select=id&$expand=members($select=id)").body["members"].([]any)
	require.Len(t, x, 20, "expansion shows twenty")

	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/groups/"+g+"/members/"+u[1]+"/$ref", "").status)
	require.Equal(t, http.StatusNotFound, c.do("DELETE", "/groups/"+g+"/members/"+u[1]+"/$ref", "").status)
	require.Empty(t, c.srv.Misuses()[1:], "only the bind of 21 is a programming error")

	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/groups/"+g+"/members/"+u[2], "").status)
	_, there := c.srv.User(u[2])
	require.False(t, there, "without /$ref the member itself is deleted")
	require.Len(t, c.srv.Misuses(), 2)

	require.Equal(t, http.StatusBadRequest, c.do("DELETE", "/groups/"+g+"/owners/"+u[0]+"/$ref", "").status, "the last owner")
}

func TestGroupKinds(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	yes := true
	u := seedUsers(c, 2)
	list := c.srv.AddGroup(entratest.Group{DisplayName: "list", MailNickname: "list", MailEnabled: true, NotSecurity: true, Mail: "list@contoso.test"})
	synced := c.srv.AddGroup(entratest.Group{DisplayName: "synced", MailNickname: "synced", OnPremisesSyncEnabled: &yes})
	for _, g := range []string{list, synced} {
		require.Equal(t, http.StatusBadRequest, c.do("PATCH", "/groups/"+g, `{"description":"x"}`).status)
		require.Equal(t, http.StatusBadRequest, c.do("POST", "/groups/"+g+"/members/$ref", ref(u[0])).status)
		require.Equal(t, http.StatusBadRequest, c.do("DELETE", "/groups/"+g, "").status)
	}
	for name, body := range map[string]string{
		"mail-enabled security": `{"displayName":"x","mailEnabled":true,"mailNickname":"x","securityEnabled":true}`,
		"neither":               `{"displayName":"x","mailEnabled":false,"mailNickname":"x","securityEnabled":false}`,
		"nickname":              `{"displayName":"x","mailEnabled":false,"mailNickname":"a b","securityEnabled":true}`,
		"read-only":             `{"displayName":"x","mailEnabled":false,"mailNickname":"x","securityEnabled":true,"mail":"x@contoso.test"}`,
		"not on creation":       `{"displayName":"x","mailEnabled":false,"mailNickname":"x","securityEnabled":true,"unseenCount":1}`,
		"no mailNickname":       `{"displayName":"x","mailEnabled":false,"securityEnabled":true}`,
	} {
		require.Equal(t, http.StatusBadRequest, c.do("POST", "/groups", body).status, name)
	}
	r := c.do("POST", "/groups", `{"displayName":"Team","mailEnabled":true,"mailNickname":"team","securityEnabled":false,"groupTypes":["Unified"]}`)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.raw)
	require.Equal(t, "team@contoso.test", r.body["mail"])
	require.Equal(t, http.StatusBadRequest, c.do("POST", "/groups/"+r.id()+"/members/$ref", ref(list)).status, "no groups in Microsoft 365 groups")
	r = c.do("POST", "/users", userBody("x@contoso.test", `,"mail":"TEAM@contoso.test"`))
	require.Equal(t, http.StatusBadRequest, r.status, "addresses are unique over users and groups")
	code, target := r.detail()
	require.Equal(t, "ObjectConflict proxyAddresses", code+" "+target)
}

func TestDeletedItems(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	id := c.createUser("ada@contoso.test", `,"onPremisesImmutableId":"anchor="`)
	g := c.createGroup("sales", `,"members@odata.bind":`+bind(id))
	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/users/"+id, "").status)
	require.Empty(t, c.srv.Members(g))
	require.Equal(t, http.StatusBadRequest, c.get("/directory/deletedItems").status, "needs a cast")

	r := c.get("/directory/deletedItems/microsoft.graph.user?$select=id,userPrincipalName,onPremisesImmutableId,deletedDateTime")
	require.Len(t, r.values(), 1)
	require.Equal(t, strings.ReplaceAll(id, "-", "")+"ada@contoso.test", r.values()[0]["userPrincipalName"])
	require.NotEmpty(t, r.values()[0]["deletedDateTime"])

	r = c.do("POST", "/users", userBody("ada2@contoso.test", `,"onPremisesImmutableId":"anchor="`))
	require.Equal(t, http.StatusBadRequest, r.status, "the recycle bin keeps the anchor")

	other := c.createUser("ada@contoso.test", "")
	r = c.do("POST", "/directory/deletedItems/"+id+"/restore", "")
	require.Equal(t, http.StatusBadRequest, r.status)
	code, target := r.detail()
	require.Equal(t, "ObjectConflict userPrincipalName", code+" "+target)

	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/users/"+other, "").status)
	r = c.do("POST", "/directory/deletedItems/"+id+"/restore", "")
	require.Equal(t, http.StatusOK, r.status, "%s", r.raw)
	require.Equal(t, id, r.id())
	u, ok := c.srv.User("ada@contoso.test")
	require.True(t, ok)
	require.Equal(t, "anchor=", u.OnPremisesImmutableID)
	require.Equal(t, []string{id}, c.srv.Members(g), "memberships come back")

	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/directory/deletedItems/"+other, "").status)
	require.Equal(t, http.StatusNotFound, c.do("POST", "/directory/deletedItems/"+other+"/restore", "").status)

	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/groups/"+g, "").status)
	require.Len(t, c.get("/directory/deletedItems/microsoft.graph.group").values(), 1)
	c.srv.Advance(30 * 24 * time.Hour)
	c.token = c.srv.IssueToken()
	require.Empty(t, c.get("/directory/deletedItems/microsoft.graph.group").values(), "purged by time")
}

func TestPrivilegedGroupNeedsPermission(t *testing.T) {
	t.Parallel()
	c := newClient(t, &entratest.Options{Permissions: []string{"Group.ReadWrite.All", "User.ReadWrite.All"}})
	u := seedUsers(c, 2)
	g := c.srv.AddGroup(entratest.Group{DisplayName: "admins", MailNickname: "admins", AssignableToRole: true, Members: u[:1]})
	r := c.do("POST", "/groups/"+g+"/members/$ref", ref(u[1]))
	require.Equal(t, http.StatusForbidden, r.status)
	require.Equal(t, "Authorization_RequestDenied", r.code())
	require.Equal(t, http.StatusForbidden, c.do("PATCH", "/users/"+u[0], `{"mobilePhone":"1"}`).status, "member of a role-assignable group")
	require.Equal(t, http.StatusNoContent, c.do("PATCH", "/users/"+u[1], `{"mobilePhone":"1"}`).status)
	require.Equal(t, http.StatusForbidden, c.get("/domains").status, "permission not granted")
}
