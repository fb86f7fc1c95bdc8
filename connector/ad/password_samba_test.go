package ad_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

func TestSambaResetPassword(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 6, Groups: 1, Delegate: true})
	p := d.Population
	o := adminOptions(d)
	o.AllowAdministrator, o.BindName = false, d.ConnectorUPN
	con := directory(t, o)
	v := full(t, open(t, con))
	user := v.at(t, p.UserDN(1))
	const secret = "N3w-Passw0rd-x!"
	require.NoError(t, con.ResetPassword(t.Context(), ad.PasswordReset{Key: user.Key(), Password: secret}))
	o.BindName, o.Password = user.Attributes.Text("userPrincipalName"), password(secret)
	open(t, directory(t, o)) // the user signs in with it

	d.MustEdit(t, "dn: "+p.UserDN(2)+"\nchangetype: modify\nreplace: description\ndescription: x\n")
	require.NoError(t, d.EditOffline(t.Context(), "dn: "+p.UserDN(2)+"\nchangetype: modify\nreplace: adminCount\nadminCount: 1\n"))
	for name, c := range map[string]struct {
		reset ad.PasswordReset
		code  connector.Code
	}{
		"weak":       {ad.PasswordReset{Key: user.Key(), Password: "weakling"}, connector.CodePasswordPolicy},
		"empty":      {ad.PasswordReset{Key: user.Key()}, connector.CodeInvalidValue},
		"protected":  {ad.PasswordReset{Key: v.at(t, p.UserDN(2)).Key(), Password: secret}, connector.CodePermissionIssue},
		"admin":      {ad.PasswordReset{Key: connector.Key{DN: d.AdminDN}, Password: secret}, connector.CodePermissionIssue},
		"a group":    {ad.PasswordReset{Key: connector.Key{DN: p.GroupDN(1)}, Password: secret}, connector.CodeUnmappableType},
		"nobody":     {ad.PasswordReset{Key: connector.Key{DN: "CN=nobody," + d.BaseDN}, Password: secret}, connector.CodeMissingObject},
		"no unlock":  {ad.PasswordReset{Key: user.Key(), Password: secret, Unlock: true}, connector.CodePermissionIssue},
		"not itself": {ad.PasswordReset{Key: connector.Key{DN: "no dn"}, Password: secret}, connector.CodeInvalidDN},
	} {
		err := con.ResetPassword(t.Context(), c.reset)
		require.Equal(t, c.code, connector.CodeOf(err), "%s: %v", name, err)
		require.NotContains(t, err.Error(), secret)
	}
}

func TestMockResetPassword(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	dn := dc.Must(dc.AddUser("somebody", adtest.Attrs{"userPrincipalName": {"somebody@contoso.test"}}))
	o := mockOptions(dc)
	require.NoError(t, directory(t, o).ResetPassword(t.Context(), ad.PasswordReset{Key: connector.Key{DN: dn}, Password: "N3w-Passw0rd-x!", Unlock: true}))
	hinted := slices.ContainsFunc(dc.Requests(), func(r adtest.Request) bool {
		return r.Op == adtest.OpModify && slices.Contains(r.Controls, "1.2.840.113556.1.4.2239")
	})
	require.True(t, hinted, "the rules about earlier passwords hold, too")
	o.BindName, o.Password, o.AllowAdministrator = "somebody@contoso.test", password("N3w-Passw0rd-x!"), false
	open(t, directory(t, o))
}
