package memdir

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// StandardSchema returns a schema of users, groups, contacts and organizational units with
// the attributes that identity sync most often deals with, under their Active Directory
// names. The caller may change it.
func StandardSchema() *connector.Schema {
	s := &connector.Schema{}
	define := func(kind attr.Kind, multi bool, names ...string) []string {
		for _, n := range names {
			s.Attributes = append(s.Attributes, connector.Attribute{Name: n, Kind: kind, MultiValued: multi})
		}
		return names
	}
	common := slices.Concat(
		define(attr.KindString, false, "cn", "displayName", "description", "mail", "mailNickname"),
		define(attr.KindString, true, "proxyAddresses"),
		define(attr.KindBinary, false, "objectGUID", "objectSid", "mS-DS-ConsistencyGuid"))
	person := slices.Concat(
		define(attr.KindString, false, "givenName", "sn", "initials", "title", "department", "company",
			"employeeID", "telephoneNumber", "mobile", "facsimileTelephoneNumber", "physicalDeliveryOfficeName",
			"streetAddress", "l", "st", "postalCode", "co", "c", "usageLocation", "preferredLanguage"),
		define(attr.KindString, true, "otherTelephone", "otherMailbox"),
		define(attr.KindBinary, false, "thumbnailPhoto"),
		define(attr.KindReference, false, "manager"))
	for i := range 15 {
		person = append(person, define(attr.KindString, false, "extensionAttribute"+strconv.Itoa(i+1))...)
	}
	account := slices.Concat(
		define(attr.KindString, false, "userPrincipalName", "onPremisesImmutableId"),
		define(attr.KindBool, false, "accountEnabled"),
		define(attr.KindInt, false, "userAccountControl", "accountExpires", "pwdLastSet"))
	sam := define(attr.KindString, false, "sAMAccountName")
	group := slices.Concat(
		define(attr.KindInt, false, "groupType"),
		define(attr.KindBool, false, "securityEnabled", "mailEnabled"),
		define(attr.KindReference, false, "managedBy"),
		define(attr.KindReference, true, "member"))
	unit := define(attr.KindString, false, "ou")

	s.Classes = []connector.Class{
		{Name: "user", Attributes: slices.Concat(common, person, account, sam), Export: true},
		{Name: "contact", Attributes: slices.Concat(common, person), Export: true},
		{Name: "group", Attributes: slices.Concat(common, group, sam), Export: true},
		{Name: "organizationalUnit", Attributes: slices.Concat(common, unit), Export: true},
	}
	return s
}

// Schema returns the configured schema or, without one, [StandardSchema] and what the
// objects have held besides.
func (d *Directory) Schema(ctx context.Context) (*connector.Schema, error) {
	if ctx.Err() != nil {
		return nil, d.failure("schema", context.Cause(ctx))
	}
	if err := d.faults.get().Open; err != nil {
		return nil, d.failure("schema", err)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	s := *d.schema
	s.Attributes = slices.Clone(s.Attributes)
	s.Classes = slices.Clone(s.Classes)
	for i, c := range s.Classes {
		s.Classes[i].Attributes = slices.Clone(c.Attributes)
		s.Classes[i].ReadOnly = slices.Clone(c.ReadOnly)
	}
	s.Partitions = slices.Clone(s.Partitions)
	s.Parameters = maps.Clone(s.Parameters)
	return &s, nil
}

// configuredSchema is the schema that the options give, and the index over it.
func configuredSchema(o *Options) *connector.Schema {
	s := StandardSchema()
	if o.Schema != nil {
		c := *o.Schema
		s = &c
	}
	if o.Partitions != nil {
		s.Partitions = o.Partitions
	}
	if o.Parameters != nil {
		s.Parameters = o.Parameters
	}
	return s
}

// catalog finds classes and attributes of the schema by folded name, which the methods of
// [connector.Schema] do by linear search.
type catalog struct {
	attributes map[string]connector.Attribute
	classes    map[string]map[string]bool // attributes of each class; true means read-only there
}

func newCatalog(s *connector.Schema) *catalog {
	c := &catalog{make(map[string]connector.Attribute, len(s.Attributes)), make(map[string]map[string]bool, len(s.Classes))}
	for _, a := range s.Attributes {
		c.attributes[attr.Fold(a.Name)] = a
	}
	for _, cl := range s.Classes {
		m := make(map[string]bool, len(cl.Attributes))
		for _, n := range cl.Attributes {
			m[attr.Fold(n)] = false
		}
		for _, n := range cl.ReadOnly {
			m[attr.Fold(n)] = true
		}
		c.classes[attr.Fold(cl.Name)] = m
	}
	return c
}

// observe adds a class and an attribute that the schema did not know. It is used where no
// schema was given.
func (d *Directory) observe(class, name string, kind attr.Kind) {
	fc, fn := attr.Fold(class), attr.Fold(name)
	m, ok := d.catalog.classes[fc]
	if !ok {
		m = make(map[string]bool)
		d.catalog.classes[fc] = m
		d.schema.Classes = append(d.schema.Classes, connector.Class{Name: class, Export: true})
	}
	if _, ok := m[fn]; ok || name == "" {
		return
	}
	a, ok := d.catalog.attributes[fn]
	if !ok {
		a = connector.Attribute{Name: name, Kind: kind, MultiValued: true}
		d.catalog.attributes[fn] = a
		d.schema.Attributes = append(d.schema.Attributes, a)
	}
	m[fn] = false
	c, _ := d.schema.Class(class)
	c.Attributes = append(c.Attributes, a.Name)
}
