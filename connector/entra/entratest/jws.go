package entratest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

var errJWS = errors.New("malformed token")

// assertion is a signed JWT as applications send it: in place of a secret, and
// as proof of possession of a key.
type assertion struct {
	alg        string
	thumbprint []byte // SHA-256 of the certificate, from x5t#S256
	sha1       []byte // from x5t or, in proofs of older libraries, kid
	aud        string
	iss, sub   string
	jti        string
	notBefore  time.Time
	expires    time.Time

	signed    string
	signature []byte
}

// parseAssertion takes the compact form apart. It checks no signature.
func parseAssertion(compact string) (*assertion, error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil, errJWS
	}
	var header struct {
		Alg  string `json:"alg"`
		Typ  string `json:"typ"`
		X5T  string `json:"x5t"`
		X256 string `json:"x5t#S256"`
	}
	var claims struct {
		Aud string   `json:"aud"`
		Iss string   `json:"iss"`
		Sub string   `json:"sub"`
		JTI string   `json:"jti"`
		NBF *float64 `json:"nbf"`
		Exp *float64 `json:"exp"`
	}
	for i, into := range []any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, into) != nil {
			return nil, errJWS
		}
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || claims.Exp == nil || (header.Typ != "" && !strings.EqualFold(header.Typ, "JWT")) {
		return nil, errJWS
	}
	a := &assertion{
		alg: header.Alg, aud: claims.Aud, iss: claims.Iss, sub: claims.Sub, jti: claims.JTI,
		expires: unixTime(*claims.Exp),
		signed:  parts[0] + "." + parts[1], signature: sig,
	}
	if claims.NBF != nil {
		a.notBefore = unixTime(*claims.NBF)
	}
	if a.thumbprint, err = anyBase64(header.X256); err != nil {
		return nil, errJWS
	}
	if a.sha1, err = anyBase64(header.X5T); err != nil {
		return nil, errJWS
	}
	return a, nil
}

// unixTime keeps absurd numbers from overflowing.
func unixTime(sec float64) time.Time {
	const limit = 1 << 40
	return time.Unix(int64(max(-limit, min(limit, sec))), 0)
}

// anyBase64 takes both alphabets, padded or not: clients differ in how they
// write a thumbprint.
func anyBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	return base64.RawURLEncoding.DecodeString(s)
}

// signedBy reports whether the certificate's key made the signature. A PS256
// salt has to be as long as the hash, as RFC 7518 has it.
func (a *assertion) signedBy(cert *x509.Certificate) bool {
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return false
	}
	sum := sha256.Sum256([]byte(a.signed))
	switch a.alg {
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], a.signature) == nil
	case "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, sum[:], a.signature, &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}) == nil
	}
	return false
}

// sealJWT signs claims with HMAC-SHA256: the form of the mock's access tokens.
func sealJWT(key []byte, claims any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString(body)
	return signed + "." + enc.EncodeToString(mac(key, signed)), nil
}

// openJWT checks a token of sealJWT and decodes its claims.
func openJWT(key []byte, compact string, claims any) error {
	signed, sig, ok := cutLast(compact, ".")
	if !ok {
		return errJWS
	}
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil || !hmac.Equal(raw, mac(key, signed)) {
		return errJWS
	}
	_, body, ok := strings.Cut(signed, ".")
	if !ok {
		return errJWS
	}
	raw, err = base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(raw, claims) != nil {
		return errJWS
	}
	return nil
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(sep):], true
}
