package adtest

import (
	"fmt"
	"slices"
	"strconv"
)

// schemaTree makes the objects that describe the schema.
func (p *provisioner) schemaTree() {
	for _, c := range p.s.ordered {
		c.entry = p.object(p.schemaNC.head, "classSchema", c.cn)
	}
	for _, c := range p.s.ordered {
		p.describeClass(c)
	}
	for _, a := range p.s.list {
		p.describeAttribute(p.w, a)
	}
}

func (d *directory) describeAttribute(w *writeUSN, a *attrDef) {
	e := d.insert(w, d.schemaNC, d.schemaNC.head, d.s.class("attributeSchema"), a.cn)
	id := syntaxIDs[a.syn]
	searchFlags, systemFlags := 0, 0
	for _, f := range []struct {
		flag         attrFlags
		search, syst int
	}{{flagIndexed, 1, 0}, {flagTombstone, 8, 0}, {flagConfidential, 128, 0}, {flagNotReplicated, 0, 1}, {flagGC, 0, 2},
		{flagConstructed, 0, 4}} {
		if a.has(f.flag) {
			searchFlags |= f.search
			systemFlags |= f.syst
		}
	}
	set := func(name, value string) { e.set(d.s.mustAttr(name), []string{value}, e.usnChanged) }
	set("lDAPDisplayName", a.name)
	set("adminDisplayName", a.cn)
	set("attributeID", a.oid)
	set("attributeSyntax", id.id)
	set("oMSyntax", strconv.Itoa(id.om))
	set("isSingleValued", boolean(a.single))
	set("searchFlags", strconv.Itoa(searchFlags))
	set("systemFlags", strconv.Itoa(systemFlags))
	set("schemaIDGUID", string(a.guid[:]))
	set("systemOnly", boolean(a.has(flagSystem)))
	set("showInAdvancedViewOnly", "TRUE")
	if a.set != (GUID{}) {
		set("attributeSecurityGUID", string(a.set[:]))
	}
	if a.has(flagGC) {
		set("isMemberOfPartialAttributeSet", "TRUE")
	}
	if a.linkID != 0 {
		set("linkID", strconv.Itoa(a.linkID))
	}
	if a.upper != 0 {
		set("rangeUpper", strconv.Itoa(a.upper))
	}
}

func (d *directory) describeClass(c *classDef) {
	e := c.entry
	set := func(name string, values ...string) {
		if len(values) > 0 {
			e.set(d.s.mustAttr(name), values, e.usnChanged)
		}
	}
	super := c
	if c.super != nil {
		super = c.super
	}
	set("lDAPDisplayName", c.name)
	set("adminDisplayName", c.cn)
	set("governsID", c.oid)
	set("objectClassCategory", strconv.Itoa(c.kind))
	set("subClassOf", super.name)
	set("schemaIDGUID", string(c.guid[:]))
	set("rDNAttID", c.rdn.name)
	set("defaultSecurityDescriptor", c.defaultDescriptor())
	set("defaultObjectCategory", storedRef("", d.s.class(c.category).entry))
	set("systemMustContain", attrNames(c.must)...)
	set("systemMayContain", attrNames(c.may)...)
	var aux []string
	for _, x := range c.aux {
		aux = append(aux, x.name)
	}
	set("systemAuxiliaryClass", aux...)
	set("systemPossSuperiors", slices.DeleteFunc(slices.Clone(c.superiors), func(s string) bool { return s == "*" })...)
}

func attrNames(list []*attrDef) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.name)
	}
	return out
}

func boolean(v bool) string {
	if v {
		return "TRUE"
	}
	return "FALSE"
}

// An Extension is an attribute that an organisation adds to its schema.
type Extension struct {
	Name string
	// Syntax is the attributeSyntax, such as 2.5.5.12. Defaults to that, Unicode text.
	Syntax string
	// Multi makes it multi-valued.
	Multi bool
	// Classes are those that allow it. Defaults to user, group and contact.
	Classes []string
}

// ExtendSchema adds an attribute to the schema of the running server.
func (s *Server) ExtendSchema(x Extension) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dir
	if d.s.attr(x.Name) != nil {
		return exists(0x2071)
	}
	row := attrRow{name: x.Name}
	if x.Syntax != "" {
		i := slices.IndexFunc(syntaxIDs[:], func(id struct {
			id string
			om int
		}) bool {
			return id.id == x.Syntax
		})
		if i < 0 {
			return fmt.Errorf("adtest: extension %s: unknown syntax %s", x.Name, x.Syntax)
		}
		row.syn = syntax(i)
	}
	if x.Multi {
		row.flags |= flagMulti
	}
	classes := x.Classes
	if len(classes) == 0 {
		classes = []string{"user", "group", "contact"}
	}
	for _, c := range classes {
		if d.s.class(c) == nil {
			return fmt.Errorf("adtest: extension %s: no class %s", x.Name, c)
		}
	}
	a := d.s.addAttribute(row)
	w := d.begin()
	d.describeAttribute(w, a)
	for _, c := range classes {
		d.s.extend(c, []string{x.Name})
		w.touch(d.s.class(c).entry)
		d.describeClass(d.s.class(c))
	}
	d.s.finish()
	return nil
}
