package memdir

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A taken error is a conflict with an object that is known.
type taken struct{ with connector.Key }

func (t *taken) Error() string { return connector.ErrConflict.Error() + " " + t.with.String() }
func (t *taken) Unwrap() error { return connector.ErrConflict }

var errNotEmpty = fmt.Errorf("%w: there are objects below it", connector.ErrInvalid)

// plan is one object as it shall be, checked before anything is stored. Several plans made
// together may refer to each other's objects.
type plan struct {
	d   *Directory
	op  string
	dns map[string]*entry // DN key to object that is being created
	new map[connector.Anchor]*entry
	val map[uniqueKey]*entry // unique values that are being taken
}

func (d *Directory) newPlan(op string) *plan {
	return &plan{d, op, make(map[string]*entry), make(map[connector.Anchor]*entry), make(map[uniqueKey]*entry)}
}

func (p *plan) refuse(k connector.Key, attribute string, code connector.Code, err error) error {
	return &connector.Error{Op: p.op, Connector: p.d.name, Object: k, Attribute: attribute, Code: code, Err: err}
}

// class checks that objects of the class can exist and, for an export, be changed.
func (p *plan) class(k connector.Key, class string) error {
	known, readOnly := true, false
	if p.d.opts.Schema != nil {
		var c *connector.Class
		c, known = p.d.opts.Schema.Class(class)
		readOnly = known && !c.Export
	}
	switch {
	case class == "":
		return p.refuse(k, "", connector.CodeMissingClass, connector.ErrInvalid)
	case !known:
		return p.refuse(k, "", connector.CodeUnmappableType, connector.ErrInvalid)
	case readOnly && p.op == opExport:
		return p.refuse(k, "", connector.CodePermissionIssue, connector.ErrPermission)
	}
	return nil
}

// dn checks that an object can be at a DN. e is nil for a new object.
func (p *plan) dn(k connector.Key, e *entry, dn string) error {
	if dn == "" {
		if p.d.opts.References == connector.ReferenceByAnchor && e == nil {
			return nil
		}
		return p.refuse(k, "", connector.CodeInvalidDN, connector.ErrInvalid)
	}
	if !utf8.ValidString(dn) {
		return p.refuse(k, "", connector.CodeInvalidDN, connector.ErrInvalid)
	}
	key := p.d.dnKey(dn)
	other := p.d.byDN[key]
	if other == nil {
		other = p.dns[key]
	}
	if other != nil && other != e {
		return p.refuse(k, "", connector.CodeExistingObject, &taken{other.key()})
	}
	if e != nil && other != e && p.d.within(dn, e.dn) {
		return p.refuse(k, "", connector.CodeInvalidDN, fmt.Errorf("%w: an object cannot be moved below itself", connector.ErrInvalid))
	}
	return nil
}

// attributes returns what an object of the class would hold after the modifications. e is
// the object; adding says that it is being created, so that create-only attributes can be
// written.
func (p *plan) attributes(e *entry, class string, old *attr.Set, mods []attr.Mod, adding bool) (attr.Set, error) {
	next := old.Clone()
	for _, m := range mods {
		inner, err := p.mod(e, class, m, adding)
		if err != nil {
			return attr.Set{}, err
		}
		next.Apply(inner)
		if a, ok := p.d.catalog.attributes[attr.Fold(m.Name)]; ok && !a.MultiValued && len(next.Values(m.Name)) > 1 && p.d.opts.Schema != nil {
			return attr.Set{}, p.refuse(e.key(), m.Name, connector.CodeConstraintViolation,
				fmt.Errorf("%w: the attribute holds one value", connector.ErrInvalid))
		}
	}
	return next, nil
}

// mod checks a modification against the schema and gives references their inner form.
func (p *plan) mod(e *entry, class string, m attr.Mod, adding bool) (attr.Mod, error) {
	if m.Name == "" {
		return m, p.refuse(e.key(), "", connector.CodeSchemaViolation, fmt.Errorf("%w: attribute without a name", connector.ErrInvalid))
	}
	var a *connector.Attribute
	if p.d.opts.Schema != nil {
		var err error
		if a, err = p.writable(e, class, m.Name, adding); err != nil {
			return m, err
		}
	}
	out := attr.Mod{Name: m.Name, Replace: m.Replace}
	for _, v := range m.Adds {
		if err := p.value(e, m.Name, a, v); err != nil {
			return m, err
		}
		inner, ok := p.resolve(v)
		if !ok {
			return m, p.refuse(e.key(), m.Name, connector.CodeReferenceFailure, connector.ErrNotFound)
		}
		out.Adds = append(out.Adds, inner)
	}
	for _, v := range m.Deletes {
		if inner, ok := p.resolve(v); ok { // what does not exist is not referred to
			out.Deletes = append(out.Deletes, inner)
		}
	}
	out.Adds, _ = attr.Diff(nil, out.Adds) // each once
	return out, nil
}

// writable finds the attribute in the schema and checks that it can be written.
func (p *plan) writable(e *entry, class, name string, adding bool) (*connector.Attribute, error) {
	folded := attr.Fold(name)
	a, ok := p.d.catalog.attributes[folded]
	readOnly, has := p.d.catalog.classes[attr.Fold(class)][folded]
	switch {
	case !ok || !has:
		return nil, p.refuse(e.key(), name, connector.CodeSchemaViolation, fmt.Errorf("%w: the class has no such attribute", connector.ErrInvalid))
	case p.op == opExport && (a.ReadOnly || readOnly):
		return nil, p.refuse(e.key(), name, connector.CodeConstraintViolation, fmt.Errorf("%w: the attribute is read-only", connector.ErrInvalid))
	case p.op == opExport && a.CreateOnly && !adding:
		return nil, p.refuse(e.key(), name, connector.CodeConstraintViolation, fmt.Errorf("%w: only creation can set the attribute", connector.ErrInvalid))
	}
	return &a, nil
}

// value checks one value against its attribute, which is nil where there is no schema.
func (p *plan) value(e *entry, name string, a *connector.Attribute, v attr.Value) error {
	switch {
	case v.IsZero(), a != nil && v.Kind() != a.Kind:
		return p.refuse(e.key(), name, connector.CodeInvalidValue, connector.ErrInvalid)
	case a != nil && a.MaxLength > 0 && length(v) > a.MaxLength:
		return p.refuse(e.key(), name, connector.CodeExceededLength, connector.ErrInvalid)
	}
	key := uniqueKey{attr.Fold(name), uniqueForm(v)}
	if !p.d.unique[key.attribute] {
		return nil
	}
	other := p.d.values[key]
	if other == nil {
		other = p.val[key]
	}
	if other != nil && other != e {
		return p.refuse(e.key(), name, connector.CodeUniqueValue, &taken{other.key()})
	}
	p.val[key] = e
	return nil
}

func length(v attr.Value) int {
	if v.Kind() == attr.KindBinary {
		return len(v.Str())
	}
	return utf8.RuneCountInString(v.Str())
}

// conflictWith returns the object in the way, if the error names one.
func conflictWith(err error) connector.Key {
	if t, ok := errors.AsType[*taken](err); ok {
		return t.with
	}
	return connector.Key{}
}
