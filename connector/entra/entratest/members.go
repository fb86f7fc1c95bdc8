package entratest

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// reference is one link that a request adds.
type reference struct {
	relation string
	target   *object
}

// referenceID takes the object id out of an @odata.id: an absolute URL below
// this server or one of Graph's hosts.
func (s *Server) referenceID(ref string) (string, bool) {
	u, err := url.Parse(ref)
	if err != nil || u.Scheme != "https" {
		return "", false
	}
	if u.Host != strings.TrimPrefix(s.AuthorityURL, "https://") && !slices.Contains(graphHosts(), u.Host) {
		return "", false
	}
	path, ok := strings.CutPrefix(u.EscapedPath(), "/v1.0/")
	if !ok {
		return "", false
	}
	segs, ok := segments(path)
	if !ok || len(segs) != 2 || !isGUID(segs[1]) {
		return "", false
	}
	known := slices.Contains([]string{"directoryObjects", "users", "groups", "devices", "contacts", "servicePrincipals"}, segs[0])
	return segs[1], known
}

// refBody reads the body of a $ref request.
func (r *request) refBody() (string, *failure) {
	ms, f := r.decode()
	if f != nil {
		return "", f
	}
	if len(ms) != 1 || ms[0].name != "@odata.id" {
		return "", misused(codeBadRequest, "The request body must hold @odata.id and nothing else.")
	}
	ref, _ := stringOf(ms[0].raw)
	id, ok := r.srv.referenceID(ref)
	if !ok {
		return "", misused(codeBadRequest, "Invalid URL format specified in @odata.id.")
	}
	return id, nil
}

// bindTargets resolves an edit's references before anything is written.
func (s *state) bindTargets(o *object, e *edit, r *request) ([]reference, *failure) {
	var out []reference
	n := 0
	for _, relation := range o.kind.relations {
		n += len(e.binds[relation])
		for _, id := range e.binds[relation] {
			t := s.find(id, r.now)
			if t == nil {
				return nil, notFound(id)
			}
			if f := s.mayLink(o, relation, t, e, r); f != nil {
				return nil, f
			}
			ref := reference{relation, t}
			if slices.Contains(out, ref) {
				return nil, alreadyLinked(relation)
			}
			out = append(out, ref)
		}
	}
	if n > bindLimit {
		return nil, misused(codeBadRequest, "The request adds more than %d references.", bindLimit)
	}
	return out, nil
}

func alreadyLinked(relation string) *failure {
	f := badRequest("One or more added object references already exist for the following modified properties: '%s'.", relation)
	f.details = []detail{{Code: "ObjectReferenceExists", Message: f.message, Target: relation}}
	return f
}

// mayLink checks whether target can become a member or an owner of o. e is
// the edit that creates or changes the group at the same time, if any.
func (s *state) mayLink(o *object, relation string, target *object, e *edit, r *request) *failure {
	if o.links(relation).has(target) && target.live() {
		return alreadyLinked(relation)
	}
	unified, roles := isUnified(o), o.flag("isAssignableToRole")
	if e != nil {
		if v, ok := e.value("groupTypes"); ok {
			types, _ := v.([]string)
			unified = slices.Contains(types, "Unified")
		}
		roles = roles || e.flag("isAssignableToRole")
	}
	allowed := []string{"user", "servicePrincipal"}
	if relation == "members" {
		if allowed = []string{"user", "group", "device", "orgContact", "servicePrincipal"}; unified {
			allowed = []string{"user"}
		}
	}
	if !slices.Contains(allowed, target.kind.name) || target == o {
		return badRequest("Invalid object type '%s' specified for the property '%s' of resource.", target.kind.name, relation)
	}
	if relation == "members" && slices.Contains(o.list("groupTypes"), "DynamicMembership") {
		return badRequest("Insufficient privileges to modify the members of a group with dynamic membership.")
	}
	if roles && !r.caller.holds([]string{"RoleManagement.ReadWrite.Directory"}) {
		return denied()
	}
	return nil
}

func (s *state) linkAll(o *object, refs []reference, now time.Time) {
	for _, ref := range refs {
		s.link(o, ref.relation, ref.target, now)
	}
}

// addRef answers POST .../{relation}/$ref.
func addRef(k *kind, relation string) handler {
	return func(s *state, r *request) (*answer, *failure) {
		o, f := s.get(k, r.vars[0], r.now)
		if f != nil {
			return nil, f
		}
		id, f := r.refBody()
		if f != nil {
			return nil, f
		}
		if f := groupWritable(o); f != nil {
			return nil, f
		}
		t := s.find(id, r.now)
		if t == nil {
			return nil, notFound(id)
		}
		if f := s.mayLink(o, relation, t, nil, r); f != nil {
			return nil, f
		}
		s.link(o, relation, t, r.now)
		return noContent(), nil
	}
}

// removeRef answers DELETE .../{relation}/{id}/$ref.
func removeRef(k *kind, relation string) handler {
	return func(s *state, r *request) (*answer, *failure) {
		o, f := s.get(k, r.vars[0], r.now)
		if f != nil {
			return nil, f
		}
		if f := groupWritable(o); f != nil {
			return nil, f
		}
		t := s.find(r.vars[1], r.now)
		if t == nil || !o.links(relation).has(t) {
			return nil, notFound(r.vars[1])
		}
		if relation == "members" && slices.Contains(o.list("groupTypes"), "DynamicMembership") {
			return nil, badRequest("Insufficient privileges to modify the members of a group with dynamic membership.")
		}
		if o.flag("isAssignableToRole") && !r.caller.holds([]string{"RoleManagement.ReadWrite.Directory"}) {
			return nil, denied()
		}
		if relation == "owners" && k.name == "group" && o.owners.len() == 1 {
			return nil, badRequest("The group must have at least one owner, hence this owner cannot be removed.")
		}
		s.unlink(o, relation, t, r.now)
		return noContent(), nil
	}
}

// deleteThroughMember answers DELETE /groups/{id}/members/{id} without $ref,
// which addresses the member object itself: Graph deletes it. No client wants
// that, so it is a misuse, too.
func deleteThroughMember(s *state, r *request) (*answer, *failure) {
	o, f := s.get(s.cat.kind("group"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	t := s.find(r.vars[1], r.now)
	if t == nil || !o.members.has(t) {
		return nil, notFound(r.vars[1])
	}
	if s.privileged(t) && !s.trusted(r) {
		return nil, denied()
	}
	r.srv.misuse(r, "DELETE without /$ref deletes the member object, not the membership")
	s.remove(t, r.now)
	return noContent(), nil
}

func getManager(s *state, r *request) (*answer, *failure) {
	o, f := s.user(r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	if o.manager == nil || !seen(o.manager, r.now) {
		return nil, notFound("manager")
	}
	columns, f := columnsFor(o.manager.kind, r.opts.selected)
	if f != nil {
		return nil, f
	}
	b := append(r.open("directoryObjects/$entity"), ',')
	b = append(b, appendTyped(nil, o.manager, columns)[1:]...)
	return jsonAnswer(200, b), nil
}

func putManager(s *state, r *request) (*answer, *failure) {
	o, f := s.user(r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	id, f := r.refBody()
	if f != nil {
		return nil, f
	}
	if o.prop("onPremisesSyncEnabled") == true {
		return nil, mastered()
	}
	m := s.find(id, r.now)
	if m == nil {
		return nil, notFound(id)
	}
	if m.kind.name != "user" && m.kind.name != "orgContact" {
		return nil, badRequest("Invalid object type '%s' specified for the property 'manager' of resource.", m.kind.name)
	}
	s.setManager(o, m, r.now)
	return noContent(), nil
}

func deleteManager(s *state, r *request) (*answer, *failure) {
	o, f := s.user(r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	if o.prop("onPremisesSyncEnabled") == true {
		return nil, mastered()
	}
	if o.manager == nil || !o.manager.live() {
		return nil, notFound("manager")
	}
	s.setManager(o, nil, r.now)
	return noContent(), nil
}
