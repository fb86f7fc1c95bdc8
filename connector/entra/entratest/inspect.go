package entratest

import (
	"encoding/json"
	"slices"
	"strings"
)

// Users returns the live users, sorted by object id.
func (s *Server) Users() []User {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	return users(s.state.live[s.state.cat.kind("user")].all())
}

// User returns the live user with that object id or userPrincipalName.
func (s *Server) User(key string) (User, bool) {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	o := s.state.byID[strings.ToLower(key)]
	if o == nil {
		o = s.state.upns[strings.ToLower(key)]
	}
	if o == nil || !o.live() || o.kind.name != "user" {
		return User{}, false
	}
	return userOf(o), true
}

// Groups returns the live groups with members and owners, sorted by object id.
func (s *Server) Groups() []Group {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	var out []Group
	for _, o := range s.state.live[s.state.cat.kind("group")].all() {
		out = append(out, groupOf(o))
	}
	slices.SortFunc(out, func(a, b Group) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Group returns the live group with that object id or display name; of several with the name, the
// one that came first.
func (s *Server) Group(key string) (Group, bool) {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	for _, o := range s.state.live[s.state.cat.kind("group")].all() {
		if strings.EqualFold(o.id, key) || o.str("displayName") == key {
			return groupOf(o), true
		}
	}
	return Group{}, false
}

// Members returns the object ids of the live members of a group or role, sorted.
func (s *Server) Members(id string) []string {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	if o := s.state.byID[strings.ToLower(id)]; o != nil {
		return idsOf(o.members)
	}
	return nil
}

// DeletedItems returns the soft-deleted users and the ids of the other
// soft-deleted objects, both sorted by object id.
func (s *Server) DeletedItems() (deletedUsers []User, others []string) {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	for _, k := range s.state.cat.kinds {
		all := s.state.deleted[k].all()
		if k.name == "user" {
			deletedUsers = users(all)
			continue
		}
		for _, o := range all {
			others = append(others, o.id)
		}
	}
	slices.Sort(others)
	return deletedUsers, others
}

// Property returns one property of an object, live or soft-deleted, by its
// Graph name; nil when it is unset or unknown.
func (s *Server) Property(id, name string) any {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	if o := s.state.byID[strings.ToLower(id)]; o != nil {
		return o.prop(name)
	}
	return nil
}

func users(all []*object) []User {
	out := make([]User, 0, len(all))
	for _, o := range all {
		out = append(out, userOf(o))
	}
	slices.SortFunc(out, func(a, b User) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func userOf(o *object) User {
	u := User{
		ID: o.id, UserPrincipalName: o.str("userPrincipalName"), DisplayName: o.str("displayName"),
		GivenName: o.str("givenName"), Surname: o.str("surname"), Mail: o.str("mail"), MailNickname: o.str("mailNickname"),
		Disabled: o.prop("accountEnabled") == false, Department: o.str("department"), JobTitle: o.str("jobTitle"),
		ProxyAddresses: slices.Clone(o.list("proxyAddresses")), OtherMails: slices.Clone(o.list("otherMails")),
		OnPremisesImmutableID: o.str("onPremisesImmutableId"), OnPremisesSyncEnabled: boolRef(o),
	}
	if o.manager != nil && o.manager.live() {
		u.ManagerID = o.manager.id
	}
	u.Properties = rest(o, u.values())
	return u
}

func groupOf(o *object) Group {
	g := Group{
		ID: o.id, DisplayName: o.str("displayName"), Description: o.str("description"), Mail: o.str("mail"),
		MailNickname: o.str("mailNickname"), MailEnabled: o.flag("mailEnabled"), NotSecurity: !o.flag("securityEnabled"),
		GroupTypes: slices.Clone(o.list("groupTypes")), ProxyAddresses: slices.Clone(o.list("proxyAddresses")),
		OnPremisesSyncEnabled: boolRef(o), AssignableToRole: o.flag("isAssignableToRole"),
		Members: idsOf(o.members), Owners: idsOf(o.owners),
	}
	g.Properties = rest(o, g.values())
	return g
}

// rest returns the properties that have no field of their own, but for those
// that only tell when something happened.
func rest(o *object, fields map[string]any) map[string]any {
	var out map[string]any
	for _, v := range o.vals {
		if _, ok := fields[v.p.name]; ok || v.p.is(readOnly) && v.p.typ == typeTime || v.p.name == "renewedDateTime" {
			continue
		}
		if out == nil {
			out = make(map[string]any)
		}
		out[v.p.name] = v.v
	}
	return out
}

func boolRef(o *object) *bool {
	if b, ok := o.prop("onPremisesSyncEnabled").(bool); ok {
		return &b
	}
	return nil
}

func idsOf(set *ordered) []string {
	var out []string
	for _, o := range set.all() {
		if o.live() {
			out = append(out, o.id)
		}
	}
	slices.Sort(out)
	return out
}

// raw renders v, which always can be, as JSON.
func raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
