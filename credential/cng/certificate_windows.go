package cng

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/hybridsync/hybridsync/credential"
)

// Certificate returns the certificate with a SHA-256 hash, 64 lower-case hexadecimal digits,
// from the personal store of the user or the machine. None gives credential.ErrKeyNotFound.
func (s *Store) Certificate(ctx context.Context, hash string) (*x509.Certificate, error) {
	var cert *x509.Certificate
	err := s.find(ctx, hash, func(c *windows.CertContext) (err error) {
		// The certificate keeps the bytes, which Windows frees.
		cert, err = x509.ParseCertificate(bytes.Clone(unsafe.Slice(c.EncodedCert, c.Length)))
		return err
	})
	return cert, err
}

// find calls fn with the certificate of that hash.
func (s *Store) find(ctx context.Context, hash string, fn func(*windows.CertContext) error) error {
	if !isHash(hash) {
		return fmt.Errorf("cng: %q is not a SHA-256 hash in lower-case hexadecimal digits", hash)
	}
	where := uint32(windows.CERT_SYSTEM_STORE_CURRENT_USER)
	if s.machine {
		where = windows.CERT_SYSTEM_STORE_LOCAL_MACHINE
	}
	store, err := windows.CertOpenStore(windows.CERT_STORE_PROV_SYSTEM, 0, 0,
		where|windows.CERT_STORE_READONLY_FLAG|windows.CERT_STORE_OPEN_EXISTING_FLAG, uintptr(unsafe.Pointer(wide("MY"))))
	missing := fmt.Errorf("cng: certificate %s: %w in the certificate store", hash, credential.ErrKeyNotFound)
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) { // nobody has put a certificate into it yet
		return missing
	}
	if err != nil {
		return fmt.Errorf("cng: certificate store: %w", err)
	}
	defer func() { _ = windows.CertCloseStore(store, 0) }()
	var c *windows.CertContext
	for {
		if ctx.Err() != nil {
			if c != nil {
				_ = windows.CertFreeCertificateContext(c)
			}
			return context.Cause(ctx)
		}
		c, err = windows.CertEnumCertificatesInStore(store, c) // which frees the one before
		if c == nil {
			if err != nil && !errors.Is(err, windows.Errno(windows.CRYPT_E_NOT_FOUND)) {
				return fmt.Errorf("cng: certificate store: %w", err)
			}
			return missing
		}
		sum := sha256.Sum256(unsafe.Slice(c.EncodedCert, c.Length))
		if hex.EncodeToString(sum[:]) == hash {
			err := fn(c)
			_ = windows.CertFreeCertificateContext(c)
			return err
		}
	}
}

// openCertificate opens the key of a certificate.
func (s *Store) openCertificate(ctx context.Context, hash string) (crypto.Signer, error) {
	var k *key
	err := s.find(ctx, hash, func(c *windows.CertContext) error {
		var h windows.Handle
		var spec uint32
		var mine bool
		err := windows.CryptAcquireCertificatePrivateKey(c,
			windows.CRYPT_ACQUIRE_ONLY_NCRYPT_KEY_FLAG|windows.CRYPT_ACQUIRE_SILENT_FLAG, nil, &h, &spec, &mine)
		if err != nil {
			return fmt.Errorf("cng: certificate %s: its key cannot be used; the account needs read access to it: %w", hash, err)
		}
		if !mine {
			return fmt.Errorf("cng: certificate %s: %w: the key belongs to the certificate's handle", hash, credential.ErrUnsuitableKey)
		}
		if policy, err := handle(h).number(propertyExportPolicy); err != nil || policy&exportAny != 0 {
			handle(h).close()
			return fmt.Errorf("cng: certificate %s: %w: its key is exportable; import it again without that", hash, credential.ErrUnsuitableKey)
		}
		k, err = newKey(hash, handle(h))
		return err
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// isHash reports whether an id is the SHA-256 hash of a certificate: no id that the library
// makes itself is that long.
func isHash(id string) bool {
	for _, r := range id {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return len(id) == 2*sha256.Size
}
