package expr

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A reporter collects diagnostics about one source.
type reporter struct {
	src  string
	list []Diagnostic
}

// maxDiagnostics is where listing ends: beyond it the text is something else altogether.
const maxDiagnostics = 100

func (r *reporter) add(severity Severity, pos int, message, suggestion string) {
	if len(r.list) >= maxDiagnostics {
		return
	}
	d := Diagnostic{Severity: severity, Offset: pos, Message: message, Suggestion: suggestion}
	d.Line, d.Column = locate(r.src, pos)
	d.Snippet = snippet(r.src, pos, d.Column)
	r.list = append(r.list, d)
}

// mistake adds an error, in the shape that lexer and parser want.
func (r *reporter) mistake(pos int, message, suggestion string) {
	r.add(SeverityError, pos, message, suggestion)
}

func (r *reporter) failed() bool {
	return slices.ContainsFunc(r.list, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// sorted returns the diagnostics in the order of the text.
func (r *reporter) sorted() []Diagnostic {
	slices.SortStableFunc(r.list, func(a, b Diagnostic) int { return a.Offset - b.Offset })
	return r.list
}

// locate returns line and column of a byte offset, both from 1. Columns are characters.
func locate(src string, pos int) (line, column int) {
	pos = min(pos, len(src))
	before := src[:pos]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// maxSnippet is how many characters of a long line are shown.
const maxSnippet = 120

// snippet returns the line that holds pos, and a caret below the character.
func snippet(src string, pos, column int) string {
	pos = min(pos, len(src))
	start := strings.LastIndexByte(src[:pos], '\n') + 1
	line := src[start:]
	if end := strings.IndexAny(line, "\r\n"); end >= 0 {
		line = line[:end]
	}
	runes := []rune(strings.ToValidUTF8(line, "\ufffd"))
	caret := min(column-1, len(runes))
	prefix, suffix := "", ""
	if len(runes) > maxSnippet {
		from := max(0, min(caret-maxSnippet/2, len(runes)-maxSnippet))
		if from > 0 {
			prefix = "…"
		}
		if from+maxSnippet < len(runes) {
			suffix = "…"
		}
		runes = runes[from:min(len(runes), from+maxSnippet)]
		caret -= from
	}
	for i, r := range runes {
		if r < ' ' {
			runes[i] = ' ' // a tab would move the caret
		}
	}
	margin := "    "
	return margin + prefix + string(runes) + suffix + "\n" + margin + strings.Repeat(" ", caret+utf8.RuneCountInString(prefix)) + "^"
}
