package entratest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

func TestUserLifecycle(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	id := c.createUser("ada@contoso.test", `,"mail":"ada@contoso.com","onPremisesImmutableId":"AAECAwQFBgcICQoLDA0ODw==","onPremisesExtensionAttributes":{"extensionAttribute1":"x"}`)

	r := c.get("/users/ada@contoso.test")
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, id, r.id())
	require.NotContains(t, r.body, "accountEnabled", "not in the default set")
	require.NotEmpty(t, r.header.Get("request-id"))

	r = c.get("/users/" + id + "?$select=id,proxyAddresses,accountEnabled,onPremisesExtensionAttributes")
	require.Equal(t, []any{"SMTP:ada@contoso.com"}, r.body["proxyAddresses"])
	require.Equal(t, true, r.body["accountEnabled"])

	r = c.do(http.MethodPatch, "/users/"+id, `{"jobTitle":"Engineer","onPremisesExtensionAttributes":{"extensionAttribute2":"y"}}`)
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.raw)
	require.Equal(t, map[string]string{"extensionAttribute1": "x", "extensionAttribute2": "y"}, c.srv.Property(id, "onPremisesExtensionAttributes"))
	require.Equal(t, http.StatusNoContent, c.do(http.MethodPatch, "/users/"+id, `{"jobTitle":null}`).status)
	require.Nil(t, c.srv.Property(id, "jobTitle"))

	boss := c.createUser("boss@contoso.test", "")
	require.Equal(t, http.StatusNotFound, c.get("/users/"+id+"/manager").status)
	require.Equal(t, http.StatusNoContent, c.do(http.MethodPut, "/users/"+id+"/manager/$ref", ref(boss)).status)
	require.Equal(t, boss, c.get("/users/"+id+"/manager").id())
	m, _ := c.get("/users/" + id + "?$select=id&$expand=manager($select=id)").body["manager"].(map[string]any)
	require.Equal(t, boss, m["id"])
	require.Equal(t, http.StatusNoContent, c.do(http.MethodDelete, "/users/"+id+"/manager/$ref", "").status)

	require.Equal(t, http.StatusNoContent, c.do(http.MethodDelete, "/users/"+id, "").status)
	require.Equal(t, http.StatusNotFound, c.get("/users/"+id).status)
	require.Equal(t, 1, c.srv.Count("PUT", "/users/{id}/manager/$ref"))
	require.Len(t, c.srv.Users(), 1)
}

func TestUserRefusals(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	yes := true
	id := c.srv.AddUser(entratest.User{UserPrincipalName: "cloud@contoso.test", DisplayName: "Cloud", Mail: "cloud@contoso.test", OnPremisesImmutableID: "abc="})
	synced := c.srv.AddUser(entratest.User{UserPrincipalName: "synced@contoso.test", DisplayName: "Synced", OnPremisesSyncEnabled: &yes})
	admin := c.srv.AddUser(entratest.User{UserPrincipalName: "admin@contoso.test", DisplayName: "Admin"})
	require.NoError(t, c.srv.AssignRole(entratest.RoleUserAdministrator, admin))
	before := c.srv.Revision()

	long := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = 'x'
		}
		return string(b)
	}
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
		code               string
		detail, target     string
	}{
		"read-only property":        {"PATCH", "/users/" + id, `{"jobTitle":"x","proxyAddresses":["smtp:a@contoso.test"]}`, 400, "Request_BadRequest", "ReadOnlyProperty", "proxyAddresses"},
		"unknown property":          {"PATCH", "/users/" + id, `{"telephoneNumber":"1"}`, 400, "Request_BadRequest", "", ""},
		"wrong type":                {"PATCH", "/users/" + id, `{"accountEnabled":"true"}`, 400, "Request_BadRequest", "", ""},
		"manager is not a property": {"PATCH", "/users/" + id, `{"manager":"x"}`, 400, "Request_BadRequest", "", ""},
		"display name cleared":      {"PATCH", "/users/" + id, `{"displayName":null}`, 400, "Request_BadRequest", "InvalidValue", "displayName"},
		"empty string":              {"PATCH", "/users/" + id, `{"onPremisesImmutableId":""}`, 400, "Request_BadRequest", "InvalidValue", "onPremisesImmutableId"},
		"bad anchor":                {"PATCH", "/users/" + id, `{"onPremisesImmutableId":"a_b"}`, 400, "Request_BadRequest", "InvalidValue", "onPremisesImmutableId"},
		"too long":                  {"PATCH", "/users/" + id, `{"department":"` + long(65) + `"}`, 400, "Request_BadRequest", "InvalidLength", "department"},
		"two phones":                {"PATCH", "/users/" + id, `{"businessPhones":["1","2"]}`, 400, "Request_BadRequest", "InvalidValue", "businessPhones"},
		"country name":              {"PATCH", "/users/" + id, `{"usageLocation":"X1"}`, 400, "Request_BadRequest", "InvalidValue", "usageLocation"},
		"unverified domain":         {"PATCH", "/users/" + id, `{"userPrincipalName":"a@other.test"}`, 400, "Request_BadRequest", "InvalidValue", "userPrincipalName"},
		"accented name":             {"PATCH", "/users/" + id, `{"userPrincipalName":"\u00e4@contoso.test"}`, 400, "Request_BadRequest", "InvalidValue", "userPrincipalName"},
		"synced":                    {"PATCH", "/users/" + synced, `{"jobTitle":"x"}`, 400, "Request_BadRequest", "", ""},
		"synced manager":            {"PUT", "/users/" + synced + "/manager/$ref", ref(id), 400, "Request_BadRequest", "", ""},
		"privileged":                {"PATCH", "/users/" + admin, `{"accountEnabled":false}`, 403, "Authorization_RequestDenied", "", ""},
		"privileged delete":         {"DELETE", "/users/" + admin, "", 403, "Authorization_RequestDenied", "", ""},
		"unknown user":              {"PATCH", "/users/11111111-1111-1111-1111-111111111111", `{"jobTitle":"x"}`, 404, "Request_ResourceNotFound", "", ""},
		"weak password":             {"POST", "/users", `{"accountEnabled":true,"displayName":"x","mailNickname":"x","userPrincipalName":"x@contoso.test","passwordProfile":{"password":"short"}}`, 400, "Request_BadRequest", "PasswordComplexityInsufficient", "passwordProfile"},
		"no password":               {"POST", "/users", `{"accountEnabled":true,"displayName":"x","mailNickname":"x","userPrincipalName":"x@contoso.test"}`, 400, "Request_BadRequest", "InvalidValue", "passwordProfile"},
		"name taken":                {"POST", "/users", userBody("CLOUD@contoso.test", ""), 400, "Request_BadRequest", "ObjectConflict", "userPrincipalName"},
		"address taken":             {"POST", "/users", userBody("x@contoso.test", `,"mail":"Cloud@contoso.test"`), 400, "Request_BadRequest", "ObjectConflict", "proxyAddresses"},
		"anchor taken":              {"POST", "/users", userBody("x@contoso.test", `,"onPremisesImmutableId":"abc="`), 400, "Request_BadRequest", "ObjectConflict", "onPremisesImmutableId"},
		"unknown path":              {"GET", "/people", "", 400, "BadRequest", "", ""},
		"unknown option":            {"GET", "/users?$skip=1", "", 400, "Request_BadRequest", "", ""},
		"unknown selection":         {"GET", "/users?$select=samAccountName", "", 400, "BadRequest", "", ""},
		"page too large":            {"GET", "/users?$top=1000", "", 400, "Request_BadRequest", "", ""},
		"wrong method":              {"PUT", "/users/" + id, `{}`, 405, "Request_BadRequest", "", ""},
		"not JSON":                  {"PATCH", "/users/" + id, `{"jobTitle":`, 400, "BadRequest", "", ""},
		"twice the same member":     {"PATCH", "/users/" + id, `{"jobTitle":"x","jobTitle":"y"}`, 400, "BadRequest", "", ""},
	} {
		r := c.do(tc.method, tc.path, tc.body)
		require.Equal(t, tc.status, r.status, "%s: %s", name, r.raw)
		require.Equal(t, tc.code, r.code(), name)
		detail, target := r.detail()
		require.Equal(t, tc.detail, detail, name)
		require.Equal(t, tc.target, target, name)
	}
	require.Equal(t, before, c.srv.Revision(), "a refused request changes nothing")
	require.Equal(t, http.StatusNoContent, c.do(http.MethodPatch, "/users/"+synced, `{"usageLocation":"DE"}`).status)
	require.Equal(t, http.StatusNoContent, c.do(http.MethodPatch, "/users/"+admin, `{"jobTitle":"x"}`).status, "not a sensitive property")
}
