package connectortest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A model is the directory as an importing engine would know it: objects found by anchor,
// references held to objects and not to texts.
type model struct {
	foldDN   bool
	byAnchor bool            // references name anchors
	ignore   map[string]bool // folded attribute names
	nodes    map[connector.Anchor]*node
	dns      map[string]*node
}

// A node is one object. One without an anchor is known only because another refers to it.
type node struct {
	anchor connector.Anchor
	class  string
	dn     string
	attrs  attr.Set
	refs   map[string]map[*node]bool // by folded attribute name
	gone   bool
	is     *node // what a node without an anchor turned out to be
}

func (n *node) self() *node {
	for n.is != nil {
		n = n.is
	}
	return n
}

func (f *fixture) newModel() *model {
	m := &model{
		foldDN:   !f.caps.CaseSensitiveDN,
		byAnchor: f.caps.References == connector.ReferenceByAnchor,
		ignore:   make(map[string]bool),
		nodes:    make(map[connector.Anchor]*node),
		dns:      make(map[string]*node),
	}
	for _, name := range f.h.Volatile {
		m.ignore[attr.Fold(name)] = true
	}
	return m
}

func (m *model) key(dn string) string {
	if m.foldDN {
		return strings.ToLower(dn)
	}
	return dn
}

// at returns the object at a DN, nil if none was shown.
func (m *model) at(dn string) *node {
	if n := m.dns[m.key(dn)]; n != nil && !n.anchor.IsZero() {
		return n
	}
	return nil
}

// apply takes in one item of an import. The error says which rule it breaks.
func (m *model) apply(it connector.Item) error {
	o := it.Object
	n := m.nodes[o.Anchor]
	switch it.Kind {
	case connector.ItemObject:
		if n == nil {
			n = &node{anchor: o.Anchor}
			m.nodes[o.Anchor] = n
			if m.byAnchor {
				m.unknown(anchorKey(o.Anchor)).is = n
			}
		}
		n.class, n.attrs, n.refs = o.Class, attr.Set{}, make(map[string]map[*node]bool)
		m.place(n, o.DN)
		for name, values := range o.Attributes.All() {
			m.modify(n, attr.Mod{Name: name, Adds: values})
		}
	case connector.ItemUpdate:
		if n == nil {
			return fmt.Errorf("an update is of an object that an earlier import has shown: %v", o.Key())
		}
		if o.Class != "" {
			n.class = o.Class
		}
		m.place(n, o.DN)
		for _, mod := range it.Mods {
			m.modify(n, mod)
		}
	case connector.ItemDelete:
		if n == nil && o.Anchor.IsZero() {
			n = m.at(o.DN)
		}
		if n != nil {
			m.remove(n)
		}
	}
	return nil
}

// place gives an object its DN; "" leaves it. A reference that came first made a node there.
func (m *model) place(n *node, dn string) {
	if dn == "" {
		return
	}
	if m.dns[m.key(n.dn)] == n {
		delete(m.dns, m.key(n.dn))
	}
	if other := m.dns[m.key(dn)]; other != nil && other.anchor.IsZero() {
		other.is = n
	}
	n.dn = dn
	m.dns[m.key(dn)] = n
}

// remove takes an object away, and with it what refers to it.
func (m *model) remove(n *node) {
	delete(m.nodes, n.anchor)
	if m.dns[m.key(n.dn)] == n {
		delete(m.dns, m.key(n.dn))
	}
	n.gone = true
}

func (m *model) modify(n *node, mod attr.Mod) {
	plain := attr.Mod{Name: mod.Name, Replace: mod.Replace}
	folded := attr.Fold(mod.Name)
	if mod.Replace {
		delete(n.refs, folded)
	}
	for _, v := range mod.Deletes {
		if v.Kind() != attr.KindReference {
			plain.Deletes = append(plain.Deletes, v)
			continue
		}
		target := m.target(v)
		maps.DeleteFunc(n.refs[folded], func(t *node, _ bool) bool { return t.self() == target })
	}
	for _, v := range mod.Adds {
		if v.Kind() != attr.KindReference {
			plain.Adds = append(plain.Adds, v)
			continue
		}
		if n.refs[folded] == nil {
			n.refs[folded] = make(map[*node]bool)
		}
		n.refs[folded][m.target(v)] = true
	}
	n.attrs.Apply(plain)
}

// target is the node that a reference names, one without an anchor if none was shown.
func (m *model) target(v attr.Value) *node {
	key := m.key(v.Str())
	if m.byAnchor {
		anchor, err := connector.ParseAnchor(v.Str())
		if err == nil && m.nodes[anchor] != nil {
			return m.nodes[anchor]
		}
		key = anchorKey(anchor)
	}
	return m.unknown(key)
}

// anchorKey keeps unknown anchors apart from DNs.
func anchorKey(a connector.Anchor) string { return "anchor " + a.Text() }

func (m *model) unknown(key string) *node {
	n := m.dns[key]
	if n == nil || n.is != nil {
		n = &node{dn: key}
		m.dns[key] = n
	}
	return n
}

// picture is a form of the model that can be compared: by anchor, lines of text.
func (m *model) picture() map[string][]string {
	out := make(map[string][]string, len(m.nodes))
	for anchor, n := range m.nodes {
		lines := []string{"class " + attr.Fold(n.class), "dn " + n.dn}
		for name, values := range n.attrs.All() {
			if m.ignore[attr.Fold(name)] {
				continue
			}
			for _, v := range values {
				lines = append(lines, attr.Fold(name)+" = "+v.GoString())
			}
		}
		for _, name := range slices.Sorted(maps.Keys(n.refs)) {
			if m.ignore[name] {
				continue
			}
			for t := range n.refs[name] {
				if text := m.name(t); text != "" {
					lines = append(lines, name+" -> "+text)
				}
			}
		}
		slices.Sort(lines[2:])
		out[anchor.Text()] = slices.Compact(lines)
	}
	return out
}

// name is how a picture names the target of a reference, "" if it is gone.
func (m *model) name(n *node) string {
	n = n.self()
	if n.anchor.IsZero() {
		return "unknown " + n.dn
	}
	if n.gone {
		return ""
	}
	return n.anchor.Text()
}

// values returns the sorted texts of an attribute, of references the anchors of the targets.
func (m *model) values(n *node, name string) []string {
	var out []string
	for _, v := range n.attrs.Values(name) {
		out = append(out, v.Text())
	}
	for t := range n.refs[attr.Fold(name)] {
		if text := m.name(t); text != "" {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
