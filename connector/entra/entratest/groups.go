package entratest

import (
	"slices"
	"strings"
	"time"
)

// bindLimit is how many references one request may add.
const bindLimit = 20

func isUnified(o *object) bool { return slices.Contains(o.list("groupTypes"), "Unified") }

// isDistribution reports whether a group belongs to Exchange: distribution
// lists and mail-enabled security groups, which Graph only reads.
func isDistribution(o *object) bool {
	return o.kind.name == "group" && o.flag("mailEnabled") && !isUnified(o)
}

// get finds a live object of a kind by its id or an alternate key.
func (s *state) get(k *kind, key string, now time.Time) (*object, *failure) {
	if k.name == "user" {
		return s.user(key, now)
	}
	if o := s.find(key, now); o != nil && o.kind == k {
		return o, nil
	}
	if name, val, ok := strings.Cut(key, "="); ok {
		if o := s.appIDs[k.name+"/"+strings.ToLower(val)]; name == "appId" && o != nil && seen(o, now) {
			return o, nil
		}
		for _, o := range s.live[k].all() {
			if (name == "deviceId" || name == "uniqueName" || name == "roleTemplateId") && o.str(name) == val && seen(o, now) {
				return o, nil
			}
		}
	}
	return nil, notFound(key)
}

// groupWritable refuses groups that Graph only reads.
func groupWritable(o *object) *failure {
	if o.prop("onPremisesSyncEnabled") == true {
		return mastered()
	}
	if isDistribution(o) {
		return badRequest("Cannot Update a mail-enabled security groups and or distribution list.")
	}
	return nil
}

func createGroup(s *state, r *request) (*answer, *failure) {
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	k := s.cat.kind("group")
	e, f := s.parseEdit(k, ms, nil, r.srv)
	if f != nil {
		return nil, f
	}
	for _, name := range []string{"displayName", "mailEnabled", "mailNickname", "securityEnabled"} {
		if _, ok := e.value(name); !ok {
			return nil, invalidValue(name, "The property is required.")
		}
	}
	if f := checkGroupKind(e); f != nil {
		return nil, f
	}
	if f := s.checkGroup(e, nil); f != nil {
		return nil, f
	}
	if e.flag("isAssignableToRole") && !r.caller.holds([]string{"RoleManagement.ReadWrite.Directory"}) {
		return nil, denied()
	}
	o := &object{id: newGUID(), kind: k, visible: r.now.Add(r.srv.opts.ReplicationDelay)}
	targets, f := s.bindTargets(o, e, r)
	if f != nil {
		return nil, f
	}
	vals := e.vals
	if e.flag("mailEnabled") {
		mail := e.str("mailNickname") + "@" + s.defaultDomain()
		vals = append(slices.Clone(vals), value{k.byName["mail"], mail}, value{k.byName["proxyAddresses"], []string{"SMTP:" + mail}})
	}
	if f := s.clash(o, vals); f != nil {
		return nil, f
	}
	if f := s.room(r.srv); f != nil {
		return nil, f
	}
	for _, v := range vals {
		o.set(v.p, v.v)
	}
	stamp := r.now.UTC().Format(time.RFC3339)
	o.set(k.byName["createdDateTime"], stamp)
	o.set(k.byName["renewedDateTime"], stamp)
	if isUnified(o) && o.str("visibility") == "" {
		o.set(k.byName["visibility"], "Public")
	}
	s.insert(o, r.now)
	s.linkAll(o, targets, r.now)
	return r.createdAnswer(o), nil
}

func (s *state) defaultDomain() string {
	for _, d := range s.domains {
		if d.Default {
			return d.Name
		}
	}
	return s.domains[0].Name
}

// checkGroupKind allows the kinds of groups that Graph creates.
func checkGroupKind(e *edit) *failure {
	v, _ := e.value("groupTypes")
	types, _ := v.([]string)
	unified := slices.Contains(types, "Unified")
	for _, t := range types {
		if t != "Unified" && t != "DynamicMembership" {
			return invalidValue("groupTypes", "The value is not a group type.")
		}
	}
	switch {
	case unified && !e.flag("mailEnabled"):
		return invalidValue("mailEnabled", "A Microsoft 365 group is mail-enabled.")
	case !unified && e.flag("mailEnabled"):
		return badRequest("The service does not currently support writes of mail-enabled groups. Please ensure that the mail-enablement property is unset and try again.")
	case !unified && !e.flag("securityEnabled"):
		return badRequest("A group has to be a security group or a Microsoft 365 group.")
	case slices.Contains(types, "DynamicMembership") && e.str("membershipRule") == "":
		return invalidValue("membershipRule", "The property is required for dynamic membership.")
	}
	return nil
}

func (s *state) checkGroup(e *edit, o *object) *failure {
	for _, v := range e.vals {
		text, _ := v.v.(string)
		switch v.p.name {
		case "mailNickname":
			if f := checkMailNickname(text); f != nil {
				return f
			}
		case "visibility":
			if text != "" && text != "Public" && text != "Private" && text != "HiddenMembership" {
				return invalidValue(v.p.name, "The value is not a visibility.")
			}
		case "uniqueName":
			if o != nil && o.str("uniqueName") != "" && text != o.str("uniqueName") {
				return isReadOnly(v.p)
			}
			if other := s.byUniqueName(text); other != nil && other != o {
				return conflict("uniqueName", other)
			}
		case "mailEnabled", "groupTypes":
			if o != nil && !sameValue(o.get(v.p), v.v) {
				return isReadOnly(v.p)
			}
		}
	}
	return nil
}

func (s *state) byUniqueName(name string) *object {
	for _, o := range s.live[s.cat.kind("group")].all() {
		if o.str("uniqueName") == name {
			return o
		}
	}
	return nil
}

func updateGroup(s *state, r *request) (*answer, *failure) {
	o, f := s.get(s.cat.kind("group"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	e, f := s.parseEdit(o.kind, ms, o, r.srv)
	if f != nil {
		return nil, f
	}
	if f := groupWritable(o); f != nil {
		return nil, f
	}
	if len(e.vals) > 0 && !r.caller.holds(writeGroups()) {
		return nil, denied() // GroupMember.ReadWrite.All is for members alone
	}
	if f := s.checkGroup(e, o); f != nil {
		return nil, f
	}
	targets, f := s.bindTargets(o, e, r)
	if f != nil {
		return nil, f
	}
	s.update(o, e.vals, r.now)
	s.linkAll(o, targets, r.now)
	return noContent(), nil
}

func deleteGroup(s *state, r *request) (*answer, *failure) {
	o, f := s.get(s.cat.kind("group"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	if f := groupWritable(o); f != nil {
		return nil, f
	}
	if o.flag("isAssignableToRole") && !r.caller.holds([]string{"RoleManagement.ReadWrite.Directory"}) {
		return nil, denied()
	}
	s.remove(o, r.now)
	return noContent(), nil
}
