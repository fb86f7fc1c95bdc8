package entratest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// client is a bare Graph client of the tests.
type client struct {
	t     *testing.T
	srv   *entratest.Server
	http  *http.Client
	token string
}

func newClient(t *testing.T, opts *entratest.Options) *client {
	t.Helper()
	s := entratest.NewServer(t, opts)
	c := &client{t: t, srv: s, http: s.HTTPClient(), token: s.IssueToken()}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// lenient returns options under which misuse does not fail the test.
func lenient() *entratest.Options { return &entratest.Options{OnMisuse: func(string) {}} }

// reply is one decoded answer.
type reply struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

func (r reply) code() string {
	e, _ := r.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

// detail returns code and target of the first detail of an error.
func (r reply) detail() (code, target string) {
	e, _ := r.body["error"].(map[string]any)
	ds, _ := e["details"].([]any)
	if len(ds) == 0 {
		return "", ""
	}
	d, _ := ds[0].(map[string]any)
	code, _ = d["code"].(string)
	target, _ = d["target"].(string)
	return code, target
}

func (r reply) id() string {
	id, _ := r.body["id"].(string)
	return id
}

func (r reply) values() []map[string]any {
	list, _ := r.body["value"].([]any)
	out := make([]map[string]any, len(list))
	for i, v := range list {
		out[i], _ = v.(map[string]any)
	}
	return out
}

func (r reply) link(name string) string {
	s, _ := r.body["@odata."+name].(string)
	return s
}

// do sends a request; header lines are name, value pairs.
func (c *client) do(method, path, body string, header ...string) reply {
	c.t.Helper()
	r, err := c.try(method, path, body, header...)
	require.NoError(c.t, err)
	return r
}

func (c *client) try(method, path, body string, header ...string) (reply, error) {
	c.t.Helper()
	if !strings.HasPrefix(path, "https://") {
		path = c.srv.GraphURL + strings.ReplaceAll(path, " ", "%20")
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, path, bytes.NewBufferString(body))
	require.NoError(c.t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{status: res.StatusCode, header: res.Header, raw: raw}
	_ = json.Unmarshal(raw, &out.body)
	return out, nil
}

func (c *client) get(path string, header ...string) reply {
	c.t.Helper()
	return c.do(http.MethodGet, path, "", header...)
}

// eventual reads with the advanced query engine.
func (c *client) eventual(path string) reply {
	c.t.Helper()
	return c.get(path, "ConsistencyLevel", "eventual")
}

// all follows next links and returns all items and the last page.
func (c *client) all(path string, header ...string) ([]map[string]any, reply) {
	c.t.Helper()
	var items []map[string]any
	for {
		r := c.get(path, header...)
		require.Equal(c.t, http.StatusOK, r.status, "%s", r.raw)
		items = append(items, r.values()...)
		if path = r.link("nextLink"); path == "" {
			return items, r
		}
	}
}

func userBody(upn string, extra string) string {
	nick, _, _ := strings.Cut(upn, "@")
	return `{"accountEnabled":true,"displayName":"` + nick + `","mailNickname":"` + nick + `","userPrincipalName":"` + upn +
		`","passwordProfile":{"password":"xWwvJ]6NMw+bWH-d"}` + extra + `}`
}

func (c *client) createUser(upn, extra string) string {
	c.t.Helper()
	r := c.do(http.MethodPost, "/users", userBody(upn, extra))
	require.Equal(c.t, http.StatusCreated, r.status, "%s", r.raw)
	return r.id()
}

func (c *client) createGroup(name, extra string) string {
	c.t.Helper()
	r := c.do(http.MethodPost, "/groups", `{"displayName":"`+name+`","mailEnabled":false,"mailNickname":"`+name+`","securityEnabled":true`+extra+`}`)
	require.Equal(c.t, http.StatusCreated, r.status, "%s", r.raw)
	return r.id()
}

func ref(id string) string {
	return `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + id + `"}`
}

func (c *client) postForm(path string, form url.Values) reply {
	c.t.Helper()
	res, err := c.http.PostForm(c.srv.AuthorityURL+path, form)
	require.NoError(c.t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	out := reply{status: res.StatusCode, header: res.Header, raw: raw}
	_ = json.Unmarshal(raw, &out.body)
	return out
}
