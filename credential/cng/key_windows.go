package cng

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// key is a signer whose private part Windows uses and does not show.
type key struct {
	id     string
	handle handle
	public *rsa.PublicKey
}

// newKey takes the handle over.
func newKey(id string, h handle) (*key, error) {
	blob, err := h.export()
	if err != nil {
		h.close()
		return nil, fmt.Errorf("cng: key %s: public part: %w", id, err)
	}
	pub, err := publicKey(blob)
	if err != nil {
		h.close()
		return nil, fmt.Errorf("cng: key %s: %w", id, err)
	}
	k := &key{id, h, pub}
	// Nobody closes a crypto.Signer.
	runtime.AddCleanup(k, func(h handle) { h.close() }, h)
	return k, nil
}

// Public returns the public key.
func (k *key) Public() crypto.PublicKey { return k.public }

// Sign signs a SHA-256 digest with PKCS #1 v1.5 or, with [rsa.PSSOptions], PSS.
func (k *key) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	defer runtime.KeepAlive(k)
	if o.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, errors.New("cng: keys sign SHA-256 digests")
	}
	salt := -1
	if pss, ok := o.(*rsa.PSSOptions); ok {
		switch salt = pss.SaltLength; salt {
		case rsa.PSSSaltLengthEqualsHash:
			salt = crypto.SHA256.Size()
		case rsa.PSSSaltLengthAuto:
			return nil, errors.New("cng: the salt of PSS has to have a length")
		}
	}
	signature, err := k.handle.sign(digest, salt)
	if err != nil {
		return nil, fmt.Errorf("cng: key %s: sign: %w", k.id, err)
	}
	return signature, nil
}

// Format writes the id alone.
func (k *key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[CNG key "+k.id+"]") }

var _ crypto.Signer = (*key)(nil)
