package tpm

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/hybridsync/hybridsync/credential"
)

// signingKey is the template of keys: they sign and do nothing else, never leave the TPM, and
// are exempt from the dictionary-attack lockout, which would stop sign-ins.
func signingKey() tpm2.TPMTPublic {
	return tpm2.TPMTPublic{
		Type: tpm2.TPMAlgRSA, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{
			FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, SignEncrypt: true,
		},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{KeyBits: 2048}),
	}
}

// parent makes the storage root key, which the TPM derives from its seed each time.
func (s *Store) parent() (*tpm2.CreatePrimaryResponse, error) {
	r, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(s.own)},
		InPublic:      tpm2.New2B(tpm2.ECCSRKTemplate),
	}.Execute(s.tpm)
	if err != nil {
		return nil, fmt.Errorf("storage root key: %w", err)
	}
	return r, nil
}

// session authorises with a password over a session salted to the storage root key, so that
// neither passwords nor what is made travel in the clear between processor and chip.
func session(parent *tpm2.CreatePrimaryResponse, auth []byte) (tpm2.Session, error) {
	public, err := parent.OutPublic.Contents()
	if err != nil {
		return nil, err
	}
	return tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Auth(auth), tpm2.Salted(parent.ObjectHandle, *public),
		tpm2.AESEncryption(128, tpm2.EncryptInOut)), nil
}

func (s *Store) flush(h tpm2.TPMHandle) { _, _ = tpm2.FlushContext{FlushHandle: h}.Execute(s.tpm) }

func (s *Store) create() (*blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parent, err := s.parent()
	if err != nil {
		return nil, err
	}
	defer s.flush(parent.ObjectHandle)
	auth, err := session(parent, nil)
	if err != nil {
		return nil, err
	}
	r, err := tpm2.Create{
		ParentHandle: tpm2.AuthHandle{Handle: parent.ObjectHandle, Name: parent.Name, Auth: auth},
		InSensitive:  tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: s.auth}}},
		InPublic:     tpm2.New2B(signingKey()),
	}.Execute(s.tpm)
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	return &blob{version, r.OutPublic.Bytes(), r.OutPrivate.Buffer}, nil
}

// key is a signer whose private part the TPM alone can use.
type key struct {
	store   *Store
	id      string
	public  tpm2.TPM2BPublic
	private tpm2.TPM2BPrivate
	rsa     *rsa.PublicKey
}

func (s *Store) key(id string, b *blob) (*key, error) {
	k := &key{store: s, id: id, public: tpm2.BytesAs2B[tpm2.TPMTPublic](b.Public), private: tpm2.TPM2BPrivate{Buffer: b.Private}}
	damaged := fmt.Errorf("tpm: key %s: %w", id, credential.ErrKeyDamaged)
	public, err := k.public.Contents()
	if err != nil {
		return nil, damaged
	}
	pub, err := tpm2.Pub(*public)
	if err != nil {
		return nil, damaged
	}
	var ok bool
	if k.rsa, ok = pub.(*rsa.PublicKey); !ok || !public.ObjectAttributes.FixedTPM || !public.ObjectAttributes.FixedParent {
		return nil, damaged
	}
	return k, nil
}

// with loads a key for the length of fn.
func (s *Store) with(k *key, fn func(transport.TPM, tpm2.NamedHandle) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	parent, err := s.parent()
	if err != nil {
		return err
	}
	defer s.flush(parent.ObjectHandle)
	auth, err := session(parent, nil)
	if err != nil {
		return err
	}
	loaded, err := tpm2.Load{
		ParentHandle: tpm2.AuthHandle{Handle: parent.ObjectHandle, Name: parent.Name, Auth: auth},
		InPrivate:    k.private, InPublic: k.public,
	}.Execute(s.tpm)
	switch {
	case errors.Is(err, tpm2.TPMRCIntegrity), errors.Is(err, tpm2.TPMRCBinding), errors.Is(err, tpm2.TPMRCSize), errors.Is(err, tpm2.TPMRCValue):
		return fmt.Errorf("%w: it is of another TPM, or the TPM was cleared: %w", credential.ErrKeyDamaged, err)
	case err != nil:
		return fmt.Errorf("load: %w", err)
	}
	defer s.flush(loaded.ObjectHandle)
	return fn(s.tpm, tpm2.NamedHandle{Handle: loaded.ObjectHandle, Name: loaded.Name})
}

// Public returns the public key.
func (k *key) Public() crypto.PublicKey { return k.rsa }

// Sign signs a SHA-256 digest with PKCS #1 v1.5 or, with [rsa.PSSOptions], PSS. The TPM
// chooses the salt: a length other than that of the hash cannot be asked for.
func (k *key) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	scheme := tpm2.TPMAlgRSASSA
	if pss, ok := o.(*rsa.PSSOptions); ok {
		scheme = tpm2.TPMAlgRSAPSS
		if pss.SaltLength != rsa.PSSSaltLengthEqualsHash && pss.SaltLength != crypto.SHA256.Size() {
			return nil, errors.New("tpm: the salt has to be as long as the hash")
		}
	}
	if o.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, errors.New("tpm: keys sign SHA-256 digests")
	}
	var signature []byte
	err := k.store.with(k, func(t transport.TPM, h tpm2.NamedHandle) error {
		r, err := tpm2.Sign{
			KeyHandle: tpm2.AuthHandle{Handle: h.Handle, Name: h.Name,
				Auth: tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Auth(k.store.auth))},
			Digest:     tpm2.TPM2BDigest{Buffer: digest},
			InScheme:   tpm2.TPMTSigScheme{Scheme: scheme, Details: tpm2.NewTPMUSigScheme(scheme, &tpm2.TPMSSchemeHash{HashAlg: tpm2.TPMAlgSHA256})},
			Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck},
		}.Execute(t)
		if err != nil {
			return err
		}
		signature, err = signatureOf(&r.Signature, scheme)
		return err
	})
	if errors.Is(err, tpm2.TPMRCAuthFail) || errors.Is(err, tpm2.TPMRCBadAuth) {
		return nil, fmt.Errorf("tpm: key %s: the TPM refuses the password of the key: %w", k.id, err)
	}
	if err != nil {
		return nil, fmt.Errorf("tpm: key %s: sign: %w", k.id, err)
	}
	return signature, nil
}

func signatureOf(s *tpm2.TPMTSignature, scheme tpm2.TPMIAlgSigScheme) ([]byte, error) {
	get := s.Signature.RSASSA
	if scheme == tpm2.TPMAlgRSAPSS {
		get = s.Signature.RSAPSS
	}
	r, err := get()
	if err != nil {
		return nil, err
	}
	return r.Sig.Buffer, nil
}

// Format writes the id alone.
func (k *key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[TPM key "+k.id+"]") }
