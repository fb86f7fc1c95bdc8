package expr

import (
	"strconv"
	"strings"
)

// A node is part of a parsed expression.
type node interface {
	position() int // byte offset in the source
}

type (
	// literal is a constant: string, number, True, NULL, IgnoreThisFlow and the like.
	literal struct {
		pos   int
		value Value
	}
	// enumWord is a bare word that some functions take, such as CaseInsensitive.
	enumWord struct {
		pos  int
		name string
	}
	attributeRef struct {
		pos  int
		name string
	}
	parameterRef struct {
		pos  int
		name string
	}
	variableRef struct {
		pos  int
		name string
	}
	call struct {
		pos    int
		name   string
		args   []node
		broken bool // a mistake among the arguments has been reported
	}
	// chain is a row of operands with operators of one level between them, which are taken
	// from left to right: first op rest op rest. Rows keep long expressions flat.
	chain struct {
		first node
		rest  []link
	}
	link struct {
		pos     int // of the operator
		op      operator
		operand node
	}
	// bad stands where a mistake has been reported already.
	bad struct{ pos int }
)

func (n *literal) position() int      { return n.pos }
func (n *enumWord) position() int     { return n.pos }
func (n *attributeRef) position() int { return n.pos }
func (n *parameterRef) position() int { return n.pos }
func (n *variableRef) position() int  { return n.pos }
func (n *call) position() int         { return n.pos }
func (n *chain) position() int        { return n.first.position() }
func (n *bad) position() int          { return n.pos }

// level returns the priority of the chain's operators.
func (n *chain) level() int { return n.rest[0].op.level() }

// format returns the canonical text of a node: no white space but around operators, only
// the brackets that are needed, numbers in decimal.
func format(n node) string {
	var b strings.Builder
	writeNode(&b, n)
	return b.String()
}

func writeNode(b *strings.Builder, n node) {
	switch n := n.(type) {
	case *literal:
		b.WriteString(formatLiteral(n.value))
	case *enumWord:
		b.WriteString(n.name)
	case *attributeRef:
		b.WriteString("[" + n.name + "]")
	case *parameterRef:
		b.WriteString("%" + n.name + "%")
	case *variableRef:
		b.WriteString("$" + n.name)
	case *call:
		b.WriteString(n.name)
		b.WriteByte('(')
		for i, a := range n.args {
			if i > 0 {
				b.WriteByte(',')
			}
			writeNode(b, a)
		}
		b.WriteByte(')')
	case *chain:
		writeOperand(b, n.first, n.level()-1)
		for _, l := range n.rest {
			b.WriteByte(' ')
			b.WriteString(l.op.String())
			b.WriteByte(' ')
			writeOperand(b, l.operand, n.level()-1)
		}
	}
}

// writeOperand writes an operand, in brackets where it binds less tightly than level.
func writeOperand(b *strings.Builder, n node, level int) {
	if c, ok := n.(*chain); ok && c.level() > level {
		b.WriteByte('(')
		writeNode(b, n)
		b.WriteByte(')')
		return
	}
	writeNode(b, n)
}

func formatLiteral(v Value) string {
	switch v.kind {
	case TypeNumber:
		return strconv.FormatInt(v.num, 10)
	case TypeBool:
		if v.num != 0 {
			return "True"
		}
		return "False"
	case TypeString:
		if v.str == "\r\n" {
			return "CRLF"
		}
		return quote(v.str)
	case typeIgnore:
		return "IgnoreThisFlow"
	case typeAuthoritative:
		return "AuthoritativeNull"
	default:
		return "NULL"
	}
}

// quote writes a string in the notation of the language.
func quote(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `""`) + `"`
}
