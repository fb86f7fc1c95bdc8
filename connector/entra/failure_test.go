package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

var testNow = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestErrorTable(t *testing.T) {
	t.Parallel()
	details := func(code, target string) []ErrorDetail { return []ErrorDetail{{Code: code, Target: target}} }
	for _, c := range []struct {
		g         GraphError
		sentinel  error
		code      connector.Code
		outcome   connector.Outcome
		attribute string
	}{
		{GraphError{Status: 400, Code: "Request_BadRequest"}, connector.ErrInvalid, connector.CodeDataValidationFailed, connector.Rejected, ""},
		{GraphError{Status: 400, Code: "Request_BadRequest", Details: details("InvalidLength", "companyName")}, connector.ErrInvalid, connector.CodeDataValidationFailed, connector.Rejected, "company"},
		{GraphError{Status: 400, Code: "Request_BadRequest", Details: details("ObjectConflict", "onPremisesImmutableId")}, connector.ErrConflict, connector.CodeUniqueValue, connector.Conflict, "sourceAnchor"},
		{GraphError{Status: 400, Code: "Request_BadRequest", Details: details("ConflictingObjects", "proxyAddresses")}, connector.ErrConflict, connector.CodeUniqueValue, connector.Conflict, "proxyAddresses"},
		{GraphError{Status: 400, Code: "x", Details: details("y", "extensionAttribute7")}, connector.ErrInvalid, connector.CodeDataValidationFailed, connector.Rejected, "extensionAttribute7"},
		{GraphError{Status: 400, Code: "Authentication_MissingOrMalformed"}, connector.ErrAuthentication, connector.CodeAuthentication, connector.Rejected, ""},
		{GraphError{Status: 401, Code: "InvalidAuthenticationToken"}, connector.ErrAuthentication, connector.CodeAuthentication, connector.Retry, ""},
		{GraphError{Status: 403, Code: "Authorization_RequestDenied"}, connector.ErrPermission, connector.CodePermissionIssue, connector.Rejected, ""},
		{GraphError{Status: 403, Code: "Directory_QuotaExceeded"}, connector.ErrPermission, connector.CodePermissionIssue, connector.Rejected, ""},
		{GraphError{Status: 404, Code: "Request_ResourceNotFound"}, connector.ErrNotFound, connector.CodeMissingObject, connector.Rejected, ""},
		{GraphError{Status: 409, Code: "Directory_ConcurrencyViolation"}, connector.ErrUnavailable, connector.CodeConnectionDropped, connector.Retry, ""},
		{GraphError{Status: 409, Code: "Request_MultipleObjectsWithSameKeyValue"}, connector.ErrConflict, connector.CodeUniqueValue, connector.Conflict, ""},
		{GraphError{Status: 424}, connector.ErrUnavailable, connector.CodeConnectionDropped, connector.Retry, ""},
		{GraphError{Status: 429, RetryAfter: time.Minute}, connector.ErrThrottled, connector.CodeThrottled, connector.Retry, ""},
		{GraphError{Status: 503}, connector.ErrUnavailable, connector.CodeConnectionDropped, connector.Unknown, ""},
		{GraphError{Status: 501}, connector.ErrProtocol, connector.CodeUnexpected, connector.Unknown, ""},
	} {
		t.Run(fmt.Sprint(c.g.Status, c.g.Code), func(t *testing.T) {
			t.Parallel()
			user, _ := testClasses(t, nil)
			tenant := &Tenant{name: "t"}
			k := &task{reader: reader{&session{t: tenant}, &dispatcher{ctx: t.Context()}}, c: user, ch: &connector.Change{}}
			k.wrote.Store(true)
			r := k.fail(&c.g)
			require.ErrorIs(t, r.Err, c.sentinel)
			require.Equal(t, c.code, connector.CodeOf(r.Err))
			require.Equal(t, c.outcome, r.Outcome)
			require.Equal(t, c.g.RetryAfter, r.RetryAfter)
			var e *connector.Error
			require.ErrorAs(t, r.Err, &e)
			require.Equal(t, c.attribute, e.Attribute)
			var g *GraphError
			require.ErrorAs(t, r.Err, &g)
		})
	}
}

func TestTextsHoldNoURLsNorMessages(t *testing.T) {
	t.Parallel()
	tenant := &Tenant{name: "t"}
	err := tenant.failure("read", &url.Error{Op: "Get", URL: "https://g/users?$filter=userPrincipalName eq 's3cret'", Err: errors.New("EOF")})
	require.NotContains(t, err.Error(), "s3cret")
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.Equal(t, err, tenant.failure("export", err), "wrapped once")
	body := []byte(`{"error":{"code":"c","message":"s3cret","details":[{"code":"d","message":"s3cret","target":"mail"}]}}`)
	g := newGraphError(400, http.Header{}, body, testNow)
	require.Equal(t, "Microsoft Graph answered 400 c, d (mail)", g.Error())
	require.NotErrorIs(t, tenant.failure("read", context.Canceled), connector.ErrUnavailable)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0.5": 500 * time.Millisecond, "-3": 0, "x": 0, "99999999": 24 * time.Hour,
		testNow.Add(time.Minute).Format(http.TimeFormat): time.Minute, testNow.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, retryAfter(text, testNow), text)
	}
}

func TestPacerSlowsDownBeforeItIsTold(t *testing.T) {
	t.Parallel()
	now := testNow
	o := (&Options{WritesPerSecond: 10, Clock: func() time.Time { return now }}).withDefaults()
	var waited time.Duration
	o.sleep = func(_ <-chan struct{}, d time.Duration) { waited += d }
	p := newPacer(&o)
	share := func(text string) http.Header { return http.Header{"X-Ms-Throttle-Limit-Percentage": {text}} }
	p.observe(200, share("0.95"))
	require.EqualValues(t, 10, p.writes.limiter.Limit(), "our own pace leads there")
	p.observe(200, share("1.0"))
	require.InDelta(t, 5, float64(p.writes.limiter.Limit()), 0.01)
	p.observe(200, share("1.8"))
	require.InDelta(t, 1, float64(p.writes.limiter.Limit()), 0.01)
	now = now.Add(pressureHold)
	require.NoError(t, p.spend(t.Context(), 1, 1))
	require.EqualValues(t, 10, p.writes.limiter.Limit())
	p.observe(429, http.Header{"Retry-After": {"60"}})
	now = now.Add(59 * time.Second)
	require.InDelta(t, 1, float64(p.writes.limit(now)), 0.01, "who was refused is not asked at full speed again")
	now = now.Add(time.Second)
	require.EqualValues(t, 10, p.writes.limit(now))
	require.Zero(t, waited)
	p.hold(time.Second)
	require.NoError(t, p.ready(t.Context()))
	require.Equal(t, time.Second, waited)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.ready(ctx), context.Canceled)
}

// What requests cost is known before they are sent; where the service says that one has cost
// more, the next ones wait.
func TestPacerCountsResourceUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/users", 2},
		{"GET", "/users?$select=id", 1},
		{"GET", "/users/delta()?$deltatoken=x", 2},
		{"GET", "/groups/x/members", 3},
		{"GET", "/groups/x/members?$select=id&$top=999", 2},
		{"GET", "/groups/x?$select=id", 1},
		{"GET", "/users/x/manager?$select=id", 1},
		{"POST", "/users", 1},
	} {
		require.Equal(t, c.want, unitsOf(c.method, c.path), c.path)
	}
	now := testNow
	o := (&Options{Clock: func() time.Time { return now }}).withDefaults()
	var waited time.Duration
	o.sleep = func(_ <-chan struct{}, d time.Duration) { waited += d; now = now.Add(d) }
	p := newPacer(&o)
	spent := func(n int) time.Duration {
		waited = 0
		require.NoError(t, p.spend(t.Context(), 0, n))
		return waited
	}
	spent(int(unitBurst * smallTenant))
	require.InDelta(t, 10.0, spent(unitShare*smallTenant).Seconds(), 0.01, "ten seconds' quota takes ten seconds")
	p.correct(1, http.Header{"X-Ms-Resource-Unit": {"101"}})
	require.InDelta(t, 101/(unitShare*smallTenant/unitWindow), spent(1).Seconds(), 0.01)
	p.size(600)
	spent(int(unitBurst * largeTenant))
	require.InDelta(t, 10.0, spent(unitShare*largeTenant).Seconds(), 0.01, "a large tenant has more")
	unlimited := (&Options{WritesPerSecond: -1}).withDefaults()
	require.Nil(t, newPacer(&unlimited).units)
}

func TestRecentForgetsTheOldest(t *testing.T) {
	t.Parallel()
	now := testNow
	r := newRecent(func() time.Time { return now })
	id := func(n int) guid { return guid{byte(n >> 16), byte(n >> 8), byte(n)} }
	for n := range maxRecent + 3 {
		r.add(id(n))
	}
	require.Equal(t, []bool{false, true, true}, []bool{r.has(id(2)), r.has(id(3)), r.has(id(maxRecent + 2))})
	r.forget(id(3))
	require.False(t, r.has(id(3)))
	now = now.Add(settleTime)
	r.add(id(4)) // again: it is as old as it is now
	now = now.Add(time.Second)
	r.add(id(1))
	require.Equal(t, []bool{true, false, true}, []bool{r.has(id(4)), r.has(id(5)), r.has(id(1))})
	require.Len(t, r.ids, 2)
}

func TestPasswordsAreStrongAndDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		p, err := newPassword()
		require.NoError(t, err)
		require.Len(t, p, passwordLength)
		require.Regexp(t, `[a-z]`, p)
		require.Regexp(t, `[A-Z]`, p)
		require.Regexp(t, `[0-9]`, p)
		require.Regexp(t, `[!#$%*+=?_-]`, p)
		require.False(t, seen[p])
		seen[p] = true
	}
}

func TestSchemaAgreesWithTheTable(t *testing.T) {
	t.Parallel()
	tenant, err := New("t", nopCredential{}, nil)
	require.NoError(t, err)
	s, err := tenant.Schema(t.Context())
	require.NoError(t, err)
	group, ok := s.Class("group")
	require.True(t, ok)
	require.Contains(t, group.ReadOnly, "mail")
	require.NotContains(t, group.ReadOnly, "sourceAnchor", "part of an add")
	for name, readOnly := range map[string]bool{"commonName": true, "proxyAddresses": false, "cloudAnchor": true, "managedBy": true, "mail": false, "sourceAnchor": false} {
		a, ok := s.Attribute(name)
		require.True(t, ok, name)
		require.Equal(t, readOnly, a.ReadOnly, name)
	}
	for _, name := range []string{"securityEnabled", "mailEnabled", "proxyAddresses"} {
		a, _ := s.Attribute(name)
		require.True(t, a.CreateOnly && !a.ReadOnly, name)
	}
	seen := map[string]bool{}
	for _, a := range s.Attributes {
		require.False(t, seen[a.Name], a.Name)
		seen[a.Name] = true
	}
}
