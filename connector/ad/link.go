package ad

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/internal/ldapwire"
)

const startTLSOID = "1.3.6.1.4.1.1466.20037"

// A link is one bound connection to one domain controller. Several requests may be under
// way at once.
type link struct {
	server  server
	wire    *ldapwire.Wire
	conn    *ldap.Conn
	timeout time.Duration // for one request
	sleep   func(context.Context, time.Duration) error
	root    rootDSE
}

// dial connects, verifies the server and binds.
func (d *Directory) dial(ctx context.Context, s server) (*link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.opts.ConnectTimeout, errSilent)
	defer cancel()
	raw, err := d.opts.Dial(ctx, "tcp", s.addr)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("%w: %w", connector.ErrUnavailable, err)
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() }) //nolint:errcheck // only to interrupt
	defer stop()
	secure, err := d.secure(ctx, s, raw)
	if err == nil {
		secure, err = d.signIn(ctx, s, secure)
	}
	if err != nil {
		raw.Close() //nolint:errcheck // the first error counts
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	w := ldapwire.New(secure, d.opts.MaxMessage)
	l := &link{server: s, wire: w, conn: ldap.NewConn(w, true), timeout: d.opts.RequestTimeout, sleep: d.sleep}
	l.conn.Start()
	if err := d.bind(ctx, l); err != nil {
		l.close()
		return nil, err
	}
	l.root, err = l.readRoot(ctx)
	if err == nil {
		err = d.fits(l.root)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// secure puts TLS on a fresh connection.
func (d *Directory) secure(ctx context.Context, s server, raw net.Conn) (net.Conn, error) {
	if !s.tls {
		if d.opts.Protection == ProtectSealing || d.opts.AllowPlainLoopback && s.loopback() {
			return raw, nil
		}
		if err := startTLS(raw); err != nil {
			return nil, err
		}
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.roots, ServerName: d.opts.ServerName}
	if config.ServerName == "" {
		config.ServerName = s.host
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, trusted(err)
	}
	return conn, nil
}

// startTLS asks for TLS before any LDAP client reads from the connection, so that nothing
// that was sent in plain text can be taken for an answer inside TLS.
func startTLS(raw net.Conn) error {
	request := ber.NewSequence("LDAPMessage")
	request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "messageID"))
	operation := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "ExtendedRequest")
	operation.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, startTLSOID, "requestName"))
	request.AppendChild(operation)
	if _, err := raw.Write(request.Bytes()); err != nil {
		return fmt.Errorf("%w: StartTLS: %w", connector.ErrUnavailable, err)
	}
	const limit = 1 << 16
	answer, err := ber.ReadPacket(ldapwire.New(raw, limit))
	if err != nil {
		return fmt.Errorf("%w: StartTLS: %w", connector.ErrUnavailable, err)
	}
	var refusal *ldap.Error
	if err := ldap.GetLDAPError(answer); errors.As(err, &refusal) {
		return fmt.Errorf("%w: StartTLS was refused: %w", connector.ErrUnavailable, newResultError(refusal))
	}
	return nil
}

// bind signs in with the password; SASL has done so already.
func (d *Directory) bind(ctx context.Context, l *link) error {
	if d.opts.Auth != AuthSimple {
		return nil
	}
	password, err := d.password(ctx)
	if err != nil {
		return err
	}
	return l.do(ctx, func() error { return l.conn.Bind(d.opts.BindName, password) })
}

// close ends the link at once. It is idempotent.
func (l *link) close() {
	l.wire.Close() //nolint:errcheck // first, so that nothing below can wait for the server
	l.conn.Close() //nolint:errcheck // ditto
}

// alive reports whether requests can be made.
func (l *link) alive() bool { return !l.wire.Closed() && !l.conn.IsClosing() }

// do makes one request that the library cannot interrupt. When ctx ends or the answer does
// not come in time, the connection is closed under it.
func (l *link) do(ctx context.Context, request func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.timeout, errSilent)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.wire.Close() }) //nolint:errcheck // only to interrupt
	defer stop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return l.fault(ctx, request())
}

// An answer is that to a search of bounded size.
type answer struct {
	entries  []*entry
	controls []ldap.Control
}

// search makes a search whose answer is of bounded size.
func (l *link) search(ctx context.Context, req *ldap.SearchRequest) (*answer, error) {
	var out *answer
	err := l.patient(ctx, func() error {
		out = &answer{}
		return l.do(ctx, func() (err error) {
			out.controls, err = l.entries(ctx, req, func(e *entry) error {
				out.entries = append(out.entries, e)
				return nil
			})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// entries makes a search whose entries are taken on the connection's own goroutine, where
// nothing may wait for another request.
func (l *link) entries(ctx context.Context, req *ldap.SearchRequest, take func(*entry) error) ([]ldap.Control, error) {
	done, ok := l.wire.Announce(take, ctx.Done())
	if !ok {
		return nil, context.Cause(ctx)
	}
	defer done()
	result, err := l.conn.Search(req)
	if err != nil {
		return nil, err
	}
	return result.Controls, nil
}

// read reads one object by DN, nil if it is not there or cannot be seen.
func (l *link) read(ctx context.Context, dn, filter string, attributes ...string) (*entry, error) {
	result, err := l.search(ctx, &ldap.SearchRequest{
		BaseDN: dn, Scope: ldap.ScopeBaseObject, Filter: filter, Attributes: attributes,
	})
	switch {
	case errors.Is(err, connector.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case len(result.entries) == 0:
		return nil, nil
	case len(result.entries) > 1:
		return nil, fmt.Errorf("%w: a search for one object gave %d", connector.ErrProtocol, len(result.entries))
	}
	return result.entries[0], nil
}

// anything is the filter that every object passes.
const anything = "(objectClass=*)"
