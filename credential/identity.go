package credential

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// An Identity names an application in a tenant.
type Identity struct {
	TenantID string // directory id or verified domain
	ClientID string // application id
	// Authority is the host that issues tokens, such as https://login.microsoftonline.us.
	// "" means the public cloud's.
	Authority string
}

// Options adjust how tokens are fetched. The zero value, or nil, is good.
type Options struct {
	// RootCAs verify the authority's certificate. Nil means those of the system.
	RootCAs *x509.CertPool
	// HTTPClient is used instead of one made of RootCAs.
	HTTPClient *http.Client
}

// publicAuthorities are hosts that Microsoft's library knows by itself. Others are not
// looked up at Microsoft, so that tests and private clouds work without it.
var publicAuthorities = []string{
	"https://login.microsoftonline.com", "https://login.microsoftonline.us", "https://login.chinacloudapi.cn",
}

// ErrIncomplete says that an identity lacks something.
var ErrIncomplete = errors.New("application identity is incomplete")

func (i Identity) validate() error {
	var missing []string
	if i.TenantID == "" {
		missing = append(missing, "tenant id")
	}
	if i.ClientID == "" {
		missing = append(missing, "client id")
	}
	if len(missing) > 0 {
		return fmt.Errorf("credential: %w: no %s", ErrIncomplete, strings.Join(missing, ", no "))
	}
	if i.Authority != "" && !strings.HasPrefix(i.Authority, "https://") {
		return fmt.Errorf("credential: authority %q is not an https URL", i.Authority)
	}
	return nil
}

func (i Identity) clientOptions(o *Options) (opts azcore.ClientOptions, private bool) {
	authority := strings.TrimSuffix(i.Authority, "/")
	if authority == "" {
		authority = publicAuthorities[0]
	}
	opts.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: authority}
	private = true
	for _, known := range publicAuthorities {
		private = private && known != authority
	}
	switch {
	case o == nil:
	case o.HTTPClient != nil:
		opts.Transport = o.HTTPClient
	case o.RootCAs != nil:
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig.RootCAs = o.RootCAs
		opts.Transport = &http.Client{Transport: t}
	}
	return opts, private
}

// FromClientSecret returns a credential that signs in with a client secret: for tests, and
// for identities that have no certificate yet.
func FromClientSecret(id Identity, secret Secret, o *Options) (azcore.TokenCredential, error) {
	if err := id.validate(); err != nil {
		return nil, err
	}
	if secret.IsZero() {
		return nil, fmt.Errorf("credential: %w: no client secret", ErrIncomplete)
	}
	opts, private := id.clientOptions(o)
	cred, err := azidentity.NewClientSecretCredential(id.TenantID, id.ClientID, secret.Reveal(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: private})
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return cred, nil
}

// FromCertificate returns a credential that signs in with the certificate and the RSA key
// in a file: PEM, or PKCS#12. password opens a PKCS#12 file that needs one; nil or an empty
// secret means none. A file that others than its owner can read is refused.
func FromCertificate(id Identity, file string, password *Secret, o *Options) (azcore.TokenCredential, error) {
	if err := id.validate(); err != nil {
		return nil, err
	}
	data, err := readPrivate(file)
	if err != nil {
		return nil, err
	}
	var pass []byte
	if password != nil && !password.IsZero() {
		pass = []byte(password.Reveal())
	}
	certs, key, err := azidentity.ParseCertificates(data, pass)
	if err != nil {
		return nil, fmt.Errorf("credential: certificate file %s: %w", file, err)
	}
	opts, private := id.clientOptions(o)
	cred, err := azidentity.NewClientCertificateCredential(id.TenantID, id.ClientID, certs, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: private})
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return cred, nil
}

// readPrivate reads a file that holds a private key.
func readPrivate(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("credential: others than the owner can read %s (mode %04o): run chmod 600 on it", file, info.Mode().Perm())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return data, nil
}
