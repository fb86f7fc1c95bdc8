package credential

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
)

// A KeyPair is a certificate and what signs with its private key. The signer may be a key in
// memory or one that never leaves a TPM or HSM. It must be safe for concurrent use.
type KeyPair struct {
	Certificate *x509.Certificate
	Signer      crypto.Signer
}

// Conditions of keys.
var (
	// ErrUnsuitableKey: a key or certificate is not what Entra ID takes: RSA of 2048 bits or
	// more, and a certificate of that very key.
	ErrUnsuitableKey = errors.New("unsuitable key or certificate")
	// ErrBadSignature: a key signs, but what it makes does not verify, or not as RFC 7518
	// has it.
	ErrBadSignature = errors.New("key makes wrong signatures")
)

// minBits is the shortest RSA key that is taken.
const minBits = 2048

// validate checks that certificate and signer belong together.
func (p KeyPair) validate() error {
	if p.Certificate == nil || p.Signer == nil {
		return fmt.Errorf("credential: %w: certificate or key is missing", ErrUnsuitableKey)
	}
	pub, ok := p.Signer.Public().(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("credential: %w: the key is not an RSA key", ErrUnsuitableKey)
	}
	if pub.N.BitLen() < minBits {
		return fmt.Errorf("credential: %w: the RSA key has %d bits, fewer than %d", ErrUnsuitableKey, pub.N.BitLen(), minBits)
	}
	if !pub.Equal(p.Certificate.PublicKey) {
		return fmt.Errorf("credential: %w: the certificate %s is of another key", ErrUnsuitableKey, Thumbprint(p.Certificate))
	}
	return nil
}

// An Algorithm is how client assertions are signed.
type Algorithm string

// The algorithms. PS256 is what Entra ID asks for; RS256 is for keys that cannot make a
// signature with a salt of 32 bytes, as some TPMs cannot, and is accepted as well.
const (
	PS256 Algorithm = "PS256"
	RS256 Algorithm = "RS256"
)

func (a Algorithm) options() crypto.SignerOpts {
	if a == RS256 {
		return crypto.SHA256
	}
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
}

// sign returns the signature of a message's SHA-256.
func (a Algorithm) sign(signer crypto.Signer, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return signer.Sign(rand.Reader, sum[:], a.options())
}

// verify checks a signature strictly: the salt has the length of the hash.
func (a Algorithm) verify(pub *rsa.PublicKey, message, signature []byte) error {
	sum := sha256.Sum256(message)
	if a == RS256 {
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], signature)
	}
	return rsa.VerifyPSS(pub, crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256})
}

// SelfTest makes a signature with the key and verifies it: PS256 with a salt of 32 bytes. A
// key that cannot make one, or makes it with another salt, is tried with RS256. It returns
// the algorithm that works. A key that makes neither gives [ErrBadSignature], together with
// what the key itself said.
func SelfTest(signer crypto.Signer) (Algorithm, error) {
	pub, ok := signer.Public().(*rsa.PublicKey)
	if !ok {
		return "", fmt.Errorf("credential: %w: the key is not an RSA key", ErrUnsuitableKey)
	}
	var errs []error
	for _, a := range []Algorithm{PS256, RS256} {
		err := testSign(a, signer, pub)
		if err == nil {
			return a, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", a, err))
	}
	return "", fmt.Errorf("credential: %w: %w", ErrBadSignature, errors.Join(errs...))
}

func testSign(a Algorithm, signer crypto.Signer, pub *rsa.PublicKey) error {
	message := []byte("hybridsync signing self-test " + rand.Text())
	sig, err := a.sign(signer, message)
	if err != nil {
		return err
	}
	return a.verify(pub, message, sig)
}
