package failover_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// period is that of the lease. It is short, so that the test is.
const period = 2 * time.Second

// eventsEnv is how many troubles there shall be; the default suits the gate.
const eventsEnv = "HYBRIDSYNC_FAILOVER_EVENTS"

// seedEnv chooses the history, so that runs after one another try different ones.
const seedEnv = "HYBRIDSYNC_FAILOVER_SEED"

// site is three processes between a domain controller and a tenant.
type site struct {
	t       *testing.T
	rng     *rand.Rand
	pg      *postgrestest.Server
	dc      *adtest.Server
	tenant  *entratest.Server
	users   []string // DNs
	groups  []string
	made    int
	watch   *sqlstore.Store
	members []*member
	took    map[string][]time.Duration // takeovers by kind of trouble
	diary   []event
}

// member is one process with its way to the database.
type member struct {
	cmd    *exec.Cmd
	proxy  *proxy
	config settings
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{
		t: t, rng: rand.New(rand.NewPCG(uint64(fromEnv(t, seedEnv, 1)), 2)), pg: postgrestest.Start(t, nil), dc: adtest.NewServer(t, nil),
		tenant: entratest.NewServer(t, &entratest.Options{LogLimit: 1_000_000}), took: make(map[string][]time.Duration),
	}
	p, err := s.dc.Populate(adtest.PopulationOptions{Users: 60, Groups: 6})
	require.NoError(t, err)
	s.users, s.groups = p.Users, p.Groups
	s.watch, err = sqlstore.Open(t.Context(), s.pg.URL(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.watch.Close()) })
	for range 3 {
		m := &member{proxy: newProxy(t, s.pg.Address), config: s.settings(s.tenant)}
		u, err := url.Parse(s.pg.URL())
		require.NoError(t, err)
		u.Host = m.proxy.listener.Addr().String()
		m.config.Store = u.String()
		s.members = append(s.members, m)
		s.start(m)
		t.Cleanup(func() { _ = m.cmd.Process.Kill(); _ = m.cmd.Wait() })
	}
	return s
}

// fromEnv reads a number from the environment.
func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

func (s *site) settings(tenant *entratest.Server) settings {
	return settings{
		Period: period, DC: s.dc.URL(), User: s.dc.AdminUPN(), Password: s.dc.AdminPassword(), CA: s.dc.CAFile(),
		TenantID: tenant.TenantID, ClientID: tenant.ClientID, ClientSecret: tenant.ClientSecret,
		Graph: tenant.GraphURL, Authority: tenant.AuthorityURL, TenantCA: tenant.CAFile(),
	}
}

func (s *site) start(m *member) {
	s.t.Helper()
	exe, err := os.Executable()
	require.NoError(s.t, err)
	text, err := json.Marshal(m.config)
	require.NoError(s.t, err)
	m.cmd = exec.Command(exe)
	m.cmd.Env = append(os.Environ(), settingsEnv+"="+string(text))
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getenv("HYBRIDSYNC_FAILOVER_LOG") != "" {
		m.cmd.Stderr = os.Stderr
	}
	require.NoError(s.t, m.cmd.Start())
}

// active waits until a process other than the holder of the token has the lease.
func (s *site) active(after int64) (*member, metaverse.Lease) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		l, err := s.watch.Lease(s.t.Context())
		if err != nil || !l.Held() || l.Token <= after {
			continue
		}
		for _, m := range s.members {
			if m.cmd.Process.Pid == l.Holder.PID {
				return m, l
			}
		}
	}
	s.t.Fatalf("nobody takes the lease: %s", s.leaseState())
	return nil, metaverse.Lease{}
}

// edit changes the directory a little.
func (s *site) edit() {
	s.t.Helper()
	user := s.users[s.rng.IntN(len(s.users))]
	switch s.rng.IntN(6) {
	case 0:
		s.made++
		dn, err := s.dc.AddUser(fmt.Sprintf("New %d", s.made), nil)
		require.NoError(s.t, err)
		s.users = append(s.users, dn)
	case 1:
		if len(s.users) > 40 {
			require.NoError(s.t, s.dc.Delete(user))
			s.users = slices.DeleteFunc(s.users, func(dn string) bool { return dn == user })
		}
	case 2:
		_ = s.dc.AddMember(s.groups[s.rng.IntN(len(s.groups))], user) // it may be one
	default:
		s.made++
		require.NoError(s.t, s.dc.Modify(user, adtest.Replace("title", fmt.Sprint("Title ", s.made))))
	}
}

func (s *site) editFor(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.edit()
	}
}

// trouble happens to the active process, under load.
func (s *site) trouble(kind string) {
	s.t.Helper()
	if s.rng.IntN(3) > 0 { // in the midst of an export
		for writes := s.tenant.Writes(); s.tenant.Writes() == writes; {
			s.editFor(20 * time.Millisecond)
		}
	}
	s.editFor(time.Duration(s.rng.IntN(200)) * time.Millisecond)
	m, lease := s.active(0)
	start := time.Now()
	s.note("%s of process %d, which has lease %d", kind, m.cmd.Process.Pid, lease.Token)
	defer func() { s.note("end of %s", kind) }()
	switch kind {
	case "kill":
		require.NoError(s.t, m.cmd.Process.Kill())
		_ = m.cmd.Wait()
		s.taken(kind, lease, start)
		s.start(m)
	case "stop": // until after a successor is at work
		require.NoError(s.t, m.cmd.Process.Signal(syscall.SIGSTOP))
		s.taken(kind, lease, start)
		s.editFor(time.Duration(s.rng.IntN(500)) * time.Millisecond)
		require.NoError(s.t, m.cmd.Process.Signal(syscall.SIGCONT))
	case "pause": // about as long as the lease lasts
		require.NoError(s.t, m.cmd.Process.Signal(syscall.SIGSTOP))
		s.editFor(period/2 + rand.N(period))
		require.NoError(s.t, m.cmd.Process.Signal(syscall.SIGCONT))
	case "partition": // the database is out of reach, the tenant is not
		m.proxy.set(true)
		s.taken(kind, lease, start)
		s.editFor(time.Duration(s.rng.IntN(500)) * time.Millisecond)
		m.proxy.set(false)
	case "cut": // every connection to the database
		require.NoError(s.t, s.pg.Cut(s.t.Context()))
	case "crash": // of the database
		require.NoError(s.t, s.pg.Kill())
		require.NoError(s.t, s.pg.Restart(s.t.Context()))
	}
	s.editFor(time.Duration(s.rng.IntN(300)) * time.Millisecond)
}

// event is something that the test did.
type event struct {
	at   time.Time
	what string
}

func (s *site) note(format string, args ...any) {
	s.diary = append(s.diary, event{time.Now(), fmt.Sprintf(format, args...)})
}

func (s *site) taken(kind string, from metaverse.Lease, start time.Time) {
	s.t.Helper()
	s.active(from.Token)
	s.took[kind] = append(s.took[kind], time.Since(start))
}

// people describes the users of a tenant and their groups by what does not depend on the tenant.
func people(tenant *entratest.Server) (out []string) {
	names := make(map[string]string)
	for _, u := range tenant.Users() {
		names[u.ID] = u.OnPremisesImmutableID
		out = append(out, fmt.Sprint("user ", u.OnPremisesImmutableID, u.UserPrincipalName, u.DisplayName, u.GivenName, u.Surname, u.Department, u.JobTitle, u.Disabled))
	}
	for _, g := range tenant.Groups() {
		var members []string
		for _, id := range tenant.Members(g.ID) {
			members = append(members, names[id])
		}
		slices.Sort(members)
		out = append(out, fmt.Sprint("group ", g.DisplayName, members))
	}
	slices.Sort(out)
	return out
}

// undisturbed is what a single process makes of the directory as it is now, in a tenant of its own.
func (s *site) undisturbed() []string {
	s.t.Helper()
	tenant := entratest.NewServer(s.t, nil)
	store, err := sqlstore.Open(s.t.Context(), filepath.Join(s.t.TempDir(), "store.db"), nil)
	require.NoError(s.t, err)
	defer store.Close()
	config := s.settings(tenant)
	engine, err := config.engine(store, &atomic.Int64{})
	require.NoError(s.t, err)
	for range 3 {
		require.NoError(s.t, cycle(s.t.Context(), engine))
	}
	return people(tenant)
}

// Three processes share a store on PostgreSQL. Whatever happens to the active one, another takes
// over, the tenant never sees two of them, and it ends up as if nothing had happened. Fifty
// troubles are tried with
//
//	HYBRIDSYNC_FAILOVER_EVENTS=50 go test ./examples/internal/failover -v -timeout 30m
//
// and other ones with another HYBRIDSYNC_FAILOVER_SEED.
func TestFailover(t *testing.T) {
	events := 6
	if testing.Short() {
		events = 2
	}
	events = fromEnv(t, eventsEnv, events)
	s := newSite(t)
	kinds := []string{"kill", "stop", "partition", "cut", "pause", "crash"}
	for i := range events {
		kind := kinds[i%len(kinds)]
		if i >= len(kinds) {
			kind = kinds[s.rng.IntN(len(kinds))]
		}
		s.trouble(kind)
	}
	want := s.undisturbed()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline) && !slices.Equal(want, people(s.tenant)); {
		time.Sleep(100 * time.Millisecond)
	}
	if got := people(s.tenant); !slices.Equal(want, got) {
		s.explain(want, got)
	}
	require.Equal(t, want, people(s.tenant), "the tenant is as an undisturbed process makes it")
	_, lease := s.active(0)
	s.oneExporter(lease.Token)
	for _, kind := range slices.Sorted(maps.Keys(s.took)) {
		times := slices.Sorted(slices.Values(s.took[kind]))
		t.Logf("taken over after %s, lease period %v: %d times, median %v, longest %v", kind, period, len(times),
			times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond))
	}
	problems, err := s.watch.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, problems)
}

// writes returns the requests of the processes that may have changed something, in order of time.
func (s *site) writes() []entratest.Request {
	log := s.tenant.Requests()
	changing := make(map[string]bool) // by RequestID: batches that do not only read
	for _, r := range log {
		if r.Batch != "" && r.Method != "GET" {
			changing[r.Batch] = true
		}
	}
	log = slices.DeleteFunc(log, func(r entratest.Request) bool {
		reads := r.Method == "GET" || r.Template == "/$batch" && !changing[r.RequestID] // harms nobody
		return tokenOf(r.ClientRequestID) == 0 || r.Batch != "" || reads
	})
	slices.SortStableFunc(log, func(a, b entratest.Request) int { return a.Time.Compare(b.Time) })
	return log
}

// oneExporter proves from the tenant's own log that no request of a process arrived after the first
// one of its successor.
func (s *site) oneExporter(last int64) {
	s.t.Helper()
	var newest, exports int64
	tokens := make(map[int64]bool)
	for _, r := range s.writes() {
		token := tokenOf(r.ClientRequestID)
		exports++
		tokens[token] = true
		if token < newest {
			s.explainAround(r)
			s.t.Fatalf("a request of an earlier holder arrived after one of its successor, see above: %s %s under %d at %s",
				r.Method, cmp.Or(r.Template, r.Path), token, clock(r.Time))
		}
		newest = token
	}
	require.Positive(s.t, exports)
	require.LessOrEqual(s.t, newest, last)
	s.t.Logf("%d export requests under %d tokens, in order of tokens; the last token is %d", exports, len(tokens), last)
	for kind, n := range s.tenant.Counts() {
		if strings.HasPrefix(kind, "POST /users") && !strings.Contains(kind, "$") {
			s.t.Logf("%s: %d", kind, n)
		}
	}
}
