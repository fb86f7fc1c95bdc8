package rules

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// readConnector reads one <ma-data>.
func (r *exportReader) readConnector(n *xmlNode) {
	c := ExportedConnector{
		ID: plainGUID(n.field("id")), Name: n.field("name"), Type: n.field("category"), Subtype: n.field("subtype"),
		Parameters: make(MapParameters),
	}
	if c.ID == "" || c.Name == "" {
		r.fail(n.line, "the connector has no id or no name")
		return
	}
	for _, a := range n.child("attribute-inclusion").all("attribute") {
		c.Attributes = append(c.Attributes, a.value())
	}
	for _, config := range n.child("private-configuration").childrenEntered() {
		readParameters(config.child("parameter-values"), c.Parameters)
	}
	for _, p := range n.child("ma-partition-data").all("partition") {
		c.Partitions = append(c.Partitions, readPartition(p))
	}
	c.Schema = ConnectorSchema{Name: c.Name}
	for _, p := range c.Partitions {
		for _, class := range p.Classes {
			if !slices.Contains(c.Schema.Classes, class) {
				c.Schema.Classes = append(c.Schema.Classes, class)
			}
		}
	}
	slices.Sort(c.Schema.Classes)
	known := readSchema(n.child("schema"))
	for _, name := range c.Attributes {
		if a, ok := known.Attribute(name); ok {
			c.Schema.Attributes = append(c.Schema.Attributes, *a)
		}
	}
	r.out.Connectors = append(r.out.Connectors, c)
}

// childrenEntered returns all children and marks them as looked into.
func (n *xmlNode) childrenEntered() []*xmlNode {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		c.entered = true
	}
	return n.children
}

func readPartition(n *xmlNode) ExportedPartition {
	p := ExportedPartition{
		ID: plainGUID(n.field("id")), DN: n.field("name"), Name: n.field("display-name"), Selected: n.field("selected") != "0",
		Parameters: make(MapParameters),
	}
	filter := n.child("filter")
	for _, c := range filter.at("containers", "inclusions").all("inclusion") {
		p.Inclusions = append(p.Inclusions, c.value())
	}
	for _, c := range filter.at("containers", "exclusions").all("exclusion") {
		p.Exclusions = append(p.Exclusions, c.value())
	}
	for _, c := range filter.child("object-classes").all("object-class") {
		p.Classes = append(p.Classes, c.value())
	}
	readParameters(n.child("parameter-values"), p.Parameters)
	return p
}

// readParameters takes the parameters that rules may name. Those that say how to connect
// stay where they are, and so does everything encrypted.
func readParameters(n *xmlNode, into MapParameters) {
	for _, p := range n.all("parameter") {
		use, intrinsic := p.peek("use"), p.peek("intrinsic") == "1"
		if p.peek("encrypted") == "1" || use == "connectivity" || use == "partition" && !intrinsic {
			p.entered = false
			continue
		}
		into[p.attribute("name")] = p.value()
		p.take()
	}
}

// peek returns an attribute's text and leaves it among those nobody asked for.
func (n *xmlNode) peek(name string) string {
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// syntaxKinds are the kinds of values of DSML's attribute syntaxes, all others are text.
var syntaxKinds = map[string]attr.Kind{
	"1.3.6.1.4.1.1466.115.121.1.5":  attr.KindBinary,
	"1.3.6.1.4.1.1466.115.121.1.7":  attr.KindBool,
	"1.3.6.1.4.1.1466.115.121.1.12": attr.KindReference,
	"1.3.6.1.4.1.1466.115.121.1.27": attr.KindInt,
	"1.3.6.1.4.1.1466.115.121.1.40": attr.KindBinary,
	"1.2.840.113556.1.4.906":        attr.KindInt,
	"1.2.840.113556.1.4.907":        attr.KindBinary,
	"1.2.840.113556.1.4.1221":       attr.KindReference, // OR-name
}

// readSchema reads the attributes and classes of a <schema>.
func readSchema(n *xmlNode) *MetaverseSchema {
	m := &MetaverseSchema{}
	directory := n.at("dsml", "directory-schema")
	for _, a := range directory.all("attribute-type") {
		kind, ok := syntaxKinds[a.field("syntax")]
		if !ok {
			kind = attr.KindString
		}
		m.Attributes = append(m.Attributes, MetaverseAttribute{
			Name: a.field("name"), Kind: kind, MultiValued: a.attribute("single-value") != "true",
			Indexed: a.attribute("indexable") == "true" && kind == attr.KindString,
		})
		a.take()
	}
	slices.SortStableFunc(m.Attributes, func(a, b MetaverseAttribute) int { return attr.CompareNames(a.Name, b.Name) })
	m.Attributes = slices.CompactFunc(m.Attributes, func(a, b MetaverseAttribute) bool { return attr.EqualName(a.Name, b.Name) })
	for _, c := range directory.all("class") {
		m.Classes = append(m.Classes, c.field("name"))
	}
	return m
}

// readMetaverse reads one <mv-data>.
func (r *exportReader) readMetaverse(n *xmlNode) {
	for _, p := range n.child("parameter-values").all("parameter") {
		if p.peek("encrypted") == "1" {
			p.entered = false
			continue
		}
		r.out.Settings[p.attribute("name")] = p.value()
		p.take()
	}
	schema := readSchema(n.child("schema"))
	if len(schema.Attributes) == 0 {
		r.fail(n.line, "the metaverse has no schema")
		return
	}
	if r.out.Metaverse != nil {
		r.fail(n.line, "the export has two metaverse schemas")
		return
	}
	r.out.Metaverse = schema
}
