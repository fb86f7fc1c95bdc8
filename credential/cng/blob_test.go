package cng

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func blobOf(pub *rsa.PublicKey) []byte {
	e, n := big.NewInt(int64(pub.E)).Bytes(), pub.N.Bytes()
	var b bytes.Buffer
	for _, v := range []uint32{publicMagic, uint32(pub.N.BitLen()), uint32(len(e)), uint32(len(n)), 0, 0} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	b.Write(e)
	b.Write(n)
	return b.Bytes()
}

func TestPublicKey(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	blob := blobOf(&key.PublicKey)
	got, err := publicKey(blob)
	require.NoError(t, err)
	require.True(t, got.Equal(&key.PublicKey))
	for cut := range blob {
		_, err := publicKey(blob[:cut])
		require.ErrorIs(t, err, errBlob, "%d bytes", cut)
	}
	wrong := bytes.Clone(blob)
	wrong[0]++
	_, err = publicKey(wrong)
	require.ErrorIs(t, err, errBlob)
}

func FuzzPublicKey(f *testing.F) {
	f.Add(blobOf(&rsa.PublicKey{N: big.NewInt(1 << 40), E: 65537}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, blob []byte) {
		pub, err := publicKey(blob)
		if err == nil {
			require.Positive(t, pub.N.Sign())
			require.Greater(t, pub.E, 2)
		}
	})
}
