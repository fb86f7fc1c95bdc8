package pkcs11

import (
	"errors"

	"github.com/hybridsync/hybridsync/credential"
)

// ErrNotCompiled says that the program was built without the tag pkcs11.
var ErrNotCompiled = errors.New("pkcs11: the program was built without PKCS #11: use -tags pkcs11 and cgo")

// Config says which token to use.
type Config struct {
	// Module is the file of the PKCS #11 library. Required.
	Module string
	// Token is the token's label. Required.
	Token string
	// PIN of the token's user.
	PIN credential.Secret
	// MaxSessions bounds how many commands run at the same time. Zero means 16.
	MaxSessions int
}
