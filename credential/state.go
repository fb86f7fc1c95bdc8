package credential

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Mode says who makes application and certificate.
type Mode string

// The modes.
const (
	// Managed: the library makes application, permissions, key and certificate, and
	// rotates by itself.
	Managed Mode = "managed"
	// BringYourOwnCertificate: the library makes the application; certificates come from
	// the administrator, who also decides when to rotate.
	BringYourOwnCertificate Mode = "byoc"
	// BringYourOwnApplication: application and certificates come from the administrator.
	BringYourOwnApplication Mode = "byoa"
	// ClientSecret: an application of the administrator's with a client secret. For tests,
	// and as the starting point of a move to a certificate.
	ClientSecret Mode = "secret"
)

func (m Mode) valid() bool {
	return slices.Contains([]Mode{Managed, BringYourOwnCertificate, BringYourOwnApplication, ClientSecret}, m)
}

// ownsApplication says that the library creates and deletes the application.
func (m Mode) ownsApplication() bool { return m == Managed || m == BringYourOwnCertificate }

// A Step is where an identity stands. It is stored before the step is done, and each step
// can be done again: a program that dies in one goes on there.
type Step string

// The steps, in their order. A new identity goes through all of them; a rotation goes from
// active to key, attach, prove, and back to active.
const (
	StepNone      Step = ""          // nothing was set up
	StepRegister  Step = "register"  // find or create the application
	StepPrincipal Step = "principal" // find or create its service principal
	StepPermit    Step = "permit"    // declare and grant its permissions
	StepKey       Step = "key"       // make the next key and its certificate
	StepAttach    Step = "attach"    // add the next certificate to the application
	StepProve     Step = "prove"     // get a token with the next key, then switch to it
	StepActive    Step = "active"    // in use
	StepRevoked   Step = "revoked"   // the current key was taken away
	StepRemoving  Step = "removing"  // the identity is being removed
)

// A State is what is remembered of an identity between runs. It holds no secret: private
// keys are in the key store, client secrets with the caller.
type State struct {
	Version    int    `json:"version"`
	Revision   uint64 `json:"revision"` // counts changes; a writer names the one it has seen
	Mode       Mode   `json:"mode,omitempty"`
	Step       Step   `json:"step,omitempty"`
	Deployment string `json:"deployment,omitempty"` // marks the application that is ours

	TenantID    string `json:"tenantId,omitempty"`
	ClientID    string `json:"clientId,omitempty"`
	ObjectID    string `json:"objectId,omitempty"` // of the application
	PrincipalID string `json:"principalId,omitempty"`

	Current  *KeyRecord `json:"current,omitempty"`
	Next     *KeyRecord `json:"next,omitempty"`     // being introduced
	Previous *KeyRecord `json:"previous,omitempty"` // for rolling back
	Retired  []Retired  `json:"retired,omitempty"`  // key credentials to be removed from the application
	Doomed   []string   `json:"doomed,omitempty"`   // ids of private keys to be destroyed

	Lease      *Lease    `json:"lease,omitempty"`
	Maintained time.Time `json:"maintained,omitzero"` // when maintenance last ran, to the hour
}

// A KeyRecord says where a key is and which certificate goes with it.
type KeyRecord struct {
	Source      KeySource `json:"source"`
	Ref         string    `json:"ref,omitempty"`         // key id or file name
	Certificate []byte    `json:"certificate,omitempty"` // DER
	KeyID       string    `json:"keyId,omitempty"`       // of the key credential in the tenant, "" if unknown
	Own         bool      `json:"own,omitempty"`         // made by the library, which may destroy it
	Mode        Mode      `json:"mode,omitempty"`        // the mode that the identity has with it
}

// A KeySource is a kind of place for keys.
type KeySource string

// The sources.
const (
	InKeyStore KeySource = "keystore"
	InFile     KeySource = "file"
	InSecret   KeySource = "secret" // a client secret, which the caller gives
)

func (k *KeyRecord) certificate() (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(k.Certificate)
	if err != nil {
		return nil, fmt.Errorf("credential: stored certificate: %w", err)
	}
	return c, nil
}

// same reports whether two records are of the same credential.
func (k *KeyRecord) same(o *KeyRecord) bool {
	if k == nil || o == nil {
		return k == o
	}
	return k.Source == o.Source && k.Ref == o.Ref && slices.Equal(k.Certificate, o.Certificate)
}

// A Retired key credential is to be removed from the application.
type Retired struct {
	KeyID       string    `json:"keyId,omitempty"` // "" if unknown: it is found by its hash
	SHA256Hash  string    `json:"sha256Hash"`
	Thumbprint  string    `json:"thumbprint"`
	RemoveAfter time.Time `json:"removeAfter"`
	Attempts    int       `json:"attempts,omitempty"`
	Problem     string    `json:"problem,omitempty"` // why it could not be removed
}

// A Lease keeps other servers of the deployment from changing the identity meanwhile.
type Lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
}

// Conditions of state stores and of managed identities.
var (
	// ErrStateConflict: somebody else has saved a state meanwhile.
	ErrStateConflict = errors.New("state was changed by somebody else")
	// ErrNotSetUp: there is no identity yet.
	ErrNotSetUp = errors.New("application identity is not set up")
	// ErrExpired: every key has expired. Only an administrator can add a new one.
	ErrExpired = errors.New("certificate has expired")
	// ErrRevoked: the key was taken away. Only an administrator can add a new one.
	ErrRevoked = errors.New("certificate was revoked")
	// ErrNoPrevious: there is nothing to roll back to.
	ErrNoPrevious = errors.New("no previous credential")
	// ErrInProgress: another change has to be brought to its end first.
	ErrInProgress = errors.New("another change is in progress")
	// ErrNeedsAdministrator: the step takes an administrator's credential.
	ErrNeedsAdministrator = errors.New("an administrator is needed")
)

// A BusyError says that another server is changing the identity.
type BusyError struct {
	Holder string
	Until  time.Time
}

// Error names the other server.
func (e *BusyError) Error() string {
	return fmt.Sprintf("credential: %s is changing the identity, until %s at the latest", e.Holder, e.Until.UTC().Format(time.RFC3339))
}

// A StateStore keeps one State. [FileState] is one; a deployment of several servers needs
// one that they share. It is safe for concurrent use.
type StateStore interface {
	// Load returns the state, the zero State if there is none yet.
	Load(ctx context.Context) (State, error)
	// Save replaces the state durably, all or nothing. It fails with [ErrStateConflict]
	// unless the stored revision is s.Revision-1.
	Save(ctx context.Context, s State) error
}
