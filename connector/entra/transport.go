package entra

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	khttp "github.com/microsoft/kiota-http-go"

	"github.com/hybridsync/hybridsync/connector"
)

// newHTTPClient makes the client under the SDK's adapter. Its middleware list is explicit:
// the SDK's own comes out of a map, so that its order, and with it whether a retried
// write is readable, changes from one client to the next. Retries are above the adapter,
// where a request is built anew; compression of requests, redirects and a timeout for all
// attempts together are left out.
func newHTTPClient(o *Options, base *url.URL) *http.Client {
	var transport http.RoundTripper
	if o.HTTPClient != nil {
		transport = o.HTTPClient.Transport
	}
	if transport == nil {
		transport = newTransport(o)
	}
	return &http.Client{
		Transport: khttp.NewCustomTransportWithParentTransport(transport,
			khttp.NewParametersNameDecodingHandler(),
			khttp.NewUserAgentHandlerWithOptions(&khttp.UserAgentHandlerOptions{Enabled: true, ProductName: "hybridsync", ProductVersion: version}),
			&guard{base: base},
		),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newTransport(o *Options) *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	t = t.Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12}
	t.ForceAttemptHTTP2 = true
	t.MaxIdleConnsPerHost = o.Concurrency + 2
	return t
}

// errStrayRequest is what becomes of a request that must not leave.
var errStrayRequest = errors.New("refusing to send the request")

// A guard stands last before the wire.
type guard struct{ base *url.URL }

// Intercept sends the request if it goes to the configured endpoint and carries a token.
// The SDK's authentication provider sends requests to hosts that it does not know without
// a token and without an error.
func (g *guard) Intercept(p khttp.Pipeline, index int, req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != g.base.Scheme || !strings.EqualFold(req.URL.Host, g.base.Host) {
		return nil, fmt.Errorf("%w: it is for another host than the configured one", errStrayRequest)
	}
	if !strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ") {
		return nil, fmt.Errorf("%w: it has no access token", errStrayRequest)
	}
	if req.Header.Get("Content-Encoding") != "" {
		return nil, fmt.Errorf("%w: its body is encoded", errStrayRequest)
	}
	if req.Method != http.MethodGet {
		if err := connector.MayWrite(req.Context()); err != nil {
			return nil, err
		}
		req = revocable(req)
	}
	resp, err := p.Next(req, index)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		defuse(resp.Header)
	}
	return resp, err
}

// revocable returns a request whose body can be read only as long as the directory may be
// changed. The body is read when there is a connection and the request is about to be written,
// which may be some time after it was passed on.
func revocable(req *http.Request) *http.Request {
	out := req.Clone(req.Context())
	if body := req.Body; body != nil && body != http.NoBody {
		out.Body = &revocableBody{body, req.Context()}
	}
	if again := req.GetBody; again != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return &revocableBody{body, req.Context()}, nil
		}
	}
	return out
}

type revocableBody struct {
	io.ReadCloser
	ctx context.Context //nolint:containedctx // the request's, which has it too
}

func (b *revocableBody) Read(p []byte) (int, error) {
	if err := connector.MayWrite(b.ctx); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(p)
}

var claimsPattern = regexp.MustCompile(`(?i)[ ,]claims\s*=\s*"([A-Za-z0-9+/_=-]*)"`)

// defuse drops a challenge of which the SDK's adapter cannot read the claims: it would
// panic on claims without quotes.
func defuse(h http.Header) {
	challenge := h.Get("WWW-Authenticate")
	if !strings.Contains(strings.ToLower(challenge), "claims") {
		return
	}
	if m := claimsPattern.FindStringSubmatch(challenge); m != nil {
		if _, err := base64.StdEncoding.DecodeString(m[1]); err == nil && m[1] != "" {
			h.Set("WWW-Authenticate", `Bearer claims="`+m[1]+`"`)
			return
		}
	}
	h.Del("WWW-Authenticate")
}
