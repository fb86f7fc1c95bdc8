package entra_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/entra"
)

// seen is a request as it arrived at a stub.
type seen struct {
	method, path, query string
	base                string // of the server
	header              http.Header
	body                []byte
}

// A stub answers whatever a test wants, which a strict mock would not.
type stub struct {
	*httptest.Server
	mu    sync.Mutex
	seen  []seen
	conns int
}

// newStub serves what answer writes; the organization is answered by the stub itself.
func newStub(t testing.TB, answer func(w http.ResponseWriter, r seen)) *stub {
	t.Helper()
	s := &stub{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := seen{r.Method, strings.TrimPrefix(r.URL.Path, "/v1.0"), r.URL.RawQuery, "https://" + r.Host + "/v1.0", r.Header, body}
		s.mu.Lock()
		s.seen = append(s.seen, got)
		s.mu.Unlock()
		if got.path == "/organization" {
			_, _ = io.WriteString(w, `{"value":[{"id":"11111111-2222-3333-4444-555555555555"}]}`)
			return
		}
		answer(w, got)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			s.conns++
			s.mu.Unlock()
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// end is a page without objects, the last of a round.
func end(r seen) m { return m{"value": []any{}, "@odata.deltaLink": deltaLink(r)} }

func deltaLink(r seen) string { return r.base + "/users/delta()?$deltatoken=d%2Be" }

// requests are those for a path.
func (s *stub) requests(path string) (out []seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.seen {
		if r.path == path {
			out = append(out, r)
		}
	}
	return out
}

// options of a tenant at the stub, without pacing and waiting.
func (s *stub) options() *entra.Options {
	return entra.WithoutSleep(&entra.Options{
		BaseURL: s.URL + "/v1.0", HTTPClient: s.Client(), WritesPerSecond: -1, Classes: []string{"user"}, NoRestore: true,
	})
}

// fixed gives the same token every time and remembers what it was asked for.
type fixed struct {
	mu    sync.Mutex
	token string
	err   error
	asked []policy.TokenRequestOptions
}

func (c *fixed) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, o)
	return azcore.AccessToken{Token: c.token, ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

func newTenant(t *testing.T, opts *entra.Options) *entra.Tenant {
	t.Helper()
	tenant, err := entra.New("tenant", &fixed{token: "secret-token"}, opts)
	require.NoError(t, err)
	return tenant
}

// answerJSON writes a value.
func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

type m = map[string]any

// item is one request of a batch as it arrived.
type item struct {
	ID      string                     `json:"id"`
	Method  string                     `json:"method"`
	URL     string                     `json:"url"`
	Headers map[string]string          `json:"headers"`
	Body    map[string]json.RawMessage `json:"body"`
	raw     string
}

// answerBatch answers each item of a batch as each says.
func answerBatch(w http.ResponseWriter, r seen, each func(it item) (status int, header m, body any)) {
	var in struct {
		Requests []json.RawMessage `json:"requests"`
	}
	if json.Unmarshal(r.body, &in) != nil {
		answerJSON(w, http.StatusBadRequest, m{"error": m{"code": "BadRequest"}})
		return
	}
	out := make([]m, 0, len(in.Requests))
	for i := range in.Requests {
		raw := in.Requests[len(in.Requests)-1-i] // never in the order in which they came
		it := item{raw: string(raw)}
		if err := json.Unmarshal(raw, &it); err != nil {
			panic(fmt.Sprint(err, it.raw))
		}
		status, header, body := each(it)
		reply := m{"id": it.ID, "status": status, "headers": header}
		if body != nil {
			reply["body"] = body
		}
		out = append(out, reply)
	}
	answerJSON(w, http.StatusOK, m{"responses": out})
}

const adaID = "aaaaaaaa-0000-4000-8000-000000000001"

func userKey(id string) connector.Key {
	return connector.Key{Anchor: connector.TextAnchor("User_" + id)}
}

// receive collects a stream.
func receive(stream func(func(connector.Item, error) bool)) (items []connector.Item, err error) {
	for it, e := range stream {
		if e != nil {
			return items, e
		}
		items = append(items, it)
	}
	return items, nil
}

func fullImport(t *testing.T, tenant *entra.Tenant) ([]connector.Item, error) {
	t.Helper()
	im, ok := connector.As[connector.FullImporter](open(t, tenant))
	require.True(t, ok)
	return receive(im.FullImport(t.Context(), connector.ImportRequest{}))
}

func deltaImport(t *testing.T, tenant *entra.Tenant, w connector.Watermark) ([]connector.Item, error) {
	t.Helper()
	im, ok := connector.As[connector.DeltaImporter](open(t, tenant))
	require.True(t, ok)
	return receive(im.DeltaImport(t.Context(), w, connector.ImportRequest{}))
}

// watermark is that of a completed import.
func watermark(t *testing.T, items []connector.Item) connector.Watermark {
	t.Helper()
	require.NotEmpty(t, items)
	last := items[len(items)-1]
	require.Equal(t, connector.ItemComplete, last.Kind)
	return last.Complete.Watermark
}
