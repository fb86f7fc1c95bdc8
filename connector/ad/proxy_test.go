package ad_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
)

// A proxy stands between connector and domain controller and understands LDAP without TLS,
// so that it can break connections at chosen messages.
type proxy struct {
	listener net.Listener
	target   string

	mu         sync.Mutex
	breakAfter int  // entries of an import until its connection breaks; -1 never
	loseAnswer bool // to the next request that changes the directory
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: l, target: strings.TrimPrefix(target, "ldap://"), breakAfter: -1}
	if !strings.Contains(p.target, ":") {
		p.target += ":389"
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		running.Wait()
	})
	return p
}

func (p *proxy) url() string { return "ldap://" + p.listener.Addr().String() }

func (p *proxy) set(breakAfter int, loseAnswer bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.breakAfter, p.loseAnswer = breakAfter, loseAnswer
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	var imports sync.Map // message ids of paged searches of whole trees outside the schema
	go func() {
		defer server.Close()
		defer client.Close()
		relay(server, client, func(id int64, op *ber.Packet, whole *ber.Packet) bool {
			if op.Tag == ldap.ApplicationSearchRequest && len(whole.Children) == 3 && op.Children[1].Value == int64(ldap.ScopeWholeSubtree) {
				imports.Store(id, true)
			}
			return true
		})
	}()
	entries := 0
	relay(client, server, func(id int64, op *ber.Packet, _ *ber.Packet) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch op.Tag {
		case ldap.ApplicationSearchResultEntry:
			if _, ok := imports.Load(id); ok {
				entries++
			}
			return p.breakAfter < 0 || entries <= p.breakAfter
		case ldap.ApplicationAddResponse, ldap.ApplicationModifyResponse, ldap.ApplicationDelResponse, ldap.ApplicationModifyDNResponse:
			lose := p.loseAnswer
			p.loseAnswer = false
			return !lose
		}
		return true
	})
}

// relay copies messages as long as allow lets them pass.
func relay(to io.Writer, from io.Reader, allow func(id int64, op, whole *ber.Packet) bool) {
	from = bufio.NewReader(from) // packets are read an octet at a time
	for {
		var raw bytes.Buffer
		m, err := ber.ReadPacket(io.TeeReader(from, &raw))
		if err != nil || len(m.Children) < 2 {
			return
		}
		id, _ := m.Children[0].Value.(int64)
		if !allow(id, m.Children[1], m) {
			return
		}
		if _, err := to.Write(raw.Bytes()); err != nil {
			return
		}
	}
}
