package lifecycletest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
)

// Run lives through an identity in all modes on a key store.
func Run(t *testing.T, stores Stores) {
	t.Helper()
	t.Run("Managed", func(t *testing.T) { managed(t, stores) })
	t.Run("BringYourOwnCertificate", func(t *testing.T) { bringCertificate(t, stores) })
	t.Run("BringYourOwnApplication", func(t *testing.T) { bringApplication(t, stores) })
	t.Run("RemovalFails", func(t *testing.T) { removalFails(t, stores) })
	t.Run("Expired", func(t *testing.T) { expired(t, stores) })
	t.Run("Revoked", func(t *testing.T) { revoked(t, stores) })
}

func status(t *testing.T, m *credential.Manager) credential.Status {
	t.Helper()
	s, err := m.Status(t.Context())
	require.NoError(t, err)
	return s
}

func managed(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	cred := m.Credential()
	require.ErrorIs(t, e.works(ctx, cred), credential.ErrNotSetUp)
	require.ErrorIs(t, m.Rotate(ctx, nil, nil), credential.ErrNotSetUp)
	require.ErrorIs(t, m.Setup(ctx, nil, nil), credential.ErrNeedsAdministrator)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	require.NoError(t, e.works(ctx, cred))
	first := status(t, m)
	require.Equal(t, credential.StepActive, first.Step)
	require.Equal(t, e.keys.Info().Hardware, first.Current.HardwareBound)
	require.NotEmpty(t, first.Current.KeyID)
	require.NoError(t, m.Setup(ctx, e.admin(), nil), "a second setup changes nothing")
	require.Equal(t, first.Current.SHA256Hash, status(t, m).Current.SHA256Hash)

	require.NoError(t, m.Rotate(ctx, nil, nil))
	require.NoError(t, e.works(ctx, cred))
	second := status(t, m)
	require.NotEqual(t, first.Current.Thumbprint, second.Current.Thumbprint)
	require.Equal(t, first.Current.Thumbprint, second.Previous.Thumbprint)
	require.Equal(t, 1, e.certificates(second.ObjectID), "the old one was removed")
	require.Empty(t, second.Retired)

	require.NoError(t, m.Rollback(ctx, nil), "the previous one is added again")
	require.NoError(t, e.works(ctx, cred))
	third := status(t, m)
	require.Equal(t, first.Current.Thumbprint, third.Current.Thumbprint)
	require.Equal(t, second.Current.Thumbprint, third.Previous.Thumbprint)
	require.Equal(t, 1, e.certificates(third.ObjectID))

	require.NoError(t, m.Rotate(ctx, nil, nil))
	ids, err := e.keys.List(ctx)
	require.NoError(t, err)
	require.Len(t, ids, 2, "keys are destroyed once nothing can roll back to them")
	e.keys = e.open(t)
	require.NoError(t, e.works(ctx, e.manager(credential.Managed, nil).Credential()), "after a restart")

	require.NoError(t, m.Remove(ctx, e.admin()))
	require.ErrorIs(t, e.works(ctx, m.Credential()), credential.ErrNotSetUp)
	ids, err = e.keys.List(ctx)
	require.NoError(t, err)
	require.Empty(t, ids)
	e.scan()
}

// scan looks for what must not be seen: secrets, tokens, assertions and keys.
func (e *tenant) scan() {
	e.t.Helper()
	for name, text := range map[string]string{"log": e.log.text.String(), "state": e.state.text()} {
		require.NotContains(e.t, text, e.srv.ClientSecret, name)
		require.NotContains(e.t, text, "eyJ", "%s: no token and no assertion", name)
		require.NotContains(e.t, text, "PRIVATE KEY", name)
	}
	require.NotEmpty(e.t, e.log.text.String())
}

// keyWithCertificate is what an administrator makes in the key store.
func keyWithCertificate(t *testing.T, e *tenant, id string) *credential.Provided {
	t.Helper()
	signer, err := e.keys.Create(t.Context(), id)
	require.NoError(t, err)
	cert, err := credential.CreateCertificate(signer, &credential.CertificateOptions{Clock: e.srv.Now, CommonName: "administrator's " + id})
	require.NoError(t, err)
	return &credential.Provided{Certificate: cert, KeyID: id}
}

func bringCertificate(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.BringYourOwnCertificate, nil)
	require.ErrorIs(t, m.Setup(ctx, e.admin(), nil), credential.ErrIncomplete)
	require.NoError(t, m.Setup(ctx, e.admin(), keyWithCertificate(t, e, "one")))
	cred := m.Credential()
	require.NoError(t, e.works(ctx, cred))
	require.ErrorIs(t, m.Rotate(ctx, nil, nil), credential.ErrIncomplete, "the administrator decides")
	two := keyWithCertificate(t, e, "two")
	require.NoError(t, m.Rotate(ctx, nil, two))
	require.NoError(t, e.works(ctx, cred))
	require.True(t, credential.SameThumbprint(two.Certificate, status(t, m).Current.Thumbprint))
	require.ErrorIs(t, m.Rotate(ctx, nil, two), credential.ErrUnsuitableKey, "it is in use already")
	require.NoError(t, m.Rollback(ctx, nil))
	require.NoError(t, e.works(ctx, cred))
	e.srv.Advance(80 * 24 * time.Hour)
	require.NoError(t, m.Maintain(ctx))
	require.Equal(t, 1, e.log.count(credential.EventRotationDue), "a warning, and no rotation")
	require.NoError(t, m.Remove(ctx, e.admin()))
	ids, err := e.keys.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, ids, "the administrator's keys stay")
}

func bringApplication(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.BringYourOwnApplication, nil)
	one := keyWithCertificate(t, e, "one")
	require.ErrorIs(t, m.Setup(ctx, nil, one), credential.ErrNeedsAdministrator, "nobody has registered the certificate")
	e.srv.RegisterCertificate(one.Certificate)
	require.NoError(t, m.Setup(ctx, nil, nil), "it goes on where it stood")
	cred := m.Credential()
	require.NoError(t, e.works(ctx, cred))
	require.NoError(t, m.Rotate(ctx, nil, keyWithCertificate(t, e, "two")), "the application rolls its own keys")
	require.NoError(t, e.works(ctx, cred))
	require.Equal(t, 1, e.certificates(status(t, m).ObjectID))
	three := keyWithCertificate(t, e, "three")
	e.srv.RegisterCertificate(three.Certificate)
	require.NoError(t, m.Rotate(ctx, nil, three), "the administrator has added it already")
	require.Equal(t, 1, e.certificates(status(t, m).ObjectID))
	require.NoError(t, m.Rollback(ctx, nil))
	require.NoError(t, e.works(ctx, cred))
	require.NoError(t, m.Remove(ctx, nil))
	require.Equal(t, 1, e.certificates(e.graph(http.MethodGet, "/applications(appId='"+e.srv.ClientID+"')", "")["id"].(string)),
		"the administrator's application stays as it is")
}

func removalFails(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	old := status(t, m).Current
	e.srv.Inject(entratest.Fault{Method: http.MethodPost, Template: "/applications/{id}/removeKey", Status: http.StatusForbidden, Times: -1})
	require.NoError(t, m.Rotate(ctx, nil, nil), "the rotation itself succeeds")
	require.NoError(t, e.works(ctx, m.Credential()))
	require.Equal(t, 1, e.log.count(credential.EventRemovalFailed))
	s := status(t, m)
	require.Len(t, s.Retired, 1)
	require.Equal(t, old.KeyID, s.Retired[0].KeyID, "the key id is named")
	require.NotEmpty(t, s.Retired[0].Problem)
	found, err := m.Preflight(ctx, nil)
	require.NoError(t, err)
	require.Contains(t, codes(found), "removal-failed")
	require.Equal(t, 2, e.certificates(s.ObjectID))

	left, err := m.RemoveRetired(ctx, nil)
	require.NoError(t, err)
	require.Len(t, left, 1)
	left, err = m.RemoveRetired(ctx, e.admin())
	require.NoError(t, err)
	require.Empty(t, left, "an administrator can remove it")
	require.Equal(t, 1, e.certificates(s.ObjectID))

	require.NoError(t, m.Rotate(ctx, nil, nil))
	require.Len(t, status(t, m).Retired, 1)
	e.srv.ClearFaults()
	e.srv.Advance(2 * time.Hour)
	require.NoError(t, m.Maintain(ctx))
	require.Empty(t, status(t, m).Retired, "maintenance tries again")
	require.Equal(t, 1, e.certificates(s.ObjectID))
}

func codes(found []credential.Finding) (out []string) {
	for _, f := range found {
		out = append(out, f.Code)
	}
	return out
}

func expired(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	e.srv.Advance(91 * 24 * time.Hour)
	require.ErrorIs(t, m.Maintain(ctx), credential.ErrExpired)
	require.Equal(t, 1, e.log.count(credential.EventExpired))
	require.Error(t, e.works(ctx, m.Credential()))
	require.ErrorIs(t, m.Rotate(ctx, nil, nil), credential.ErrNeedsAdministrator)
	require.NoError(t, m.Rotate(ctx, e.admin(), nil), "an administrator can always")
	require.NoError(t, e.works(ctx, m.Credential()))
	require.ErrorIs(t, m.Rollback(ctx, nil), credential.ErrExpired, "nobody goes back to what has expired")
	require.Equal(t, 1, e.certificates(status(t, m).ObjectID))
}

func revoked(t *testing.T, stores Stores) {
	ctx := t.Context()
	e := newTenant(t, stores)
	m := e.manager(credential.Managed, nil)
	require.NoError(t, m.Setup(ctx, e.admin(), nil))
	require.NoError(t, m.Rotate(ctx, nil, nil))
	s := status(t, m)
	require.ErrorIs(t, m.Revoke(ctx, "00", nil), credential.ErrKeyNotFound)
	require.NoError(t, m.Revoke(ctx, s.Previous.SHA256Hash, nil))
	require.ErrorIs(t, m.Rollback(ctx, nil), credential.ErrNoPrevious)
	require.NoError(t, e.works(ctx, m.Credential()))
	require.NoError(t, m.Revoke(ctx, s.Current.Thumbprint, nil), "a key signs its own removal")
	require.ErrorIs(t, e.works(ctx, m.Credential()), credential.ErrRevoked)
	require.ErrorIs(t, m.Maintain(ctx), credential.ErrRevoked)
	ids, err := e.keys.List(ctx)
	require.NoError(t, err)
	require.Empty(t, ids, "revoked keys are destroyed")
	require.ErrorIs(t, m.Rotate(ctx, nil, nil), credential.ErrNeedsAdministrator)
	require.NoError(t, m.Rotate(ctx, e.admin(), nil))
	require.NoError(t, e.works(ctx, m.Credential()))
	require.Equal(t, 1, e.certificates(status(t, m).ObjectID))
}

// Crash kills the process at each of its side effects in turn: once just before the effect,
// once just after it, before its outcome is known. Then another process goes on, and must
// end where an undisturbed one would. Side effects are writes to the state, to Graph and
// sign-ins. Slow key stores do every stride-th place.
func Crash(t *testing.T, stores Stores, stride int) {
	t.Helper()
	for name, lost := range map[string]bool{"Before": false, "After": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n += stride {
				if !crashAt(t, stores, n, lost) {
					t.Logf("at most %d places to die in", n)
					require.Greater(t, n, 15)
					return
				}
			}
		})
	}
}

// crashAt reports whether the process died.
func crashAt(t *testing.T, stores Stores, n int, lost bool) bool {
	t.Helper()
	ctx := t.Context()
	e := newTenant(t, stores)
	d := &dying{left: n, lost: lost}
	o := e.options()
	o.HTTPClient = &http.Client{Transport: dyingHTTP{e.srv.HTTPClient().Transport, d}}
	m, err := credential.NewManager(e.settings(credential.Managed), e.keys, dyingState{e.state, d}, o)
	require.NoError(t, err)
	live := func(m *credential.Manager) error {
		if err := m.Setup(ctx, e.admin(), nil); err != nil {
			return err
		}
		return m.Rotate(ctx, nil, nil)
	}
	err = live(m)
	died := d.dead
	if !died {
		require.NoError(t, err)
	}

	again := e.manager(credential.Managed, nil)
	if died {
		var busy *credential.BusyError
		if st, _ := e.state.Load(ctx); st.Lease != nil {
			require.ErrorAs(t, again.Setup(ctx, e.admin(), nil), &busy, "place %d: the lease of the dead holds", n)
		}
		e.srv.Advance(11 * time.Minute)
		require.NoError(t, again.Setup(ctx, e.admin(), nil), "place %d", n)
		require.NoError(t, again.Maintain(ctx), "place %d", n)
	}
	s := status(t, again)
	require.Equal(t, credential.StepActive, s.Step, "place %d", n)
	require.Nil(t, s.Lease, "place %d", n)
	require.NoError(t, e.works(ctx, again.Credential()), "place %d", n)
	require.Empty(t, s.Retired, "place %d", n)
	require.NotEmpty(t, s.Current.KeyID, "place %d", n)
	require.Equal(t, 1, e.certificates(s.ObjectID), "place %d: one certificate", n)
	apps, _ := e.graph(http.MethodGet, "/applications", "")["value"].([]any)
	require.Len(t, apps, 2, "place %d: the mock's own application and ours, once", n)
	ids, err := e.keys.List(ctx)
	require.NoError(t, err)
	want := 1
	if s.Previous != nil {
		want = 2
	}
	require.Len(t, ids, want, "place %d: no key is lost", n)
	e.sameAsStored(ctx, s)
	return died
}

// sameAsStored compares the application's certificate with the state's.
func (e *tenant) sameAsStored(ctx context.Context, s credential.Status) {
	e.t.Helper()
	list, _ := e.graph(http.MethodGet, "/applications/"+s.ObjectID+"?$select=id,keyCredentials", "")["keyCredentials"].([]any)
	b, err := json.Marshal(list[0])
	require.NoError(e.t, err)
	var k struct{ Key []byte }
	require.NoError(e.t, json.Unmarshal(b, &k))
	cert, err := x509.ParseCertificate(k.Key)
	require.NoError(e.t, err)
	require.True(e.t, credential.SameThumbprint(cert, s.Current.SHA256Hash))
}
