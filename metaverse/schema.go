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
