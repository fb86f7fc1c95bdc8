package entratest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// mirror is a client's copy of a tenant, kept up to date by delta answers.
type mirror struct {
	props   map[string]map[string]any
	members map[string]map[string]bool
}

func newMirror() *mirror {
	return &mirror{props: map[string]map[string]any{}, members: map[string]map[string]bool{}}
}

func (m *mirror) apply(items []map[string]any, relation string) {
	for _, it := range items {
		id := it["id"].(string)
		if it["@removed"] != nil {
			delete(m.props, id)
			delete(m.members, id)
			continue
		}
		if m.props[id] == nil {
			m.props[id], m.members[id] = map[string]any{}, map[string]bool{}
		}
		for name, v := range it {
			if name == relation+"@delta" {
				for _, l := range v.([]any) {
					link := l.(map[string]any)
					if link["@removed"] != nil {
						delete(m.members[id], link["id"].(string))
					} else {
						m.members[id][link["id"].(string)] = true
					}
				}
				continue
			}
			if v == nil {
				delete(m.props[id], name)
			} else {
				m.props[id][name] = v
			}
		}
	}
}

// TestDeltaEqualsState edits a tenant at random, applies the deltas to a
// mirror and compares: with every oddity of paging, whole and minimal answers.
func TestDeltaEqualsState(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := newClient(t, &entratest.Options{DeltaPageSize: 7, DeltaLinkPage: 5})
			c.srv.SetDeltaFaults(entratest.DeltaFaults{Duplicates: seed%2 == 1, EmptyPages: seed%3 == 1, RepeatPages: int(seed)})
			var prefer []string
			if seed%2 == 0 {
				prefer = []string{"Prefer", "return=minimal"}
			}
			e := &editor{c: c, rng: rand.New(rand.NewPCG(seed, 1)), users: seedUsers(c, 20)}
			for i := range 6 {
				e.groups = append(e.groups, c.srv.AddGroup(entratest.Group{DisplayName: fmt.Sprint(i), MailNickname: fmt.Sprint("g", i), Members: e.users[:i*3]}))
			}
			users, groups := newMirror(), newMirror()
			ul, gl := "/users/delta?$select=id,displayName,jobTitle,userPrincipalName,manager", "/groups/delta?$select=displayName,members,owners"
			for range 12 {
				items, last := c.all(ul, prefer...)
				users.apply(items, "manager")
				ul = last.link("deltaLink")
				items, last = c.all(gl, prefer...)
				groups.apply(items, "members")
				gl = last.link("deltaLink")
				compare(t, c, users, groups)
				for range e.rng.IntN(40) {
					e.step(t)
				}
			}
		})
	}
}

// editor makes one random change at a time.
type editor struct {
	c             *client
	rng           *rand.Rand
	users, groups []string
	gone          []string
	n             int
}

func (e *editor) pick(ids []string) string { return ids[e.rng.IntN(len(ids))] }

func (e *editor) step(t *testing.T) {
	c := e.c
	e.n++
	u, g := e.pick(e.users), e.pick(e.groups)
	switch e.rng.IntN(10) {
	case 0:
		e.users = append(e.users, c.createUser(fmt.Sprintf("new%d@contoso.test", e.n), ""))
	case 1:
		if len(e.users) > 5 {
			require.NoError(t, c.srv.Delete(u))
			e.users = slices.DeleteFunc(e.users, func(id string) bool { return id == u })
			e.gone = append(e.gone, u)
		}
	case 2:
		if len(e.gone) > 0 {
			id := e.pick(e.gone)
			e.gone = slices.DeleteFunc(e.gone, func(x string) bool { return x == id })
			if e.rng.IntN(3) == 0 {
				require.Equal(t, http.StatusNoContent, c.do("DELETE", "/directory/deletedItems/"+id, "").status)
			} else {
				require.Equal(t, http.StatusOK, c.do("POST", "/directory/deletedItems/"+id+"/restore", "").status)
				e.users = append(e.users, id)
			}
		}
	case 3, 4:
		v := []string{`null`, `"a"`, `"b"`}[e.rng.IntN(3)]
		require.Equal(t, http.StatusNoContent, c.do("PATCH", "/users/"+u, `{"jobTitle":`+v+`,"department":"x"}`).status)
	case 5:
		require.NoError(t, c.srv.SetManager(u, []string{"", e.pick(e.users)}[e.rng.IntN(2)]))
	case 6:
		c.srv.RemoveMember(g, u)
	case 7:
		require.NoError(t, c.srv.Update(g, map[string]any{"displayName": fmt.Sprint("g", e.n)}))
	default:
		require.NoError(t, c.srv.AddMembers(g, u))
	}
}

func compare(t *testing.T, c *client, users, groups *mirror) {
	t.Helper()
	want := map[string]map[string]any{}
	managers := map[string]map[string]bool{}
	for _, u := range c.srv.Users() {
		p := map[string]any{"id": u.ID, "displayName": u.DisplayName, "userPrincipalName": u.UserPrincipalName}
		if u.JobTitle != "" {
			p["jobTitle"] = u.JobTitle
		}
		want[u.ID], managers[u.ID] = p, map[string]bool{}
		if u.ManagerID != "" {
			managers[u.ID][u.ManagerID] = true
		}
	}
	require.Equal(t, want, users.props)
	require.Equal(t, managers, users.members)
	for _, g := range c.srv.Groups() {
		require.Equal(t, g.DisplayName, groups.props[g.ID]["displayName"])
		require.ElementsMatch(t, g.Members, slices.Collect(maps.Keys(groups.members[g.ID])))
	}
}

func TestDeltaRules(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	u := seedUsers(c, 3)
	latest := c.get("/users/delta?$deltatoken=latest&$select=displayName")
	require.Empty(t, latest.values())
	link := latest.link("deltaLink")

	require.NoError(t, c.srv.Update(u[0], map[string]any{"department": "not watched"}))
	require.NoError(t, c.srv.Update(u[1], map[string]any{"displayName": "New", "jobTitle": "x"}))
	require.NoError(t, c.srv.Delete(u[2]))
	r := c.get(link)
	require.Equal(t, []map[string]any{
		{"id": u[1], "displayName": "New"}, {"id": u[2], "@removed": map[string]any{"reason": "changed"}},
	}, r.values())
	require.Len(t, c.get(link).values(), 2, "a delta link can be used again")
	next := r.link("deltaLink")
	require.Equal(t, http.StatusNoContent, c.do("DELETE", "/directory/deletedItems/"+u[2], "").status)
	r = c.get(next)
	require.Equal(t, []map[string]any{{"id": u[2], "@removed": map[string]any{"reason": "deleted"}}}, r.values())
	require.Empty(t, c.srv.Misuses())

	for _, bad := range []string{"$top=5", "$expand=manager", "$orderby=displayName", "$search=x", "$filter=displayName eq 'x'", "$deltatoken=x"} {
		require.Equal(t, http.StatusBadRequest, c.get("/users/delta?"+bad).status, bad)
	}
	require.Equal(t, http.StatusBadRequest, c.get(next+"&$select=id").status, "parameters are in the token")
	require.Len(t, c.get("/users/delta?$filter=id eq '"+u[0]+"' or id eq '"+u[1]+"'").values(), 2)

	c.srv.ExpireDeltaTokens()
	r = c.get(next)
	require.Equal(t, http.StatusGone, r.status)
	require.Equal(t, "resyncRequired", r.code())
	r = c.get(r.header.Get("Location"))
	require.Len(t, r.values(), 2)
	require.Equal(t, map[string]any{"id": u[0], "displayName": "User 00000"}, r.values()[0], "the selection is kept")
	link = r.link("deltaLink")
	require.Empty(t, c.get(link).values())

	c.srv.Advance(8 * 24 * time.Hour)
	c.token = c.srv.IssueToken()
	r = c.get(link)
	require.Equal(t, "syncStateNotFound", r.code())
}

func TestDeltaForm(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	id := seedUsers(c, 1)[0]
	r := c.get("/users/delta()?$select=id,displayName,jobTitle")
	require.NotContains(t, r.values()[0], "jobTitle", "what was never set is absent")
	require.NoError(t, c.srv.Update(id, map[string]any{"jobTitle": "x"}))
	r = c.get(r.link("deltaLink"))
	require.NoError(t, c.srv.Update(id, map[string]any{"jobTitle": nil}))
	r = c.get(r.link("deltaLink"), "Prefer", "return=minimal")
	require.Equal(t, []map[string]any{{"id": id, "jobTitle": nil}}, r.values(), "null says that it was cleared")
}
