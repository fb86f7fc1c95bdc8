//go:build pkcs11 && cgo

package pkcs11

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/ThalesGroup/crypto11"
	p11 "github.com/miekg/pkcs11"

	"github.com/hybridsync/hybridsync/credential"
)

// labelPrefix marks the keys that are ours.
const labelPrefix = "hybridsync:"

const keyBits = 2048

// A Store keeps keys in a token. It is safe for concurrent use.
type Store struct {
	token *crypto11.Context
	label string

	mu     sync.Mutex // guards closed, and creation of keys
	closed bool
}

// Open logs in to a token.
func Open(c Config) (*Store, error) {
	if c.Module == "" || c.Token == "" {
		return nil, errors.New("pkcs11: module and token have to be named")
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = 16
	}
	token, err := crypto11.Configure(&crypto11.Config{
		Path: c.Module, TokenLabel: c.Token, Pin: c.PIN.Reveal(), MaxSessions: c.MaxSessions,
	})
	if err != nil {
		return nil, fmt.Errorf("pkcs11: token %s: %w", c.Token, err)
	}
	return &Store{token: token, label: c.Token}, nil
}

// Close logs out. It is idempotent.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.token.Close()
}

// Info implements credential.KeyStore.
func (s *Store) Info() credential.KeyStoreInfo {
	return credential.KeyStoreInfo{Kind: "pkcs11", Hardware: true}
}

// Create implements credential.KeyStore.
func (s *Store) Create(ctx context.Context, id string) (crypto.Signer, error) {
	if err := credential.CheckKeyID(id); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	have, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if have != nil {
		return nil, fmt.Errorf("pkcs11: key %s: %w", id, credential.ErrKeyExists)
	}
	public, private, err := template(id)
	if err != nil {
		return nil, fmt.Errorf("pkcs11: key %s: %w", id, err)
	}
	k, err := s.token.GenerateRSAKeyPairWithAttributes(public, private, keyBits)
	if err != nil {
		return nil, fmt.Errorf("pkcs11: key %s: %w", id, err)
	}
	return &key{id, k}, nil
}

// template holds the attributes of a new key: it signs, and does nothing else.
func template(id string) (public, private crypto11.AttributeSet, err error) {
	public, err = crypto11.NewAttributeSetWithIDAndLabel([]byte(id), []byte(labelPrefix+id))
	if err != nil {
		return nil, nil, err
	}
	private = public.Copy()
	set := func(a crypto11.AttributeSet, values map[crypto11.AttributeType]bool) {
		for attribute, value := range values {
			err = errors.Join(err, a.Set(attribute, value))
		}
	}
	set(public, map[crypto11.AttributeType]bool{
		crypto11.CkaToken: true, crypto11.CkaVerify: true, crypto11.CkaEncrypt: false, crypto11.CkaWrap: false,
	})
	set(private, map[crypto11.AttributeType]bool{
		crypto11.CkaToken: true, crypto11.CkaPrivate: true, crypto11.CkaSign: true, crypto11.CkaSensitive: true,
		crypto11.CkaExtractable: false, crypto11.CkaDecrypt: false, crypto11.CkaUnwrap: false,
	})
	return public, private, err
}

// find returns the key with that id, nil if there is none.
func (s *Store) find(id string) (crypto11.SignerDecrypter, error) {
	found, err := s.token.FindRSAKeyPairs([]byte(id), []byte(labelPrefix+id))
	switch {
	case err != nil:
		return nil, fmt.Errorf("pkcs11: key %s: %w", id, err)
	case len(found) == 0:
		return nil, nil
	case len(found) > 1:
		return nil, fmt.Errorf("pkcs11: key %s: %w: the token holds it %d times", id, credential.ErrKeyDamaged, len(found))
	}
	return found[0], nil
}

// Open implements credential.KeyStore. A key that could leave the token is refused with
// credential.ErrKeyDamaged: it was not made here.
func (s *Store) Open(ctx context.Context, id string) (crypto.Signer, error) {
	if err := credential.CheckKeyID(id); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	k, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, fmt.Errorf("pkcs11: key %s: %w", id, credential.ErrKeyNotFound)
	}
	for attribute, want := range map[crypto11.AttributeType]bool{crypto11.CkaSensitive: true, crypto11.CkaExtractable: false} {
		a, err := s.token.GetAttribute(k, attribute)
		if err != nil {
			return nil, fmt.Errorf("pkcs11: key %s: %w", id, err)
		}
		if got := len(a.Value) > 0 && a.Value[0] != p11.CK_FALSE; got != want {
			return nil, fmt.Errorf("pkcs11: key %s: %w: it can leave the token", id, credential.ErrKeyDamaged)
		}
	}
	return &key{id, k}, nil
}

// Delete implements credential.KeyStore.
func (s *Store) Delete(ctx context.Context, id string) error {
	if err := credential.CheckKeyID(id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	k, err := s.find(id)
	if err != nil {
		return err
	}
	if k == nil {
		return fmt.Errorf("pkcs11: key %s: %w", id, credential.ErrKeyNotFound)
	}
	if err := k.Delete(); err != nil {
		return fmt.Errorf("pkcs11: key %s: %w", id, err)
	}
	return nil
}

// List implements credential.KeyStore.
func (s *Store) List(ctx context.Context) ([]string, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	keys, err := s.token.FindAllKeyPairs()
	if err != nil {
		return nil, fmt.Errorf("pkcs11: %w", err)
	}
	var ids []string
	for _, k := range keys {
		a, err := s.token.GetAttribute(k, crypto11.CkaLabel)
		if err != nil {
			return nil, fmt.Errorf("pkcs11: %w", err)
		}
		if id, ok := strings.CutPrefix(string(a.Value), labelPrefix); ok && credential.CheckKeyID(id) == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// key is a signer in a token.
type key struct {
	id     string
	signer crypto11.Signer
}

// Public returns the public key.
func (k *key) Public() crypto.PublicKey { return k.signer.Public() }

// Sign signs a digest.
func (k *key) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if pss, ok := o.(*rsa.PSSOptions); ok && pss.SaltLength == rsa.PSSSaltLengthAuto {
		return nil, errors.New("pkcs11: the salt of PSS has to have a length")
	}
	signature, err := k.signer.Sign(r, digest, o)
	if err != nil {
		return nil, fmt.Errorf("pkcs11: key %s: sign: %w", k.id, err)
	}
	return signature, nil
}

// Format writes the id alone.
func (k *key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[HSM key "+k.id+"]") }

var _ credential.KeyStore = (*Store)(nil)
