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

// An account with a connector's permissions is made, proved, and unmade without a trace,
// in Samba and in the mock.
func TestProvisioner(t *testing.T) { labs(t, testProvisioner) }

func testProvisioner(t *testing.T, l *lab) {
	o := l.admin
	o.DirSync = ad.DirSyncNever // deletions are seen only by who may list them
	p := ad.NewProvisioner(directory(t, o))
	uses := ad.Uses{Features: []ad.Feature{ad.FeatureDelta, ad.FeatureConsistencyGUID, ad.FeaturePasswordReset, ad.FeatureGroups, ad.FeatureDevices},
		GroupContainer: l.groups, DeviceContainer: l.devices}
	objects := []string{l.base, l.groups, l.devices}
	before := make([]string, len(objects))
	for i, dn := range objects {
		before[i] = l.text(dn)
	}
	plan, err := p.Plan(t.Context(), ad.AccountRequest{Uses: uses})
	require.NoError(t, err)
	require.True(t, plan.Create)
	require.Regexp(t, `^MSOL_[0-9a-f]{12}$`, plan.Name)
	require.Len(t, plan.Grants, 11)
	require.Equal(t, "list objects on CN=Deleted Objects,"+l.base, plan.Grants[1].What)
	require.Contains(t, plan.Grants[1].Command, `" /takeownership && dsacls "CN=Deleted Objects,`)
	require.Zero(t, l.accounts(), "a plan changes nothing")

	var kept string
	_, err = p.Apply(t.Context(), plan, func(context.Context, string, string) error { return errors.New("disk full") })
	require.ErrorContains(t, err, "disk full")
	require.Zero(t, l.accounts(), "a password that cannot be kept makes no account")
	done, err := p.Apply(t.Context(), plan, func(_ context.Context, _, password string) error { kept = password; return nil })
	require.NoError(t, err)
	require.True(t, done.Created)
	require.Len(t, done.Grants, 11)
	require.Greater(t, len(kept), 40)
	text, err := json.Marshal(done)
	require.NoError(t, err)
	require.NotContains(t, string(text), kept)

	o = l.as(plan.Principal, kept)
	o.Uses, o.DirSync = uses, ad.DirSyncNever
	con := directory(t, o)
	r, err := ad.Preflight(t.Context(), con, uses, "mail", "pwdLastSet")
	require.NoError(t, err)
	require.Empty(t, r.Findings(), "it can do what it is for")
	other, err := ad.Preflight(t.Context(), con, ad.Uses{Features: []ad.Feature{ad.FeaturePasswordHash, ad.FeatureExchangeHybrid}})
	require.NoError(t, err)
	require.NotEmpty(t, other.Findings())
	for _, v := range other.Verdicts {
		readable := v.Delegation.Class == "group" // all groups are in the container that it may write to
		require.Equal(t, readable || v.Delegation.About == "Replicating Directory Changes", v.State == ad.Granted, v.Delegation.String())
	}
	v := full(t, open(t, con))
	require.NotEmpty(t, v.objects)

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
	require.Zero(t, l.accounts())
	require.NoError(t, p.Undo(t.Context(), &read), "twice is harmless")
	for i, dn := range objects {
		require.Equal(t, before[i], l.text(dn))
	}
	require.NotContains(t, l.text("CN=Deleted Objects,"+l.base), done.SID)
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
