package credential_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/credential"
)

const scope = "https://graph.microsoft.com/.default"

func token(ctx context.Context, c azcore.TokenCredential, claims string) error {
	_, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: claims != "", Claims: claims})
	return err
}

// peculiar is a key that counts, refuses, or salts as some chips do.
type peculiar struct {
	key   *rsa.PrivateKey
	salt  int // of PSS; 0 is right
	calls atomic.Int64
	err   atomic.Pointer[error]
}

func (p *peculiar) Public() crypto.PublicKey { return p.key.Public() }

func (p *peculiar) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	p.calls.Add(1)
	if err := p.err.Load(); err != nil {
		return nil, *err
	}
	if _, ok := o.(*rsa.PSSOptions); ok && p.salt != 0 {
		o = &rsa.PSSOptions{SaltLength: p.salt, Hash: crypto.SHA256}
	}
	return p.key.Sign(r, digest, o)
}

func server(t *testing.T, lifetime time.Duration) (*entratest.Server, credential.Identity, *credential.Options) {
	t.Helper()
	srv := entratest.NewServer(t, &entratest.Options{TokenLifetime: lifetime})
	return srv, credential.Identity{TenantID: srv.TenantID, ClientID: srv.ClientID, Authority: srv.AuthorityURL},
		&credential.Options{HTTPClient: srv.HTTPClient()}
}

func TestSignerCredential(t *testing.T) {
	t.Parallel()
	srv, id, o := server(t, time.Hour)
	p := pairs()[0]
	srv.RegisterCertificate(p.cert)
	key := &peculiar{key: p.key}
	c, err := credential.NewSignerCredential(id, credential.KeyPair{Certificate: p.cert, Signer: key}, o)
	require.NoError(t, err)
	key.calls.Store(0)
	for range 5 {
		require.NoError(t, token(t.Context(), c, ""))
	}
	require.EqualValues(t, 1, key.calls.Load(), "tokens are cached")
	require.NoError(t, token(t.Context(), c, `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`))
	require.NoError(t, token(t.Context(), c, `{"access_token":{"nbf":{"essential":true,"value":"2"}}}`))
	require.EqualValues(t, 3, key.calls.Load(), "a claims challenge goes past the cache")
	require.NoError(t, c.SigningError())
}

// Clocks that differ by minutes do no harm.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
		srv, id, o := server(t, time.Hour)
		o.Clock = func() time.Time { return time.Now().Add(skew) }
		p := pairs()[0]
		srv.RegisterCertificate(p.cert)
		c, err := credential.NewSignerCredential(id, credential.KeyPair{Certificate: p.cert, Signer: p.key}, o)
		require.NoError(t, err)
		require.NoError(t, token(t.Context(), c, ""), "%s", skew)
	}
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	p := pairs()[0]
	alg, err := credential.SelfTest(p.key)
	require.NoError(t, err)
	require.Equal(t, credential.PS256, alg)
	// Salts that are too long verify in lenient libraries and not at Entra ID.
	long := &peculiar{key: p.key, salt: 222}
	alg, err = credential.SelfTest(long)
	require.NoError(t, err)
	require.Equal(t, credential.RS256, alg)
	srv, id, o := server(t, time.Hour)
	srv.RegisterCertificate(p.cert)
	c, err := credential.NewSignerCredential(id, credential.KeyPair{Certificate: p.cert, Signer: long}, o)
	require.NoError(t, err)
	require.NoError(t, token(t.Context(), c, ""))
}

func TestSwap(t *testing.T) {
	t.Parallel()
	srv, id, o := server(t, 4*time.Minute) // too short to be cached
	one, two := pairs()[0], pairs()[1]
	srv.RegisterCertificate(one.cert)
	c, err := credential.NewSignerCredential(id, credential.KeyPair{Certificate: one.cert, Signer: one.key}, o)
	require.NoError(t, err)
	require.NoError(t, token(t.Context(), c, ""))
	require.ErrorIs(t, c.Swap(credential.KeyPair{Certificate: one.cert, Signer: two.key}), credential.ErrUnsuitableKey)
	require.ErrorIs(t, c.Swap(credential.KeyPair{}), credential.ErrUnsuitableKey)
	require.NoError(t, token(t.Context(), c, ""), "a bad swap changes nothing")
	srv.RegisterCertificate(two.cert)
	srv.UnregisterCertificate(one.cert)
	require.ErrorContains(t, token(t.Context(), c, ""), "AADSTS700027")
	require.NoError(t, c.Swap(credential.KeyPair{Certificate: two.cert, Signer: two.key}))
	require.NoError(t, token(t.Context(), c, ""))
}

// What an HSM says is in the chain of the error, though the library drops it.
func TestErrorsOfTheKeyAreKept(t *testing.T) {
	t.Parallel()
	srv, id, o := server(t, 4*time.Minute)
	p := pairs()[0]
	srv.RegisterCertificate(p.cert)
	key := &peculiar{key: p.key}
	c, err := credential.NewSignerCredential(id, credential.KeyPair{Certificate: p.cert, Signer: key}, o)
	require.NoError(t, err)
	gone := fmt.Errorf("token removed: %w", os.ErrPermission)
	key.err.Store(&gone)
	err = token(t.Context(), c, "")
	require.ErrorIs(t, err, os.ErrPermission)
	require.ErrorIs(t, c.SigningError(), os.ErrPermission)
	key.err.Store(nil)
	require.NoError(t, token(t.Context(), c, ""))
	require.NoError(t, c.SigningError())

	broken := errors.New("no module")
	key.err.Store(&broken)
	_, err = credential.NewSignerCredential(id, credential.KeyPair{Certificate: p.cert, Signer: key}, o)
	require.ErrorIs(t, err, credential.ErrBadSignature)
	require.ErrorIs(t, err, broken)
}

func TestIncompleteIdentities(t *testing.T) {
	t.Parallel()
	p := pairs()[0]
	pair := credential.KeyPair{Certificate: p.cert, Signer: p.key}
	for _, id := range []credential.Identity{{}, {TenantID: "t"}, {ClientID: "c"}} {
		_, err := credential.NewSignerCredential(id, pair, nil)
		require.ErrorIs(t, err, credential.ErrIncomplete)
		_, err = credential.FromClientSecret(id, credential.NewSecret("s"), nil)
		require.ErrorIs(t, err, credential.ErrIncomplete)
	}
	_, err := credential.NewSignerCredential(credential.Identity{TenantID: "t", ClientID: "c", Authority: "http://x"}, pair, nil)
	require.ErrorContains(t, err, "https")
	c, err := credential.FromCertificate(credential.Identity{TenantID: "t", ClientID: "c"}, "/nowhere", nil, nil)
	require.Error(t, err)
	require.Nil(t, c)
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	key := pairs()[0].key
	cert, err := credential.CreateCertificate(key, &credential.CertificateOptions{CommonName: "sync one", Clock: func() time.Time { return now }})
	require.NoError(t, err)
	require.Equal(t, "CN=sync one", cert.Subject.String())
	require.Equal(t, cert.Subject.String(), cert.Issuer.String())
	require.Equal(t, x509.SHA256WithRSA, cert.SignatureAlgorithm)
	require.Equal(t, x509.KeyUsageDigitalSignature, cert.KeyUsage)
	require.Equal(t, now.AddDate(0, 0, 90), cert.NotAfter)
	require.True(t, cert.NotBefore.Before(now))
	require.Positive(t, cert.SerialNumber.Sign())
	require.LessOrEqual(t, cert.SerialNumber.BitLen(), 128)
	require.Greater(t, cert.SerialNumber.BitLen(), 64)
	require.NoError(t, cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature))

	thumb := credential.Thumbprint(cert)
	require.Regexp(t, "^[0-9A-F]{40}$", thumb)
	require.Regexp(t, "^[0-9A-F]{64}$", credential.SHA256Hash(cert))
	var spaced strings.Builder
	for i := 0; i < len(thumb); i += 2 {
		spaced.WriteString(thumb[i:i+2] + " ")
	}
	for _, text := range []string{
		thumb, strings.ToLower(thumb), "\u200e" + strings.ToLower(spaced.String()), strings.ReplaceAll(strings.TrimSpace(spaced.String()), " ", ":"),
		credential.SHA256Hash(cert),
	} {
		require.True(t, credential.SameThumbprint(cert, text), "%q", text)
	}
	for _, text := range []string{"", thumb[1:], thumb + "0", "x" + thumb, credential.Thumbprint(pairs()[1].cert)} {
		require.False(t, credential.SameThumbprint(cert, text), "%q", text)
	}

	v := credential.ViewOf(cert, credential.RotationPolicy{}, now.AddDate(0, 0, 45))
	require.InDelta(t, 50, v.PercentUsed, 0.1)
	require.Equal(t, 45, v.DaysRemaining)
	require.Equal(t, 2048, v.KeyBits)
	require.InDelta(t, 63*24, v.RotationDue.Sub(cert.NotBefore).Hours(), 0.1, "day 63 of 90")
	require.Equal(t, -1, credential.ViewOf(cert, credential.RotationPolicy{}, cert.NotAfter.Add(time.Hour)).DaysRemaining)
	require.InDelta(t, 100, credential.ViewOf(cert, credential.RotationPolicy{}, cert.NotAfter.AddDate(1, 0, 0)).PercentUsed, 0)
}

func TestRotationPolicy(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cert := func(life time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: from, NotAfter: from.Add(life)}
	}
	for _, tt := range []struct {
		policy    credential.RotationPolicy
		life, due time.Duration
	}{
		{credential.RotationPolicy{}, 90 * day, 63 * day},
		{credential.RotationPolicy{}, 299 * day, time.Duration(float64(299*day) * 0.7)},
		{credential.RotationPolicy{}, 300 * day, 150 * day},
		{credential.RotationPolicy{}, 730 * day, 580 * day},
		{credential.RotationPolicy{Before: 30 * day}, 730 * day, 700 * day},
		{credential.RotationPolicy{Fraction: 0.5}, 90 * day, 45 * day},
		{credential.RotationPolicy{ShortLived: -1, Before: 10 * day}, 90 * day, 80 * day},
	} {
		require.Equal(t, from.Add(tt.due), tt.policy.Due(cert(tt.life)), "%+v %s", tt.policy, tt.life)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	s := credential.NewSecret("hunter2")
	b, err := s.MarshalJSON()
	require.NoError(t, err)
	text, err := s.MarshalText()
	require.NoError(t, err)
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d %s %s %s", s, s, s, s, s, s, s, b, text, s.LogValue())
	require.NotContains(t, all, "hunter2")
	require.NotContains(t, all, fmt.Sprintf("%x", "hunter2"))
	require.Equal(t, "hunter2", s.Reveal())
}
