package expr

import (
	"cmp"
	"math/bits"
	"strconv"
	"strings"
)

// chain compiles operands with operators between them, from left to right.
func (k *compiler) chain(n *chain) *code {
	acc := k.compile(n.first)
	for i := 0; i < len(n.rest); {
		op := n.rest[i].op
		at := &site{op.String(), n.rest[i].pos}
		// Operators of one kind in a row become one node: joining ten texts makes one text,
		// not nine.
		operands := []*code{acc}
		for {
			operands = append(operands, k.compile(n.rest[i].operand))
			i++
			if i == len(n.rest) || n.rest[i].op != op || op.level() == 2 {
				break
			}
		}
		rows := most(operands...)
		var done *code
		switch {
		case op.level() == 3:
			done = conditionCode(at, logical(at, op, operands), rows)
		case op.level() == 2:
			test := comparison(at, op, operands[0], operands[1])
			if quick := textTest(at, op, operands[0], operands[1], test); quick != nil {
				test = quick
			}
			done = conditionCode(at, test, rows)
		case op == opConcat:
			done = lifted(at, concat(at, operands), rows)
		default:
			done = lifted(at, arithmetic(at, op, operands), rows)
		}
		acc = k.fold(at, done, operands...)
	}
	return acc
}

func logical(at *site, op operator, operands []*code) func(*Call) verdict {
	decisive := verdictOf(op == opOr) // what decides without looking further
	tests := make([]func(*Call) verdict, len(operands))
	for i, o := range operands {
		tests[i] = o.condition(at)
	}
	return func(c *Call) verdict {
		if !c.step(at) {
			return isFailed
		}
		for _, test := range tests {
			if v := test(c); v == decisive || v >= isLift {
				return v
			}
		}
		return isTrue - decisive
	}
}

func comparison(at *site, op operator, left, right *code) func(*Call) verdict {
	if b := right.constant; b != nil && b.kind == TypeNumber && left.ref != nil {
		return numberTest(at, op, left.ref, b)
	}
	holds := op.holds()
	return func(c *Call) verdict {
		if !c.step(at) {
			return isFailed
		}
		var spaceA, spaceB Value
		a := left.load(c, &spaceA)
		if a.kind&typeSignal != 0 {
			return signalOf(a)
		}
		if right.ref == nil && a != &spaceA {
			spaceA = *a // what computes the right side may go through other rows
			a = &spaceA
		}
		b := right.constant
		if b == nil {
			b = right.load(c, &spaceB)
		}
		if b.kind&typeSignal != 0 {
			return signalOf(b)
		}
		return c.decide(at, holds, a, b)
	}
}

// numberTest compares with a number what need not be computed: the usual test of an attribute.
func numberTest(at *site, op operator, left func(*Call) *Value, right *Value) func(*Call) verdict {
	holds := op.holds()
	return func(c *Call) verdict {
		if !c.step(at) {
			return isFailed
		}
		a := left(c)
		switch {
		case a == nil:
			return isLift
		case a.kind == TypeNumber:
			return holds[cmp.Compare(a.num, right.num)+1]
		case a.kind&typeSignal != 0:
			return signalOf(a)
		}
		return c.decide(at, holds, a, right)
	}
}

// decide compares two values. Nothing compares with NULL.
func (c *Call) decide(at *site, holds *[3]verdict, a, b *Value) verdict {
	if a.IsNull() || b.IsNull() {
		return isFalse
	}
	var order int
	switch {
	case a.kind != b.kind || a.untyped || b.untyped || a.kind&TypeAny == 0:
		var ok bool
		if order, ok = c.compare(at, a, b); !ok {
			return isFailed
		}
	case a.kind&(TypeString|TypeReference|TypeBinary) == 0:
		order = cmp.Compare(a.num, b.num)
	case holds[0] == holds[2]: // equal, or not
		if a.str != b.str {
			return holds[0]
		}
	default:
		order = strings.Compare(a.str, b.str)
	}
	return holds[order+1]
}

// holds returns what a comparison comes to where the left side is less, equal and greater.
func (o operator) holds() *[3]verdict {
	switch o {
	case opEqual:
		return &[3]verdict{isFalse, isTrue, isFalse}
	case opNotEqual:
		return &[3]verdict{isTrue, isFalse, isTrue}
	case opLess:
		return &[3]verdict{isTrue, isFalse, isFalse}
	case opLessEqual:
		return &[3]verdict{isTrue, isTrue, isFalse}
	case opGreater:
		return &[3]verdict{isFalse, isFalse, isTrue}
	default:
		return &[3]verdict{isFalse, isTrue, isTrue}
	}
}

// signalOf returns the verdict for a signal.
func signalOf(v *Value) verdict {
	if v.kind == typeLift {
		return isLift
	}
	return isFailed
}

// compare orders two values that are not NULL.
func (c *Call) compare(at *site, a, b *Value) (order int, ok bool) {
	if a.untyped || b.untyped {
		x, y := *a, *b // what the parameter is taken for holds here alone
		if x.untyped && y.kind&(TypeNumber|TypeBool) != 0 {
			c.retype(y.kind, &x)
		} else if y.untyped && x.kind&(TypeNumber|TypeBool) != 0 {
			c.retype(x.kind, &y)
		}
		a, b = &x, &y
	}
	const text = TypeString | TypeReference
	switch {
	case a.kind&(text|TypeBinary) != 0 && (a.kind == b.kind || a.kind|b.kind == text):
		return strings.Compare(a.str, b.str), true
	case a.kind&(TypeNumber|TypeBool|TypeDate) != 0 && a.kind == b.kind:
		return cmp.Compare(a.num, b.num), true
	}
	c.failf(at, CodeType, "%s cannot be compared with %s", a.kind, b.kind)
	return 0, false
}

func arithmetic(at *site, op operator, operands []*code) thunk {
	return func(c *Call) Value {
		if !c.step(at) {
			return failed
		}
		var total int64
		null := false
		for i, o := range operands {
			v := o.one(c)
			if v.kind&typeSignal != 0 {
				return v
			}
			switch {
			case v.kind == TypeNumber || v.untyped && c.retype(TypeNumber, &v):
			case v.IsNull():
				null = true
				continue
			default:
				return c.failf(at, CodeType, "numbers are needed, not %s", v.kind)
			}
			if i == 0 {
				total = v.num
				continue
			}
			sum, ok := calculate(op, total, v.num)
			if !ok && !null {
				return c.fail(at, &EvalError{Code: CodeRange, Message: errOverflow.Error()})
			}
			total = sum
		}
		if null {
			return Value{kind: typeNull}
		}
		return Number(total)
	}
}

// calculate reports false when the result does not fit.
func calculate(op operator, a, b int64) (int64, bool) {
	switch op {
	case opAdd:
		sum := a + b
		return sum, (sum > a) == (b > 0)
	case opSubtract:
		diff := a - b
		return diff, (diff < a) == (b > 0)
	default:
		hi, lo := bits.Mul64(magnitude(a), magnitude(b))
		product := a * b
		if (a < 0) != (b < 0) && lo != 0 {
			return product, hi == 0 && lo <= 1<<63
		}
		return product, hi == 0 && lo < 1<<63
	}
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// concat joins texts, or binaries. NULL counts as nothing; nothing but NULL gives NULL.
func concat(at *site, operands []*code) thunk {
	return func(c *Call) Value {
		if !c.step(at) {
			return failed
		}
		base, from := len(c.stack), len(c.buf)
		v := c.concat(base, from, at, operands)
		c.stack, c.buf = c.stack[:base], c.buf[:from]
		return v
	}
}

// concat puts the parts on the stack, from base on. Those that have the mark untyped are
// in the buffer, from from on, and have their length as number.
func (c *Call) concat(base, from int, at *site, operands []*code) Value {
	var kinds Type
	size := 0
	for _, o := range operands {
		part := Value{kind: TypeString}
		put := isFalse
		if o.put != nil {
			start := len(c.buf)
			if c.buf, put = o.put(c, c.buf); put == isTrue {
				part.untyped, part.num = true, int64(len(c.buf)-start)
			}
		}
		switch put {
		case isFailed:
			return failed
		case isFalse:
			v := o.one(c)
			switch v.kind {
			case typeNull, 0:
				continue
			case TypeString, TypeReference, TypeBinary:
				part.kind, part.str = v.kind, v.str
				if v.kind == TypeReference {
					part.kind = TypeString
				}
			case TypeNumber, TypeBool:
				part.str = textOf(&v)
			default:
				if v.kind&typeSignal != 0 {
					return v
				}
				return c.failf(at, CodeType, "text is needed, not %s", v.kind)
			}
			size += len(part.str)
		default:
			size += int(part.num)
		}
		kinds |= part.kind
		c.stack = append(c.stack, part)
	}
	switch kinds {
	case 0:
		return Value{kind: typeNull}
	case TypeString | TypeBinary:
		return c.failf(at, CodeType, "text and binary cannot be joined")
	}
	parts := c.stack[base:]
	if len(parts) == 1 && !parts[0].untyped {
		return Value{kind: kinds, str: parts[0].str}
	}
	if err := c.Spend(size); err != nil {
		return c.fail(at, err)
	}
	return Value{kind: kinds, str: join(parts, c.buf[from:], size)}
}

// join makes one text of parts; see concat.
func join(parts []Value, buf []byte, size int) string {
	var b strings.Builder
	b.Grow(size)
	for i := range parts {
		if p := &parts[i]; p.untyped {
			b.Write(buf[:p.num])
			buf = buf[p.num:]
		} else {
			b.WriteString(p.str)
		}
	}
	return b.String()
}

// textOf returns a number or boolean as CStr writes it.
func textOf(v *Value) string {
	switch {
	case v.kind == TypeNumber:
		return strconv.FormatInt(v.num, 10)
	case v.num != 0:
		return "True"
	default:
		return "False"
	}
}
