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
		var one thunk
		switch {
		case op.level() == 3:
			one = logical(at, op, operands)
		case op.level() == 2:
			one = comparison(at, op, operands[0], operands[1])
		case op == opConcat:
			one = concat(at, operands)
		default:
			one = arithmetic(at, op, operands)
		}
		acc = k.fold(at, lifted(at, one, most(operands...)), operands...)
	}
	return acc
}

func logical(at *site, op operator, operands []*code) thunk {
	decisive := op == opOr // the value that decides without looking further
	return func(c *Call) Value {
		if !c.step(at) {
			return failed
		}
		for _, o := range operands {
			v := o.one(c)
			if v.kind&typeSignal != 0 {
				return v
			}
			b, good := c.truth(at, &v)
			if !good {
				return failed
			}
			if b == decisive {
				return Boolean(decisive)
			}
		}
		return Boolean(!decisive)
	}
}

func comparison(at *site, op operator, left, right *code) thunk {
	return func(c *Call) Value {
		if !c.step(at) {
			return failed
		}
		a := left.one(c)
		if a.kind&typeSignal != 0 {
			return a
		}
		b := right.one(c)
		if b.kind&typeSignal != 0 {
			return b
		}
		if a.IsNull() || b.IsNull() {
			return Boolean(false)
		}
		order, ok := c.compare(at, &a, &b)
		if !ok {
			return failed
		}
		switch op {
		case opEqual:
			return Boolean(order == 0)
		case opNotEqual:
			return Boolean(order != 0)
		case opLess:
			return Boolean(order < 0)
		case opLessEqual:
			return Boolean(order <= 0)
		case opGreater:
			return Boolean(order > 0)
		default:
			return Boolean(order >= 0)
		}
	}
}

// compare orders two values that are not NULL.
func (c *Call) compare(at *site, a, b *Value) (order int, ok bool) {
	if a.untyped && b.kind&(TypeNumber|TypeBool) != 0 {
		c.retype(b.kind, a)
	} else if b.untyped && a.kind&(TypeNumber|TypeBool) != 0 {
		c.retype(a.kind, b)
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
		base := len(c.stack)
		v := c.concat(base, at, operands)
		c.stack = c.stack[:base]
		return v
	}
}

func (c *Call) concat(base int, at *site, operands []*code) Value {
	var kinds Type
	size := 0
	for _, o := range operands {
		v := o.one(c)
		if v.kind&typeSignal != 0 {
			return v
		}
		switch v.kind {
		case typeNull, 0:
			continue
		case TypeString, TypeReference:
			kinds |= TypeString
		case TypeBinary:
			kinds |= TypeBinary
		case TypeNumber, TypeBool:
			kinds |= TypeString
			v = Text(textOf(&v))
		default:
			return c.failf(at, CodeType, "text is needed, not %s", v.kind)
		}
		size += len(v.str)
		c.stack = append(c.stack, v)
	}
	switch kinds {
	case 0:
		return Value{kind: typeNull}
	case TypeString | TypeBinary:
		return c.failf(at, CodeType, "text and binary cannot be joined")
	}
	parts := c.stack[base:]
	if len(parts) == 1 {
		return Value{kind: kinds, str: parts[0].str}
	}
	if err := c.Spend(size); err != nil {
		return c.fail(at, err)
	}
	return Value{kind: kinds, str: join(parts, size)}
}

func join(parts []Value, size int) string {
	var b strings.Builder
	b.Grow(size)
	for i := range parts {
		b.WriteString(parts[i].str)
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
