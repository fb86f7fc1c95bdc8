package credential

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// inner is a credential together with what it was made for.
type inner struct {
	cred     azcore.TokenCredential
	clientID string
	secret   bool
	checked  time.Time // when the state was last read for a client secret
}

// managedCredential is what [Manager.Credential] returns.
type managedCredential struct{ m *Manager }

// Credential returns the identity's token credential. It always signs in with the current
// key: after a rotation, by this process or another one, the next sign-in uses the new key
// while tokens that were issued stay in use. Before the identity is set up its GetToken
// fails with [ErrNotSetUp].
func (m *Manager) Credential() azcore.TokenCredential { return managedCredential{m} }

// secretRecheck is how often a credential with a client secret looks whether the identity
// has moved to a certificate. One with a certificate looks at every sign-in.
const secretRecheck = time.Minute

// GetToken implements [azcore.TokenCredential].
func (c managedCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	in, err := c.m.inner(ctx)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	token, err := in.cred.GetToken(ctx, o)
	if err == nil || !errors.Is(err, errMoved) {
		return token, err
	}
	c.m.forget() // the identity has moved to a client secret
	if in, err = c.m.inner(ctx); err != nil {
		return azcore.AccessToken{}, err
	}
	return in.cred.GetToken(ctx, o)
}

// errMoved says that a credential was made for a way of signing in that is over.
var errMoved = errors.New("the identity signs in differently now")

func (m *Manager) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = nil
}

func (m *Manager) inner(ctx context.Context) (*inner, error) {
	m.mu.Lock()
	in := m.current
	m.mu.Unlock()
	now := m.opts.Clock()
	if in != nil && (!in.secret || now.Sub(in.checked) < secretRecheck) {
		return in, nil
	}
	st, err := m.state.Load(ctx)
	if err != nil {
		return nil, err
	}
	if err := usable(&st); err != nil {
		return nil, err
	}
	made := &inner{clientID: st.ClientID, secret: st.Current.Source == InSecret, checked: now}
	if in != nil && in.secret && made.secret && in.clientID == made.clientID {
		made.cred = in.cred // with its tokens
	} else if made.cred, err = m.makeCredential(ctx, &st); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current == nil || m.current == in {
		m.current = made
	}
	return m.current, nil
}

// usable reports why there is nothing to sign in with.
func usable(st *State) error {
	switch {
	case st.Current != nil:
		return nil
	case st.Step == StepRevoked:
		return fmt.Errorf("credential: %w", ErrRevoked)
	default:
		return fmt.Errorf("credential: %w", ErrNotSetUp)
	}
}

func (m *Manager) makeCredential(ctx context.Context, st *State) (azcore.TokenCredential, error) {
	if st.Current.Source == InSecret {
		return m.secretCredential(ctx, st)
	}
	c, err := newSignerCredential(m.identity(st), &m.opts.Options)
	if err != nil {
		return nil, err
	}
	clientID := st.ClientID
	c.source = func(ctx context.Context) (*signing, error) { return m.currentSigning(ctx, clientID) }
	return c, nil
}

func (m *Manager) secretCredential(ctx context.Context, st *State) (azcore.TokenCredential, error) {
	if m.opts.Secret == nil {
		return nil, fmt.Errorf("credential: %w: ManagerOptions.Secret", ErrIncomplete)
	}
	secret, err := m.opts.Secret(ctx)
	if err != nil {
		return nil, fmt.Errorf("credential: client secret: %w", err)
	}
	return FromClientSecret(m.identity(st), secret, &m.opts.Options)
}

// currentSigning returns the current key, which another server may have rotated.
func (m *Manager) currentSigning(ctx context.Context, clientID string) (*signing, error) {
	st, err := m.state.Load(ctx)
	if err != nil {
		return nil, err
	}
	if err := usable(&st); err != nil {
		return nil, err
	}
	if st.Current.Source == InSecret || st.ClientID != clientID {
		return nil, errMoved
	}
	m.watch(ctx, &st)
	return m.signing(ctx, st.Current)
}

// signing opens the key of a record. The last one is kept open.
func (m *Manager) signing(ctx context.Context, r *KeyRecord) (*signing, error) {
	m.mu.Lock()
	loaded, record := m.loaded, m.record
	m.mu.Unlock()
	if loaded != nil && r.same(record) {
		return loaded, nil
	}
	pair, err := m.open(ctx, r)
	if err != nil {
		return nil, err
	}
	s, err := enrol(pair)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := *r
	m.loaded, m.record = s, &kept
	return s, nil
}

// open gets the key pair of a record.
func (m *Manager) open(ctx context.Context, r *KeyRecord) (KeyPair, error) {
	cert, err := r.certificate()
	if err != nil {
		return KeyPair{}, err
	}
	switch r.Source {
	case InKeyStore:
		if m.keys == nil {
			return KeyPair{}, fmt.Errorf("credential: %w: the key %s is in a key store, and there is none", ErrIncomplete, r.Ref)
		}
		signer, err := m.keys.Open(ctx, r.Ref)
		if err != nil {
			return KeyPair{}, fmt.Errorf("credential: key of certificate %s: %w", Thumbprint(cert), err)
		}
		return KeyPair{cert, signer}, nil
	case InFile:
		pair, err := m.loadFile(ctx, r.Ref)
		if err != nil {
			return KeyPair{}, err
		}
		if !pair.Certificate.Equal(cert) {
			return KeyPair{}, fmt.Errorf("credential: the file %s holds another certificate than %s by now", r.Ref, Thumbprint(cert))
		}
		return pair, nil
	}
	return KeyPair{}, fmt.Errorf("credential: %w: no key in a %s", ErrUnsuitableKey, r.Source)
}

func (m *Manager) loadFile(ctx context.Context, file string) (KeyPair, error) {
	var password Secret
	if m.opts.FilePassword != nil {
		var err error
		if password, err = m.opts.FilePassword(ctx, file); err != nil {
			return KeyPair{}, fmt.Errorf("credential: password of %s: %w", file, err)
		}
	}
	return LoadKeyPair(file, password)
}

// A Provided is a certificate that an administrator brings: either a file with certificate
// and key, or a certificate whose key is in the manager's key store.
type Provided struct {
	File        string            // PEM or PKCS#12
	Certificate *x509.Certificate // with KeyID
	KeyID       string            // of the key in the key store
}

// provided checks what an administrator brings.
func (m *Manager) provided(ctx context.Context, p *Provided) (*KeyRecord, error) {
	switch {
	case p == nil || (p.File == "") == (p.Certificate == nil):
		return nil, fmt.Errorf("credential: %w: this mode takes a certificate from the administrator: a file, or a certificate with the id of its key", ErrIncomplete)
	case p.File != "":
		pair, err := m.loadFile(ctx, p.File)
		if err != nil {
			return nil, err
		}
		return &KeyRecord{Source: InFile, Ref: p.File, Certificate: pair.Certificate.Raw}, nil
	}
	r := &KeyRecord{Source: InKeyStore, Ref: p.KeyID, Certificate: p.Certificate.Raw}
	pair, err := m.open(ctx, r)
	if err != nil {
		return nil, err
	}
	return r, pair.validate()
}
