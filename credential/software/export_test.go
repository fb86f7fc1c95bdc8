package software

import (
	"crypto"
	"crypto/rsa"
)

// Private returns the key that a signer of a [Store] holds.
func Private(s crypto.Signer) *rsa.PrivateKey { return s.(signer).key }
