package entratest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// User is a user for seeding and comparing. Zero fields are unset properties.
type User struct {
	ID                    string // assigned when empty
	UserPrincipalName     string
	DisplayName           string
	GivenName, Surname    string
	Mail, MailNickname    string
	Disabled              bool
	Department, JobTitle  string
	ProxyAddresses        []string
	OtherMails            []string
	OnPremisesImmutableID string
	OnPremisesSyncEnabled *bool  // nil: never synchronised
	ManagerID             string // object id
	// Properties are other properties by their Graph names, read-only ones
	// included: string, bool, int64, []string or map[string]string.
	Properties map[string]any
}

// Group is a group for seeding and comparing.
type Group struct {
	ID                    string // assigned when empty
	DisplayName           string
	Description           string
	Mail, MailNickname    string
	MailEnabled           bool
	NotSecurity           bool // securityEnabled is false
	GroupTypes            []string
	ProxyAddresses        []string
	OnPremisesSyncEnabled *bool
	AssignableToRole      bool
	Members, Owners       []string // object ids
	Properties            map[string]any
}

func (u User) values() map[string]any {
	m := map[string]any{
		"userPrincipalName": u.UserPrincipalName, "displayName": u.DisplayName, "givenName": u.GivenName, "surname": u.Surname,
		"mail": u.Mail, "mailNickname": u.MailNickname, "accountEnabled": !u.Disabled, "department": u.Department,
		"jobTitle": u.JobTitle, "proxyAddresses": u.ProxyAddresses, "otherMails": u.OtherMails,
		"onPremisesImmutableId": u.OnPremisesImmutableID, "userType": "Member",
	}
	if u.OnPremisesSyncEnabled != nil {
		m["onPremisesSyncEnabled"] = *u.OnPremisesSyncEnabled
	}
	maps.Copy(m, u.Properties)
	return m
}

func (g Group) values() map[string]any {
	m := map[string]any{
		"displayName": g.DisplayName, "description": g.Description, "mail": g.Mail, "mailNickname": g.MailNickname,
		"mailEnabled": g.MailEnabled, "securityEnabled": !g.NotSecurity, "groupTypes": g.GroupTypes, "proxyAddresses": g.ProxyAddresses,
	}
	if g.OnPremisesSyncEnabled != nil {
		m["onPremisesSyncEnabled"] = *g.OnPremisesSyncEnabled
	}
	if g.AssignableToRole {
		m["isAssignableToRole"] = true
	}
	maps.Copy(m, g.Properties)
	return m
}

// Add puts an object of any kind into the directory as if it had always been
// there: read-only properties are allowed, and no replication delay applies.
// The kind is a Graph type such as device or orgContact. Names, types and
// uniqueness are checked. It returns the object id.
func (s *Server) Add(kind, id string, properties map[string]any) (string, error) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	o, err := s.state.seed(kind, id, properties, s.Now())
	if err != nil {
		return "", err
	}
	return o.id, nil
}

// AddUser seeds a user and returns its object id. A wrong seed fails the
// test; outside tests it panics.
func (s *Server) AddUser(u User) string {
	if u.MailNickname == "" {
		u.MailNickname, _, _ = strings.Cut(u.UserPrincipalName, "@")
	}
	id, err := s.Add("user", u.ID, u.values())
	if err == nil && u.ManagerID != "" {
		err = s.SetManager(id, u.ManagerID)
	}
	return s.must(id, err)
}

// AddGroup seeds a group with its members and owners and returns its object
// id. A wrong seed fails the test; outside tests it panics.
func (s *Server) AddGroup(g Group) string {
	id, err := s.Add("group", g.ID, g.values())
	if err == nil {
		err = s.AddMembers(id, g.Members...)
	}
	if err == nil {
		err = s.linkByID(id, "owners", g.Owners)
	}
	return s.must(id, err)
}

func (s *Server) must(id string, err error) string {
	switch {
	case err == nil:
	case s.failing != nil:
		s.failing.Helper()
		s.failing.Fatalf("entratest: seed: %v", err)
	default:
		panic("entratest: seed: " + err.Error())
	}
	return id
}

// AddMembers adds members to a group or holders to a role.
func (s *Server) AddMembers(group string, ids ...string) error {
	return s.linkByID(group, "members", ids)
}

func (s *Server) linkByID(from, relation string, to []string) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	o := s.state.byID[strings.ToLower(from)]
	if o == nil {
		return fmt.Errorf("no object %s", from)
	}
	for _, id := range to {
		t := s.state.byID[strings.ToLower(id)]
		if t == nil {
			return fmt.Errorf("no object %s", id)
		}
		s.state.link(o, relation, t, s.Now())
	}
	return nil
}

// RemoveMember takes a member out of a group or role; it does nothing when it is not one.
func (s *Server) RemoveMember(group, id string) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	o, t := s.state.byID[strings.ToLower(group)], s.state.byID[strings.ToLower(id)]
	if o != nil && t != nil {
		s.state.unlink(o, "members", t, s.Now())
	}
}

// SetManager sets a user's manager; an empty manager clears it.
func (s *Server) SetManager(user, manager string) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	o, m := s.state.byID[strings.ToLower(user)], s.state.byID[strings.ToLower(manager)]
	if o == nil || (m == nil && manager != "") {
		return fmt.Errorf("no object %s or %s", user, manager)
	}
	s.state.setManager(o, m, s.Now())
	return nil
}

// AssignRole makes an object the holder of a directory role, by the role's
// template id or display name.
func (s *Server) AssignRole(role, id string) error {
	s.state.mu.RLock()
	o := s.state.role(role)
	s.state.mu.RUnlock()
	if o == nil {
		return fmt.Errorf("no role %s", role)
	}
	return s.AddMembers(o.id, id)
}

// Update changes properties of an object behind the API's back, as an
// administrator or another program does: read-only properties are allowed, nil
// clears. Deltas show it.
func (s *Server) Update(id string, properties map[string]any) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	o := s.state.byID[strings.ToLower(id)]
	if o == nil || !o.live() {
		return fmt.Errorf("no object %s", id)
	}
	vals, err := seedValues(o.kind, properties)
	if err != nil {
		return err
	}
	if _, given := properties["proxyAddresses"]; !given && o.kind.byName["proxyAddresses"] != nil {
		vals = withProxies(o.kind, o, vals)
	}
	if f := s.state.clash(o, vals); f != nil {
		return f
	}
	s.state.update(o, vals, s.Now())
	return nil
}

// Delete soft-deletes an object behind the API's back.
func (s *Server) Delete(id string) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	o := s.state.byID[strings.ToLower(id)]
	if o == nil || !o.live() {
		return fmt.Errorf("no object %s", id)
	}
	s.state.remove(o, s.Now())
	return nil
}

func (s *state) seed(kindName, id string, properties map[string]any, now time.Time) (*object, error) {
	k := s.cat.kind(kindName)
	if k == nil || k.name != kindName {
		return nil, fmt.Errorf("no kind %s", kindName)
	}
	if id == "" {
		id = newGUID()
	}
	if id = strings.ToLower(id); !isGUID(id) && k.name != "domain" || s.byID[id] != nil {
		return nil, fmt.Errorf("object id %s is taken or not a GUID", id)
	}
	vals, err := seedValues(k, properties)
	if err != nil {
		return nil, err
	}
	o := &object{id: id, kind: k}
	vals = withProxies(k, seedProxies(k, vals), vals)
	if f := s.clash(o, vals); f != nil {
		return nil, f
	}
	if p := k.byName["createdDateTime"]; p != nil {
		o.set(p, now.UTC().Format(time.RFC3339))
	}
	for _, v := range vals {
		o.set(v.p, v.v)
	}
	s.insert(o, now)
	return o, nil
}

// seedProxies returns an object that holds the seed's own addresses, so that
// its mail address joins them.
func seedProxies(k *kind, vals []value) *object {
	o := &object{kind: k}
	for _, v := range vals {
		if v.p.name == "proxyAddresses" {
			o.set(v.p, v.v)
		}
	}
	return o
}

func seedValues(k *kind, properties map[string]any) ([]value, error) {
	var vals []value
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p := k.byName[name]
		if p == nil {
			return nil, fmt.Errorf("no property %s on %s", name, k.name)
		}
		v, err := seedValue(p, properties[name])
		if err != nil {
			return nil, err
		}
		vals = append(vals, value{p, v})
	}
	return vals, nil
}

// seedValue checks the Go type of a seed. Empty strings count as unset.
func seedValue(p *property, v any) (any, error) {
	ok := v == nil
	switch x := v.(type) {
	case string:
		if x == "" {
			return nil, nil
		}
		ok = p.typ == typeString || p.typ == typeTime
	case bool:
		ok = p.typ == typeBool
	case int64:
		ok = p.typ == typeInt
	case []string:
		ok = p.typ == typeStrings
	case map[string]string:
		ok = p.typ == typeComplex
	case json.RawMessage:
		ok = p.typ == typeRaw || p.typ == typeRawList
	}
	if !ok {
		return nil, fmt.Errorf("wrong type %T for property %s", v, p.name)
	}
	return v, nil
}
