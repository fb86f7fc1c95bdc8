package credential

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// A GraphError is a refusal of Microsoft Graph.
type GraphError struct {
	Op         string // what was asked for, such as "add key"
	Status     int
	Code       string // Graph's error code
	Message    string
	RetryAfter time.Duration
}

// Error names the operation and what Graph says.
func (e *GraphError) Error() string {
	return fmt.Sprintf("credential: %s: Microsoft Graph answered %d %s: %s", e.Op, e.Status, e.Code, e.Message)
}

// transient reports whether the same request may succeed later.
func (e *GraphError) transient() bool {
	return e.Status == http.StatusTooManyRequests || e.Status >= 500 || e.Code == "Directory_ConcurrencyViolation"
}

func graphStatus(err error, status int) bool {
	var g *GraphError
	return errors.As(err, &g) && g.Status == status
}

// graph speaks the few calls that an application identity needs, as plain JSON: the Graph
// SDK costs minutes to compile.
type graph struct {
	base  string // ends in /v1.0
	scope string
	http  *http.Client
	cred  azcore.TokenCredential
}

const maxAnswer = 8 << 20

// call sends one request. body and answer may be nil.
func (g *graph) call(ctx context.Context, op, method, path string, body, answer any) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return fmt.Errorf("credential: %s: %w", op, err)
		}
	}
	token, err := g.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{g.scope}, EnableCAE: true})
	if err != nil {
		return fmt.Errorf("credential: %s: %w", op, err)
	}
	status, header, data, err := g.send(ctx, method, path, payload, token.Token)
	if claims := claimsChallenge(header); err == nil && status == http.StatusUnauthorized && claims != "" {
		token, err = g.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{g.scope}, EnableCAE: true, Claims: claims})
		if err == nil {
			status, header, data, err = g.send(ctx, method, path, payload, token.Token)
		}
	}
	if err != nil {
		return fmt.Errorf("credential: %s: %w", op, err)
	}
	if status >= 300 {
		return graphFailure(op, status, header, data)
	}
	if answer == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("credential: %s: the answer is not what Graph sends: %w", op, err)
	}
	return nil
}

func (g *graph) send(ctx context.Context, method, path string, payload []byte, token string) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, g.base+path, bytes.NewReader(payload))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := g.http.Do(req)
	if err != nil {
		return 0, nil, nil, scrub(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, resp.Header, data, err
}

// claimsChallenge returns what continuous access evaluation asks for, "" for nothing.
func claimsChallenge(h http.Header) string {
	for _, v := range h.Values("WWW-Authenticate") {
		_, rest, ok := strings.Cut(v, `claims="`)
		if !ok || !strings.Contains(v, "insufficient_claims") {
			continue
		}
		encoded, _, _ := strings.Cut(rest, `"`)
		if decoded, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			return string(decoded)
		}
	}
	return ""
}

func graphFailure(op string, status int, h http.Header, data []byte) error {
	var body struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	e := &GraphError{Op: op, Status: status}
	if json.Unmarshal(data, &body) == nil {
		e.Code, e.Message = scrubText(body.Error.Code), scrubText(body.Error.Message)
	}
	if e.Code == "" {
		e.Code, e.Message = http.StatusText(status), "no error in the usual form"
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

type application struct {
	ID    string `json:"id"`
	AppID string `json:"appId"`
}

// applicationByName finds the application that this deployment created.
func (g *graph) applicationByName(ctx context.Context, name string) (*application, error) {
	var list struct{ Value []application }
	q := url.Values{"$filter": {"displayName eq '" + strings.ReplaceAll(name, "'", "''") + "'"}, "$select": {"id,appId"}}
	if err := g.call(ctx, "find application", http.MethodGet, "/applications?"+strings.ReplaceAll(q.Encode(), "+", "%20"), nil, &list); err != nil {
		return nil, err
	}
	switch len(list.Value) {
	case 0:
		return nil, nil
	case 1:
		return &list.Value[0], nil
	}
	return nil, fmt.Errorf("credential: find application: %d applications are named %q", len(list.Value), name)
}

func (g *graph) createApplication(ctx context.Context, name string) (*application, error) {
	var a application
	err := g.call(ctx, "create application", http.MethodPost, "/applications",
		map[string]any{"displayName": name, "signInAudience": "AzureADMyOrg"}, &a)
	return &a, err
}

func byAppID(set, appID string) string { return "/" + set + "(appId='" + url.PathEscape(appID) + "')" }

func (g *graph) applicationByAppID(ctx context.Context, appID string) (*application, error) {
	var a application
	err := g.call(ctx, "read application", http.MethodGet, byAppID("applications", appID)+"?$select=id,appId", nil, &a)
	return &a, err
}

// principal finds the service principal of an application, or creates it.
func (g *graph) principal(ctx context.Context, appID string) (string, error) {
	var sp struct{ ID string }
	err := g.call(ctx, "read service principal", http.MethodGet, byAppID("servicePrincipals", appID)+"?$select=id", nil, &sp)
	if graphStatus(err, http.StatusNotFound) {
		err = g.call(ctx, "create service principal", http.MethodPost, "/servicePrincipals", map[string]any{"appId": appID}, &sp)
	}
	return sp.ID, err
}

func (g *graph) deleteApplication(ctx context.Context, objectID string) error {
	err := g.call(ctx, "delete application", http.MethodDelete, "/applications/"+objectID, nil, nil)
	if graphStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// keyCredential is one certificate of an application.
type keyCredential struct {
	KeyID       string  `json:"keyId,omitempty"`
	Type        string  `json:"type"`
	Usage       string  `json:"usage"`
	Key         *string `json:"key"`
	DisplayName string  `json:"displayName,omitempty"`
	Start       string  `json:"startDateTime,omitempty"`
	End         string  `json:"endDateTime,omitempty"`
	Custom      string  `json:"customKeyIdentifier,omitempty"`
}

func newKeyCredential(c *x509.Certificate) keyCredential {
	key := base64.StdEncoding.EncodeToString(c.Raw)
	name := []rune("CN=" + c.Subject.CommonName)
	return keyCredential{
		Type: "AsymmetricX509Cert", Usage: "Verify", Key: &key, DisplayName: string(name[:min(len(name), 90)]),
		Start: c.NotBefore.UTC().Format(time.RFC3339), End: c.NotAfter.UTC().Format(time.RFC3339),
	}
}

// certificate returns the certificate, nil if it is not known.
func (k keyCredential) certificate() *x509.Certificate {
	if k.Key == nil {
		return nil
	}
	der, err := base64.StdEncoding.DecodeString(*k.Key)
	if err != nil {
		return nil
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return cert
}

func (k keyCredential) hash() string {
	if cert := k.certificate(); cert != nil {
		return SHA256Hash(cert)
	}
	return ""
}

// keys reads the certificates of an application, with their content.
func (g *graph) keys(ctx context.Context, objectID string) ([]keyCredential, error) {
	var a struct{ KeyCredentials []keyCredential }
	err := g.call(ctx, "read keys", http.MethodGet, "/applications/"+objectID+"?$select=id,keyCredentials", nil, &a)
	return a.KeyCredentials, err
}

// setKeys replaces the certificates of an application, all of them.
func (g *graph) setKeys(ctx context.Context, objectID string, keys []keyCredential) error {
	if slices.ContainsFunc(keys, func(k keyCredential) bool { return k.Key == nil }) {
		return errors.New("credential: write keys: a key was read without its content, and writing it would lose it")
	}
	return g.call(ctx, "write keys", http.MethodPatch, "/applications/"+objectID, map[string]any{"keyCredentials": keys}, nil)
}

func (g *graph) addKey(ctx context.Context, objectID string, c *x509.Certificate, proof string) (string, error) {
	var k keyCredential
	err := g.call(ctx, "add key", http.MethodPost, "/applications/"+objectID+"/addKey",
		map[string]any{"keyCredential": newKeyCredential(c), "passwordCredential": nil, "proof": proof}, &k)
	return k.KeyID, err
}

func (g *graph) removeKey(ctx context.Context, objectID, keyID, proof string) error {
	return g.call(ctx, "remove key", http.MethodPost, "/applications/"+objectID+"/removeKey",
		map[string]any{"keyId": keyID, "proof": proof}, nil)
}
