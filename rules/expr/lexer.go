package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A lexer cuts the source into tokens. It never stops at a mistake: it reports it and goes
// on behind it, so that one run finds them all.
type lexer struct {
	src    string
	pos    int
	report func(pos int, message, suggestion string)
}

func lex(src string, report func(pos int, message, suggestion string)) []token {
	l := &lexer{src: src, report: report}
	tokens := make([]token, 0, len(src)/4+1)
	for {
		t, ok := l.next()
		if !ok {
			continue
		}
		tokens = append(tokens, t)
		if t.kind == tokEOF {
			return tokens
		}
	}
}

// next returns the next token. ok is false when there was only a mistake.
func (l *lexer) next() (t token, ok bool) {
	l.skipSpace()
	start := l.pos
	t.pos = start
	if start == len(l.src) {
		t.end = start
		return t, true
	}
	switch c := l.src[start]; {
	case c == '[':
		ok = l.delimited(&t, tokAttribute, ']', "attribute")
	case c == '%':
		ok = l.delimited(&t, tokParameter, '%', "parameter")
	case c == '$':
		ok = l.variable(&t)
	case c == '"':
		ok = l.str(&t)
	case isDigit(c):
		ok = l.decimal(&t)
	case c == '&' && l.hexFollows():
		ok = l.hex(&t)
	case isWordStart(l.src[start:]):
		l.pos += wordLen(l.src[start:])
		t.kind, t.text, ok = tokWord, l.src[start:l.pos], true
	default:
		ok = l.symbol(&t)
	}
	t.end = l.pos
	return t, ok
}

func (l *lexer) skipSpace() {
	for l.pos < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if !unicode.IsSpace(r) && r != '\ufeff' {
			return
		}
		l.pos += n
	}
}

// delimited reads [name] and %name%.
func (l *lexer) delimited(t *token, kind tokenKind, end byte, what string) bool {
	start := l.pos
	i := start + 1
	for i < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[i:])
		if !isNameRune(r) {
			break
		}
		i += n
	}
	l.pos = i
	if i < len(l.src) && l.src[i] == end {
		l.pos++
		t.kind, t.text = kind, l.src[start+1:i]
		if t.text == "" {
			l.report(start, "the "+what+" has no name", "")
			return false
		}
		return true
	}
	// Names with a character that does not belong there are read to their end where that
	// is on the same line, so that the rest is not misread.
	if j := strings.IndexAny(l.src[i:], string(end)+"\n(,\""); j >= 0 && l.src[i+j] == end && i > start+1 {
		r, _ := utf8.DecodeRuneInString(l.src[i:])
		l.pos = i + j + 1
		l.report(i, fmt.Sprintf("%q does not belong into the name of the %s", r, what), "")
		t.kind, t.text = kind, l.src[start+1:i+j]
		return true
	}
	l.report(start, "the "+what+" does not end with "+strconv.Quote(string(end)), "")
	t.kind, t.text = kind, l.src[start+1:i]
	return t.text != ""
}

func (l *lexer) variable(t *token) bool {
	start := l.pos
	l.pos++
	n := 0
	if isWordStart(l.src[l.pos:]) {
		n = wordLen(l.src[l.pos:])
	}
	if n == 0 {
		l.report(start, `the variable has no name: "$" is followed by letters`, "")
		return false
	}
	l.pos += n
	t.kind, t.text = tokVariable, l.src[start+1:l.pos]
	return true
}

// str reads a string. Two double quotes stand for one, two backslashes for one; any other
// backslash stands for itself.
func (l *lexer) str(t *token) bool {
	start := l.pos
	t.kind = tokString
	var b strings.Builder
	chunk := start + 1 // what has not been copied to b yet
	for i := chunk; i < len(l.src); i++ {
		c := l.src[i]
		pair := i+1 < len(l.src) && l.src[i+1] == c
		switch {
		case (c == '"' || c == '\\') && pair:
			b.WriteString(l.src[chunk : i+1])
			i++
			chunk = i + 1
		case c == '"':
			l.pos = i + 1
			if b.Len() == 0 {
				t.text = l.src[start+1 : i]
			} else {
				b.WriteString(l.src[chunk:i])
				t.text = b.String()
			}
			return true
		}
	}
	l.report(start, `the string does not end: a closing " is missing`, "")
	t.text = l.src[start+1:]
	l.pos = len(l.src)
	return true
}

func (l *lexer) decimal(t *token) bool {
	start := l.pos
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
	digits := l.src[start:l.pos]
	if rest := l.src[l.pos:]; len(rest) > 1 && rest[0] == '.' && isDigit(rest[1]) {
		l.pos++
		for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
			l.pos++
		}
		l.report(start, "numbers are whole numbers: there are no fractions", "")
	} else if isWordStart(rest) {
		l.pos += wordLen(rest)
		l.report(start, fmt.Sprintf("%q is neither a number nor a name", l.src[start:l.pos]), "")
	}
	t.kind = tokNumber
	n, err := strconv.ParseUint(digits, 10, 64)
	// 9223372036854775808 is only good behind a minus sign, which the parser sees to.
	if err != nil || n > math.MaxInt64+1 {
		l.report(start, "the number does not fit into 64 bits", "")
		return true
	}
	t.num = int64(n)
	t.text = digits
	return true
}

// hexFollows tells &HFF from the operator & before a word that starts with H. && is never
// met here with its second half: symbol takes both.
func (l *lexer) hexFollows() bool {
	s := l.src[l.pos:]
	if len(s) < 3 || s[1] != 'H' && s[1] != 'h' {
		return false
	}
	// "a"&Head is a name, not the number &HEAD: all of the word has to be hex digits.
	n := 2
	for n < len(s) && isHexDigit(s[n]) {
		n++
	}
	return n > 2 && !isWordStart(s[n:]) && (n == len(s) || s[n] != '(')
}

func (l *lexer) hex(t *token) bool {
	start := l.pos
	l.pos += 2
	for l.pos < len(l.src) && isHexDigit(l.src[l.pos]) {
		l.pos++
	}
	t.kind = tokNumber
	n, err := strconv.ParseUint(l.src[start+2:l.pos], 16, 64)
	if err != nil {
		l.report(start, "the number does not fit into 64 bits", "")
		return true
	}
	t.num = int64(n)
	return true
}

var symbols = [...]struct {
	text string
	kind tokenKind
	op   operator
}{
	{"&&", tokOperator, opAnd},
	{"||", tokOperator, opOr},
	{"<>", tokOperator, opNotEqual},
	{"<=", tokOperator, opLessEqual},
	{">=", tokOperator, opGreaterEqual},
	{"(", tokOpen, 0},
	{")", tokClose, 0},
	{",", tokComma, 0},
	{"=", tokOperator, opEqual},
	{"<", tokOperator, opLess},
	{">", tokOperator, opGreater},
	{"+", tokOperator, opAdd},
	{"-", tokOperator, opSubtract},
	{"*", tokOperator, opMultiply},
	{"&", tokOperator, opConcat},
}

// mistaken are signs of other languages with what to write instead.
var mistaken = [...]struct{ text, message, suggestion string }{
	{"!=", `there is no operator "!="`, `"<>"`},
	{"==", `there is no operator "=="`, `"="`},
	{"!", `there is no operator "!": compare with "= False"`, ""},
	{"|", `there is no operator "|"`, `"||"`},
	{"/", `there is no division`, ""},
	{"'", `strings are written in double quotes`, ""},
	{";", `arguments are separated by commas`, `","`},
	{"{", `there are no braces in the language`, ""},
	{"}", `there are no braces in the language`, ""},
	{"]", `"]" without "["`, ""},
	{".", `"." belongs to nothing here`, ""},
}

func (l *lexer) symbol(t *token) bool {
	rest := l.src[l.pos:]
	if strings.HasPrefix(rest, "==") {
		l.report(l.pos, mistaken[1].message, mistaken[1].suggestion)
		l.pos += 2
		t.kind, t.op = tokOperator, opEqual
		return true
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s.text) {
			l.pos += len(s.text)
			t.kind, t.op = s.kind, s.op
			return true
		}
	}
	r, n := utf8.DecodeRuneInString(rest)
	if r == '“' || r == '”' || r == '„' {
		return l.typographic(t, n)
	}
	for _, m := range mistaken {
		if strings.HasPrefix(rest, m.text) {
			l.report(l.pos, m.message, m.suggestion)
			l.pos += len(m.text)
			switch m.text {
			case "!=":
				t.kind, t.op = tokOperator, opNotEqual
				return true
			case "|":
				t.kind, t.op = tokOperator, opOr
				return true
			case ";":
				t.kind = tokComma
				return true
			}
			return false
		}
	}
	l.report(l.pos, fmt.Sprintf("the character %q does not belong into an expression", r), "")
	l.pos += n
	return false
}

// typographic reads a string in quotes that a word processor made.
func (l *lexer) typographic(t *token, n int) bool {
	l.report(l.pos, `typographic quotation marks: strings are written in straight ones (")`, "")
	start := l.pos + n
	end := strings.IndexAny(l.src[start:], "“”\"")
	if end < 0 {
		l.pos = len(l.src)
		t.kind, t.text = tokString, l.src[start:]
		return true
	}
	_, n = utf8.DecodeRuneInString(l.src[start+end:])
	l.pos = start + end + n
	t.kind, t.text = tokString, l.src[start:start+end]
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHexDigit(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isWordStart(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r) || r == '_'
}

func wordLen(s string) int {
	for i, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			return i
		}
	}
	return len(s)
}

// isNameRune reports whether r may be part of the name of an attribute or a parameter.
func isNameRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == '.'
}
