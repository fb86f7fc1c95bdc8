// Package credentialtest is the conformance suite of key stores: every implementation of
// credential.KeyStore, ours and other people's, passes [RunKeyStore].
package credentialtest

import (
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/credential"
)

// A Harness gives the suite key stores to work on.
type Harness struct {
	// New prepares an empty store and returns what opens it. The suite calls the result
	// more than once: each call opens the same keys again, as a restarted program does.
	New func(t *testing.T) (open func(t *testing.T) credential.KeyStore)
	// Export tries to get at the private key of an open store by every means that the
	// technology offers, and fails the test if one works. Nil where keys are in memory
	// anyway; required of stores that claim hardware.
	Export func(t *testing.T, store credential.KeyStore, id string)
}

// RunKeyStore runs the suite. Each failure names the rule that was broken.
func RunKeyStore(t *testing.T, h Harness) {
	t.Helper()
	t.Run("LifeOfAKey", func(t *testing.T) { lifeOfAKey(t, h) })
	t.Run("Identifiers", func(t *testing.T) { identifiers(t, h) })
	t.Run("Concurrency", func(t *testing.T) { concurrency(t, h) })
	t.Run("Secrecy", func(t *testing.T) { secrecy(t, h) })
}

func lifeOfAKey(t *testing.T, h Harness) {
	ctx := t.Context()
	open := h.New(t)
	s := open(t)
	ids, err := s.List(ctx)
	require.NoError(t, err)
	require.Empty(t, ids, "a new store has no keys")
	require.NotEmpty(t, s.Info().Kind, "a store names its kind")

	key, err := s.Create(ctx, "first")
	require.NoError(t, err)
	pub, ok := key.Public().(*rsa.PublicKey)
	require.True(t, ok, "keys are RSA keys")
	require.Equal(t, 2048, pub.N.BitLen(), "keys have 2048 bits")
	alg, err := credential.SelfTest(key)
	require.NoError(t, err, "keys make signatures that verify strictly")
	t.Logf("%s signs with %s", s.Info().Kind, alg)
	cert, err := credential.CreateCertificate(key, nil)
	require.NoError(t, err, "keys sign certificates")
	require.NoError(t, cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature))

	_, err = s.Create(ctx, "first")
	require.ErrorIs(t, err, credential.ErrKeyExists, "an id is given once")
	again := open(t)
	same, err := again.Open(ctx, "first")
	require.NoError(t, err, "keys are there after a restart")
	require.True(t, pub.Equal(same.Public()), "a key stays the same")
	_, err = credential.SelfTest(same)
	require.NoError(t, err, "a key signs after a restart")

	other, err := again.Create(ctx, "0-second")
	require.NoError(t, err)
	require.False(t, pub.Equal(other.Public()), "every key is another one")
	ids, err = again.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"0-second", "first"}, ids, "ids are listed in order")

	require.NoError(t, again.Delete(ctx, "first"))
	_, err = again.Open(ctx, "first")
	require.ErrorIs(t, err, credential.ErrKeyNotFound, "a deleted key is gone")
	require.ErrorIs(t, again.Delete(ctx, "first"), credential.ErrKeyNotFound)
	ids, err = open(t).List(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"0-second"}, ids, "deleting one key leaves the others")
	_, err = again.Create(ctx, "first")
	require.NoError(t, err, "the id of a deleted key is free")
}

func identifiers(t *testing.T, h Harness) {
	ctx := t.Context()
	s := h.New(t)(t)
	for _, id := range []string{"", "-x", "A", "a/b", "..", "a b", "a.key", "ä", strings.Repeat("a", 65)} {
		_, err := s.Create(ctx, id)
		require.Error(t, err, "id %q is refused on creation", id)
		_, err = s.Open(ctx, id)
		require.Error(t, err, "id %q is refused on opening", id)
		require.Error(t, s.Delete(ctx, id), "id %q is refused on deletion", id)
	}
	_, err := s.Open(ctx, "nobody")
	require.ErrorIs(t, err, credential.ErrKeyNotFound)
	longest := strings.Repeat("z", 64)
	_, err = s.Create(ctx, longest)
	require.NoError(t, err, "ids of 64 characters are taken")
	_, err = s.Open(ctx, longest)
	require.NoError(t, err)
	ids, err := s.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{longest}, ids)
}

func concurrency(t *testing.T, h Harness) {
	ctx := t.Context()
	s := h.New(t)(t)
	key, err := s.Create(ctx, "shared")
	require.NoError(t, err)
	alg, err := credential.SelfTest(key)
	require.NoError(t, err)
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	for range 16 {
		wg.Go(func() {
			got, err := credential.SelfTest(key)
			if err == nil && got != alg {
				err = fmt.Errorf("the algorithm changes from %s to %s", alg, got)
			}
			errs <- err
		})
		wg.Go(func() {
			k, err := s.Open(ctx, "shared")
			if err == nil {
				_, err = credential.SelfTest(k)
			}
			errs <- err
		})
	}
	created := make(chan error, 4)
	for range 4 {
		wg.Go(func() {
			_, err := s.Create(ctx, "raced")
			created <- err
		})
	}
	wg.Wait()
	close(errs)
	close(created)
	for err := range errs {
		require.NoError(t, err, "a key may be used by many goroutines")
	}
	var won int
	for err := range created {
		if err == nil {
			won++
		} else {
			require.ErrorIs(t, err, credential.ErrKeyExists)
		}
	}
	require.Equal(t, 1, won, "of those who race for an id, one gets it")
	ids, err := s.List(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"raced", "shared"}, ids, "who loses a race leaves nothing behind")
}

func secrecy(t *testing.T, h Harness) {
	ctx := t.Context()
	s := h.New(t)(t)
	key, err := s.Create(ctx, "secret")
	require.NoError(t, err)
	pub := key.Public().(*rsa.PublicKey)
	shown := fmt.Sprintf("%v %+v %#v %s %d %x", key, key, key, key, key, key)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", key)
	shown += log.String()
	if b, err := json.Marshal(key); err == nil {
		shown += string(b)
	}
	// Any prime factor of the modulus among the printed numbers is the private key.
	for _, word := range strings.FieldsFunc(shown, func(r rune) bool { return r < '0' || r > '9' }) {
		n, ok := new(big.Int).SetString(word, 10)
		if !ok || n.BitLen() < 512 || n.Cmp(pub.N) == 0 {
			continue
		}
		require.NotZero(t, new(big.Int).Mod(pub.N, n).Sign(), "printing a key shows a prime factor")
	}
	require.NotContains(t, shown, "PRIVATE KEY")
	_, isKey := key.(*rsa.PrivateKey)
	require.False(t, isKey, "a store hands out what signs, not the key")
	_, decrypts := key.(crypto.Decrypter)
	require.False(t, decrypts, "a key signs and does nothing else")
	if !s.Info().Hardware {
		return
	}
	require.NotNil(t, h.Export, "a store that claims hardware has to be attacked")
	h.Export(t, s, "secret")
	ids, err := s.List(ctx)
	require.NoError(t, err)
	require.True(t, slices.Contains(ids, "secret"))
}
