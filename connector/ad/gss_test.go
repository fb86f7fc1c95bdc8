package ad

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/stretchr/testify/require"
)

func testContext(t testing.TB) gssContext {
	t.Helper()
	g, err := newGSSContext(types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: bytes.Repeat([]byte{7}, 32)}, true, 5, 9)
	require.NoError(t, err)
	return g
}

// acceptorToken makes a token as servers do: with filler octets and rotated, both of which
// Windows does and MIT Kerberos does not.
func acceptorToken(t testing.TB, g gssContext, message []byte, sealed bool, filler, rotated int, seq uint64) []byte {
	t.Helper()
	flags := byte(flagAcceptor)
	var body []byte
	extra := filler
	if sealed {
		flags |= flagConfidental
		plain := append(append(bytes.Clone(message), make([]byte, filler)...), g.header(flags, uint16(filler), 0, seq)...)
		_, secret, err := g.kind.EncryptMessage(g.key.KeyValue, plain, keyusage.GSSAPI_ACCEPTOR_SEAL)
		require.NoError(t, err)
		body = secret
	} else {
		sum, err := g.kind.GetChecksumHash(g.key.KeyValue, append(bytes.Clone(message), g.header(flags, 0, 0, seq)...), keyusage.GSSAPI_ACCEPTOR_SEAL)
		require.NoError(t, err)
		body, extra = append(bytes.Clone(message), sum...), len(sum)
	}
	at := len(body) - rotated%len(body)
	body = append(bytes.Clone(body[at:]), body[:at]...)
	return append(g.header(flags, uint16(extra), uint16(rotated), seq), body...)
}

func TestUnwrap(t *testing.T) {
	t.Parallel()
	for _, sealed := range []bool{false, true} {
		for _, rotated := range []int{0, 12, 28, 4000} {
			g := testContext(t)
			for i, message := range [][]byte{[]byte("one"), []byte("another message"), {}} {
				token := acceptorToken(t, g, message, sealed, 3*i, rotated, 9+uint64(i))
				for at := range token {
					if at == 6 || at == 7 { // the rotation is not protected, but then the rest is wrong
						continue
					}
					spoilt := bytes.Clone(token)
					spoilt[at] ^= 0x10
					_, err := g.unwrap(spoilt, sealed)
					require.ErrorIs(t, err, errSealed, at)
				}
				_, err := g.unwrap(token, !sealed)
				require.ErrorIs(t, err, errSealed)
				got, err := g.unwrap(token, sealed)
				require.NoError(t, err)
				require.True(t, bytes.Equal(message, got))
				_, err = g.unwrap(token, sealed)
				require.ErrorIs(t, err, errSealed, "replayed")
			}
		}
	}
}

func TestSealedConn(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	g := testContext(t)
	c := &sealedConn{Conn: client, gss: &g, limit: 300}
	sent := bytes.Repeat([]byte("0123456789"), 100)
	go func() { _, _ = c.Write(sent) }()
	var got []byte
	for seq := uint64(5); len(got) < len(sent); seq++ {
		var size [4]byte
		_, err := io.ReadFull(server, size[:])
		require.NoError(t, err)
		require.LessOrEqual(t, binary.BigEndian.Uint32(size[:]), uint32(300), "no more than the server takes")
		token := make([]byte, binary.BigEndian.Uint32(size[:]))
		_, err = io.ReadFull(server, token)
		require.NoError(t, err)
		require.NotContains(t, string(token), "0123456789")
		plain, err := g.kind.DecryptMessage(g.key.KeyValue, token[gssHeader:], keyusage.GSSAPI_INITIATOR_SEAL)
		require.NoError(t, err)
		require.Equal(t, token[:gssHeader], plain[len(plain)-gssHeader:])
		require.Equal(t, seq, binary.BigEndian.Uint64(token[8:]))
		got = append(got, plain[:len(plain)-gssHeader]...)
	}
	require.Equal(t, sent, got)

	go func() {
		token := acceptorToken(t, g, []byte("answer"), true, 0, 28, 9)
		_, _ = server.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(token))), token...))
		_, _ = server.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}()
	answer := make([]byte, 6)
	_, err := io.ReadFull(c, answer)
	require.NoError(t, err)
	require.Equal(t, "answer", string(answer))
	_, err = c.Read(answer)
	require.ErrorIs(t, err, errSealed)
}

func FuzzUnwrap(f *testing.F) {
	g := testContext(f)
	f.Add(acceptorToken(f, g, []byte("x"), true, 0, 28, 9), true)
	f.Add(acceptorToken(f, g, []byte("x"), false, 0, 12, 9), false)
	f.Fuzz(func(t *testing.T, token []byte, sealed bool) {
		g := testContext(t)
		_, _ = g.unwrap(token, sealed)
	})
}
