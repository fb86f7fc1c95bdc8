package entra_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/entra"
)

// The tests of this file are one for each way in which Graph or its SDK has surprised
// people. Each fails without the countermeasure.

func setText(name string, values ...string) attr.Mod {
	mod := attr.Mod{Name: name, Replace: true}
	for _, v := range values {
		mod.Adds = append(mod.Adds, attr.String(v))
	}
	return mod
}

// guardRead answers the read before a change: a cloud-managed user.
func guardRead(it item) (int, m, any, bool) {
	if it.Method == http.MethodGet {
		return http.StatusOK, nil, m{"id": adaID}, true
	}
	return 0, nil, nil, false
}

func TestRetriedWriteKeepsItsBody(t *testing.T) {
	t.Parallel()
	// The SDK's default middleware sends a retried body under the wrong encoding in most
	// clients, not in all: try many.
	for range 20 {
		var writes atomic.Int32
		s := newStub(t, func(w http.ResponseWriter, r seen) {
			if strings.Contains(string(r.body), "PATCH") && writes.Add(1) == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			answerBatch(w, r, func(it item) (int, m, any) {
				if status, h, body, ok := guardRead(it); ok {
					return status, h, body
				}
				return http.StatusNoContent, nil, nil
			})
		})
		r := export(t, newTenant(t, s.options()), updateOf(userKey(adaID), setText("department", "x")))[0]
		require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
		for _, got := range s.requests("/$batch") {
			require.True(t, json.Valid(got.body))
			require.Empty(t, got.header.Get("Content-Encoding"))
		}
		require.EqualValues(t, 2, writes.Load())
	}
}

func TestTokenGoesToTheConfiguredHostOnly(t *testing.T) {
	t.Parallel()
	other := newStub(t, func(http.ResponseWriter, seen) {})
	for name, key := range map[string]string{"next": "@odata.nextLink", "delta": "@odata.deltaLink"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, func(w http.ResponseWriter, _ seen) {
				answerJSON(w, http.StatusOK, m{"value": []any{}, key: other.URL + "/v1.0/users/delta()?$skiptoken=x"})
			})
			_, err := fullImport(t, newTenant(t, s.options())) // whose client trusts the other server, too
			require.ErrorIs(t, err, connector.ErrProtocol)
			require.Empty(t, other.seen)
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	other := newStub(t, func(http.ResponseWriter, seen) {})
	s := newStub(t, func(w http.ResponseWriter, _ seen) {
		w.Header().Set("Location", other.URL+"/v1.0/users/delta()")
		w.WriteHeader(http.StatusFound)
	})
	_, err := fullImport(t, newTenant(t, s.options()))
	require.Error(t, err)
	require.Empty(t, other.seen)
}

func TestEveryRequestHasTokenScopeAndCorrelation(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		answerJSON(w, http.StatusOK, end(r))
	})
	cred := &fixed{token: "secret-token"}
	tenant, err := entra.New("tenant", cred, s.options())
	require.NoError(t, err)
	_, err = fullImport(t, tenant)
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, r := range s.seen {
		require.Equal(t, "Bearer secret-token", r.header.Get("Authorization"))
		require.Len(t, r.header.Values("Client-Request-Id"), 1)
		ids[r.header.Get("Client-Request-Id")] = true
	}
	require.Len(t, ids, len(s.seen), "each request has an id of its own")
	for _, o := range cred.asked {
		require.Equal(t, []string{"https://graph.microsoft.com/.default"}, o.Scopes, "not a scope made of the test server's address")
		require.True(t, o.EnableCAE)
	}
}

func TestDeltaSelectsExplicitlyAndAddsNothingToLinks(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		if strings.Contains(r.query, "token") {
			answerJSON(w, http.StatusOK, end(r))
			return
		}
		answerJSON(w, http.StatusOK, m{"value": []any{}, "@odata.nextLink": r.base + "/users/delta()?$skiptoken=a%2Bb"})
	})
	opts := s.options()
	opts.PageSize = 500
	items, err := fullImport(t, newTenant(t, opts))
	require.NoError(t, err)
	got := s.requests("/users/delta()")
	require.Len(t, got, 2, "an empty page is not the last")
	require.Contains(t, got[0].query, "$select=id,onPremisesImmutableId,onPremisesSyncEnabled")
	require.Contains(t, got[0].query, "manager")
	require.NotContains(t, got[0].query, "$top")
	require.Equal(t, "$skiptoken=a%2Bb", got[1].query, "links are opaque")
	for _, r := range got {
		require.Equal(t, "odata.maxpagesize=500", r.header.Get("Prefer"), "headers are no part of a link")
	}
	require.Contains(t, string(watermark(t, items)), "$deltatoken=d%2Be")
}

func TestThrottlingWaitsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		answerJSON(w, http.StatusOK, end(r))
	})
	var waited time.Duration
	opts := entra.WithSleep(s.options(), func(d time.Duration) { waited += d })
	opts.Timeout = 6 * time.Second // of an attempt, not of the waiting between attempts
	_, err := fullImport(t, newTenant(t, opts))
	require.NoError(t, err)
	require.GreaterOrEqual(t, waited, 7*time.Second)
}

func TestLongRetryAfterIsTheSchedulers(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, _ seen) {
		w.Header().Set("Retry-After", "900")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := fullImport(t, newTenant(t, s.options()))
	require.ErrorIs(t, err, connector.ErrThrottled)
	require.True(t, connector.IsTransient(err))
	require.Equal(t, 15*time.Minute, connector.RetryAfter(err))
	require.Len(t, s.requests("/users/delta()"), 1)
}

func TestRetriesDoNotLeakConnections(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		if calls.Add(1)%3 != 0 {
			answerJSON(w, http.StatusTooManyRequests, m{"error": m{"code": "TooManyRequests", "message": strings.Repeat("x", 20_000)}})
			return
		}
		answerJSON(w, http.StatusOK, end(r))
	})
	tenant := newTenant(t, s.options())
	for range 10 {
		_, err := fullImport(t, tenant)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, s.conns, 2)
}

func TestClaimsChallengeIsAnswered(t *testing.T) {
	t.Parallel()
	claims := `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`
	var calls atomic.Int32
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		if calls.Add(1) == 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://x/", error="insufficient_claims", claims="`+
				base64.StdEncoding.EncodeToString([]byte(claims))+`"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answerJSON(w, http.StatusOK, end(r))
	})
	cred := &fixed{token: "secret-token"}
	tenant, err := entra.New("tenant", cred, s.options())
	require.NoError(t, err)
	_, err = fullImport(t, tenant)
	require.NoError(t, err)
	require.JSONEq(t, claims, cred.asked[len(cred.asked)-1].Claims)
}

func TestOddChallengesDoNotPanic(t *testing.T) {
	t.Parallel()
	for _, challenge := range []string{
		`Bearer claims=abc`, `Bearer claims=`, `Bearer x, claims`, `Bearer claims="%%%"`, `Bearer claims=""`, `Bearer`, ``,
	} {
		s := newStub(t, func(w http.ResponseWriter, _ seen) {
			w.Header().Set("WWW-Authenticate", challenge)
			answerJSON(w, http.StatusUnauthorized, m{"error": m{"code": "InvalidAuthenticationToken"}})
		})
		_, err := fullImport(t, newTenant(t, s.options()))
		require.ErrorIs(t, err, connector.ErrAuthentication, challenge)
		require.Equal(t, connector.CodeAuthentication, connector.CodeOf(err))
		require.NotContains(t, err.Error(), "secret-token")
	}
}

func TestErrorBodiesOfAnyKindSurvive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		want              error
		code              string
	}{
		"html as json":  {http.StatusForbidden, "application/json", "<html>proxy</html>", connector.ErrPermission, ""},
		"html":          {http.StatusForbidden, "text/html", "<html>proxy</html>", connector.ErrPermission, ""},
		"empty":         {http.StatusForbidden, "", "", connector.ErrPermission, ""},
		"graph":         {http.StatusForbidden, "application/json", `{"error":{"code":"Authorization_RequestDenied","message":"m","innerError":{"request-id":"r1"}}}`, connector.ErrPermission, "Authorization_RequestDenied"},
		"odd types":     {http.StatusForbidden, "application/json", `{"error":{"code":7,"details":[1,{"code":"D"}],"innerError":"x"}}`, connector.ErrPermission, ""},
		"not an object": {http.StatusForbidden, "application/json", `[]`, connector.ErrPermission, ""},
		"huge":          {http.StatusBadRequest, "text/plain", strings.Repeat("x", 1<<20), connector.ErrInvalid, ""},
		"gateway":       {http.StatusBadGateway, "text/html", "<html>proxy</html>", connector.ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, func(w http.ResponseWriter, _ seen) {
				w.Header().Set("Content-Type", c.contentType)
				w.Header().Set("request-id", "r1")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := fullImport(t, newTenant(t, s.options()))
			require.ErrorIs(t, err, c.want)
			var g *entra.GraphError
			require.ErrorAs(t, err, &g)
			require.Equal(t, c.status, g.Status)
			if c.status < http.StatusInternalServerError {
				require.Len(t, s.requests("/users/delta()"), 1, "asked again it would answer the same")
			}
			require.Equal(t, c.code, g.Code)
			require.Equal(t, "r1", g.RequestID)
			require.NotEmpty(t, g.ClientRequestID)
			require.Contains(t, err.Error(), "request-id r1")
			require.LessOrEqual(t, len(g.Body), 64<<10)
			require.True(t, strings.HasPrefix(c.body, string(g.Body)))
		})
	}
}

func TestUnusablePagesAreProtocolErrors(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"html with 200":     "<html>sign in</html>",
		"no value":          `{"@odata.deltaLink":"d"}`,
		"no link":           `{"value":[]}`,
		"object without id": `{"value":[{"displayName":"x"}],"@odata.deltaLink":"d"}`,
		"cut short":         `{"value":[{"id":"` + adaID + `"`,
		"value is a string": `{"value":"x","@odata.deltaLink":"d"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, func(w http.ResponseWriter, _ seen) { _, _ = io.WriteString(w, body) })
			items, err := fullImport(t, newTenant(t, s.options()))
			require.ErrorIs(t, err, connector.ErrProtocol)
			require.Empty(t, items)
		})
	}
}

func TestOnlyFailedItemsAreTriedAgain(t *testing.T) {
	t.Parallel()
	var throttled atomic.Int32
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		answerBatch(w, r, func(it item) (int, m, any) {
			if status, h, body, ok := guardRead(it); ok {
				return status, h, body
			}
			if strings.HasSuffix(it.URL, "3") && throttled.Add(1) <= 2 {
				return http.StatusTooManyRequests, m{"Retry-After": "9"}, m{"error": m{"code": "TooManyRequests"}}
			}
			return http.StatusNoContent, nil, nil
		})
	})
	var waited time.Duration
	opts := entra.WithSleep(s.options(), func(d time.Duration) { waited += d })
	var changes []connector.Change
	for _, last := range []string{"1", "2", "3", "4"} {
		changes = append(changes, updateOf(userKey(adaID[:len(adaID)-1]+last), setText("department", "x")))
	}
	for _, r := range export(t, newTenant(t, opts), changes...) {
		require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
	}
	require.Equal(t, 18*time.Second, waited.Truncate(time.Second))
	patches := map[string]int{}
	for _, r := range s.requests("/$batch") {
		for _, last := range []string{"1", "2", "3", "4"} {
			patches[last] += strings.Count(string(r.body), `"PATCH","url":"/users/`+adaID[:len(adaID)-1]+last)
		}
	}
	require.Equal(t, map[string]int{"1": 1, "2": 1, "3": 3, "4": 1}, patches)
}

func TestBatchIsWhatGraphTakes(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		answerBatch(w, r, func(it item) (int, m, any) {
			if status, h, body, ok := guardRead(it); ok {
				return status, h, body
			}
			require.Equal(t, it.Method == http.MethodDelete, !strings.Contains(it.raw, `"body"`), "no body, not a null one")
			require.Equal(t, it.Method != http.MethodDelete, it.Headers["Content-Type"] == "application/json")
			return http.StatusNoContent, nil, nil
		})
	})
	var changes []connector.Change
	for i := range 45 {
		id := adaID[:len(adaID)-2] + string(rune('0'+i/10)) + string(rune('0'+i%10))
		if i%2 == 0 {
			changes = append(changes, connector.Change{Op: connector.OpDelete, Class: "user", Key: userKey(id)})
		}
	}
	changes = append(changes, updateOf(userKey(adaID), setText("department", "x")))
	for _, r := range export(t, newTenant(t, s.options()), changes...) {
		require.True(t, r.Outcome.Done(), "%v", r.Err)
	}
	for _, r := range s.requests("/$batch") {
		require.LessOrEqual(t, strings.Count(string(r.body), `"id":`), 20)
		require.NotEmpty(t, r.header.Get("Content-Length"))
	}
	require.Len(t, s.requests("/$batch"), 6, "23 deletions in two rounds of two, an update in two")
}

func TestOneMalformedItemHarmsOnlyItself(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		if strings.Contains(string(r.body), "poison") {
			answerJSON(w, http.StatusBadRequest, m{"error": m{"code": "BadRequest"}})
			return
		}
		answerBatch(w, r, func(it item) (int, m, any) {
			if status, h, body, ok := guardRead(it); ok {
				return status, h, body
			}
			return http.StatusNoContent, nil, nil
		})
	})
	var changes []connector.Change
	for i, text := range []string{"a", "b", "poison", "c", "d"} {
		changes = append(changes, updateOf(userKey(adaID[:len(adaID)-1]+string(rune('0'+i))), setText("department", text)))
	}
	for i, r := range export(t, newTenant(t, s.options()), changes...) {
		if i == 2 {
			require.Equal(t, connector.Rejected, r.Outcome)
			continue
		}
		require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
	}
}

func TestClearingSendsNullOrAnEmptyCollection(t *testing.T) {
	t.Parallel()
	var body atomic.Pointer[map[string]json.RawMessage]
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		answerBatch(w, r, func(it item) (int, m, any) {
			if status, h, b, ok := guardRead(it); ok {
				return status, h, b
			}
			body.Store(&it.Body)
			return http.StatusNoContent, nil, nil
		})
	})
	r := export(t, newTenant(t, s.options()), updateOf(userKey(adaID),
		setText("department"), setText("telephoneNumber"), setText("otherMails"), setText("extensionAttribute3"),
		setText("extensionAttribute4", "four"), setText("title", "boss"), setText("proxyAddresses", "SMTP:x@y.z"), setText("alias"),
	))[0]
	require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
	require.Equal(t, []string{"proxyAddresses", "alias"}, r.Skipped)
	got, err := json.Marshal(*body.Load())
	require.NoError(t, err)
	require.JSONEq(t, `{"department":null,"businessPhones":[],"otherMails":[],"jobTitle":"boss",
		"onPremisesExtensionAttributes":{"extensionAttribute3":null,"extensionAttribute4":"four"}}`, string(got))
}

func TestNullClearsAndAbsentDoesNot(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		if !strings.Contains(r.query, "token") {
			answerJSON(w, http.StatusOK, end(r))
			return
		}
		answerJSON(w, http.StatusOK, m{"@odata.deltaLink": deltaLink(r), "value": []any{
			m{"id": adaID, "department": nil, "businessPhones": []any{}, "jobTitle": "boss", "onPremisesExtensionAttributes": nil},
			m{"id": adaID, "manager@delta": []any{m{"@odata.type": "#microsoft.graph.user", "id": adaID, "@removed": m{"reason": "deleted"}}}},
			m{"id": strings.Replace(adaID, "1", "2", 1)[:35] + "2", "@removed": m{"reason": "changed"}},
		}})
	})
	tenant := newTenant(t, s.options())
	items, err := fullImport(t, tenant)
	require.NoError(t, err)
	items, err = deltaImport(t, tenant, watermark(t, items))
	require.NoError(t, err)
	require.Len(t, items, 3, "entries of one object are merged")
	mods := map[string][]attr.Value{}
	for _, mod := range items[0].Mods {
		require.True(t, mod.Replace)
		mods[mod.Name] = mod.Adds
	}
	require.Contains(t, mods, "department")
	require.Empty(t, mods["department"])
	require.Contains(t, mods, "telephoneNumber")
	require.Empty(t, mods["telephoneNumber"])
	require.Contains(t, mods, "manager")
	require.Empty(t, mods["manager"])
	require.Contains(t, mods, "extensionAttribute15")
	require.Equal(t, []attr.Value{attr.String("boss")}, mods["title"])
	require.NotContains(t, mods, "company", "absent is unchanged")
	require.Equal(t, connector.ItemDelete, items[1].Kind)
}

func TestExpiredLinks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		code   string
		want   error
	}{
		"resync":     {http.StatusGone, "resyncRequired", connector.ErrWatermarkExpired},
		"sync state": {http.StatusBadRequest, "syncStateNotFound", connector.ErrWatermarkExpired},
		"not found":  {http.StatusNotFound, "syncStateNotFound", connector.ErrWatermarkExpired},
		"bad token":  {http.StatusBadRequest, "Request_BadRequest", connector.ErrWatermarkExpired},
		"denied":     {http.StatusForbidden, "Authorization_RequestDenied", connector.ErrPermission},
		"busy":       {http.StatusServiceUnavailable, "", connector.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, func(w http.ResponseWriter, r seen) {
				if strings.Contains(r.query, "token") {
					answerJSON(w, c.status, m{"error": m{"code": c.code}})
					return
				}
				answerJSON(w, http.StatusOK, end(r))
			})
			tenant := newTenant(t, s.options())
			items, err := fullImport(t, tenant)
			require.NoError(t, err)
			items, err = deltaImport(t, tenant, watermark(t, items))
			require.ErrorIs(t, err, c.want)
			require.Equal(t, errors.Is(c.want, connector.ErrWatermarkExpired), errors.Is(err, connector.ErrWatermarkExpired))
			require.Empty(t, items)
		})
	}
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(http.ResponseWriter, seen) {})
	secretive := errors.New(`POST https://login/ {"error":"invalid_client","error_description":"AADSTS7000215: secret hunter2"}`)
	for name, c := range map[string]struct {
		change func(o *entra.Options, cred *fixed)
		want   error
		text   string
	}{
		"credential refused": {func(_ *entra.Options, c *fixed) { c.err = secretive }, connector.ErrAuthentication, "AADSTS7000215"},
		"empty token":        {func(_ *entra.Options, c *fixed) { c.token = "" }, connector.ErrAuthentication, ""},
		"untrusted": {func(o *entra.Options, _ *fixed) {
			o.HTTPClient = nil
		}, connector.ErrUntrusted, "certificate"},
		"unreachable": {func(o *entra.Options, _ *fixed) { o.BaseURL = "https://127.0.0.1:1/v1.0" }, connector.ErrUnavailable, "refused"},
		"another tenant": {func(o *entra.Options, _ *fixed) {
			o.TenantID = "99999999-2222-3333-4444-555555555555"
		}, connector.ErrAuthentication, "another tenant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts, cred := s.options(), &fixed{token: "secret-token"}
			c.change(opts, cred)
			tenant, err := entra.New("tenant", cred, opts)
			require.NoError(t, err)
			_, err = tenant.Open(t.Context(), connector.OpenOptions{})
			require.ErrorIs(t, err, c.want)
			require.Contains(t, err.Error(), c.text)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "secret-token")
		})
	}
}

func TestNewReportsEveryBadOption(t *testing.T) {
	t.Parallel()
	_, err := entra.New("tenant", &fixed{}, &entra.Options{
		Cloud: "mars", BaseURL: "http://graph", TenantID: "x", Classes: []string{"contact"}, PageSize: 1000, Concurrency: 100,
		Extensions: []entra.Extension{{Name: "x"}}, DistributionGroups: 9,
	})
	for _, field := range []string{"Cloud", "BaseURL", "TenantID", "Classes", "PageSize", "Concurrency", "Extensions[0]", "DistributionGroups"} {
		require.ErrorContains(t, err, field)
	}
	_, err = entra.New("", &fixed{}, nil)
	require.Error(t, err)
	_, err = entra.New("tenant", nil, nil)
	require.Error(t, err)
	for _, cloud := range []entra.Cloud{entra.Public, entra.USGov, entra.USGovDoD, entra.China} {
		_, err = entra.New("tenant", &fixed{}, &entra.Options{Cloud: cloud})
		require.NoError(t, err)
	}
}

// The SDK's client bounds all attempts together, the waits between them included.
func TestEachAttemptHasATimeOfItsOwn(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		time.Sleep(800 * time.Millisecond)
		if calls.Add(1) < 5 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answerJSON(w, http.StatusOK, end(r))
	})
	opts := s.options()
	opts.Timeout = 3 * time.Second // five attempts take longer than one may
	_, err := fullImport(t, newTenant(t, opts))
	require.NoError(t, err)
}

// One property that cannot be written makes Graph refuse the whole PATCH: an object that is
// taken over is sent what differs and nothing else.
func TestOnlyWhatDiffersIsSent(t *testing.T) {
	t.Parallel()
	var body atomic.Pointer[map[string]json.RawMessage]
	ada := m{"id": adaID, "userPrincipalName": "ada@contoso.test", "displayName": "The ada", "accountEnabled": true, "department": "old", "jobTitle": "boss"}
	s := newStub(t, func(w http.ResponseWriter, r seen) {
		answerBatch(w, r, func(it item) (int, m, any) {
			switch {
			case strings.HasPrefix(it.URL, "/users?$filter=userPrincipalName"):
				return http.StatusOK, nil, m{"value": []any{ada}}
			case it.Method == http.MethodGet:
				return http.StatusOK, nil, m{"value": []any{}}
			}
			require.Equal(t, http.MethodPatch, it.Method)
			body.Store(&it.Body)
			return http.StatusNoContent, nil, nil
		})
	})
	r := export(t, newTenant(t, s.options()), addUser("ada", setText("department", "new"), setText("title", "boss")))[0]
	require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
	got, err := json.Marshal(*body.Load())
	require.NoError(t, err)
	require.JSONEq(t, `{"department":"new","onPremisesImmutableId":"`+immutableID("ada")+`"}`, string(got))
}

// Every way in which Graph or its Go SDK surprises has a test here that fails without the
// countermeasure.
func TestEveryTrapHasATest(t *testing.T) {
	t.Parallel()
	traps := map[string][]string{
		// What a connector must not break.
		"a PATCH holds what changed and nothing else":              {"TestOnlyWhatDiffersIsSent", "TestClearingSendsNullOrAnEmptyCollection"},
		"who may write is a matter of the object":                  {"TestObjectsOfAnotherEngineAreLeftAlone"},
		"codes decide, not messages":                               {"TestErrorTable", "TestTextsHoldNoURLsNorMessages"},
		"409, 429, 503, 504 and 404 after creation are waited out": {"TestTransientRefusalsAreWaitedOut", "TestNewObjectsMayTakeTimeToAppear"},
		"400 and 403 are not tried again":                          {"TestErrorBodiesOfAnyKindSurvive"},
		"$select is explicit":                                      {"TestDeltaSelectsExplicitlyAndAddsNothingToLinks"},
		"absent is unchanged, null is cleared":                     {"TestNullClearsAndAbsentDoesNot"},
		// What the SDK does.
		"middleware in random order, retried bodies spoilt":        {"TestRetriedWriteKeepsItsBody"},
		"Retry-After is honoured, a long one is not slept through": {"TestThrottlingWaitsAsLongAsItIsTold", "TestLongRetryAfterIsTheSchedulers"},
		"one timeout for all attempts":                             {"TestEachAttemptHasATimeOfItsOwn"},
		"retries leak connections":                                 {"TestRetriesDoNotLeakConnections"},
		"unknown hosts are asked without a token":                  {"TestTokenGoesToTheConfiguredHostOnly", "TestRedirectIsNotFollowed", "TestEveryRequestHasTokenScopeAndCorrelation"},
		"no scopes make a scope of the host and its port":          {"TestEveryRequestHasTokenScopeAndCorrelation"},
		"https only":        {"TestNewReportsEveryBadOption"},
		"claims challenges": {"TestClaimsChallengeIsAnswered", "TestOddChallengesDoNotPanic"},
		"error bodies of other kinds lose status and ids":   {"TestErrorBodiesOfAnyKindSurvive", "TestUnusablePagesAreProtocolErrors"},
		"batches are cut, failed items are not tried again": {"TestBatchIsWhatGraphTakes", "TestOnlyFailedItemsAreTriedAgain", "TestOneMalformedItemHarmsOnlyItself"},
		"nil is left out instead of clearing":               {"TestClearingSendsNullOrAnEmptyCollection"},
		"references are bound by annotations":               {"TestMembersInChunksWithTheGuiltyOneFound"},
		"@removed and @delta are not in the model":          {"TestNullClearsAndAbsentDoesNot"},
		"headers are not carried to the next page":          {"TestDeltaSelectsExplicitlyAndAddsNothingToLinks"},
		"links are opaque, and expire":                      {"TestDeltaSelectsExplicitlyAndAddsNothingToLinks", "TestExpiredLinks"},
		"duplicates, empty pages, groups over many pages":   {"TestImportsBearWhatDeltaQueriesDo", "TestImportsConvergeUnderFaults"},
	}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		all.Write(text)
	}
	for trap, tests := range traps {
		require.NotEmpty(t, tests, trap)
		for _, name := range tests {
			require.Contains(t, all.String(), "func "+name+"(t *testing.T)", trap)
		}
	}
}
