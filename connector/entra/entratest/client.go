package entratest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
)

// client is an application that signs in.
type client struct {
	appID, principal string
	own              bool // the one that the server was started with
	keys             []keyCredential
	roles            []string
}

// client returns the application with that id, nil when there is none or it
// has no service principal. The server's own holds the permissions of the
// options; others hold the roles that were assigned to them. It is called
// with the token service locked.
func (t *tokenService) client(appID string) *client {
	s := t.srv.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	id := strings.ToLower(appID)
	app := s.appIDs["application/"+id]
	if strings.EqualFold(appID, t.srv.ClientID) {
		c := &client{appID: t.srv.ClientID, principal: *t.srv.ownSP.Load(), own: true, roles: slices.Clone(t.roles)}
		if app != nil {
			c.keys = slices.Clone(app.keys)
		}
		return c
	}
	sp := s.appIDs["servicePrincipal/"+id]
	if now := t.srv.Now(); app == nil || sp == nil || !seen(app, now) || !seen(sp, now) {
		return nil
	}
	return &client{appID: id, principal: sp.id, keys: slices.Clone(app.keys), roles: s.assignedRoles(sp)}
}

// assignedRoles are the names of the application roles assigned to a service principal.
func (s *state) assignedRoles(sp *object) []string {
	roles := []string{}
	for _, g := range s.grants {
		resource := s.byID[g.Resource]
		if g.Principal != sp.id || resource == nil {
			continue
		}
		text, _ := resource.prop("appRoles").(json.RawMessage)
		var offered []struct{ ID, Value string }
		if json.Unmarshal(text, &offered) != nil {
			continue
		}
		for _, r := range offered {
			if strings.EqualFold(r.ID, g.Role) {
				roles = append(roles, r.Value)
			}
		}
	}
	return roles
}

// certificate returns the registered certificate that the assertion names.
func (c *client) certificate(a *assertion) *keyCredential {
	for _, k := range c.keys {
		full, short := sha256.Sum256(k.cert.Raw), sha1.Sum(k.cert.Raw)
		if string(a.thumbprint) == string(full[:]) || (len(a.thumbprint) == 0 && string(a.sha1) == string(short[:])) {
			return &k
		}
	}
	return nil
}
