package entra

import (
	"context"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A class is one object class with the properties that its objects have, indexed both ways.
type class struct {
	name  string // "user"
	set   string // "users"
	label string // "User", the beginning of anchors
	rank  refKind

	fields      []*Mapping          // imported, in name order
	byAttribute map[string]*Mapping // by folded attribute name
	byProperty  map[string]*Mapping // by property; relationships as they are in delta answers
	nested      map[string]*Mapping // by member of the nested property
}

// anchorProperty is the property that holds the source anchor, "" where none does.
func (c *class) anchorProperty() string {
	switch c.name {
	case classUser:
		return "onPremisesImmutableId"
	case classDevice:
		return ""
	}
	return "uniqueName"
}

// createdProperty is the property that tells since when the object exists.
func (c *class) createdProperty() string {
	if c.name == classDevice {
		return "registrationDateTime"
	}
	return "createdDateTime"
}

func newClasses(o *Options) []*class {
	var out []*class
	for _, name := range []string{classUser, classGroup, classDevice} {
		if !slices.Contains(o.Classes, name) {
			continue
		}
		c := &class{
			name: name, set: name + "s", label: "User", rank: refUser,
			byAttribute: make(map[string]*Mapping), byProperty: make(map[string]*Mapping), nested: make(map[string]*Mapping),
		}
		switch name {
		case classGroup:
			c.label, c.rank = "Group", refGroup
		case classDevice:
			c.label, c.rank = "Device", refDevice
		}
		for _, m := range mappings() {
			c.add(m)
		}
		for _, x := range o.Extensions {
			if len(x.Classes) == 0 && name != classDevice || slices.Contains(x.Classes, name) {
				c.add(extensionMapping(x))
			}
		}
		slices.SortFunc(c.fields, func(a, b *Mapping) int { return attr.CompareNames(a.Attribute, b.Attribute) })
		out = append(out, c)
	}
	return out
}

func (c *class) add(m Mapping) {
	access := m.access(c.name)
	if access == None {
		return
	}
	if m.Attribute == attrSourceAnchor {
		m.Property = c.anchorProperty()
	}
	p := &m
	c.byAttribute[attr.Fold(m.Attribute)] = p
	if access == NoProperty {
		return
	}
	c.fields = append(c.fields, p)
	switch m.shape {
	case shapeComputed:
	case shapeNested:
		_, member, _ := strings.Cut(m.Property, ".")
		c.nested[member] = p
	case shapeRefs:
		c.byProperty[m.Property+"@delta"] = p
	default:
		c.byProperty[m.Property] = p
	}
}

func extensionMapping(x Extension) Mapping {
	m := Mapping{
		Attribute: x.Name, Property: x.Name, Kind: x.Kind, MultiValued: x.MultiValued,
		User: ReadWrite, Group: ReadWrite, MaxLength: 256,
	}
	switch {
	case x.MultiValued:
		m.shape = shapeList
	case x.Kind == attr.KindBool:
		m.shape, m.MaxLength = shapeFlag, 0
	case x.Kind == attr.KindInt:
		m.shape, m.MaxLength = shapeNumber, 0
	}
	if m.Kind == attr.Invalid {
		m.Kind = attr.KindString
	}
	return m
}

// attribute returns the mapping of an attribute. A directory extension needs no mapping of
// its own to be written: its kind is that of the values.
func (c *class) attribute(name string, values []attr.Value) *Mapping {
	if m := c.byAttribute[attr.Fold(name)]; m != nil {
		return m
	}
	if !extensionPattern.MatchString(name) {
		return nil
	}
	x := Extension{Name: name, MultiValued: len(values) > 1}
	if len(values) > 0 {
		x.Kind = values[0].Kind()
	}
	m := extensionMapping(x)
	return &m
}

// selection returns the properties to ask for: always explicitly, because Graph leaves out
// most of them otherwise. A nil wanted means all. Relationships are only for delta queries.
func (c *class) selection(wanted map[string]bool, relationships bool) []string {
	props := []string{"id"}
	if anchor := c.anchorProperty(); anchor != "" {
		props = append(props, anchor)
	}
	props = append(props, "onPremisesSyncEnabled", c.createdProperty())
	for _, m := range c.fields {
		if wanted != nil && !wanted[attr.Fold(m.Attribute)] || m.Property == "" || m.shape == shapeRefs && !relationships {
			continue
		}
		name, _, _ := strings.Cut(m.Property, ".")
		if !slices.Contains(props, name) {
			props = append(props, name)
		}
	}
	return props
}

// Schema returns the classes and attributes of the mapping table. It asks the tenant
// nothing.
func (t *Tenant) Schema(ctx context.Context) (*connector.Schema, error) {
	if ctx.Err() != nil {
		return nil, t.failure("schema", context.Cause(ctx))
	}
	s := &connector.Schema{}
	known := make(map[string]connector.Attribute)
	for _, c := range t.classes {
		sc := connector.Class{Name: c.name, Export: c.name != classDevice}
		for _, m := range sortedMappings(c) {
			a, ok := known[m.Attribute]
			if !ok {
				a = describe(m, t.classes)
				known[m.Attribute] = a
				s.Attributes = append(s.Attributes, a)
			}
			sc.Attributes = append(sc.Attributes, m.Attribute)
			if access := m.access(c.name); !a.ReadOnly && (access == ReadOnly || access == NoProperty) {
				sc.ReadOnly = append(sc.ReadOnly, m.Attribute)
			}
		}
		s.Classes = append(s.Classes, sc)
	}
	return s, nil
}

func sortedMappings(c *class) []*Mapping {
	out := make([]*Mapping, 0, len(c.byAttribute))
	for _, m := range c.byAttribute {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *Mapping) int { return attr.CompareNames(a.Attribute, b.Attribute) })
	return out
}

// describe makes the schema's attribute of a mapping: read-only when no class can write it.
func describe(m *Mapping, classes []*class) connector.Attribute {
	a := connector.Attribute{
		Name: m.Attribute, Kind: m.Kind, MultiValued: m.MultiValued, MaxValues: m.MaxValues, MaxLength: m.MaxLength,
		Required: m.required, ReadOnly: true, CreateOnly: true, CaseSensitive: m.Attribute == attrSourceAnchor,
	}
	for _, c := range classes {
		switch m.access(c.name) {
		case ReadWrite:
			a.ReadOnly, a.CreateOnly = false, false
		case CreateOnly, Matched:
			a.ReadOnly = false
		}
	}
	a.CreateOnly = a.CreateOnly && !a.ReadOnly
	return a
}
