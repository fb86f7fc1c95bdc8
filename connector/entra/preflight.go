package entra

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Names of findings that connector has no code for.
const (
	codeMissingRole connector.Code = "missing-application-permission"
	codeOpaqueToken connector.Code = "opaque-access-token" //nolint:gosec // the name of a finding
	codeDomains     connector.Code = "verified-domains"
	codeOtherEngine connector.Code = "directory-synchronization-enabled"
	codeMastered    connector.Code = "objects-mastered-elsewhere"
	codeQuota       connector.Code = "directory-quota"
	codeFeatures    connector.Code = "synchronization-settings"
)

// A need is something that a feature needs an application permission for; any one will do.
type need struct {
	what     string
	any      []string
	optional bool // the rest works without
}

// needs lists the least permissions for what is going to be asked.
func (s *session) needs(n connector.Needs) []need {
	var out []need
	add := func(what string, permissions ...string) { out = append(out, need{what: what, any: permissions}) }
	const directoryRead, directoryWrite = "Directory.Read.All", "Directory.ReadWrite.All"
	reads := n.Import || n.Delta
	for _, c := range s.classes {
		if len(n.Classes) > 0 && !slices.ContainsFunc(n.Classes, func(x string) bool { return attr.EqualName(x, c.name) }) {
			continue
		}
		switch {
		case c.name == classUser && n.Export:
			add("create, change, delete and restore users", "User.ReadWrite.All", directoryWrite)
			if !s.t.o.BlockSoftMatch || !s.t.o.BlockHardMatch {
				add("tell who holds an administrative role: existing users are not taken over", "RoleManagement.Read.Directory",
					"RoleManagement.ReadWrite.Directory", directoryRead, directoryWrite)
				out[len(out)-1].optional = true
			}
		case c.name == classUser && reads:
			add("read users", "User.Read.All", "User.ReadWrite.All", directoryRead, directoryWrite)
		case c.name == classGroup && n.Export:
			add("create, change and delete groups and their members", "Group.ReadWrite.All", directoryWrite)
		case c.name == classGroup && reads:
			add("read groups and their members", "Group.Read.All", "Group.ReadWrite.All", directoryRead, directoryWrite)
		case c.name == classDevice:
			add("read devices", "Device.Read.All", "Device.ReadWrite.All", directoryRead, directoryWrite)
		}
	}
	return out
}

// Preflight checks token, permissions and reads, and tells what else of the tenant matters:
// verified domains against the names of users that wait to be exported, room in the
// directory, another engine that synchronises into it and the settings made for that, and
// directory extensions that are missing.
func (s *session) Preflight(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	if err := s.usable(ctx); err != nil {
		return nil, s.t.failure("preflight", err)
	}
	findings, err := s.checkRoles(ctx, n)
	if err != nil {
		return nil, s.t.failure("preflight", err)
	}
	reads, err := s.checkReads(ctx, n)
	if err != nil {
		return nil, s.t.failure("preflight", err)
	}
	findings = append(findings, reads...)
	for _, check := range []func(context.Context, connector.Needs) ([]connector.Finding, error){
		s.checkOrganization, s.checkRoom, s.checkMastered, s.checkSettings, s.checkExtensions,
	} {
		found, err := check(ctx, n)
		if err != nil {
			return nil, s.t.failure("preflight", err)
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// checkRoles compares the roles in the access token with what is needed.
func (s *session) checkRoles(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	token, err := s.t.client.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: s.t.o.Scopes, EnableCAE: true})
	if err != nil {
		return nil, err
	}
	roles, ok := rolesOf(token.Token)
	if !ok {
		return []connector.Finding{{
			Severity: connector.Notice, Code: codeOpaqueToken,
			Message: "the access token does not show which permissions it carries",
			Remedy:  "compare the application's permissions with the documentation by hand",
		}}, nil
	}
	var out []connector.Finding
	for _, need := range s.needs(n) {
		if slices.ContainsFunc(need.any, func(p string) bool { return slices.Contains(roles, p) }) {
			continue
		}
		severity := connector.Failure
		if need.optional {
			severity = connector.Warning
		}
		out = append(out, connector.Finding{
			Severity: severity, Code: codeMissingRole, Object: need.any[0],
			Message: "the application has no permission to " + need.what,
			Remedy:  "grant the application permission " + need.any[0] + " of Microsoft Graph, with admin consent",
		})
	}
	return out, nil
}

// rolesOf reads the application permissions in an access token, without verifying it: it
// was issued to us and is Graph's to judge.
func rolesOf(token string) ([]string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	return claims.Roles, json.Unmarshal(payload, &claims) == nil
}

// checkReads tries the reads that an import begins with.
func (s *session) checkReads(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	paths := []need{
		{what: "organization", any: []string{"/organization?$select=id", "Organization.Read.All"}, optional: true},
		{what: "domains", any: []string{"/domains?$select=id", "Domain.Read.All"}, optional: true},
	}
	if n.Import || n.Delta || n.Export {
		for _, c := range s.classes {
			paths = append(paths, need{what: c.set, any: []string{"/" + c.set + "?$select=id&$top=1", c.label + ".Read.All"}})
		}
	}
	var out []connector.Finding
	for _, p := range paths {
		_, err := s.t.client.do(ctx, s.log, s.t.client.get(p.any[0]), nil)
		var g *GraphError
		switch {
		case err == nil:
		case errors.As(err, &g) && g.Status == http.StatusForbidden:
			severity := connector.Failure
			if p.optional {
				severity = connector.Warning
			}
			out = append(out, connector.Finding{
				Severity: severity, Code: connector.CodePermission, Object: p.any[1],
				Message: "the application may not read " + p.what + ": " + g.Error(),
				Remedy:  "grant the application permission " + p.any[1] + " of Microsoft Graph, with admin consent",
			})
		default:
			return nil, err
		}
	}
	return out, nil
}

func (s *session) checkOrganization(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	org, err := s.organization(ctx, "id", "onPremisesSyncEnabled", "verifiedDomains")
	if isStatus(err, http.StatusForbidden) {
		return nil, nil // reported by checkReads
	}
	if err != nil {
		return nil, err
	}
	var out []connector.Finding
	if org.SyncEnabled && n.Export {
		out = append(out, connector.Finding{
			Severity: connector.Warning, Code: codeOtherEngine,
			Message: "another engine synchronises into this tenant",
			Remedy:  "objects that it masters are left alone; switch their source of authority, or retire it, to manage them",
		})
	}
	if n.Export {
		found, err := s.checkDomains(org, n)
		return append(out, found...), err
	}
	return out, nil
}
