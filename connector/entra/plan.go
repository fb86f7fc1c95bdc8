package entra

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A plan is what a change comes to in Graph's words.
type plan struct {
	body   map[string]any // properties to send; nil clears one
	asked  map[string][]attr.Value
	lists  []listChange // collections of which single values change
	refs   []refWish
	anchor string // source anchor, "" if it does not change
	// only holds the properties that only the creation sets: those that Graph requires, and
	// those that nobody asked for.
	only map[string]bool
}

// A listChange changes single values of a collection, which Graph only takes whole.
type listChange struct {
	m   *Mapping
	mod attr.Mod
}

// A refWish is what is asked of a relationship.
type refWish struct {
	m   *Mapping
	mod attr.Mod
}

// A shapeError is a value that Graph would refuse.
type shapeError struct {
	attribute string
	code      connector.Code
	err       error
}

func (e *shapeError) Error() string { return e.err.Error() }

// plan translates the modifications. What cannot be written goes to the result's Skipped;
// a value that Graph would refuse fails the change before anything is sent.
func (t *task) plan() (*plan, error) {
	p := &plan{body: make(map[string]any), asked: make(map[string][]attr.Value), only: make(map[string]bool)}
	for _, mod := range t.ch.Mods {
		m := t.c.attribute(mod.Name, mod.Adds)
		if m == nil || !t.writable(m) {
			t.skip(mod.Name)
			continue
		}
		if m.shape == shapeRefs {
			p.refs = append(p.refs, refWish{m, mod})
			continue
		}
		if m.shape == shapeList && !mod.Replace && t.ch.Op == connector.OpUpdate {
			p.lists = append(p.lists, listChange{m, mod})
			continue
		}
		if err := t.planValues(p, m, mod.Adds); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (t *task) skip(name string) { t.result.Skipped = append(t.result.Skipped, name) }

// writable reports whether the attribute can be written by this operation.
func (t *task) writable(m *Mapping) bool {
	switch m.access(t.c.name) {
	case ReadWrite:
		return true
	case CreateOnly:
		return t.ch.Op == connector.OpAdd || m.Attribute == attrSourceAnchor
	}
	return false
}

func (t *task) planValues(p *plan, m *Mapping, values []attr.Value) error {
	if m.Attribute == attrSourceAnchor {
		return t.planAnchor(p, m, values)
	}
	if len(values) == 0 && m.required {
		if m.Attribute == attrAlias {
			t.skip(m.Attribute) // the directory keeps the last one, as Entra Connect has it
			return nil
		}
		return &shapeError{m.Attribute, connector.CodeDataValidationFailed, errors.New("the directory does not allow it to be cleared")}
	}
	if err := checkShape(m, t.c, values); err != nil {
		return err
	}
	p.asked[m.Attribute] = values
	return p.put(m, values)
}

// put adds a property to the body.
func (p *plan) put(m *Mapping, values []attr.Value) error {
	encoded, err := encodeValues(m, values)
	if err != nil {
		return &shapeError{m.Attribute, connector.CodeInvalidValue, err}
	}
	if m.shape != shapeNested {
		p.body[m.Property] = encoded
		return nil
	}
	property, member, _ := strings.Cut(m.Property, ".")
	nested, _ := p.body[property].(map[string]any)
	if nested == nil {
		nested = make(map[string]any)
		p.body[property] = nested
	}
	nested[member] = encoded
	return nil
}

// planAnchor plans the source anchor, which groups hold encoded and for good.
func (t *task) planAnchor(p *plan, m *Mapping, values []attr.Value) error {
	if err := checkShape(m, t.c, values); err != nil {
		return err
	}
	if len(values) > 0 {
		p.anchor = values[0].Text()
	}
	if t.c.name == classUser {
		p.asked[m.Attribute] = values
		return p.put(m, values)
	}
	link := linkName(p.anchor)
	if link == "" || t.s.t.o.NoGroupLink {
		t.skip(m.Attribute)
		return nil
	}
	p.body[m.Property] = link
	if t.ch.Op == connector.OpAdd {
		p.only[m.Property] = true
	}
	return nil
}

// encodeValues makes what JSON will be made of.
func encodeValues(m *Mapping, values []attr.Value) (any, error) {
	switch m.shape {
	case shapeList, shapeFirst:
		if m.shape == shapeFirst && len(values) > 1 {
			return nil, errors.New("the directory takes one value only")
		}
		list := make([]any, len(values))
		for i, v := range values {
			one, err := encodeOne(m, v)
			if err != nil {
				return nil, err
			}
			list[i] = one
		}
		return list, nil
	}
	switch len(values) {
	case 0:
		return nil, nil
	case 1:
		return encodeOne(m, values[0])
	}
	return nil, errors.New("more than one value for an attribute that takes one")
}

func encodeOne(m *Mapping, v attr.Value) (any, error) {
	switch {
	case v.IsZero() || v.Kind() == attr.KindReference:
		return nil, fmt.Errorf("a value of kind %v instead of %v", v.Kind(), m.Kind)
	case m.Kind == attr.KindBool:
		switch text := v.Text(); {
		case strings.EqualFold(text, "true"):
			return true, nil
		case strings.EqualFold(text, "false"):
			return false, nil
		}
		return nil, fmt.Errorf("a value of kind %v instead of %v", v.Kind(), m.Kind)
	case m.Kind == attr.KindInt:
		if v.Kind() != attr.KindInt {
			return nil, fmt.Errorf("a value of kind %v instead of %v", v.Kind(), m.Kind)
		}
		return v.Int(), nil
	}
	return v.Text(), nil
}

// creation sets a property that only a creation sends.
func (p *plan) creation(property string, value any) {
	p.body[property] = value
	p.only[property] = true
}

// existing makes the plan one for an object that exists.
func (p *plan) existing() {
	for property := range p.only {
		delete(p.body, property)
	}
}

// drop takes out of the plan what the object holds already.
func (p *plan) drop(c *class, e *entry) {
	for name, want := range p.asked {
		m := c.attribute(name, want)
		var have []attr.Value
		for _, f := range e.fields {
			if f.m.Attribute == m.Attribute {
				have = f.values
			}
		}
		a, errA := encodeValues(m, want)
		b, errB := encodeValues(m, have)
		if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
			continue
		}
		property, member, isNested := strings.Cut(m.Property, ".")
		if !isNested {
			delete(p.body, property)
			continue
		}
		if nested, _ := p.body[property].(map[string]any); nested != nil {
			if delete(nested, member); len(nested) == 0 {
				delete(p.body, property)
			}
		}
	}
}
