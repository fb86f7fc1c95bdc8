package credential

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// retire notes a key credential for removal from the application.
func (c *change) retire(r *KeyRecord, after time.Duration) {
	if r == nil || len(r.Certificate) == 0 || c.retired(r.Certificate) >= 0 {
		return
	}
	cert, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return
	}
	c.st.Retired = append(slices.Clone(c.st.Retired), Retired{
		KeyID: r.KeyID, SHA256Hash: SHA256Hash(cert), Thumbprint: Thumbprint(cert),
		RemoveAfter: c.m.opts.Clock().Add(after).UTC().Truncate(time.Second),
	})
}

// retired returns where a certificate stands among those to be removed, -1 if it does not.
func (c *change) retired(der []byte) int {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return -1
	}
	hash := SHA256Hash(cert)
	return slices.IndexFunc(c.st.Retired, func(r Retired) bool { return r.SHA256Hash == hash })
}

// doom notes a private key for destruction, if the library made it.
func (c *change) doom(r *KeyRecord) {
	if r != nil && r.Own && r.Source == InKeyStore && !slices.Contains(c.st.Doomed, r.Ref) {
		c.st.Doomed = append(slices.Clone(c.st.Doomed), r.Ref)
	}
}

// destroy destroys the private keys that were noted.
func (c *change) destroy(ctx context.Context) error {
	for len(c.st.Doomed) > 0 {
		id := c.st.Doomed[0]
		if err := c.m.keys.Delete(ctx, id); err != nil && !errors.Is(err, ErrKeyNotFound) {
			return fmt.Errorf("credential: destroying key %s: %w", id, err)
		}
		c.st.Doomed = slices.Clone(c.st.Doomed[1:])
		if err := c.save(ctx); err != nil {
			return err
		}
	}
	return nil
}

// cleanUp removes retired key credentials whose time has come, or all with force, and
// destroys private keys. What cannot be removed is reported and stays noted; it is no
// failure of the rotation.
func (c *change) cleanUp(ctx context.Context, force bool) error {
	now := c.m.opts.Clock()
	for _, r := range slices.Clone(c.st.Retired) {
		if !force && now.Before(r.RemoveAfter) {
			continue
		}
		err := c.patiently(ctx, StepActive, func(ctx context.Context) error { return c.detach(ctx, r.KeyID, r.SHA256Hash) })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at := slices.IndexFunc(c.st.Retired, func(x Retired) bool { return x.SHA256Hash == r.SHA256Hash })
		c.st.Retired = slices.Clone(c.st.Retired)
		if err != nil {
			c.st.Retired[at].Attempts++
			c.st.Retired[at].Problem = err.Error()
			c.st.Retired[at].RemoveAfter = now.Add(c.m.opts.Interval).UTC().Truncate(time.Second)
			c.m.emit(ctx, Event{Kind: EventRemovalFailed, Level: slog.LevelError, KeyID: r.KeyID, Thumbprint: r.Thumbprint,
				Message: "an old key credential could not be removed from the application; remove it with RemoveRetired or in the portal: " + err.Error()})
		} else {
			c.st.Retired = slices.Delete(c.st.Retired, at, at+1)
			if p := c.st.Previous; p != nil && c.hashOf(p) == r.SHA256Hash {
				removed := *p
				removed.KeyID = ""
				c.st.Previous = &removed
			}
			c.m.emit(ctx, Event{Kind: EventRemoved, KeyID: r.KeyID, Thumbprint: r.Thumbprint, Message: "an old key credential was removed"})
		}
		if err := c.save(ctx); err != nil {
			return err
		}
	}
	if err := c.destroy(ctx); err != nil {
		if errors.Is(err, ErrStateConflict) {
			return err
		}
		c.m.emit(ctx, Event{Kind: EventKeyNotDeleted, Level: slog.LevelWarn, Message: err.Error()})
	}
	return nil
}

func (c *change) hashOf(r *KeyRecord) string {
	cert, err := r.certificate()
	if err != nil {
		return ""
	}
	return SHA256Hash(cert)
}

// detach removes one key credential from the application. One that is not there counts as
// removed.
func (c *change) detach(ctx context.Context, keyID, hash string) error {
	object, err := c.objectID(ctx)
	if err != nil {
		return err
	}
	g := c.graphAs()
	if g == nil {
		return fmt.Errorf("credential: %w: to remove the key credential %s", ErrNeedsAdministrator, keyID)
	}
	keys, err := g.keys(ctx, object)
	if err != nil && !graphStatus(err, http.StatusForbidden) {
		return err
	}
	listed := err == nil
	at := slices.IndexFunc(keys, func(k keyCredential) bool {
		return k.hash() == hash || keyID != "" && strings.EqualFold(k.KeyID, keyID)
	})
	switch {
	case listed && at < 0:
		return nil
	case listed:
		keyID = keys[at].KeyID
	case keyID == "":
		return fmt.Errorf("credential: %w: the id of the key credential with SHA-256 %s is not known, and reading it takes a permission to read applications",
			ErrNeedsAdministrator, hash)
	}
	if c.admin != nil || c.st.Current.Source == InSecret {
		if !listed {
			return err
		}
		return g.setKeys(ctx, object, slices.Delete(keys, at, at+1))
	}
	proof, err := c.proof(ctx, object)
	if err != nil {
		return err
	}
	err = g.removeKey(ctx, object, keyID, proof)
	if graphStatus(err, http.StatusNotFound) || graphStatus(err, http.StatusBadRequest) && strings.Contains(err.Error(), "No credentials found") {
		return nil
	}
	return err
}

// RemoveRetired removes all old key credentials now, without waiting for the overlap to end,
// and returns those that could not be removed. admin may be nil; an administrator can remove
// what the application itself cannot.
func (m *Manager) RemoveRetired(ctx context.Context, admin azcore.TokenCredential) (left []Retired, err error) {
	err = m.change(ctx, admin, func(c *change) error {
		err := c.cleanUp(ctx, true)
		left = c.st.Retired
		return err
	})
	return left, err
}

// Revoke takes the certificate with that SHA-1 or SHA-256 away from the application and
// destroys its private key, if the library made it: it was stolen, or may have been.
// Tokens that were issued before stay valid until they end or Entra ID revokes them.
//
// After the current certificate is revoked the identity has none, and [ErrRevoked] is what
// its credential returns, until [Manager.Rotate] with an administrator's credential. To go
// on without a break, rotate first and then revoke the previous certificate. A certificate
// that this identity does not know is looked for in the application.
func (m *Manager) Revoke(ctx context.Context, thumbprint string, admin azcore.TokenCredential) error {
	return m.change(ctx, admin, func(c *change) error {
		if c.st.Step != StepActive && c.st.Step != StepRevoked {
			return fmt.Errorf("credential: %w: step %s", ErrInProgress, c.st.Step)
		}
		record, hash, keyID, err := c.named(ctx, thumbprint)
		if err != nil {
			return err
		}
		err = c.patiently(ctx, StepActive, func(ctx context.Context) error { return c.detach(ctx, keyID, hash) })
		if err != nil {
			return err
		}
		c.st.Retired = slices.DeleteFunc(slices.Clone(c.st.Retired), func(r Retired) bool { return r.SHA256Hash == hash })
		c.doom(record)
		if record.same(c.st.Previous) {
			c.st.Previous = nil
		}
		if record != nil && record.same(c.st.Current) {
			c.st.Current, c.st.Step = nil, StepRevoked
			m.mu.Lock()
			m.current, m.loaded, m.record = nil, nil, nil
			m.mu.Unlock()
		}
		if err := c.save(ctx); err != nil {
			return err
		}
		m.emit(ctx, Event{Kind: EventRevoked, Level: slog.LevelWarn, KeyID: keyID, Message: "a certificate was revoked"})
		return c.destroy(ctx)
	})
}

// named finds a certificate by its thumbprint: first among our own, then in the application.
func (c *change) named(ctx context.Context, thumbprint string) (r *KeyRecord, hash, keyID string, err error) {
	for _, r := range []*KeyRecord{c.st.Current, c.st.Previous} {
		if r == nil || len(r.Certificate) == 0 {
			continue
		}
		cert, err := r.certificate()
		if err != nil {
			return nil, "", "", err
		}
		if SameThumbprint(cert, thumbprint) {
			return r, SHA256Hash(cert), r.KeyID, nil
		}
	}
	object, err := c.objectID(ctx)
	if err != nil {
		return nil, "", "", err
	}
	g := c.graphAs()
	if g == nil {
		return nil, "", "", fmt.Errorf("credential: %w", ErrNeedsAdministrator)
	}
	keys, err := g.keys(ctx, object)
	if err != nil {
		return nil, "", "", err
	}
	for _, k := range keys {
		if cert := k.certificate(); cert != nil && SameThumbprint(cert, thumbprint) {
			return nil, SHA256Hash(cert), k.KeyID, nil
		}
	}
	return nil, "", "", fmt.Errorf("credential: the application has no certificate with that thumbprint: %w", ErrKeyNotFound)
}
