package ad

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/ldapwire"
)

// An entry is one object as a search returns it.
type entry = ldapwire.Entry

// An incomplete attribute is one of which the server has sent a first range.
type incomplete struct {
	attribute *attribute
	got       valueRange
}

// An object under construction from one entry.
type draft struct {
	object     *connector.Object
	imported   bool         // its class is part of the plan
	incomplete []incomplete // attributes to be completed
	usn        string       // state of the object at the time of reading
}

// identity reads anchor, DN and class of an entry.
func (p *plan) identity(e *entry) (guid, *connector.Object, bool, error) {
	o := &connector.Object{DN: e.DN}
	g, ok := parseGUID(single(e, "objectGUID"))
	if !ok {
		return g, o, true, &connector.Error{Op: "import", Object: o.Key(), Code: connector.CodeMissingAnchor,
			Err: fmt.Errorf("%w: the object has no objectGUID that can be read", connector.ErrProtocol)}
	}
	o.Anchor = connector.NewAnchor(g[:])
	classes := values(e, "objectClass")
	if len(classes) == 0 {
		return g, o, true, &connector.Error{Op: "import", Object: o.Key(), Code: connector.CodeMissingClass,
			Err: fmt.Errorf("%w: the object has no objectClass that can be read", connector.ErrProtocol)}
	}
	var imported bool
	o.Class, imported = p.classOf(classes)
	return g, o, imported, nil
}

// draft decodes a whole object. Its error is trouble with this object alone.
func (p *plan) draft(e *entry) (draft, error) {
	_, o, imported, err := p.identity(e)
	d := draft{object: o, imported: imported}
	if err != nil || !imported {
		return d, err
	}
	d.usn = single(e, "uSNChanged")
	o.Attributes.Grow(min(len(e.Attributes), len(p.wanted)))
	all := make([]attr.Value, 0, e.Len())
	for _, a := range e.Attributes {
		name, r, ranged, ok := parseDescription(a.Name)
		known := p.find(name)
		if known == nil || len(a.Values) == 0 { // a large attribute also comes by its bare name, without values
			continue
		}
		if !ok || ranged && r.from != 0 {
			return d, p.trouble(o, known, fmt.Errorf("%w: a range that was not asked for", connector.ErrProtocol))
		}
		first := len(all)
		if all, err = known.decode(all, a.Values); err != nil {
			return d, p.trouble(o, known, fmt.Errorf("%w: %w", connector.ErrInvalid, err))
		}
		o.Attributes.Put(known.name, all[first:len(all):len(all)]...)
		if ranged && !r.last {
			d.incomplete = append(d.incomplete, incomplete{known, r})
		}
	}
	return d, nil
}

func (p *plan) trouble(o *connector.Object, a *attribute, err error) error {
	return &connector.Error{Op: "import", Object: o.Key(), Attribute: a.name, Code: connector.CodeInvalidValue, Err: err}
}

// decode appends all values of an attribute to a list.
func (a *attribute) decode(to []attr.Value, raw []string) ([]attr.Value, error) {
	to = slices.Grow(to, len(raw))
	for _, r := range raw {
		v, err := a.syntax.decode(r)
		if err != nil {
			return nil, err
		}
		to = append(to, v)
	}
	return to, nil
}

// values returns the raw values of an attribute of an entry.
func values(e *entry, name string) []string {
	for _, a := range e.Attributes {
		if attr.EqualName(a.Name, name) {
			return a.Values
		}
	}
	return nil
}

// present reports whether the entry tells of the attribute at all, be it without values.
func present(e *entry, name string) bool {
	return slices.ContainsFunc(e.Attributes, func(a ldapwire.Attribute) bool { return attr.EqualName(a.Name, name) })
}

func single(e *entry, name string) string {
	if v := values(e, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// deleted reports whether the entry is that of a deleted object.
func deleted(e *entry) bool { return strings.EqualFold(single(e, "isDeleted"), "TRUE") }
