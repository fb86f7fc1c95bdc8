package entra

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/hybridsync/hybridsync/connector"
)

// A credential marks the errors of the real one, so that they can be told from those of
// Graph, and keeps their text, in which anything may stand, out of ours.
type credential struct{ inner azcore.TokenCredential }

// GetToken asks the real credential.
func (c *credential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := c.inner.GetToken(ctx, o)
	if err != nil {
		return t, &tokenError{err}
	}
	if t.Token == "" {
		return t, &tokenError{errors.New("the credential returned an empty token")}
	}
	return t, nil
}

// A tokenError is a failure to get an access token.
type tokenError struct{ err error }

var stsCode = regexp.MustCompile(`AADSTS\d+`)

// Error names the token service's error code, where there is one, and nothing else.
func (e *tokenError) Error() string {
	switch code := stsCode.FindString(e.err.Error()); {
	case code != "":
		return "no access token: " + code
	case e.untrusted():
		return "no access token: the certificate of the token service could not be verified; name its certificate authority"
	case e.unreachable():
		return "no access token: the token service cannot be reached"
	}
	return "no access token"
}

// Microsoft's library flattens what went wrong on the way to the token service to text, so
// that these two have to read it.

func (e *tokenError) untrusted() bool {
	return isUntrusted(e.err) || strings.Contains(e.err.Error(), "x509: ")
}

func (e *tokenError) unreachable() bool {
	return strings.Contains(e.err.Error(), "dial tcp")
}

func (e *tokenError) Unwrap() error { return e.err }

// isUntrusted reports whether a certificate could not be verified.
func isUntrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// isNetwork reports whether err is of the way to the service and back. Whether the request
// arrived is then not known.
func isNetwork(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, errStrayRequest) || errors.Is(err, errUnsent) || isUntrusted(err) {
		return false
	}
	var token *tokenError
	if errors.As(err, &token) && stsCode.MatchString(token.err.Error()) {
		return false
	}
	var u *url.Error
	var n net.Error
	return errors.As(err, &u) || errors.As(err, &n) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// describeError is the text of err without URLs, in which filters quote attribute values.
func describeError(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err.Error()
	}
	return err.Error()
}

// plainError is an error with the text of describeError and the chain of the original.
type plainError struct{ err error }

func (e *plainError) Error() string { return describeError(e.err) }
func (e *plainError) Unwrap() error { return e.err }

// sentinelOf returns the condition that err is, and its name in run histories.
func sentinelOf(err error) (error, connector.Code) {
	var g *GraphError
	var token *tokenError
	switch {
	case errors.As(err, &g):
		return sentinelOfStatus(g)
	case isUntrusted(err):
		return connector.ErrUntrusted, connector.CodeConnectionFailed
	case errors.Is(err, context.Canceled):
		return nil, ""
	case errors.As(err, &token):
		if token.untrusted() {
			return connector.ErrUntrusted, connector.CodeConnectionFailed
		}
		if isNetwork(err) || token.unreachable() {
			return connector.ErrUnavailable, connector.CodeConnectionFailed
		}
		return connector.ErrAuthentication, connector.CodeAuthentication
	case isNetwork(err):
		return connector.ErrUnavailable, connector.CodeConnectionDropped
	case errors.Is(err, errJSON), errors.Is(err, errNoID), errors.Is(err, errStrayRequest):
		return connector.ErrProtocol, connector.CodeReadError
	}
	return nil, ""
}

func sentinelOfStatus(g *GraphError) (error, connector.Code) {
	switch {
	case g.Status == http.StatusUnauthorized, g.has("Authentication_MissingOrMalformed"):
		return connector.ErrAuthentication, connector.CodeAuthentication
	case g.Status == http.StatusForbidden:
		return connector.ErrPermission, connector.CodePermissionIssue
	case g.Status == http.StatusNotFound:
		return connector.ErrNotFound, connector.CodeMissingObject
	case g.Status == http.StatusTooManyRequests:
		return &connector.ThrottledError{RetryAfter: g.RetryAfter}, connector.CodeThrottled
	case isConflict(g):
		return connector.ErrConflict, connector.CodeUniqueValue
	case transientStatus(g):
		return connector.ErrUnavailable, connector.CodeConnectionDropped
	case g.Status == http.StatusBadRequest:
		return connector.ErrInvalid, connector.CodeDataValidationFailed
	}
	return connector.ErrProtocol, connector.CodeUnexpected
}

// isConflict reports whether another object holds a value that must be unique.
func isConflict(g *GraphError) bool {
	return g.has("ObjectConflict", "ConflictingObjects", "Request_MultipleObjectsWithSameKeyValue")
}

// isExpired reports whether Graph no longer takes a delta or page link.
func isExpired(err error) bool {
	var g *GraphError
	return errors.As(err, &g) && (g.Status == http.StatusGone ||
		g.has("syncStateNotFound", "syncStateInvalid", "resyncRequired", "Directory_ExpiredPageToken"))
}

// failure wraps an error once, at the boundary of the package.
func (t *Tenant) failure(op string, err error) error {
	return t.objectFailure(op, connector.Key{}, "", err)
}

func (t *Tenant) objectFailure(op string, key connector.Key, attribute string, err error) error {
	if err == nil {
		return nil
	}
	var done *connector.Error
	if errors.As(err, &done) && done.Connector == t.name {
		return err
	}
	sentinel, code := sentinelOf(err)
	inner := error(&plainError{err})
	if sentinel != nil {
		inner = fmt.Errorf("%w: %w", sentinel, inner)
	}
	return &connector.Error{Op: op, Connector: t.name, Object: key, Attribute: attribute, Code: code, Err: inner}
}
