package cng

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hybridsync/hybridsync/credential"
)

// namePrefix marks the keys that are ours.
const namePrefix = "hybridsync-"

// A Store keeps keys in a CNG provider. It is safe for concurrent use.
type Store struct {
	name     string
	machine  bool
	hardware bool

	mu       sync.Mutex // guards provider, and creation and deletion of keys
	provider handle     // 0 when closed
}

var errClosed = errors.New("cng: the store is closed")

// Open opens a provider.
func Open(o *Options) (*Store, error) {
	var opts Options
	if o != nil {
		opts = *o
	}
	names := []string{opts.Provider}
	if opts.Provider == "" {
		names = []string{TPM, Software}
	}
	var errs []error
	for _, name := range names {
		h, err := openStorageProvider(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("cng: provider %q: %w", name, err))
			continue
		}
		impl, err := h.number(propertyImplType)
		return &Store{name: name, machine: opts.Machine, hardware: err == nil && impl&implTypeHardware != 0, provider: h}, nil
	}
	return nil, errors.Join(errs...)
}

// Close lets go of the provider. Keys that are in use stay usable. It is idempotent.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.provider.close()
	s.provider = 0
	return nil
}

// Info implements credential.KeyStore.
func (s *Store) Info() credential.KeyStoreInfo {
	i := credential.KeyStoreInfo{Kind: "cng", Hardware: s.hardware}
	if !s.hardware {
		i.Warning = fmt.Sprintf("keys are in software (%s): an administrator of this machine can get at them", s.name)
	}
	return i
}

func (s *Store) flags() uint32 {
	if s.machine {
		return machineFlag
	}
	return 0
}

// use calls fn with the open provider, one at a time.
func (s *Store) use(ctx context.Context, fn func(handle) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.provider == 0 {
		return errClosed
	}
	return fn(s.provider)
}

// Create implements credential.KeyStore.
func (s *Store) Create(ctx context.Context, id string) (crypto.Signer, error) {
	if err := credential.CheckKeyID(id); err != nil {
		return nil, err
	}
	if isHash(id) {
		return nil, fmt.Errorf("cng: key id %s has the form of a certificate's hash", id)
	}
	var k *key
	err := s.use(ctx, func(provider handle) error {
		h, err := provider.create(namePrefix+id, s.flags())
		if err == nil {
			k, err = newKey(id, h)
		}
		return describe(id, err)
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Open implements credential.KeyStore. An id that is the SHA-256 hash of a certificate opens
// the key of that certificate in the certificate store.
func (s *Store) Open(ctx context.Context, id string) (crypto.Signer, error) {
	if err := credential.CheckKeyID(id); err != nil {
		return nil, err
	}
	if isHash(id) {
		return s.openCertificate(ctx, id)
	}
	var k *key
	err := s.use(ctx, func(provider handle) error {
		h, err := provider.open(namePrefix+id, s.flags())
		if err == nil {
			k, err = newKey(id, h)
		}
		return describe(id, err)
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Delete implements credential.KeyStore.
func (s *Store) Delete(ctx context.Context, id string) error {
	if err := credential.CheckKeyID(id); err != nil {
		return err
	}
	if isHash(id) {
		return fmt.Errorf("cng: key %s: keys of the certificate store are their administrator's to delete", id)
	}
	return s.use(ctx, func(provider handle) error {
		h, err := provider.open(namePrefix+id, s.flags())
		if err != nil {
			return describe(id, err)
		}
		if err := call(deleteKey, uintptr(h), silentFlag); err != nil {
			h.close() // which a successful deletion does
			return describe(id, err)
		}
		return nil
	})
}

// List implements credential.KeyStore.
func (s *Store) List(ctx context.Context) ([]string, error) {
	var ids []string
	err := s.use(ctx, func(provider handle) error {
		names, err := provider.names(s.flags())
		for _, name := range names {
			if id, ok := strings.CutPrefix(name, namePrefix); ok && credential.CheckKeyID(id) == nil {
				ids = append(ids, id)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cng: %w", err)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// describe gives an error of Windows the meaning that callers branch on.
func describe(id string, err error) error {
	var s status
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &s):
	case s == nteExists:
		err = fmt.Errorf("%w: %w", credential.ErrKeyExists, err)
	case s == nteBadKeyset, s == nteNoKey, s == nteNotFound:
		err = fmt.Errorf("%w: %w", credential.ErrKeyNotFound, err)
	}
	return fmt.Errorf("cng: key %s: %w", id, err)
}

var _ credential.KeyStore = (*Store)(nil)
