package adtest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// An attrDef is one attribute of the schema.
type attrDef struct {
	name, cn, oid string
	syn           syntax
	single        bool
	linkID        int  // even: forward link, odd: back link, 0: none
	upper         int  // rangeUpper, 0: none
	guid, set     GUID // schemaIDGUID; that of the property set, zero for none
	flags         attrFlags
	index         int // position in the schema; in AD's error texts

	partner *attrDef // the other end of a link
	source  source   // computes the attribute, if it is not stored
}

type attrFlags uint16

const (
	flagSystem        attrFlags = 1 << iota // only the server writes it
	flagConstructed                         // computed, and returned only when asked for by name
	flagNotReplicated                       // each DC has its own; not in DirSync
	flagTombstone                           // kept when the object is deleted
	flagSecret                              // never returned
	flagSAM                                 // belongs to the account manager: 53 rather than 19
	flagIndexed
	flagGC
	flagConfidential
	flagMulti // multi-valued, in the tables
)

func (a *attrDef) has(f attrFlags) bool { return a.flags&f != 0 }

// link reports whether the attribute is a forward link.
func (a *attrDef) link() bool { return a.linkID != 0 && a.linkID%2 == 0 }

// backLink reports whether the attribute is computed from another object's links.
func (a *attrDef) backLink() bool { return a.linkID%2 == 1 }

// A classDef is one object class of the schema.
type classDef struct {
	name, cn, oid string
	super         *classDef
	aux           []*classDef
	kind          int // objectClassCategory: 1 structural, 2 abstract, 3 auxiliary
	rdn           *attrDef
	category      string // class name of the default object category
	superiors     []string
	must, may     []*attrDef
	guid          GUID

	chain   []string // objectClass values, from top
	allowed map[*attrDef]bool
	musts   []*attrDef
	types   *secdesc.Types // what access control entries may be about
	entry   *entry         // in the schema partition
}

// isA reports whether the class is named, or descends from one that is.
func (c *classDef) isA(name string) bool {
	for ; c != nil; c = c.super {
		if c.name == name {
			return true
		}
	}
	return false
}

// under reports whether objects of the class may stand below one of class parent.
func (c *classDef) under(parent *classDef) bool {
	for k := c; k != nil; k = k.super {
		for _, s := range k.superiors {
			if parent.isA(s) || s == "*" {
				return true
			}
		}
	}
	return false
}

// A schema is what the directory knows. It is not changed once the server runs, but for
// [Server.ExtendSchema], under the directory's lock.
type schema struct {
	attrs   map[string]*attrDef // by folded name and by OID
	list    []*attrDef
	classes map[string]*classDef
	ordered []*classDef

	// The attributes that code refers to.
	objectClass, objectGUID, objectSid, objectCategory, name, dn, instanceType, parentGUID *attrDef
	whenCreated, whenChanged, usnCreated, usnChanged, isDeleted, isRecycled                *attrDef
	lastKnownParent, lastKnownRDN, samName, upn, uac, samType, primaryGroup, groupType     *attrDef
	member, memberOf, unicodePwd, pwdLastSet, adminCount, critical, sidHistory             *attrDef
	descriptor                                                                             *attrDef
}

func newSchema(exchange bool) *schema {
	s := &schema{attrs: map[string]*attrDef{}, classes: map[string]*classDef{}}
	rows := attributeRows()
	if exchange {
		rows = append(rows, exchangeRows()...)
	}
	for _, r := range rows {
		s.addAttribute(r)
	}
	for _, a := range s.list {
		if a.linkID != 0 {
			for _, b := range s.list {
				if b.linkID == a.linkID^1 {
					a.partner = b
				}
			}
		}
	}
	for _, r := range classRows() {
		s.addClass(r)
	}
	if exchange {
		s.extend("user", exchangeNames(rows))
		s.extend("group", exchangeNames(rows))
		s.extend("contact", exchangeNames(rows))
	}
	s.finish()
	for name, p := range map[string]**attrDef{
		"objectClass": &s.objectClass, "objectGUID": &s.objectGUID, "objectSid": &s.objectSid,
		"objectCategory": &s.objectCategory, "name": &s.name, "distinguishedName": &s.dn,
		"instanceType": &s.instanceType, "parentGUID": &s.parentGUID, "whenCreated": &s.whenCreated,
		"whenChanged": &s.whenChanged, "uSNCreated": &s.usnCreated, "uSNChanged": &s.usnChanged,
		"isDeleted": &s.isDeleted, "isRecycled": &s.isRecycled, "lastKnownParent": &s.lastKnownParent,
		"msDS-LastKnownRDN": &s.lastKnownRDN, "sAMAccountName": &s.samName, "userPrincipalName": &s.upn,
		"userAccountControl": &s.uac, "sAMAccountType": &s.samType, "primaryGroupID": &s.primaryGroup,
		"groupType": &s.groupType, "member": &s.member, "memberOf": &s.memberOf, "unicodePwd": &s.unicodePwd,
		"pwdLastSet": &s.pwdLastSet, "adminCount": &s.adminCount, "isCriticalSystemObject": &s.critical,
		"sIDHistory": &s.sidHistory, "nTSecurityDescriptor": &s.descriptor,
	} {
		*p = s.mustAttr(name)
	}
	s.setSources()
	return s
}

// attr finds an attribute by name or OID, options such as ;binary left out.
func (s *schema) attr(name string) *attrDef {
	name, _, _ = strings.Cut(name, ";")
	if a, ok := s.attrs[name]; ok {
		return a
	}
	return s.attrs[fold(name)]
}

func (s *schema) mustAttr(name string) *attrDef {
	a := s.attr(name)
	if a == nil {
		panic("adtest: no attribute " + name)
	}
	return a
}

func (s *schema) class(name string) *classDef { return s.classes[fold(name)] }

func (s *schema) addAttribute(r attrRow) *attrDef {
	a := &attrDef{name: r.name, cn: cmp.Or(r.cn, commonName(r.name)), oid: r.oid, syn: r.syn, linkID: r.link,
		upper: r.upper, flags: r.flags &^ flagMulti, single: r.flags&flagMulti == 0, index: len(s.list)}
	if a.oid == "" {
		a.oid = fmt.Sprintf("1.2.840.113556.1.8000.2554.%d", len(s.list)+1)
	}
	a.guid, a.set = schemaGUID(r.guid, r.name), propertySetOf(r.name)
	s.list = append(s.list, a)
	s.attrs[a.name], s.attrs[fold(a.name)], s.attrs[a.oid] = a, a, a
	return a
}

func (s *schema) addClass(r classRow) *classDef {
	c := &classDef{name: r.name, cn: cmp.Or(r.cn, commonName(r.name)), oid: r.oid, kind: cmp.Or(r.kind, 1),
		category: cmp.Or(r.category, r.name), superiors: strings.Fields(r.superiors)}
	if c.oid == "" {
		c.oid = fmt.Sprintf("1.2.840.113556.1.8000.2554.5.%d", len(s.ordered)+1)
	}
	c.guid = schemaGUID(r.guid, "class "+r.name)
	c.super = s.class(r.super)
	c.rdn = s.mustAttr(cmp.Or(r.rdn, "cn"))
	for n := range strings.FieldsSeq(r.aux) {
		c.aux = append(c.aux, s.class(n))
	}
	for n := range strings.FieldsSeq(r.must) {
		c.must = append(c.must, s.mustAttr(n))
	}
	for n := range strings.FieldsSeq(r.may) {
		c.may = append(c.may, s.mustAttr(n))
	}
	s.ordered = append(s.ordered, c)
	s.classes[fold(c.name)] = c
	return c
}

// extend allows attributes in a class.
func (s *schema) extend(class string, attrs []string) {
	c := s.class(class)
	for _, n := range attrs {
		if a := s.mustAttr(n); !slices.Contains(c.may, a) {
			c.may = append(c.may, a)
		}
	}
}

// finish computes what classes inherit. Superclasses come before their subclasses.
func (s *schema) finish() {
	for _, c := range s.ordered {
		c.allowed, c.musts, c.chain = map[*attrDef]bool{}, nil, nil
		for k := c; k != nil; k = k.super {
			c.chain = append([]string{k.name}, c.chain...)
			for _, part := range append([]*classDef{k}, k.aux...) {
				for _, a := range part.must {
					c.allowed[a] = true
					if !slices.Contains(c.musts, a) {
						c.musts = append(c.musts, a)
					}
				}
				for _, a := range part.may {
					c.allowed[a] = true
				}
			}
		}
		var list []secdesc.Attribute
		for _, a := range s.list {
			if c.allowed[a] {
				list = append(list, secdesc.Attribute{ID: secdesc.GUID(a.guid), Set: secdesc.GUID(a.set)})
			}
		}
		c.types = secdesc.NewTypes(secdesc.GUID(c.guid), list...)
	}
}

// commonName derives what most schema objects are called: givenName is Given-Name.
func commonName(name string) string {
	var b strings.Builder
	for i, c := range name {
		switch {
		case i == 0:
			b.WriteString(strings.ToUpper(string(c)))
			continue
		case c >= 'A' && c <= 'Z' && name[i-1] >= 'a' && name[i-1] <= 'z':
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// schemaGUID expands the "+" that stands for the commonest ending, and makes up a stable
// GUID where none is known.
func schemaGUID(text, name string) GUID {
	if text != "" {
		g, ok := parseGUID(strings.Replace(text, "+", "-0de6-11d0-a285-00aa003049e2", 1))
		if !ok {
			panic("adtest: bad GUID of " + name)
		}
		return g
	}
	sum := sha256.Sum256([]byte("adtest schema " + name))
	return GUID(sum[:16])
}
