package entra_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

// timed is a tenant under the published quotas whose time passes by waiting, and by nothing
// else: what the mock counts is what the pacing does, however busy the machine is.
func timed(t *testing.T) (*entratest.Server, *entra.Tenant) {
	t.Helper()
	base := time.Now()
	s := entratest.NewServer(t, &entratest.Options{Throttle: 1, Clock: func() time.Time { return base }})
	opts := entra.WithSleep(&entra.Options{
		BaseURL: s.GraphURL, RootCAs: s.CAPool(), TenantID: s.TenantID, Clock: s.Now, Concurrency: 1, Classes: []string{"user", "group"},
	}, s.Advance)
	return s, connect(t, s, opts)
}

// The published quota is used, and not overdrawn: at least 95 % of it over every full
// window, and at most 1 % of the requests refused.
func TestExportUsesTheQuotaAndNoMore(t *testing.T) {
	t.Parallel()
	const window, quota = 150 * time.Second, 3000
	windows := 3
	if testing.Short() {
		windows = 2
	}
	s, tenant := timed(t)
	exporter, ok := connector.As[connector.Exporter](open(t, tenant))
	require.True(t, ok)
	start := s.Now()
	for round := 0; s.Now().Sub(start) < time.Duration(windows)*window; round++ {
		var batch []connector.Change
		for i := range 200 {
			batch = append(batch, addUser(fmt.Sprintf("user%d-%d", round, i)))
		}
		results, err := exporter.Export(t.Context(), batch)
		require.NoError(t, err)
		for _, r := range results {
			require.Equal(t, connector.Applied, r.Outcome, "%v", r.Err)
		}
	}
	used := make([]int, windows+1)
	refused, all := 0, 0
	for _, r := range s.Requests() {
		if r.Template == "/$batch" {
			continue
		}
		all++
		if r.Status == http.StatusTooManyRequests {
			refused++
		}
		if r.Method == http.MethodPost && r.Status == http.StatusCreated {
			used[r.Time.Sub(start)/window]++
		}
	}
	for i, n := range used[:windows] {
		require.GreaterOrEqual(t, n, quota*95/100, "window %d", i)
		require.LessOrEqual(t, n, quota, "window %d", i)
	}
	require.LessOrEqual(t, refused*100, all, "%d of %d requests refused", refused, all)
	t.Logf("writes in windows of %d: %v; %d of %d requests answered 429", quota, used[:windows], refused, all)

	u := tenant.Usage()
	require.InDelta(t, 1, u.Share, 0.06, "it says so")
	require.GreaterOrEqual(t, u.Requests, int64(all))
	require.EqualValues(t, refused, u.Throttled)
	require.Zero(t, u.Waiting)
	require.Greater(t, u.Waited, time.Duration(windows)*window/2)
	s.Advance(2 * time.Minute)
	require.Zero(t, tenant.Usage().Share, "of the last minute")
}

// Members are added twenty to a request, however many there are; reads of single objects
// stay within the resource units.
func TestReadsKeepToTheResourceUnits(t *testing.T) {
	t.Parallel()
	s, tenant := timed(t)
	var keys []connector.Key
	for i := range 60 {
		id := s.AddUser(entratest.User{UserPrincipalName: fmt.Sprintf("u%d@contoso.test", i), DisplayName: "U"})
		keys = append(keys, connector.Key{Anchor: connector.TextAnchor("User_" + id)})
	}
	reader, ok := connector.As[connector.ObjectReader](open(t, tenant))
	require.True(t, ok)
	start := s.Now()
	rounds := 150
	if testing.Short() {
		rounds = 40
	}
	for range rounds {
		items, err := receive(reader.ReadObjects(t.Context(), keys))
		require.NoError(t, err)
		require.Len(t, items, len(keys))
	}
	counts := s.StatusCounts()
	require.Zero(t, counts[http.StatusTooManyRequests])
	// Two requests of one unit each for an object and its manager, of 500 a second.
	units := float64(2 * len(keys) * rounds)
	require.Less(t, s.Now().Sub(start).Seconds(), units/500/0.90, "the quota is used")
}

func TestRequestsPerThousand(t *testing.T) {
	t.Parallel()
	s := entratest.NewServer(t, nil)
	tenant := connect(t, s, quick(s))
	exporter, ok := connector.As[connector.Exporter](open(t, tenant))
	require.True(t, ok)
	var adds []connector.Change
	for i := range 1000 {
		adds = append(adds, addUser(fmt.Sprintf("user%d", i)))
	}
	done := settle(t, exporter, adds)
	users := s.Count(http.MethodPost, "/$batch")
	require.LessOrEqual(t, users, 1000/20+1000/200*3, "twenty creations to a request, and what matching asks")

	group := mustExport(t, tenant, addGroup("staff", boolean("securityEnabled", true)))[0]
	var all []attr.Value
	for _, r := range done {
		all = append(all, refs(r.Anchor)...)
	}
	before, writes := s.Count(http.MethodPost, "/$batch"), s.Writes()
	mustExport(t, tenant, updateOf(connector.Key{Anchor: group.Anchor}, members(all, nil)))
	require.Len(t, s.Members(id(group.Anchor)), 1000)
	require.Equal(t, 50, s.Writes()-writes, "twenty members to a write")
	require.LessOrEqual(t, s.Count(http.MethodPost, "/$batch")-before, 4, "twenty writes to a request, and the read before")
	t.Logf("requests per 1,000 created users: %d; per 1,000 added members: %d", users, s.Count(http.MethodPost, "/$batch")-before)
}
