package entratest

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// tokenService is the authority: it authenticates the application and issues
// access tokens.
type tokenService struct {
	srv *Server
	key []byte

	mu       sync.Mutex // guards everything below
	secrets  []string
	used     map[string]string // jti to assertion: a replay is fine, another assertion with the id is not
	epoch    int               // counts revocations, since issue times have whole seconds
	claims   bool              // refusals of revoked tokens carry a claims challenge
	roles    []string
	lifetime time.Duration
	refusals []oauthError // answered first, one per request
	issued   int
}

type oauthError struct {
	status      int
	code        string
	aadsts      string
	description string
}

func (e *oauthError) Error() string { return e.aadsts + ": " + e.description }

func oauthFail(status int, code, aadsts, description string) *oauthError {
	return &oauthError{status, code, aadsts, description}
}

func newTokenService(s *Server) *tokenService {
	key := []byte(newGUID() + newGUID())
	return &tokenService{
		srv: s, key: key, secrets: []string{s.ClientSecret}, used: make(map[string]string),
		roles: slices.Clone(s.opts.Permissions), lifetime: s.opts.TokenLifetime,
	}
}

// accessClaims are the claims of an access token.
type accessClaims struct {
	Aud    string   `json:"aud"`
	Iss    string   `json:"iss"`
	IAT    int64    `json:"iat"`
	NBF    int64    `json:"nbf"`
	Exp    int64    `json:"exp"`
	AppID  string   `json:"appid"`
	OID    string   `json:"oid"`
	TID    string   `json:"tid"`
	Roles  []string `json:"roles"`
	Epoch  int      `json:"xms_epoch"`
	CC     []string `json:"xms_cc,omitempty"`
	Unique string   `json:"uti"`
}

// handleAuthority answers the paths outside Graph.
func (s *Server) handleAuthority(w http.ResponseWriter, r *http.Request, body []byte) {
	segs := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	tenant := segs[0]
	switch rest := strings.Join(segs[1:], "/"); {
	case r.Method == http.MethodGet && rest == "v2.0/.well-known/openid-configuration":
		s.log.count(r.Method, "/{tenant}/v2.0/.well-known/openid-configuration")
		if !s.knowsTenant(tenant) {
			s.writeOAuth(w, oauthFail(http.StatusBadRequest, "invalid_tenant", "AADSTS90002", "Tenant '"+tenant+"' not found."))
			return
		}
		base := s.AuthorityURL + "/" + tenant
		s.writeJSON(w, http.StatusOK, map[string]any{
			"issuer":                                s.AuthorityURL + "/" + tenant + "/v2.0",
			"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
			"token_endpoint":                        base + "/oauth2/v2.0/token",
			"jwks_uri":                              base + "/discovery/v2.0/keys",
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
			"response_types_supported":              []string{"code"},
			"subject_types_supported":               []string{"pairwise"},
			"tenant_region_scope":                   "EU",
		})
	case r.Method == http.MethodPost && rest == "oauth2/v2.0/token":
		s.log.count(r.Method, "/{tenant}/oauth2/v2.0/token")
		token, lifetime, fail := s.tokens.issue(tenant, r.Header, body)
		if fail != nil {
			s.writeOAuth(w, fail)
			return
		}
		s.writeJSON(w, http.StatusOK, map[string]any{
			"token_type": "Bearer", "expires_in": int(lifetime / time.Second), "ext_expires_in": int(lifetime / time.Second),
			"access_token": token,
		})
	default:
		s.misuse(&request{method: r.Method, path: r.URL.Path}, "unknown path of the authority")
		http.NotFound(w, r)
	}
}

func (s *Server) knowsTenant(name string) bool {
	if strings.EqualFold(name, s.TenantID) {
		return true
	}
	return slices.ContainsFunc(s.opts.Domains, func(d Domain) bool { return strings.EqualFold(d.Name, name) })
}

func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

func (s *Server) writeOAuth(w http.ResponseWriter, e *oauthError) {
	trace, correlation := newGUID(), newGUID()
	now := s.Now().UTC().Format("2006-01-02 15:04:05Z")
	s.writeJSON(w, e.status, map[string]any{
		"error": e.code,
		"error_description": e.Error() + " Trace ID: " + trace + " Correlation ID: " + correlation +
			" Timestamp: " + now,
		"error_codes": []json.Number{json.Number(strings.TrimPrefix(e.aadsts, "AADSTS"))},
		"timestamp":   now, "trace_id": trace, "correlation_id": correlation,
	})
}

// issue authenticates the client and makes a token.
func (t *tokenService) issue(tenant string, header http.Header, body []byte) (string, time.Duration, *oauthError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.refusals) > 0 {
		e := t.refusals[0]
		t.refusals = t.refusals[1:]
		return "", 0, &e
	}
	if !t.srv.knowsTenant(tenant) {
		return "", 0, oauthFail(http.StatusBadRequest, "invalid_request", "AADSTS90002", "Tenant '"+tenant+"' not found.")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !strings.HasPrefix(header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return "", 0, oauthFail(http.StatusBadRequest, "invalid_request", "AADSTS900144", "The request body must be form encoded.")
	}
	if form.Get("grant_type") != "client_credentials" {
		return "", 0, oauthFail(http.StatusBadRequest, "unsupported_grant_type", "AADSTS70003", "The app requested an unsupported grant type.")
	}
	client, e := t.authenticate(form, header)
	if e != nil {
		return "", 0, e
	}
	aud, ok := t.audience(form.Get("scope"))
	if !ok {
		return "", 0, oauthFail(http.StatusBadRequest, "invalid_scope", "AADSTS70011", "The provided value for the input parameter 'scope' is not valid.")
	}
	now := t.srv.Now()
	claims := accessClaims{
		Aud: aud, Iss: "https://sts.windows.net/" + t.srv.TenantID + "/", IAT: now.Unix(), NBF: now.Unix(),
		Exp: now.Add(t.lifetime).Unix(), AppID: client.appID, OID: client.principal, TID: t.srv.TenantID,
		Roles: client.roles, Epoch: t.epoch, Unique: newGUID(),
	}
	if strings.Contains(form.Get("claims"), "xms_cc") {
		claims.CC = []string{"CP1"}
	}
	token, err := sealJWT(t.key, claims)
	if err != nil {
		return "", 0, oauthFail(http.StatusInternalServerError, "server_error", "AADSTS90033", "A transient error has occurred.")
	}
	t.issued++
	return token, t.lifetime, nil
}

// audience returns the resource that the scopes name. Graph's hosts of all
// clouds are known, a loopback address is not: a client that leaves its scopes
// empty is refused here as it would be by the real authority.
func (t *tokenService) audience(scope string) (string, bool) {
	aud := ""
	for s := range strings.FieldsSeq(scope) {
		switch {
		case s == "openid" || s == "offline_access" || s == "profile":
		case aud != "":
			return "", false
		case slices.Contains(t.srv.opts.Scopes, s) || slices.Contains(graphScopes(), s):
			aud = strings.TrimSuffix(strings.TrimSuffix(s, ".default"), "/")
		default:
			return "", false
		}
	}
	return aud, aud != ""
}

func graphHosts() []string {
	return []string{"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}
}

func graphScopes() []string {
	var out []string
	for _, h := range graphHosts() {
		out = append(out, "https://"+h+"/.default", "https://"+h+"//.default")
	}
	return out
}

// authenticate checks a secret, in the form or in the header, or a client
// assertion. The server's own application may use either; others, which were
// created through the API, sign in with their certificates.
func (t *tokenService) authenticate(form url.Values, header http.Header) (*client, *oauthError) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if basic, ok := strings.CutPrefix(header.Get("Authorization"), "Basic "); ok {
		raw, err := base64.StdEncoding.DecodeString(basic)
		user, pass, found := strings.Cut(string(raw), ":")
		if err != nil || !found {
			return nil, oauthFail(http.StatusUnauthorized, "invalid_client", "AADSTS7000215", "Invalid client secret provided.")
		}
		id, secret = unescapeForm(user), unescapeForm(pass)
	}
	c := t.client(id)
	if c == nil {
		return nil, oauthFail(http.StatusBadRequest, "unauthorized_client", "AADSTS700016", "Application with identifier '"+id+"' was not found in the directory.")
	}
	if compact := form.Get("client_assertion"); compact != "" {
		if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
			return nil, oauthFail(http.StatusBadRequest, "invalid_request", "AADSTS50027", "The client assertion type is not supported.")
		}
		return c, t.checkAssertion(compact, c)
	}
	if secret == "" {
		return nil, oauthFail(http.StatusUnauthorized, "invalid_client", "AADSTS7000218", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	}
	for _, s := range t.secrets {
		if c.own && subtle.ConstantTimeCompare([]byte(s), []byte(secret)) == 1 {
			return c, nil
		}
	}
	return nil, oauthFail(http.StatusUnauthorized, "invalid_client", "AADSTS7000215",
		"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.")
}

func unescapeForm(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func (t *tokenService) checkAssertion(compact string, c *client) *oauthError {
	invalid := func(aadsts, text string) *oauthError {
		return oauthFail(http.StatusUnauthorized, "invalid_client", aadsts, text)
	}
	a, err := parseAssertion(compact)
	if err != nil {
		return oauthFail(http.StatusBadRequest, "invalid_request", "AADSTS50027", "JWT token is invalid or malformed.")
	}
	now := t.srv.Now()
	key := c.certificate(a)
	if key == nil {
		return invalid("AADSTS700027", "The certificate with identifier used to sign the client assertion is not registered on application.")
	}
	if now.After(key.End) || now.Before(key.Start) {
		return invalid("AADSTS700027", "The certificate used to sign the client assertion has expired or is not yet valid.")
	}
	if !a.signedBy(key.cert) {
		return invalid("AADSTS700027", "Client assertion contains an invalid signature.")
	}
	if !strings.EqualFold(a.iss, c.appID) || !strings.EqualFold(a.sub, c.appID) {
		return invalid("AADSTS700021", "Client assertion application identifier doesn't match 'client_id' parameter.")
	}
	if !t.audienceOfAssertion(a.aud) {
		return invalid("AADSTS700023", "Client assertion audience claim does not match Realm issuer.")
	}
	const skew = 5 * time.Minute
	if now.After(a.expires.Add(skew)) || (!a.notBefore.IsZero() && now.Before(a.notBefore.Add(-skew))) {
		return invalid("AADSTS700024", "Client assertion is not within its valid time range.")
	}
	if a.expires.Sub(now) > 24*time.Hour+skew {
		return invalid("AADSTS700024", "Client assertion is valid for too long.")
	}
	if a.jti == "" {
		return invalid("AADSTS50027", "The client assertion has no jti claim.")
	}
	if was, ok := t.used[a.jti]; ok && was != compact {
		return invalid("AADSTS50027", "The jti claim was used by another client assertion.")
	}
	t.used[a.jti] = compact
	return nil
}

func (t *tokenService) audienceOfAssertion(aud string) bool {
	for _, tenant := range append([]string{t.srv.TenantID}, domainNames(t.srv.opts.Domains)...) {
		base := t.srv.AuthorityURL + "/" + tenant
		if strings.EqualFold(aud, base+"/oauth2/v2.0/token") || strings.EqualFold(aud, base+"/v2.0") {
			return true
		}
	}
	return false
}

func domainNames(ds []Domain) []string {
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = d.Name
	}
	return out
}
