package credential

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/scrypt"
)

// The standard library does not read encrypted PKCS#8 (RFC 5958 with PBES2 of RFC 8018).
// What OpenSSL and others write is PBKDF2 or scrypt with AES-CBC or triple DES.

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

// Bounds of work, far above what tools write by default.
const (
	maxIterations   = 20_000_000
	maxScryptMemory = 1 << 30 // bytes, 128 * N * r
	maxScryptP      = 16
)

func oidIs(o asn1.ObjectIdentifier, text string) bool { return o.String() == text }

// decryptPKCS8 opens an EncryptedPrivateKeyInfo. CBC has no integrity check: a wrong password
// and a damaged file cannot be told apart, and both give ErrPassword.
func decryptPKCS8(der []byte, password Secret) (any, error) {
	var info encryptedKey
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("malformed encrypted key")
	}
	var params pbes2Params
	if !oidIs(info.Algorithm.Algorithm, "1.2.840.113549.1.5.13") {
		return nil, fmt.Errorf("encryption scheme %s is not supported", info.Algorithm.Algorithm)
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil {
		return nil, errors.New("malformed PBES2 parameters")
	}
	block, size, err := blockCipher(params.Cipher.Algorithm)
	if err != nil {
		return nil, err
	}
	key, err := deriveKey(params.KDF, password, size)
	if err != nil {
		return nil, err
	}
	var iv []byte
	if _, err := asn1.Unmarshal(params.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, errors.New("malformed cipher parameters")
	}
	c, err := block(key)
	if err != nil {
		return nil, err
	}
	if len(iv) != c.BlockSize() || len(info.Data) == 0 || len(info.Data)%c.BlockSize() != 0 {
		return nil, errors.New("malformed ciphertext")
	}
	plain := make([]byte, len(info.Data))
	defer clear(plain)
	cipher.NewCBCDecrypter(c, iv).CryptBlocks(plain, info.Data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > c.BlockSize() || pad > len(plain) {
		return nil, ErrPassword
	}
	parsed, err := x509.ParsePKCS8PrivateKey(plain[:len(plain)-pad])
	if err != nil {
		return nil, ErrPassword
	}
	return parsed, nil
}

func blockCipher(oid asn1.ObjectIdentifier) (func([]byte) (cipher.Block, error), int, error) {
	switch oid.String() {
	case "2.16.840.1.101.3.4.1.2":
		return aes.NewCipher, 16, nil
	case "2.16.840.1.101.3.4.1.22":
		return aes.NewCipher, 24, nil
	case "2.16.840.1.101.3.4.1.42":
		return aes.NewCipher, 32, nil
	case "1.2.840.113549.3.7":
		return des.NewTripleDESCipher, 24, nil
	}
	return nil, 0, fmt.Errorf("cipher %s is not supported", oid)
}

func deriveKey(kdf pkix.AlgorithmIdentifier, password Secret, size int) ([]byte, error) {
	switch {
	case oidIs(kdf.Algorithm, "1.2.840.113549.1.5.12"):
		var p pbkdf2Params
		if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p); err != nil || p.Iterations < 1 || p.Iterations > maxIterations {
			return nil, errors.New("malformed PBKDF2 parameters")
		}
		h, err := prf(p.PRF.Algorithm)
		if err != nil {
			return nil, err
		}
		return pbkdf2.Key(h, password.Reveal(), p.Salt, p.Iterations, size)
	case oidIs(kdf.Algorithm, "1.3.6.1.4.1.11591.4.11"):
		var p scryptParams
		_, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &p)
		if err != nil || p.N < 2 || p.R < 1 || p.P < 1 || p.P > maxScryptP || p.N > maxScryptMemory/128 || p.R > maxScryptMemory/128/p.N {
			return nil, errors.New("malformed scrypt parameters")
		}
		return scrypt.Key([]byte(password.Reveal()), p.Salt, p.N, p.R, p.P, size)
	}
	return nil, fmt.Errorf("key derivation %s is not supported", kdf.Algorithm)
}

func prf(oid asn1.ObjectIdentifier) (func() hash.Hash, error) {
	switch oid.String() {
	case "", "1.2.840.113549.2.7":
		return sha1.New, nil
	case "1.2.840.113549.2.8":
		return sha256.New224, nil
	case "1.2.840.113549.2.9":
		return sha256.New, nil
	case "1.2.840.113549.2.10":
		return sha512.New384, nil
	case "1.2.840.113549.2.11":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("pseudo-random function %s is not supported", oid)
}
