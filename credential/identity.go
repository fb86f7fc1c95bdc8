package credential

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

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
	// Clock tells the time for what is signed. Nil means [time.Now].
	Clock func() time.Time
}

func (o *Options) clock() func() time.Time {
	if o == nil || o.Clock == nil {
		return time.Now
	}
	return o.Clock
}

// httpClient returns the client to use, nil for the library's own.
func (o *Options) httpClient() *http.Client {
	switch {
	case o == nil:
		return nil
	case o.HTTPClient != nil:
		return o.HTTPClient
	case o.RootCAs != nil:
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12}
		return &http.Client{Transport: t}
	}
	return nil
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
	if client := o.httpClient(); client != nil {
		opts.Transport = client
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
	return &scrubbing{cred, secret}, nil
}
