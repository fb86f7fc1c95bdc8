package credential

import (
	"context"
	"crypto"
	"errors"
	"fmt"
)

// A KeyStore makes and keeps private keys: RSA, 2048 bits. It hands out what signs with
// them, never the keys. Implementations are [software.Store], [tpm.Store],
// [pkcs11.Store] and [cng.Store]; package credentialtest has the suite that they pass. A
// store is safe for concurrent use, and so are its keys.
//
// [software.Store]: https://pkg.go.dev/github.com/hybridsync/hybridsync/credential/software
// [tpm.Store]: https://pkg.go.dev/github.com/hybridsync/hybridsync/credential/tpm
// [pkcs11.Store]: https://pkg.go.dev/github.com/hybridsync/hybridsync/credential/pkcs11
// [cng.Store]: https://pkg.go.dev/github.com/hybridsync/hybridsync/credential/cng
type KeyStore interface {
	// Info describes the store.
	Info() KeyStoreInfo
	// Create makes a key under an id, see [CheckKeyID]. An id that is taken gives
	// [ErrKeyExists]. When the call was interrupted the key is there whole or not at all.
	Create(ctx context.Context, id string) (crypto.Signer, error)
	// Open returns the key with that id. None gives [ErrKeyNotFound], a damaged one
	// [ErrKeyDamaged].
	Open(ctx context.Context, id string) (crypto.Signer, error)
	// Delete destroys the key with that id. None gives [ErrKeyNotFound].
	Delete(ctx context.Context, id string) error
	// List returns the ids of all keys, sorted.
	List(ctx context.Context) ([]string, error)
}

// KeyStoreInfo describes a key store.
type KeyStoreInfo struct {
	Kind string // "software", "tpm", "pkcs11", "cng"
	// Hardware says that keys cannot leave the store, not even with the rights of the
	// operating system's administrator.
	Hardware bool
	// Warning is what an administrator ought to know about how keys are protected, "" for
	// nothing.
	Warning string
}

// Conditions of key stores.
var (
	ErrKeyNotFound = errors.New("key not found")
	ErrKeyExists   = errors.New("key exists")
	// ErrKeyDamaged: what is stored is not what was written, or the secret that opens it is
	// another one.
	ErrKeyDamaged = errors.New("key is damaged or sealed with another secret")
	// ErrUnsafeFile: a file or folder with key material can be read or written by others
	// than its owner, or belongs to somebody else.
	ErrUnsafeFile = errors.New("unsafe file permissions")
)

// CheckKeyID reports whether an id can name a key: 1 to 64 lower-case letters, digits and
// hyphens, beginning with a letter or digit.
func CheckKeyID(id string) error {
	ok := len(id) > 0 && len(id) <= 64 && id[0] != '-'
	for _, r := range id {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		return fmt.Errorf("credential: key id %q is not made of 1 to 64 lower-case letters, digits and hyphens", id)
	}
	return nil
}
