package ad

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Export implements [connector.Exporter].
func (w *writer) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	results := make([]connector.Result, 0, len(batch))
	for i := range batch {
		l, err := w.link(ctx)
		if err != nil {
			err = w.d.failure("export", err)
			if i == 0 {
				return nil, err
			}
			results = append(results, connector.Result{ID: batch[i].ID, Outcome: connector.Retry, Err: err})
			continue
		}
		x := exporting{session: w.session, link: l, change: &batch[i]}
		results = append(results, x.run(ctx))
	}
	return results, nil
}

// exporting is one change on its way.
type exporting struct {
	*session
	link    *link
	change  *connector.Change
	lost    bool // a request was sent and its answer did not come
	skipped []string
}

func (x *exporting) run(ctx context.Context) connector.Result {
	var result connector.Result
	var err error
	switch x.change.Op {
	case connector.OpAdd:
		result, err = x.add(ctx)
	case connector.OpUpdate:
		result, err = x.update(ctx)
	case connector.OpDelete:
		result, err = x.delete(ctx)
	default:
		err = &connector.Error{Code: connector.CodeUnexpected, Err: fmt.Errorf("%w: operation %v", connector.ErrInvalid, x.change.Op)}
	}
	if err != nil {
		result = x.refusal(result, err)
	}
	result.ID, result.Skipped = x.change.ID, x.skipped
	return result
}

// send makes one request that changes the directory, and notes when its answer is lost.
func (x *exporting) send(ctx context.Context, request func() error) error {
	before := x.link.wire.Written()
	x.link.wire.Guard(func() error { return connector.MayWrite(ctx) })
	err := x.link.do(ctx, request)
	if err != nil && resultCode(err) == 0 {
		if x.link.wire.Written() > before {
			x.lost = true
		} else if revoked := connector.MayWrite(ctx); revoked != nil { // the library keeps the text of errors alone
			return revoked
		}
	}
	return err
}

// refusal turns an error into a result.
func (x *exporting) refusal(r connector.Result, err error) connector.Result {
	own := &connector.Error{Op: "export", Connector: x.d.name, Object: x.change.Key, Err: err}
	var inner *connector.Error
	if errors.As(err, &inner) {
		own.Code, own.Attribute, own.Err = inner.Code, inner.Attribute, inner.Err
	}
	if own.Code == "" {
		own.Code = exportCode(err, x.setsPassword())
	}
	var refused *resultError
	if own.Attribute == "" && errors.As(err, &refused) {
		own.Attribute = refused.attribute
	}
	r.Err = own
	switch {
	case x.lost:
		r.Outcome, own.Code = connector.Unknown, connector.CodeConnectionDropped
	case resultCode(err) == 0 && own.Code != connector.CodeUnexpected && inner == nil, connector.IsTransient(err):
		r.Outcome = connector.Retry
	case r.Outcome != connector.Conflict:
		r.Outcome = connector.Rejected
	}
	return r
}

func (x *exporting) setsPassword() bool {
	return slices.ContainsFunc(x.change.Mods, func(m attr.Mod) bool { return attr.EqualName(m.Name, "unicodePwd") })
}

// exportCode names a refusal that needs no closer look.
func exportCode(err error, password bool) connector.Code {
	var refused *resultError
	if !errors.As(err, &refused) {
		return connector.CodeConnectionDropped
	}
	const policy = 1325 // ERROR_PASSWORD_RESTRICTION
	switch refused.result {
	case ldap.LDAPResultInsufficientAccessRights:
		return connector.CodePermissionIssue
	case ldap.LDAPResultNoSuchObject:
		return connector.CodeMissingObject
	case ldap.LDAPResultEntryAlreadyExists:
		return connector.CodeExistingObject
	case ldap.LDAPResultInvalidAttributeSyntax:
		return connector.CodeSyntaxViolation
	case ldap.LDAPResultInvalidDNSyntax:
		return connector.CodeInvalidDN
	case ldap.LDAPResultNamingViolation, ldap.LDAPResultObjectClassViolation, ldap.LDAPResultNoSuchAttribute,
		ldap.LDAPResultUndefinedAttributeType, ldap.LDAPResultObjectClassModsProhibited, ldap.LDAPResultNotAllowedOnRDN:
		return connector.CodeSchemaViolation
	case ldap.LDAPResultConstraintViolation, ldap.LDAPResultUnwillingToPerform:
		if password || refused.windows == policy {
			return connector.CodePasswordPolicy
		}
		return connector.CodeConstraintViolation
	case ldap.LDAPResultNotAllowedOnNonLeaf, ldap.LDAPResultAttributeOrValueExists:
		return connector.CodeConstraintViolation
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		return connector.CodeConnectionFailed
	default:
		return connector.CodeUnexpected
	}
}

// delete removes the object alone, never a tree.
func (x *exporting) delete(ctx context.Context) (connector.Result, error) {
	err := x.send(ctx, func() error { return x.link.conn.Del(&ldap.DelRequest{DN: x.target()}) })
	if errors.Is(err, connector.ErrNotFound) {
		return connector.Result{Outcome: connector.NoChange}, nil
	}
	return connector.Result{Outcome: connector.Applied}, err
}

// target is the DN to send requests for the object to: by GUID where that is known, so
// that a rename by somebody else does not matter.
func (x *exporting) target() string { return targetOf(x.change.Key) }

func targetOf(k connector.Key) string {
	if g, ok := parseGUID(k.Anchor.Raw()); ok {
		return g.dn()
	}
	return k.DN
}

// locate reads where an object is now; nil if it is not there.
func (x *exporting) locate(ctx context.Context, dn string) (*connector.Key, error) {
	e, err := x.link.read(ctx, dn, anything, "objectGUID")
	if resultCode(err) == ldap.LDAPResultInvalidDNSyntax {
		return nil, nil
	}
	if err != nil || e == nil {
		return nil, err
	}
	key := &connector.Key{DN: e.DN}
	if g, ok := parseGUID(single(e, "objectGUID")); ok {
		key.Anchor = connector.NewAnchor(g[:])
	}
	return key, nil
}

// missing is the error for an object that is not there.
func missing() error {
	return &connector.Error{Code: connector.CodeMissingObject, Err: connector.ErrNotFound}
}
