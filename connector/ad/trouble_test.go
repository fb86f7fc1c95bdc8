package ad_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

func TestSambaOpenTrouble(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 2})
	const otherCA = "testdata/other-ca.pem"
	secret := "Not-The-Password-4711"
	for name, c := range map[string]struct {
		change func(*ad.Options)
		want   error
		code   connector.Code
		says   string
	}{
		"wrong password":       {func(o *ad.Options) { o.Password = password(secret) }, connector.ErrAuthentication, connector.CodeAuthentication, "wrong account name or password"},
		"empty password":       {func(o *ad.Options) { o.Password = password("") }, connector.ErrAuthentication, connector.CodeAuthentication, "empty"},
		"no password":          {func(o *ad.Options) { o.Password = failing }, connector.ErrAuthentication, connector.CodeAuthentication, "vault is sealed"},
		"unknown authority":    {func(o *ad.Options) { o.CAFile = otherCA }, connector.ErrUntrusted, connector.CodeConnectionFailed, "CAFile"},
		"another name":         {func(o *ad.Options) { o.ServerName = "dc9.contoso.test" }, connector.ErrUntrusted, connector.CodeConnectionFailed, "ServerName"},
		"untrusted StartTLS":   {func(o *ad.Options) { o.URLs, o.CAFile = []string{d.PlainURL}, otherCA }, connector.ErrUntrusted, connector.CodeConnectionFailed, "CAFile"},
		"plain is refused":     {func(o *ad.Options) { o.URLs, o.AllowPlainLoopback = []string{d.PlainURL}, true }, connector.ErrAuthentication, connector.CodeAuthentication, "strong auth required"},
		"unreachable":          {func(o *ad.Options) { o.URLs = []string{unreachableURL} }, connector.ErrUnavailable, connector.CodeConnectionFailed, "refused"},
		"no such partition":    {func(o *ad.Options) { o.Partitions = []string{"DC=fabrikam,DC=test"} }, connector.ErrInvalid, connector.CodeInvalidDN, "DC=fabrikam"},
		"no such container":    {func(o *ad.Options) { o.Include = []string{"OU=None," + d.BaseDN} }, connector.ErrInvalid, connector.CodeInvalidDN, "Options.Include"},
		"no such exclusion":    {func(o *ad.Options) { o.Exclude = []string{"OU=None," + d.BaseDN} }, connector.ErrInvalid, connector.CodeInvalidDN, "Options.Exclude"},
		"no such class":        {func(o *ad.Options) { o.Classes = []string{"unicorn"} }, connector.ErrInvalid, connector.CodeMissingClass, "unicorn"},
		"silence":              {func(o *ad.Options) { o.URLs, o.ConnectTimeout = []string{silentURL(t)}, 50*time.Millisecond }, connector.ErrUnavailable, connector.CodeConnectionFailed, "no answer"},
		"something else there": {func(o *ad.Options) { o.URLs = []string{chattyURL(t)} }, connector.ErrUnavailable, connector.CodeConnectionFailed, "StartTLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := adminOptions(d)
			c.change(&o)
			_, err := directory(t, o).Open(t.Context(), connector.OpenOptions{})
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.code, connector.CodeOf(err))
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), secret)
		})
	}
	t.Run("the next one is tried", func(t *testing.T) {
		t.Parallel()
		o := adminOptions(d)
		o.URLs = []string{unreachableURL, d.PlainURL} // with StartTLS
		require.Len(t, full(t, open(t, directory(t, o))).at(t, d.Population.UserDN(1)).Attributes.Values("proxyAddresses"), 3)
	})
}

func failing(context.Context) (string, error) { return "", errors.New("the vault is sealed") }

// unreachableURL is one where nobody listens. A port that was free a moment ago may be given to the
// server of another test.
const unreachableURL = "ldaps://127.0.0.1:1"

// silentURL is one where connections are taken and nothing is said.
func silentURL(t *testing.T) string {
	t.Helper()
	return "ldaps://" + serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
}

// chattyURL is one where another protocol is spoken.
func chattyURL(t *testing.T) string {
	t.Helper()
	return "ldap://" + serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "220 mail.example ESMTP\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
}

func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		conns.Wait()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				handle(c)
			})
		}
	}()
	return l.Addr().String()
}

func TestSambaDiesInMidImport(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 600, Groups: 3})
	o := adminOptions(d)
	o.PageSize = 20
	s := open(t, directory(t, o))
	before := full(t, s)
	importer, _ := connector.As[connector.FullImporter](s)
	seen, complete := 0, false
	var failure error
	for item, err := range importer.FullImport(t.Context(), connector.ImportRequest{}) {
		if err != nil {
			require.NoError(t, failure, "an error is the last pair")
			failure = err
			continue
		}
		complete = complete || item.Kind == connector.ItemComplete
		if seen++; seen == 50 {
			require.NoError(t, d.Kill())
		}
	}
	require.ErrorIs(t, failure, connector.ErrUnavailable)
	require.True(t, connector.IsTransient(failure))
	require.Equal(t, connector.CodeConnectionDropped, connector.CodeOf(failure))
	require.False(t, complete)
	require.Less(t, seen, 200)

	err := newView().take(importer.FullImport(t.Context(), connector.ImportRequest{}))
	require.ErrorIs(t, err, connector.ErrUnavailable, "nobody is there")
	require.NoError(t, d.Restart(t.Context()))
	before.equal(t, full(t, s)) // the same session
}

func TestSambaCancel(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 400, Groups: 3})
	s := open(t, directory(t, adminOptions(d)))
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough := errors.New("enough")
	importer, _ := connector.As[connector.FullImporter](s)
	var failure error
	for item, err := range importer.FullImport(ctx, connector.ImportRequest{PageSize: 10}) {
		if failure = err; err == nil {
			require.NotEqual(t, connector.ItemComplete, item.Kind)
			cancel(enough)
		}
	}
	require.ErrorIs(t, failure, enough)
	require.False(t, connector.IsTransient(failure))

	for _, err := range importer.FullImport(t.Context(), connector.ImportRequest{PageSize: 10}) {
		require.NoError(t, err)
		break // leaving early is no error and leaves the session usable
	}
	require.Greater(t, len(full(t, s).byAnchor), 400)
}

func TestSambaSchema(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{ExchangeSchema: true})
	schema, err := directory(t, adminOptions(d)).Schema(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Forest.FQDN": "contoso.test", "Forest.Netbios": "CONTOSO", "Forest.LDAP": d.BaseDN}, schema.Parameters)
	require.Len(t, schema.Partitions, 1)
	require.Equal(t, d.BaseDN, schema.Partitions[0].DN)
	require.Equal(t, map[string]string{"Domain.FQDN": "contoso.test", "Domain.Netbios": "CONTOSO", "Domain.LDAP": d.BaseDN}, schema.Partitions[0].Parameters)

	user, ok := schema.Class("USER")
	require.True(t, ok)
	require.True(t, user.Export)
	for _, name := range []string{"cn", "mail", "objectSid", "extensionAttribute15", "mS-DS-ConsistencyGuid", "sAMAccountName", "telephoneNumber"} {
		require.Contains(t, user.Attributes, name, "inherited and auxiliary attributes count")
	}
	account, _ := schema.Attribute("sAMAccountName")
	require.True(t, account.Required)
	var got []string
	for _, name := range []string{"cn", "member", "objectSid", "objectGUID", "accountExpires", "groupType", "whenChanged", "msExchHideFromAddressLists",
		"nTSecurityDescriptor", "memberOf", "unicodePwd", "proxyAddresses", "objectClass", "msDS-User-Account-Control-Computed", "thumbnailPhoto"} {
		a, ok := schema.Attribute(name)
		require.True(t, ok, name)
		text := name + " " + a.Kind.String()
		for i, flag := range []bool{a.MultiValued, a.ReadOnly, a.CreateOnly, a.WriteOnly} {
			if flag {
				text += []string{" multi", " read-only", " create-only", " write-only"}[i]
			}
		}
		got = append(got, text)
	}
	require.Equal(t, strings.Split(`cn string create-only
member reference multi
objectSid binary read-only
objectGUID binary read-only
accountExpires integer
groupType integer
whenChanged string read-only
msExchHideFromAddressLists boolean
nTSecurityDescriptor binary
memberOf reference multi read-only
unicodePwd binary write-only
proxyAddresses string multi
objectClass string multi create-only
msDS-User-Account-Control-Computed integer read-only
thumbnailPhoto binary`, "\n"), got)
}
