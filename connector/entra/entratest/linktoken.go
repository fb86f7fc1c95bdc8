package entratest

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
)

const macLength = 12

// seal makes an opaque token of v. A token is good for one purpose only.
func (s *Server) seal(purpose string, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	sum := mac(*s.tokenKey.Load(), purpose+"\x00"+string(b))[:macLength]
	return base64.RawURLEncoding.EncodeToString(append(sum, b...))
}

// unseal is the opposite of seal; it reports whether the token is one of this
// tenant for this purpose.
func (s *Server) unseal(purpose, token string, v any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < macLength {
		return false
	}
	b := raw[macLength:]
	if !hmac.Equal(raw[:macLength], mac(*s.tokenKey.Load(), purpose+"\x00"+string(b))[:macLength]) {
		return false
	}
	return json.Unmarshal(b, v) == nil
}
