package lifecycletest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/hybridsync/hybridsync/credential"
)

// pool makes keys once: making one takes a third of a second.
var pool = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 4)
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	return keys
})

// Memory prepares key stores in memory whose keys repeat after four.
func Memory(*testing.T) func(*testing.T) credential.KeyStore {
	s := &memory{keys: map[string]*rsa.PrivateKey{}}
	return func(*testing.T) credential.KeyStore { return s }
}

type memory struct {
	mu   sync.Mutex // guards everything below
	made int
	keys map[string]*rsa.PrivateKey
}

// Info implements credential.KeyStore.
func (m *memory) Info() credential.KeyStoreInfo { return credential.KeyStoreInfo{Kind: "memory"} }

// Create implements credential.KeyStore.
func (m *memory) Create(_ context.Context, id string) (crypto.Signer, error) {
	if err := credential.CheckKeyID(id); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[id] != nil {
		return nil, credential.ErrKeyExists
	}
	m.keys[id] = pool()[m.made%4]
	m.made++
	return memoryKey{m.keys[id]}, nil
}

// Open implements credential.KeyStore.
func (m *memory) Open(_ context.Context, id string) (crypto.Signer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[id] == nil {
		return nil, credential.ErrKeyNotFound
	}
	return memoryKey{m.keys[id]}, nil
}

// Delete implements credential.KeyStore.
func (m *memory) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[id] == nil {
		return credential.ErrKeyNotFound
	}
	delete(m.keys, id)
	return nil
}

// List implements credential.KeyStore.
func (m *memory) List(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.keys)), nil
}

type memoryKey struct{ key *rsa.PrivateKey }

// Public returns the public key.
func (k memoryKey) Public() crypto.PublicKey { return k.key.Public() }

// Sign signs a digest.
func (k memoryKey) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return k.key.Sign(r, digest, o)
}

// Guarded is what [Scan] looks for in the stores of [Memory].
func Guarded() Secrecy {
	return Secrecy{Private: func(s crypto.Signer) *rsa.PrivateKey { return s.(memoryKey).key }}
}
