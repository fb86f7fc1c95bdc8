package entratest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The language of $filter as identity clients use it: eq, ne, gt, ge, lt, le, in, not,
// and, or, startsWith, endsWith, any with a variable, and the $count segment.

var errFilter = errors.New("syntax error")

const (
	maxFilterLength = 15_000
	maxFilterDepth  = 50
)

// expr is one node of a filter: and, or, not with its operands; eq, ne, gt,
// ge, lt, le, in, startswith, endswith with a path and literals; any with a
// path, the name of a variable and a condition on it; true for a boolean path alone.
type expr struct {
	op   string
	args []*expr
	path string
	vals []literal
	name string
}

// maxClauses is how many alternatives a filter may have.
const maxClauses = 15

// clauses counts the alternatives of the filter's widest part.
func (e *expr) clauses() int {
	n := 0
	for _, a := range e.args {
		if e.op == "or" {
			n += a.clauses()
		} else {
			n = max(n, a.clauses())
		}
	}
	if e.op == "in" {
		return len(e.vals)
	}
	return max(n, 1)
}

// literal is a constant: string, bool, number or null (nil).
type literal any

type filterToken struct {
	kind byte // i identifier, s string, n number, ( ) , : or 0 for the end
	text string
}

type filterParser struct {
	toks  []filterToken
	pos   int
	depth int
}

// parseFilter parses a $filter.
func parseFilter(text string) (*expr, error) {
	if len(text) > maxFilterLength {
		return nil, fmt.Errorf("%w: too long", errFilter)
	}
	toks, err := lexFilter(text)
	if err != nil {
		return nil, err
	}
	p := &filterParser{toks: toks}
	e, err := p.or()
	if err == nil && p.peek().kind != 0 {
		err = errFilter
	}
	return e, err
}

func lexFilter(s string) ([]filterToken, error) {
	var out []filterToken
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '(' || c == ')' || c == ',' || c == ':':
			out = append(out, filterToken{kind: c})
			i++
		case c == '\'':
			var b strings.Builder
			i++
			for {
				j := strings.IndexByte(s[i:], '\'')
				if j < 0 {
					return nil, fmt.Errorf("%w: unterminated string", errFilter)
				}
				b.WriteString(s[i : i+j])
				i += j + 1
				if i >= len(s) || s[i] != '\'' {
					break
				}
				b.WriteByte('\'')
				i++
			}
			out = append(out, filterToken{'s', b.String()})
		case isWord(c):
			j := i
			for j < len(s) && (isWord(s[j]) || (s[j] == ':' && j > i && s[i] >= '0' && s[i] <= '9')) {
				j++
			}
			kind := byte('i')
			if c >= '0' && c <= '9' || c == '-' {
				kind = 'n'
			}
			out = append(out, filterToken{kind, s[i:j]})
			i = j
		default:
			return nil, fmt.Errorf("%w: character at position %d", errFilter, i)
		}
	}
	return out, nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '/' || c == '.' || c == '-' || c == '$'
}

func (p *filterParser) peek() filterToken {
	if p.pos < len(p.toks) {
		return p.toks[p.pos]
	}
	return filterToken{}
}

func (p *filterParser) next() filterToken {
	t := p.peek()
	p.pos++
	return t
}

// word consumes the identifier when it stands next.
func (p *filterParser) word(w string) bool {
	if t := p.peek(); t.kind == 'i' && t.text == w {
		p.pos++
		return true
	}
	return false
}

func (p *filterParser) expect(kind byte) error {
	if p.next().kind != kind {
		return errFilter
	}
	return nil
}

func (p *filterParser) or() (*expr, error) { return p.chain("or", p.and) }

func (p *filterParser) and() (*expr, error) { return p.chain("and", p.unary) }

func (p *filterParser) chain(op string, operand func() (*expr, error)) (*expr, error) {
	first, err := operand()
	if err != nil || !p.word(op) {
		return first, err
	}
	e := &expr{op: op, args: []*expr{first}}
	for {
		next, err := operand()
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, next)
		if !p.word(op) {
			return e, nil
		}
	}
}

func (p *filterParser) unary() (*expr, error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, fmt.Errorf("%w: too deep", errFilter)
	}
	defer func() { p.depth-- }()
	if p.word("not") {
		e, err := p.unary()
		return &expr{op: "not", args: []*expr{e}}, err
	}
	if p.peek().kind == '(' {
		p.pos++
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		return e, p.expect(')')
	}
	return p.condition()
}

func (p *filterParser) condition() (*expr, error) {
	t := p.next()
	if t.kind != 'i' {
		return nil, errFilter
	}
	if p.peek().kind == '(' {
		switch name := strings.ToLower(t.text); {
		case name == "startswith" || name == "endswith":
			return p.function(name)
		case strings.HasSuffix(t.text, "/any"):
			return p.lambda(strings.TrimSuffix(t.text, "/any"))
		}
		return nil, errFilter
	}
	op := p.peek()
	if op.kind != 'i' {
		return &expr{op: "true", path: t.text}, nil
	}
	switch op.text {
	case "eq", "ne", "gt", "ge", "lt", "le":
		p.pos++
		v, err := p.literal()
		return &expr{op: op.text, path: t.text, vals: []literal{v}}, err
	case "in":
		p.pos++
		return p.list(t.text)
	}
	return &expr{op: "true", path: t.text}, nil
}

func (p *filterParser) function(name string) (*expr, error) {
	p.pos++
	path := p.next()
	if path.kind != 'i' || p.expect(',') != nil {
		return nil, errFilter
	}
	v, err := p.literal()
	if err != nil {
		return nil, err
	}
	if _, ok := v.(string); !ok {
		return nil, errFilter
	}
	return &expr{op: name, path: path.text, vals: []literal{v}}, p.expect(')')
}

func (p *filterParser) lambda(path string) (*expr, error) {
	p.pos++
	name := p.next()
	if name.kind != 'i' || p.expect(':') != nil {
		return nil, errFilter
	}
	body, err := p.or()
	if err != nil {
		return nil, err
	}
	return &expr{op: "any", path: path, name: name.text, args: []*expr{body}}, p.expect(')')
}

func (p *filterParser) list(path string) (*expr, error) {
	if err := p.expect('('); err != nil {
		return nil, err
	}
	e := &expr{op: "in", path: path}
	for {
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		e.vals = append(e.vals, v)
		switch p.next().kind {
		case ',':
		case ')':
			return e, nil
		default:
			return nil, errFilter
		}
	}
}

func (p *filterParser) literal() (literal, error) {
	switch t := p.next(); {
	case t.kind == 's':
		return t.text, nil
	case t.kind == 'i' && t.text == "true":
		return true, nil
	case t.kind == 'i' && t.text == "false":
		return false, nil
	case t.kind == 'i' && t.text == "null":
		return nil, nil
	case t.kind == 'n':
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return n, nil
		}
		return t.text, nil // a date or a GUID
	}
	return nil, errFilter
}
