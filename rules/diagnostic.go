package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/rules/expr"
)

// A Severity says whether a finding keeps a rule set from being used.
type Severity = expr.Severity

// The severities.
const (
	SeverityWarning = expr.SeverityWarning
	SeverityError   = expr.SeverityError
)

// A Diagnostic is one finding about a rule set.
type Diagnostic struct {
	Severity   Severity
	Code       string // stable name of the finding, such as "duplicate-precedence"
	Rule       string // name of the rule, its ID where it has none
	Flow       string // target attribute of the flow, "" when it is not about one
	Line       int    // in the expression, 1-based; 0 when it is not about an expression
	Column     int    // in characters, 1-based
	Snippet    string // the line of the expression and a caret below the column
	Message    string // what is wrong, one line
	Suggestion string // what may have been meant, "" if nothing is close
}

// String returns everything but the snippet in one line.
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.Severity.String())
	if d.Rule != "" {
		fmt.Fprintf(&b, ": rule %q", d.Rule)
	}
	if d.Flow != "" {
		b.WriteString(", flow " + d.Flow)
	}
	if d.Line > 0 {
		fmt.Fprintf(&b, " at %d:%d", d.Line, d.Column)
	}
	b.WriteString(": " + d.Message)
	if d.Suggestion != "" {
		b.WriteString("; did you mean " + d.Suggestion + "?")
	}
	return b.String()
}

// A CompileError is what [Compile] returns for rules that cannot be used.
type CompileError struct {
	// Diagnostics holds everything that was found, warnings too: by rule, as they were
	// given, and then by flow.
	Diagnostics []Diagnostic
}

// Error lists the errors, with the source and a caret for those in expressions.
func (e *CompileError) Error() string {
	var b strings.Builder
	n := 0
	for _, d := range e.Diagnostics {
		if d.Severity != SeverityError {
			continue
		}
		if n++; n > 1 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimPrefix(d.String(), "error: "))
		if d.Snippet != "" {
			b.WriteByte('\n')
			b.WriteString(d.Snippet)
		}
	}
	return b.String()
}

// closest returns the candidate that is most like the name, "" if none is near: two
// letters, or a third of them, may differ, and case does not count.
func closest(name string, candidates []string) string {
	type match struct {
		name string
		cost int
	}
	limit := max(min(2, len(name)/2), len(name)/3)
	var found []match
	for _, c := range candidates {
		if abs(len(c)-len(name)) > limit {
			continue
		}
		if cost := distance(strings.ToLower(name), strings.ToLower(c)); cost <= limit {
			found = append(found, match{c, cost})
		}
	}
	if len(found) == 0 {
		return ""
	}
	best := slices.MinFunc(found, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), strings.Compare(a.name, b.name))
	})
	return best.name
}

func abs(n int) int { return max(n, -n) }

// distance is the number of octets to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost = min(diagonal, row[j], row[j-1]) + 1
			}
			diagonal, row[j] = row[j], cost
		}
	}
	return row[len(b)]
}
