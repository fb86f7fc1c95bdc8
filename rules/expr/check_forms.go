package expr

import (
	"fmt"
	"math"
)

var condition = Param{Name: "condition", Type: TypeBool, Null: true}

func (c *checker) iif(n *call, f *Function) static {
	if !c.count(n, f, 3, 3) {
		return anything
	}
	t := c.check(n.args[0])
	c.fits(n.args[0], t, f.Name, &condition)
	yes, no := c.value(n.args[1], f), c.value(n.args[2], f)
	return static{yes.kinds | no.kinds, t.many || yes.many || no.many}
}

// value checks an argument that may be any value or result literal.
func (c *checker) value(n node, f *Function) static {
	if w, ok := n.(*enumWord); ok {
		c.reporter.mistake(w.pos, fmt.Sprintf("%s takes a value here, not the word %s", f.Name, w.name), "")
		return anything
	}
	return c.check(n)
}

func (c *checker) switchForm(n *call, f *Function) static {
	if !c.count(n, f, 2, math.MaxInt) {
		return anything
	}
	if len(n.args)%2 != 0 {
		c.reporter.mistake(n.args[len(n.args)-1].position(), "Switch takes pairs of condition and value: this condition has no value", "")
	}
	result := static{kinds: typeNull}
	for i, a := range n.args {
		if i%2 == 0 {
			t := c.check(a)
			c.fits(a, t, f.Name, &condition)
			result.many = result.many || t.many
			continue
		}
		t := c.value(a, f)
		result.kinds |= t.kinds
		result.many = result.many || t.many
	}
	return result
}

// bind makes a variable for the time that body is checked.
func (c *checker) bind(n *call, f *Function, typ static, lazy bool, body func()) {
	name := ""
	if v, ok := n.args[0].(*variableRef); ok {
		name = v.name
	} else {
		c.reporter.mistake(n.args[0].position(), f.Name+" names a variable here, such as $item", "")
	}
	b := &binding{name: name, typ: typ, next: c.scope, lazy: lazy}
	c.bindings[n] = b
	c.scope = b
	body()
	c.scope = b.next
}

func (c *checker) lambda(n *call, f *Function) static {
	if !c.count(n, f, 3, 3) {
		return anything
	}
	list := c.value(n.args[1], f)
	c.fits(n.args[1], list, f.Name, &Param{Type: TypeAny, Null: true})
	var body static
	c.bind(n, f, static{kinds: list.kinds &^ typeNull}, false, func() {
		body = c.check(n.args[2])
		if f.form == formWhere {
			c.fits(n.args[2], body, f.Name, &condition)
		} else {
			c.fits(n.args[2], body, f.Name, &Param{Type: TypeAny, Null: true})
		}
	})
	if f.form == formWhere {
		return static{list.kinds | typeNull, true}
	}
	return static{body.kinds | typeNull, true}
}

func (c *checker) with(n *call, f *Function) static {
	if !c.count(n, f, 3, 3) {
		return anything
	}
	sub := c.value(n.args[1], f)
	var body static
	c.bind(n, f, sub, true, func() { body = c.value(n.args[2], f) })
	return body
}

// named checks ImportedValue and ValueCount, which take the name of an attribute in quotes.
func (c *checker) named(n *call, f *Function, names *nameSet) static {
	if !c.count(n, f, 1, 1) {
		return anything
	}
	l, ok := n.args[0].(*literal)
	if !ok || l.value.kind != TypeString {
		suggestion := ""
		if a, ok := n.args[0].(*attributeRef); ok {
			suggestion = fmt.Sprintf("%s(%q)", f.Name, a.name)
		}
		c.reporter.mistake(n.args[0].position(), f.Name+" takes the name of an attribute, in double quotes", suggestion)
		return anything
	}
	names.add(l.value.str)
	return c.attribute(l.pos, l.value.str, quote)
}

var (
	logicalOperand    = Param{Type: TypeBool, Null: true}
	arithmeticOperand = Param{Type: TypeNumber}
	concatOperand     = Param{Type: TypeAny &^ TypeDate, Null: true}
)

func (c *checker) chain(n *chain) static {
	left := c.check(n.first)
	leftNode := n.first
	for _, l := range n.rest {
		right := c.check(l.operand)
		name := l.op.String()
		kinds := TypeBool
		switch {
		case l.op.level() == 2:
			c.comparison(l, leftNode, left, right)
		case l.op.level() == 3:
			c.fits(leftNode, left, name, &logicalOperand)
			c.fits(l.operand, right, name, &logicalOperand)
		case l.op == opConcat:
			c.fits(leftNode, left, name, &concatOperand)
			c.fits(l.operand, right, name, &concatOperand)
			kinds = concatKinds(left.kinds, right.kinds)
		default:
			c.fits(leftNode, left, name, &arithmeticOperand)
			c.fits(l.operand, right, name, &arithmeticOperand)
			kinds = TypeNumber | (left.kinds|right.kinds)&typeNull
		}
		left = static{kinds, left.many || right.many}
		leftNode = n
	}
	return left
}

// concatKinds returns what & makes of its operands: binary of binaries, text of others.
func concatKinds(a, b Type) Type {
	var kinds Type
	if (a|b)&TypeBinary != 0 && (a&(TypeBinary|typeNull) != 0 && b&(TypeBinary|typeNull) != 0) {
		kinds |= TypeBinary
	}
	if (a|b)&(TypeAny&^TypeBinary) != 0 {
		kinds |= TypeString
	}
	if a&b&typeNull != 0 {
		kinds |= typeNull
	}
	return kinds
}

func (c *checker) comparison(l link, leftNode node, left, right static) {
	p := &Param{Type: TypeAny, Null: true}
	c.fits(leftNode, left, l.op.String(), p)
	c.fits(l.operand, right, l.op.String(), p)
	if left.kinds == 0 || right.kinds == 0 {
		return
	}
	if left.kinds == typeNull || right.kinds == typeNull {
		c.reporter.add(SeverityWarning, l.pos, "a comparison with NULL is never true", "IsNull or IsPresent")
		return
	}
	a, b := comparableKinds(left.kinds), comparableKinds(right.kinds)
	if a != 0 && b != 0 && a&b == 0 {
		c.reporter.mistake(l.pos, fmt.Sprintf("%s cannot be compared with %s", left.kinds&TypeAny, right.kinds&TypeAny), "")
	}
}

// comparableKinds returns the kinds with which any of the kinds can be compared.
func comparableKinds(kinds Type) Type {
	kinds &= TypeAny
	if kinds&(TypeString|TypeReference) != 0 {
		kinds |= TypeString | TypeReference
	}
	return kinds
}
