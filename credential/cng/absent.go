//go:build !windows

package cng

import (
	"context"
	"crypto/x509"

	"github.com/hybridsync/hybridsync/credential"
)

// A Store keeps keys in Windows. On this system it cannot be opened.
type Store struct{ credential.KeyStore }

// Open fails with [ErrNotWindows].
func Open(*Options) (*Store, error) { return nil, ErrNotWindows }

// Close does nothing.
func (*Store) Close() error { return nil }

// Certificate fails with [ErrNotWindows].
func (*Store) Certificate(context.Context, string) (*x509.Certificate, error) {
	return nil, ErrNotWindows
}
