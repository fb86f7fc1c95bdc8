package lifecycletest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
)

// Deployment tests what happens around an identity: several servers, overlap, suspension,
// moves from and to a client secret, missing permissions.
func Deployment(t *testing.T, stores Stores) {
	t.Helper()
	t.Run("Servers", func(t *testing.T) { servers(t, stores) })
	t.Run("Overlap", func(t *testing.T) { overlap(t, stores) })
	t.Run("Maintenance", func(t *testing.T) { maintenance(t, stores) })
	t.Run("ClientSecret", func(t *testing.T) { clientSecret(t, stores) })
	t.Run("WithoutReading", func(t *testing.T) { withoutReading(t, stores) })
	t.Run("NewKeyIsRefused", func(t *testing.T) { newKeyIsRefused(t, stores) })
	t.Run("RotatedDuringSignIn", func(t *testing.T) { rotatedDuringSignIn(t, stores) })
	t.Run("Throttled", func(t *testing.T) { throttled(t, stores) })
	t.Run("Preflight", func(t *testing.T) { preflight(t, stores) })
}

// Many servers whose certificate falls due rotate it once.
func servers(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	require.NoError(t, e.manager(credential.Managed, nil).Setup(ctx, e.admin(), nil))
	e.srv.Advance(64 * 24 * time.Hour)
	var all []*credential.Manager
	for i := range 8 {
		all = append(all, e.manager(credential.Managed, func(o *credential.ManagerOptions) { o.Holder = fmt.Sprintf("server%d", i) }))
	}
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, m := range all {
		wg.Go(func() { errs[i] = m.Maintain(ctx) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 2, e.log.count(credential.EventSwitched), "once at setup, once in all")
	for _, m := range all {
		require.NoError(t, e.works(ctx, m.Credential()))
		require.NoError(t, m.Maintain(ctx))
	}
	require.Equal(t, 2, e.log.count(credential.EventSwitched))
	require.Equal(t, 1, e.certificates(status(t, all[0]).ObjectID))
}

func overlap(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, func(o *credential.ManagerOptions) { o.Overlap = time.Hour })
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	first := status(t, m)
	require.NoError(t, m.Rotate(ctx, nil, nil))
	require.Equal(t, 2, e.certificates(first.ObjectID), "both work for a while")
	require.NoError(t, m.Rollback(ctx, nil))
	require.Equal(t, first.Current.KeyID, status(t, m).Current.KeyID, "it was still there")
	require.NoError(t, m.Maintain(ctx))
	require.Equal(t, 2, e.certificates(first.ObjectID))
	e.srv.Advance(time.Hour + time.Minute)
	require.NoError(t, m.Maintain(ctx))
	require.Equal(t, 1, e.certificates(first.ObjectID))
	require.NoError(t, e.works(ctx, m.Credential()))
	st, err := e.state.Load(ctx)
	require.NoError(t, err)
	require.NoError(t, m.Maintain(ctx))
	again, err := e.state.Load(ctx)
	require.NoError(t, err)
	require.Equal(t, st.Revision, again.Revision, "with nothing to do nothing is written")
}

func maintenance(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	suspended := true
	change := func(o *credential.ManagerOptions) { o.Suspended = func() bool { return suspended } }
	m := e.manager(credential.Managed, change)
	require.ErrorIs(t, m.Maintain(ctx), credential.ErrNotSetUp)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	require.NoError(t, m.Maintain(ctx))
	require.Zero(t, e.log.count(credential.EventRotationDue))
	e.srv.Advance(64 * 24 * time.Hour)
	require.NoError(t, m.Maintain(ctx))
	require.Equal(t, 1, e.log.count(credential.EventRotationDue))
	require.Equal(t, 1, e.log.count(credential.EventSuspended), "an alarm instead of silence")
	require.Equal(t, 1, e.log.count(credential.EventSwitched), "and no rotation")
	require.False(t, status(t, m).Current.AutoRotation)

	// Nobody maintains for days: use of the credential raises the alarm, once an hour.
	e.srv.Advance(3 * 24 * time.Hour)
	user := e.manager(credential.Managed, change)
	for range 3 {
		require.NoError(t, e.works(ctx, user.Credential()))
	}
	require.Equal(t, 1, e.log.count(credential.EventStalled))
	require.Equal(t, 2, e.log.count(credential.EventRotationDue))

	suspended = false
	require.NoError(t, m.Maintain(ctx))
	require.Equal(t, 2, e.log.count(credential.EventSwitched))
	for _, ev := range e.log.events {
		switch ev.Kind {
		case credential.EventRotationDue:
			require.Equal(t, 1011, ev.ID)
		case credential.EventNoHardware:
			require.Equal(t, 1014, ev.ID)
		}
	}
	if !e.keys.Info().Hardware {
		require.NotZero(t, e.log.count(credential.EventNoHardware))
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- m.Run(running) }()
	stop()
	require.NoError(t, <-done)
}

func clientSecret(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	old := e.manager(credential.ClientSecret, nil)
	require.NoError(t, old.Setup(ctx, nil, nil))
	cred := old.Credential()
	require.NoError(t, e.works(ctx, cred))
	require.ErrorIs(t, old.Rotate(ctx, nil, nil), credential.ErrUnsuitableKey)

	m := e.manager(credential.BringYourOwnApplication, nil)
	require.NoError(t, m.Setup(ctx, nil, keyWithCertificate(t, e, "one")), "the application may write its own keys")
	require.NoError(t, e.works(ctx, m.Credential()))
	require.Equal(t, credential.BringYourOwnApplication, status(t, m).Mode)
	e.srv.Advance(2 * time.Minute)
	e.srv.SetSecrets("another")
	require.NoError(t, e.works(ctx, cred), "another process follows")
	require.Error(t, m.Rollback(ctx, nil), "what does not work is not gone back to")
	require.NoError(t, e.works(ctx, m.Credential()))
	st := status(t, m)
	require.Equal(t, credential.StepProve, st.Step)
	require.NoError(t, m.Rollback(ctx, nil), "giving up")
	require.Equal(t, credential.StepActive, status(t, m).Step)
	e.srv.SetSecrets(e.srv.ClientSecret)
	require.NoError(t, m.Rollback(ctx, nil))
	require.Equal(t, credential.ClientSecret, status(t, m).Mode)
	require.NoError(t, e.works(ctx, m.Credential()))
	require.NoError(t, m.Rollback(ctx, nil), "and forth")
	require.NoError(t, e.works(ctx, m.Credential()))
	e.scan()
}

// An identity that may not read applications rotates all the same.
func withoutReading(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	s := e.settings(credential.Managed)
	s.Permissions = permissions()[:1]
	m, err := credential.NewManager(s, e.keys, e.state, e.options())
	require.NoError(t, err)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	for range 2 {
		require.NoError(t, m.Rotate(ctx, nil, nil))
		require.NoError(t, e.works(ctx, m.Credential()))
		require.Equal(t, 1, e.certificates(status(t, m).ObjectID))
	}
	// The answer to addKey is lost: the key is there, its id is not known.
	e.srv.Inject(entratest.Fault{Method: http.MethodPost, Template: "/applications/{id}/addKey", Status: http.StatusServiceUnavailable, After: true})
	require.NoError(t, m.Rotate(ctx, nil, nil))
	require.NoError(t, e.works(ctx, m.Credential()))
	require.Empty(t, status(t, m).Current.KeyID)
	require.Equal(t, 1, e.certificates(status(t, m).ObjectID), "it was not added twice")
	require.NoError(t, m.Rotate(ctx, nil, nil))
	require.Len(t, status(t, m).Retired, 1, "what has no id cannot be removed by the identity itself")
	left, err := m.RemoveRetired(ctx, e.admin())
	require.NoError(t, err)
	require.Empty(t, left)
}

// As long as no token is issued with the new key, the old one stays.
func newKeyIsRefused(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	first := status(t, m)
	// The token service takes the old key, and not yet the new one.
	added := new(atomic.Bool)
	broken := e.options()
	broken.ProveTimeout = 3 * time.Second // long enough for a first answer on a busy machine
	broken.HTTPClient = &http.Client{Transport: refusing{e.srv.HTTPClient().Transport, added}}
	slow, err := credential.NewManager(e.settings(credential.Managed), e.keys, e.state, broken)
	require.NoError(t, err)
	err = slow.Rotate(ctx, nil, nil)
	require.ErrorContains(t, err, "AADSTS700027")
	require.Equal(t, 1, e.log.count(credential.EventRotationFailed))
	s := status(t, m)
	require.Equal(t, credential.StepProve, s.Step)
	require.Equal(t, first.Current.Thumbprint, s.Current.Thumbprint, "the old one stays")
	require.NoError(t, e.works(ctx, m.Credential()))
	require.NoError(t, m.Maintain(ctx), "later it goes on")
	require.NotEqual(t, first.Current.Thumbprint, status(t, m).Current.Thumbprint)
	require.Equal(t, 1, e.certificates(first.ObjectID))

	added.Store(false)
	require.Error(t, slow.Rotate(ctx, nil, nil))
	require.NoError(t, m.Rollback(ctx, nil), "giving up takes the new one away again")
	require.Equal(t, 1, e.certificates(first.ObjectID))
	ids, err := e.keys.List(ctx)
	require.NoError(t, err)
	require.Len(t, ids, 2)
}

// refusing is a network whose token service does not know a key that was just added.
type refusing struct {
	http.RoundTripper
	added *atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.added.Load() && strings.HasSuffix(req.URL.Path, "/token") {
		body := `{"error":"invalid_client","error_description":"AADSTS700027: not known yet","error_codes":[700027]}`
		return &http.Response{
			StatusCode: http.StatusUnauthorized, Status: "401 Unauthorized", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: req,
		}, nil
	}
	resp, err := r.RoundTripper.RoundTrip(req)
	if err == nil && strings.HasSuffix(req.URL.Path, "/addKey") {
		r.added.Store(true)
	}
	return resp, err
}

// A sign-in whose key is rotated away while its request travels is done again with the new
// key.
func rotatedDuringSignIn(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	o := e.options()
	hook := &interrupting{RoundTripper: e.srv.HTTPClient().Transport}
	o.HTTPClient = &http.Client{Transport: hook}
	user, err := credential.NewManager(e.settings(credential.Managed), e.keys, e.state, o)
	require.NoError(t, err)
	for range 3 {
		var failed error
		rotate := func() { failed = m.Rotate(ctx, nil, nil) }
		hook.next.Store(&rotate)
		require.NoError(t, e.works(ctx, user.Credential()))
		require.NoError(t, failed)
	}
}

// interrupting lets something happen before one sign-in arrives.
type interrupting struct {
	http.RoundTripper
	next atomic.Pointer[func()]
}

// RoundTrip implements http.RoundTripper.
func (r *interrupting) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/token") {
		if do := r.next.Swap(nil); do != nil {
			(*do)()
		}
	}
	return r.RoundTripper.RoundTrip(req)
}

func throttled(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	for _, f := range []entratest.Fault{
		{Method: http.MethodPost, Template: "/applications", Status: http.StatusServiceUnavailable, After: true},
		{Method: http.MethodPost, Template: "/servicePrincipals", Status: http.StatusBadRequest, Code: "NoBackingApplicationObject"},
		{Method: http.MethodPost, Template: "/servicePrincipals/{id}/appRoleAssignments", Status: http.StatusTooManyRequests},
		{Method: http.MethodPatch, Template: "/applications/{id}", Status: http.StatusGatewayTimeout, After: true},
		{Method: http.MethodPost, Template: "/applications/{id}/addKey", Status: http.StatusConflict, Code: "Directory_ConcurrencyViolation"},
		{Method: http.MethodPost, Template: "/applications/{id}/removeKey", Status: http.StatusConflict, Code: "Directory_ConcurrencyViolation"},
		{Method: http.MethodPost, Template: "/applications/{id}/removeKey", Status: http.StatusServiceUnavailable, After: true},
	} {
		e.srv.Inject(f)
	}
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	require.NoError(t, m.Rotate(ctx, nil, nil))
	s := status(t, m)
	require.Empty(t, s.Retired)
	require.Equal(t, 1, e.certificates(s.ObjectID))
	apps, _ := e.graph(http.MethodGet, "/applications", "")["value"].([]any)
	require.Len(t, apps, 2)
}

func preflight(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	found, err := m.Preflight(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, "not-set-up", found[0].Code)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	found, err = m.Preflight(ctx, e.admin())
	require.NoError(t, err)
	for _, f := range found {
		require.Contains(t, []string{"no-hardware", "key-store"}, f.Code, "%+v", f)
	}
	intruder := keyWithCertificate(t, e, "intruder")
	e.addKey(status(t, m).ObjectID, intruder)
	for i := range 20 {
		id := e.srv.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("Sync_SRV%d@contoso.onmicrosoft.com", i), DisplayName: "On-Premises Directory Synchronization Service Account"})
		require.NoError(t, e.srv.AssignRole("d29b2b05-8046-44ba-8758-1e26182fcf32", id))
	}
	found, err = m.Preflight(ctx, e.admin())
	require.NoError(t, err)
	n := map[string]int{}
	for _, f := range found {
		n[f.Code]++
	}
	require.Equal(t, 1, n["unknown-key"])
	require.Equal(t, 20, n["legacy-account"])
	require.Equal(t, 1, n["account-limit"])
	require.NoError(t, m.Revoke(ctx, credential.Thumbprint(intruder.Certificate), e.admin()), "what is not ours can be revoked")
	require.NoError(t, e.works(ctx, m.Credential()))
	found, err = m.Preflight(ctx, e.admin())
	require.NoError(t, err)
	require.NotContains(t, codes(found), "unknown-key")
	e.scan()
}

// addKey adds a key credential behind the identity's back.
func (e *tenant) addKey(objectID string, p *credential.Provided) {
	e.t.Helper()
	app := e.graph(http.MethodGet, "/applications/"+objectID+"?$select=id,keyCredentials", "")
	list, _ := app["keyCredentials"].([]any)
	list = append(list, map[string]any{"type": "AsymmetricX509Cert", "usage": "Verify", "key": p.Certificate.Raw})
	e.graph(http.MethodPatch, "/applications/"+objectID, toJSON(e.t, map[string]any{"keyCredentials": list}))
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
