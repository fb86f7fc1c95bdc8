package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse/metaversetest"
	"github.com/hybridsync/hybridsync/scheduler"
)

// managed gives a bench an identity of its own, made by an administrator, whose certificate is
// always due.
func managed(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	// Tokens that end within five minutes are not used twice: every session signs in.
	b.tenant = entratest.NewServer(t, &entratest.Options{TokenLifetime: 4 * time.Minute})
	b.values["tenant"], b.values["graph"], b.values["authority"], b.values["tenantca"] = b.tenant.TenantID, b.tenant.GraphURL, b.tenant.AuthorityURL, b.tenant.CAFile()
	b.values["signin"] = "  identity: {mode: managed, rotate_at: 0.000000001, overlap: -1s}\n"
	t.Setenv("ADMIN_CLIENT_ID", b.tenant.ClientID)
	t.Setenv("ADMIN_CLIENT_SECRET", b.tenant.ClientSecret)
	out, err := b.run("identity", "create", "-admin", "secret")
	require.NoError(t, err)
	require.Contains(t, out, "89 days left")
	return b
}

func (b *bench) identityStatus() credential.Status {
	b.t.Helper()
	st, err := decode[credential.Status](b, "identity", "show")
	require.NoError(b.t, err)
	return st
}

// next has the daemon run a cycle that has something to export, and waits for its end.
func (b *bench) next(dn, title string) {
	b.t.Helper()
	require.NoError(b.t, b.dc.Modify(dn, adtest.Replace("title", title)))
	before := b.status().State.LastStart
	_, err := b.run("start")
	require.NoError(b.t, err)
	b.eventually("a cycle", func() bool {
		st := b.status().State
		return st.LastStart.After(before) && st.Running == nil
	})
	require.EqualValues(b.t, "success", b.status().State.LastResult)
}

// refused returns the requests that the tenant refused.
func (b *bench) refused() (list []string) {
	for _, r := range b.tenant.Requests() {
		if r.Status >= http.StatusBadRequest && r.Status != http.StatusNotFound {
			list = append(list, fmt.Sprint(r.Method, " ", r.Path, " ", r.Status))
		}
	}
	return list
}

// The daemon replaces its certificate while cycle follows cycle, and no request fails. Of two
// processes that share the identity the active one does; the other one takes the new certificate.
func TestDaemonRotatesItsCertificate(t *testing.T) {
	pg := postgrestest.Start(t, nil)
	b := managed(t)
	p := b.populate(30, 2)
	b.values["store"], b.values["more"] = pg.URL(), shortLease
	out, err := b.run("check")
	require.NoError(t, err)
	require.Contains(t, out, "not protected by hardware")
	require.Contains(t, out, "due for rotation")
	made := b.identityStatus().Current.Thumbprint
	b.tenant.ResetLog()

	active := b.server("active", "")
	active.said("event=active", 1)
	standby := b.server("standby", "")
	standby.said("event=standby", 1)
	for n := 0; b.identityStatus().Current.Thumbprint == made; n++ {
		require.Less(t, n, 50, "it is due")
		b.next(p.Users[0], fmt.Sprint("Before ", n))
	}
	active.said("event=certificate-changed", 1)
	rotated := b.identityStatus().Current.Thumbprint
	require.Equal(t, made, b.identityStatus().Previous.Thumbprint)
	for n := range 3 {
		b.next(p.Users[1], fmt.Sprint("After ", n))
	}

	// So it is when an administrator does it meanwhile, in another process.
	_, err = b.run("identity", "rotate")
	require.NoError(t, err)
	require.NotEqual(t, rotated, b.identityStatus().Current.Thumbprint)
	b.next(p.Users[2], "After the administrator")

	text, err := os.ReadFile(standby.log)
	require.NoError(t, err)
	require.NotContains(t, string(text), "certificate-changed", "it is the active one's to do")
	active.signal(syscall.SIGKILL)
	_ = active.cmd.Wait()
	standby.said("event=active", 1)
	b.next(p.Users[3], "After the failover")
	require.Len(t, b.tenant.Users(), 30)
	require.Empty(t, b.refused(), "no request has failed")
	signedIn := 0
	for operation, n := range b.tenant.Counts() {
		if strings.Contains(operation, "/token") {
			signedIn += n
		}
	}
	require.Greater(t, signedIn, 8, "in every cycle, with the certificate of the moment")

	standby.signal(syscall.SIGTERM)
	require.NoError(t, standby.cmd.Wait())
	for _, s := range []*server{active, standby} {
		text, err := os.ReadFile(s.log)
		require.NoError(t, err)
		require.NotContains(t, string(text), "PRIVATE KEY")
		require.NotContains(t, string(text), "level=ERROR")
	}
}

// A standby with an identity of its own looks after it; where others do, it leaves it to them.
func TestStandbyLooksAfterItsOwnIdentity(t *testing.T) {
	b := managed(t)
	c, err := loadConfig(b.configure())
	require.NoError(t, err)
	id, err := openIdentity(c, nil, credential.ManagerOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, id.Close()) })
	certificate := func(later time.Duration) string {
		require.NoError(t, maintainUnlessOthersDo(t.Context(), id.Manager, time.Now().Add(later)))
		return b.identityStatus().Current.Thumbprint
	}
	made := b.identityStatus().Current.Thumbprint
	first := certificate(0)
	require.NotEqual(t, made, first, "nobody has maintained it")
	require.Equal(t, first, certificate(0), "somebody has, a moment ago")
	require.NotEqual(t, first, certificate(4*time.Hour))

	a := &app{config: c, identity: id}
	list, err := a.certificates(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.True(t, list[0].Software)
	require.Greater(t, time.Until(list[0].Expires), 80*24*time.Hour)
}

// The state that servers share is changed by one of them at a time.
func TestIdentityStateInTheStore(t *testing.T) {
	t.Parallel()
	store := metaversetest.NewMemory()
	a, b := &identityState{store}, &identityState{store}
	st, err := a.Load(t.Context())
	require.NoError(t, err)
	require.Zero(t, st.Revision)
	require.NoError(t, a.Save(t.Context(), credential.State{Revision: 1, Step: credential.StepActive}))
	require.ErrorIs(t, b.Save(t.Context(), credential.State{Revision: 1}), credential.ErrStateConflict)
	st, err = b.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, credential.StepActive, st.Step)
	require.NoError(t, b.Save(t.Context(), credential.State{Revision: 2}))
}

// Each event of the manager is one of the scheduler's, but those that the scheduler raises itself.
func TestIdentityEvents(t *testing.T) {
	t.Parallel()
	known := make(map[scheduler.EventID]bool)
	for _, e := range scheduler.EventTable() {
		known[e.ID] = true
	}
	for kind, id := range identityEvents {
		require.True(t, known[id], kind)
	}
}

func TestIdentityConfiguration(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for keys, want := range map[string]string{
		"  identity: {mode: magic}\n":                                      "managed, byoc, byoa",
		"  identity: {keystore: drawer}\n":                                 "keystore",
		"  identity: {seal: wax}\n":                                        "systemd:NAME",
		"  identity: {seal: passphrase}\n":                                 "passphrase",
		"  identity: {keystore: pkcs11}\n":                                 "pkcs11_pin",
		"  identity: {mode: byoa}\n":                                       "client_id",
		"  client_id: abc\n  identity: {mode: managed}\n":                  "client_id is for",
		"  client_id: abc\n  client_secret: x\n  identity: {mode: byoa}\n": "exactly one",
		"  identity: {rotate_at: 2}\n":                                     "rotate_at",
		"  client_id: abc\n":                                               "exactly one",
	} {
		b.values["signin"] = keys
		_, err := b.run("config", "check")
		require.ErrorContains(t, err, want, keys)
	}
	b.values["signin"] = ""
	_, err := b.run("identity", "show")
	require.ErrorContains(t, err, "no tenant.identity")
	b.values["signin"] = "  identity: {mode: managed}\n"
	_, err = b.run("config", "check")
	require.NoError(t, err)
	out, err := b.run("identity", "show")
	require.NoError(t, err)
	require.Contains(t, out, "not set up")
	out, err = b.run("check")
	require.Error(t, err)
	require.Contains(t, out, "not set up")
	_, err = b.run("identity", "sing")
	require.ErrorContains(t, err, "rotate")
}
