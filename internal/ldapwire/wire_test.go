package ldapwire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"
)

func message(size int) []byte {
	p := ber.NewSequence("LDAPMessage")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(make([]byte, size)), ""))
	return p.Bytes()
}

func TestReadMessage(t *testing.T) {
	t.Parallel()
	var stream, want []byte
	for _, size := range []int{0, 1, 100, 127, 128, 255, 256, 70_000} {
		stream = append(stream, message(size)...)
	}
	r := bufio.NewReaderSize(bytes.NewReader(stream), 16)
	for {
		m, err := readMessage(r, 1<<20)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		want = append(want, m...)
	}
	require.Equal(t, stream, want)
}

func TestReadMessageRefuses(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string][]byte{
		"too large":   message(2000),
		"another tag": []byte("HTTP/1.1 400\r\n"),
		"indefinite":  {0x30, 0x80},
		"long length": {0x30, 0x89, 1},
		"absurd":      {0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		_, err := readMessage(bufio.NewReader(bytes.NewReader(stream)), 1000)
		require.ErrorIs(t, err, ErrMessage, name)
	}
	_, err := readMessage(bufio.NewReader(bytes.NewReader(message(100)[:50])), 1000)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// encodedEntry is the content of a search result entry.
func encodedEntry(dn string, attributes map[string][]string) []byte {
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	text := func(s string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
	}
	body.AppendChild(text(dn))
	list := ber.NewSequence("")
	for name, values := range attributes {
		one := ber.NewSequence("")
		one.AppendChild(text(name))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range values {
			set.AppendChild(text(v))
		}
		one.AppendChild(set)
		list.AppendChild(one)
	}
	body.AppendChild(list)
	return body.Data.Bytes()
}

func TestDecodeEntry(t *testing.T) {
	t.Parallel()
	many := make([]string, 3000)
	for i := range many {
		many[i] = strings.Repeat("x", i%300)
	}
	want := map[string][]string{"cn": {"a"}, "member;range=0-2999": many, "title": {}, "objectGUID": {"\x00\xff"}}
	e, err := decodeEntry(string(encodedEntry("CN=a", want)))
	require.NoError(t, err)
	require.Equal(t, "CN=a", e.DN)
	require.Len(t, e.Attributes, len(want))
	for _, d := range e.Attributes {
		require.Equal(t, want[d.Name], d.Values)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(encodedEntry("CN=a", map[string][]string{"cn": {"a", "b"}}))
	f.Add(encodedEntry("", nil))
	f.Add([]byte{0x04, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := decodeEntry(string(body))
		if err != nil {
			require.ErrorIs(t, err, ErrMessage)
			return
		}
		size := len(e.DN)
		for _, d := range e.Attributes {
			size += len(d.Name)
			for _, v := range d.Values {
				size += len(v)
			}
		}
		require.LessOrEqual(t, size, len(body))
	})
}

// FuzzWire feeds the wire what a server could send in answer to a search.
func FuzzWire(f *testing.F) {
	whole := ber.NewSequence("LDAPMessage")
	whole.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 2, ""))
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	body.Data.Write(encodedEntry("CN=a", map[string][]string{"cn": {"a"}}))
	whole.AppendChild(body)
	one := whole.Bytes()
	f.Add(one)
	f.Add(append(bytes.Clone(one), 0x30, 0x0c, 2, 1, 2, 0x65, 7, 10, 1, 0, 4, 0, 4, 0))
	f.Add(one[:len(one)/2])
	f.Add([]byte{0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		w := New(client, 1<<16)
		taken := 0
		done, ok := w.Announce(func(*Entry) error { taken++; return nil }, nil)
		require.True(t, ok)
		w.mu.Lock()
		w.next.id, w.inboxes[2] = 2, w.next
		w.mu.Unlock()
		go func() {
			_, _ = server.Write(data)
			_ = server.Close()
		}()
		_, err := io.Copy(io.Discard, w)
		_ = client.Close()
		_ = err // any error will do
		done()
		require.LessOrEqual(t, taken, len(data))
	})
}

// sink is a connection that keeps what is written.
type sink struct {
	net.Conn
	bytes.Buffer
}

func (s *sink) Read(p []byte) (int, error)  { return s.Buffer.Read(p) }
func (s *sink) Write(p []byte) (int, error) { return s.Buffer.Write(p) }

func TestGuard(t *testing.T) {
	t.Parallel()
	ended := errors.New("ended")
	for _, tt := range []struct {
		op      ber.Tag
		kind    ber.Type
		refused bool
	}{
		{ldap.ApplicationModifyRequest, ber.TypeConstructed, true},
		{ldap.ApplicationAddRequest, ber.TypeConstructed, true},
		{ldap.ApplicationDelRequest, ber.TypePrimitive, true},
		{ldap.ApplicationModifyDNRequest, ber.TypeConstructed, true},
		{ldap.ApplicationSearchRequest, ber.TypeConstructed, false},
		{ldap.ApplicationAbandonRequest, ber.TypePrimitive, false},
		{ldap.ApplicationUnbindRequest, ber.TypePrimitive, false},
	} {
		request := ber.NewSequence("LDAPMessage")
		request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 7, ""))
		request.AppendChild(ber.Encode(ber.ClassApplication, tt.kind, tt.op, nil, ""))
		out := &sink{}
		w := New(out, 1000)
		w.Guard(func() error { return ended })
		_, err := w.Write(request.Bytes())
		if !tt.refused {
			require.NoError(t, err)
			require.Equal(t, request.Bytes(), out.Bytes())
			continue
		}
		require.ErrorIs(t, err, ended, "%v", tt.op)
		require.Zero(t, out.Len())
		require.Zero(t, w.Written())
		w.Guard(func() error { return nil })
		_, err = w.Write(request.Bytes())
		require.NoError(t, err)
		require.Equal(t, request.Bytes(), out.Bytes())
	}
}
