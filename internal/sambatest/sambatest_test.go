package sambatest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/internal/sambatest"
)

func TestDomain(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 100, Groups: 5, Delegate: true, ExchangeSchema: true})

	count := func(filter string) int {
		t.Helper()
		out, err := d.Search(t.Context(), "-b", d.BaseDN, filter, "1.1")
		require.NoError(t, err)
		return strings.Count(out, "dn: ")
	}
	require.Equal(t, 100, count("(sAMAccountName=u0*)"))
	require.Equal(t, 5, count("(sAMAccountName=g0*)"))
	require.Equal(t, 100, count("(memberOf="+d.Population.GroupDN(1)+")"))
	require.Equal(t, 2, count("(&(sAMAccountName=u0*)(userAccountControl:1.2.840.113556.1.4.803:=2))"))
	require.Equal(t, 2, count("(sAMAccountName=svc-*)"))

	d.MustEdit(t, "dn: "+d.Population.UserDN(1)+"\nchangetype: modify\nreplace: extensionAttribute1\nextensionAttribute1: x\n")
	require.NoError(t, d.Kill())
	require.Error(t, d.Edit(t.Context(), "dn: "+d.BaseDN+"\nchangetype: modify\nreplace: description\ndescription: x\n"))
	require.NoError(t, d.Restart(t.Context()))
	require.Equal(t, 1, count("(extensionAttribute1=x)"))
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := sambatest.New(t.Context(), &sambatest.Options{Realm: "no dots", Address: "10.0.0.1", Users: -1})
	require.ErrorContains(t, err, "realm")
	require.ErrorContains(t, err, "address")
	require.ErrorContains(t, err, "population")
}

func TestPopulationIsDeterministic(t *testing.T) {
	t.Parallel()
	p := sambatest.Population{Users: 60, Groups: 3, BaseDN: "DC=contoso,DC=test", DNSDomain: "contoso.test"}
	var a, b strings.Builder
	require.NoError(t, p.WriteLDIF(&a))
	require.NoError(t, p.WriteLDIF(&b))
	require.Equal(t, a.String(), b.String())
	require.Equal(t, 60, strings.Count(a.String(), "objectClass: user\n"))
	require.Len(t, p.DirectUsers(1), 60)
	require.Equal(t, 3, strings.Count(a.String(), "dn: CN=Group "))
	require.Contains(t, a.String(), "dn: "+p.UserDN(50)+"\n")
	require.True(t, p.Disabled(50))
}
