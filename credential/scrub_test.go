package credential

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScrub(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"plain", "AADSTS700027: the key was not found, trace id 1", "AADSTS700027: the key was not found, trace id 1"},
		{"token", "got eyJhbGciOi.eyJhdWQi.c2ln_-x, sorry", "got [secret], sorry"},
		{"half a token", "eyJhbGciOi", "[secret]"},
		{"header", "Authorization: Bearer abc.def/+= next", "Authorization: [secret] next"},
		{"json header", `{"authorization":"bearer abc","a":1}`, `{"authorization":"[secret]","a":1}`},
		{"form", "client_id=1&client_secret=x%21y&scope=z", "client_id=1&[secret]&scope=z"},
		{"json", `{"access_token": "opaque","expires_in":3}`, `{"[secret]","expires_in":3}`},
		{"known", "password is hunter 2", "password is [secret]"},
		{"known, encoded", "p=hunter+2", "p=[secret]"},
	} {
		got := scrubText(tt.text, NewSecret("hunter 2"))
		require.Equal(t, tt.want, got, tt.name)
		require.Equal(t, got, scrubText(got), "%s: once is enough", tt.name)
	}
	inner := errors.New("bearer abc")
	err := fmt.Errorf("outer: %w", scrub(inner))
	require.Equal(t, "outer: [secret]", err.Error())
	require.ErrorIs(t, err, inner)
	require.NotContains(t, fmt.Sprintf("%+v %#v", err, scrub(inner)), "abc")
	require.NoError(t, scrub(nil))
}
