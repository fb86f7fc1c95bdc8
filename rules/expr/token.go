package expr

// A tokenKind is the kind of a token.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokAttribute
	tokParameter
	tokVariable
	tokString
	tokNumber
	tokWord
	tokOpen
	tokClose
	tokComma
	tokOperator
)

// A token is one word of the language. text is what it stands for: a string without its
// quotes and escapes, an attribute without its brackets.
type token struct {
	kind tokenKind
	op   operator
	num  int64
	pos  int // byte offset of the first character
	end  int // byte offset behind the last character
	text string
}

// describe names the token the way a message to the author does.
func (t token) describe() string {
	switch t.kind {
	case tokEOF:
		return "the end of the expression"
	case tokAttribute:
		return "[" + t.text + "]"
	case tokParameter:
		return "%" + t.text + "%"
	case tokVariable:
		return "$" + t.text
	case tokString:
		return "a string"
	case tokNumber:
		return "a number"
	case tokOpen:
		return `"("`
	case tokClose:
		return `")"`
	case tokComma:
		return `","`
	case tokOperator:
		return `"` + t.op.String() + `"`
	default:
		return t.text
	}
}

// An operator is one of the language's operators.
type operator uint8

const (
	opAnd operator = iota + 1
	opOr
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opAdd
	opSubtract
	opMultiply
	opConcat
)

var operatorNames = [...]string{"", "&&", "||", "=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "&"}

func (o operator) String() string { return operatorNames[o] }

// level returns the operator's priority: 1 binds tightest. Operators of one level have the
// same priority and are taken from left to right. See LANGUAGE.md on why there are three.
func (o operator) level() int {
	switch o {
	case opAnd, opOr:
		return 3
	case opEqual, opNotEqual, opLess, opLessEqual, opGreater, opGreaterEqual:
		return 2
	default:
		return 1
	}
}
