package entratest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// caller is who a request comes from, by its access token.
type caller struct {
	appID string
	roles []string
	cae   bool
}

func (c *caller) holds(any []string) bool {
	if len(any) == 0 {
		return true
	}
	return slices.ContainsFunc(any, func(p string) bool { return slices.Contains(c.roles, p) })
}

// authorize checks the bearer token of a request.
func (s *Server) authorize(h http.Header) (*caller, *failure) {
	value := h.Get("Authorization")
	token, ok := strings.CutPrefix(value, "Bearer ")
	if !ok || token == "" {
		return nil, s.challenge("Access token is empty.", false)
	}
	var c accessClaims
	if openJWT(s.tokens.key, token, &c) != nil {
		return nil, s.challenge("CompactToken parsing failed or the signature is invalid.", false)
	}
	now := s.Now()
	if now.Unix() >= c.Exp {
		return nil, s.challenge("Lifetime validation failed, the token is expired.", false)
	}
	if c.TID != s.TenantID {
		return nil, s.challenge("The identity of the calling application could not be established.", false)
	}
	s.tokens.mu.Lock()
	epoch, withClaims := s.tokens.epoch, s.tokens.claims
	s.tokens.mu.Unlock()
	if c.Epoch < epoch {
		return nil, s.challenge("Continuous access evaluation resulted in challenge with result: InteractionRequired.", withClaims)
	}
	return &caller{appID: c.AppID, roles: c.Roles, cae: len(c.CC) > 0}, nil
}

func (s *Server) challenge(message string, claims bool) *failure {
	f := refuse(http.StatusUnauthorized, codeToken, "%s", message)
	v := fmt.Sprintf(`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`, s.AuthorityURL)
	if claims {
		nbf := fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, s.Now().Unix())
		v += `, error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(nbf)) + `"`
	}
	return f.with("WWW-Authenticate", v)
}

// RevokeTokens makes every access token issued so far invalid. With
// challenge the refusals carry a claims challenge, as continuous access
// evaluation sends it.
func (s *Server) RevokeTokens(challenge bool) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.epoch++
	s.tokens.claims = challenge
}

// SetSecrets replaces the client secrets that the token endpoint accepts.
func (s *Server) SetSecrets(secrets ...string) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.secrets = slices.Clone(secrets)
}

// SetPermissions replaces the application roles in tokens issued from now on.
func (s *Server) SetPermissions(permissions ...string) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.roles = slices.Clone(permissions)
}

// SetTokenLifetime changes how long tokens issued from now on are valid.
func (s *Server) SetTokenLifetime(d time.Duration) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.lifetime = d
}

// TokensIssued is the number of access tokens issued so far.
func (s *Server) TokensIssued() int {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	return s.tokens.issued
}

// RefuseToken answers the next token request with an OAuth error: status is
// the HTTP status, code the error such as invalid_client, and aadsts the
// number such as AADSTS7000222.
func (s *Server) RefuseToken(status int, code, aadsts, description string) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.refusals = append(s.tokens.refusals, oauthError{status, code, aadsts, description})
}

// IssueToken returns an access token without the token endpoint, for tests
// that are about something else.
func (s *Server) IssueToken() string {
	now := s.Now()
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	token, err := sealJWT(s.tokens.key, accessClaims{
		Aud: "https://graph.microsoft.com", Iss: "https://sts.windows.net/" + s.TenantID + "/", IAT: now.Unix(), NBF: now.Unix(),
		Exp: now.Add(s.tokens.lifetime).Unix(), AppID: s.ClientID, OID: *s.ownSP.Load(), TID: s.TenantID,
		Roles: s.tokens.roles, Epoch: s.tokens.epoch, Unique: newGUID(),
	})
	if err != nil {
		return ""
	}
	return token
}
