package credential

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// A Severity says how much a [Finding] matters.
type Severity string

// The severities.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning" // works today, will not for ever
	SeverityError   Severity = "error"   // does not work
)

// A Finding is something that was found out about an identity, and what to do about it.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable, such as "removal-failed"
	Text     string   `json:"text"`
	Remedy   string   `json:"remedy,omitempty"`
}

// Directory roles that accounts of sync clients hold, by their templates.
const (
	roleSyncAccounts = "d29b2b05-8046-44ba-8758-1e26182fcf32" // Directory Synchronization Accounts
	roleOnPremises   = "a92aed5d-d78a-4d16-b381-09adb37eb3b0" // On Premises Directory Sync Account
)

// maxSyncAccounts is how many accounts of sync clients a tenant may have.
const maxSyncAccounts = 20

// Preflight checks that the identity works and reports what an administrator should know:
// the certificate's condition, keys that could not be removed or that nobody here added,
// accounts with passwords that older sync clients left behind. It changes nothing. admin
// may be nil; what the identity itself may not read is then left out, and said so.
func (m *Manager) Preflight(ctx context.Context, admin azcore.TokenCredential) ([]Finding, error) {
	st, err := m.state.Load(ctx)
	if err != nil {
		return nil, err
	}
	p := &preflight{m: m, c: &change{m: m, st: st, admin: admin}}
	p.state()
	p.token(ctx)
	p.application(ctx)
	p.accounts(ctx)
	return p.found, ctx.Err()
}

type preflight struct {
	m     *Manager
	c     *change
	found []Finding
}

func (p *preflight) add(s Severity, code, remedy, format string, args ...any) {
	p.found = append(p.found, Finding{s, code, fmt.Sprintf(format, args...), remedy})
}

// state reports what the stored state alone tells.
func (p *preflight) state() {
	st := &p.c.st
	switch st.Step {
	case StepNone:
		p.add(SeverityError, "not-set-up", "set the identity up", "the application identity is not set up")
	case StepRevoked:
		p.add(SeverityError, "revoked", "rotate with an administrator's credential", "the current certificate was revoked")
	case StepActive:
	default:
		p.add(SeverityWarning, "in-progress", "run the command again to bring it to its end", "a change is in progress, at step %s", st.Step)
	}
	for _, e := range p.m.conditions(st) {
		f := Finding{SeverityWarning, string(e.Kind), e.Message, ""}
		switch e.Kind {
		case EventExpired:
			f.Severity, f.Remedy = SeverityError, "rotate with an administrator's credential"
		case EventRotationDue:
			f.Remedy = "rotate; in mode managed, see that maintenance runs"
		case EventSuspended:
			f.Remedy = "resume rotation, or rotate by hand"
		case EventStalled:
			f.Remedy = "see that Manager.Run or Manager.Maintain is called"
		case EventNoHardware:
			f.Remedy = "use a TPM or an HSM where there is one"
		}
		p.found = append(p.found, f)
	}
	for _, r := range st.Retired {
		if r.Problem != "" {
			p.add(SeverityWarning, string(EventRemovalFailed), "remove it as an administrator",
				"the old key credential %s with thumbprint %s is still on the application after %d attempts", r.KeyID, r.Thumbprint, r.Attempts)
		}
	}
	if p.m.keys != nil {
		if w := p.m.keys.Info().Warning; w != "" {
			p.add(SeverityWarning, "key-store", "", "%s", w)
		}
	}
}

// token signs in with an empty cache.
func (p *preflight) token(ctx context.Context) {
	if p.c.st.Current == nil {
		return
	}
	cred, err := p.m.makeCredential(ctx, &p.c.st)
	if err == nil {
		_, err = cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{p.m.scope}})
	}
	if err != nil {
		p.add(SeverityError, "token-refused", "see the reason; AADSTS700027 means that the certificate is not on the application",
			"no token is issued: %s", firstLine(err))
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// application compares the application's certificates with those that are known.
func (p *preflight) application(ctx context.Context) {
	g := p.c.graphAs()
	if g == nil || p.c.st.ObjectID == "" {
		return
	}
	keys, err := g.keys(ctx, p.c.st.ObjectID)
	if err != nil {
		p.unread(err, "the application's certificates")
		return
	}
	known := map[string]bool{}
	for _, r := range []*KeyRecord{p.c.st.Current, p.c.st.Next, p.c.st.Previous} {
		if r != nil && len(r.Certificate) > 0 {
			known[p.c.hashOf(r)] = true
		}
	}
	for _, r := range p.c.st.Retired {
		known[r.SHA256Hash] = true
	}
	for _, k := range keys {
		if !known[k.hash()] {
			p.add(SeverityWarning, "unknown-key", "find out who added it; revoke it if nobody did on purpose",
				"the application has a key credential %s (%s) that was not added here", k.KeyID, k.DisplayName)
		}
	}
}

func (p *preflight) unread(err error, what string) {
	if graphStatus(err, http.StatusForbidden) {
		p.add(SeverityInfo, "not-checked", "run the check with an administrator's credential", "%s could not be read: permission is missing", what)
		return
	}
	p.add(SeverityWarning, "not-checked", "", "%s could not be read: %s", what, firstLine(err))
}

// accounts counts the accounts of sync clients.
func (p *preflight) accounts(ctx context.Context) {
	g := p.c.graphAs()
	if g == nil {
		return
	}
	total := 0
	for _, role := range []string{roleSyncAccounts, roleOnPremises} {
		users, err := g.roleHolders(ctx, role)
		if err != nil {
			p.unread(err, "accounts of sync clients")
			return
		}
		total += len(users)
		for _, u := range users {
			p.add(SeverityWarning, "legacy-account", "when no Entra Connect server signs in with it any more, delete it",
				"the account %s of an older sync client signs in with a password", u)
		}
	}
	if total >= maxSyncAccounts {
		p.add(SeverityError, "account-limit", "delete accounts that no sync client uses",
			"the tenant has %d accounts of sync clients; at most %d are possible", total, maxSyncAccounts)
	}
}

// roleHolders returns the sign-in names of the users that hold a directory role.
func (g *graph) roleHolders(ctx context.Context, template string) ([]string, error) {
	var roles struct {
		Value []struct{ ID, RoleTemplateID string }
	}
	if err := g.call(ctx, "read roles", http.MethodGet, "/directoryRoles", nil, &roles); err != nil {
		return nil, err
	}
	var out []string
	for _, r := range roles.Value {
		if !strings.EqualFold(r.RoleTemplateID, template) {
			continue
		}
		path := "/directoryRoles/" + url.PathEscape(r.ID) + "/members"
		for path != "" {
			var page struct {
				Value []struct {
					UserPrincipalName string
				}
				Next string `json:"@odata.nextLink"`
			}
			if err := g.call(ctx, "read role holders", http.MethodGet, path, nil, &page); err != nil {
				return nil, err
			}
			for _, u := range page.Value {
				if u.UserPrincipalName != "" {
					out = append(out, u.UserPrincipalName)
				}
			}
			rest, ok := strings.CutPrefix(page.Next, g.base)
			if page.Next != "" && !ok {
				return nil, errors.New("credential: read role holders: the next page is not on the same host")
			}
			path = rest
		}
	}
	return out, nil
}
