package ad

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
	"github.com/hybridsync/hybridsync/connector/attr"
)

const (
	readWrite = secdesc.ReadProperty | secdesc.WriteProperty
	listing   = secdesc.ListContents | secdesc.ReadProperty

	// deletedContainer begins the DNs of the containers of deleted objects.
	deletedContainer = "CN=Deleted Objects,"
)

// needing collects the permissions that uses of a directory need.
type needing struct {
	s    *session
	uses Uses
	list []Delegation
}

// needed returns the permissions that the session's uses need, least first: on the
// included containers where there are some, on the domains otherwise. reads are the
// attributes that have to be readable.
func (s *session) needed(ctx context.Context, l *link, uses Uses, reads []*attribute) ([]Delegation, error) {
	n := &needing{s: s, uses: uses}
	if reads != nil {
		for _, class := range s.plan.sorted() {
			held := s.plan.schema.attributesOf(class)
			var mine []*attribute
			for _, a := range reads {
				if slices.ContainsFunc(held, func(h string) bool { return attr.EqualName(h, a.name) }) {
					mine = append(mine, a)
				}
			}
			if len(mine) > 0 {
				n.beneath(Delegation{Rights: secdesc.ReadProperty, Class: class, reads: mine})
			}
		}
	}
	if uses.has(FeatureDelta) || uses.has(FeaturePasswordHash) {
		n.right(FeatureDelta, getChanges)
	}
	if uses.has(FeatureDelta) && s.listsDeleted(l) {
		for _, p := range s.parts {
			n.list = append(n.list, Delegation{Feature: FeatureDelta, On: deletedContainer + p.dn, Rights: listing, deleted: true})
		}
	}
	if uses.has(FeaturePasswordHash) {
		n.right(FeaturePasswordHash, getChangesAll)
	}
	if uses.has(FeatureConsistencyGUID) {
		for _, class := range n.accounts() {
			n.attribute(FeatureConsistencyGUID, "mS-DS-ConsistencyGuid", class)
		}
	}
	if uses.has(FeatureExchangeHybrid) {
		n.exchange()
	}
	if uses.has(FeaturePasswordReset) {
		n.right(FeaturePasswordReset, unexpire)
		n.beneath(Delegation{Feature: FeaturePasswordReset, Rights: secdesc.ControlAccess, About: resetPassword.name, about: resetPassword.id, Class: "user"})
		for _, a := range []string{"lockoutTime", "pwdLastSet"} {
			n.attribute(FeaturePasswordReset, a, "user")
		}
	}
	err := n.writtenBack(FeatureGroups, uses.GroupContainer, "group")
	if err == nil {
		err = n.writtenBack(FeatureDevices, uses.DeviceContainer, "msDS-Device")
	}
	if err != nil {
		return nil, err
	}
	return s.inUse(ctx, l, n.list)
}

// listsDeleted reports whether delta imports see deletions only by listing the container of
// deleted objects. With the right to replicate, domain controllers tell of them all the
// same; Samba does not.
func (s *session) listsDeleted(l *link) bool {
	return l.root.samba || s.d.opts.DirSync == DirSyncObjectSecurity || s.d.opts.DirSync == DirSyncNever
}

// inUse leaves out what is about a class that every schema knows and hardly any directory
// uses.
func (s *session) inUse(ctx context.Context, l *link, list []Delegation) ([]Delegation, error) {
	known := map[string]bool{}
	var out []Delegation
	for _, d := range list {
		if d.Class != "inetOrgPerson" {
			out = append(out, d)
			continue
		}
		there, asked := known[d.On]
		if !asked {
			found, err := l.search(ctx, &ldap.SearchRequest{BaseDN: d.On, Scope: ldap.ScopeWholeSubtree, Filter: "(objectClass=inetOrgPerson)",
				Attributes: []string{"1.1"}, Controls: []ldap.Control{ldap.NewControlPaging(1)}})
			if err != nil {
				return nil, err
			}
			there = len(found.entries) > 0
			known[d.On] = there
		}
		if there {
			out = append(out, d)
		}
	}
	return out, nil
}

// right adds an extended right on every domain.
func (n *needing) right(f Feature, r extendedRight) {
	for _, p := range n.s.parts {
		n.list = append(n.list, Delegation{Feature: f, On: p.dn, Rights: secdesc.ControlAccess, About: r.name, about: r.id})
	}
}

// beneath adds a permission for objects of a class wherever they are imported from.
func (n *needing) beneath(d Delegation) {
	c := n.s.plan.schema.class(d.Class)
	if c == nil {
		return
	}
	d.Class, d.class = c.name, c.id
	for _, p := range n.s.parts {
		for _, base := range n.s.scope.bases(p) {
			d.On = base
			n.list = append(n.list, d)
		}
	}
}

// attribute adds the permission to read and write an attribute that the schema has.
func (n *needing) attribute(f Feature, name, class string) {
	a := n.s.plan.schema.attribute(name)
	if a == nil || !slices.ContainsFunc(n.s.plan.schema.attributesOf(class), func(h string) bool { return attr.EqualName(h, name) }) {
		return
	}
	n.beneath(Delegation{Feature: f, Rights: readWrite, About: a.name, about: a.id, Class: class})
}

// accounts are the imported classes of people's accounts.
func (n *needing) accounts() []string {
	var out []string
	for _, c := range []string{"user", "inetOrgPerson"} {
		if n.s.plan.classes[attr.Fold(c)] != "" {
			out = append(out, c)
		}
	}
	return out
}

func (n *needing) exchange() {
	for _, class := range n.accounts() {
		for _, a := range exchangeAttributes {
			n.attribute(FeatureExchangeHybrid, a, class)
		}
	}
	for _, class := range []string{"group", "contact"} {
		if n.s.plan.classes[attr.Fold(class)] != "" {
			n.attribute(FeatureExchangeHybrid, "proxyAddresses", class)
		}
	}
}

// writtenBack adds the permissions for objects that are made in a container of their own.
func (n *needing) writtenBack(f Feature, container, class string) error {
	if !n.uses.has(f) {
		return nil
	}
	c := n.s.plan.schema.class(class)
	if c == nil {
		return &connector.Error{Op: "preflight", Connector: n.s.d.name, Code: connector.CodeMissingClass,
			Err: fmt.Errorf("%w: the directory has no class %s, which %s needs; extend the schema or leave it out", connector.ErrInvalid, class, f)}
	}
	n.list = append(n.list,
		Delegation{Feature: f, On: container, Rights: secdesc.CreateChild | secdesc.DeleteChild, About: c.name, about: c.id},
		Delegation{Feature: f, On: container, Rights: readWrite, Class: c.name, class: c.id})
	return nil
}
