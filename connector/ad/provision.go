package ad

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// A Provisioner makes accounts for connectors and gives them the permissions that their
// uses need, and no others. It does nothing by itself: make a plan, show it, carry it out,
// keep what [Provisioner.Apply] returns, and undo it should that be wanted. It is safe for
// concurrent use, but two of them should not work on one domain at a time.
type Provisioner struct {
	d *Directory
}

// NewProvisioner returns the provisioner that works through admin: a connector with the
// scope and classes of the one to be, signed in as an account that may create users and
// change permissions. That needs [Options.AllowAdministrator].
func NewProvisioner(admin *Directory) *Provisioner { return &Provisioner{d: admin} }

// An AccountRequest says what is wanted.
type AccountRequest struct {
	// Existing is the account name (sAMAccountName) of an account that is there already;
	// "" means to make one.
	Existing string
	// Name is the account name of a new account; "" means MSOL_ and twelve random digits.
	Name string
	// Container is the DN of the container for a new account; "" means CN=Users.
	Container string
	// Uses are what the account is for. [FeatureDelta] should be among them.
	Uses Uses
}

// An AccountPlan is what would be done. It is data: print it, keep it, compare it.
type AccountPlan struct {
	Create    bool    `json:"create"`
	DN        string  `json:"dn"`
	Name      string  `json:"name"` // sAMAccountName
	Principal string  `json:"principal,omitempty"`
	Grants    []Grant `json:"grants"`

	sid secdesc.SID // zero for an account that is to be made
}

// A Grant is one entry for the access control list of one object.
type Grant struct {
	On   string `json:"on"`
	What string `json:"what"`
	// Held: the object has the entry already, nothing is to be done.
	Held bool `json:"held,omitempty"`
	// TakesOwnership: nobody but the system may read or change the object's permissions.
	// BUILTIN\Administrators become its owner first, and stay it after [Provisioner.Undo].
	TakesOwnership bool `json:"takes_ownership,omitempty"`
	// SDDL is the entry as text, once the account has a SID.
	SDDL string `json:"sddl,omitempty"`
	// Command grants the same by hand.
	Command string `json:"command"`

	delegation Delegation
}

// Provisioned is what [Provisioner.Apply] has done, and what [Provisioner.Undo] needs.
type Provisioned struct {
	DN      string  `json:"dn"`
	Name    string  `json:"name"`
	SID     string  `json:"sid"`
	Created bool    `json:"created"`
	Grants  []Grant `json:"grants"` // those that were added, not those that were there
}

// Plan finds out what has to be done and changes nothing.
func (p *Provisioner) Plan(ctx context.Context, r AccountRequest) (*AccountPlan, error) {
	var plan *AccountPlan
	err := p.with(ctx, "plan", func(s *session, l *link) (err error) {
		plan, err = p.plan(ctx, s, l, r)
		return err
	})
	return plan, err
}

func (p *Provisioner) with(ctx context.Context, op string, do func(*session, *link) error) error {
	s, err := p.d.open(ctx, connector.OpenOptions{}, nil)
	if err != nil {
		return p.d.failure(op, err)
	}
	defer s.Close(ctx)
	return p.d.failure(op, do(s, s.main))
}

func (p *Provisioner) plan(ctx context.Context, s *session, l *link, r AccountRequest) (*AccountPlan, error) {
	var errs []error
	r.Uses.validate(func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) })
	if r.Existing != "" && r.Name+r.Container != "" {
		errs = append(errs, errors.New("the fields Name and Container are for a new account, not for one that exists"))
	}
	if strings.ContainsAny(r.Name, `"/\[]:;|=,+*?<>@`) || len(r.Name) > 20 {
		errs = append(errs, errors.New("the name of an account has at most 20 characters, and none of those that account names cannot have"))
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%w: %w", connector.ErrInvalid, errors.Join(errs...))
	}
	domain := s.parts[0]
	plan := &AccountPlan{Create: r.Existing == "", Name: r.Existing}
	if plan.Create {
		plan.Name = r.Name
		if plan.Name == "" {
			plan.Name = "MSOL_" + randomDigits()
		}
		container := r.Container
		if container == "" {
			container = "CN=Users," + domain.dn
		}
		plan.DN = "CN=" + ldap.EscapeDN(plan.Name) + "," + container
		plan.Principal = plan.Name + "@" + domain.fqdn
	}
	found, err := l.accountNamed(ctx, plan.Name, s.parts)
	switch {
	case err != nil:
		return nil, err
	case found != nil && plan.Create:
		return nil, fmt.Errorf("%w: there is an account %s already (%s)", connector.ErrConflict, plan.Name, found.dn)
	case found == nil && !plan.Create:
		return nil, fmt.Errorf("%w: there is no account %s", connector.ErrNotFound, plan.Name)
	case found != nil:
		plan.DN, plan.sid = found.dn, found.sid
	}
	needed, err := s.needed(ctx, l, r.Uses, nil)
	if err != nil {
		return nil, err
	}
	name := plan.Name
	if domain.netbios != "" {
		name = domain.netbios + `\` + name
	}
	for _, d := range needed {
		g := Grant{On: d.On, What: d.String(), Command: d.DSACLS(name), delegation: d}
		sd, err := l.readDescriptor(ctx, d.On)
		switch {
		case d.deleted && errors.Is(err, connector.ErrPermission):
			g.TakesOwnership = true
		case err != nil:
			return nil, err
		}
		if !plan.sid.IsZero() {
			g.SDDL = d.ACE(plan.sid).SDDL()
			g.Held = sd != nil && sd.Contains(d.ACE(plan.sid))
		}
		plan.Grants = append(plan.Grants, g)
	}
	return plan, nil
}

func randomDigits() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// accountNamed finds an account by its sAMAccountName, nil if there is none.
func (l *link) accountNamed(ctx context.Context, name string, parts []partition) (*identity, error) {
	for _, p := range parts {
		found, err := l.search(ctx, &ldap.SearchRequest{BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree,
			Filter: "(sAMAccountName=" + ldap.EscapeFilter(name) + ")", Attributes: []string{"objectSid"}})
		if err != nil {
			return nil, err
		}
		for _, e := range found.entries {
			sid, err := secdesc.SIDFromBytes([]byte(single(e, "objectSid")))
			if err != nil {
				return nil, fmt.Errorf("%w: %s has no SID that can be read", connector.ErrProtocol, e.DN)
			}
			return &identity{dn: e.DN, name: name, sid: sid}, nil
		}
	}
	return nil, nil
}

// Apply carries out a plan. The password of a new account is given to keep before the
// account is made, and to nobody else; where keep fails nothing is done. keep may be nil
// for an account that exists. What was done is returned always, together with the error
// that ended it; carrying out the same plan again goes on where it ended.
func (p *Provisioner) Apply(ctx context.Context, plan *AccountPlan, keep func(ctx context.Context, account, password string) error) (*Provisioned, error) {
	done := &Provisioned{DN: plan.DN, Name: plan.Name}
	err := p.with(ctx, "apply", func(s *session, l *link) error {
		sid := plan.sid
		if sid.IsZero() {
			found, err := l.accountNamed(ctx, plan.Name, s.parts)
			if err != nil {
				return err
			}
			if found == nil {
				if !plan.Create {
					return fmt.Errorf("%w: there is no account %s", connector.ErrNotFound, plan.Name)
				}
				if found, err = p.create(ctx, s, l, plan, keep); err != nil {
					return err
				}
				done.Created = true
			}
			if !sameDN(found.dn, plan.DN) {
				return fmt.Errorf("%w: the account %s is elsewhere: %s", connector.ErrConflict, plan.Name, found.dn)
			}
			sid = found.sid
		}
		done.SID = sid.String()
		for _, g := range plan.Grants {
			g.SDDL = g.delegation.ACE(sid).SDDL()
			if g.TakesOwnership {
				if err := l.takeOwnership(ctx, g.On); err != nil {
					return err
				}
			}
			added, err := l.grant(ctx, g.On, g.delegation.ACE(sid))
			if err != nil {
				return fmt.Errorf("%s: %w", g.What, err)
			}
			if added {
				done.Grants = append(done.Grants, g)
			}
		}
		return nil
	})
	return done, err
}

// userControl is a normal account whose password does not expire.
const userControl = "66048"

// ownRights is the list of a connector account itself: nobody but administrators may
// change it, so that who has rights to accounts in general cannot take it over.
const ownRights = "D:P(A;;GA;;;SY)(A;;GA;;;EA)(A;;GA;;;DA)(A;;GA;;;BA)(A;;LCRPLORC;;;ED)(A;;LCRPLORC;;;AU)" +
	"(A;;LCRPLORC;;;PS)(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)"

func (p *Provisioner) create(ctx context.Context, s *session, l *link, plan *AccountPlan, keep func(context.Context, string, string) error) (*identity, error) {
	if keep == nil {
		return nil, fmt.Errorf("%w: a new account needs somebody to keep its password", connector.ErrInvalid)
	}
	// 256 random bits, with a character of every kind that policies ask for.
	password := rand.Text() + rand.Text() + "-aA1"
	if err := keep(ctx, plan.Principal, password); err != nil {
		return nil, fmt.Errorf("the password could not be kept: %w", err)
	}
	request := &ldap.AddRequest{DN: plan.DN, Attributes: []ldap.Attribute{
		{Type: "objectClass", Vals: []string{"user"}},
		{Type: "sAMAccountName", Vals: []string{plan.Name}},
		{Type: "userPrincipalName", Vals: []string{plan.Principal}},
		{Type: "displayName", Vals: []string{"Directory synchronisation"}},
		{Type: "description", Vals: []string{"Account of hybridsync for reading and writing this directory"}},
		{Type: "userAccountControl", Vals: []string{userControl}},
		{Type: "unicodePwd", Vals: []string{quotedUTF16(password)}},
	}}
	if err := l.do(ctx, func() error { return l.conn.Add(request) }); err != nil {
		return nil, fmt.Errorf("the account %s could not be made: %w", plan.DN, err)
	}
	found, err := l.accountNamed(ctx, plan.Name, s.parts)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("%w: the account %s was made and cannot be found", connector.ErrProtocol, plan.DN)
	}
	own, err := secdesc.ParseSDDL(ownRights, found.sid.Domain())
	if err == nil {
		err = l.writeDescriptor(ctx, found.dn, own, dacl)
	}
	return found, err
}

// Undo takes back what [Provisioner.Apply] has done: the entries that it added, one by one,
// and an account that it made. What is gone already does not matter.
func (p *Provisioner) Undo(ctx context.Context, done *Provisioned) error {
	sid, err := secdesc.ParseSID(done.SID)
	if err != nil && done.SID != "" {
		return fmt.Errorf("ad: undo: %w", err)
	}
	return p.with(ctx, "undo", func(s *session, l *link) error {
		var errs []error
		for _, g := range done.Grants {
			ace, err := secdesc.ParseACE(g.SDDL, sid.Domain())
			if err == nil && ace.SID != sid {
				err = fmt.Errorf("%w: an entry of somebody else", connector.ErrInvalid)
			}
			if err == nil {
				err = l.revoke(ctx, g.On, ace)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", g.What, err))
			}
		}
		if !done.Created || len(errs) > 0 { // entries of an account that is gone are hard to tell
			return errors.Join(errs...)
		}
		found, err := l.accountNamed(ctx, done.Name, s.parts)
		if err != nil || found == nil {
			return err
		}
		if found.sid != sid {
			return fmt.Errorf("%w: the account %s is another one by now", connector.ErrConflict, done.Name)
		}
		return l.do(ctx, func() error { return l.conn.Del(&ldap.DelRequest{DN: found.dn}) })
	})
}
