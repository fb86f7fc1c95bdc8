package credential

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Rotate replaces the certificate now, due or not: a new one is added to the application
// with a proof that the current key is held, a token is got with it, and only then it is
// used. The old one is removed from the application after [ManagerOptions.Overlap] by
// [Manager.Maintain], or at once if that is negative. A rotation that was interrupted is
// brought to its end instead.
//
// admin may be nil as long as the current certificate is valid. After it has expired or was
// revoked nothing but an administrator can add a key: that is what Rotate with admin does.
// provided is the administrator's certificate in the BringYourOwn modes, nil in others.
func (m *Manager) Rotate(ctx context.Context, admin azcore.TokenCredential, provided *Provided) error {
	return m.change(ctx, admin, func(c *change) error {
		switch c.st.Step {
		case StepActive, StepRevoked:
			if c.st.Mode == ClientSecret {
				return fmt.Errorf("credential: %w: a client secret is not rotated here; give the new one in ManagerOptions.Secret", ErrUnsuitableKey)
			}
			if err := c.canAttach(); err != nil {
				return err
			}
			next := m.newRecord()
			if c.st.Mode != Managed {
				var err error
				if next, err = m.provided(ctx, provided); err != nil {
					return err
				}
			}
			if next.same(c.st.Current) {
				return fmt.Errorf("credential: %w: this certificate is in use already", ErrUnsuitableKey)
			}
			if err := c.to(ctx, next, c.st.Mode); err != nil {
				return err
			}
		default:
			if err := c.rotating(); err != nil {
				return err
			}
		}
		return c.finish(ctx)
	})
}

// rotating reports whether a rotation, and nothing else, is in progress.
func (c *change) rotating() error {
	inSteps := slices.Contains([]Step{StepKey, StepAttach, StepProve}, c.st.Step)
	switch {
	case c.st.Step == StepNone:
		return fmt.Errorf("credential: %w", ErrNotSetUp)
	case !inSteps || c.st.Current == nil && c.admin == nil && c.st.Step != StepProve:
		return fmt.Errorf("credential: %w: step %s; set up or remove the identity first", ErrInProgress, c.st.Step)
	}
	return nil
}

// finish brings a rotation to its end and removes what may be removed.
func (c *change) finish(ctx context.Context) error {
	if err := c.advance(ctx); err != nil {
		c.m.emit(ctx, Event{Kind: EventRotationFailed, Level: slog.LevelError,
			Message: "the rotation did not come to its end; the old credential stays in use: " + err.Error()})
		return err
	}
	return c.cleanUp(ctx, false)
}

// canAttach reports early that a new key cannot be added.
func (c *change) canAttach() error {
	if c.admin != nil || c.st.Mode == ClientSecret {
		return nil
	}
	if c.st.Current == nil {
		return fmt.Errorf("credential: %w: %w: rotate with an administrator's credential", ErrRevoked, ErrNeedsAdministrator)
	}
	if c.st.Current.Source == InSecret {
		return nil
	}
	cert, err := c.st.Current.certificate()
	if err != nil {
		return err
	}
	if c.m.opts.Clock().After(cert.NotAfter) {
		return fmt.Errorf("credential: %w: %w: a proof of possession takes a valid certificate; rotate with an administrator's credential",
			ErrExpired, ErrNeedsAdministrator)
	}
	return nil
}

// Rollback goes back to the previous credential: the certificate before the last rotation,
// or the client secret before the move to a certificate. It is added to the application
// again if it was removed, tried, and only then used. The credential that is left becomes
// the previous one. [ErrNoPrevious] means that there is none, [ErrExpired] that it is no
// longer valid.
func (m *Manager) Rollback(ctx context.Context, admin azcore.TokenCredential) error {
	return m.change(ctx, admin, func(c *change) error {
		if c.st.Step != StepActive && c.st.Step != StepRevoked {
			if err := c.rotating(); err != nil {
				return err
			}
			// Nothing was switched yet: going back is giving up.
			return c.giveUp(ctx)
		}
		if c.st.Previous == nil {
			return fmt.Errorf("credential: %w", ErrNoPrevious)
		}
		previous := *c.st.Previous
		if previous.Source != InSecret {
			cert, err := previous.certificate()
			if err != nil {
				return err
			}
			if m.opts.Clock().After(cert.NotAfter) {
				return fmt.Errorf("credential: previous certificate %s: %w", Thumbprint(cert), ErrExpired)
			}
		}
		if err := c.to(ctx, &previous, previous.Mode); err != nil {
			return err
		}
		if err := c.finish(ctx); err != nil {
			return err
		}
		m.emit(ctx, Event{Kind: EventUsingPrevious, Level: slog.LevelWarn, Message: "the previous credential is in use again"})
		return nil
	})
}

// giveUp ends a rotation whose new key is not in use.
func (c *change) giveUp(ctx context.Context) error {
	if c.st.Current == nil {
		return fmt.Errorf("credential: %w: there is no credential to stay with; remove the identity instead", ErrNoPrevious)
	}
	next := c.st.Next
	c.retire(next, 0)
	if !next.same(c.st.Previous) {
		c.doom(next)
	}
	c.st.Next = nil
	if err := c.enter(ctx, StepActive); err != nil {
		return err
	}
	return c.cleanUp(ctx, false)
}

// makeKey makes the next key and its certificate. A key that an interrupted attempt made is
// used.
func (c *change) makeKey(ctx context.Context) error {
	next := c.st.Next
	signer, err := c.m.keys.Create(ctx, next.Ref)
	if errors.Is(err, ErrKeyExists) {
		signer, err = c.m.keys.Open(ctx, next.Ref)
	}
	if err != nil {
		return err
	}
	alg, err := SelfTest(signer)
	if err != nil {
		return err
	}
	if alg != PS256 {
		c.m.emit(ctx, Event{Kind: EventNextKeyWeak, Level: slog.LevelWarn,
			Message: "the key store cannot sign with PS256 as RFC 7518 has it: RS256 is used"})
	}
	cert, err := CreateCertificate(signer, &CertificateOptions{
		CommonName: c.m.settings.Name, Lifetime: c.m.opts.Lifetime, Clock: c.m.opts.Clock,
	})
	if err != nil {
		return err
	}
	next.Certificate = cert.Raw
	return c.enter(ctx, StepAttach)
}

// attach adds the next certificate to the application, unless it is there already.
func (c *change) attach(ctx context.Context) error {
	next := c.st.Next
	cert, err := next.certificate()
	if err != nil {
		return err
	}
	// What waits for removal is still there.
	if at := c.retired(cert.Raw); at >= 0 {
		next.KeyID = c.st.Retired[at].KeyID
		return c.enter(ctx, StepProve)
	}
	hash := SHA256Hash(cert)
	object, err := c.objectID(ctx)
	g := c.graphAs()
	if (err != nil || g == nil) && c.works(ctx) { // the administrator has added it
		return c.enter(ctx, StepProve)
	}
	if err != nil {
		return err
	}
	if g == nil {
		return fmt.Errorf("credential: %w: to add certificate %s to the application", ErrNeedsAdministrator, Thumbprint(cert))
	}
	keys, err := g.keys(ctx, object)
	listed := err == nil
	if err != nil && !graphStatus(err, http.StatusForbidden) {
		return err
	}
	if at := slices.IndexFunc(keys, func(k keyCredential) bool { return k.hash() == hash }); at >= 0 {
		next.KeyID = keys[at].KeyID
		return c.enter(ctx, StepProve)
	}
	// Without a permission to read, an interrupted attempt shows only by its effect.
	if !listed && c.resumed == StepAttach && c.works(ctx) {
		return c.enter(ctx, StepProve)
	}
	if c.admin == nil && c.st.Current.Source != InSecret {
		err = c.attachWithProof(ctx, g, object)
	} else if !listed {
		return err
	} else if err = g.setKeys(ctx, object, append(keys, newKeyCredential(cert))); err == nil {
		next.KeyID, err = c.findKey(ctx, g, object, hash)
	}
	if err != nil {
		return err
	}
	return c.enter(ctx, StepProve)
}

func (c *change) attachWithProof(ctx context.Context, g *graph, object string) error {
	if err := c.canAttach(); err != nil {
		return err
	}
	cert, err := c.st.Next.certificate()
	if err != nil {
		return err
	}
	proof, err := c.proof(ctx, object)
	if err != nil {
		return err
	}
	c.st.Next.KeyID, err = g.addKey(ctx, object, cert, proof)
	return err
}

// findKey returns the id of the key credential with that hash, "" if it does not show yet.
func (c *change) findKey(ctx context.Context, g *graph, object, hash string) (string, error) {
	keys, err := g.keys(ctx, object)
	if err != nil {
		return "", err
	}
	for _, k := range keys {
		if k.hash() == hash {
			return k.KeyID, nil
		}
	}
	return "", nil
}

// proof makes a proof of possession of the current key.
func (c *change) proof(ctx context.Context, object string) (string, error) {
	s, err := c.m.signing(ctx, c.st.Current)
	if err != nil {
		return "", err
	}
	return proofToken(s.pair, s.alg, object, c.m.opts.ProofAudience, c.m.opts.Clock())
}

// fresh returns a credential for the next key with an empty cache: a cached token would
// prove nothing.
func (c *change) fresh(ctx context.Context) (azcore.TokenCredential, error) {
	if c.st.Next.Source == InSecret {
		return c.m.secretCredential(ctx, &c.st)
	}
	pair, err := c.m.open(ctx, c.st.Next)
	if err != nil {
		return nil, err
	}
	cred, err := NewSignerCredential(c.m.identity(&c.st), pair, &c.m.opts.Options)
	if err != nil {
		return nil, err
	}
	return cred, nil
}

// works reports whether the next key gets a token at once.
func (c *change) works(ctx context.Context) bool {
	cred, err := c.fresh(ctx)
	if err != nil {
		return false
	}
	_, err = cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.m.scope}})
	return err == nil
}

// prove gets a token with the next key and switches to it. The token service may need a
// while to learn of a new key.
func (c *change) prove(ctx context.Context) error {
	cred, err := c.fresh(ctx)
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, c.m.opts.ProveTimeout)
	defer cancel()
	delay := c.m.opts.RetryDelay
	for {
		_, err := cred.GetToken(limit, policy.TokenRequestOptions{Scopes: []string{c.m.scope}})
		if err == nil {
			return c.activate(ctx)
		}
		if !unknownYet(err) {
			return err
		}
		if sleep(limit, delay) != nil {
			return fmt.Errorf("credential: the token service has not accepted the new credential within %s: %w", c.m.opts.ProveTimeout, err)
		}
		delay = min(2*delay, 30*time.Second)
	}
}

// unknownYet reports whether the token service refuses a credential that it may learn of.
func unknownYet(err error) bool {
	var refused *azidentity.AuthenticationFailedError
	if !errors.As(err, &refused) {
		return false
	}
	text := refused.Error()
	return slices.ContainsFunc([]string{"AADSTS700027", "AADSTS700016", "AADSTS7000229"}, func(code string) bool {
		return strings.Contains(text, code)
	})
}

// activate switches to the next key.
func (c *change) activate(ctx context.Context) error {
	old, next := c.st.Current, c.st.Next
	if old != nil {
		c.retire(old, c.m.opts.Overlap)
		if p := c.st.Previous; !p.same(next) && !p.same(old) {
			c.doom(p)
		}
		c.st.Previous = old
	}
	c.st.Current, c.st.Next = next, nil
	if next.Mode != "" {
		c.st.Mode = next.Mode
	}
	if at := c.retired(next.Certificate); at >= 0 {
		c.st.Retired = slices.Delete(slices.Clone(c.st.Retired), at, at+1)
	}
	if err := c.enter(ctx, StepActive); err != nil {
		return err
	}
	c.m.reload(ctx, old, next)
	e := Event{Kind: EventSwitched, Message: "a new credential is in use", KeyID: next.KeyID}
	if cert, err := next.certificate(); err == nil {
		e.Thumbprint, e.Expires = Thumbprint(cert), cert.NotAfter
	}
	c.m.emit(ctx, e)
	return nil
}

// reload makes this process's credential use the new key at its next sign-in.
func (m *Manager) reload(ctx context.Context, old, next *KeyRecord) {
	if old == nil || old.Source == InSecret || next.Source == InSecret {
		m.forget() // another way of signing in
		return
	}
	// An error shows at the next sign-in, which opens the key again.
	_, _ = m.signing(ctx, next)
}
