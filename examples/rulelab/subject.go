package main

import (
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// subject shows a connector-space object to rules, as the engine does.
func (w *world) subject(o *metaverse.CSObject) *rules.Subject {
	top := o.Image.Clone()
	for _, e := range w.state.exports {
		if e.CS == o.ID {
			for _, m := range e.Pending {
				top.Apply(m)
			}
		}
	}
	return &rules.Subject{
		Class: o.Class, Attributes: &top, Imported: &o.Image, DN: o.DN, References: &csReferences{w, o},
		Parameters: w.params[o.Connector].inbound,
	}
}

// csReferences shows references of a connector-space object to rules.
type csReferences struct {
	w *world
	o *metaverse.CSObject
}

func (c *csReferences) Count(name string) (int64, error) {
	return int64(len(c.w.state.csRefs[c.o.ID][attr.Fold(name)])), nil
}

func (c *csReferences) Values(name string) (values []attr.Value, err error) {
	for _, id := range c.w.state.csRefs[c.o.ID][attr.Fold(name)] {
		target := c.w.state.cs[id]
		text := target.DN
		if c.w.byAnchor(c.o.Connector) {
			text = target.Anchor.Text()
		}
		values = append(values, attr.Reference(text))
	}
	return values, nil
}

func (c *csReferences) MemberOf(groupDN string) (bool, error) {
	for _, id := range c.w.state.order[c.o.Connector] {
		if group := c.w.state.cs[id]; strings.EqualFold(group.DN, groupDN) {
			return slices.Contains(c.w.state.csRefs[id]["member"], c.o.ID), nil
		}
	}
	return false, nil
}

func (w *world) byAnchor(name string) bool {
	return slices.ContainsFunc(w.scenario.Connectors, func(c scenarioConnector) bool { return c.Name == name && c.Type == typeEntra })
}

// mvReferences shows references of a metaverse object to rules.
type mvReferences struct {
	w  *world
	id metaverse.MVID
}

func (m *mvReferences) Count(name string) (int64, error) {
	return int64(len(m.w.state.mvRefs[m.id][attr.Fold(name)])), nil
}

func (m *mvReferences) Values(name string) (values []attr.Value, err error) {
	for _, id := range m.w.state.mvRefs[m.id][attr.Fold(name)] {
		values = append(values, attr.Reference(m.w.mvName(id)))
	}
	return values, nil
}

func (m *mvReferences) MemberOf(string) (bool, error) { return false, nil }

var (
	_ rules.References = (*csReferences)(nil)
	_ rules.References = (*mvReferences)(nil)
)
