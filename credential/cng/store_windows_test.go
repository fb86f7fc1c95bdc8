package cng_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/cng"
	"github.com/hybridsync/hybridsync/credential/credentialtest"
)

// The suite needs an empty store, and leaves one. It runs on whatever the machine has.
func TestConformance(t *testing.T) {
	credentialtest.RunKeyStore(t, credentialtest.Harness{New: stores, Export: func(t *testing.T, s credential.KeyStore, id string) {
		cng.Attack(t, s.(*cng.Store), id)
	}})
}

func stores(t *testing.T) func(*testing.T) credential.KeyStore {
	open := func(t *testing.T) credential.KeyStore {
		s, err := cng.Open(nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	t.Cleanup(func() {
		s, err := cng.Open(nil)
		require.NoError(t, err)
		defer s.Close()
		ctx := context.WithoutCancel(t.Context())
		ids, err := s.List(ctx)
		require.NoError(t, err)
		for _, id := range ids {
			require.NoError(t, s.Delete(ctx, id))
		}
	})
	return open
}

func TestNoSuchCertificate(t *testing.T) {
	s, err := cng.Open(&cng.Options{Provider: cng.Software})
	require.NoError(t, err)
	hash := strings.Repeat("0", 64)
	_, err = s.Certificate(t.Context(), hash)
	require.ErrorIs(t, err, credential.ErrKeyNotFound)
	_, err = s.Open(t.Context(), hash)
	require.ErrorIs(t, err, credential.ErrKeyNotFound)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err = s.List(t.Context())
	require.Error(t, err)
}

// A certificate in the user's store is found by its hash, and its key is not where another
// certificate's would be.
func TestCertificate(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	cert, err := credential.CreateCertificate(key, nil)
	require.NoError(t, err)
	mine(t, func(store windows.Handle) {
		c, err := windows.CertCreateCertificateContext(windows.X509_ASN_ENCODING, &cert.Raw[0], uint32(len(cert.Raw)))
		require.NoError(t, err)
		require.NoError(t, windows.CertAddCertificateContextToStore(store, c, windows.CERT_STORE_ADD_ALWAYS, nil))
		require.NoError(t, windows.CertFreeCertificateContext(c))
	})
	defer mine(t, func(store windows.Handle) {
		for c, _ := windows.CertEnumCertificatesInStore(store, nil); c != nil; c, _ = windows.CertEnumCertificatesInStore(store, c) {
			if bytes.Equal(unsafe.Slice(c.EncodedCert, c.Length), cert.Raw) {
				require.NoError(t, windows.CertDeleteCertificateFromStore(c)) // which frees it
				return
			}
		}
	})

	s, err := cng.Open(&cng.Options{Provider: cng.Software})
	require.NoError(t, err)
	defer s.Close()
	sum := sha256.Sum256(cert.Raw)
	got, err := s.Certificate(t.Context(), hex.EncodeToString(sum[:]))
	require.NoError(t, err)
	require.True(t, got.Equal(cert))
	_, err = s.Open(t.Context(), hex.EncodeToString(sum[:]))
	require.Error(t, err, "the store holds no key for it")
	require.Error(t, s.Delete(t.Context(), hex.EncodeToString(sum[:])))
}

// mine opens the user's certificate store for the length of fn.
func mine(t *testing.T, fn func(windows.Handle)) {
	t.Helper()
	name, err := windows.UTF16PtrFromString("MY")
	require.NoError(t, err)
	store, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM, 0, 0, windows.CERT_SYSTEM_STORE_CURRENT_USER, uintptr(unsafe.Pointer(name)))
	require.NoError(t, err)
	fn(store)
	require.NoError(t, windows.CertCloseStore(store, 0))
}
