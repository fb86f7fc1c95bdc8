package ad_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
)

func TestNewReportsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := ad.New("", ad.Options{
		URLs: []string{"http://dc", "ldaps://", "ldap://dc/path", "ldap://me:secret@dc", "ldap://\x00"}, RootCAs: x509.NewCertPool(), CAFile: "x",
		Partitions: []string{"x"}, Include: []string{""}, Exclude: []string{"OU=a,b"}, Classes: []string{"user", "USER", "a b"}, Attributes: []string{"(x"},
		PageSize: -1, ConnectTimeout: -1, RequestTimeout: -1, MaxMessage: 1, DirSync: 9,
	})
	require.Error(t, err)
	for _, want := range []string{
		"no name", `"http://dc"`, `"ldaps://" has no host`, "only scheme, host and port", "is not a URL", "BindName", "Password", "CAFile: not together",
		"Partitions", "Include", "Exclude", `"USER" is there twice`, `"a b" is not a name`, `"(x" is not a name`, "PageSize", "ConnectTimeout", "RequestTimeout",
		"MaxMessage", "DirSync",
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "secret")
	_, err = ad.New("x", ad.Options{})
	require.ErrorContains(t, err, "URLs: at least one")
	_, err = ad.New("x", ad.Options{
		URLs: []string{"ldaps://dc1"}, Domain: "con toso", Site: "a.b", HostSuffixes: []string{""}, Auth: ad.AuthKerberos, Protection: ad.ProtectSealing,
		BindName: "svc", Kerberos: ad.Kerberos{Keytab: "a", CCache: "b", ConfigFile: "c", KDCs: []string{"a\nb"}},
	})
	for _, want := range []string{"Domain: not together", "Domain: ", "Site", "HostSuffixes", "Keytab and CCache", "KDCs and ConfigFile", "neither a realm nor a host", "use ldap://"} {
		require.ErrorContains(t, err, want)
	}
	_, err = ad.New("x", ad.Options{Domain: "contoso.com", Auth: 9, Protection: ad.ProtectSealing, BindName: "svc"})
	for _, want := range []string{"Auth", "sealing needs", "Password"} {
		require.ErrorContains(t, err, want)
	}
}

func TestCAFile(t *testing.T) {
	t.Parallel()
	o := ad.Options{URLs: []string{"ldaps://dc1.contoso.com"}, BindName: "svc", Password: password("x")}
	o.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	_, err := ad.New("x", o)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(o.CAFile, []byte("no certificate"), 0o600))
	_, err = ad.New("x", o)
	require.ErrorContains(t, err, "no PEM certificate")
	o.CAFile = "testdata/other-ca.pem"
	d, err := ad.New("x", o)
	require.NoError(t, err)
	require.Equal(t, connector.Info{Type: "ad", Version: "1", Name: "x"}, d.Info())
	require.True(t, d.Capabilities().DeltaImport)
	require.False(t, d.Capabilities().Resume)
}
