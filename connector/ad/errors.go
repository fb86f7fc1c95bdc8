package ad

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// errSilent is the cause of a request that was given up for want of an answer.
var errSilent = fmt.Errorf("%w: no answer in time", connector.ErrUnavailable)

// A resultError is a server's refusal: the LDAP result and, where it is told, the Windows
// error behind it. The server's free text is left out, it may quote values.
type resultError struct {
	result    uint16
	windows   uint32 // 0 if not told
	attribute string // named by the server, "" if not
	reason    string // of a refused bind
}

func (e *resultError) Error() string {
	s := "LDAP result " + strconv.Itoa(int(e.result))
	if name, ok := ldap.LDAPResultCodeMap[e.result]; ok {
		s += " (" + strings.ToLower(name) + ")"
	}
	if e.windows != 0 {
		s += ", Windows error " + strconv.FormatUint(uint64(e.windows), 10)
		if text := windowsText(e.windows); text != "" {
			s += " (" + text + ")"
		}
	}
	if e.attribute != "" {
		s += ", attribute " + e.attribute
	}
	if e.reason != "" {
		s += ": " + e.reason
	}
	return s
}

// Unwrap returns the condition that callers branch on.
func (e *resultError) Unwrap() error {
	switch e.result {
	case ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultStrongAuthRequired,
		ldap.LDAPResultAuthMethodNotSupported, ldap.LDAPResultConfidentialityRequired:
		return connector.ErrAuthentication
	case ldap.LDAPResultInsufficientAccessRights:
		return connector.ErrPermission
	case ldap.LDAPResultNoSuchObject:
		return connector.ErrNotFound
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded:
		return connector.ErrUnavailable
	case ldap.LDAPResultEntryAlreadyExists:
		return connector.ErrConflict
	case ldap.LDAPResultOperationsError, ldap.LDAPResultProtocolError, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultReferral:
		return connector.ErrProtocol
	default:
		return connector.ErrInvalid
	}
}

// windowsText names the errors that administrators meet most.
func windowsText(code uint32) string {
	switch code {
	case 8344:
		return "insufficient access rights to perform the operation"
	case 1317:
		return "the specified account does not exist"
	case 1325:
		return "the password does not meet the policy"
	case 8240:
		return "no such object"
	case 8305, 1316:
		return "the object exists already"
	case 8648, 8239:
		return "a constraint or the uniqueness of a value would be violated"
	default:
		return ""
	}
}

// bindReason explains the data part of a refused bind, as in "... data 52e, v4563".
func bindReason(text string) string {
	_, rest, ok := strings.Cut(text, "data ")
	if !ok {
		return ""
	}
	data, _, _ := strings.Cut(rest, ",")
	switch data {
	case "525":
		return "no such account"
	case "52e":
		return "wrong account name or password"
	case "530", "531":
		return "sign-in is not allowed at this time or from this machine"
	case "532":
		return "the password has expired"
	case "533":
		return "the account is disabled"
	case "701":
		return "the account has expired"
	case "773":
		return "the password must be changed first"
	case "775":
		return "the account is locked"
	case "80090346":
		return "the domain controller demands a TLS channel binding that fits (LdapEnforceChannelBinding); is TLS taken apart between here and there?"
	default:
		return ""
	}
}

// newResultError reads what is safe to repeat from a server's answer.
func newResultError(e *ldap.Error) *resultError {
	out := &resultError{result: e.ResultCode}
	if e.Err == nil {
		return out
	}
	text := e.Err.Error()
	if len(text) > 8 && text[8] == ':' {
		if n, err := strconv.ParseUint(text[:8], 16, 32); err == nil {
			out.windows = uint32(n)
		}
	}
	// "0: 00000057: ..., data 0, Att 90290 (userPrincipalName)"
	if _, rest, ok := strings.Cut(text, "Att "); ok {
		if _, rest, ok = strings.Cut(rest, "("); ok {
			if name, _, ok := strings.Cut(rest, ")"); ok && validName(name) {
				out.attribute = name
			}
		}
	}
	switch e.ResultCode {
	case ldap.LDAPResultInvalidCredentials:
		out.windows, out.reason = 0, bindReason(text)
	case ldap.LDAPResultReferral:
		out.reason = "what was asked for is held by other servers; correct Options.Partitions, Include or Exclude"
	case ldap.LDAPResultSizeLimitExceeded:
		out.reason = "the server cuts answers off"
	case ldap.LDAPResultTimeLimitExceeded:
		out.reason = "the search took longer than the server allows (MaxQueryDuration)"
	case ldap.LDAPResultAdminLimitExceeded:
		out.reason = "the server's limits do not allow the search (LDAP policies)"
	case ldap.LDAPResultStrongAuthRequired:
		out.reason = "the domain controller demands signing or TLS; use ldaps://, StartTLS or, with Kerberos, ProtectSealing"
	}
	return out
}

// fault turns an error of the library, from a call made with ctx, into one to branch on.
func (l *link) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil { // we closed the connection ourselves
		return context.Cause(ctx)
	}
	if answer, ok := errors.AsType[*ldap.Error](err); ok {
		switch {
		case answer.ResultCode < ldap.ErrorNetwork:
			return newResultError(answer)
		case answer.ResultCode > ldap.ErrorNetwork && answer.ResultCode != ldap.ErrorEmptyPassword:
			return fmt.Errorf("%w: %s", connector.ErrProtocol, strings.ToLower(ldapErrorName(answer.ResultCode)))
		}
	}
	if reason := l.wire.Garbled(); reason != nil {
		return fmt.Errorf("%w: %w", connector.ErrProtocol, reason)
	}
	return fmt.Errorf("%w: the connection to %s was lost", connector.ErrUnavailable, l.server.addr)
}

func ldapErrorName(code uint16) string {
	switch code {
	case ldap.ErrorFilterCompile:
		return "a filter does not compile"
	case ldap.ErrorMalformedPacket:
		return "a malformed message"
	default:
		return "an answer that is not expected"
	}
}

// resultCode returns the LDAP result of a refusal, 0 if err is none.
func resultCode(err error) uint16 {
	if r, ok := errors.AsType[*resultError](err); ok {
		return r.result
	}
	return 0
}

// trusted maps an error of the TLS handshake.
func trusted(err error) error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: no known authority has issued it; set CAFile or RootCAs to the authority of the domain controller's certificate", connector.ErrUntrusted)
	case errors.As(err, &host):
		return fmt.Errorf("%w: %w; use that name in the URL or set ServerName", connector.ErrUntrusted, host)
	case errors.As(err, &verification):
		return fmt.Errorf("%w: %w", connector.ErrUntrusted, verification.Err)
	default:
		return fmt.Errorf("%w: TLS: %w", connector.ErrUnavailable, err)
	}
}

// codeOf is the error name for a failure of reading.
func codeOf(err error) connector.Code {
	switch {
	case errors.Is(err, connector.ErrAuthentication):
		return connector.CodeAuthentication
	case errors.Is(err, connector.ErrPermission):
		return connector.CodePermission
	case errors.Is(err, connector.ErrUntrusted):
		return connector.CodeConnectionFailed
	case errors.Is(err, connector.ErrUnavailable):
		return connector.CodeConnectionDropped
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, connector.ErrWatermarkExpired):
		return ""
	default:
		return connector.CodeSearchFailed
	}
}

// failure gives an error its context, once.
func (d *Directory) failure(op string, err error) error {
	if err == nil {
		return nil
	}
	var done *connector.Error
	if errors.As(err, &done) && done.Connector != "" {
		return err
	}
	code := codeOf(err)
	if code == connector.CodeConnectionDropped && (op == "open" || op == "schema") {
		code = connector.CodeConnectionFailed
	}
	return &connector.Error{Op: op, Connector: d.name, Code: code, Err: err}
}
