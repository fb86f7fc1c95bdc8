package entratest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
)

const graphScope = "https://graph.microsoft.com/.default openid offline_access profile"

// identity is a key with a certificate; making one takes a while, so tests share two.
type identity struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

var identities = sync.OnceValue(func() [2]identity {
	var out [2]identity
	for i := range out {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i)), Subject: pkix.Name{CommonName: "client"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 3, 0),
		}
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
		if err != nil {
			panic(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		out[i] = identity{key, cert}
	}
	return out
})

// sign makes a JWT; salt is the salt length of PS256.
func (id identity) sign(t *testing.T, alg string, salt int, header, claims map[string]any) string {
	t.Helper()
	header["alg"], header["typ"] = alg, "JWT"
	h, err := json.Marshal(header)
	require.NoError(t, err)
	c, err := json.Marshal(claims)
	require.NoError(t, err)
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString(h) + "." + enc.EncodeToString(c)
	sum := sha256.Sum256([]byte(signed))
	var sig []byte
	if alg == "RS256" {
		sig, err = rsa.SignPKCS1v15(rand.Reader, id.key, crypto.SHA256, sum[:])
	} else {
		sig, err = rsa.SignPSS(rand.Reader, id.key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: salt})
	}
	require.NoError(t, err)
	return signed + "." + enc.EncodeToString(sig)
}

func (c *client) tokenURL() string { return "/" + c.srv.TenantID + "/oauth2/v2.0/token" }

func TestSecret(t *testing.T) {
	t.Parallel()
	c := newClient(t, &entratest.Options{TokenLifetime: 10 * time.Minute})
	d := c.get(c.srv.AuthorityURL + "/" + c.srv.TenantID + "/v2.0/.well-known/openid-configuration")
	require.Equal(t, c.srv.AuthorityURL+c.tokenURL(), d.body["token_endpoint"])
	require.Equal(t, c.srv.AuthorityURL+"/"+c.srv.TenantID+"/v2.0", d.body["issuer"])

	form := func(change ...string) url.Values {
		f := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.srv.ClientID}, "client_secret": {c.srv.ClientSecret}, "scope": {graphScope}}
		for i := 0; i+1 < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f
	}
	r := c.postForm(c.tokenURL(), form())
	require.Equal(t, http.StatusOK, r.status, "%s", r.raw)
	require.InDelta(t, 600, r.body["expires_in"], 0)
	c.token = r.body["access_token"].(string)
	require.Equal(t, http.StatusOK, c.get("/users").status)

	for _, tc := range []struct {
		path   string
		form   url.Values
		status int
		code   string
		number float64
	}{
		{c.tokenURL(), form("client_secret", "wrong"), 401, "invalid_client", 7000215},
		{c.tokenURL(), form("client_id", "11111111-1111-1111-1111-111111111111"), 400, "unauthorized_client", 700016},
		{c.tokenURL(), form("scope", c.srv.AuthorityURL+"/.default"), 400, "invalid_scope", 70011},
		{c.tokenURL(), form("scope", ""), 400, "invalid_scope", 70011},
		{c.tokenURL(), form("grant_type", "password"), 400, "unsupported_grant_type", 70003},
		{"/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token", form(), 400, "invalid_request", 90002},
	} {
		r := c.postForm(tc.path, tc.form)
		require.Equal(t, tc.status, r.status, "%s", r.raw)
		require.Equal(t, tc.code, r.body["error"])
		require.Equal(t, []any{tc.number}, r.body["error_codes"])
	}

	c.srv.Advance(11 * time.Minute)
	r = c.get("/users")
	require.Equal(t, http.StatusUnauthorized, r.status)
	require.Equal(t, "InvalidAuthenticationToken", r.code())
	require.Contains(t, r.header.Get("WWW-Authenticate"), "Bearer")
	c.token = c.srv.IssueToken()
	c.srv.RevokeTokens(true)
	r = c.get("/users")
	require.Contains(t, r.header.Get("WWW-Authenticate"), `error="insufficient_claims", claims="`)
	c.token = "abc.def.ghi"
	require.Equal(t, http.StatusUnauthorized, c.get("/users").status)
	require.Zero(t, c.srv.Writes())
}

func TestAssertion(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	ids := identities()
	c.srv.RegisterCertificate(ids[0].cert)
	thumb := sha256.Sum256(ids[0].cert.Raw)
	good := func() map[string]any {
		now := time.Now()
		return map[string]any{
			"aud": c.srv.AuthorityURL + c.tokenURL(), "iss": c.srv.ClientID, "sub": c.srv.ClientID, "jti": rand.Text(),
			"nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		}
	}
	send := func(jwt string) reply {
		return c.postForm(c.tokenURL(), url.Values{
			"grant_type": {"client_credentials"}, "client_id": {c.srv.ClientID}, "scope": {graphScope}, "client_assertion": {jwt},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		})
	}
	raw, padded := base64.RawURLEncoding.EncodeToString(thumb[:]), base64.StdEncoding.EncodeToString(thumb[:])
	for _, x := range []string{raw, padded} {
		for _, alg := range []string{"RS256", "PS256"} {
			jwt := ids[0].sign(t, alg, 32, map[string]any{"x5t#S256": x}, good())
			require.Equal(t, http.StatusOK, send(jwt).status, alg)
			require.Equal(t, http.StatusOK, send(jwt).status, "a retry replays the same assertion")
		}
	}
	change := func(name string, v any) map[string]any {
		m := good()
		m[name] = v
		return m
	}
	head := func() map[string]any { return map[string]any{"x5t#S256": raw} }
	for name, tc := range map[string]struct {
		jwt    string
		number float64
	}{
		"long salt":        {ids[0].sign(t, "PS256", 64, head(), good()), 700027},
		"other key":        {ids[1].sign(t, "PS256", 32, head(), good()), 700027},
		"unknown key":      {ids[1].sign(t, "PS256", 32, map[string]any{"x5t#S256": "AAAA"}, good()), 700027},
		"audience":         {ids[0].sign(t, "PS256", 32, head(), change("aud", "https://example.test")), 700023},
		"subject":          {ids[0].sign(t, "PS256", 32, head(), change("sub", "x")), 700021},
		"expired":          {ids[0].sign(t, "PS256", 32, head(), change("exp", time.Now().Add(-time.Hour).Unix())), 700024},
		"not yet valid":    {ids[0].sign(t, "PS256", 32, head(), change("nbf", time.Now().Add(time.Hour).Unix())), 700024},
		"without identity": {ids[0].sign(t, "PS256", 32, head(), change("jti", "")), 50027},
		"garbage":          {"a.b.c", 50027},
	} {
		r := send(tc.jwt)
		require.GreaterOrEqual(t, r.status, 400, name)
		require.Equal(t, []any{tc.number}, r.body["error_codes"], name)
	}
	c.srv.UnregisterCertificate(ids[0].cert)
	require.Equal(t, http.StatusUnauthorized, send(ids[0].sign(t, "PS256", 32, head(), good())).status)
}

func TestApplicationKeys(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	ids := identities()
	oldKey := c.srv.RegisterCertificate(ids[0].cert)
	app := c.get("/applications(appId='" + c.srv.ClientID + "')").id()
	proof := func(id identity, iss string, life time.Duration) string {
		now := time.Now()
		return id.sign(t, "RS256", 0, map[string]any{}, map[string]any{
			"aud": "00000002-0000-0000-c000-000000000000", "iss": iss, "nbf": now.Unix(), "exp": now.Add(life).Unix(),
		})
	}
	body := func(p string) string {
		return `{"keyCredential":{"type":"AsymmetricX509Cert","usage":"Verify","key":"` + base64.StdEncoding.EncodeToString(ids[1].cert.Raw) +
			`"},"passwordCredential":null,"proof":"` + p + `"}`
	}
	for name, p := range map[string]string{
		"signed by the new key":   proof(ids[1], app, 5*time.Minute),
		"issued by the client id": proof(ids[0], c.srv.ClientID, 5*time.Minute),
		"valid for too long":      proof(ids[0], app, time.Hour),
		"padded":                  proof(ids[0], app, 5*time.Minute) + "=",
	} {
		r := c.do("POST", "/applications/"+app+"/addKey", body(p))
		require.Equal(t, http.StatusBadRequest, r.status, name)
		require.Equal(t, "Authentication_MissingOrMalformed", r.code(), name)
	}
	r := c.do("POST", "/applications/"+app+"/addKey", body(proof(ids[0], app, 5*time.Minute)))
	require.Equal(t, http.StatusOK, r.status, "%s", r.raw)
	require.NotEmpty(t, r.body["keyId"])

	keys, _ := c.get("/applications/" + app).body["keyCredentials"].([]any)
	require.Len(t, keys, 2)
	require.Nil(t, keys[0].(map[string]any)["key"], "the key is shown on $select only")
	keys, _ = c.get("/applications/" + app + "?$select=id,keyCredentials").body["keyCredentials"].([]any)
	require.NotNil(t, keys[0].(map[string]any)["key"])
	r = c.do("PATCH", "/applications/"+app, `{"keyCredentials":[{"type":"AsymmetricX509Cert","usage":"Verify","key":null}]}`)
	require.Equal(t, http.StatusBadRequest, r.status, "re-sending a null key would lose it")

	r = c.do("POST", "/applications/"+app+"/removeKey", `{"keyId":"`+oldKey+`","proof":"`+proof(ids[1], app, 5*time.Minute)+`"}`)
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.raw)
	require.Len(t, c.get("/applications/" + app).body["keyCredentials"], 1)
}

func TestApplicationsAndExtensions(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	r := c.do("POST", "/applications", `{"displayName":"sync","signInAudience":"AzureADMyOrg"}`)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.raw)
	app, appID := r.id(), r.body["appId"].(string)
	r = c.do("POST", "/servicePrincipals", `{"appId":"`+appID+`"}`)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.raw)
	sp := r.id()
	require.Equal(t, http.StatusConflict, c.do("POST", "/servicePrincipals", `{"appId":"`+appID+`"}`).status)
	require.Equal(t, "NoBackingApplicationObject", c.do("POST", "/servicePrincipals", `{"appId":"11111111-1111-1111-1111-111111111111"}`).code())
	graph := c.get("/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").id()
	grant := `{"principalId":"` + sp + `","resourceId":"` + graph + `","appRoleId":"741f803b-c850-494e-b5df-cde7c675a1ca"}`
	require.Equal(t, http.StatusCreated, c.do("POST", "/servicePrincipals/"+sp+"/appRoleAssignments", grant).status)
	require.Equal(t, http.StatusBadRequest, c.do("POST", "/servicePrincipals/"+sp+"/appRoleAssignments", grant).status)

	r = c.do("POST", "/applications/"+app+"/extensionProperties", `{"name":"costCode","dataType":"String","targetObjects":["User"]}`)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.raw)
	name := r.body["name"].(string)
	id := c.createUser("a@contoso.test", `,"`+name+`":"4711"`)
	require.Equal(t, "4711", c.get("/users/" + id + "?$select=" + name).body[name])
	require.Len(t, c.get("/users?$filter="+name+" eq '4711'").values(), 1)
	require.Equal(t, http.StatusNoContent, c.do("PATCH", "/users/"+id, `{"`+name+`":null}`).status)
	require.Nil(t, c.srv.Property(id, name))
	require.Len(t, c.get("/applications/"+app+"/extensionProperties").values(), 1)
}
