package expr

import (
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A ResultKind says what an expression resulted in.
type ResultKind uint8

// The kinds of results.
const (
	// Null: this flow has nothing to contribute, the next rule in precedence may.
	Null ResultKind = iota
	// Values: one or more values.
	Values
	// IgnoreThisFlow: as if the flow did not exist.
	IgnoreThisFlow
	// AuthoritativeNull: no value, and no rule of lower precedence may contribute.
	AuthoritativeNull
	// DateTime: one or more points in time; see Times. No attribute can store it; convert it with CStr,
	// FormatDateTime or NumFromDate.
	DateTime
)

var resultKindNames = [...]string{"null", "values", "ignoreThisFlow", "authoritativeNull", "dateTime"}

// String returns the kind's name: null, values, ignoreThisFlow, authoritativeNull or
// dateTime.
func (k ResultKind) String() string {
	if int(k) < len(resultKindNames) {
		return resultKindNames[k]
	}
	return "invalid"
}

// A Result is the outcome of an evaluation.
type Result struct {
	Kind ResultKind

	// Multi says that the result is a set of values, possibly of one, and is in Values. It
	// is only set when Kind is Values or DateTime.
	Multi bool

	Single attr.Value   // the value when Kind is Values and Multi is false
	Values []attr.Value // the values, at least one, when Kind is Values and Multi is true; read only
}

// Times returns the points in time, in UTC, when Kind is DateTime, else nil.
func (r *Result) Times() []time.Time {
	switch {
	case r.Kind != DateTime:
		return nil
	case !r.Multi:
		return []time.Time{timeOf(r.Single.Int())}
	}
	times := make([]time.Time, len(r.Values))
	for i, v := range r.Values {
		times[i] = timeOf(v.Int())
	}
	return times
}

// First returns the first value and whether there is one.
func (r *Result) First() (attr.Value, bool) {
	switch {
	case r.Kind != Values:
		return attr.Value{}, false
	case r.Multi:
		return r.Values[0], true
	default:
		return r.Single, true
	}
}

// Len returns the number of values.
func (r *Result) Len() int {
	switch {
	case r.Kind != Values:
		return 0
	case r.Multi:
		return len(r.Values)
	default:
		return 1
	}
}

// All returns the values, nil when Kind is not Values. For a single value it allocates.
// The slice may belong to the source that the evaluation read: do not modify it.
func (r *Result) All() []attr.Value {
	switch {
	case r.Kind != Values:
		return nil
	case r.Multi:
		return r.Values
	default:
		return []attr.Value{r.Single}
	}
}

// Append appends the values to dst and returns the extended slice.
func (r *Result) Append(dst []attr.Value) []attr.Value {
	switch {
	case r.Kind != Values:
		return dst
	case r.Multi:
		return append(dst, r.Values...)
	default:
		return append(dst, r.Single)
	}
}

// Text writes the result in the notation of the language documentation: text in double
// quotes, True, 42, binary as 0x0102, references as ref"…", dates as in RFC 3339, sets in
// braces, and NULL, IgnoreThisFlow and AuthoritativeNull. It shows the content, so keep it
// out of logs.
func (r *Result) Text() string {
	switch {
	case r.Kind == IgnoreThisFlow:
		return "IgnoreThisFlow"
	case r.Kind == AuthoritativeNull:
		return "AuthoritativeNull"
	case r.Kind == DateTime:
		var parts []string
		for _, t := range r.Times() {
			parts = append(parts, t.Format(time.RFC3339Nano))
		}
		if !r.Multi {
			return parts[0]
		}
		return "{" + strings.Join(parts, ",") + "}"
	case r.Kind != Values:
		return "NULL"
	case !r.Multi:
		return notation(r.Single)
	}
	return setNotation(r.Values)
}

func setNotation(values []attr.Value) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = notation(v)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func notation(v attr.Value) string {
	switch v.Kind() {
	case attr.KindString:
		return quote(v.Str())
	case attr.KindReference:
		return "ref" + quote(v.Str())
	case attr.KindBinary:
		return "0x" + upperHex(v.Str())
	default:
		return v.Text()
	}
}
