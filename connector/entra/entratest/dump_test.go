package entratest_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

func TestDumpAndLoad(t *testing.T) {
	t.Parallel()
	a := newClient(t, nil)
	a.srv.RegisterCertificate(identities()[0].cert)
	u := seedUsers(a, 5)
	app := a.get("/applications(appId='" + a.srv.ClientID + "')").id()
	name := a.do("POST", "/applications/"+app+"/extensionProperties", `{"name":"code","dataType":"Integer","targetObjects":["User"]}`).body["name"].(string)
	require.Equal(t, http.StatusNoContent, a.do("PATCH", "/users/"+u[0], `{"`+name+`":7,"onPremisesExtensionAttributes":{"extensionAttribute3":"z"}}`).status)
	a.srv.AddGroup(entratest.Group{DisplayName: "g", MailNickname: "g", Members: u[:3], Owners: u[4:]})
	require.NoError(t, a.srv.SetManager(u[1], u[0]))
	require.NoError(t, a.srv.Delete(u[2]))
	link := a.get("/groups/delta?$select=displayName,members").link("deltaLink")
	var first, second bytes.Buffer
	require.NoError(t, a.srv.Dump(&first))

	tenant, id, err := entratest.DumpIdentity(bytes.NewReader(first.Bytes()))
	require.NoError(t, err)
	b := newClient(t, &entratest.Options{TenantID: tenant, ClientID: id})
	require.NoError(t, b.srv.Load(bytes.NewReader(first.Bytes())))
	require.NoError(t, b.srv.Dump(&second))
	require.Equal(t, first.String(), second.String())
	require.Equal(t, a.srv.Users(), b.srv.Users())
	require.Equal(t, a.srv.Groups(), b.srv.Groups())

	link = strings.Replace(link, a.srv.GraphURL, b.srv.GraphURL, 1)
	require.Empty(t, b.get(link).values(), "delta links outlive a restart")
	require.Equal(t, http.StatusOK, b.do("POST", "/directory/deletedItems/"+u[2]+"/restore", "").status)
	require.Len(t, b.get(link).values(), 1, "the group has its member back")
	require.Error(t, b.srv.Load(strings.NewReader(`{"tenant":"x"}`)))
	require.Len(t, b.srv.Users(), 5, "a failed load changes nothing")
}

// TestConcurrent is for the race detector, and shows that no two users ever
// share a name.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	g := c.createGroup("all", "")
	var created sync.Map
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for i := range 20 {
				upn := string(rune('a'+i)) + "@contoso.test"
				r, err := c.try("POST", "/users", userBody(upn, ""))
				if err == nil && r.status == http.StatusCreated {
					if _, twice := created.LoadOrStore(upn, r.id()); twice {
						t.Errorf("%s was created twice", upn)
					}
					_, _ = c.try("POST", "/groups/"+g+"/members/$ref", ref(r.id()))
				}
				_, _ = c.try("GET", "/groups/delta?$select=members", "")
				_, _ = c.try("GET", "/users?$top=5", "")
				if w == 0 {
					c.srv.Counts()
					c.srv.Groups()
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, c.srv.Users(), 20)
	require.Len(t, c.srv.Members(g), 20)
}

func TestFederatedDomain(t *testing.T) {
	t.Parallel()
	c := newClient(t, &entratest.Options{Domains: []entratest.Domain{{Name: "contoso.test"}, {Name: "adfs.test", Federated: true}}})
	r := c.do("POST", "/users", userBody("a@adfs.test", ""))
	require.Equal(t, http.StatusBadRequest, r.status)
	_, target := r.detail()
	require.Equal(t, "onPremisesImmutableId", target)
	id := c.createUser("a@adfs.test", `,"onPremisesImmutableId":"x="`)
	require.Equal(t, http.StatusBadRequest, c.do("PATCH", "/users/"+id, `{"onPremisesImmutableId":null}`).status)
	require.Equal(t, http.StatusNoContent, c.do("PATCH", "/users/"+id, `{"userPrincipalName":"a@contoso.test"}`).status)
	require.Equal(t, http.StatusNoContent, c.do("PATCH", "/users/"+id, `{"onPremisesImmutableId":null}`).status)
}

func TestMailUpkeep(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	id := c.createUser("a@contoso.test", `,"mail":"a@contoso.test"`)
	require.Equal(t, http.StatusNoContent, c.do("PATCH", "/users/"+id, `{"mail":"new@contoso.test"}`).status)
	require.Equal(t, []string{"SMTP:new@contoso.test", "smtp:a@contoso.test"}, c.srv.Property(id, "proxyAddresses"))
	require.Equal(t, http.StatusBadRequest, c.do("POST", "/users", userBody("b@contoso.test", `,"mail":"A@contoso.test"`)).status, "old addresses stay taken")
}

func TestClock(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	id := c.createUser("a@contoso.test", "")
	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/users/"+id, "").status)
	link := c.get("/users/delta").link("deltaLink")
	c.srv.Advance(6 * 24 * time.Hour)
	c.token = c.srv.IssueToken()
	link = c.get(link).link("deltaLink")
	for range 5 { // a client that comes back in time keeps its place
		c.srv.Advance(5 * 24 * time.Hour)
		c.token = c.srv.IssueToken()
		r := c.get(link)
		require.Equal(t, http.StatusOK, r.status, "%s", r.raw)
		if vs := r.values(); len(vs) > 0 {
			require.Equal(t, map[string]any{"reason": "deleted"}, vs[0]["@removed"])
		}
		link = r.link("deltaLink")
	}
	_, others := c.srv.DeletedItems()
	require.Empty(t, others)
	require.Equal(t, http.StatusNotFound, c.get("/directory/deletedItems/"+id).status)
}
