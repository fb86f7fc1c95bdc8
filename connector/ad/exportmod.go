package ad

import (
	"context"
	"errors"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// valueChunk is the number of values of one attribute to send in one request. Windows
// takes 5000 or so before it runs out of version store on a busy day.
const valueChunk = 1000

// update modifies the object and then renames or moves it.
func (x *exporting) update(ctx context.Context) (connector.Result, error) {
	target := x.target()
	result := connector.Result{Outcome: connector.NoChange}
	var at *connector.Key
	if x.change.NewDN != "" {
		var err error
		if at, err = x.locate(ctx, target); err != nil {
			return result, err
		}
		if at == nil && x.change.Key.Anchor.IsZero() { // renamed by this very change before
			if at, err = x.locate(ctx, x.change.NewDN); err != nil {
				return result, err
			}
		}
		if at == nil {
			return result, missing()
		}
		if x.change.Key.Anchor.IsZero() {
			target = at.DN
		}
	}
	mods := x.writable(x.change.Mods)
	if len(mods) > 0 {
		if err := x.applyMods(ctx, target, mods); err != nil {
			return x.updateRefused(ctx, target, err)
		}
		result.Outcome = connector.Applied
	}
	if at != nil && !sameDN(at.DN, x.change.NewDN) {
		dn, err := x.rename(ctx, at.DN)
		if err != nil {
			return result, err
		}
		result.Outcome, result.DN = connector.Applied, dn
	}
	if len(mods) == 0 && at == nil {
		if key, err := x.locate(ctx, target); err != nil {
			return result, err
		} else if key == nil {
			return result, missing()
		}
	}
	return result, nil
}

// writable leaves out what the directory offers no way to write.
func (x *exporting) writable(mods []attr.Mod) []attr.Mod {
	out := make([]attr.Mod, 0, len(mods))
	for _, m := range mods {
		if a := x.plan.schema.attribute(m.Name); a != nil && (a.readOnly() || a.createOnly()) {
			x.skipped = append(x.skipped, m.Name)
			continue
		}
		if m.Replace || len(m.Adds)+len(m.Deletes) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// updateRefused looks closer at a refused modification.
func (x *exporting) updateRefused(ctx context.Context, target string, refused error) (connector.Result, error) {
	var own *connector.Error
	if errors.As(refused, &own) && errors.Is(own, connector.ErrConflict) { // see overtaken
		return connector.Result{Outcome: connector.Conflict}, refused
	}
	switch resultCode(refused) {
	case ldap.LDAPResultInsufficientAccessRights:
		attribute, err := x.notAllowed(ctx, target)
		if err != nil {
			return connector.Result{}, err
		}
		return connector.Result{}, &connector.Error{Code: connector.CodePermissionIssue, Attribute: attribute, Err: refused}
	case ldap.LDAPResultEntryAlreadyExists, ldap.LDAPResultConstraintViolation:
		return x.uniqueConflict(ctx, refused)
	}
	return connector.Result{}, refused
}

// notAllowed finds the attribute that the account may not write, "" if that is not known.
// A refused modification does not tell.
func (x *exporting) notAllowed(ctx context.Context, target string) (string, error) {
	e, err := x.link.read(ctx, target, anything, "allowedAttributesEffective")
	if err != nil || e == nil {
		return "", err
	}
	allowed := values(e, "allowedAttributesEffective")
	for _, m := range x.change.Mods {
		if !slices.ContainsFunc(allowed, func(a string) bool { return attr.EqualName(a, m.Name) }) {
			return m.Name, nil
		}
	}
	return "", nil
}

// applyMods sends modifications: all that are small in one request, which the directory
// carries out as a whole, and then large ones in chunks.
func (x *exporting) applyMods(ctx context.Context, target string, mods []attr.Mod) error {
	var small, large, careful []attr.Mod
	for _, m := range mods {
		switch {
		case x.careful(m):
			careful = append(careful, m)
		case len(m.Adds)+len(m.Deletes) > valueChunk:
			large = append(large, m)
		default:
			small = append(small, m)
		}
	}
	if err := x.replaceExpected(ctx, target, careful); err != nil {
		if resultCode(err) != 0 || errors.Is(err, connector.ErrConflict) { // the rest is not held up
			return errors.Join(err, x.applyRest(ctx, target, small, large))
		}
		return err
	}
	return x.applyRest(ctx, target, small, large)
}

func (x *exporting) applyRest(ctx context.Context, target string, small, large []attr.Mod) error {
	if len(small) > 0 {
		if err := x.modify(ctx, target, small); err != nil {
			if err = x.apart(ctx, target, small, err); err != nil {
				return err
			}
		}
	}
	for _, m := range large {
		if err := x.inChunks(ctx, target, m); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporting) inChunks(ctx context.Context, target string, m attr.Mod) error {
	adds := m.Adds
	if m.Replace {
		first := adds[:min(len(adds), valueChunk)]
		adds = adds[len(first):]
		if err := x.modify(ctx, target, []attr.Mod{{Name: m.Name, Replace: true, Adds: first}}); err != nil {
			return err
		}
	} else {
		for chunk := range slices.Chunk(m.Deletes, valueChunk) {
			if err := x.values(ctx, target, attr.Mod{Name: m.Name, Deletes: chunk}); err != nil {
				return err
			}
		}
	}
	for chunk := range slices.Chunk(adds, valueChunk) {
		if err := x.values(ctx, target, attr.Mod{Name: m.Name, Adds: chunk}); err != nil {
			return err
		}
	}
	return nil
}

// modify sends one request. Deletions come before additions: the directory compares
// without regard to case, and a value that changes only its case is both.
func (x *exporting) modify(ctx context.Context, target string, mods []attr.Mod) error {
	request := &ldap.ModifyRequest{DN: target, Controls: []ldap.Control{
		&ldap.ControlString{ControlType: ldap.ControlTypeMicrosoftPermissiveModify},
	}}
	for _, m := range mods {
		adds, err := x.encode(m.Name, m.Adds)
		if err != nil {
			return err
		}
		deletes, err := x.encode(m.Name, m.Deletes)
		if err != nil {
			return err
		}
		switch {
		case m.Replace:
			request.Replace(m.Name, adds)
			continue
		case len(deletes) > 0:
			request.Delete(m.Name, deletes)
		}
		if len(adds) > 0 {
			request.Add(m.Name, adds)
		}
	}
	return x.send(ctx, func() error { return x.link.conn.Modify(request) })
}

// apart carries out refused modifications one by one where that can help: values that are
// there already or not there, and references to objects that do not exist.
func (x *exporting) apart(ctx context.Context, target string, mods []attr.Mod, refused error) error {
	switch resultCode(refused) {
	case ldap.LDAPResultNoSuchObject:
		at, err := x.locate(ctx, target)
		if err != nil {
			return err
		}
		if at == nil {
			return missing()
		}
	default:
		references := slices.ContainsFunc(mods, func(m attr.Mod) bool { return !m.Replace && x.isReference(m.Name) })
		if !separable(refused, references) {
			return refused
		}
	}
	var first error
	for _, m := range mods {
		var err error
		if m.Replace {
			err = x.referenceFailure(m.Name, x.modify(ctx, target, []attr.Mod{m}))
		} else {
			if len(m.Deletes) > 0 {
				err = x.values(ctx, target, attr.Mod{Name: m.Name, Deletes: m.Deletes})
			}
			if err == nil && len(m.Adds) > 0 {
				err = x.values(ctx, target, attr.Mod{Name: m.Name, Adds: m.Adds})
			}
		}
		if err != nil && resultCode(err) == 0 {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// values adds or deletes values of one attribute. When the directory refuses them
// together, halves are tried, so that a value which cannot be taken holds up no other. The
// error is that of the first such value.
func (x *exporting) values(ctx context.Context, target string, m attr.Mod) error {
	err := x.modify(ctx, target, []attr.Mod{m})
	switch {
	case err == nil || !separable(err, x.isReference(m.Name)):
		return err
	case len(m.Adds)+len(m.Deletes) > 1:
		a, b := halves(m)
		first := x.values(ctx, target, a)
		if first != nil && resultCode(first) == 0 {
			return first
		}
		second := x.values(ctx, target, b)
		if first == nil || second != nil && resultCode(second) == 0 {
			return second
		}
		return first
	}
	done, readErr := x.settled(ctx, target, m)
	if done || readErr != nil {
		return readErr
	}
	return x.referenceFailure(m.Name, err)
}

// separable reports whether a refusal may be due to single values, of attributes that are
// references or of any: that a value is there already, that it is not there, or that what
// it refers to does not exist. Group members have results of their own.
func separable(err error, references bool) bool {
	switch resultCode(err) {
	case ldap.LDAPResultNoSuchObject, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultNoSuchAttribute:
		return true
	case ldap.LDAPResultEntryAlreadyExists, ldap.LDAPResultUnwillingToPerform:
		return references
	}
	return noTarget(err)
}

// noTarget reports whether a refusal says that what a reference names does not exist.
func noTarget(err error) bool {
	const invalidReference = 8373 // ERROR_DS_NAME_REFERENCE_INVALID
	var r *resultError
	return errors.As(err, &r) && (r.result == ldap.LDAPResultNoSuchObject || r.windows == invalidReference)
}

func (x *exporting) isReference(name string) bool {
	a := x.plan.schema.attribute(name)
	return a != nil && a.syntax == syntaxDN
}

// settled reports whether a single refused value is as asked for all the same: held if it
// was to be added, not held if it was to be deleted.
func (x *exporting) settled(ctx context.Context, target string, m attr.Mod) (bool, error) {
	if x.plan.schema.attribute(m.Name) == nil {
		return false, nil // not held and never will be
	}
	encoded, err := x.encode(m.Name, append(slices.Clip(m.Adds), m.Deletes...))
	if err != nil || len(encoded) != 1 {
		return false, err
	}
	e, err := x.link.read(ctx, target, "("+m.Name+"="+ldap.EscapeFilter(encoded[0])+")", "1.1")
	if err != nil {
		return false, err
	}
	return (e != nil) == (len(m.Adds) == 1), nil
}

// referenceFailure names a refusal that is about the target of a reference.
func (x *exporting) referenceFailure(name string, err error) error {
	if noTarget(err) {
		return &connector.Error{Code: connector.CodeReferenceFailure, Attribute: name, Err: err}
	}
	return err
}

// halves splits a modification of several values. At least one value goes to each half.
func halves(m attr.Mod) (a, b attr.Mod) {
	if len(m.Adds) == 1 && len(m.Deletes) == 1 {
		return attr.Mod{Name: m.Name, Deletes: m.Deletes}, attr.Mod{Name: m.Name, Adds: m.Adds}
	}
	i, j := len(m.Adds)/2, len(m.Deletes)/2
	return attr.Mod{Name: m.Name, Adds: m.Adds[:i], Deletes: m.Deletes[:j]},
		attr.Mod{Name: m.Name, Adds: m.Adds[i:], Deletes: m.Deletes[j:]}
}

// rename moves the object to its new DN and returns that as the directory spells it.
func (x *exporting) rename(ctx context.Context, current string) (string, error) {
	rdn, parent := splitDN(x.change.NewDN)
	_, oldParent := splitDN(current)
	request := &ldap.ModifyDNRequest{DN: current, NewRDN: rdn, DeleteOldRDN: true}
	if !sameDN(parent, oldParent) {
		request.NewSuperior = parent
	}
	err := x.send(ctx, func() error { return x.link.conn.ModifyDN(request) })
	if err != nil {
		return "", x.renameRefused(ctx, parent, err)
	}
	key, err := x.locate(ctx, x.change.NewDN)
	if err != nil || key == nil {
		return x.change.NewDN, nil //nolint:nilerr // done all the same; the next import tells the spelling
	}
	return key.DN, nil
}

func (x *exporting) renameRefused(ctx context.Context, parent string, refused error) error {
	if resultCode(refused) == 0 || errors.Is(refused, connector.ErrPermission) || errors.Is(refused, connector.ErrConflict) {
		return refused
	}
	key, err := x.locate(ctx, parent)
	if err != nil {
		return err
	}
	if key == nil {
		return &connector.Error{Code: connector.CodeNonExistentParent, Err: refused}
	}
	return refused
}
