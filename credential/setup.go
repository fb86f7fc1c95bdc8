package credential

import (
	"context"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// Setup brings the identity into use, from whatever step an earlier attempt reached: it
// finds or makes the application with its service principal and permissions, makes the key
// and the certificate or takes the administrator's, adds it to the application, and gets a
// token with it. Setup of an identity that is in use does nothing, except that one with a
// client secret moves to the manager's mode: the secret stays the previous credential, see
// [Manager.Rollback].
//
// admin is an administrator's credential, which may create applications and grant
// permissions. Mode BringYourOwnApplication does without where the administrator has added
// the certificate. provided is the administrator's certificate in the BringYourOwn modes.
func (m *Manager) Setup(ctx context.Context, admin azcore.TokenCredential, provided *Provided) error {
	return m.change(ctx, admin, func(c *change) error {
		switch {
		case c.st.Step == StepNone:
			if err := c.begin(ctx, provided); err != nil {
				return err
			}
		case c.st.Step == StepActive && c.st.Mode == ClientSecret && m.settings.Mode != ClientSecret:
			if err := c.onboard(ctx, provided); err != nil {
				return err
			}
		case c.st.Step == StepRemoving:
			return fmt.Errorf("credential: %w: the identity is being removed", ErrInProgress)
		case c.st.Step == StepRevoked:
			return fmt.Errorf("credential: %w: rotate it with an administrator's credential", ErrRevoked)
		}
		if err := c.m.matches(&c.st); err != nil {
			return err
		}
		return c.advance(ctx)
	})
}

// matches refuses settings that are of another identity than the stored one.
func (m *Manager) matches(st *State) error {
	if st.TenantID != m.settings.TenantID {
		return fmt.Errorf("credential: the stored identity is of tenant %s, the settings are of %s", st.TenantID, m.settings.TenantID)
	}
	if m.settings.ClientID != "" && st.ClientID != m.settings.ClientID && st.Mode == m.settings.Mode {
		return fmt.Errorf("credential: the stored identity is application %s, the settings are of %s", st.ClientID, m.settings.ClientID)
	}
	return nil
}

// begin lays down a new identity.
func (c *change) begin(ctx context.Context, provided *Provided) error {
	s := c.m.settings
	next := &KeyRecord{Source: InSecret, Mode: s.Mode}
	step := StepProve
	switch s.Mode {
	case Managed:
		next, step = c.m.newRecord(), StepRegister
	case BringYourOwnCertificate, BringYourOwnApplication:
		var err error
		if next, err = c.m.provided(ctx, provided); err != nil {
			return err
		}
		next.Mode, step = s.Mode, StepAttach
		if s.Mode == BringYourOwnCertificate {
			step = StepRegister
		}
	}
	c.st.Mode, c.st.TenantID, c.st.ClientID, c.st.ObjectID = s.Mode, s.TenantID, s.ClientID, s.ObjectID
	c.st.Next = next
	if c.st.Deployment == "" {
		c.st.Deployment = newGUID()
	}
	return c.enter(ctx, step)
}

// onboard moves an identity from a client secret to a certificate. The application stays.
func (c *change) onboard(ctx context.Context, provided *Provided) error {
	if c.m.settings.Mode == Managed {
		return c.to(ctx, c.m.newRecord(), Managed)
	}
	next, err := c.m.provided(ctx, provided)
	if err != nil {
		return err
	}
	return c.to(ctx, next, c.m.settings.Mode)
}

// to begins a change to another credential.
func (c *change) to(ctx context.Context, next *KeyRecord, mode Mode) error {
	next.Mode = mode
	c.st.Next = next
	step := StepAttach
	switch {
	case next.Source == InSecret:
		step = StepProve
	case len(next.Certificate) == 0:
		step = StepKey
	}
	return c.enter(ctx, step)
}

// newRecord names a key that is to be made. The name is stored before the key is made, so
// that none is ever lost.
func (m *Manager) newRecord() *KeyRecord {
	return &KeyRecord{Source: InKeyStore, Ref: newGUID(), Own: true, Mode: Managed}
}

// register finds or creates the application. It is found again by a name that is unique to
// the deployment.
func (c *change) register(ctx context.Context) error {
	g, err := c.asAdministrator("create the application")
	if err != nil {
		return err
	}
	name := c.m.settings.Name + " " + c.st.Deployment
	app, err := g.applicationByName(ctx, name)
	if err == nil && app == nil {
		app, err = g.createApplication(ctx, name)
	}
	if err != nil {
		return err
	}
	c.st.ObjectID, c.st.ClientID = app.ID, app.AppID
	return c.enter(ctx, StepPrincipal)
}

func (c *change) principal(ctx context.Context) error {
	g, err := c.asAdministrator("create the service principal")
	if err != nil {
		return err
	}
	if c.st.PrincipalID, err = g.principal(ctx, c.st.ClientID); err != nil {
		return err
	}
	return c.enter(ctx, StepPermit)
}

func (c *change) permit(ctx context.Context) error {
	g, err := c.asAdministrator("grant permissions")
	if err != nil {
		return err
	}
	resources, err := g.resolve(ctx, c.m.settings.Permissions)
	if err != nil {
		return err
	}
	if err := g.declare(ctx, c.st.ObjectID, resources); err != nil {
		return err
	}
	if err := g.grant(ctx, c.st.PrincipalID, resources); err != nil {
		return err
	}
	if len(c.st.Next.Certificate) == 0 {
		return c.enter(ctx, StepKey)
	}
	return c.enter(ctx, StepAttach)
}

// Remove takes the identity away: the application, where the library made it, else the
// certificates that it added; the private keys that it made; and the state. It works from
// any step, and again after a failure.
func (m *Manager) Remove(ctx context.Context, admin azcore.TokenCredential) error {
	return m.change(ctx, admin, func(c *change) error {
		if c.st.Step == StepNone {
			return nil
		}
		if err := c.enter(ctx, StepRemoving); err != nil {
			return err
		}
		if err := c.unregister(ctx); err != nil {
			return err
		}
		for _, r := range []*KeyRecord{c.st.Current, c.st.Next, c.st.Previous} {
			c.doom(r)
		}
		if err := c.destroy(ctx); err != nil {
			return err
		}
		c.st = State{Revision: c.st.Revision}
		m.mu.Lock()
		m.current, m.loaded, m.record = nil, nil, nil
		m.mu.Unlock()
		return c.save(ctx)
	})
}

func (c *change) unregister(ctx context.Context) error {
	if !c.st.Mode.ownsApplication() {
		return nil // its certificates are the administrator's as well
	}
	g, err := c.asAdministrator("delete the application")
	if err != nil {
		return err
	}
	if c.st.ObjectID == "" { // an attempt to create it may have gone through
		app, err := g.applicationByName(ctx, c.m.settings.Name+" "+c.st.Deployment)
		if err != nil || app == nil {
			return err
		}
		c.st.ObjectID = app.ID
	}
	return c.patiently(ctx, StepRemoving, func(ctx context.Context) error { return g.deleteApplication(ctx, c.st.ObjectID) })
}

// objectID finds the application's object id, which proofs are made out to.
func (c *change) objectID(ctx context.Context) (string, error) {
	if c.st.ObjectID != "" {
		return c.st.ObjectID, nil
	}
	if c.m.settings.ObjectID != "" {
		c.st.ObjectID = c.m.settings.ObjectID
		return c.st.ObjectID, nil
	}
	g := c.graphAs()
	if g == nil {
		return "", fmt.Errorf("credential: %w: to read the application's object id, or Settings.ObjectID", ErrNeedsAdministrator)
	}
	app, err := g.applicationByAppID(ctx, c.st.ClientID)
	if graphStatus(err, http.StatusForbidden) {
		return "", fmt.Errorf("%w; name it in Settings.ObjectID", err)
	}
	if err != nil {
		return "", err
	}
	c.st.ObjectID = app.ID
	return app.ID, nil
}
