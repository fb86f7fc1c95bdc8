package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A company is a directory that makes its objects up as they are asked for: the same
// numbers give the same objects, and no number of them takes memory. Users have about 22
// attributes and 1.6 kB; groups have twenty members each, but for the large ones.
type company struct {
	name   string
	users  int
	groups int
	large  []int // members of further groups
	// joined is who is to join a large group at the next delta import, 0 for nobody; to is the
	// index of the group.
	joined, to int
	// year is how often a mixed delta took place: 1 % of the users leave, as many come, 5 %
	// change.
	year int
}

func (c *company) Info() connector.Info {
	return connector.Info{Type: "company", Version: "1", Name: c.name}
}

func (c *company) Capabilities() connector.Capabilities {
	return connector.Capabilities{FullImport: true, DeltaImport: true, References: connector.ReferenceByDN}
}

func (c *company) Schema(context.Context) (*connector.Schema, error) {
	return &connector.Schema{Parameters: map[string]string{
		"Domain.FQDN": "contoso.test", "Domain.Netbios": "CONTOSO", "Domain.LDAP": "DC=contoso,DC=test",
		"Forest.FQDN": "contoso.test", "Forest.Netbios": "CONTOSO", "Forest.LDAP": "DC=contoso,DC=test",
	}}, nil
}

func (c *company) Open(context.Context, connector.OpenOptions) (connector.Session, error) {
	return &companySession{c}, nil
}

type companySession struct{ c *company }

func (s *companySession) Close(context.Context) error { return nil }

func (s *companySession) FullImport(ctx context.Context, _ connector.ImportRequest) iter.Seq2[connector.Item, error] {
	c := s.c
	return func(yield func(connector.Item, error) bool) {
		n := int64(0)
		send := func(o *connector.Object) bool {
			n++
			return ctx.Err() == nil && yield(connector.Item{Kind: connector.ItemObject, Object: o}, nil)
		}
		for i := range c.users {
			if !send(c.user(i)) {
				return
			}
		}
		for i := range c.groups {
			if !send(c.group(i, 20, i*20)) {
				return
			}
		}
		for i, members := range c.large {
			if !send(c.group(c.groups+i, members, 0)) {
				return
			}
		}
		yield(c.complete(n), nil)
	}
}

func (c *company) complete(n int64) connector.Item {
	return connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{Watermark: connector.Watermark("now"), Objects: n}}
}

// DeltaImport shows what has happened since the last import, once.
func (s *companySession) DeltaImport(ctx context.Context, _ connector.Watermark, _ connector.ImportRequest) iter.Seq2[connector.Item, error] {
	c := s.c
	return func(yield func(connector.Item, error) bool) {
		items := c.news()
		for _, it := range items {
			if ctx.Err() != nil || !yield(it, nil) {
				return
			}
		}
		yield(c.complete(int64(len(items))), nil)
	}
}

// news makes the changes that are due.
func (c *company) news() (items []connector.Item) {
	if c.joined != 0 {
		n := c.groups + c.to
		g := &connector.Object{Class: "group", DN: groupDN(n), Anchor: groupAnchor(n)}
		items = append(items, connector.Item{Kind: connector.ItemUpdate, Object: g, Mods: []attr.Mod{{
			Name: "member", Adds: []attr.Value{attr.Reference(userDN(c.joined))},
		}}})
		c.joined = 0
	}
	if c.year == 0 {
		return items
	}
	few := max(c.users/100, 1)
	order := rand.New(rand.NewPCG(uint64(c.year), 2)).Perm(c.users) //nolint:gosec // made-up data
	for _, i := range order[:few] {
		items = append(items, connector.Item{Kind: connector.ItemDelete, Object: &connector.Object{DN: userDN(i), Anchor: userAnchor(i)}})
	}
	for i := range few {
		items = append(items, connector.Item{Kind: connector.ItemObject, Object: c.user(c.users + c.year*few + i)})
	}
	for _, i := range order[few : 6*few] {
		o := &connector.Object{Class: "user", DN: userDN(i), Anchor: userAnchor(i)}
		items = append(items, connector.Item{Kind: connector.ItemUpdate, Object: o, Mods: []attr.Mod{{
			Name: "title", Replace: true, Adds: []attr.Value{attr.String("Director " + strconv.Itoa(c.year))},
		}}})
	}
	c.year = 0
	return items
}

func userDN(i int) string  { return "CN=User " + strconv.Itoa(i) + ",OU=People,DC=contoso,DC=test" }
func groupDN(i int) string { return "CN=Group " + strconv.Itoa(i) + ",OU=Groups,DC=contoso,DC=test" }

func guid(kind byte, i int) string {
	b := [16]byte{kind, 0x51, 0x7a}
	binary.BigEndian.PutUint64(b[8:], uint64(i)*0x9e3779b97f4a7c15)
	return string(b[:])
}

func userAnchor(i int) connector.Anchor  { return connector.NewAnchor([]byte(guid('u', i))) }
func groupAnchor(i int) connector.Anchor { return connector.NewAnchor([]byte(guid('g', i))) }

const longRemark = "Keys and badges were handed out on the first day, the desk telephone was taken back when everybody got a mobile one, " +
	"the parking space in front of the old hall was given up for one in the garage beneath the new one, and the notebook was replaced twice, " +
	"last by the model that is on the list of the purchasing department. Questions about any of this go to the service desk, not to the person."

var departments = []string{"Engineering", "Finance", "Legal", "Operations", "Research", "Sales"}

// user makes a user of about 22 attributes and 1.6 kB.
func (c *company) user(i int) *connector.Object {
	o := &connector.Object{Class: "user", DN: userDN(i), Anchor: userAnchor(i)}
	a := &o.Attributes
	a.Grow(26)
	n := strconv.Itoa(i)
	text := func(name string, values ...string) {
		vs := make([]attr.Value, len(values))
		for j, v := range values {
			vs[j] = attr.String(v)
		}
		a.Put(name, vs...)
	}
	text("cn", "User "+n)
	text("co", "Netherlands")
	text("company", "Contoso Manufacturing and Distribution")
	text("department", departments[i%len(departments)])
	text("description", "Made up for measurements: a text of the length that helpdesks write about the people whom they look after, "+n)
	text("displayName", "Surname"+n+", Given"+n+" (Contoso)")
	text("employeeID", n)
	text("extensionAttribute1", "cost centre "+strconv.Itoa(i%500)+", budget line of the department, approved by its controller")
	text("givenName", "Given"+n)
	text("info", "Remarks that nobody reads any more and that every directory is full of. Moved in from the old system, number "+n+
		", with the assignment of rooms and equipment that was in force then, see the archive of the personnel department. "+longRemark)
	text("l", "Rotterdam")
	text("mail", "given"+n+".surname"+n+"@contoso.test")
	text("mailNickname", "given"+n+".surname"+n)
	if i > 0 {
		a.Put("manager", attr.Reference(userDN(i/10)))
	}
	a.Put("objectGUID", attr.BinaryString(guid('u', i)))
	a.Put("objectSid", attr.BinaryString("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00"+guid('s', i)))
	text("physicalDeliveryOfficeName", "Building "+strconv.Itoa(i%40)+", floor "+strconv.Itoa(i%7))
	text("postalCode", fmt.Sprintf("%05d", i%100000))
	text("proxyAddresses", "SMTP:given"+n+".surname"+n+"@contoso.test", "smtp:user"+n+"@contoso.test", "x500:/o=Contoso/ou=Exchange/cn=Recipients/cn=user"+n)
	text("sAMAccountName", "user"+n)
	text("sn", "Surname"+n)
	text("streetAddress", n+" Harbour Street")
	text("telephoneNumber", "+31 10 555 "+n)
	text("title", "Associate "+strconv.Itoa(i%30))
	a.Put("userAccountControl", attr.Int(512))
	text("userPrincipalName", "given"+n+".surname"+n+"@contoso.test")
	return o
}

func (c *company) group(i, members, from int) *connector.Object {
	o := &connector.Object{Class: "group", DN: groupDN(i), Anchor: groupAnchor(i)}
	n := strconv.Itoa(i)
	o.Attributes.Put("cn", attr.String("Group "+n))
	o.Attributes.Put("description", attr.String("Made up for measurements, number "+n))
	o.Attributes.Put("displayName", attr.String("Group "+n))
	o.Attributes.Put("groupType", attr.Int(-2147483646))
	o.Attributes.Put("objectGUID", attr.BinaryString(guid('g', i)))
	o.Attributes.Put("sAMAccountName", attr.String("group"+n))
	list := make([]attr.Value, 0, members)
	for j := range min(members, c.users) {
		list = append(list, attr.Reference(userDN((from+j)%c.users)))
	}
	o.Attributes.Put("member", list...)
	return o
}

var (
	_ connector.FullImporter  = (*companySession)(nil)
	_ connector.DeltaImporter = (*companySession)(nil)
)
