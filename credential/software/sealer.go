package software

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/scrypt"

	"github.com/hybridsync/hybridsync/credential"
	"github.com/hybridsync/hybridsync/credential/internal/keydir"
)

// A Protector gives the secret under which a store's keys are sealed. Make one with
// [SystemdCredential], [Passphrase] or [KeyFile].
type Protector struct {
	name    string
	warning string
	// key returns the key-encryption key for a store whose salt is given.
	key func(salt []byte) ([]byte, error)
}

// String names the kind of protector.
func (p Protector) String() string { return p.name }

const kekSize = 32

// minSecret is the shortest secret that a systemd credential may hold: 128 bits.
const minSecret = 16

// SystemdCredential takes the secret from a credential of the running systemd service, by
// its name: the file of that name in $CREDENTIALS_DIRECTORY. It must hold 16 random bytes or
// more; make one with:
//
//	head -c 32 /dev/urandom | systemd-creds encrypt --name=NAME - /etc/credstore.encrypted/NAME
//
// and load it in the unit with LoadCredentialEncrypted=NAME.
func SystemdCredential(name string) Protector {
	return Protector{name: "systemd credential " + name, key: func(salt []byte) ([]byte, error) {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return nil, errors.New("CREDENTIALS_DIRECTORY is not set: the program does not run as a systemd service with credentials")
		}
		if name != filepath.Base(name) || name == "." || name == ".." {
			return nil, fmt.Errorf("%q is not the name of a credential", name)
		}
		secret, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		defer clear(secret)
		if len(secret) < minSecret {
			return nil, fmt.Errorf("the systemd credential %s holds fewer than %d bytes", name, minSecret)
		}
		return mix(secret, salt), nil
	}}
}

// scryptN is the cost of stretching a passphrase: about half a second and 128 MiB.
const scryptN = 1 << 17

// Passphrase stretches a passphrase with scrypt. An empty one is refused.
func Passphrase(p credential.Secret) Protector { return passphrase(p, scryptN) }

func passphrase(p credential.Secret, n int) Protector {
	return Protector{name: "passphrase", key: func(salt []byte) ([]byte, error) {
		if p.IsZero() {
			return nil, errors.New("the passphrase is empty")
		}
		return scrypt.Key([]byte(p.Reveal()), salt, n, 8, 1, kekSize)
	}}
}

// KeyFile keeps a random secret in a file that only its owner can read, and makes the file
// if there is none. This hides keys from other accounts and from careless copying; whoever
// can read both files can read the keys.
func KeyFile(path string) Protector {
	return Protector{
		name: "file " + path,
		warning: "private keys are sealed with a secret that lies in the file " + path +
			": whoever can read that file and the key folder has the keys; prefer a TPM, an HSM or systemd credentials",
		key: func(salt []byte) ([]byte, error) {
			secret, err := keydir.Read(path)
			if errors.Is(err, fs.ErrNotExist) {
				secret = make([]byte, kekSize)
				_, _ = rand.Read(secret) // never fails
				if err = keydir.WriteNew(path, secret); errors.Is(err, fs.ErrExist) {
					secret, err = keydir.Read(path) // another process was first
				}
			}
			if err != nil {
				return nil, err
			}
			defer clear(secret)
			if len(secret) < minSecret {
				return nil, fmt.Errorf("%s holds fewer than %d bytes", path, minSecret)
			}
			return mix(secret, salt), nil
		},
	}
}

// mix makes a key of a secret that is random already.
func mix(secret, salt []byte) []byte {
	h := sha256.New()
	h.Write([]byte("hybridsync key store 1"))
	h.Write(salt)
	h.Write(secret)
	return h.Sum(nil)
}
