package ad_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// Without a configured site the domain controller is asked for it, once, and those of the
// site are used from then on; where none of them can be reached, any.
func TestSiteIsFound(t *testing.T) {
	t.Parallel()
	const general, site = "_ldap._tcp.dc._msdcs.contoso.test", "_ldap._tcp.Zürich._sites.dc._msdcs.contoso.test"
	dc := adtest.NewServer(t, &adtest.Options{ClientSite: "Zürich"})
	two := adtest.NewReplica(t, dc)
	start := func() (*zone, ad.Options) {
		z := &zone{records: map[string][]string{general: {"dc1.contoso.test"}, site: {"dc2.contoso.test"}},
			hosts: map[string]string{"dc1.contoso.test:636": strings.TrimPrefix(dc.URL(), "ldaps://"), "dc2.contoso.test:636": strings.TrimPrefix(two.URL(), "ldaps://")}}
		o := mockOptions(dc)
		o.URLs, o.Domain, o.Resolver, o.Dial = nil, "contoso.test", z, z.dial
		return z, o
	}
	z, o := start()
	con := directory(t, o)
	full(t, open(t, con))
	require.Equal(t, []string{general, site}, z.asked)
	require.Equal(t, []string{"dc1.contoso.test:636", "dc2.contoso.test:636"}, z.tried)
	open(t, con)
	require.Equal(t, []string{general, site, site, general}, z.asked)
	require.Equal(t, "dc2.contoso.test:636", z.tried[2])

	z, o = start()
	delete(z.hosts, "dc2.contoso.test:636")
	con = directory(t, o)
	full(t, open(t, con))
	z, o = start()
	delete(z.records, site)
	full(t, open(t, directory(t, o)))
	require.Len(t, z.tried, 1)
}

func TestSambaTellsTheSite(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, nil)
	site, ok, err := ad.Place(t.Context(), directory(t, adminOptions(d)), d.DNSDomain)
	require.NoError(t, err)
	require.True(t, ok, "it answers LDAP pings over LDAP")
	require.Equal(t, "Default-First-Site-Name", site)
}

// answer is a whole one: eight names, the last of them with a pointer.
var answer = append(append([]byte{23, 0, 0, 0, 0x80, 0, 0, 0}, make([]byte, 16)...),
	[]byte("\x03com\x00\x01d\xc0\x18\x02dc\xc0\x1d\x01D\x00\x02DC\x00\x00\x06Munich\x00\xc0\x2e")...)

func TestNetlogonAnswers(t *testing.T) {
	t.Parallel()
	site, closest, ok := ad.ParseNetlogon(answer)
	require.True(t, ok)
	require.True(t, closest)
	require.Equal(t, "Munich", site)
	for i := range answer {
		_, _, ok := ad.ParseNetlogon(answer[:i])
		require.False(t, ok, i)
	}
	bad := append([]byte(nil), answer...)
	bad[len(bad)-1] = byte(len(bad) - 2) // points at itself
	_, _, ok = ad.ParseNetlogon(bad)
	require.False(t, ok)
	bad[0] = 19 // of Windows NT
	_, _, ok = ad.ParseNetlogon(bad)
	require.False(t, ok)
}

func FuzzParseNetlogon(f *testing.F) {
	f.Add(answer)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if site, _, ok := ad.ParseNetlogon(b); ok {
			require.NotContains(t, site, ".")
			require.LessOrEqual(t, len(site), 63)
		}
	})
}
