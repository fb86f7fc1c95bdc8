package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Lifetimes of what is signed. An assertion must outlive the retries of the HTTP pipeline,
// which sends the same one again; Entra ID takes at most ten minutes of a proof.
const (
	assertionLifetime = 8 * time.Minute
	// backdate makes a clock that runs ahead harmless: what is signed is valid since a
	// moment ago.
	backdate = 90 * time.Second
)

type claims struct {
	Aud string `json:"aud"`
	Iss string `json:"iss"`
	Sub string `json:"sub,omitempty"`
	JTI string `json:"jti"`
	IAT int64  `json:"iat"`
	NBF int64  `json:"nbf"`
	Exp int64  `json:"exp"`
}

// signJWT makes a compact JWS whose header names the certificate by its SHA-256.
func signJWT(p KeyPair, alg Algorithm, c claims) (string, error) {
	sum := sha256.Sum256(p.Certificate.Raw)
	header, err := json.Marshal(map[string]string{
		"alg": string(alg), "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:]),
	})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString(header) + "." + enc.EncodeToString(body)
	sig, err := alg.sign(p.Signer, []byte(signed))
	if err != nil {
		return "", fmt.Errorf("credential: signing with certificate %s: %w", Thumbprint(p.Certificate), err)
	}
	return signed + "." + enc.EncodeToString(sig), nil
}

// clientAssertion makes what takes the place of a client secret. audience is the token
// endpoint.
func clientAssertion(p KeyPair, alg Algorithm, clientID, audience string, now time.Time) (string, error) {
	return signJWT(p, alg, claims{
		Aud: audience, Iss: clientID, Sub: clientID, JTI: newGUID(),
		IAT: now.Unix(), NBF: now.Add(-backdate).Unix(), Exp: now.Add(assertionLifetime).Unix(),
	})
}

// proofToken makes the proof of possession that addKey and removeKey demand. The issuer is
// the object id of the application, not its client id.
func proofToken(p KeyPair, alg Algorithm, objectID, audience string, now time.Time) (string, error) {
	return signJWT(p, alg, claims{
		Aud: audience, Iss: objectID, JTI: newGUID(),
		IAT: now.Unix(), NBF: now.Add(-backdate).Unix(), Exp: now.Add(assertionLifetime).Unix(),
	})
}

// newGUID returns a random GUID of version 4.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
