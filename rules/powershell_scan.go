package rules

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A psStatement is a command with parameters, or the assignment of a plain value.
type psStatement struct {
	line    int
	command string
	params  []psParam
	assign  string // lower-case name of the variable
	value   psValue
}

type psParam struct {
	name  string
	value psValue
	used  bool
}

// A psValue is a list of words; a single one is a list of one.
type psValue []psWord

// A psWord is a text or, in lower case, the name of a variable.
type psWord struct {
	text     string
	variable bool
}

// A psScanner reads the small part of PowerShell that exported rules are written in.
type psScanner struct {
	src  string
	pos  int
	line int
	err  error
}

// scanScript splits a script into statements.
func scanScript(src string) ([]psStatement, error) {
	s := &psScanner{src: src, line: 1}
	var out []psStatement
	for {
		s.skip(true)
		if s.err != nil {
			return nil, s.err
		}
		if s.pos >= len(s.src) {
			return out, nil
		}
		if st := s.statement(); s.err == nil {
			out = append(out, st)
		}
	}
}

func (s *psScanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("%d: %s", s.line, fmt.Sprintf(format, args...))
	}
}

func (s *psScanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

func (s *psScanner) next() {
	if s.pos >= len(s.src) {
		return
	}
	if s.src[s.pos] == '\n' {
		s.line++
	}
	s.pos++
}

// skip passes white space, continued lines and comments; ends of statements too if wanted.
func (s *psScanner) skip(ends bool) {
	for s.pos < len(s.src) && s.err == nil {
		rest := s.src[s.pos:]
		switch c := s.peek(); {
		case c == '`' && continued(rest[1:]):
			for s.peek() != '\n' && s.pos < len(s.src) {
				s.next()
			}
			s.next()
		case c == ' ' || c == '\t' || c == '\r' || ends && (c == '\n' || c == ';'):
			s.next()
		case strings.HasPrefix(rest, "<#"):
			end := strings.Index(rest, "#>")
			if end < 0 {
				s.fail("the comment does not end")
				return
			}
			s.line += strings.Count(rest[:end], "\n")
			s.pos += end + 2
		case c == '#':
			for s.pos < len(s.src) && s.peek() != '\n' {
				s.next()
			}
		default:
			return
		}
	}
}

// continued reports whether nothing but white space follows on the line. Published rules
// have spaces after the backtick, which PowerShell itself would not take.
func continued(rest string) bool {
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line) == ""
}

func (s *psScanner) statement() psStatement {
	st := psStatement{line: s.line}
	if s.peek() == '$' || s.peek() == '[' {
		s.assignment(&st)
		return st
	}
	st.command = s.bare()
	if st.command == "" {
		s.fail("a command is wanted")
		return st
	}
	for s.err == nil {
		s.skip(false)
		c := s.peek()
		switch {
		case s.pos >= len(s.src) || c == '\n' || c == ';':
			return st
		case c == '-':
			s.next()
			st.params = append(st.params, psParam{name: s.bare()})
			if s.peek() == ':' {
				s.next()
			}
		default:
			v := s.value()
			if len(st.params) == 0 || st.params[len(st.params)-1].value != nil {
				st.params = append(st.params, psParam{}) // positional
			}
			st.params[len(st.params)-1].value = v
		}
	}
	return st
}

// assignment reads [type] $name = value. One whose value is not plain is kept as a
// statement that defines nothing.
func (s *psScanner) assignment(st *psStatement) {
	start := s.pos
	for s.peek() == '[' {
		for s.pos < len(s.src) && s.peek() != ']' && s.peek() != '\n' {
			s.next()
		}
		s.next()
		s.skip(false)
	}
	if s.peek() == '$' {
		name := s.variable()
		s.skip(false)
		if s.peek() == '=' {
			s.next()
			s.skip(false)
			if c := s.peek(); c == '\'' || c == '"' || c == '@' || '0' <= c && c <= '9' {
				st.assign, st.value = name, s.value()
				return
			}
		}
	}
	// Not ours to understand: the line is named in the report.
	for s.pos < len(s.src) && s.peek() != '\n' {
		s.next()
	}
	st.command = strings.TrimSpace(s.src[start:min(s.pos, start+40)])
}

// bare reads a word without quotes.
func (s *psScanner) bare() string {
	start := s.pos
	for s.pos < len(s.src) {
		r, size := utf8.DecodeRuneInString(s.src[s.pos:])
		if unicode.IsSpace(r) || strings.ContainsRune("'\"`,;(){}|@$=:#", r) {
			break
		}
		s.pos += size
	}
	return s.src[start:s.pos]
}

func (s *psScanner) variable() string {
	s.next()
	start := s.pos
	for s.pos < len(s.src) && (s.peek() == '_' || isAlnum(s.peek())) {
		s.pos++
	}
	name := strings.ToLower(s.src[start:s.pos])
	if name == "" {
		s.fail("a variable without a name")
	}
	return name
}

func isAlnum(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' }

// value reads words separated by commas, possibly in @( ).
func (s *psScanner) value() psValue {
	var v psValue
	for s.err == nil {
		if s.peek() == '@' && strings.HasPrefix(s.src[s.pos:], "@(") || s.peek() == '(' {
			v = append(v, s.array()...)
		} else {
			v = append(v, s.word())
		}
		s.skip(false)
		if s.peek() != ',' {
			break
		}
		s.next()
		s.skip(true)
	}
	if v == nil {
		v = psValue{}
	}
	return v
}

func (s *psScanner) array() psValue {
	for s.next(); s.src[s.pos-1] != '('; s.next() {
		continue
	}
	v := psValue{}
	for s.err == nil {
		s.skip(true)
		switch {
		case s.pos >= len(s.src):
			s.fail("a bracket is not closed")
		case s.peek() == ')':
			s.next()
			return v
		case s.peek() == ',':
			s.next()
		default:
			v = append(v, s.word())
		}
	}
	return v
}

func (s *psScanner) word() psWord {
	rest := s.src[s.pos:]
	switch c := s.peek(); {
	case c == '\'':
		return psWord{text: s.single()}
	case c == '"':
		return psWord{text: s.double()}
	case strings.HasPrefix(rest, "@'"), strings.HasPrefix(rest, `@"`):
		return psWord{text: s.here()}
	case c == '$':
		return s.variableWord()
	}
	w := s.bare()
	if w == "" {
		s.fail("a value is wanted, not %q", rest[:min(len(rest), 1)])
	}
	return psWord{text: w}
}

// variableWord reads $name or $name[0]; True, False and null are plain values.
func (s *psScanner) variableWord() psWord {
	name := s.variable()
	if s.peek() == '[' {
		if !strings.HasPrefix(s.src[s.pos:], "[0]") {
			s.fail("only element 0 of $%s can be known", name)
			return psWord{}
		}
		s.pos += 3
	}
	switch name {
	case "true", "false":
		return psWord{text: name}
	case "null":
		return psWord{}
	}
	return psWord{text: name, variable: true}
}

// single reads '...', in which ” stands for one quote.
func (s *psScanner) single() string {
	var b strings.Builder
	for s.next(); ; s.next() {
		switch {
		case s.pos >= len(s.src):
			s.fail("the text does not end")
			return ""
		case s.peek() == '\'' && strings.HasPrefix(s.src[s.pos:], "''"):
			s.next()
			b.WriteByte('\'')
		case s.peek() == '\'':
			s.next()
			return b.String()
		default:
			b.WriteByte(s.peek())
		}
	}
}

// double reads "...". What PowerShell would put in for $ is not known.
func (s *psScanner) double() string {
	escapes := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '0': 0}
	var b strings.Builder
	for s.next(); ; s.next() {
		c := s.peek()
		switch {
		case s.pos >= len(s.src):
			s.fail("the text does not end")
			return ""
		case c == '$':
			s.fail("text with variables cannot be known without running the script")
			return ""
		case c == '`':
			s.next()
			if e, ok := escapes[s.peek()]; ok {
				b.WriteByte(e)
			} else if s.pos < len(s.src) {
				b.WriteByte(s.peek())
			}
		case c == '"' && strings.HasPrefix(s.src[s.pos:], `""`):
			s.next()
			b.WriteByte('"')
		case c == '"':
			s.next()
			return b.String()
		default:
			b.WriteByte(c)
		}
	}
}

// here reads a here-string, which ends at its quote at the start of a line.
func (s *psScanner) here() string {
	quote := s.src[s.pos+1]
	body, found := strings.CutPrefix(strings.ReplaceAll(s.src[s.pos+2:], "\r\n", "\n"), "\n")
	text, after, closed := strings.Cut(body, "\n"+string(quote)+"@")
	switch {
	case !found || !closed:
		s.fail("the text does not end")
		return ""
	case quote == '"' && strings.Contains(text, "$"):
		s.fail("text with variables cannot be known without running the script")
		return ""
	}
	s.line += strings.Count(text, "\n") + 2
	s.src, s.pos = after, 0
	return text
}
