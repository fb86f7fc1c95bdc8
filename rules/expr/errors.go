package expr

import (
	"fmt"
	"strconv"
	"strings"
)

// A Severity says whether a diagnostic prevents the program from being used.
type Severity uint8

// The severities.
const (
	SeverityWarning Severity = iota // worth a look; the program works
	SeverityError                   // there is no program
)

// String returns "warning" or "error".
func (s Severity) String() string {
	if s == SeverityError {
		return "error"
	}
	return "warning"
}

// A Diagnostic is one finding about the text of an expression.
type Diagnostic struct {
	Severity   Severity
	Line       int    // 1-based
	Column     int    // 1-based, in characters
	Offset     int    // 0-based, in bytes
	Message    string // what is wrong, one line
	Suggestion string // what may have been meant, "" if nothing is close
	Snippet    string // the line of the source and, below it, a caret at the column
}

// String returns position, message and suggestion in one line, without the snippet.
func (d Diagnostic) String() string {
	s := strconv.Itoa(d.Line) + ":" + strconv.Itoa(d.Column) + ": " + d.Severity.String() + ": " + d.Message
	if d.Suggestion != "" {
		s += "; did you mean " + d.Suggestion + "?"
	}
	return s
}

// An Error is what [Compile] returns for a text that is no good expression.
type Error struct {
	// Diagnostics holds everything that was found, warnings too, in the order of the text.
	Diagnostics []Diagnostic
}

// Error lists all diagnostics with their snippets.
func (e *Error) Error() string {
	var b strings.Builder
	for i, d := range e.Diagnostics {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(d.String())
		b.WriteByte('\n')
		b.WriteString(d.Snippet)
	}
	return b.String()
}

// The codes of an [EvalError].
const (
	// CodeErrorFunction: the rule called Error.
	CodeErrorFunction = "sync-rule-error-function-triggered"
	// CodeType: a function or an operator was given a kind of value that it does not take.
	CodeType = "sync-rule-type-mismatch"
	// CodeValue: a value of the right kind that is no good, such as text that is no date.
	CodeValue = "sync-rule-invalid-value"
	// CodeNull: a value was needed and there is none.
	CodeNull = "sync-rule-value-missing"
	// CodeRange: an item that does not exist or a number that does not fit.
	CodeRange = "sync-rule-out-of-range"
	// CodeParameter: %Name% does not exist.
	CodeParameter = "sync-rule-parameter-missing"
	// CodeLimit: the evaluation would have cost more than [Limits] allows.
	CodeLimit = "sync-rule-limit-exceeded"
	// CodeSource: the [Source], or another part of the input, failed; see Err.
	CodeSource = "sync-rule-source-failed"
)

// An EvalError says why an evaluation failed. Its text names the function and the kind of
// the value, never a value; only the text given to the function Error, which is the rule
// author's own, is passed on as it is.
type EvalError struct {
	Code     string // one of the codes above, or one of a host's function
	Function string // function or operator that failed, such as "CDate" or "&&"
	Line     int    // where in the source, 1-based
	Column   int
	Message  string // what went wrong; for CodeErrorFunction the author's text
	Err      error  // the cause where there is one
}

// Error implements error.
func (e *EvalError) Error() string {
	if e.Code == CodeErrorFunction {
		return e.Message
	}
	s := fmt.Sprintf("%s at %d:%d: %s", e.Function, e.Line, e.Column, e.Message)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *EvalError) Unwrap() error { return e.Err }
