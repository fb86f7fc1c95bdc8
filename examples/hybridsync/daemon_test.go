package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// receiver is a collector of traces and a receiver of alerts.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []string
	alerts []alert
	tokens []string
	raw    []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var got collector.ExportTraceServiceRequest
		if err = errors.Join(err, proto.Unmarshal(body, &got)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.raw = append(r.raw, string(body))
		for _, rs := range got.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					r.spans = append(r.spans, s.GetName())
				}
			}
		}
	})
	mux.HandleFunc("POST /alerts", func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var a alert
		if err = errors.Join(err, json.Unmarshal(body, &a)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.alerts, r.raw, r.tokens = append(r.alerts, a), append(r.raw, string(body)), append(r.tokens, req.Header.Get("Authorization"))
	})
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) has(id scheduler.EventID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.alerts, func(a alert) bool { return a.ID == id })
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

const patience = 2 * time.Minute // of a busy machine

// status is what the command prints, seen from another process than the daemon.
func (b *bench) status() (st scheduler.Status) {
	b.t.Helper()
	out, err := b.run("status", "-json")
	require.NoError(b.t, err)
	var result struct {
		Scheduler scheduler.Status `json:"scheduler"`
	}
	require.NoError(b.t, json.Unmarshal([]byte(out), &result))
	return result.Scheduler
}

func (b *bench) eventually(what string, fn func() bool) {
	b.t.Helper()
	require.Eventually(b.t, fn, patience, 50*time.Millisecond, what)
}

// The daemon, as operators know it: metrics, health, traces, alerts, orders, reload, stop. It
// is not parallel: it signals its own process.
func TestDaemon(t *testing.T) {
	b, r := newBench(t), newReceiver(t)
	people := b.populate(20, 2)
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "token"), []byte("s3cret\n"), 0o600))
	b.values["more"] = "daemon: {listen: \"127.0.0.1:0\", traces: \"" + r.URL + "/v1/traces\"}\n" +
		"alerts: {webhook: \"" + r.URL + "/alerts\", token: \"${file:token}\"}\nschedule: {interval: 30m}\n"
	path := b.configure()
	log, err := os.Create(filepath.Join(b.dir, "log"))
	require.NoError(t, err)
	defer log.Close()
	ctx, terminate := context.WithCancel(t.Context())
	defer terminate()
	var out strings.Builder
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"run", "-config", path}, &out, log) }()

	url := ""
	b.eventually("where metrics and health are served", func() bool {
		require.Empty(t, ended, "the daemon has ended")
		text, err := os.ReadFile(log.Name())
		require.NoError(t, err)
		if found := regexp.MustCompile(`"serving metrics and health" address=(\S+)`).FindSubmatch(text); found != nil {
			url = "http://" + string(found[1])
		}
		return url != ""
	})
	b.eventually("the first cycle", func() bool {
		require.Empty(t, ended, "the daemon has ended")
		return !b.statusOrNone().State.LastEnd.IsZero()
	})
	require.Len(t, b.tenant.Users(), 20)
	for _, p := range []string{"/livez", "/readyz", "/freshz", "/healthz"} {
		code, body := get(t, url+p)
		require.Equal(t, http.StatusOK, code, body)
	}
	var metrics string
	b.eventually("what is measured of the cycle, once it is kept", func() bool {
		_, metrics = get(t, url+"/metrics")
		return strings.Contains(metrics, "hybridsync_cycle_duration_seconds")
	})
	require.Contains(t, metrics, `hybridsync_step_objects_total{connector="tenant",operation="add",step="export"} 22`)
	for _, name := range []string{"hybridsync_queue", "hybridsync_objects", "hybridsync_metaverse_objects", "hybridsync_import_age_seconds",
		`hybridsync_quota_share{connector="tenant"}`, `hybridsync_requests_total{connector="tenant"}`, `hybridsync_requests_throttled_total{connector="tenant"} 0`,
		"hybridsync_requests_waiting", "hybridsync_requests_waited_seconds_total", "hybridsync_scheduler_active", "hybridsync_cycle_duration_seconds", "hybridsync_step_duration_seconds", "hybridsync_events_total"} {
		require.Contains(t, metrics, name)
	}
	require.NotContains(t, metrics, "CN=", "labels name nobody")
	for _, u := range b.tenant.Users() {
		require.NotContains(t, metrics, u.UserPrincipalName)
	}

	b.eventually("the server in the status", func() bool {
		out, err := b.run("status")
		require.NoError(t, err)
		require.NotContains(t, out, "silent")
		return strings.Contains(out, "active")
	})

	_, err = b.run("suspend", "-reason", "migration")
	require.NoError(t, err)
	b.eventually("the alert", func() bool { return r.has(scheduler.EventSuspended) })
	_, err = b.run("start")
	require.ErrorIs(t, err, scheduler.ErrSuspended)
	_, err = b.run("resume")
	require.NoError(t, err)
	before := b.status().State.LastStart
	_, err = b.run("start", "-initial")
	require.NoError(t, err)
	b.eventually("the cycle that was asked for", func() bool {
		st := b.status().State
		return st.LastStart.After(before) && st.Running == nil
	})
	require.Equal(t, scheduler.Initial, b.status().State.LastPolicy)
	require.Equal(t, metaverse.ResultSuccess, b.status().State.LastResult)

	// All or nothing: a bad file changes nothing, a good one everything.
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(slices.Clone(good), "sched: 1\n"...), 0o600))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	b.eventually("the refusal", func() bool { return r.has(scheduler.EventConfigurationError) })
	code, _ := get(t, url+"/healthz")
	require.Equal(t, http.StatusOK, code)
	b.values["more"] = strings.Replace(b.values["more"], "30m", "2h", 1)
	b.configure()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	b.eventually("the new interval", func() bool {
		st := b.status().State
		return st.Next.Sub(st.LastStart) == 2*time.Hour
	})

	terminate()
	require.NoError(t, <-ended)
	require.Nil(t, b.status().State.Process)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, span := range []string{"cycle", "full-import", "full-sync", "export"} {
		require.Contains(t, r.spans, span)
	}
	require.Equal(t, "Bearer s3cret", r.tokens[0])
	for _, raw := range r.raw {
		require.NotContains(t, raw, people.Users[0], "nobody is named to others")
	}
	text, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	require.NotContains(t, string(text), "s3cret")
	require.Contains(t, string(text), "event_id=20011")
}

// statusOrNone is the status, or nothing while there is no store yet.
func (b *bench) statusOrNone() (st scheduler.Status) {
	out, err := b.run("status", "-json")
	if err != nil {
		return st
	}
	var result struct {
		Scheduler scheduler.Status `json:"scheduler"`
	}
	require.NoError(b.t, json.Unmarshal([]byte(out), &result))
	return result.Scheduler
}

// A server in staging mode computes everything and exports nothing, whatever command is used;
// what it reports is what it exports once it has left.
func TestStaging(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.populate(12, 1)
	run := func(args ...string) string {
		out, err := b.run(args...)
		require.NoError(t, err, args)
		return out
	}
	run("staging", "enter", "-reason", "new server")
	require.Contains(t, run("staging"), "new server")
	result, err := b.cycle()
	require.NoError(t, err)
	require.Len(t, result.Steps, 4, "imports and synchronisations only")
	_, err = b.run("export", "tenant")
	require.ErrorIs(t, err, metaverse.ErrStaging)
	require.Zero(t, b.tenant.Writes())

	report, table := filepath.Join(b.dir, "staging.json"), filepath.Join(b.dir, "staging.csv")
	require.Contains(t, run("staging", "report", "-o", report, "-csv", table), "add      user         12")
	rows, err := os.ReadFile(table)
	require.NoError(t, err)
	announced := make(map[string][]string) // values by attribute of users
	cells, err := csv.NewReader(strings.NewReader(string(rows))).ReadAll()
	require.NoError(t, err)
	for _, row := range cells[1:] {
		if row[1] == "user" {
			require.Equal(t, "add", row[4])
			announced[row[5]] = append(announced[row[5]], row[8])
		}
	}
	info, err := os.Stat(table)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.Contains(t, run("staging", "compare", report, report), "13 objects have the same changes")

	run("staging", "leave")
	result, err = b.cycle()
	require.NoError(t, err)
	require.EqualValues(t, 13, result.Steps[4].Counters.Adds)
	exported := make(map[string][]string)
	for _, u := range b.tenant.Users() {
		exported["userPrincipalName"] = append(exported["userPrincipalName"], u.UserPrincipalName)
		exported["displayName"] = append(exported["displayName"], u.DisplayName)
	}
	for name, values := range exported {
		require.ElementsMatch(t, announced[name], values, "what was exported is what the report said: %s", name)
	}
	empty := filepath.Join(b.dir, "active.json")
	run("staging", "report", "-o", empty)
	_, err = b.run("staging", "compare", report, empty)
	require.ErrorIs(t, err, errDifferent)
}

func TestConfigCommands(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "password"), []byte(b.dc.AdminPassword()+"\n"), 0o600))
	b.values["password"] = "${file:password}"
	out, err := b.run("config", "check")
	require.NoError(t, err)
	require.Contains(t, out, "2 connectors")
	out, err = b.run("config", "export")
	require.NoError(t, err)
	require.Contains(t, out, "${file:password}", "references are shown")
	require.Contains(t, out, "interval: 30m0s", "defaults, too")
	require.NotContains(t, out, b.tenant.ClientSecret)
	require.Contains(t, out, hidden)
	other := filepath.Join(b.dir, "other.yaml")
	text, err := os.ReadFile(b.configure())
	require.NoError(t, err)
	changed := strings.Replace(string(text), "    exchange: true\n", "    exchange: true\n    include: [\"OU=Staff,DC=contoso,DC=test\"]\n", 1)
	require.NoError(t, os.WriteFile(other, []byte(changed), 0o600))
	out, err = b.run("config", "diff", other)
	require.NoError(t, err)
	require.Contains(t, out, "+ directories[contoso.test].include[0]: OU=Staff")
	require.Contains(t, out, "contoso.test has another scope: it is imported in full")

	// A secret is read when it is needed: status needs none.
	_, err = b.cycle()
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(b.dir, "password")))
	_, err = b.run("status")
	require.NoError(t, err)
	_, err = b.run("config", "check")
	require.ErrorContains(t, err, "directories[0].password")
}
