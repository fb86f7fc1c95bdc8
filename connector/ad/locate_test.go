package ad_test

import (
	"context"
	"crypto/md5" //nolint:gosec // of RFC 4121
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// A zone is a DNS zone with service records, and the addresses of its hosts.
type zone struct {
	records map[string][]string // host:port
	hosts   map[string]string   // host:port to the address where it really is

	mu    sync.Mutex
	asked []string
	tried []string
}

func (z *zone) LookupSRV(_ context.Context, _, _, name string) (string, []*net.SRV, error) {
	z.mu.Lock()
	z.asked = append(z.asked, name)
	z.mu.Unlock()
	targets, ok := z.records[name]
	if !ok {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	var out []*net.SRV
	for _, host := range targets {
		out = append(out, &net.SRV{Target: host + ".", Port: 389})
	}
	return name, out, nil
}

func (z *zone) dial(ctx context.Context, network, address string) (net.Conn, error) {
	z.mu.Lock()
	z.tried = append(z.tried, address)
	z.mu.Unlock()
	if real, ok := z.hosts[address]; ok {
		return (&net.Dialer{}).DialContext(ctx, network, real)
	}
	return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	const general, site = "_ldap._tcp.dc._msdcs.contoso.test", "_ldap._tcp.Zürich._sites.dc._msdcs.contoso.test"
	ldaps, plain := strings.TrimPrefix(dc.URL(), "ldaps://"), strings.TrimPrefix(dc.LDAPURL(), "ldap://")
	start := func() (*zone, ad.Options) {
		z := &zone{records: map[string][]string{general: {"dc9.contoso.test", "dc1.contoso.test"}, site: {"dc2.contoso.test"}},
			hosts: map[string]string{"dc1.contoso.test:636": ldaps, "dc1.contoso.test:389": plain}}
		o := mockOptions(dc)
		o.URLs, o.Domain, o.Resolver, o.Dial = nil, "contoso.test", z, z.dial
		return z, o
	}

	z, o := start()
	con := directory(t, o)
	full(t, open(t, con))
	require.Equal(t, []string{general}, z.asked)
	require.Equal(t, []string{"dc9.contoso.test:636", "dc1.contoso.test:636"}, z.tried)
	open(t, con)
	require.Equal(t, "dc1.contoso.test:636", z.tried[2], "the one that worked is asked first")

	z, o = start()
	o.Site, o.Protection = "Zürich", ad.ProtectStartTLS
	open(t, directory(t, o))
	require.Equal(t, []string{site, general}, z.asked)
	require.Equal(t, []string{"dc2.contoso.test:389", "dc9.contoso.test:389", "dc1.contoso.test:389"}, z.tried)

	z, o = start()
	z.records[general] = []string{"dc1.contoso.test.evil.example", "evilcontoso.test", "dc1.fabrikam.test"}
	_, err := directory(t, o).Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.Empty(t, z.tried, "nobody outside of the domain is given the password")
	z.hosts["dc1.fabrikam.test:636"] = ldaps
	o.HostSuffixes, o.ServerName = []string{"fabrikam.test"}, "dc1.contoso.test"
	open(t, directory(t, o))

	z, o = start()
	o.Domain = "elsewhere.test"
	_, err = directory(t, o).Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrUnavailable)
	require.ErrorContains(t, err, "_ldap._tcp.dc._msdcs.elsewhere.test")
	z.records["_ldap._tcp.dc._msdcs.elsewhere.test"] = z.records[general]
	o.HostSuffixes = []string{"contoso.test"}
	_, err = directory(t, o).Open(t.Context(), connector.OpenOptions{})
	require.ErrorContains(t, err, "not one of elsewhere.test")
}

// A domain controller that refuses the account is not followed by others: each would count
// towards the lockout of the account.
func TestLocateStopsAtRefusal(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	o := mockOptions(dc)
	o.URLs = []string{dc.URL(), dc.URL() + "/"}
	o.Password = password("wrong")
	_, err := directory(t, o).Open(t.Context(), connector.OpenOptions{})
	require.ErrorIs(t, err, connector.ErrAuthentication)
	require.Equal(t, 1, dc.Count(adtest.OpBind))
}

func TestEndPointBinding(t *testing.T) {
	t.Parallel()
	cert := &x509.Certificate{Raw: []byte("a certificate"), SignatureAlgorithm: x509.SHA256WithRSA}
	hash := sha256.Sum256(cert.Raw)
	data := append([]byte("tls-server-end-point:"), hash[:]...)
	want := md5.Sum(append(binary.LittleEndian.AppendUint32(make([]byte, 16), uint32(len(data))), data...)) //nolint:gosec // of RFC 4121
	require.Equal(t, want[:], ad.EndPointBinding(cert))
	cert.SignatureAlgorithm = x509.SHA1WithRSA
	require.Equal(t, want[:], ad.EndPointBinding(cert), "weak hashes count as SHA-256")
	cert.SignatureAlgorithm = x509.ECDSAWithSHA384
	require.NotEqual(t, want[:], ad.EndPointBinding(cert))
	cert.SignatureAlgorithm = x509.PureEd25519
	require.Nil(t, ad.EndPointBinding(cert), "the RFC defines none")
}

func TestBindChallenge(t *testing.T) {
	t.Parallel()
	challenge := make([]byte, 56)
	copy(challenge, "NTLMSSP\x00\x02")
	info := []byte{2, 0, 2, 0, 'A', 0, 0, 0, 0, 0}
	binary.LittleEndian.PutUint16(challenge[40:], uint16(len(info)))
	binary.LittleEndian.PutUint16(challenge[42:], uint16(len(info)))
	binary.LittleEndian.PutUint32(challenge[44:], 56)
	challenge = append(challenge, info...)
	bound, err := ad.BindChallenge(challenge, []byte("0123456789abcdef"))
	require.NoError(t, err)
	at := binary.LittleEndian.Uint32(bound[44:])
	require.Equal(t, "\x02\x00\x02\x00A\x00\x0a\x00\x10\x000123456789abcdef\x00\x00\x00\x00", string(bound[at:]))
	require.Equal(t, len(bound)-int(at), int(binary.LittleEndian.Uint16(bound[40:])))
	same, err := ad.BindChallenge(challenge, nil)
	require.NoError(t, err)
	require.Equal(t, challenge, same)
	for n := range challenge {
		_, err := ad.BindChallenge(challenge[:n], []byte("x"))
		require.ErrorIs(t, err, connector.ErrProtocol)
	}
}
