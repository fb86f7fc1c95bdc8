package entratest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// failure is an answer that refuses a request in Graph's shape.
type failure struct {
	status  int
	code    string
	message string
	details []detail
	header  http.Header
	misuse  string // set when the request is a programming error of the client, not a condition of the tenant
}

type detail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Target  string `json:"target,omitempty"`
}

func (f *failure) Error() string { return fmt.Sprintf("%d %s: %s", f.status, f.code, f.message) }

func (f *failure) with(name, value string) *failure {
	if f.header == nil {
		f.header = make(http.Header)
	}
	f.header.Set(name, value)
	return f
}

// The error codes that the mock answers with.
const (
	codeBadRequest       = "Request_BadRequest"
	codeParse            = "BadRequest"
	codeUnsupportedQuery = "Request_UnsupportedQuery"
	codeNotFound         = "Request_ResourceNotFound"
	codeDenied           = "Authorization_RequestDenied"
	codeToken            = "InvalidAuthenticationToken"
	codeProof            = "Authentication_MissingOrMalformed"
	codeQuota            = "Directory_QuotaExceeded"
	codeThrottled        = "TooManyRequests"
)

func refuse(status int, code, format string, args ...any) *failure {
	return &failure{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *failure {
	return refuse(http.StatusBadRequest, codeBadRequest, format, args...)
}

// misused is a refusal of something that no correct client sends.
func misused(code, format string, args ...any) *failure {
	f := refuse(http.StatusBadRequest, code, format, args...)
	f.misuse = f.message
	return f
}

func notFound(id string) *failure {
	return refuse(http.StatusNotFound, codeNotFound,
		"Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)
}

func denied() *failure {
	return refuse(http.StatusForbidden, codeDenied, "Insufficient privileges to complete the operation.")
}

func unsupportedQuery(format string, args ...any) *failure {
	return refuse(http.StatusBadRequest, codeUnsupportedQuery, format, args...)
}

func mastered() *failure {
	return badRequest("Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.")
}

func isReadOnly(p *property) *failure {
	f := badRequest("Property '%s' is read-only and cannot be set.", p.name)
	f.details = []detail{{Code: "ReadOnlyProperty", Message: f.message, Target: p.name}}
	return f
}

func invalidValue(target, format string, args ...any) *failure {
	f := badRequest("Invalid value specified for property '%s' of resource.", target)
	f.details = []detail{{Code: "InvalidValue", Message: fmt.Sprintf(format, args...), Target: target}}
	return f
}

func tooLong(target string, limit int) *failure {
	f := badRequest("Invalid value specified for property '%s' of resource.", target)
	f.details = []detail{{Code: "InvalidLength", Message: "The value exceeds the maximum length of " + strconv.Itoa(limit) + ".", Target: target}}
	return f
}

// conflict says that other already holds the value of the property.
func conflict(target string, other *object) *failure {
	f := badRequest("Another object with the same value for property %s already exists.", target)
	f.details = []detail{
		{Code: "ObjectConflict", Message: f.message, Target: target},
		{Code: "ConflictingObjects", Message: other.kind.name + "_" + other.id, Target: target},
	}
	return f
}

// body renders the failure as Graph does.
func (f *failure) body(requestID, clientID string, now time.Time) []byte {
	type inner struct {
		Date            string `json:"date"`
		RequestID       string `json:"request-id"`
		ClientRequestID string `json:"client-request-id"`
	}
	type shape struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details []detail `json:"details,omitempty"`
		Inner   inner    `json:"innerError"`
	}
	b, err := json.Marshal(map[string]shape{"error": {
		Code: f.code, Message: f.message, Details: f.details,
		Inner: inner{now.UTC().Format("2006-01-02T15:04:05"), requestID, clientID},
	}})
	if err != nil {
		return []byte(`{"error":{"code":"` + f.code + `"}}`)
	}
	return b
}
