package tpm

import (
	"crypto/rsa"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/stretchr/testify/require"
)

// Attack tries to get the private key out.
func Attack(t *testing.T, s *Store, id string) {
	t.Helper()
	opened, err := s.Open(t.Context(), id)
	require.NoError(t, err)
	k := opened.(*key)
	err = s.with(k, func(dev transport.TPM, h tpm2.NamedHandle) error {
		read, err := tpm2.ReadPublic{ObjectHandle: h.Handle}.Execute(dev)
		require.NoError(t, err)
		public, err := read.OutPublic.Contents()
		require.NoError(t, err)
		require.True(t, public.ObjectAttributes.FixedTPM && public.ObjectAttributes.FixedParent && public.ObjectAttributes.SensitiveDataOrigin)
		require.False(t, public.ObjectAttributes.Decrypt)
		handle := tpm2.AuthHandle{Handle: h.Handle, Name: h.Name, Auth: tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Auth(s.auth))}
		_, err = tpm2.Duplicate{
			ObjectHandle: handle, NewParentHandle: tpm2.NamedHandle{Handle: tpm2.TPMRHNull},
			Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull},
		}.Execute(dev)
		require.Error(t, err, "duplication")
		// With a policy session that allows duplication, fixedTPM alone has to refuse.
		_, err = tpm2.Duplicate{
			ObjectHandle: tpm2.AuthHandle{Handle: h.Handle, Name: h.Name, Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16,
				func(dev transport.TPM, handle tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
					_, err := tpm2.PolicyCommandCode{PolicySession: handle, Code: tpm2.TPMCCDuplicate}.Execute(dev)
					return err
				})},
			NewParentHandle: tpm2.NamedHandle{Handle: tpm2.TPMRHNull}, Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull},
		}.Execute(dev)
		require.Error(t, err, "duplication under a policy")
		t.Logf("duplicate: %v", err)
		_, err = tpm2.Unseal{ItemHandle: handle}.Execute(dev)
		require.Error(t, err, "unsealing")
		_, err = tpm2.RSADecrypt{
			KeyHandle: handle, CipherText: tpm2.TPM2BPublicKeyRSA{Buffer: make([]byte, 256)},
			InScheme: tpm2.TPMTRSADecrypt{Scheme: tpm2.TPMAlgNull},
		}.Execute(dev)
		require.Error(t, err, "raw private-key operation")
		return nil
	})
	require.NoError(t, err)
	require.NotContains(t, string(k.private.Buffer), string(k.rsa.N.Bytes()[:16]))
	_, isKey := opened.(interface{ Primes() []byte })
	require.False(t, isKey)
	_, plain := opened.Public().(*rsa.PrivateKey)
	require.False(t, plain)
}
