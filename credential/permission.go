package credential

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// GraphAppID is Microsoft Graph's application id, the same in every tenant and cloud.
const GraphAppID = "00000003-0000-0000-c000-000000000000"

// A Permission is an application role, named by its value: ids of roles are looked up in the
// tenant.
type Permission struct {
	Resource string // application id of the API, such as [GraphAppID]
	Value    string // such as "User.ReadWrite.All"
}

// SyncPermissions are what the synchronisation of users, groups and contacts with Microsoft
// Graph takes, and Application.Read.All, with which the identity sees its own certificates.
// Without that one, a rotation that was interrupted may leave a certificate whose id is not
// known, which only an administrator can remove.
func SyncPermissions() []Permission {
	var out []Permission
	for _, v := range []string{
		"User.ReadWrite.All", "User.DeleteRestore.All", "Group.Create", "Group.ReadWrite.All", "GroupMember.ReadWrite.All",
		"Directory.Read.All", "OrgContact.Read.All", "Domain.Read.All", "Organization.Read.All",
		"Application.Read.All",
	} {
		out = append(out, Permission{GraphAppID, v})
	}
	return out
}

// resourceRoles is an API with the ids of the roles that are wanted of it.
type resourceRoles struct {
	appID, principal string
	roles            []string
}

// resolve finds the resources and role ids of permissions. An API that the tenant does not
// know yet gets its service principal.
func (g *graph) resolve(ctx context.Context, wanted []Permission) ([]resourceRoles, error) {
	var out []resourceRoles
	for _, p := range wanted {
		if !slices.ContainsFunc(out, func(r resourceRoles) bool { return r.appID == p.Resource }) {
			out = append(out, resourceRoles{appID: p.Resource})
		}
	}
	for i := range out {
		r := &out[i]
		var err error
		if r.principal, err = g.principal(ctx, r.appID); err != nil {
			return nil, err
		}
		var sp struct{ AppRoles []struct{ ID, Value string } }
		if err := g.call(ctx, "read roles", http.MethodGet, "/servicePrincipals/"+r.principal+"?$select=id,appRoles", nil, &sp); err != nil {
			return nil, err
		}
		for _, p := range wanted {
			if p.Resource != r.appID {
				continue
			}
			at := slices.IndexFunc(sp.AppRoles, func(role struct{ ID, Value string }) bool { return role.Value == p.Value })
			if at < 0 {
				return nil, fmt.Errorf("credential: the API %s offers no application role %q", p.Resource, p.Value)
			}
			r.roles = append(r.roles, sp.AppRoles[at].ID)
		}
	}
	return out, nil
}

// declare writes the permissions into the application, where administrators look for them.
func (g *graph) declare(ctx context.Context, objectID string, resources []resourceRoles) error {
	type access struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	type required struct {
		ResourceAppID  string   `json:"resourceAppId"`
		ResourceAccess []access `json:"resourceAccess"`
	}
	list := []required{}
	for _, r := range resources {
		entry := required{ResourceAppID: r.appID}
		for _, role := range r.roles {
			entry.ResourceAccess = append(entry.ResourceAccess, access{role, "Role"})
		}
		list = append(list, entry)
	}
	return g.call(ctx, "declare permissions", http.MethodPatch, "/applications/"+objectID,
		map[string]any{"requiredResourceAccess": list}, nil)
}

// grant consents to the permissions that are not granted yet.
func (g *graph) grant(ctx context.Context, principal string, resources []resourceRoles) error {
	var have struct {
		Value []struct{ ResourceID, AppRoleID string }
		Next  string `json:"@odata.nextLink"`
	}
	granted := map[string]bool{}
	path := "/servicePrincipals/" + principal + "/appRoleAssignments"
	for next := path; next != ""; {
		have.Value, have.Next = nil, ""
		if err := g.call(ctx, "read grants", http.MethodGet, next, nil, &have); err != nil {
			return err
		}
		for _, a := range have.Value {
			granted[strings.ToLower(a.ResourceID+" "+a.AppRoleID)] = true
		}
		var ok bool
		if next, ok = strings.CutPrefix(have.Next, g.base); !ok {
			next = ""
		}
	}
	for _, r := range resources {
		for _, role := range r.roles {
			if granted[strings.ToLower(r.principal+" "+role)] {
				continue
			}
			err := g.call(ctx, "grant permission", http.MethodPost, path,
				map[string]any{"principalId": principal, "resourceId": r.principal, "appRoleId": role}, nil)
			if err != nil {
				return err
			}
		}
	}
	return nil
}
