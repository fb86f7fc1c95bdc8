package ad_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// kerberosOptions sign in with a ticket.
func kerberosOptions(d *sambatest.Domain) ad.Options {
	o := adminOptions(d)
	o.Auth, o.ServerName = ad.AuthKerberos, d.Host
	o.Kerberos.KDCs = []string{d.Address}
	o.BindName = "Administrator@" + d.Realm
	return o
}

// Samba has a KDC and takes Kerberos sealed on the plain port by default, over TLS where it
// is told to. It does not ask for channel bindings; adtest cannot check them either, since
// it has no Kerberos. What they are made of is checked in TestEndPointBinding.
func TestSambaKerberos(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 600, Groups: 3, Delegate: true, SASLOverTLS: true})
	simple := full(t, open(t, directory(t, adminOptions(d))))

	sealed := kerberosOptions(d)
	sealed.URLs, sealed.Protection = []string{d.PlainURL}, ad.ProtectSealing
	s := open(t, directory(t, sealed))
	v := full(t, s)
	v.equal(t, simple)
	d.MustEdit(t, "dn: "+d.Population.UserDN(1)+"\nchangetype: modify\nreplace: title\ntitle: changed\n")
	v.delta(t, s)
	require.Len(t, v.updates, 1)

	o := kerberosOptions(d)
	full(t, open(t, directory(t, o))).equal(t, v) // over LDAPS
	o.URLs = []string{d.PlainURL}
	open(t, directory(t, o)) // over StartTLS

	dir := t.TempDir()
	o.Kerberos.Keytab, o.BindName, o.Password = filepath.Join(dir, "svc.keytab"), d.ConnectorUPN, nil
	require.NoError(t, d.ExportKeytab(t.Context(), "svc-sync", o.Kerberos.Keytab))
	full(t, open(t, directory(t, o)))

	if kinit, err := exec.LookPath("kinit"); err == nil || os.Getenv("HYBRIDSYNC_REQUIRE") == "all" {
		require.NoError(t, err)
		conf, cache := filepath.Join(dir, "krb5.conf"), filepath.Join(dir, "cache")
		require.NoError(t, os.WriteFile(conf, []byte("[libdefaults]\n default_realm = "+d.Realm+"\n dns_lookup_kdc = false\n rdns = false\n"+
			"[realms]\n "+d.Realm+" = {\n  kdc = "+d.Address+":88\n }\n"), 0o600))
		cmd := exec.CommandContext(t.Context(), kinit, "-k", "-t", o.Kerberos.Keytab, "-c", cache, "svc-sync@"+d.Realm)
		cmd.Env = append(os.Environ(), "KRB5_CONFIG="+conf)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		o.Kerberos.Keytab, o.Kerberos.CCache, o.Kerberos.ConfigFile, o.Kerberos.KDCs, o.BindName = "", cache, conf, nil, ""
		open(t, directory(t, o))
	}
}

func TestSambaKerberosTrouble(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Delegate: true})
	for name, c := range map[string]struct {
		change func(*ad.Options)
		want   error
		says   string
	}{
		"wrong password":   {func(o *ad.Options) { o.Password = password("Not-The-Password-4711") }, connector.ErrAuthentication, "wrong password"},
		"unknown account":  {func(o *ad.Options) { o.BindName = "nobody@" + d.Realm }, connector.ErrAuthentication, "does not know the account"},
		"unknown service":  {func(o *ad.Options) { o.Kerberos.SPN = "ldap/dc9.contoso.test" }, connector.ErrAuthentication, "does not know the service"},
		"no KDC":           {func(o *ad.Options) { o.Kerberos.KDCs = []string{"127.0.0.1:1"} }, connector.ErrUnavailable, "no KDC answers"},
		"no keytab":        {func(o *ad.Options) { o.Kerberos.Keytab = "testdata/none" }, connector.ErrAuthentication, "keytab"},
		"signing demanded": {func(o *ad.Options) { o.URLs, o.Protection = []string{d.URL}, ad.ProtectTLS }, connector.ErrAuthentication, "ProtectSealing"},
	} {
		o := kerberosOptions(d)
		o.URLs, o.Protection = []string{d.PlainURL}, ad.ProtectSealing
		c.change(&o)
		_, err := directory(t, o).Open(t.Context(), connector.OpenOptions{})
		require.ErrorIs(t, err, c.want, name)
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "4711", name)
	}
}

func TestSambaNTLM(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 3, SASLOverTLS: true})
	o := adminOptions(d)
	o.Auth = ad.AuthNTLM
	for _, name := range []string{d.AdminUPN, d.NetBIOS + `\Administrator`} {
		o.BindName = name
		full(t, open(t, directory(t, o)))
	}
	o.Password = password("Not-The-Password-4711")
	_, err := directory(t, o).Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrAuthentication)
	require.NotContains(t, err.Error(), "4711")
}
