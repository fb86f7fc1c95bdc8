package ad

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/internal/ldapwire"
)

func TestGarbageIsAProtocolError(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	w := ldapwire.New(client, 1000)
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
	require.ErrorIs(t, err, ldapwire.ErrMessage)
	require.Positive(t, w.Written())
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
