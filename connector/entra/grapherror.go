package entra

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A GraphError is an answer of Microsoft Graph, or of something between it and us, that
// refuses a request. Any body is kept, JSON or not. Branch on Status, Code and the codes of
// Details. Messages are not part of Error's text: they can quote attribute values.
type GraphError struct {
	Status  int           // HTTP status
	Code    string        // error.code; "" when the body was not Graph's
	Details []ErrorDetail // error.details
	// RequestID names the request in Microsoft's logs, ClientRequestID in ours.
	RequestID, ClientRequestID string
	RetryAfter                 time.Duration // how long to wait; 0 where the answer did not say
	ContentType                string
	Body                       []byte // at most 64 KiB of it
}

// An ErrorDetail is one of error.details.
type ErrorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"` // may quote attribute values
	Target  string `json:"target"`  // property
}

// Error tells status, codes and ids.
func (e *GraphError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Microsoft Graph answered %d", e.Status)
	switch {
	case e.Code != "":
		b.WriteString(" " + e.Code)
	case len(e.Body) > 0 && e.ContentType != "application/json":
		fmt.Fprintf(&b, " with a body of type %q that is not Graph's", e.ContentType)
	case len(e.Body) == 0:
		b.WriteString(" with an empty body")
	}
	for _, d := range e.Details {
		b.WriteString(", " + d.Code)
		if d.Target != "" {
			b.WriteString(" (" + d.Target + ")")
		}
	}
	if e.RequestID != "" {
		b.WriteString(", request-id " + e.RequestID)
	}
	if e.ClientRequestID != "" {
		b.WriteString(", client-request-id " + e.ClientRequestID)
	}
	return b.String()
}

// has reports whether the error or one of its details has one of the codes.
func (e *GraphError) has(codes ...string) bool {
	for _, c := range codes {
		if strings.EqualFold(e.Code, c) {
			return true
		}
		for _, d := range e.Details {
			if strings.EqualFold(d.Code, c) {
				return true
			}
		}
	}
	return false
}

// newGraphError reads the answer to a request that failed. Nothing in it can make this
// fail: what cannot be read is left out.
func newGraphError(status int, header http.Header, body []byte, now time.Time) *GraphError {
	e := &GraphError{
		Status: status, Body: body, RequestID: header.Get("request-id"), ClientRequestID: header.Get("client-request-id"),
		RetryAfter: retryAfter(header.Get("Retry-After"), now),
	}
	e.ContentType, _, _ = mime.ParseMediaType(header.Get("Content-Type"))
	var shape struct {
		Error struct {
			Code    json.RawMessage   `json:"code"`
			Details []json.RawMessage `json:"details"`
			Inner   json.RawMessage   `json:"innerError"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &shape) != nil {
		return e
	}
	_ = json.Unmarshal(shape.Error.Code, &e.Code)
	for _, raw := range shape.Error.Details {
		var d ErrorDetail
		if json.Unmarshal(raw, &d) == nil {
			e.Details = append(e.Details, d)
		}
	}
	var inner struct {
		RequestID       string `json:"request-id"`
		ClientRequestID string `json:"client-request-id"`
	}
	if json.Unmarshal(shape.Error.Inner, &inner) == nil {
		if inner.RequestID != "" {
			e.RequestID = inner.RequestID
		}
		if e.ClientRequestID == "" {
			e.ClientRequestID = inner.ClientRequestID
		}
	}
	return e
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if text == "" {
		return 0
	}
	if secs, err := strconv.ParseFloat(text, 64); err == nil {
		const day = 24 * 60 * 60
		return time.Duration(min(max(secs, 0), day) * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
