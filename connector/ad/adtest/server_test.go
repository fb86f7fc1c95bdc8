package adtest_test

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// dial connects over LDAPS without a bind.
func dial(t testing.TB, dc *adtest.Server) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL(dc.URL(), ldap.DialWithTLSConfig(dc.ClientTLS()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// admin connects as Administrator.
func admin(t testing.TB, dc *adtest.Server) *ldap.Conn {
	t.Helper()
	c := dial(t, dc)
	require.NoError(t, c.Bind(dc.AdminUPN(), dc.AdminPassword()))
	return c
}

func search(t testing.TB, c *ldap.Conn, base string, scope int, filter string, attrs ...string) []*ldap.Entry {
	t.Helper()
	r, err := c.Search(ldap.NewSearchRequest(base, scope, 0, 0, 0, false, filter, attrs, nil))
	require.NoError(t, err)
	return r.Entries
}

func read(t testing.TB, c *ldap.Conn, dn string, attrs ...string) *ldap.Entry {
	t.Helper()
	e := search(t, c, dn, ldap.ScopeBaseObject, "(objectClass=*)", attrs...)
	require.Len(t, e, 1)
	return e[0]
}

// code returns the LDAP result code of an error, 0 for none.
func code(t testing.TB, err error) uint16 {
	t.Helper()
	if err == nil {
		return 0
	}
	var le *ldap.Error
	require.ErrorAs(t, err, &le)
	return le.ResultCode
}

func TestBasics(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	dn := dc.Must(dc.AddUser("jdoe", adtest.Attrs{"givenName": {"John"}}))
	e := read(t, admin(t, dc), dn)
	require.Equal(t, "John", e.GetAttributeValue("givenName"))
	require.Equal(t, "jdoe@contoso.test", e.GetAttributeValue("userPrincipalName"))
	require.Len(t, e.GetRawAttributeValue("objectGUID"), 16)
	require.Equal(t, "805306368", e.GetAttributeValue("sAMAccountType"))
}
