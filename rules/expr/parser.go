package expr

import (
	"fmt"
	"math"
	"strings"
)

// A parser builds the tree by recursive descent. At a mistake it reports, skips to the
// next comma or bracket of the same call, and goes on.
type parser struct {
	tokens []token
	i      int
	depth  int
	limit  int
	deep   bool // nesting is over the limit; said once
	report func(pos int, message, suggestion string)
}

// parse returns the tree of the source. It reports at least one mistake when the tree
// holds a bad node.
func parse(src string, limit int, report func(pos int, message, suggestion string)) node {
	clean := true
	tokens := lex(src, func(pos int, message, suggestion string) {
		clean = false
		report(pos, message, suggestion)
	})
	p := &parser{tokens: tokens, limit: limit, report: report}
	if p.peek().kind == tokEOF {
		if clean {
			p.report(0, "the expression is empty", "")
		}
		return &bad{}
	}
	n := p.chain(3)
	for p.peek().kind != tokEOF && !p.deep {
		t := p.peek()
		p.report(t.pos, t.describe()+" does not belong here"+p.missingOperator(t), "")
		p.i++
		p.skip()
		for k := p.peek().kind; k == tokComma || k == tokClose; k = p.peek().kind {
			p.i++
		}
		if p.peek().kind != tokEOF {
			p.chain(3)
		}
	}
	return n
}

func (p *parser) missingOperator(t token) string {
	switch t.kind {
	case tokAttribute, tokParameter, tokVariable, tokString, tokNumber, tokWord:
		return `: an operator such as "&" is missing before it`
	case tokClose:
		return `: there is no "(" for it`
	}
	return ""
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) next() token {
	t := p.tokens[p.i]
	if t.kind != tokEOF {
		p.i++
	}
	return t
}

// chain parses operands and operators of the level and of those that bind tighter.
func (p *parser) chain(level int) node {
	if level == 0 {
		return p.operand()
	}
	first := p.chain(level - 1)
	var rest []link
	for p.peek().kind == tokOperator && p.peek().op.level() == level {
		t := p.next()
		rest = append(rest, link{t.pos, t.op, p.chain(level - 1)})
	}
	if rest == nil {
		return first
	}
	// (a & b) & c is the same as a & b & c.
	if c, ok := first.(*chain); ok && c.level() == level {
		return &chain{c.first, append(c.rest, rest...)}
	}
	return &chain{first, rest}
}

func (p *parser) operand() node {
	t := p.peek()
	switch t.kind {
	case tokAttribute:
		p.i++
		return &attributeRef{t.pos, t.text}
	case tokParameter:
		p.i++
		return &parameterRef{t.pos, t.text}
	case tokVariable:
		p.i++
		return &variableRef{t.pos, t.text}
	case tokString:
		p.i++
		return &literal{t.pos, Text(t.text)}
	case tokNumber:
		p.i++
		if t.text != "" && t.num == math.MinInt64 {
			p.report(t.pos, "the number does not fit into 64 bits", "")
		}
		return &literal{t.pos, Number(t.num)}
	case tokWord:
		p.i++
		if p.peek().kind == tokOpen {
			return p.call(t)
		}
		return p.word(t)
	case tokOpen:
		return p.brackets()
	case tokOperator:
		if t.op == opSubtract {
			return p.negative()
		}
		p.i++
		p.report(t.pos, `there is nothing on the left of "`+t.op.String()+`"`, "")
		return p.operand()
	}
	p.report(t.pos, "a value is missing before "+t.describe(), "")
	return &bad{t.pos}
}

// negative parses a number with a minus sign: the language has no other use for a minus
// without a left side.
func (p *parser) negative() node {
	minus := p.next()
	t := p.peek()
	if t.kind != tokNumber {
		p.report(minus.pos, "a minus sign without a left side stands only before a number", "")
		return p.operand()
	}
	p.i++
	return &literal{minus.pos, Number(-t.num)}
}

func (p *parser) brackets() node {
	open := p.next()
	if !p.enter(open) {
		return &bad{open.pos}
	}
	defer p.leave()
	n := p.chain(3)
	if p.peek().kind != tokClose {
		p.unclosed(open, "")
		p.skip()
		if p.peek().kind != tokClose {
			return n
		}
	}
	p.i++
	return n
}

// call parses the arguments of a function; the current token is the opening bracket.
func (p *parser) call(name token) node {
	c := &call{pos: name.pos, name: name.text}
	open := p.next()
	if !p.enter(open) {
		return &bad{name.pos}
	}
	defer p.leave()
	if p.peek().kind == tokClose {
		p.i++
		return c
	}
	for {
		c.args = append(c.args, p.chain(3))
		t := p.peek()
		if t.kind != tokComma && t.kind != tokClose {
			p.unclosed(open, name.text)
			c.broken = true
			p.skip()
			t = p.peek()
		}
		switch t.kind {
		case tokComma:
			p.i++
		case tokClose:
			p.i++
			return c
		default:
			return c
		}
	}
}

// unclosed reports what is wrong where a comma or closing bracket was expected.
func (p *parser) unclosed(open token, function string) {
	if p.deep {
		return
	}
	t := p.peek()
	switch {
	case t.kind != tokEOF:
		p.report(t.pos, t.describe()+" does not belong here"+p.missingOperator(t), "")
	case function != "":
		p.report(open.pos, `the bracket of `+function+` is not closed: ")" is missing`, "")
	default:
		p.report(open.pos, `the bracket is not closed: ")" is missing`, "")
	}
}

// skip moves to the next comma or closing bracket of the current call.
func (p *parser) skip() {
	for depth := 0; ; p.i++ {
		switch p.peek().kind {
		case tokEOF:
			return
		case tokOpen:
			depth++
		case tokComma:
			if depth == 0 {
				return
			}
		case tokClose:
			if depth == 0 {
				return
			}
			depth--
		}
	}
}

// enter counts nesting. Beyond the limit the rest of the text is given up.
func (p *parser) enter(t token) bool {
	p.depth++
	if p.depth <= p.limit {
		return true
	}
	if !p.deep {
		p.deep = true
		p.report(t.pos, fmt.Sprintf("brackets are nested more than %d deep", p.limit), "")
	}
	p.depth--
	p.i = len(p.tokens) - 1
	return false
}

func (p *parser) leave() { p.depth-- }

// words are the bare words that stand for a value. They are recognised in any case.
var words = [...]struct {
	name  string
	value Value
}{
	{"True", Boolean(true)},
	{"False", Boolean(false)},
	{"NULL", Value{kind: typeNull}},
	{"CRLF", Text("\r\n")},
	{"IgnoreThisFlow", Value{kind: typeIgnore}},
	{"AuthoritativeNull", Value{kind: typeAuthoritative}},
}

// enumWords are the bare words that only stand as arguments.
var enumWords = [...]string{
	"CaseInsensitive", "CaseSensitive", "vbTextCompare", "vbBinaryCompare", "Unicode", "ASCII", "UTF8", "DC",
}

func (p *parser) word(t token) node {
	candidates := make([]string, 0, len(words)+len(enumWords))
	for _, w := range words {
		if strings.EqualFold(t.text, w.name) {
			return &literal{t.pos, w.value}
		}
		candidates = append(candidates, w.name)
	}
	for _, w := range enumWords {
		if strings.EqualFold(t.text, w) {
			return &enumWord{t.pos, w}
		}
		candidates = append(candidates, w)
	}
	suggestion := closest(t.text, candidates)
	message := fmt.Sprintf("%q is no value: attributes are written in brackets, text in double quotes", t.text)
	if suggestion == "" {
		suggestion = "[" + t.text + "]"
	}
	p.report(t.pos, message, suggestion)
	return &bad{t.pos}
}
