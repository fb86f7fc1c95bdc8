package tpm

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/internal/keydir"
)

// Options adjust a [Store]. The zero value, or nil, is good.
type Options struct {
	// Auth is a password that the TPM demands for using a key. The zero Secret means none:
	// access to the device and the folder is what protects use. All keys of a store have
	// the same.
	Auth credential.Secret
	// OwnerAuth is the password of the owner hierarchy, on machines that have set one.
	OwnerAuth credential.Secret
}

// A Store keeps keys that only one TPM can use. It sends one command at a time and is safe
// for concurrent use.
type Store struct {
	dir  string
	auth []byte
	own  []byte

	mu  sync.Mutex // guards tpm: what belongs together is not interrupted
	tpm transport.TPMCloser
}

// blob is the content of a key file.
type blob struct {
	Version int    `json:"version"`
	Public  []byte `json:"public"`  // TPM2B_PUBLIC
	Private []byte `json:"private"` // TPM2B_PRIVATE, encrypted by the TPM
}

const version = 1

// New returns a store for a TPM whose wrapped keys are in a folder, which is made if there
// is none. The store owns the connection: [Store.Close] closes it.
func New(t transport.TPMCloser, dir string, o *Options) (*Store, error) {
	if err := keydir.Make(dir); err != nil {
		return nil, fmt.Errorf("tpm: %w", err)
	}
	s := &Store{dir: dir, tpm: patient{t}}
	if o != nil {
		s.auth, s.own = []byte(o.Auth.Reveal()), []byte(o.OwnerAuth.Reveal())
	}
	return s, nil
}

// Close closes the connection to the TPM.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tpm.Close()
}

// Info implements credential.KeyStore.
func (s *Store) Info() credential.KeyStoreInfo {
	return credential.KeyStoreInfo{Kind: "tpm", Hardware: true}
}

// Create implements credential.KeyStore.
func (s *Store) Create(ctx context.Context, id string) (crypto.Signer, error) {
	path, err := keydir.Path(s.dir, id)
	if err != nil {
		return nil, err
	}
	if _, err := keydir.Read(path); err == nil { // spare the TPM the work
		return nil, fmt.Errorf("tpm: key %s: %w", id, credential.ErrKeyExists)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	b, err := s.create()
	if err != nil {
		return nil, fmt.Errorf("tpm: key %s: %w", id, err)
	}
	content, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("tpm: key %s: %w", id, err)
	}
	switch err := keydir.WriteNew(path, content); {
	case errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("tpm: key %s: %w", id, credential.ErrKeyExists)
	case err != nil:
		return nil, fmt.Errorf("tpm: key %s: %w", id, err)
	}
	return s.key(id, b)
}

// Open implements credential.KeyStore. The key is loaded once, so that one of another TPM is
// found out here, with credential.ErrKeyDamaged.
func (s *Store) Open(ctx context.Context, id string) (crypto.Signer, error) {
	path, err := keydir.Path(s.dir, id)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	content, err := keydir.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("tpm: key %s: %w", id, credential.ErrKeyNotFound)
	case err != nil:
		return nil, fmt.Errorf("tpm: key %s: %w", id, err)
	}
	var b blob
	if json.Unmarshal(content, &b) != nil {
		return nil, fmt.Errorf("tpm: key %s: %w", id, credential.ErrKeyDamaged)
	}
	if b.Version != version {
		return nil, fmt.Errorf("tpm: key %s: version %d is not known to this program", id, b.Version)
	}
	k, err := s.key(id, &b)
	if err != nil {
		return nil, err
	}
	if err := s.with(k, func(transport.TPM, tpm2.NamedHandle) error { return nil }); err != nil {
		return nil, fmt.Errorf("tpm: key %s: %w", id, err)
	}
	return k, nil
}

// Delete implements credential.KeyStore.
func (s *Store) Delete(ctx context.Context, id string) error {
	path, err := keydir.Path(s.dir, id)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := keydir.Remove(path); err != nil {
		return fmt.Errorf("tpm: key %s: %w", id, err)
	}
	return nil
}

// List implements credential.KeyStore.
func (s *Store) List(ctx context.Context) ([]string, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	ids, err := keydir.List(s.dir)
	if err != nil {
		return nil, fmt.Errorf("tpm: %w", err)
	}
	return ids, nil
}

var _ credential.KeyStore = (*Store)(nil)
