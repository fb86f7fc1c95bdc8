package entratest

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Server is a running tenant. All methods are safe for concurrent use.
type Server struct {
	// GraphURL is the base of the Graph API and ends in /v1.0; AuthorityURL is
	// the base of the token endpoint, without a tenant.
	GraphURL, AuthorityURL string
	// TenantID, ClientID and ClientSecret are the identity that the token
	// endpoint accepts from the start.
	TenantID, ClientID, ClientSecret string
	// CAPEM is the certificate authority that signed the server's certificate.
	CAPEM []byte

	opts     Options
	pool     *x509.CertPool
	http     *http.Server
	listener net.Listener
	router   *router
	state    *state
	tokens   *tokenService
	throttle *throttle
	faults   *faults
	log      *requestLog
	tokenKey atomic.Pointer[[]byte] // authenticates skip and delta tokens
	skew     atomic.Int64           // nanoseconds that Advance added to the clock
	failing  testing.TB             // nil outside tests
	ownSP    atomic.Pointer[string] // object id of the client's service principal
	files    fileCache

	rngMu sync.Mutex // guards rng
	rng   *rand.Rand
	close sync.Once
}

// NewServer starts a tenant for the length of a test. It fails the test when
// the options are wrong, and later for every request that no correct client
// sends. A nil opts means defaults.
func NewServer(t testing.TB, opts *Options) *Server {
	t.Helper()
	s, err := start(opts, t)
	if err != nil {
		t.Fatalf("entratest: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Start starts a tenant outside tests; the caller closes it. A nil opts means
// defaults.
func Start(opts *Options) (*Server, error) { return start(opts, nil) }

func start(opts *Options, t testing.TB) (*Server, error) {
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("entratest: listen: %w", err)
	}
	ca, err := newAuthority(listener.Addr())
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	base := "https://" + listener.Addr().String()
	s := &Server{
		GraphURL: base + "/v1.0", AuthorityURL: base,
		TenantID: o.TenantID, ClientID: o.ClientID, ClientSecret: o.ClientSecret,
		CAPEM: ca.pem, pool: ca.pool,
		opts: o, listener: listener, failing: t,
		state: newState(o.Domains), log: newRequestLog(o.LogLimit),
		rng: rand.New(rand.NewPCG(o.Seed, 0)),
	}
	key := make([]byte, 32)
	_, _ = crand.Read(key) // never fails
	s.tokenKey.Store(&key)
	s.tokens = newTokenService(s)
	s.throttle = newThrottle(o.Throttle)
	s.faults = newFaults(s)
	s.router = newRouter(routes(s.state.cat))
	s.seedTenant()
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{ca.leaf}, MinVersion: tls.VersionTLS12},
		ErrorLog:          log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Minute,
	}
	go func() { _ = s.http.ServeTLS(listener, "", "") }()
	return s, nil
}

// Close stops the server and breaks open connections. It is idempotent.
func (s *Server) Close() error {
	var err error
	s.close.Do(func() {
		err = s.http.Close()
		s.files.remove()
	})
	return err
}

// Now is the tenant's time.
func (s *Server) Now() time.Time {
	return s.opts.Clock().Add(time.Duration(s.skew.Load()))
}

// Advance moves the tenant's clock on by d: tokens expire, deleted objects are
// purged, quotas recover.
func (s *Server) Advance(d time.Duration) { s.skew.Add(int64(d)) }

// Misuses lists the requests that no correct client sends, in the order in
// which they came.
func (s *Server) Misuses() []string { return s.log.misused() }

func (s *Server) misuse(r *request, message string) {
	where := r.method + " " + r.path
	if r.route != nil {
		where = r.method + " " + r.route.pattern
	}
	text := where + ": " + message
	s.log.addMisuse(text)
	switch {
	case s.opts.OnMisuse != nil:
		s.opts.OnMisuse(text)
	case s.failing != nil:
		s.failing.Errorf("entratest: %s", text)
	}
}

// chance returns a random number in [0, 1) from the seeded source.
func (s *Server) chance() float64 {
	s.rngMu.Lock()
	defer s.rngMu.Unlock()
	return s.rng.Float64()
}

func (s *Server) shuffle(n int, swap func(i, j int)) {
	s.rngMu.Lock()
	defer s.rngMu.Unlock()
	s.rng.Shuffle(n, swap)
}
