package entratest

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// proofAudience is who a proof of possession is made for.
const proofAudience = "00000002-0000-0000-c000-000000000000"

// keyCredential is one certificate of an application.
type keyCredential struct {
	KeyID               string    `json:"keyId"`
	Type                string    `json:"type"`
	Usage               string    `json:"usage"`
	DisplayName         string    `json:"displayName"`
	CustomKeyIdentifier string    `json:"customKeyIdentifier"`
	Start               time.Time `json:"startDateTime"`
	End                 time.Time `json:"endDateTime"`
	Key                 *string   `json:"key"` // base64 of the DER; null in lists and without $select

	cert *x509.Certificate
}

// keysJSON renders key credentials; key itself only when asked for.
func keysJSON(keys []keyCredential, withKey bool) json.RawMessage {
	out := slices.Clone(keys)
	for i := range out {
		if !withKey {
			out[i].Key = nil
		}
	}
	if out == nil {
		return nil
	}
	return raw(out)
}

func (o *object) setKeys(keys []keyCredential) {
	o.keys = keys
	o.set(o.kind.byName["keyCredentials"], keysJSON(keys, false))
}

// editKeys checks the keyCredentials of a body, which replace the whole collection.
func editKeys(e *edit) ([]keyCredential, *failure) {
	v, _ := e.value("keyCredentials")
	text, _ := v.(json.RawMessage)
	var list []json.RawMessage
	if text == nil || json.Unmarshal(text, &list) != nil {
		return nil, nil
	}
	var keys []keyCredential
	for _, item := range list {
		k, f := parseKey(item)
		if f != nil {
			return nil, f
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// parseKey checks one key credential of a body.
func parseKey(item json.RawMessage) (keyCredential, *failure) {
	ms, err := decodeObject(item)
	if err != nil {
		return keyCredential{}, wrongType("keyCredential", "microsoft.graph.keyCredential")
	}
	k := keyCredential{KeyID: newGUID()}
	texts := map[string]*string{
		"keyId": &k.KeyID, "type": &k.Type, "usage": &k.Usage, "displayName": &k.DisplayName, "customKeyIdentifier": &k.CustomKeyIdentifier,
	}
	times := map[string]*time.Time{"startDateTime": &k.Start, "endDateTime": &k.End}
	for _, m := range ms {
		text, ok := stringOf(m.raw)
		switch {
		case m.name == "@odata.type" || isNull(m.raw):
		case !ok:
			return k, wrongType(m.name, "Edm.String")
		case texts[m.name] != nil:
			*texts[m.name] = text
		case times[m.name] != nil:
			t, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return k, wrongType(m.name, "Edm.DateTimeOffset")
			}
			*times[m.name] = t
		case m.name == "key":
			k.Key = &text
		default:
			return k, misused(codeBadRequest, "Property '%s' does not exist on type 'microsoft.graph.keyCredential'.", m.name)
		}
	}
	return k, k.check()
}

// check completes a key credential from its certificate.
func (k *keyCredential) check() *failure {
	if k.Type != "AsymmetricX509Cert" || k.Usage != "Verify" {
		return invalidValue("keyCredentials", "Only type AsymmetricX509Cert with usage Verify is supported.")
	}
	if k.Key == nil {
		return invalidValue("keyCredentials", "A key credential has no key: re-sending one that was read without $select loses it.")
	}
	der, err := base64.StdEncoding.DecodeString(*k.Key)
	if err == nil {
		k.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		return invalidValue("keyCredentials", "The key is not the base64 of a DER certificate.")
	}
	if len([]rune(k.DisplayName)) > 90 {
		return tooLong("displayName", 90)
	}
	if k.Start.IsZero() {
		k.Start = k.cert.NotBefore.UTC()
	}
	if k.End.IsZero() {
		k.End = k.cert.NotAfter.UTC()
	}
	if k.Start.Before(k.cert.NotBefore.Add(-time.Second)) || k.End.After(k.cert.NotAfter.Add(time.Second)) || !k.Start.Before(k.End) {
		return invalidValue("keyCredentials", "The key credential's dates are outside those of its certificate.")
	}
	if k.CustomKeyIdentifier == "" {
		sum := sha1.Sum(k.cert.Raw)
		k.CustomKeyIdentifier = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	return nil
}

// checkProof verifies a proof of possession of one of the application's keys.
func checkProof(o *object, proof string, now time.Time) *failure {
	bad := func(text string) *failure {
		return refuse(http.StatusBadRequest, codeProof, "Access Token missing or malformed: %s", text)
	}
	a, err := parseAssertion(proof)
	if err != nil {
		return bad("the proof is not a signed JWT.")
	}
	if a.aud != proofAudience || a.iss != o.id {
		return bad("the proof has the wrong audience or issuer.")
	}
	if a.notBefore.IsZero() || a.expires.Sub(a.notBefore) > 10*time.Minute || now.After(a.expires) || now.Before(a.notBefore.Add(-5*time.Minute)) {
		return bad("the proof is not valid now, or for more than ten minutes.")
	}
	for i := range o.keys {
		k := &o.keys[i]
		if !now.Before(k.Start) && now.Before(k.End) && a.signedBy(k.cert) {
			return nil
		}
	}
	return bad("the proof is not signed by a valid key of the application.")
}

// ownOrPermitted lets an application roll its own keys without a permission.
func ownOrPermitted(o *object, r *request) *failure {
	if strings.EqualFold(o.str("appId"), r.caller.appID) || r.caller.holds([]string{"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"}) {
		return nil
	}
	return denied()
}

// addKey answers POST /applications/{id}/addKey.
func addKey(s *state, r *request) (*answer, *failure) {
	o, f := s.get(s.cat.kind("application"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	if f := ownOrPermitted(o, r); f != nil {
		return nil, f
	}
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	var k keyCredential
	proof, found := "", false
	for _, m := range ms {
		switch m.name {
		case "keyCredential":
			if k, f = parseKey(m.raw); f != nil {
				return nil, f
			}
			found = true
		case "passwordCredential":
			if !isNull(m.raw) {
				return nil, invalidValue("passwordCredential", "It goes with X509CertAndPassword only.")
			}
		case "proof":
			proof, _ = stringOf(m.raw)
		default:
			return nil, misused(codeBadRequest, "The parameter '%s' is not expected.", m.name)
		}
	}
	if !found {
		return nil, invalidValue("keyCredential", "The parameter is required.")
	}
	if f := checkProof(o, proof, r.now); f != nil {
		return nil, f
	}
	k.KeyID = newGUID()
	s.changeKeys(o, append(slices.Clone(o.keys), k), r.now)
	shown := k
	shown.Key = nil
	return jsonAnswer(http.StatusOK, raw(shown)), nil
}

// removeKey answers POST /applications/{id}/removeKey.
func removeKey(s *state, r *request) (*answer, *failure) {
	o, f := s.get(s.cat.kind("application"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	if f := ownOrPermitted(o, r); f != nil {
		return nil, f
	}
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	vals := map[string]string{}
	for _, m := range ms {
		text, ok := stringOf(m.raw)
		if !ok || m.name != "keyId" && m.name != "proof" {
			return nil, misused(codeBadRequest, "The parameter '%s' is not expected.", m.name)
		}
		vals[m.name] = text
	}
	if f := checkProof(o, vals["proof"], r.now); f != nil {
		return nil, f
	}
	i := slices.IndexFunc(o.keys, func(k keyCredential) bool { return strings.EqualFold(k.KeyID, vals["keyId"]) })
	if i < 0 {
		return nil, badRequest("No credentials found to be removed.")
	}
	s.changeKeys(o, slices.Delete(slices.Clone(o.keys), i, i+1), r.now)
	return noContent(), nil
}

func (s *state) changeKeys(o *object, keys []keyCredential, now time.Time) {
	o.keys = keys
	s.update(o, []value{{o.kind.byName["keyCredentials"], keysJSON(keys, false)}}, now)
}

// ownApplication is the client's application object.
func (s *Server) ownApplication() *object {
	return s.state.appIDs["application/"+strings.ToLower(s.ClientID)]
}

// RegisterCertificate adds a key credential to the client's application,
// which lets it authenticate with client assertions signed by the
// certificate's key; only RSA keys ever verify. It returns the keyId.
func (s *Server) RegisterCertificate(cert *x509.Certificate) string {
	text := base64.StdEncoding.EncodeToString(cert.Raw)
	k := keyCredential{KeyID: newGUID(), Type: "AsymmetricX509Cert", Usage: "Verify", Key: &text}
	if f := k.check(); f != nil {
		return s.must("", f)
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if app := s.ownApplication(); app != nil {
		s.state.changeKeys(app, append(slices.Clone(app.keys), k), s.Now())
	}
	return k.KeyID
}

// UnregisterCertificate takes the key credentials of a certificate away.
func (s *Server) UnregisterCertificate(cert *x509.Certificate) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if app := s.ownApplication(); app != nil {
		keys := slices.DeleteFunc(slices.Clone(app.keys), func(k keyCredential) bool { return k.cert.Equal(cert) })
		s.state.changeKeys(app, keys, s.Now())
	}
}
