package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// provisioned gives the deployment an account with the permissions of the uses, and no
// others, made by an administrator.
func (b *bench) provisioned(o ad.Options, uses ad.Uses) {
	b.t.Helper()
	o.AllowAdministrator = true
	admin, err := ad.New("admin", o)
	require.NoError(b.t, err)
	p := ad.NewProvisioner(admin)
	plan, err := p.Plan(b.t.Context(), ad.AccountRequest{Uses: uses})
	require.NoError(b.t, err)
	_, err = p.Apply(b.t.Context(), plan, func(_ context.Context, account, password string) error {
		b.values["user"], b.values["password"] = account, password
		return nil
	})
	require.NoError(b.t, err)
}

// admin signs in to the mock as its administrator.
func (b *bench) admin() ad.Options {
	return ad.Options{URLs: []string{b.dc.URL()}, CAFile: b.dc.CAFile(), BindName: b.dc.AdminUPN(),
		Password: func(context.Context) (string, error) { return b.dc.AdminPassword(), nil }}
}

// What Exchange Online knows comes back: the addresses of its own, added to those of the
// directory, and the identity of the object in the cloud. Nothing that is there is taken.
func TestExchangeHybridWriteBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	own := []string{"SMTP:ann@contoso.test", "smtp:a.n.n@contoso.test", "x500:/o=Contoso/cn=ann"}
	ann := b.dc.Must(b.dc.AddUser("ann", adtest.Attrs{"mail": {"ann@contoso.test"}, "mailNickname": {"ann"}, "proxyAddresses": own}))
	bob := b.dc.Must(b.dc.AddUser("bob", adtest.Attrs{"mail": {"bob@contoso.test"}})) // has no mailbox
	team := b.dc.Must(b.dc.AddGroup("team", adtest.Attrs{"mail": {"team@contoso.test"}, "mailNickname": {"team"}, "member": {ann}, "proxyAddresses": {"SMTP:team@contoso.test"}}))
	b.provisioned(b.admin(), ad.Uses{Features: []ad.Feature{ad.FeatureDelta, ad.FeatureExchangeHybrid}})
	b.values["keys"] = "    exchange: true\n    write_back: {exchange_hybrid: true}\n"
	out, err := b.run("check")
	require.NoError(t, err, out)
	b.twoCycles()
	u, ok := b.tenant.User("ann@contoso.test")
	require.True(t, ok)
	get := func(dn, name string) []string {
		o, err := b.dc.Get(dn)
		require.NoError(t, err)
		return o.Attrs[name]
	}
	require.Equal(t, []string{"User_" + u.ID}, get(ann, "msDS-ExternalDirectoryObjectId"))
	require.Equal(t, own, get(ann, "proxyAddresses"))
	require.Empty(t, get(bob, "msDS-ExternalDirectoryObjectId"))

	const cloud = "X500:/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn=ann"
	require.NoError(t, b.tenant.Update(u.ID, map[string]any{"proxyAddresses": []string{"SMTP:ann@contoso.test", "X500:/O=CONTOSO/CN=ANN", cloud}}))
	groups := b.tenant.Groups()
	require.Len(t, groups, 1)
	require.NoError(t, b.tenant.Update(groups[0].ID, map[string]any{"proxyAddresses": []string{"X500:/o=ExchangeLabs/cn=team"}}))
	usn := b.dc.HighestUSN()
	b.twoCycles()
	require.Equal(t, append(own, cloud), get(ann, "proxyAddresses"), "one more, and what differs only in case is not")
	require.Equal(t, []string{"SMTP:team@contoso.test", "X500:/o=ExchangeLabs/cn=team"}, get(team, "proxyAddresses"))
	require.Equal(t, usn+2, b.dc.HighestUSN(), "nothing else is written")

	// The directory's own addresses stay the directory's; the cloud's do not leave when it
	// drops them, as in Entra Connect.
	require.NoError(t, b.dc.Modify(ann, adtest.DeleteValues("proxyAddresses", own[1]), adtest.AddValues("proxyAddresses", "smtp:new@contoso.test")))
	require.NoError(t, b.tenant.Update(u.ID, map[string]any{"proxyAddresses": []string{"SMTP:ann@contoso.test"}}))
	usn = b.dc.HighestUSN()
	b.twoCycles()
	require.Equal(t, []string{own[0], own[2], cloud, "smtp:new@contoso.test"}, get(ann, "proxyAddresses"))
	require.Equal(t, usn, b.dc.HighestUSN())
}

// The same in Samba, with the permissions that a provisioner gives.
func TestSambaExchangeHybridWriteBack(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 3, Delegate: true, ExchangeSchema: true})
	p := d.Population
	d.MustEdit(t, "dn: "+p.UserDN(1)+"\nchangetype: modify\nreplace: mailNickname\nmailNickname: one\n")
	b := sambaBench(t, d, d.ConnectorUPN, "    exchange: true\n    write_back: {exchange_hybrid: true}\n")
	_, err := b.run("check")
	require.Error(t, err)
	b.provisioned(ad.Options{URLs: []string{d.URL}, CAFile: d.CAFile, BindName: d.AdminUPN, Password: func(context.Context) (string, error) { return d.Password, nil }},
		ad.Uses{Features: []ad.Feature{ad.FeatureDelta, ad.FeatureExchangeHybrid}})
	out, err := b.run("check")
	require.NoError(t, err, out)
	read := func() string {
		found, err := d.Search(t.Context(), "-s", "base", "-b", p.UserDN(1), "(objectClass=*)", "proxyAddresses", "msDS-ExternalDirectoryObjectId")
		require.NoError(t, err)
		return found
	}
	before := strings.Count(read(), "proxyAddresses:")
	b.twoCycles()
	u, ok := b.tenant.User(address(p, 1))
	require.True(t, ok)
	require.Contains(t, read(), "msDS-ExternalDirectoryObjectId: User_"+u.ID)
	require.NoError(t, b.tenant.Update(u.ID, map[string]any{"proxyAddresses": []string{"SMTP:" + address(p, 1), "X500:/o=ExchangeLabs/cn=one"}}))
	b.twoCycles()
	require.Contains(t, read(), "proxyAddresses: X500:/o=ExchangeLabs/cn=one\n")
	require.Equal(t, before+1, strings.Count(read(), "proxyAddresses:"))
}

// twoCycles runs two cycles without trouble: what the first one has exported is taken in by the second.
func (b *bench) twoCycles() {
	b.t.Helper()
	for range 2 {
		_, err := b.cycle()
		trouble, _ := b.run("errors")
		require.NoError(b.t, err, trouble)
	}
}
