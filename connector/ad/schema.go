package ad

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// An attribute is one attribute of the directory's schema.
type attribute struct {
	name        string
	syntax      syntax
	multi       bool
	exact       bool // values that differ in case differ
	systemOnly  bool
	constructed bool
	replicated  bool
	backLink    bool
	linked      bool // a forward link
	link        int  // number of the link; that of its back link is the next one
	indexed     bool
	oid         string // of the syntax
	maxLength   int

	id, set      secdesc.GUID // of the attribute and of its property set, for access checks
	confidential bool         // reading takes an extended right too
}

// A class is one class of the directory's schema.
type class struct {
	name       string
	parent     string
	auxiliary  []string
	attributes []string // own ones, mandatory and optional
	superiors  []string // classes that objects of this one may be put beneath
	id         secdesc.GUID
}

// A schema is the directory's, as far as it concerns a connector. It does not change after
// it was read. Keys are folded names.
type schema struct {
	stamp      string // changes when the directory's schema does
	id         string // of its content
	attributes map[string]*attribute
	classes    map[string]*class
}

func (s *schema) attribute(name string) *attribute { return s.attributes[attr.Fold(name)] }
func (s *schema) class(name string) *class         { return s.classes[attr.Fold(name)] }

// backLink returns the attribute by which targets of a link name what refers to them, nil
// where there is none.
func (s *schema) backLink(link *attribute) *attribute {
	for _, a := range s.attributes {
		if a.backLink && a.link == link.link+1 {
			return a
		}
	}
	return nil
}

// isA reports whether class name is base or derived from it.
func (s *schema) isA(name, base string) bool {
	for range len(s.classes) + 1 { // a schema is a tree, but it comes from outside
		if attr.EqualName(name, base) {
			return true
		}
		c := s.class(name)
		if c == nil || c.parent == "" || attr.EqualName(c.parent, name) {
			return false
		}
		name = c.parent
	}
	return false
}

// lineage calls visit for the class, its superclasses and the auxiliary classes of all.
func (s *schema) lineage(name string, visit func(*class)) {
	seen := map[string]bool{}
	var walk func(string)
	walk = func(name string) {
		c := s.class(name)
		if c == nil || seen[attr.Fold(name)] {
			return
		}
		seen[attr.Fold(name)] = true
		visit(c)
		walk(c.parent)
		for _, a := range c.auxiliary {
			walk(a)
		}
	}
	walk(name)
}

// attributesOf returns the names of the attributes that objects of the class may have,
// inherited ones included, in order.
func (s *schema) attributesOf(name string) []string {
	var names []string
	s.lineage(name, func(c *class) {
		for _, a := range c.attributes {
			if known := s.attribute(a); known != nil {
				names = append(names, known.name)
			}
		}
	})
	slices.SortFunc(names, attr.CompareNames)
	return slices.CompactFunc(names, attr.EqualName)
}

// schema returns the directory's schema, from memory unless it has changed.
func (d *Directory) schema(ctx context.Context, l *link) (*schema, error) {
	head, err := l.read(ctx, l.root.schemaNC, anything, "schemaInfo", "whenChanged", "objectVersion")
	if err != nil {
		return nil, err
	}
	stamp := ""
	if head != nil {
		stamp = fmt.Sprintf("%x %s %s", single(head, "schemaInfo"),
			single(head, "whenChanged"), single(head, "objectVersion"))
	}
	d.mu.Lock()
	known := d.known
	d.mu.Unlock()
	if known != nil && known.stamp == stamp {
		return known, nil
	}
	fresh, err := l.readSchema(ctx)
	if err != nil {
		return nil, err
	}
	fresh.stamp, fresh.id = stamp, fresh.hash()
	d.mu.Lock()
	d.known = fresh
	d.mu.Unlock()
	return fresh, nil
}

const (
	schemaPage    = 500
	schemaFilter  = "(&(|(objectClass=attributeSchema)(objectClass=classSchema))(!(isDefunct=TRUE)))"
	flagNotCopied = 0x1 // systemFlags: not replicated
	flagConstruct = 0x4 // systemFlags: constructed
	flagIndexed   = 0x1 // searchFlags: indexed

	flagConfidential = 0x80 // searchFlags
)

func (l *link) readSchema(ctx context.Context) (*schema, error) {
	s := &schema{attributes: map[string]*attribute{}, classes: map[string]*class{}}
	req := &ldap.SearchRequest{
		BaseDN: l.root.schemaNC, Scope: ldap.ScopeSingleLevel, Filter: schemaFilter,
		Attributes: []string{
			"lDAPDisplayName", "attributeSyntax", "oMSyntax", "isSingleValued", "systemOnly", "systemFlags", "linkID", "rangeUpper",
			"governsID", "subClassOf", "auxiliaryClass", "systemAuxiliaryClass", "mustContain", "systemMustContain",
			"mayContain", "systemMayContain", "possSuperiors", "systemPossSuperiors",
			"schemaIDGUID", "attributeSecurityGUID", "searchFlags",
		},
	}
	for entries, err := range l.pages(ctx, req, schemaPage) {
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if err := l.completeEntry(ctx, e); err != nil {
				return nil, err
			}
			s.add(e)
		}
	}
	if s.attribute("objectGUID") == nil || s.attribute("objectClass") == nil {
		return nil, fmt.Errorf("%w: the schema cannot be read: %s has no attribute objectGUID", connector.ErrProtocol, l.root.schemaNC)
	}
	return s, nil
}

func (s *schema) add(e *entry) {
	name := single(e, "lDAPDisplayName")
	if name == "" {
		return
	}
	if single(e, "attributeSyntax") != "" {
		s.attributes[attr.Fold(name)] = newAttribute(name, e)
		return
	}
	if single(e, "governsID") == "" {
		return
	}
	c := &class{name: name, parent: single(e, "subClassOf"), id: schemaID(e, "schemaIDGUID")}
	for _, from := range []string{"auxiliaryClass", "systemAuxiliaryClass"} {
		c.auxiliary = append(c.auxiliary, values(e, from)...)
	}
	for _, from := range []string{"mustContain", "systemMustContain", "mayContain", "systemMayContain"} {
		c.attributes = append(c.attributes, values(e, from)...)
	}
	for _, from := range []string{"possSuperiors", "systemPossSuperiors"} {
		c.superiors = append(c.superiors, values(e, from)...)
	}
	s.classes[attr.Fold(name)] = c
}

// schemaID reads a GUID of the schema, zero where there is none.
func schemaID(e *entry, name string) secdesc.GUID {
	g, _ := parseGUID(single(e, name))
	return secdesc.GUID(g)
}

func newAttribute(name string, e *entry) *attribute {
	number := func(from string) int {
		n, err := strconv.Atoi(single(e, from))
		if err != nil {
			return 0
		}
		return n
	}
	text := single(e, "attributeSyntax")
	flags, link := number("systemFlags"), number("linkID")
	a := &attribute{
		name:        name,
		syntax:      syntaxOf(text, number("oMSyntax")),
		multi:       single(e, "isSingleValued") != "TRUE",
		exact:       text == "2.5.5.3" || text == "2.5.5.5",
		systemOnly:  single(e, "systemOnly") == "TRUE",
		constructed: flags&flagConstruct != 0,
		replicated:  flags&flagNotCopied == 0,
		backLink:    link > 0 && link%2 == 1,
		linked:      link > 0 && link%2 == 0,
		link:        link,
		indexed:     number("searchFlags")&flagIndexed != 0,
		oid:         text,

		id: schemaID(e, "schemaIDGUID"), set: schemaID(e, "attributeSecurityGUID"),
		confidential: number("searchFlags")&flagConfidential != 0,
	}
	if upper := number("rangeUpper"); upper > 0 && (a.syntax == syntaxText || a.syntax == syntaxOctets) {
		a.maxLength = upper
	}
	return a
}

// reported reports whether DirSync tells of changes of the attribute.
func (a *attribute) reported() bool { return !a.constructed && a.replicated && !a.backLink }

// secret reports whether the attribute can be written but never read.
func (a *attribute) secret() bool { return attr.EqualName(a.name, "unicodePwd") }

// hidden reports whether the attribute is part of account secrets that LDAP never shows.
func (a *attribute) hidden() bool {
	switch attr.Fold(a.name) {
	case "dbcspwd", "ntpwdhistory", "lmpwdhistory", "supplementalcredentials", "currentvalue", "priorvalue",
		"trustauthincoming", "trustauthoutgoing", "initialauthincoming", "initialauthoutgoing",
		"msds-executescriptpassword", "peklist", "msfve-recoverypassword", "ms-mcs-admpwd":
		return true
	}
	return false
}

// managed reports whether the directory keeps the attribute itself, though its schema does
// not call it system-only.
func (a *attribute) managed() bool {
	switch attr.Fold(a.name) {
	case "objectsid", "samaccounttype", "badpwdcount", "badpasswordtime", "lastlogon", "lastlogoff", "logoncount",
		"lastlogontimestamp", "distinguishedname", "name", "objectguid", "usnchanged", "usncreated", "whenchanged",
		"whencreated", "isdeleted", "iscriticalsystemobject", "admincount", "dscorepropagationdata", "instancetype", "objectcategory":
		return true
	}
	return false
}

// naming reports whether the attribute is set by the DN: it changes with a rename.
func (a *attribute) naming() bool {
	switch attr.Fold(a.name) {
	case "cn", "ou":
		return true
	}
	return false
}

func (a *attribute) readOnly() bool {
	return a.systemOnly && !attr.EqualName(a.name, "objectClass") || a.constructed || a.backLink || a.managed() || a.hidden()
}

func (a *attribute) createOnly() bool {
	return !a.readOnly() && (a.naming() || attr.EqualName(a.name, "objectClass"))
}

// required reports whether the directory gives the attribute a value where it gets none,
// and does not let go of it.
func (a *attribute) required() bool {
	switch attr.Fold(a.name) {
	case "objectclass", "samaccountname", "useraccountcontrol", "grouptype", "primarygroupid":
		return true
	}
	return false
}

func (a *attribute) public() connector.Attribute {
	return connector.Attribute{
		Name: a.name, Kind: a.syntax.kind(), MultiValued: a.multi, MaxLength: a.maxLength, CaseSensitive: a.exact,
		ReadOnly: a.readOnly(), CreateOnly: a.createOnly(), Required: a.required(), WriteOnly: a.secret(),
	}
}
