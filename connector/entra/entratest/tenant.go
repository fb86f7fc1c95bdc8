package entratest

import (
	"fmt"
	"maps"
	"slices"
)

// seedTenant fills what every tenant has: its organization, domains, roles
// and the client's application with its service principal.
func (s *Server) seedTenant() {
	now := s.Now()
	st := s.state
	must := func(kind, id string, props map[string]any) *object {
		o, err := st.seed(kind, id, props, now)
		if err != nil {
			panic("entratest: " + err.Error()) // the seeds are constants of this package
		}
		return o
	}
	var verified []map[string]any
	for _, d := range s.opts.Domains {
		auth := "Managed"
		if d.Federated {
			auth = "Federated"
		}
		isDefault := d.Name == st.defaultDomain()
		must("domain", d.Name, map[string]any{
			"authenticationType": auth, "isAdminManaged": true, "isDefault": isDefault, "isInitial": d.Initial,
			"isRoot": true, "isVerified": true, "supportedServices": []string{"Email"},
		})
		verified = append(verified, map[string]any{
			"capabilities": "Email", "isDefault": isDefault, "isInitial": d.Initial, "name": d.Name, "type": auth,
		})
	}
	must("organization", s.TenantID, map[string]any{
		"displayName": "Contoso", "tenantType": "AAD", "verifiedDomains": raw(verified),
	})
	roles := builtinRoles()
	for _, template := range slices.Sorted(maps.Keys(roles)) {
		must("directoryRole", "", map[string]any{"displayName": roles[template], "roleTemplateId": template})
	}
	must("application", "", map[string]any{"appId": s.ClientID, "displayName": "entratest client", "signInAudience": "AzureADMyOrg"})
	sp := must("servicePrincipal", "", map[string]any{
		"appId": s.ClientID, "displayName": "entratest client", "appDisplayName": "entratest client", "accountEnabled": true,
		"servicePrincipalType": "Application", "appOwnerOrganizationId": s.TenantID,
	})
	s.setOwnPrincipal(sp.id)
	must("servicePrincipal", "", map[string]any{
		"appId": "00000003-0000-0000-c000-000000000000", "displayName": "Microsoft Graph", "accountEnabled": true,
		"servicePrincipalType": "Application", "appRoles": raw(graphRoles()),
	})
}

// graphRoles are the application roles that Microsoft Graph offers: those that
// the mock checks for. Their ids are not the real ones; clients look them up by
// value.
func graphRoles() []map[string]any {
	var out []map[string]any
	for i, value := range append(allPermissions(), "Application.Read.All") {
		out = append(out, map[string]any{
			"id": fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1), "value": value, "displayName": value, "isEnabled": true,
			"allowedMemberTypes": []string{"Application"},
		})
	}
	return out
}

func (s *Server) setOwnPrincipal(id string) { s.ownSP.Store(&id) }
