package entratest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Templates of built-in roles: the id is the same in every tenant.
const (
	// RoleGlobalAdministrator may do everything.
	RoleGlobalAdministrator = "62e90394-69f5-4237-9190-012177145e10"
	// RoleUserAdministrator manages ordinary users.
	RoleUserAdministrator = "fe930be7-5e62-47db-91af-98c3a49a38b1"
	// RolePrivilegedAuthenticationAdministrator manages administrators' sign-in data.
	RolePrivilegedAuthenticationAdministrator = "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"
	// RoleHybridIdentityAdministrator manages hybrid identity.
	RoleHybridIdentityAdministrator = "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2"
)

func builtinRoles() map[string]string {
	return map[string]string{
		RoleGlobalAdministrator:                   "Global Administrator",
		RoleUserAdministrator:                     "User Administrator",
		RolePrivilegedAuthenticationAdministrator: "Privileged Authentication Administrator",
		RoleHybridIdentityAdministrator:           "Hybrid Identity Administrator",
		"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3":    "Application Administrator",
		"d29b2b05-8046-44ba-8758-1e26182fcf32":    "Directory Synchronization Accounts",
	}
}

// privileged reports whether the object holds a directory role or is in a
// group that can hold one.
func (s *state) privileged(o *object) bool {
	return slices.ContainsFunc(o.memberOf.all(), func(g *object) bool {
		return g.live() && (g.kind.name == "directoryRole" || g.flag("isAssignableToRole"))
	}) || slices.ContainsFunc(s.eligible, func(e eligibility) bool { return e.PrincipalID == o.id })
}

// trusted reports whether the calling application may touch role holders.
func (s *state) trusted(r *request) bool {
	app := s.appIDs["servicePrincipal/"+r.srv.ClientID]
	return app != nil && slices.ContainsFunc(app.memberOf.all(), func(g *object) bool {
		t := g.str("roleTemplateId")
		return t == RoleGlobalAdministrator || t == RolePrivilegedAuthenticationAdministrator
	})
}

// role returns the directory role with that template, nil when it is unknown.
func (s *state) role(template string) *object {
	for _, o := range s.live[s.cat.kind("directoryRole")].all() {
		if o.str("roleTemplateId") == template || o.str("displayName") == template {
			return o
		}
	}
	return nil
}

// eligibility says that an object can activate a role.
type eligibility struct {
	ID               string `json:"id"`
	PrincipalID      string `json:"principalId"`
	RoleDefinitionID string `json:"roleDefinitionId"`
	DirectoryScopeID string `json:"directoryScopeId"`
	Status           string `json:"status"`
}

// MakeEligible lets an object activate a directory role, by the role's template id or
// display name, without holding it. Such a principal counts as privileged.
func (s *Server) MakeEligible(role, id string) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	r, o := s.state.role(role), s.state.byID[strings.ToLower(id)]
	if r == nil || o == nil {
		return fmt.Errorf("no role %s or no object %s", role, id)
	}
	s.state.eligible = append(s.state.eligible, eligibility{newGUID(), o.id, r.str("roleTemplateId"), "/", "Provisioned"})
	return nil
}

// listEligible answers GET /roleManagement/directory/roleEligibilitySchedules, on one page.
func listEligible(s *state, r *request) (*answer, *failure) {
	known := []string{"id", "principalId", "roleDefinitionId", "directoryScopeId", "status"}
	list := []map[string]any{}
	for _, e := range s.eligible {
		item := map[string]any{}
		for i, v := range []any{e.ID, e.PrincipalID, e.RoleDefinitionID, e.DirectoryScopeID, e.Status} {
			if len(r.opts.selected) == 0 || slices.Contains(r.opts.selected, known[i]) {
				item[known[i]] = v
			}
		}
		list = append(list, item)
	}
	for _, name := range r.opts.selected {
		if !slices.Contains(known, name) {
			return nil, misused(codeParse, "Could not find a property named '%s' on type 'microsoft.graph.unifiedRoleEligibilitySchedule'.", name)
		}
	}
	return jsonAnswer(http.StatusOK, raw(map[string]any{"value": list})), nil
}

// allPermissions are the application roles that the mock checks for.
func allPermissions() []string {
	return []string{
		"User.ReadWrite.All", "User.DeleteRestore.All", "Group.Create", "Group.ReadWrite.All", "GroupMember.ReadWrite.All",
		"Directory.Read.All", "Directory.ReadWrite.All", "Device.Read.All", "OrgContact.Read.All", "Domain.Read.All", "Organization.Read.All",
		"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "RoleManagement.ReadWrite.Directory",
	}
}
