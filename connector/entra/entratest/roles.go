package entratest

import "slices"

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
	})
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

// allPermissions are the application roles that the mock checks for.
func allPermissions() []string {
	return []string{
		"User.ReadWrite.All", "User.DeleteRestore.All", "Group.Create", "Group.ReadWrite.All", "GroupMember.ReadWrite.All",
		"Directory.Read.All", "Directory.ReadWrite.All", "Device.Read.All", "OrgContact.Read.All", "Domain.Read.All", "Organization.Read.All",
		"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "RoleManagement.ReadWrite.Directory",
	}
}
