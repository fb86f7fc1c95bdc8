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

// writtenOnce reports whether an attribute is written where it is empty and never again:
// the identity of the object in the cloud hangs on it.
func writtenOnce(name string) bool { return attr.EqualName(name, "mS-DS-ConsistencyGuid") }

// comparedMost is the longest value that is compared before it is replaced.
const comparedMost = 1024

// careful reports whether a replacement is to succeed only where the attribute holds what
// the engine believes it to hold: that somebody else wrote meanwhile is a conflict to look
// at. It is so for ordinary text and octets of one value, whose former value is known, and
// always for attributes that are written once.
func (x *exporting) careful(m attr.Mod) bool {
	if writtenOnce(m.Name) {
		return true
	}
	a := x.plan.schema.attribute(m.Name)
	expected := x.change.Expected.Values(m.Name)
	return a != nil && !a.multi && (a.syntax == syntaxText || a.syntax == syntaxOctets) && !a.required() && !a.secret() &&
		len(m.Adds) == 1 && len(m.Adds[0].Str()) <= comparedMost &&
		len(expected) == 1 && len(expected[0].Str()) <= comparedMost
}

// replaceExpected replaces values in one request, which the directory carries out only if
// all attributes hold what is expected, and one by one where it refuses that. Conflicts
// hold up no other attribute.
func (x *exporting) replaceExpected(ctx context.Context, target string, mods []attr.Mod) error {
	if len(mods) == 0 {
		return nil
	}
	err := x.exchange(ctx, target, mods)
	if !unexpected(err) {
		return err
	}
	var first error
	for _, m := range mods {
		err := x.exchange(ctx, target, []attr.Mod{m})
		if unexpected(err) {
			err = x.overtaken(ctx, target, m, err)
		}
		if err != nil && !errors.Is(err, connector.ErrConflict) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// unexpected reports whether a refusal may say that an attribute holds another value.
func unexpected(err error) bool {
	switch resultCode(err) {
	case ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultConstraintViolation:
		return true
	}
	return false
}

// exchange sends one request that takes the expected values away and adds new ones. A
// directory refuses to add a second value to an attribute that can have one.
func (x *exporting) exchange(ctx context.Context, target string, mods []attr.Mod) error {
	request := &ldap.ModifyRequest{DN: target}
	for _, m := range mods {
		expected, err := x.encode(m.Name, x.change.Expected.Values(m.Name))
		if err != nil {
			return err
		}
		adds, err := x.encode(m.Name, m.Adds)
		if err != nil {
			return err
		}
		if len(expected) > 0 && !writtenOnce(m.Name) {
			request.Delete(m.Name, expected)
		}
		if len(adds) > 0 {
			request.Add(m.Name, adds)
		}
	}
	if len(request.Changes) == 0 { // to clear what is written once
		return nil
	}
	return x.send(ctx, func() error { return x.link.conn.Modify(request) })
}

// overtaken looks at an attribute whose replacement was refused: it may hold the new value
// already, or none, or another, which is a conflict.
func (x *exporting) overtaken(ctx context.Context, target string, m attr.Mod, refused error) error {
	e, err := x.link.read(ctx, target, anything, m.Name)
	if err != nil {
		return err
	}
	if e == nil {
		return missing()
	}
	wanted, err := x.encode(m.Name, m.Adds)
	if err != nil {
		return err
	}
	held := values(e, m.Name)
	switch {
	case slices.Equal(held, wanted):
		return nil
	case len(held) == 0:
		return x.modify(ctx, target, []attr.Mod{m})
	}
	expected, err := x.encode(m.Name, x.change.Expected.Values(m.Name))
	if err != nil {
		return err
	}
	if slices.Equal(held, expected) && !writtenOnce(m.Name) { // it was refused for another reason
		return refused
	}
	return &connector.Error{Code: connector.CodeConstraintViolation, Attribute: m.Name,
		Err: fmt.Errorf("%w: the attribute holds another value than expected, which is not overwritten", connector.ErrConflict)}
}
