package metaverse

import (
	"context"
	"maps"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// schemaIndex answers the engine's questions about a connected directory's schema.
type schemaIndex struct {
	attributes map[string]*connector.Attribute // by folded name
	readOnly   map[string]map[string]bool      // by folded class and attribute
	params     map[string]rules.Parameters     // by partition id
	shared     rules.Parameters
	// columns holds what there is to know about the attributes that rules export, by class
	// and name as the rules spell them.
	columns map[string]map[string]column
}

// A column is an attribute of a class as exports see it.
type column struct {
	skip       bool // a DN or a reference: exported by other means
	writable   bool
	createOnly bool  // writable at the creation of objects only
	required   bool  // the directory always has a value
	limit      int64 // most values that it takes, 0 for any number
}

func (t *target) index(ctx context.Context) (*schemaIndex, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.schema != nil {
		return t.schema, nil
	}
	s, err := t.Schema(ctx)
	if err != nil {
		return nil, err
	}
	t.schema = indexSchema(t.name, s)
	t.schema.plan(t.classes, t.exports)
	return t.schema, nil
}

func indexSchema(name string, s *connector.Schema) *schemaIndex {
	x := &schemaIndex{
		attributes: make(map[string]*connector.Attribute, len(s.Attributes)),
		readOnly:   make(map[string]map[string]bool),
		params:     make(map[string]rules.Parameters, len(s.Partitions)),
	}
	for i := range s.Attributes {
		x.attributes[attr.Fold(s.Attributes[i].Name)] = &s.Attributes[i]
	}
	for _, c := range s.Classes {
		ro := make(map[string]bool, len(c.ReadOnly))
		for _, n := range c.ReadOnly {
			ro[attr.Fold(n)] = true
		}
		x.readOnly[attr.Fold(c.Name)] = ro
	}
	shared := rules.MapParameters{"Connector.ID": name}
	maps.Copy(shared, s.Parameters)
	x.shared = shared
	for _, p := range s.Partitions {
		m := rules.MapParameters{}
		maps.Copy(m, shared)
		maps.Copy(m, p.Parameters)
		x.params[p.ID] = m
		if len(s.Partitions) == 1 {
			x.params[""] = m // objects need not name the only partition
		}
	}
	return x
}

// plan works out the columns of the attributes that rules export.
func (x *schemaIndex) plan(classes, attributes []string) {
	x.columns = make(map[string]map[string]column, len(classes))
	for _, class := range classes {
		of := make(map[string]column, len(attributes))
		for _, name := range attributes {
			of[name] = x.columnOf(class, name)
		}
		x.columns[class] = of
	}
}

func (x *schemaIndex) columnOf(class, name string) column {
	c := column{skip: attr.EqualName(name, "dn") || x.isReference(name), required: x.required(name)}
	c.writable, c.createOnly = x.writable(class, name)
	if a := x.attribute(name); a != nil {
		c.limit = a.MaxValues
	}
	return c
}

// column returns what there is to know about an attribute of a class.
func (x *schemaIndex) column(class, name string) column {
	if c, planned := x.columns[class][name]; planned {
		return c
	}
	return x.columnOf(class, name)
}

// parameters returns the values of %Name% for objects of the partition.
func (x *schemaIndex) parameters(partition string) rules.Parameters {
	if p, ok := x.params[partition]; ok {
		return p
	}
	return x.shared
}

func (x *schemaIndex) attribute(name string) *connector.Attribute {
	return x.attributes[attr.Fold(name)]
}

// writable reports whether the attribute can be exported to objects of the class, and
// whether only their creation can do it.
func (x *schemaIndex) writable(class, name string) (ok, createOnly bool) {
	a := x.attribute(name)
	if a == nil || a.ReadOnly || x.readOnly[attr.Fold(class)][attr.Fold(name)] {
		return false, false
	}
	return true, a.CreateOnly
}

func (x *schemaIndex) isReference(name string) bool {
	a := x.attribute(name)
	return a != nil && a.Kind == attr.KindReference
}

func (x *schemaIndex) required(name string) bool {
	a := x.attribute(name)
	return a != nil && a.Required
}

// writeOnly reports whether an import will never show what was exported.
func (x *schemaIndex) writeOnly(name string) bool {
	a := x.attribute(name)
	return a != nil && (a.WriteOnly || a.CreateOnly)
}

func (x *schemaIndex) multiValued(name string) bool {
	a := x.attribute(name)
	return a == nil || a.MultiValued
}
