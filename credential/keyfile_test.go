package credential_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/hybridsync/hybridsync/credential"
)

// pair is a key with its certificate; making one takes a while, so tests share two.
type pair struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

var pairs = sync.OnceValue(func() (out [2]pair) {
	for i := range out {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		cert, err := credential.CreateCertificate(key, nil)
		if err != nil {
			panic(err)
		}
		out[i] = pair{key, cert}
	}
	return out
})

func pemOf(t *testing.T, kind string, der []byte) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func pkcs8(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return der
}

func TestParseKeyPair(t *testing.T) {
	t.Parallel()
	p, other := pairs()[0], pairs()[1]
	cert, foreign := pemOf(t, "CERTIFICATE", p.cert.Raw), pemOf(t, "CERTIFICATE", other.cert.Raw)
	key := pemOf(t, "PRIVATE KEY", pkcs8(t, p.key))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, []byte("some text\n")) }
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	none, secret := credential.Secret{}, credential.NewSecret("pässword")
	good := map[string]struct {
		data     []byte
		password credential.Secret
	}{
		"PKCS#8":       {join(cert, key), none},
		"key first":    {join(key, cert), none},
		"with a chain": {join(foreign, key, cert), none},
		"PKCS#1":       {join(cert, pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(p.key))), none},
	}
	for name, e := range map[string]*pkcs12.Encoder{
		"RC2": pkcs12.LegacyRC2, "DES": pkcs12.LegacyDES, "2023": pkcs12.Modern2023, "2026": pkcs12.Modern2026,
	} {
		data, err := e.Encode(p.key, p.cert, []*x509.Certificate{other.cert}, "pässword")
		require.NoError(t, err)
		good["PKCS#12 "+name] = struct {
			data     []byte
			password credential.Secret
		}{data, secret}
		_, err = credential.ParseKeyPair(data, credential.NewSecret("wrong"))
		require.ErrorIs(t, err, credential.ErrPassword, name)
	}
	plain, err := pkcs12.Passwordless.Encode(p.key, p.cert, nil, "")
	require.NoError(t, err)
	good["PKCS#12 without password"] = struct {
		data     []byte
		password credential.Secret
	}{plain, none}
	for name, tt := range good {
		got, err := credential.ParseKeyPair(tt.data, tt.password)
		require.NoError(t, err, name)
		require.True(t, got.Certificate.Equal(p.cert), name)
		require.True(t, p.key.PublicKey.Equal(got.Signer.Public()), name)
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":            {nil, "neither PEM nor"},
		"garbage":          {[]byte("garbage"), "neither PEM nor"},
		"no key":           {cert, "no private key"},
		"no certificate":   {key, "no certificate of the private key"},
		"other's":          {join(key, foreign), "no certificate of the private key"},
		"two keys":         {join(key, cert, key), "more than one private key"},
		"short key":        {join(pemOf(t, "PRIVATE KEY", pkcs8(t, small)), cert), "no certificate of the private key"},
		"elliptic curve":   {join(pemOf(t, "PRIVATE KEY", pkcs8(t, ec)), cert), "no certificate of the private key"},
		"damaged key":      {join(pemOf(t, "PRIVATE KEY", pkcs8(t, p.key)[:100]), cert), "cannot be read as a private key"},
		"damaged sealed":   {join(pemOf(t, "ENCRYPTED PRIVATE KEY", []byte{0x30, 0}), cert), "cannot be read as a private key"},
		"old OpenSSL":      {join(cert, []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")), "openssl pkcs8"},
		"bad certificate":  {join(key, pemOf(t, "CERTIFICATE", []byte("x"))), "certificate"},
		"only other kinds": {pemOf(t, "PUBLIC KEY", []byte("x")), "no private key"},
	} {
		_, err := credential.ParseKeyPair(tt.data, secret)
		require.ErrorContains(t, err, tt.want, name)
		require.NotContains(t, err.Error(), "pässword", name)
	}
}

// What OpenSSL encrypts can be read.
func TestEncryptedPKCS8(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("HYBRIDSYNC_REQUIRE") == "all" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("openssl is not installed")
	}
	p := pairs()[0]
	for name, args := range map[string][]string{
		"default":          {},
		"AES-128, SHA-1":   {"-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"},
		"AES-192, SHA-512": {"-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"},
		"AES-256, SHA-384": {"-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384", "-iter", "10000"},
		"triple DES":       {"-v2", "des3"},
		"scrypt":           {"-scrypt"},
		"scrypt, p 2":      {"-scrypt", "-scrypt_N", "4096", "-scrypt_r", "8", "-scrypt_p", "2"},
	} {
		cmd := exec.CommandContext(t.Context(), tool, append([]string{"pkcs8", "-topk8", "-inform", "DER", "-passout", "pass:swordfish"}, args...)...)
		cmd.Stdin = bytes.NewReader(pkcs8(t, p.key))
		sealed, err := cmd.Output()
		require.NoError(t, err, name)
		require.Contains(t, string(sealed), "ENCRYPTED PRIVATE KEY")
		data := append(sealed, pemOf(t, "CERTIFICATE", p.cert.Raw)...)
		got, err := credential.ParseKeyPair(data, credential.NewSecret("swordfish"))
		require.NoError(t, err, name)
		require.True(t, p.key.PublicKey.Equal(got.Signer.Public()), name)
		for _, wrong := range []string{"", "wrong", "swordfish "} {
			_, err = credential.ParseKeyPair(data, credential.NewSecret(wrong))
			require.ErrorIs(t, err, credential.ErrPassword, name)
		}
	}
}

func TestKeyFilesOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	p := pairs()[0]
	file := filepath.Join(t.TempDir(), "app.pem")
	data := append(pemOf(t, "PRIVATE KEY", pkcs8(t, p.key)), pemOf(t, "CERTIFICATE", p.cert.Raw)...)
	require.NoError(t, os.WriteFile(file, data, 0o600))
	_, err := credential.LoadKeyPair(file, credential.Secret{})
	require.NoError(t, err)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		require.NoError(t, os.Chmod(file, mode))
		_, err := credential.LoadKeyPair(file, credential.Secret{})
		require.ErrorIs(t, err, credential.ErrUnsafeFile, "%o", mode)
	}
	_, err = credential.LoadKeyPair(filepath.Join(t.TempDir(), "none"), credential.Secret{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParseKeyPair(f *testing.F) {
	p := pairs()[0]
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := pkcs12.Modern2023.WithIterations(1).Encode(p.key, p.cert, nil, "x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}))
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 || bytes.Contains(data, []byte("ENCRYPTED")) {
			return // key derivation may take its time, within bounds
		}
		if got, err := credential.ParseKeyPair(data, credential.NewSecret("x")); err == nil {
			require.NotNil(t, got.Certificate)
			require.NotNil(t, got.Signer)
		}
	})
}
