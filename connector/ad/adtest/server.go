package adtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// A Server is a mock domain controller, listening. It is safe for concurrent use.
type Server struct {
	opts   Options
	certs  *certificates
	faults *Faults
	log    *requestLog
	ldaps  net.Listener
	plain  net.Listener
	caFile string
	tb     testing.TB // nil outside tests

	mu   *sync.RWMutex // guards dir
	dir  *directory    // shared with replicas
	self *replica

	connMu sync.Mutex // guards conns and closed
	conns  map[*conn]bool
	closed bool
	wg     sync.WaitGroup
	stop   context.CancelFunc
}

// NewServer starts a server for a test, which it fails when it cannot, and stops it when
// the test ends.
func NewServer(t testing.TB, opts *Options) *Server {
	t.Helper()
	o := opts.withDefaults()
	if o.OnMisuse == nil {
		o.OnMisuse = func(message string) { t.Error(message) }
	}
	s, err := Start(&o)
	return s.until(t, err)
}

// until ties a server that was started to a test.
func (s *Server) until(t testing.TB, err error) *Server {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s.tb = t
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Start starts a server for a program. Close stops it.
func Start(opts *Options) (*Server, error) {
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{opts: o, mu: &sync.RWMutex{}, dir: newDirectory(&o)}
	s.self = s.dir.replicas[0]
	var err error
	if s.certs, err = newCertificates(s.dir.dnsHost, o.Domain, "*."+o.Domain); err != nil {
		return nil, err
	}
	return s.start()
}

// start makes a server listen that has a directory and certificates.
func (s *Server) start() (*Server, error) {
	s.conns, s.log = map[*conn]bool{}, &requestLog{limit: s.opts.LogLimit, counts: map[Op]int{}}
	s.faults = &Faults{srv: s, dropAfter: -1, breakAfter: -1}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	var err error
	if err := s.listen(); err != nil {
		stop()
		return nil, err
	}
	if s.caFile, err = writeCA(s.certs.caPEM); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.wg.Add(2)
	go s.accept(ctx, s.ldaps, true)
	go s.accept(ctx, s.plain, false)
	return s, nil
}

func writeCA(pem []byte) (string, error) {
	dir, err := os.MkdirTemp("", "adtest-ca-")
	if err != nil {
		return "", fmt.Errorf("adtest: a folder for the CA: %w", err)
	}
	file := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, pem, 0o600); err != nil {
		return "", errors.Join(fmt.Errorf("adtest: writing the CA: %w", err), os.RemoveAll(dir))
	}
	return file, nil
}

func (s *Server) listen() error {
	open := func(address string) (net.Listener, error) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, fmt.Errorf("adtest: listening: %w", err)
		}
		if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			return nil, errors.Join(fmt.Errorf("adtest: %s is not a loopback address", address), l.Close())
		}
		return l, nil
	}
	var err error
	if s.ldaps, err = open(s.opts.Listen); err != nil {
		return err
	}
	if s.plain, err = open(s.opts.ListenPlain); err != nil {
		return errors.Join(err, s.ldaps.Close())
	}
	return nil
}

func (s *Server) accept(ctx context.Context, l net.Listener, secure bool) {
	defer s.wg.Done()
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		c := newConn(s, nc)
		s.connMu.Lock()
		if s.closed {
			s.connMu.Unlock()
			_ = nc.Close()
			return
		}
		s.conns[c] = true
		s.wg.Add(1)
		s.connMu.Unlock()
		go func() {
			defer s.wg.Done()
			c.serve(ctx, secure)
			s.connMu.Lock()
			delete(s.conns, c)
			s.connMu.Unlock()
		}()
	}
}

// Close stops the server and breaks its connections. It is idempotent.
func (s *Server) Close() error {
	s.connMu.Lock()
	was := s.closed
	s.closed = true
	s.connMu.Unlock()
	if was {
		return nil
	}
	s.stop()
	err := errors.Join(s.ldaps.Close(), s.plain.Close())
	s.dropConnections()
	s.wg.Wait()
	if s.caFile != "" {
		err = errors.Join(err, os.RemoveAll(filepath.Dir(s.caFile)))
	}
	return err
}

func (s *Server) dropConnections() {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	for c := range s.conns {
		_ = c.tcp.Close()
	}
}

// URL is where the server speaks LDAPS.
func (s *Server) URL() string { return "ldaps://" + s.ldaps.Addr().String() }

// LDAPURL is where it speaks LDAP, with StartTLS.
func (s *Server) LDAPURL() string { return "ldap://" + s.plain.Addr().String() }

// CAPool holds the authority that signed the server's certificate.
func (s *Server) CAPool() *x509.CertPool { return s.certs.pool.Clone() }

// CAPEM is the authority's certificate.
func (s *Server) CAPEM() []byte { return slices.Clone(s.certs.caPEM) }

// CAFile is a file with the authority's certificate. It goes when the server is closed.
func (s *Server) CAFile() string { return s.caFile }

// ClientTLS is a configuration for clients that trusts the server.
func (s *Server) ClientTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.CAPool(), ServerName: s.self.host}
}

// Domain is the domain's DNS name.
func (s *Server) Domain() string { return s.opts.Domain }

// NetBIOS is the domain's short name.
func (s *Server) NetBIOS() string { return s.opts.NetBIOS }

// BaseDN is the DN of the domain.
func (s *Server) BaseDN() string { return dnsToDN(s.opts.Domain) }

// UsersDN is the DN of the container where accounts go unless told otherwise.
func (s *Server) UsersDN() string { return "CN=Users," + s.BaseDN() }

// AdminDN is the DN of the built-in Administrator.
func (s *Server) AdminDN() string { return "CN=Administrator," + s.UsersDN() }

// AdminUPN is the Administrator's logon name, which is an implicit one as in AD: the account
// has no userPrincipalName.
func (s *Server) AdminUPN() string { return "Administrator@" + s.opts.Domain }

// AdminPassword is the Administrator's password.
func (s *Server) AdminPassword() string { return s.opts.AdminPassword }

// DomainSID is the SID of the domain in its S-1-... form.
func (s *Server) DomainSID() string { return sidString(s.dir.domainSID) }
