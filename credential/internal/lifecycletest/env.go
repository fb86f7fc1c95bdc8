// Package lifecycletest runs the life of an application identity against the mock tenant, on
// any key store: set up, use, rotate, crash, roll back, remove. Tests of credential and of
// its key stores call it.
package lifecycletest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
)

// Stores prepares an empty key store and returns what opens it.
type Stores func(t *testing.T) (open func(t *testing.T) credential.KeyStore)

// memState keeps a state in memory and fails on demand, as a process that dies does.
type memState struct {
	mu    sync.Mutex // guards everything below
	state credential.State
}

// Load implements credential.StateStore.
func (m *memState) Load(context.Context) (credential.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, nil
}

// Save implements credential.StateStore. What is kept has been through JSON, as in a file.
func (m *memState) Save(_ context.Context, s credential.State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Revision != s.Revision-1 {
		return credential.ErrStateConflict
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var copied credential.State
	if err := json.Unmarshal(b, &copied); err != nil {
		return err
	}
	m.state = copied
	return nil
}

// text is what is stored, for scans.
func (m *memState) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, _ := json.Marshal(m.state)
	return string(b)
}

// tenant is a mock tenant with an identity's stores.
type tenant struct {
	t     *testing.T
	srv   *entratest.Server
	state *memState
	open  func(*testing.T) credential.KeyStore
	keys  credential.KeyStore
	log   *recorder
}

// recorder keeps what was logged and which events came.
type recorder struct {
	mu     sync.Mutex // guards everything below
	text   strings.Builder
	events []credential.Event
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *recorder) event(e credential.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) count(kind credential.EventKind) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// permissions that the tests use.
func permissions() []credential.Permission {
	var out []credential.Permission
	for _, v := range []string{"User.ReadWrite.All", "Application.Read.All"} {
		out = append(out, credential.Permission{Resource: credential.GraphAppID, Value: v})
	}
	return out
}

func newTenant(t *testing.T, stores Stores) *tenant {
	t.Helper()
	srv := entratest.NewServer(t, &entratest.Options{TokenLifetime: 4 * time.Minute}) // too short to be cached
	e := &tenant{t: t, srv: srv, state: &memState{}, log: &recorder{}}
	if stores != nil {
		e.open = stores(t)
		e.keys = e.open(t)
	}
	return e
}

// graph calls the mock as an administrator.
func (e *tenant) graph(method, path, body string) map[string]any {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.srv.GraphURL+path, strings.NewReader(body))
	require.NoError(e.t, err)
	req.Header.Set("Authorization", "Bearer "+e.srv.IssueToken())
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := e.srv.HTTPClient().Do(req)
	require.NoError(e.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Less(e.t, resp.StatusCode, 300, "%s %s", method, path)
	out := map[string]any{}
	if resp.StatusCode != http.StatusNoContent {
		require.NoError(e.t, json.NewDecoder(resp.Body).Decode(&out))
	}
	return out
}

// certificates counts the key credentials of the application.
func (e *tenant) certificates(objectID string) int {
	e.t.Helper()
	list, _ := e.graph(http.MethodGet, "/applications/"+objectID+"?$select=id,keyCredentials", "")["keyCredentials"].([]any)
	return len(list)
}

func (e *tenant) identity() credential.Identity {
	return credential.Identity{TenantID: e.srv.TenantID, ClientID: e.srv.ClientID, Authority: e.srv.AuthorityURL}
}

// admin is an administrator's credential.
func (e *tenant) admin() azcore.TokenCredential {
	e.t.Helper()
	c, err := credential.FromClientSecret(e.identity(), credential.NewSecret(e.srv.ClientSecret), &credential.Options{HTTPClient: e.srv.HTTPClient()})
	require.NoError(e.t, err)
	return c
}

func (e *tenant) settings(mode credential.Mode) credential.Settings {
	s := credential.Settings{
		Mode: mode, Name: "sync", TenantID: e.srv.TenantID, Authority: e.srv.AuthorityURL, GraphURL: e.srv.GraphURL,
		Permissions: permissions(),
	}
	if mode == credential.BringYourOwnApplication || mode == credential.ClientSecret {
		s.ClientID = e.srv.ClientID
	}
	return s
}

// options are those of a process that has just started.
func (e *tenant) options() *credential.ManagerOptions {
	return &credential.ManagerOptions{
		Options: credential.Options{HTTPClient: e.srv.HTTPClient(), Clock: e.srv.Now},
		Logger:  slog.New(slog.NewTextHandler(e.log, &slog.HandlerOptions{Level: slog.LevelDebug})), OnEvent: e.log.event,
		RetryDelay: time.Millisecond, ProveTimeout: time.Minute, LeaseTime: 10 * time.Minute,
		Overlap: -1, // at once, unless a test is about it
		Secret:  func(context.Context) (credential.Secret, error) { return credential.NewSecret(e.srv.ClientSecret), nil },
	}
}

func (e *tenant) manager(mode credential.Mode, change func(*credential.ManagerOptions)) *credential.Manager {
	e.t.Helper()
	o := e.options()
	if change != nil {
		change(o)
	}
	m, err := credential.NewManager(e.settings(mode), e.keys, e.state, o)
	require.NoError(e.t, err)
	return m
}

// works signs in and calls Graph.
func (e *tenant) works(ctx context.Context, c azcore.TokenCredential) error {
	return callGraph(ctx, e.srv, e.srv.HTTPClient(), c)
}

func callGraph(ctx context.Context, srv *entratest.Server, client *http.Client, c azcore.TokenCredential) error {
	token, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}, EnableCAE: true})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.GraphURL+"/users?$select=id", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token.Token)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("graph answers %d", resp.StatusCode)
	}
	return nil
}

// errDied is what a process sees that has died: nothing works any more.
var errDied = died{}

type died struct{}

// Error says what happened.
func (died) Error() string { return "the process has died" }

// NonRetriable keeps the Azure library from waiting for better times.
func (died) NonRetriable() {}

// dying lets a number of side effects happen, and then none.
type dying struct {
	mu   sync.Mutex // guards everything below
	left int
	dead bool
	lost bool // the last effect happens, but its outcome is not learnt
}

// act does one side effect.
func (d *dying) act(do func() error) error {
	d.mu.Lock()
	if d.dead {
		d.mu.Unlock()
		return errDied
	}
	d.left--
	last := d.left < 0
	d.dead = last
	lost := d.lost
	d.mu.Unlock()
	if last && !lost {
		return errDied
	}
	err := do()
	if last {
		return errDied
	}
	return err
}

type dyingState struct {
	credential.StateStore
	d *dying
}

// Save implements credential.StateStore.
func (s dyingState) Save(ctx context.Context, st credential.State) error {
	return s.d.act(func() error { return s.StateStore.Save(ctx, st) })
}

type dyingHTTP struct {
	http.RoundTripper
	d *dying
}

// RoundTrip implements http.RoundTripper.
func (r dyingHTTP) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	if req.Method == http.MethodGet {
		return r.RoundTripper.RoundTrip(req)
	}
	err = r.d.act(func() error { resp, err = r.RoundTripper.RoundTrip(req); return err })
	if err != nil {
		if resp != nil {
			_ = resp.Body.Close()
		}
		return nil, err
	}
	return resp, nil
}
