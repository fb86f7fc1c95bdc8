package ad

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// A PasswordReset sets the password of one user, as a service desk does.
type PasswordReset struct {
	// Key names the user, by anchor where that is known.
	Key connector.Key
	// Password is the new one. It is never logged and in no error.
	Password string
	// MustChange makes the user choose another one at the next sign-in.
	MustChange bool
	// Unlock ends a lockout.
	Unlock bool
	// IgnoreHistory lets the user have a former password again. Without it the domain
	// controller is asked to hold a reset to the whole policy, which it does by itself only
	// when users change their passwords.
	IgnoreHistory bool
}

// Controls by which a reset is held to the password policy, the present one and its
// forerunner.
const (
	policyHintsOID    = "1.2.840.113556.1.4.2239"
	policyHintsOldOID = "1.2.840.113556.1.4.2066"
)

// ResetPassword sets a password. The error's code ([connector.CodeOf]) tells what was
// wrong: [connector.CodePasswordPolicy] for a password that the policy does not take,
// [connector.CodePermissionIssue] for a missing right or a protected account, whose
// password is not set in any case, [connector.CodeMissingObject] for a user that is not
// there. A connection whose answer was lost gives an error that [connector.IsTransient]
// reports; the password may have been set then.
//
// The account needs the permissions of [FeaturePasswordReset]. Without the right Unexpire
// Password on the domain the user has to change the password at the next sign-in.
func (d *Directory) ResetPassword(ctx context.Context, r PasswordReset) error {
	s, err := d.open(ctx, connector.OpenOptions{}, nil)
	if err != nil {
		return d.failure("reset-password", err)
	}
	defer s.Close(ctx)
	err = s.resetPassword(ctx, s.main, r)
	if err == nil {
		return nil
	}
	own := &connector.Error{Op: "reset-password", Connector: d.name, Object: r.Key, Err: err}
	if inner, ok := errors.AsType[*connector.Error](err); ok {
		own.Code, own.Attribute, own.Err = inner.Code, inner.Attribute, inner.Err
	}
	if own.Code == "" {
		own.Code = exportCode(err, true)
	}
	return own
}

func (s *session) resetPassword(ctx context.Context, l *link, r PasswordReset) error {
	if r.Password == "" {
		return &connector.Error{Code: connector.CodeInvalidValue, Err: fmt.Errorf("%w: the new password is empty", connector.ErrInvalid)}
	}
	if err := s.resettable(ctx, l, r.Key); err != nil {
		return err
	}
	request := &ldap.ModifyRequest{DN: targetOf(r.Key)}
	request.Replace("unicodePwd", []string{quotedUTF16(r.Password)})
	if r.MustChange {
		request.Replace("pwdLastSet", []string{"0"})
	}
	if r.Unlock {
		request.Replace("lockoutTime", []string{"0"})
	}
	if !r.IgnoreHistory {
		if oid := l.policyHints(); oid != "" {
			request.Controls = append(request.Controls, &ldap.ControlString{ControlType: oid, Criticality: true, ControlValue: string([]byte{0x30, 3, 2, 1, 1})})
		}
	}
	return l.do(ctx, func() error { return l.conn.Modify(request) })
}

// policyHints is the control that the domain controller knows, "" for one that knows none.
func (l *link) policyHints() string {
	for _, oid := range []string{policyHintsOID, policyHintsOldOID} {
		if l.root.controls[oid] {
			return oid
		}
	}
	return ""
}

// resettable refuses accounts that are protected or no users.
func (s *session) resettable(ctx context.Context, l *link, k connector.Key) error {
	e, err := l.read(ctx, targetOf(k), anything, "objectClass", "adminCount", "tokenGroups")
	if err != nil {
		return err
	}
	if e == nil {
		return missing()
	}
	if class, _ := s.plan.classOf(values(e, "objectClass")); class != "user" && class != "inetOrgPerson" {
		return &connector.Error{Code: connector.CodeUnmappableType, Err: fmt.Errorf("%w: passwords are for users", connector.ErrInvalid)}
	}
	user := identity{token: secdesc.NewToken(parseSIDs(values(e, "tokenGroups"))...)}
	refused, _ := user.privileges()
	if single(e, "adminCount") == "1" || len(refused) > 0 {
		return &connector.Error{Code: connector.CodePermissionIssue, Attribute: "unicodePwd",
			Err: fmt.Errorf("%w: the account is protected, passwords of administrators are not set from outside", connector.ErrPermission)}
	}
	return nil
}
