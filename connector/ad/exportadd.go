package ad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// add creates the object. Values beyond the first chunk of a large attribute follow in
// modifications.
func (x *exporting) add(ctx context.Context) (connector.Result, error) {
	request := &ldap.AddRequest{DN: x.change.Key.DN}
	var rest []attr.Mod
	classes := []string{x.change.Class}
	for _, m := range x.change.Mods {
		a := x.plan.schema.attribute(m.Name)
		switch {
		case len(m.Adds) == 0:
			continue
		case attr.EqualName(m.Name, "objectClass"):
			if classes = classes[:0]; len(m.Adds) > 0 {
				for _, v := range m.Adds {
					classes = append(classes, v.Str())
				}
			}
			continue
		case attr.EqualName(m.Name, rdnType(x.change.Key.DN)):
			continue // the DN says it
		case a != nil && a.readOnly():
			x.skipped = append(x.skipped, m.Name)
			continue
		}
		first := m.Adds[:min(len(m.Adds), valueChunk)]
		encoded, err := x.encode(m.Name, first)
		if err != nil {
			return connector.Result{}, err
		}
		request.Attributes = append(request.Attributes, ldap.Attribute{Type: m.Name, Vals: encoded})
		if len(m.Adds) > len(first) {
			rest = append(rest, attr.Mod{Name: m.Name, Adds: m.Adds[len(first):]})
		}
	}
	request.Attributes = append([]ldap.Attribute{{Type: "objectClass", Vals: classes}}, request.Attributes...)
	if err := x.send(ctx, func() error { return x.link.conn.Add(request) }); err != nil {
		return x.addRefused(ctx, err)
	}
	result := connector.Result{Outcome: connector.Applied}
	if len(rest) > 0 {
		if err := x.applyMods(ctx, x.change.Key.DN, rest); err != nil {
			return result, err
		}
	}
	// The change is done whether or not the object can be read back; without its anchor
	// the next import tells.
	if key, err := x.locate(ctx, x.change.Key.DN); err == nil && key != nil {
		result.Anchor, result.DN = key.Anchor, key.DN
	}
	return result, nil
}

// addRefused looks closer at a refused add: what exists already may be what was asked for.
func (x *exporting) addRefused(ctx context.Context, refused error) (connector.Result, error) {
	switch code := resultCode(refused); {
	case code != ldap.LDAPResultNoSuchObject && noTarget(refused):
		return connector.Result{}, &connector.Error{Code: connector.CodeReferenceFailure, Err: refused}
	case code == ldap.LDAPResultEntryAlreadyExists || code == ldap.LDAPResultConstraintViolation:
		return x.addConflict(ctx, refused)
	case code == ldap.LDAPResultNoSuchObject:
		_, parent := splitDN(x.change.Key.DN)
		key, err := x.locate(ctx, parent)
		if err != nil {
			return connector.Result{}, err
		}
		if key == nil {
			return connector.Result{}, &connector.Error{Code: connector.CodeNonExistentParent, Err: refused}
		}
		return connector.Result{}, &connector.Error{Code: connector.CodeReferenceFailure, Err: refused}
	}
	return connector.Result{}, refused
}

func (x *exporting) addConflict(ctx context.Context, refused error) (connector.Result, error) {
	at, err := x.locate(ctx, x.change.Key.DN)
	if err != nil {
		return connector.Result{}, err
	}
	if at != nil {
		same, err := x.holdsAll(ctx, at.DN)
		if err != nil {
			return connector.Result{}, err
		}
		if same {
			return connector.Result{Outcome: connector.NoChange, Anchor: at.Anchor, DN: at.DN}, nil
		}
		return connector.Result{Outcome: connector.Conflict, ConflictWith: *at},
			&connector.Error{Code: connector.CodeExistingObject, Err: refused}
	}
	return x.uniqueConflict(ctx, refused)
}

// uniqueConflict finds the object that holds a value which must be unique in the domain.
func (x *exporting) uniqueConflict(ctx context.Context, refused error) (connector.Result, error) {
	for _, m := range x.change.Mods {
		if len(m.Adds) == 0 || !attr.EqualName(m.Name, "sAMAccountName") && !attr.EqualName(m.Name, "userPrincipalName") {
			continue
		}
		holder, err := x.holder(ctx, m.Name, m.Adds[0].Str())
		if err != nil {
			return connector.Result{}, err
		}
		if holder != nil && (x.change.Key.Anchor.IsZero() || holder.Anchor != x.change.Key.Anchor) {
			return connector.Result{Outcome: connector.Conflict, ConflictWith: *holder},
				&connector.Error{Code: connector.CodeUniqueValue, Attribute: m.Name, Err: fmt.Errorf("%w: %w", connector.ErrConflict, refused)}
		}
	}
	return connector.Result{}, refused
}

func (x *exporting) holder(ctx context.Context, attribute, value string) (*connector.Key, error) {
	for _, p := range x.parts {
		found, err := x.link.search(ctx, &ldap.SearchRequest{
			BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree, Attributes: []string{"objectGUID"},
			Filter: "(" + attribute + "=" + ldap.EscapeFilter(value) + ")",
		})
		if err != nil {
			return nil, err
		}
		for _, e := range found.entries {
			key := &connector.Key{DN: e.DN}
			if g, ok := parseGUID(single(e, "objectGUID")); ok {
				key.Anchor = connector.NewAnchor(g[:])
			}
			return key, nil
		}
	}
	return nil, nil
}

// holdsAll reports whether an object has the class and the values that an add asks for.
// What cannot be read does not count, nor does what the directory computes into.
func (x *exporting) holdsAll(ctx context.Context, dn string) (bool, error) {
	names := []string{"objectClass"}
	for _, m := range x.change.Mods {
		names = append(names, m.Name)
	}
	e, err := x.link.read(ctx, dn, anything, names...)
	if err != nil || e == nil {
		return false, err
	}
	classes := values(e, "objectClass")
	if len(classes) == 0 || !attr.EqualName(classes[len(classes)-1], x.change.Class) {
		return false, nil
	}
	for _, m := range x.change.Mods {
		a := x.plan.schema.attribute(m.Name)
		if a == nil || a.readOnly() || a.createOnly() || a.secret() || attr.EqualName(m.Name, "userAccountControl") {
			continue
		}
		held := values(e, m.Name)
		for _, v := range m.Adds {
			want, err := a.encode(v)
			if err != nil || !slices.ContainsFunc(held, func(h string) bool { return a.same(h, want) }) {
				// A large attribute is not read to its end: one value too many here is a
				// conflict to look at there.
				return false, nil
			}
		}
	}
	return true, nil
}

// same compares two encoded values as the directory does.
func (a *attribute) same(x, y string) bool {
	switch {
	case x == y:
		return true
	case a.syntax == syntaxDN:
		return sameDN(x, y)
	case a.syntax == syntaxText && !a.exact:
		return strings.EqualFold(x, y)
	}
	return false
}

// encode turns values of an attribute, which the schema need not know.
func (x *exporting) encode(name string, vs []attr.Value) ([]string, error) {
	a := x.plan.schema.attribute(name)
	out := make([]string, len(vs))
	for i, v := range vs {
		text, err := a.encode(v)
		if err != nil {
			return nil, &connector.Error{Code: connector.CodeInvalidValue, Attribute: name, Err: errors.Join(connector.ErrInvalid, err)}
		}
		out[i] = text
	}
	return out, nil
}
