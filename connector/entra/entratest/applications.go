package entratest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func applicationRoutes(c *catalog) []route {
	app, sp := c.kind("application"), c.kind("servicePrincipal")
	need := []string{"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"}
	grant := []string{"AppRoleAssignment.ReadWrite.All"}
	read := readKind(sp)
	out := []route{
		{method: "POST", pattern: "/applications", writes: true, needs: need, do: createApplication},
		{method: "PATCH", pattern: "/applications/{id}", writes: true, needs: need, do: updateApplication(app)},
		{method: "DELETE", pattern: "/applications/{id}", writes: true, needs: need, do: deleteApplication(app)},
		{method: "POST", pattern: "/applications/{id}/addKey", writes: true, do: addKey},
		{method: "POST", pattern: "/applications/{id}/removeKey", writes: true, do: removeKey},
		{method: "GET", pattern: "/applications/{id}/extensionProperties", allow: optSelect, needs: readKind(app), do: listExtensions},
		{method: "POST", pattern: "/applications/{id}/extensionProperties", writes: true, needs: need, do: createExtension},
		{method: "DELETE", pattern: "/applications/{id}/extensionProperties/{id}", writes: true, needs: need, do: deleteExtension},
		{method: "POST", pattern: "/servicePrincipals", writes: true, needs: need, do: createServicePrincipal},
		{method: "PATCH", pattern: "/servicePrincipals/{id}", writes: true, needs: need, do: updateApplication(sp)},
		{method: "DELETE", pattern: "/servicePrincipals/{id}", writes: true, needs: need, do: deleteApplication(sp)},
		{method: "GET", pattern: "/servicePrincipals/{id}/appRoleAssignments", needs: read, units: 2, do: listGrants},
		{method: "POST", pattern: "/servicePrincipals/{id}/appRoleAssignments", writes: true, needs: grant, do: createGrant},
		{method: "DELETE", pattern: "/servicePrincipals/{id}/appRoleAssignments/{id}", writes: true, needs: grant, do: deleteGrant},
		{method: "POST", pattern: "/applications/{id}/owners/$ref", writes: true, needs: need, do: addRef(app, "owners")},
		{method: "DELETE", pattern: "/applications/{id}/owners/{id}/$ref", writes: true, needs: need, do: removeRef(app, "owners")},
	}
	out = append(out, linkRoutes(c, app, "owners", owners, 1)...)
	out = append(out, linkRoutes(c, sp, "owners", owners, 1)...)
	return append(out, linkRoutes(c, sp, "memberOf", memberOf, 2)...)
}

func createApplication(s *state, r *request) (*answer, *failure) {
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	k := s.cat.kind("application")
	e, f := s.parseEdit(k, ms, nil, r.srv)
	if f != nil {
		return nil, f
	}
	if e.str("displayName") == "" {
		return nil, invalidValue("displayName", "The property is required.")
	}
	keys, f := editKeys(e)
	if f != nil {
		return nil, f
	}
	if f := s.room(r.srv); f != nil {
		return nil, f
	}
	o := &object{id: newGUID(), kind: k, visible: r.now.Add(r.srv.opts.ReplicationDelay)}
	for _, v := range e.vals {
		o.set(v.p, v.v)
	}
	o.setKeys(keys)
	o.set(k.byName["appId"], newGUID())
	o.set(k.byName["createdDateTime"], r.now.UTC().Format(time.RFC3339))
	if o.str("signInAudience") == "" {
		o.set(k.byName["signInAudience"], "AzureADandPersonalMicrosoftAccount")
	}
	s.insert(o, r.now)
	return r.createdAnswer(o), nil
}

func createServicePrincipal(s *state, r *request) (*answer, *failure) {
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	k := s.cat.kind("servicePrincipal")
	e, f := s.parseEdit(k, ms, nil, r.srv)
	if f != nil {
		return nil, f
	}
	appID := strings.ToLower(e.str("appId"))
	if appID == "" {
		return nil, invalidValue("appId", "The property is required.")
	}
	app := s.appIDs["application/"+appID]
	if app == nil || !seen(app, r.now) {
		return nil, refuse(http.StatusBadRequest, "NoBackingApplicationObject", "The appId '%s' of the service principal does not reference a valid application object.", appID)
	}
	if s.appIDs["servicePrincipal/"+appID] != nil {
		f := refuse(http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "The service principal cannot be created, updated, or restored because the service principal name %s is already in use.", appID)
		f.details = []detail{{Code: "ConflictingObjects", Message: f.message, Target: "servicePrincipalNames"}}
		return nil, f
	}
	if f := s.room(r.srv); f != nil {
		return nil, f
	}
	o := &object{id: newGUID(), kind: k, visible: r.now.Add(r.srv.opts.ReplicationDelay)}
	for _, v := range e.vals {
		o.set(v.p, v.v)
	}
	for name, v := range map[string]any{
		"appId": app.str("appId"), "displayName": app.str("displayName"), "appDisplayName": app.str("displayName"),
		"servicePrincipalType": "Application", "appOwnerOrganizationId": r.srv.TenantID, "accountEnabled": true,
		"servicePrincipalNames": []string{app.str("appId")},
	} {
		o.set(k.byName[name], v)
	}
	s.insert(o, r.now)
	return r.createdAnswer(o), nil
}

// updateApplication answers PATCH of applications and service principals.
func updateApplication(k *kind) handler {
	return func(s *state, r *request) (*answer, *failure) {
		o, f := s.get(k, r.vars[0], r.now)
		if f != nil {
			return nil, f
		}
		ms, f := r.decode()
		if f != nil {
			return nil, f
		}
		e, f := s.parseEdit(k, ms, o, r.srv)
		if f != nil {
			return nil, f
		}
		if _, ok := e.value("keyCredentials"); ok {
			keys, f := editKeys(e)
			if f != nil {
				return nil, f
			}
			o.keys = keys
			for i, v := range e.vals {
				if v.p.name == "keyCredentials" {
					e.vals[i].v = keysJSON(keys, false)
				}
			}
		}
		s.update(o, e.vals, r.now)
		return noContent(), nil
	}
}

func deleteApplication(k *kind) handler {
	return func(s *state, r *request) (*answer, *failure) {
		o, f := s.get(k, r.vars[0], r.now)
		if f != nil {
			return nil, f
		}
		s.remove(o, r.now)
		return noContent(), nil
	}
}

func grantJSON(g roleGrant) map[string]any {
	return map[string]any{
		"id": g.ID, "principalId": g.Principal, "resourceId": g.Resource, "appRoleId": g.Role,
		"principalType": "ServicePrincipal", "createdDateTime": g.Created.UTC().Format(time.RFC3339),
	}
}

func listGrants(s *state, r *request) (*answer, *failure) {
	o, f := s.get(s.cat.kind("servicePrincipal"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	list := []map[string]any{}
	for _, g := range s.grants {
		if g.Principal == o.id {
			list = append(list, grantJSON(g))
		}
	}
	return jsonAnswer(http.StatusOK, raw(map[string]any{"value": list})), nil
}

// createGrant answers POST .../appRoleAssignments. The resource is named by
// the object id of its service principal, not by its appId.
func createGrant(s *state, r *request) (*answer, *failure) {
	o, f := s.get(s.cat.kind("servicePrincipal"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	g := roleGrant{ID: newGUID(), Created: r.now}
	into := map[string]*string{"principalId": &g.Principal, "resourceId": &g.Resource, "appRoleId": &g.Role}
	for _, m := range ms {
		p := into[m.name]
		text, ok := stringOf(m.raw)
		if p == nil || !ok || !isGUID(text) {
			return nil, misused(codeBadRequest, "Invalid value specified for property '%s' of resource 'appRoleAssignment'.", m.name)
		}
		*p = strings.ToLower(text)
	}
	if g.Principal != o.id || g.Role == "" {
		return nil, badRequest("Invalid value specified for property 'principalId' of resource 'appRoleAssignment'.")
	}
	resource := s.find(g.Resource, r.now)
	if resource == nil || resource.kind.name != "servicePrincipal" {
		return nil, notFound(g.Resource)
	}
	for _, has := range s.grants {
		if has.Principal == g.Principal && has.Resource == g.Resource && has.Role == g.Role {
			return nil, badRequest("Permission being assigned already exists on the object")
		}
	}
	s.grants = append(s.grants, g)
	return jsonAnswer(http.StatusCreated, raw(grantJSON(g))), nil
}

func deleteGrant(s *state, r *request) (*answer, *failure) {
	o, f := s.get(s.cat.kind("servicePrincipal"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	i := slices.IndexFunc(s.grants, func(g roleGrant) bool { return g.ID == r.vars[1] && g.Principal == o.id })
	if i < 0 {
		return nil, notFound(r.vars[1])
	}
	s.grants = slices.Delete(s.grants, i, i+1)
	return noContent(), nil
}
