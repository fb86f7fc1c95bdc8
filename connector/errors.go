package connector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Conditions that callers branch on, found with [errors.Is].
var (
	// ErrWatermarkExpired: the directory no longer takes the watermark or checkpoint. A
	// full import is needed.
	ErrWatermarkExpired = errors.New("watermark expired, a full import is needed")
	// ErrAuthentication: the directory does not accept the account or its credentials.
	ErrAuthentication = errors.New("authentication failed")
	// ErrPermission: the account may not do this.
	ErrPermission = errors.New("permission denied")
	// ErrUntrusted: the directory's certificate could not be verified.
	ErrUntrusted = errors.New("server certificate not trusted")
	// ErrUnavailable: the directory cannot be reached, went away or is too busy. Transient.
	ErrUnavailable = errors.New("directory unavailable")
	// ErrNotFound: there is no such object.
	ErrNotFound = errors.New("object not found")
	// ErrConflict: another object holds what must be unique.
	ErrConflict = errors.New("conflict with another object")
	// ErrInvalid: the directory refuses the value, the attribute or the request as such.
	ErrInvalid = errors.New("refused as invalid")
	// ErrThrottled: too many requests; [*ThrottledError] tells how long to wait. Transient.
	ErrThrottled = errors.New("throttled")
	// ErrRevoked: the right to change the directory ended while the call was under way, see
	// [WithPermit]. What had not been sent was not sent.
	ErrRevoked = errors.New("the right to change the directory has ended")
	// ErrProtocol: the directory's answer cannot be understood, or breaks its own rules,
	// such as a page token that comes twice.
	ErrProtocol = errors.New("unexpected answer from the directory")
)

// A Code is the stable name of an error, as run histories show it. The names are those
// that administrators of Microsoft Entra Connect and of its ancestors know.
type Code string

// The error names that connectors use.
const (
	CodeConnectionFailed     Code = "failed-connection"
	CodeConnectionDropped    Code = "dropped-connection"
	CodeAuthentication       Code = "failed-authentication"
	CodePermission           Code = "failed-permission"
	CodeSearchFailed         Code = "failed-search"
	CodeReadError            Code = "read-error"
	CodeMissingAnchor        Code = "missing-anchor-component"
	CodeMissingClass         Code = "missing-object-class"
	CodeUnmappableType       Code = "unmappable-object-type"
	CodeInvalidValue         Code = "invalid-attribute-value"
	CodeInvalidDN            Code = "invalid-dn"
	CodeMissingObject        Code = "cd-missing-object"
	CodeExistingObject       Code = "cd-existing-object"
	CodeDuplicateAnchor      Code = "duplicate-anchor"
	CodeAmbiguousUpdate      Code = "ambiguous-update"
	CodePermissionIssue      Code = "permission-issue"
	CodeReferenceFailure     Code = "dn-attributes-failure"
	CodeNonExistentParent    Code = "non-existent-parent"
	CodeSchemaViolation      Code = "schema-violation"
	CodeConstraintViolation  Code = "constraint-violation"
	CodeSyntaxViolation      Code = "syntax-violation"
	CodePasswordPolicy       Code = "password-policy-violation"
	CodeThrottled            Code = "throttled"
	CodeUniqueValue          Code = "AttributeValueMustBeUnique"
	CodeInvalidHardMatch     Code = "InvalidHardMatch"
	CodeInvalidSoftMatch     Code = "InvalidSoftMatch"
	CodeObjectTypeMismatch   Code = "ObjectTypeMismatch"
	CodeExistingAdminRole    Code = "ExistingAdminRoleConflict"
	CodeDataValidationFailed Code = "DataValidationFailed"
	CodeExceededLength       Code = "ExceededAllowedLength"
	CodeUnexpected           Code = "unexpected-error"
)

// An Error gives the context of a failure at a connector. Text for people; branch on Code
// or, with [errors.Is], on the sentinel that it wraps.
type Error struct {
	Op        string // what was tried: "open", "full-import", "export", "read", "schema"
	Connector string // [Info].Name
	Object    Key    // the object concerned, if one is
	Attribute string // the attribute concerned, if one is
	Code      Code   // error name; "" means none fits
	Err       error
}

// Error returns the parts that are set. It contains no attribute values.
func (e *Error) Error() string {
	s := e.Op
	if e.Connector != "" {
		s = e.Connector + ": " + s
	}
	if !e.Object.IsZero() {
		s += " " + e.Object.String()
	}
	if e.Attribute != "" {
		s += ": attribute " + e.Attribute
	}
	if e.Code != "" {
		s += ": " + string(e.Code)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the error name of the outermost [*Error] on the chain that has one, "" for
// a nil error, and [CodeUnexpected] otherwise.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	for rest := err; rest != nil; {
		var e *Error
		if !errors.As(rest, &e) {
			break
		}
		if e.Code != "" {
			return e.Code
		}
		rest = e.Err
	}
	return CodeUnexpected
}

// A ThrottledError says that the directory wants fewer requests.
type ThrottledError struct {
	RetryAfter time.Duration // how long to wait; 0 where the directory did not say
}

// Error says how long to wait.
func (e *ThrottledError) Error() string {
	if e.RetryAfter <= 0 {
		return ErrThrottled.Error()
	}
	return fmt.Sprintf("%v, retry after %v", ErrThrottled, e.RetryAfter)
}

// Is makes a ThrottledError match [ErrThrottled].
func (e *ThrottledError) Is(target error) bool { return target == ErrThrottled }

// IsTransient reports whether the same request may succeed later without anyone changing
// anything: throttling, an unreachable or busy directory, a network timeout. A cancelled
// context is not transient.
func IsTransient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if errors.Is(err, ErrThrottled) || errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// RetryAfter returns how long the directory asked to wait, 0 if it did not say.
func RetryAfter(err error) time.Duration {
	if t, ok := errors.AsType[*ThrottledError](err); ok {
		return t.RetryAfter
	}
	return 0
}
