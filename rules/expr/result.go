package expr

import (
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
	// DateTime: a point in time. No attribute can store it; convert it with CStr,
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

	// Multi says that the result is a set of values, possibly of one, and is in Many. It
	// is only set when Kind is Values or DateTime.
	Multi bool

	Single attr.Value   // the value when Kind is Values and Multi is false
	Many   []attr.Value // the values, at least one, when Kind is Values and Multi is true; read only
	Time   time.Time    // the time, in UTC, when Kind is DateTime and Multi is false
	Times  []time.Time  // the times when Kind is DateTime and Multi is true
}

// First returns the first value and whether there is one.
func (r *Result) First() (attr.Value, bool) {
	switch {
	case r.Kind != Values:
		return attr.Value{}, false
	case r.Multi:
		return r.Many[0], true
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
		return len(r.Many)
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
		return r.Many
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
		return append(dst, r.Many...)
	default:
		return append(dst, r.Single)
	}
}
