package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/sourceanchor"
)

// bench is a deployment: a domain controller, a tenant and a configuration file.
type bench struct {
	t      *testing.T
	dc     *adtest.Server
	tenant *entratest.Server
	dir    string
	values map[string]string // of the configuration
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dc: adtest.NewServer(t, nil), tenant: entratest.NewServer(t, nil), dir: t.TempDir()}
	require.NoError(t, os.Chmod(b.dir, 0o700))
	b.values = map[string]string{
		"url": b.dc.URL(), "user": b.dc.AdminUPN(), "password": b.dc.AdminPassword(), "ca": b.dc.CAFile(),
		"tenant": b.tenant.TenantID, "client": b.tenant.ClientID, "secret": b.tenant.ClientSecret,
		"graph": b.tenant.GraphURL, "authority": b.tenant.AuthorityURL, "tenantca": b.tenant.CAFile(), "more": "",
	}
	return b
}

func (b *bench) configure() string {
	b.t.Helper()
	v := b.values
	signIn := cmp.Or(v["signin"], fmt.Sprintf("  client_id: %q\n  client_secret: %q\n", v["client"], v["secret"]))
	directories := cmp.Or(v["directories"], fmt.Sprintf(`  - name: contoso.test
    urls: [%q]
    user: %q
    password: %q
    ca_file: %q
%s`, v["url"], v["user"], v["password"], v["ca"], cmp.Or(v["keys"], "    exchange: true\n    allow_administrator: true\n")))
	text := fmt.Sprintf(`store: %q
directories:
%stenant:
  name: tenant
  tenant_id: %q
%s  graph: %q
  authority: %q
  ca_file: %q
%s`, cmp.Or(v["store"], "store.db"), directories, v["tenant"], signIn, v["graph"], v["authority"], v["tenantca"], v["more"])
	path := filepath.Join(b.dir, "hybridsync.yaml")
	require.NoError(b.t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(b.t, os.Rename(path+".new", path)) // a daemon may be reading it
	return path
}

// run runs the program and returns what it printed.
func (b *bench) run(args ...string) (string, error) {
	b.t.Helper()
	var out strings.Builder
	devNull, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(b.t, err)
	defer devNull.Close()
	err = run(b.t.Context(), append(args, "-config", b.configure()), &out, devNull)
	return out.String(), err
}

func (b *bench) cycle(args ...string) (cycleResult, error) {
	b.t.Helper()
	out, err := b.run(append([]string{"cycle", "-json"}, args...)...)
	var result cycleResult
	if out != "" {
		require.NoError(b.t, json.Unmarshal([]byte(out), &result), out)
	}
	return result, err
}

func (b *bench) populate(users, groups int) *adtest.Population {
	b.t.Helper()
	p, err := b.dc.Populate(adtest.PopulationOptions{Users: users, Groups: groups})
	require.NoError(b.t, err)
	return p
}

func TestCycle(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.populate(30, 4)
	_, err := b.run("check")
	require.NoError(t, err)
	require.Zero(t, b.tenant.Writes(), "a check changes nothing")

	result, err := b.cycle()
	require.NoError(t, err)
	require.Equal(t, metaverse.ResultSuccess, result.Result)
	require.Len(t, result.Steps, 5)
	require.Len(t, b.tenant.Users(), 30)

	b.tenant.ResetLog()
	_, err = b.cycle()
	require.NoError(t, err)
	require.Zero(t, b.tenant.Writes(), "a second cycle writes nothing")

	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("title", "Director")))
	require.NoError(t, b.dc.Delete(p.Users[1]))
	result, err = b.cycle()
	require.NoError(t, err)
	export := result.Steps[4]
	require.Equal(t, metaverse.Export, export.Profile)
	require.EqualValues(t, 1, export.Counters.Updates)
	require.EqualValues(t, 1, export.Counters.Deletes)
	require.Equal(t, 2, b.tenant.Writes())

	for _, command := range []string{"status", "history", "errors"} {
		out, err := b.run(command)
		require.NoError(t, err, command)
		require.NotEmpty(t, out, command)
		out, err = b.run(command, "-json")
		require.NoError(t, err, command)
		require.True(t, json.Valid([]byte(out)), out)
	}
	result, err = b.cycle("-initial")
	require.NoError(t, err)
	require.Equal(t, metaverse.FullImport, result.Steps[0].Profile)
	require.Equal(t, 2, b.tenant.Writes(), "nor does an initial one")
}

func TestStepsOneByOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.populate(5, 0)
	for _, step := range [][]string{
		{"import", "contoso.test"}, {"import", "-full", "tenant"}, {"sync"}, {"export", "tenant"},
	} {
		_, err := b.run(step...)
		require.NoError(t, err, step)
	}
	require.Len(t, b.tenant.Users(), 5)
	_, err := b.run("import", "elsewhere")
	require.ErrorContains(t, err, `no connector "elsewhere"`)
}

// Each bad input gives an error that says what is wrong, and nothing is lost by it.
func TestBadInput(t *testing.T) {
	t.Parallel()
	const closed = "127.0.0.1:1" // nobody listens there, and nobody is given the port by chance
	tests := []struct {
		name   string
		spoil  func(b *bench)
		repair func(b *bench)
		want   []string // in the error
	}{
		{name: "wrong password",
			spoil:  func(b *bench) { b.values["password"] = "not-this-one" },
			repair: func(b *bench) { b.values["password"] = b.dc.AdminPassword() },
			want:   []string{"contoso.test", string(metaverse.ResultNoStartCredentials)}},
		{name: "untrusted certificate",
			spoil:  func(b *bench) { b.values["ca"] = b.tenant.CAFile() },
			repair: func(b *bench) { b.values["ca"] = b.dc.CAFile() },
			want:   []string{"contoso.test", "certificate"}},
		{name: "unreachable server",
			spoil:  func(b *bench) { b.values["url"] = "ldaps://" + closed },
			repair: func(b *bench) { b.values["url"] = b.dc.URL() },
			want:   []string{"contoso.test", closed}},
		{name: "server dies in mid-import",
			spoil:  func(b *bench) { b.dc.Faults().BreakImports(3) },
			repair: func(b *bench) { b.dc.Faults().Clear() },
			want:   []string{"contoso.test", "full-import"}},
		{name: "wrong client secret",
			spoil:  func(b *bench) { b.values["secret"] = "wrong" },
			repair: func(b *bench) { b.values["secret"] = b.tenant.ClientSecret },
			want:   []string{"tenant", string(metaverse.ResultNoStartCredentials)}},
		{name: "tenant with an untrusted certificate",
			spoil:  func(b *bench) { b.values["tenantca"] = b.dc.CAFile() },
			repair: func(b *bench) { b.values["tenantca"] = b.tenant.CAFile() },
			want:   []string{"tenant", "certificate"}},
		{name: "unknown key",
			spoil:  func(b *bench) { b.values["more"] = "limits:\n  deletion_threshold: 5\n" },
			repair: func(b *bench) { b.values["more"] = "" },
			want:   []string{"hybridsync.yaml", "limits"}},
		{name: "variable that is not set",
			spoil:  func(b *bench) { b.values["password"] = "${HYBRIDSYNC_TEST_NOT_SET}" },
			repair: func(b *bench) { b.values["password"] = b.dc.AdminPassword() },
			want:   []string{"HYBRIDSYNC_TEST_NOT_SET"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			p := b.populate(20, 2)
			_, err := b.cycle()
			require.NoError(t, err)
			require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("title", "Director")))
			before := len(b.tenant.Users())

			tt.spoil(b)
			_, err = b.cycle("-initial")
			require.Error(t, err)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			for _, secret := range []string{b.dc.AdminPassword(), b.tenant.ClientSecret, "not-this-one"} {
				require.NotContains(t, err.Error(), secret)
			}
			require.Len(t, b.tenant.Users(), before, "nobody is lost")

			tt.repair(b)
			_, err = b.cycle()
			require.NoError(t, err)
			u, ok := b.tenant.User(upnOf(t, b, p.Users[0]))
			require.True(t, ok)
			require.Equal(t, "Director", u.JobTitle)
		})
	}
}

func upnOf(t *testing.T, b *bench, dn string) string {
	t.Helper()
	o, err := b.dc.Get(dn)
	require.NoError(t, err)
	return o.First("userPrincipalName")
}

func TestThrottledAndUnavailableTenant(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.populate(25, 2)
	b.tenant.ThrottleNext(2, time.Second)
	b.tenant.Inject(entratest.Fault{Times: 2, Status: 503, RetryAfter: time.Second})
	_, err := b.cycle()
	require.NoError(t, err, "a tenant that is busy for a moment is waited for")
	require.Len(t, b.tenant.Users(), 25)
	require.NotZero(t, b.tenant.StatusCounts()[429])
	require.NotZero(t, b.tenant.StatusCounts()[503])
}

func TestUserWithoutAccountName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.populate(5, 0)
	// A domain controller gives every user one; the account may not be allowed to read it.
	reader := b.dc.Must(b.dc.AddUser("reader", nil))
	require.NoError(t, b.dc.SetPassword(reader, "Correct-Horse-7"))
	require.NoError(t, b.dc.SetEnabled(reader, true))
	require.NoError(t, b.dc.Delegate(adtest.Delegation{Account: reader, GetChanges: true, ReadDeleted: true}))
	require.NoError(t, b.dc.Hide(adtest.Hiding{Account: reader, Under: p.Users[0], Attributes: []string{"sAMAccountName"}}))
	b.values["user"], b.values["password"] = reader, "Correct-Horse-7"
	_, err := b.cycle()
	require.NoError(t, err, "such an account is never synchronised, which is no error")
	_, synced := b.tenant.User(upnOf(t, b, p.Users[0]))
	require.False(t, synced)
	for _, dn := range p.Users[1:] {
		_, synced := b.tenant.User(upnOf(t, b, dn))
		require.True(t, synced, "all others are")
	}
}

// The check counts who waits to be exported under a name that the tenant will not take.
func TestCheckNamesUnverifiedDomains(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.populate(4, 0)
	for i, dn := range p.Users[:2] {
		require.NoError(t, b.dc.Modify(dn, adtest.Replace("userPrincipalName", "someone"+strconv.Itoa(i)+"@corp.local")))
	}
	_, err := b.run("import", b.dc.Domain())
	require.NoError(t, err)
	_, err = b.run("sync", b.dc.Domain())
	require.NoError(t, err)
	out, err := b.run("check")
	require.NoError(t, err)
	require.Contains(t, out, "2 users that wait to be exported")
	require.Contains(t, out, "corp.local")
}

// A directory keeps names unique; what the rules make of a missing one it does not know.
func TestTwoUsersWithTheSameName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.populate(6, 0)
	o, err := b.dc.Get(p.Users[1])
	require.NoError(t, err)
	name := o.First("sAMAccountName") + "@" + b.dc.Domain()
	require.NoError(t, b.dc.Modify(p.Users[1], adtest.Replace("userPrincipalName")))
	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("userPrincipalName", name)))
	_, err = b.cycle()
	require.Error(t, err)
	require.Len(t, b.tenant.Users(), 5, "one of the two, and all others, go through")
	out, err := b.run("errors")
	require.NoError(t, err)
	require.Contains(t, out, "InvalidSoftMatch", "the name is that of a user with another source anchor")
	require.Contains(t, out, "userPrincipalName")
	require.NotContains(t, out, name)

	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("userPrincipalName", "another@"+b.dc.Domain())))
	_, _ = b.cycle() // creations come before the change that frees the name
	_, err = b.cycle()
	require.NoError(t, err)
	require.Len(t, b.tenant.Users(), 6, "the error is gone with its cause")
}

func TestStoreOfANewerVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.cycle()
	require.NoError(t, err)
	setUserVersion(t, filepath.Join(b.dir, "store.db"), 9999)
	_, err = b.run("cycle")
	require.ErrorIs(t, err, metaverse.ErrNewerSchema)
	require.ErrorContains(t, err, "9999")
}

func TestSourceAnchorAttributeIsFixed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.populate(3, 0)
	_, err := b.cycle()
	require.NoError(t, err)
	b.values["more"] = "source_anchor: mS-DS-ConsistencyGuid\n"
	_, err = b.run("cycle")
	require.ErrorIs(t, err, sourceanchor.ErrFixed)
	require.ErrorContains(t, err, "objectGUID")
	b.values["more"] = ""
	_, err = b.run("cycle")
	require.NoError(t, err)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, &out, os.Stderr))
	for _, c := range commands() {
		require.Contains(t, out.String(), c.name)
	}
	b := newBench(t)
	_, err := b.run("cycel")
	require.ErrorContains(t, err, `no command "cycel"`)
	_, err = b.run("cycle", "surplus")
	require.ErrorContains(t, err, "takes no arguments")
}
