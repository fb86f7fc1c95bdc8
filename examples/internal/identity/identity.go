// Package identity makes the manager of an application identity from settings as programs have
// them, and has the commands with which an administrator looks after it. examples/certificate and
// examples/hybridsync share it.
package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/cng"
	"github.com/hybridsync/hybridsync/credential/pkcs11"
	"github.com/hybridsync/hybridsync/credential/software"
	"github.com/hybridsync/hybridsync/credential/tpm"
)

// A Config says which identity it is and where its keys are.
type Config struct {
	credential.Settings
	Dir      string // of the state, and of keys of the stores software and tpm
	KeyStore string // software, tpm, pkcs11 or cng
	Seal     string // of the store software: file, passphrase or systemd:NAME
	// Secret returns the passphrase of the seal, or the PIN of the token.
	Secret func() (credential.Secret, error)
	Device string // of the TPM, "" for the usual one
	Module string // PKCS #11 library
	Token  string // its label
}

// KeyStores and Modes are the words for them.
var (
	KeyStores = []string{"software", "tpm", "pkcs11", "cng"}
	Modes     = []string{string(credential.Managed), string(credential.BringYourOwnCertificate), string(credential.BringYourOwnApplication)}
)

// ValidSeal reports whether a seal can be meant.
func ValidSeal(seal string) bool {
	name, systemd := strings.CutPrefix(seal, "systemd:")
	return systemd && name != "" || slices.Contains([]string{"file", "passphrase"}, seal)
}

// An Identity is a manager with its key store.
type Identity struct {
	*credential.Manager
	close func() error
}

// Open opens the key store and makes the manager. state nil means a file in the folder.
func Open(c Config, state credential.StateStore, o *credential.ManagerOptions) (*Identity, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	i := &Identity{close: func() error { return nil }}
	keys, err := i.keys(&c)
	if err != nil {
		return nil, err
	}
	if state == nil {
		state = credential.NewFileState(filepath.Join(c.Dir, "identity.json"))
	}
	if i.Manager, err = credential.NewManager(c.Settings, keys, state, o); err != nil {
		return nil, errors.Join(err, i.close())
	}
	return i, nil
}

// Close closes the key store.
func (i *Identity) Close() error { return i.close() }

func (i *Identity) keys(c *Config) (credential.KeyStore, error) {
	switch c.KeyStore {
	case "software":
		seal, err := c.protector()
		if err != nil {
			return nil, err
		}
		s, err := software.Open(filepath.Join(c.Dir, "keys"), seal)
		if err != nil {
			return nil, err
		}
		return s, nil
	case "tpm":
		s, err := tpm.OpenDevice(c.Device, filepath.Join(c.Dir, "tpm-keys"), nil)
		return closable(i, s, err)
	case "pkcs11":
		pin, err := c.Secret()
		if err != nil {
			return nil, err
		}
		s, err := pkcs11.Open(pkcs11.Config{Module: c.Module, Token: c.Token, PIN: pin})
		return closable(i, s, err)
	case "cng":
		s, err := cng.Open(nil)
		return closable(i, s, err)
	}
	return nil, fmt.Errorf("keystore: %q is not %s", c.KeyStore, strings.Join(KeyStores, ", "))
}

// closable has a key store closed at the end.
func closable[S interface {
	credential.KeyStore
	Close() error
}](i *Identity, s S, err error) (credential.KeyStore, error) {
	if err != nil {
		return nil, err
	}
	i.close = s.Close
	return s, nil
}

func (c *Config) protector() (software.Protector, error) {
	name, isSystemd := strings.CutPrefix(c.Seal, "systemd:")
	switch {
	case isSystemd:
		return software.SystemdCredential(name), nil
	case c.Seal == "passphrase":
		secret, err := c.Secret()
		return software.Passphrase(secret), err
	case c.Seal == "file":
		return software.KeyFile(filepath.Join(c.Dir, "seal")), nil
	}
	return software.Protector{}, fmt.Errorf("seal: %q is not file, passphrase or systemd:NAME", c.Seal)
}

// Authorities returns the system's certificate authorities and those in a file, nil for the
// system's alone.
func Authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}
