package ad_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

func TestSambaProvisioner(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 20, Groups: 2})
	p := ad.NewProvisioner(directory(t, adminOptions(d)))
	uses := ad.Uses{Features: []ad.Feature{ad.FeatureDelta, ad.FeatureConsistencyGUID, ad.FeaturePasswordReset, ad.FeatureGroups},
		GroupContainer: d.Population.GroupsDN()}
	count := func() string {
		out, err := d.Search(t.Context(), "-b", d.BaseDN, "(sAMAccountName=MSOL_*)", "1.1")
		require.NoError(t, err)
		return out
	}
	plan, err := p.Plan(t.Context(), ad.AccountRequest{Uses: uses})
	require.NoError(t, err)
	require.True(t, plan.Create)
	require.Regexp(t, `^MSOL_[0-9a-f]{12}$`, plan.Name)
	require.Len(t, plan.Grants, 8)
	require.NotContains(t, count(), "dn: CN=MSOL_", "a plan changes nothing")

	var kept string
	_, err = p.Apply(t.Context(), plan, func(context.Context, string, string) error { return errors.New("disk full") })
	require.ErrorContains(t, err, "disk full")
	require.NotContains(t, count(), "dn: CN=MSOL_", "a password that cannot be kept makes no account")
	done, err := p.Apply(t.Context(), plan, func(_ context.Context, _, password string) error { kept = password; return nil })
	require.NoError(t, err)
	require.True(t, done.Created)
	require.Len(t, done.Grants, 8)
	require.Greater(t, len(kept), 40)
	text, err := json.Marshal(done)
	require.NoError(t, err)
	require.NotContains(t, string(text), kept)

	o := adminOptions(d)
	o.AllowAdministrator, o.BindName, o.Password, o.Uses = false, plan.Principal, password(kept), uses
	con := directory(t, o)
	r, err := ad.Preflight(t.Context(), con, uses, "mail", "pwdLastSet")
	require.NoError(t, err)
	require.Empty(t, r.Findings(), "it can do what it is for")
	other, err := ad.Preflight(t.Context(), con, ad.Uses{Features: []ad.Feature{ad.FeaturePasswordHash, ad.FeatureExchangeHybrid}})
	require.NoError(t, err)
	require.Len(t, other.Findings(), 3, "and nothing else: all groups are in the container that it may write to")
	require.NotEmpty(t, full(t, open(t, con)).objects)

	again, err := p.Plan(t.Context(), ad.AccountRequest{Existing: plan.Name, Uses: uses})
	require.NoError(t, err)
	for _, g := range again.Grants {
		require.True(t, g.Held, g.What)
	}
	nothing, err := p.Apply(t.Context(), again, nil)
	require.NoError(t, err)
	require.Empty(t, nothing.Grants)
	_, err = p.Plan(t.Context(), ad.AccountRequest{Name: plan.Name})
	require.ErrorIs(t, err, connector.ErrConflict)

	var read ad.Provisioned
	require.NoError(t, json.Unmarshal(text, &read))
	require.NoError(t, p.Undo(t.Context(), &read))
	require.NotContains(t, count(), "dn: CN=MSOL_")
	require.NoError(t, p.Undo(t.Context(), &read), "twice is harmless")
	out, err := d.Search(t.Context(), "-s", "base", "-b", d.BaseDN, "-E", "!1.2.840.113556.1.4.801=::MAMCAQQ=", "(objectClass=*)", "nTSecurityDescriptor")
	require.NoError(t, err)
	require.NotContains(t, out, done.SID)
}

func TestAccountRequestsAreChecked(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, nil)
	p := ad.NewProvisioner(directory(t, adminOptions(d)))
	for _, r := range []ad.AccountRequest{{Existing: "a", Name: "b"}, {Name: "a,b"}, {Name: "a name that is too long for an account"}, {Uses: ad.Uses{Features: []ad.Feature{"x"}}}} {
		_, err := p.Plan(t.Context(), r)
		require.ErrorIs(t, err, connector.ErrInvalid)
	}
	_, err := p.Plan(t.Context(), ad.AccountRequest{Existing: "nobody"})
	require.ErrorIs(t, err, connector.ErrNotFound)
}
