package ad

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

func message(size int) []byte {
	p := ber.NewSequence("LDAPMessage")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(make([]byte, size)), ""))
	return p.Bytes()
}

func TestFramerFollowsMessages(t *testing.T) {
	t.Parallel()
	var stream []byte
	for _, size := range []int{0, 1, 100, 127, 128, 255, 256, 70_000} {
		stream = append(stream, message(size)...)
	}
	for _, chunk := range []int{1, 2, 3, 7, 1000, len(stream)} {
		var f framer
		for rest := stream; len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
			require.NoError(t, f.pass(rest[:min(chunk, len(rest))], 1<<20))
		}
		require.Equal(t, framer{length: f.length}, f, "between two messages")
	}
}

func TestFramerRefuses(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string][]byte{
		"too large":   message(2000),
		"another tag": []byte("HTTP/1.1 400\r\n"),
		"indefinite":  {0x30, 0x80},
		"long length": {0x30, 0x89, 1},
		"absurd":      {0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		var f framer
		require.ErrorIs(t, f.pass(stream, 1000), errMessage, name)
	}
}

func FuzzFramer(f *testing.F) {
	f.Add(message(5), uint8(1))
	f.Add([]byte{0x30, 0x84, 0, 0, 0, 1, 0}, uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, at uint8) {
		var whole, parts framer
		err := whole.pass(stream, 1<<16)
		cut := min(int(at), len(stream))
		err2 := parts.pass(stream[:cut], 1<<16)
		if err2 == nil {
			err2 = parts.pass(stream[cut:], 1<<16)
		}
		require.Equal(t, err == nil, err2 == nil, "how a stream is cut makes no difference")
	})
}

func TestGarbageIsAProtocolError(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	w := &wire{Conn: client, limit: 1000}
	l := &link{wire: w, conn: ldap.NewConn(w, true), timeout: 1 << 40}
	l.conn.Start()
	defer l.close()
	go func() {
		if _, err := io.ReadFull(server, make([]byte, 10)); err == nil {
			go io.Copy(io.Discard, server) //nolint:errcheck // a test's other side
			server.Write([]byte("what?"))  //nolint:errcheck // ditto
		}
	}()
	_, err := l.search(t.Context(), &ldap.SearchRequest{Filter: anything})
	require.ErrorIs(t, err, connector.ErrProtocol)
	require.ErrorIs(t, err, errMessage)
	require.Positive(t, w.written.Load())
}

func TestResultErrors(t *testing.T) {
	t.Parallel()
	e := newResultError(&ldap.Error{ResultCode: 50, Err: errors.New("00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0")})
	require.ErrorIs(t, e, connector.ErrPermission)
	require.Equal(t, "LDAP result 50 (insufficient access rights), Windows error 8344 (insufficient access rights to perform the operation)", e.Error())
	e = newResultError(&ldap.Error{ResultCode: 19, Err: errors.New("000021C8: AtrErr: DSID-03200EB6, #1:\n\t0: 000021C8: DSID-03200EB6, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 90290 (userPrincipalName)")})
	require.Equal(t, "userPrincipalName", e.attribute)
	require.Equal(t, uint32(8648), e.windows)
	e = newResultError(&ldap.Error{ResultCode: 49, Err: errors.New("80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 775, v4563")})
	require.ErrorIs(t, e, connector.ErrAuthentication)
	require.Equal(t, "LDAP result 49 (invalid credentials): the account is locked", e.Error())
	e = newResultError(&ldap.Error{ResultCode: 80, Err: errors.New("value 'secret' is wrong, Att (se cret)")})
	require.NotContains(t, e.Error(), "secret")
	for _, code := range []uint16{51, 52, 3, 11} {
		require.True(t, connector.IsTransient(&resultError{result: code}))
	}
	require.False(t, bytes.Contains([]byte((&resultError{result: 9999}).Error()), []byte("()")))
}
