package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"software.sslmate.com/src/go-pkcs12"
)

// FromCertificate returns a credential that signs in with the certificate and the RSA key
// in a file, see [LoadKeyPair]. The file is read once.
func FromCertificate(id Identity, file string, password *Secret, o *Options) (azcore.TokenCredential, error) {
	if err := id.validate(); err != nil {
		return nil, err
	}
	var pass Secret
	if password != nil {
		pass = *password
	}
	pair, err := LoadKeyPair(file, pass)
	if err != nil {
		return nil, err
	}
	c, err := NewSignerCredential(id, pair, o)
	if err != nil {
		return nil, err // never a nil *SignerCredential in the interface
	}
	return c, nil
}

// maxKeyFile bounds what is read.
const maxKeyFile = 1 << 20

// LoadKeyPair reads a certificate with its private key from a file, PEM or PKCS#12. A file
// that others than its owner can read is refused with [ErrUnsafeFile].
func LoadKeyPair(file string, password Secret) (KeyPair, error) {
	data, err := readPrivate(file)
	if err != nil {
		return KeyPair{}, err
	}
	pair, err := ParseKeyPair(data, password)
	if err != nil {
		return KeyPair{}, fmt.Errorf("credential: certificate file %s: %w", file, err)
	}
	return pair, nil
}

// ErrPassword says that a password is missing or wrong.
var ErrPassword = errors.New("the password is missing or wrong")

// ParseKeyPair reads a certificate with its RSA key:
//
//   - PEM: a PKCS#8, encrypted PKCS#8 or PKCS#1 key and certificates, in any order;
//   - PKCS#12 of any vintage, from RC2 and triple DES to AES with PBES2 and PBMAC1.
//
// Other certificates, such as those of the issuers, are passed over. A wrong password gives
// [ErrPassword], a key that is no RSA key of 2048 bits [ErrUnsuitableKey].
func ParseKeyPair(data []byte, password Secret) (KeyPair, error) {
	var key any
	var certs []*x509.Certificate
	var err error
	if bytes.Contains(data, []byte("-----BEGIN")) {
		key, certs, err = parsePEM(data, password)
	} else {
		key, certs, err = parsePKCS12(data, password)
	}
	if err != nil {
		return KeyPair{}, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return KeyPair{}, fmt.Errorf("%w: there is no private key in it", ErrUnsuitableKey)
	}
	for _, c := range certs {
		if pub, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && pub.Equal(signer.Public()) {
			pair := KeyPair{c, signer}
			return pair, pair.validate()
		}
	}
	return KeyPair{}, fmt.Errorf("%w: there is no certificate of the private key in it", ErrUnsuitableKey)
}

func parsePEM(data []byte, password Secret) (key any, certs []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return key, certs, nil
		}
		var found any
		switch block.Type {
		case "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("certificate: %w", err)
			}
			certs = append(certs, c)
			continue
		case "PRIVATE KEY":
			found, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			found, err = decryptPKCS8(block.Bytes, password)
		case "RSA PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, nil, errors.New("the private key is encrypted in the old way of OpenSSL, which has no integrity check: convert it with openssl pkcs8 -topk8")
			}
			found, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		default:
			continue
		}
		if err != nil {
			if errors.Is(err, ErrPassword) {
				return nil, nil, err
			}
			// The parsers' texts may quote what they read.
			return nil, nil, fmt.Errorf("the block %s cannot be read as a private key", block.Type)
		}
		if key != nil {
			return nil, nil, errors.New("there is more than one private key in it")
		}
		key = found
	}
}

func parsePKCS12(data []byte, password Secret) (key any, certs []*x509.Certificate, err error) {
	key, leaf, rest, err := pkcs12.DecodeChain(data, password.Reveal())
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return nil, nil, ErrPassword
	case err != nil:
		return nil, nil, errors.New("it is neither PEM nor a PKCS#12 file that can be read")
	}
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey:
	default:
		return nil, nil, fmt.Errorf("%w: the key is not an RSA key", ErrUnsuitableKey)
	}
	return key, append([]*x509.Certificate{leaf}, rest...), nil
}

// readPrivate reads a file that holds a private key.
func readPrivate(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat() // of what was opened, not of what the name says by now
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("credential: %w: others than the owner can use %s (mode %04o): run chmod 600 on it",
			ErrUnsafeFile, file, info.Mode().Perm())
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("credential: %s is larger than %d bytes", file, maxKeyFile)
	}
	data := make([]byte, info.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return data, nil
}
