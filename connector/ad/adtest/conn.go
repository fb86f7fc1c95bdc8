package adtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// A conn is one client's connection. One goroutine reads requests, one carries them out.
type conn struct {
	srv    *Server
	tcp    net.Conn
	nc     net.Conn // tcp or TLS over it
	r      *bufio.Reader
	secure bool

	account *entry // who is bound; nil: nobody
	sets    []*resultSet
	lastSet int
	sent    int // entries of the domain in subtree searches
}

func newConn(s *Server, nc net.Conn) *conn { return &conn{srv: s, tcp: nc} }

// serve answers requests until the connection ends.
func (c *conn) serve(ctx context.Context, secure bool) {
	defer func() { _ = c.tcp.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.use(c.tcp)
	if secure && !c.handshake(ctx) {
		return
	}
	requests := make(chan *message)
	go c.read(ctx, cancel, requests)
	for m := range requests {
		keep := c.handle(ctx, m)
		close(m.handled)
		if !keep {
			return
		}
	}
}

func (c *conn) use(nc net.Conn) { c.nc, c.r = nc, bufio.NewReaderSize(nc, 16<<10) }

func (c *conn) handshake(ctx context.Context) bool {
	t := tls.Server(c.tcp, c.srv.certs.server)
	if err := t.HandshakeContext(ctx); err != nil {
		return false
	}
	c.use(t)
	c.secure = true
	return true
}

// read decodes requests. Those after one that changes the connection are read when it is
// done; an abandoned request was answered already, since answers are made in order.
func (c *conn) read(ctx context.Context, cancel context.CancelFunc, out chan<- *message) {
	defer close(out)
	defer cancel()
	for {
		frame, err := readFrame(c.r, c.srv.opts.MaxRequestBytes)
		if err != nil && !errors.Is(err, errMalformed) {
			return // the client is gone
		}
		var m *message
		if err == nil {
			m, err = decodeMessage(frame)
		}
		if err != nil {
			c.disconnect()
			return
		}
		m.handled = make(chan struct{})
		select {
		case out <- m:
		case <-ctx.Done():
			return
		}
		if m.op == opBindRequest || m.op == opExtendedRequest || m.op == opUnbindRequest {
			select {
			case <-m.handled:
			case <-ctx.Done():
				return
			}
		}
	}
}

// disconnect sends the notice of disconnection that RFC 4511 has for undecodable requests.
func (c *conn) disconnect() {
	c.srv.misuse("an undecodable request")
	var e encoder
	e.answer(0, opExtendedResponse, protocolError(), func(e *encoder) {
		e.str(contextTag|10, "1.3.6.1.4.1.1466.20036")
	}, nil)
	_, _ = c.nc.Write(e.b)
}

// handle carries out one request and reports whether the connection goes on.
func (c *conn) handle(ctx context.Context, m *message) bool {
	op, response, known := operation(m)
	if !known {
		c.disconnect()
		return false
	}
	rec := Request{Op: op}
	if c.account != nil {
		c.srv.mu.RLock()
		rec.Account = c.account.dn
		c.srv.mu.RUnlock()
	}
	for _, x := range m.controls {
		rec.Controls = append(rec.Controls, x.oid)
	}
	switch op {
	case OpUnbind:
		c.srv.log.add(rec)
		return false
	case OpAbandon:
		c.srv.log.add(rec)
		return true
	}
	fault := c.srv.faults.before(ctx, op)
	if ctx.Err() != nil {
		return false
	}
	if fault != nil {
		rec.Code = fault.Code
		c.srv.log.add(rec)
		return c.reply(m.id, response, fault, nil, nil)
	}
	c.srv.mu.RLock()
	cs, unknown, err := c.srv.dir.readControls(m.controls)
	c.srv.mu.RUnlock()
	for _, oid := range unknown {
		if !c.srv.opts.AllowUnknown {
			c.srv.misuse("unknown control %s", oid)
		}
	}
	if err != nil {
		return c.finish(m, response, &rec, err)
	}
	switch op {
	case OpSearch:
		return c.handleSearch(m, cs, &rec)
	case OpBind:
		return c.finish(m, response, &rec, c.bind(m, &rec))
	case OpExtended:
		return c.extended(ctx, m, &rec)
	}
	if c.account == nil {
		return c.finish(m, response, &rec, notBound())
	}
	err = c.change(m, op, cs, &rec)
	if op != OpCompare && c.srv.faults.loses() {
		c.srv.log.add(rec)
		return false
	}
	return c.finish(m, response, &rec, err)
}

// operation tells what kind of request it is and which answer belongs to it.
func operation(m *message) (op Op, response byte, known bool) {
	switch m.op {
	case opBindRequest:
		return OpBind, opBindResponse, true
	case opUnbindRequest:
		return OpUnbind, 0, true
	case opSearchRequest:
		return OpSearch, opSearchDone, true
	case opModifyRequest:
		return OpModify, opModifyResponse, true
	case opAddRequest:
		return OpAdd, opAddResponse, true
	case opDelRequest:
		return OpDelete, opDelResponse, true
	case opModDNRequest:
		return OpModifyDN, opModDNResponse, true
	case opCompareRequest:
		return OpCompare, opCompareResponse, true
	case opAbandonRequest:
		return OpAbandon, 0, true
	case opExtendedRequest:
		return OpExtended, opExtendedResponse, true
	}
	return "", 0, false
}

// asError returns the refusal in err.
func asError(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	}
	return refuse(ldap.LDAPResultOperationsError, "%s", err.Error())
}

// finish logs and answers.
func (c *conn) finish(m *message, response byte, rec *Request, err error) bool {
	e := asError(err)
	if e != nil {
		rec.Code = e.Code
	}
	c.srv.log.add(*rec)
	return c.reply(m.id, response, e, nil, nil)
}

func (c *conn) reply(id int64, response byte, err *Error, more func(*encoder), controls []control) bool {
	var e encoder
	e.answer(id, response, err, more, controls)
	return c.write(e.b)
}

// write sends one message.
func (c *conn) write(b []byte) bool {
	if c.srv.faults.garbles() {
		b = spoil(b)
	}
	_, err := c.nc.Write(b)
	return err == nil
}

func (c *conn) handleSearch(m *message, cs controlSet, rec *Request) bool {
	r, ok := decodeSearch(m.body)
	if !ok {
		c.srv.misuse("a malformed search request")
		return c.finish(m, opSearchDone, rec, protocolError())
	}
	rec.DN, rec.Attributes = r.base, r.attrs
	c.srv.mu.RLock()
	a := c.search(m, r, cs)
	c.srv.mu.RUnlock()
	if n := c.srv.faults.limit(); n > 0 && a.entries > n {
		a.ends, a.entries, a.controls = a.ends[:n], n, nil
		a.err = refuse(ldap.LDAPResultSizeLimitExceeded, "")
	}
	err := asError(a.err)
	if err != nil {
		rec.Code = err.Code
	}
	rec.Entries = a.entries
	c.srv.log.add(*rec)
	return c.send(m, a, err)
}

// send writes the messages of an answer, as far as the faults let it.
func (c *conn) send(m *message, a *answer, err *Error) bool {
	n, drop := c.srv.faults.entriesToSend(a.entries, c.sent, a.imported)
	if a.imported {
		c.sent += n
	}
	ends := a.ends
	if drop {
		ends = ends[:n]
	}
	start := 0
	if !c.srv.faults.spoils() {
		if len(ends) > 0 {
			start = ends[len(ends)-1]
			if _, werr := c.nc.Write(a.enc.b[:start]); werr != nil {
				return false
			}
		}
	} else {
		for _, end := range ends {
			if !c.write(slices.Clip(a.enc.b[start:end])) {
				return false
			}
			start = end
		}
	}
	if drop {
		return false
	}
	return c.reply(m.id, opSearchDone, err, nil, a.controls)
}
