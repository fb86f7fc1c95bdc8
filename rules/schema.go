package rules

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A MetaverseAttribute describes one attribute of the metaverse.
type MetaverseAttribute struct {
	Name        string
	Kind        attr.Kind
	MultiValued bool
	Indexed     bool // strings are limited to 448 characters
}

// maxIndexed is how many characters, counted as UTF-16 does, an indexed string may have.
const maxIndexed = 448

// A MetaverseSchema lists the metaverse's attributes and classes.
type MetaverseSchema struct {
	Attributes []MetaverseAttribute // in name order
	Classes    []string
}

// Attribute returns the attribute with that name, without regard to case, and whether
// there is one. It relies on the order of Attributes.
func (m *MetaverseSchema) Attribute(name string) (*MetaverseAttribute, bool) {
	i, ok := slices.BinarySearchFunc(m.Attributes, name, func(a MetaverseAttribute, name string) int {
		return attr.CompareNames(a.Name, name)
	})
	if !ok {
		return nil, false
	}
	return &m.Attributes[i], true
}

// HasClass reports whether there is a class with that name, without regard to case.
func (m *MetaverseSchema) HasClass(name string) bool {
	return slices.ContainsFunc(m.Classes, func(c string) bool { return attr.EqualName(c, name) })
}

// With returns a copy of the schema with further attributes, such as directory
// extensions. One whose name exists already replaces it.
func (m *MetaverseSchema) With(attributes ...MetaverseAttribute) *MetaverseSchema {
	out := &MetaverseSchema{Attributes: slices.Clone(m.Attributes), Classes: slices.Clone(m.Classes)}
	for _, a := range attributes {
		i, ok := slices.BinarySearchFunc(out.Attributes, a.Name, func(x MetaverseAttribute, name string) int {
			return attr.CompareNames(x.Name, name)
		})
		if ok {
			out.Attributes[i] = a
		} else {
			out.Attributes = slices.Insert(out.Attributes, i, a)
		}
	}
	return out
}

// A ConnectorSchema tells Compile what is known about one connector.
type ConnectorSchema struct {
	Name string
	// Attributes describes the attributes of the connected directory. Nil means that they
	// are not known, and attribute names of the connector are not checked.
	Attributes []MetaverseAttribute
	// Classes are the directory's object classes. Nil means that they are not checked.
	Classes []string
}

func (c *ConnectorSchema) attribute(name string) *MetaverseAttribute {
	if c == nil {
		return nil
	}
	for i := range c.Attributes {
		if attr.EqualName(c.Attributes[i].Name, name) {
			return &c.Attributes[i]
		}
	}
	return nil
}
