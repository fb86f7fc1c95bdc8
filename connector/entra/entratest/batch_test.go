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

// batch sends items and returns the answers by id.
func (c *client) batch(items ...string) (map[string]map[string]any, reply) {
	c.t.Helper()
	r := c.do("POST", "/$batch", `{"requests":[`+strings.Join(items, ",")+`]}`)
	out := map[string]map[string]any{}
	list, _ := r.body["responses"].([]any)
	for _, v := range list {
		m := v.(map[string]any)
		out[m["id"].(string)] = m
	}
	return out, r
}

func createItem(id, upn, more string) string {
	return `{"id":"` + id + `","method":"POST","url":"/users","headers":{"Content-Type":"application/json"},"body":` + userBody(upn, "") + more + `}`
}

func TestBatch(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	var items []string
	for i := range 20 {
		items = append(items, createItem(fmt.Sprint(i), fmt.Sprintf("u%d@contoso.test", i), ""))
	}
	got, r := c.batch(items...)
	require.Equal(t, http.StatusOK, r.status, "%s", r.raw)
	require.Len(t, got, 20)
	require.Len(t, c.srv.Users(), 20)
	inOrder := true
	list := r.body["responses"].([]any)
	for i, v := range list {
		inOrder = inOrder && v.(map[string]any)["id"] == fmt.Sprint(i)
	}
	require.False(t, inOrder, "answers come in any order")

	c.srv.Inject(entratest.Fault{Method: "PATCH", Template: "/users/{id}", Status: 429, RetryAfter: 7 * time.Second})
	patch := func(id, upn, more string) string {
		return `{"id":"` + id + `","method":"PATCH","url":"/users/` + upn + `","headers":{"Content-Type":"application/json"},"body":{"jobTitle":"x"}` + more + `}`
	}
	got, _ = c.batch(patch("a", "u1@contoso.test", ""), patch("b", "u2@contoso.test", ""),
		`{"id":"c","method":"GET","url":"/users/nobody@contoso.test?$select=id"}`)
	require.InDelta(t, 429, got["a"]["status"], 0)
	require.Equal(t, "7", got["a"]["headers"].(map[string]any)["Retry-After"])
	require.InDelta(t, 204, got["b"]["status"], 0)
	require.InDelta(t, 404, got["c"]["status"], 0)

	got, _ = c.batch(createItem("1", "u1@contoso.test", ""), createItem("2", "new@contoso.test", `,"dependsOn":["1"]`), patch("3", "u3@contoso.test", `,"dependsOn":["2"]`))
	require.InDelta(t, 400, got["1"]["status"], 0)
	require.InDelta(t, 424, got["2"]["status"], 0)
	require.InDelta(t, 424, got["3"]["status"], 0)
	_, there := c.srv.User("new@contoso.test")
	require.False(t, there)
	got, _ = c.batch(createItem("1", "x1@contoso.test", ""), createItem("2", "x2@contoso.test", `,"dependsOn":["1"]`), createItem("3", "x3@contoso.test", `,"dependsOn":["1"]`))
	require.InDelta(t, 201, got["3"]["status"], 0)
	require.Equal(t, 3, c.srv.Count("POST", "/$batch")-1)
}

// The log tells which batch an operation came in, so that batches that only read can be told from others.
func TestLogNamesTheBatch(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	c.batch(createItem("1", "u1@contoso.test", ""), createItem("2", "u2@contoso.test", ""))
	require.Equal(t, http.StatusOK, c.do("GET", "/users?$top=1&$select=id", "").status)
	log := c.srv.Requests()
	require.Len(t, log, 4)
	require.Equal(t, "/$batch", log[2].Template)
	require.NotEmpty(t, log[2].RequestID)
	require.Equal(t, []string{log[2].RequestID, log[2].RequestID, "", ""}, []string{log[0].Batch, log[1].Batch, log[2].Batch, log[3].Batch})
}

func TestBatchRefusals(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	get := func(id, more string) string { return `{"id":"` + id + `","method":"GET","url":"/users"` + more + `}` }
	many := make([]string, 21)
	for i := range many {
		many[i] = get(fmt.Sprint(i), "")
	}
	for name, items := range map[string][]string{
		"more than twenty": many,
		"none":             nil,
		"same id":          {get("a", ""), get("A", "")},
		"unknown id":       {get("a", `,"dependsOn":["z"]`)},
		"later id":         {get("a", `,"dependsOn":["b"]`), get("b", "")},
		"two chains":       {get("a", ""), get("b", `,"dependsOn":["a"]`), get("c", ""), get("d", `,"dependsOn":["c"]`)},
		"absolute url":     {`{"id":"a","method":"GET","url":"https://graph.microsoft.com/v1.0/users"}`},
		"no content type":  {`{"id":"a","method":"POST","url":"/users","body":{}}`},
		"unknown member":   {get("a", `,"atomicityGroup":"g"`)},
	} {
		_, r := c.batch(items...)
		require.Equal(t, http.StatusBadRequest, r.status, name)
	}
	got, _ := c.batch(`{"id":"a","method":"GET","url":"/v1.0/users"}`)
	require.InDelta(t, 400, got["a"]["status"], 0, "the version is not part of an item's url")
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	c := newClient(t, &entratest.Options{Throttle: 0.01, Clock: func() time.Time { return now }}) // 30 writes in 150 s, 35 units in 10 s
	id := seedUsers(c, 1)[0]
	sawLoad := false
	for i := range 30 {
		r := c.do("PATCH", "/users/"+id, fmt.Sprintf(`{"jobTitle":"x%d"}`, i))
		require.Equal(t, http.StatusNoContent, r.status, "%d: %s", i, r.raw)
		sawLoad = sawLoad || r.header.Get("x-ms-throttle-limit-percentage") != ""
	}
	require.True(t, sawLoad, "the load is shown from 0.8 on")
	r := c.do("PATCH", "/users/"+id, `{"jobTitle":"y"}`)
	require.Equal(t, http.StatusTooManyRequests, r.status)
	require.Equal(t, "TooManyRequests", r.code())
	require.Equal(t, "150", r.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, c.get("/users/"+id).status, "reads have a quota of their own")
	c.srv.Advance(150 * time.Second)
	require.Equal(t, http.StatusNoContent, c.do("PATCH", "/users/"+id, `{"jobTitle":"y"}`).status)
	units := 1
	for ; c.get("/users").status == http.StatusOK; units += 2 {
		require.Less(t, units, 40)
	}
	require.Equal(t, 35, units, "each list costs two units")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	c.srv.ThrottleNext(1, 0)
	r := c.get("/users")
	require.Equal(t, http.StatusTooManyRequests, r.status)
	require.Empty(t, r.header.Get("Retry-After"))

	c.srv.Inject(entratest.Fault{Method: "POST", Status: 504, After: true})
	require.Equal(t, http.StatusGatewayTimeout, c.do("POST", "/users", userBody("a@contoso.test", "")).status)
	_, there := c.srv.User("a@contoso.test")
	require.True(t, there, "the write took effect before its answer was lost")

	c.srv.Inject(entratest.Fault{Cut: true})
	_, err := c.try("GET", "/users", "")
	require.Error(t, err)
	c.srv.Inject(entratest.Fault{HTML: true, Status: 502})
	r = c.get("/users")
	require.Equal(t, http.StatusBadGateway, r.status)
	require.Contains(t, string(r.raw), "<html>")
	require.Equal(t, http.StatusOK, c.get("/users").status)

	c.srv.FailRate(1)
	bad := map[int]int{}
	for range 60 {
		r, err := c.try("GET", "/users", "")
		if err != nil {
			r.status = 0
		}
		bad[r.status]++
	}
	require.Zero(t, bad[200])
	require.Greater(t, len(bad), 4, "every kind of fault occurs")
	c.srv.ClearFaults()
	require.Equal(t, http.StatusOK, c.get("/users").status)
}

func TestReplicationDelayAndQuota(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	c := newClient(t, &entratest.Options{ReplicationDelay: 5 * time.Second, Quota: 4, Clock: func() time.Time { return now }})
	id := c.createUser("a@contoso.test", "") // beside an application and two service principals
	require.Equal(t, http.StatusNotFound, c.get("/users/"+id).status)
	require.Equal(t, http.StatusNotFound, c.do("PATCH", "/users/"+id, `{"jobTitle":"x"}`).status)
	require.Equal(t, http.StatusBadRequest, c.do("POST", "/users", userBody("a@contoso.test", "")).status, "uniqueness knows no delay")
	c.srv.Advance(5 * time.Second)
	require.Equal(t, http.StatusOK, c.get("/users/"+id).status)
	r := c.do("POST", "/users", userBody("b@contoso.test", ""))
	require.Equal(t, http.StatusForbidden, r.status)
	require.Equal(t, "Directory_QuotaExceeded", r.code())
}

func TestContentEncoding(t *testing.T) {
	t.Parallel()
	c := newClient(t, lenient())
	r := c.do("POST", "/users", userBody("a@contoso.test", ""), "Content-Encoding", "gzip")
	require.Equal(t, http.StatusBadRequest, r.status, "marked gzip, but is not")
	require.Empty(t, c.srv.Users())
	r = c.do("POST", "/users", userBody("a@contoso.test", ""), "Content-Type", "text/plain")
	require.Equal(t, http.StatusUnsupportedMediaType, r.status)
}
