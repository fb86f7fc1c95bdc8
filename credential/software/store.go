package software

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/internal/keydir"
)

const (
	saltFile = "salt"
	saltSize = 16
	keyBits  = 2048
)

// A Store keeps keys in a folder. It is safe for concurrent use, also by several processes.
type Store struct {
	dir       string
	protector Protector
	aead      cipher.AEAD
}

// sealed is the content of a key file.
type sealed struct {
	Version int    `json:"version"`
	Cipher  string `json:"cipher"`
	Nonce   []byte `json:"nonce"`
	Data    []byte `json:"data"`
}

const (
	version    = 1
	cipherName = "AES-256-GCM"
)

// Open opens the store in a folder, and makes the folder if there is none. It fails with
// credential.ErrUnsafeFile when others can use the folder. A secret other than the one that
// sealed the keys shows on opening a key.
func Open(dir string, p Protector) (*Store, error) {
	s := &Store{dir: dir, protector: p}
	if p.key == nil {
		return nil, errors.New("software: no protector")
	}
	if err := keydir.Make(dir); err != nil {
		return nil, fmt.Errorf("software: %w", err)
	}
	salt, err := s.salt()
	if err != nil {
		return nil, fmt.Errorf("software: salt: %w", err)
	}
	kek, err := p.key(salt)
	if err != nil {
		return nil, fmt.Errorf("software: %s: %w", p.name, err)
	}
	defer clear(kek)
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fmt.Errorf("software: %w", err)
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("software: %w", err)
	}
	return s, nil
}

// salt returns the store's salt, made on first use.
func (s *Store) salt() ([]byte, error) {
	path := filepath.Join(s.dir, saltFile)
	salt, err := keydir.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		salt = make([]byte, saltSize)
		_, _ = rand.Read(salt) // never fails
		if err = keydir.WriteNew(path, salt); errors.Is(err, fs.ErrExist) {
			salt, err = keydir.Read(path)
		}
	}
	if err == nil && len(salt) != saltSize {
		err = fmt.Errorf("%s has %d bytes instead of %d", path, len(salt), saltSize)
	}
	return salt, err
}

// Info implements credential.KeyStore.
func (s *Store) Info() credential.KeyStoreInfo {
	return credential.KeyStoreInfo{Kind: "software", Warning: s.protector.warning}
}

// Create implements credential.KeyStore.
func (s *Store) Create(ctx context.Context, id string) (crypto.Signer, error) {
	path, err := keydir.Path(s.dir, id)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("software: key %s: %w", id, err)
	}
	content, err := s.seal(id, key)
	if err != nil {
		return nil, fmt.Errorf("software: key %s: %w", id, err)
	}
	switch err := keydir.WriteNew(path, content); {
	case errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("software: key %s: %w", id, credential.ErrKeyExists)
	case err != nil:
		return nil, fmt.Errorf("software: key %s: %w", id, err)
	}
	return signer{key}, nil
}

func (s *Store) seal(id string, key *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	f := sealed{Version: version, Cipher: cipherName, Nonce: make([]byte, s.aead.NonceSize())}
	_, _ = rand.Read(f.Nonce) // never fails
	f.Data = s.aead.Seal(nil, f.Nonce, der, bound(id))
	return json.Marshal(f)
}

// bound ties a sealed key to its id and to the format.
func bound(id string) []byte { return []byte("hybridsync key 1\x00" + id) }

// Open implements credential.KeyStore.
func (s *Store) Open(ctx context.Context, id string) (crypto.Signer, error) {
	path, err := keydir.Path(s.dir, id)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	content, err := keydir.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("software: key %s: %w", id, credential.ErrKeyNotFound)
	case err != nil:
		return nil, fmt.Errorf("software: key %s: %w", id, err)
	}
	key, err := s.unseal(id, content)
	if err != nil {
		return nil, fmt.Errorf("software: key %s: %w", id, err)
	}
	return signer{key}, nil
}

func (s *Store) unseal(id string, content []byte) (*rsa.PrivateKey, error) {
	var f sealed
	if json.Unmarshal(content, &f) != nil {
		return nil, credential.ErrKeyDamaged
	}
	if f.Version != version || f.Cipher != cipherName {
		return nil, fmt.Errorf("version %d with cipher %q is not known to this program", f.Version, f.Cipher)
	}
	if len(f.Nonce) != s.aead.NonceSize() {
		return nil, credential.ErrKeyDamaged
	}
	der, err := s.aead.Open(nil, f.Nonce, f.Data, bound(id))
	if err != nil {
		return nil, credential.ErrKeyDamaged
	}
	defer clear(der)
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, credential.ErrKeyDamaged
	}
	return key, nil
}

// Delete implements credential.KeyStore. On a solid-state disk or a journalling file system
// the sealed bytes may survive for a while; without the secret they are useless.
func (s *Store) Delete(ctx context.Context, id string) error {
	path, err := keydir.Path(s.dir, id)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := keydir.Remove(path); err != nil {
		return fmt.Errorf("software: key %s: %w", id, err)
	}
	return nil
}

// List implements credential.KeyStore.
func (s *Store) List(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	ids, err := keydir.List(s.dir)
	if err != nil {
		return nil, fmt.Errorf("software: %w", err)
	}
	return ids, nil
}

// signer hides the key: it can sign and nothing else.
type signer struct{ key *rsa.PrivateKey }

// Public returns the public key.
func (s signer) Public() crypto.PublicKey { return s.key.Public() }

// Sign signs a digest.
func (s signer) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return s.key.Sign(r, digest, o)
}

// Format keeps the key out of everything that is printed.
func (s signer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[private key]") }

// MarshalJSON refuses: a private key is not written out.
func (s signer) MarshalJSON() ([]byte, error) {
	return nil, errors.New("software: a private key is not marshalled")
}

var _ credential.KeyStore = (*Store)(nil)
