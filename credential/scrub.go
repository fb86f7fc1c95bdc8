package credential

import (
	"context"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// sensitive matches what requests carry and nobody else may read: signed statements
// (assertions, proofs and tokens that are such), bearer tokens of any form, and the
// parameters of sign-ins. Servers and proxies in trouble repeat requests in their errors.
var sensitive = regexp.MustCompile(`eyJ[\w-]+(\.[\w-]*)*` +
	`|(?i:bearer)[\s"':]+[^\s"',;<>]+` +
	`|(?:client_secret|client_assertion|access_token|refresh_token|proof)["'\s]*[=:][\s"']*[^\s"',;&<>]+`)

// scrubText takes out of a text what must not be seen.
func scrubText(text string, secrets ...Secret) string {
	for _, s := range secrets {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.Reveal(), redacted)
			text = strings.ReplaceAll(text, url.QueryEscape(s.Reveal()), redacted)
		}
	}
	return sensitive.ReplaceAllString(text, redacted)
}

// scrubbed is an error of a library whose text has been cleaned. The error itself is in the
// chain, for whoever asks for its type.
type scrubbed struct {
	text string
	err  error
}

// scrub returns an error with a text that can be shown.
func scrub(err error, secrets ...Secret) error {
	if err == nil {
		return nil
	}
	return &scrubbed{scrubText(err.Error(), secrets...), err}
}

// Error returns the cleaned text.
func (e *scrubbed) Error() string { return e.text }

// GoString returns the cleaned text.
func (e *scrubbed) GoString() string { return e.text }

// Unwrap returns the error as it was, whose text is not cleaned.
func (e *scrubbed) Unwrap() error { return e.err }

// scrubbing is a token credential whose errors can be shown.
type scrubbing struct {
	azcore.TokenCredential
	secret Secret
}

// GetToken implements [azcore.TokenCredential].
func (c *scrubbing) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, o)
	return token, scrub(err, c.secret)
}
