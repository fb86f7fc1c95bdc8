package credential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// A SignerCredential is a token credential that signs in with a certificate whose key is
// any [crypto.Signer]: in memory, in a TPM, in an HSM. Each sign-in is a client assertion,
// valid for minutes, signed with PS256 or, where the key cannot do that, RS256.
//
// [SignerCredential.Swap] changes the key while the credential is in use: tokens that were
// issued stay valid and cached, the next sign-in uses the new key. Continuous access
// evaluation works as in other azidentity credentials. It is safe for concurrent use.
type SignerCredential struct {
	identity Identity
	audience string
	clock    func() time.Time
	inner    azcore.TokenCredential
	current  atomic.Pointer[signing]
	failed   atomic.Pointer[signingFailure]
	// source, if not nil, is asked for the key pair before each assertion.
	source func(context.Context) (*signing, error)
}

// signing is a key pair with the algorithm that its key makes well.
type signing struct {
	pair KeyPair
	alg  Algorithm
}

type signingFailure struct{ err error }

// enrol checks a key pair and finds its algorithm.
func enrol(p KeyPair) (*signing, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	alg, err := SelfTest(p.Signer)
	if err != nil {
		return nil, err
	}
	return &signing{p, alg}, nil
}

// NewSignerCredential returns a credential for a key pair. The key is tested by making a
// signature; the network is not touched.
func NewSignerCredential(id Identity, pair KeyPair, o *Options) (*SignerCredential, error) {
	s, err := enrol(pair)
	if err != nil {
		return nil, err
	}
	c, err := newSignerCredential(id, o)
	if err != nil {
		return nil, err
	}
	c.current.Store(s)
	return c, nil
}

// newSignerCredential returns a credential without a key.
func newSignerCredential(id Identity, o *Options) (*SignerCredential, error) {
	if err := id.validate(); err != nil {
		return nil, err
	}
	opts, private := id.clientOptions(o)
	c := &SignerCredential{identity: id, clock: o.clock()}
	c.audience = strings.TrimSuffix(opts.Cloud.ActiveDirectoryAuthorityHost, "/") + "/" + id.TenantID + "/oauth2/v2.0/token"
	inner, err := azidentity.NewClientAssertionCredential(id.TenantID, id.ClientID, c.assert,
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: opts, DisableInstanceDiscovery: private})
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	c.inner = &scrubbing{inner, Secret{}}
	return c, nil
}

// Swap replaces the key pair. The new key is tested first; when it fails the old one stays.
func (c *SignerCredential) Swap(pair KeyPair) error {
	s, err := enrol(pair)
	if err != nil {
		return err
	}
	c.current.Store(s)
	return nil
}

// maxSwaps is how often one call starts again because the key was replaced under it.
const maxSwaps = 5

// GetToken implements [azcore.TokenCredential]. An error of the key, such as that of an HSM
// that is not reachable, is in the chain of the error returned. A refusal of a key that was
// replaced meanwhile is tried again with the new key.
func (c *SignerCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	for try := 0; ; try++ {
		before := c.current.Load()
		if before == nil {
			before, _ = c.signing(ctx) // an error shows in the sign-in as well
		}
		token, err := c.inner.GetToken(ctx, o)
		if err == nil {
			return token, nil
		}
		if ctx.Err() == nil && try < maxSwaps {
			// Another server may have rotated the key that this sign-in was made with.
			if now, err := c.signing(ctx); err == nil && now != before && before != nil {
				continue
			}
		}
		return token, c.explain(err)
	}
}

// explain adds the key's own error, which the library drops.
func (c *SignerCredential) explain(err error) error {
	var refused *azidentity.AuthenticationFailedError
	if f := c.failed.Load(); f != nil && (!errors.As(err, &refused) || refused.RawResponse == nil) {
		return fmt.Errorf("%w: %w", err, f.err)
	}
	return err
}

// SigningError returns the error with which the key last failed to sign, nil if its last
// signature went well.
func (c *SignerCredential) SigningError() error {
	if f := c.failed.Load(); f != nil {
		return f.err
	}
	return nil
}

// assert makes the assertion of one sign-in. It is called on a miss of the token cache.
func (c *SignerCredential) assert(ctx context.Context) (string, error) {
	s, err := c.signing(ctx)
	if err == nil {
		var jwt string
		if jwt, err = clientAssertion(s.pair, s.alg, c.identity.ClientID, c.audience, c.clock()); err == nil {
			c.failed.Store(nil)
			return jwt, nil
		}
	}
	c.failed.Store(&signingFailure{err})
	return "", err
}

func (c *SignerCredential) signing(ctx context.Context) (*signing, error) {
	if c.source != nil {
		s, err := c.source(ctx)
		if err != nil {
			return nil, err
		}
		if old := c.current.Load(); old == nil || !old.pair.Certificate.Equal(s.pair.Certificate) {
			c.current.CompareAndSwap(old, s) // if it was replaced meanwhile, that is newer
		}
	}
	s := c.current.Load()
	if s == nil {
		return nil, fmt.Errorf("credential: %w: no key", ErrIncomplete)
	}
	return s, nil
}

var _ azcore.TokenCredential = (*SignerCredential)(nil)
