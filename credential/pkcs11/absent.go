//go:build !pkcs11 || !cgo

package pkcs11

import "github.com/hybridsync/hybridsync/credential"

// A Store keeps keys in a token. In this program it cannot be opened.
type Store struct{ credential.KeyStore }

// Open fails with [ErrNotCompiled].
func Open(Config) (*Store, error) { return nil, ErrNotCompiled }

// Close does nothing.
func (*Store) Close() error { return nil }
