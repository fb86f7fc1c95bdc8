package cng

import (
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"math/big"
)

// publicMagic begins a BCRYPT_RSAPUBLIC_BLOB.
const publicMagic = 0x31415352 // "RSA1"

var errBlob = errors.New("what Windows says of the public key cannot be read")

// publicKey reads a BCRYPT_RSAPUBLIC_BLOB: six 32-bit numbers, of which the first four are a
// magic number, the bits, and the bytes of exponent and modulus; then these two, big-endian.
func publicKey(blob []byte) (*rsa.PublicKey, error) {
	const header = 24
	if len(blob) < header || binary.LittleEndian.Uint32(blob) != publicMagic {
		return nil, errBlob
	}
	exponent := uint64(binary.LittleEndian.Uint32(blob[8:]))
	modulus := uint64(binary.LittleEndian.Uint32(blob[12:]))
	rest := blob[header:]
	if exponent == 0 || exponent > 4 || modulus == 0 || exponent+modulus > uint64(len(rest)) {
		return nil, errBlob
	}
	e := new(big.Int).SetBytes(rest[:exponent])
	n := new(big.Int).SetBytes(rest[exponent : exponent+modulus])
	if !e.IsInt64() || e.Int64() > 1<<31-1 || e.Int64() < 3 || n.Sign() == 0 {
		return nil, errBlob
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}
