package expr

import "fmt"

// A slotRef is an attribute that a program reads.
type slotRef struct {
	name     string
	imported bool
}

// A compiler turns a checked tree into code.
type compiler struct {
	*checker
	program *Program
	bySlot  map[slotRef]int
	sharer  *sharer
}

func (k *compiler) compile(n node) *code {
	switch n := n.(type) {
	case *literal:
		return constantCode(n.value)
	case *enumWord:
		return constantCode(Value{kind: TypeEnum, str: n.name})
	case *attributeRef:
		return k.attribute(n.pos, slotRef{name: n.name})
	case *parameterRef:
		return k.parameter(n)
	case *variableRef:
		return k.variable(n)
	case *chain:
		return k.chain(n)
	case *call:
		return k.call(n)
	default:
		panic(fmt.Sprintf("expr: compiling %T", n)) // the checker lets none pass
	}
}

// slot reserves a place for a set or variable.
func (k *compiler) slot() int {
	k.program.extra++
	return k.program.extra - 1
}

func (k *compiler) attribute(pos int, ref slotRef) *code {
	slot, ok := k.bySlot[ref]
	if !ok {
		slot = len(k.program.slots)
		k.program.slots = append(k.program.slots, ref)
		k.bySlot[ref] = slot
	}
	name := "[" + ref.name + "]"
	if ref.imported {
		name = "ImportedValue"
	}
	at := &site{name, pos}
	return &code{
		from:  &fromSlot{slot, at},
		all:   func(c *Call) Value { return c.attribute(slot, at) },
		whole: func(c *Call) *Value { return c.loaded(slot, at) },
		ref: func(c *Call) *Value {
			v := c.loaded(slot, at)
			switch {
			case v.kind != typeList:
				return v
			case c.row < 0:
				return nil
			}
			p := &c.picked[slot]
			c.picks = true
			if c.row < len(v.list) {
				p.loadOne(&v.list[c.row])
			} else {
				p.load(nil)
			}
			return p
		},
		one: func(c *Call) Value {
			v := &c.attrs[slot]
			if v.kind != 0 && v.kind != typeList {
				return *v
			}
			return c.pick(c.attribute(slot, at))
		},
		rows: func(c *Call) int { return count(c.loaded(slot, at)) },
	}
}

func (k *compiler) parameter(n *parameterRef) *code {
	at := &site{"%" + n.name + "%", n.pos}
	return scalar(func(c *Call) Value {
		if c.in.Parameters != nil {
			if s, ok := c.in.Parameters(n.name); ok {
				return Value{kind: TypeString, str: s, untyped: true}
			}
		}
		return c.failf(at, CodeParameter, "there is no such parameter")
	})
}

func (k *compiler) variable(n *variableRef) *code {
	b := k.variables[n]
	slot := b.slot
	if !b.lazy {
		return scalar(func(c *Call) Value { return c.slots[slot] })
	}
	return &code{
		all: func(c *Call) Value { return c.bound(slot) },
		one: func(c *Call) Value { return c.pick(c.bound(slot)) },
		rows: func(c *Call) int {
			v := c.bound(slot)
			return count(&v)
		},
	}
}

// bound returns the value of a variable of With, computing it at first use.
func (c *Call) bound(slot int) Value {
	v := c.slots[slot]
	if v.kind != 0 {
		return v
	}
	v = c.outside(c.program.lazy[slot])
	if v.kind == 0 {
		v.kind = typeNull
	}
	c.slots[slot] = v
	return v
}

func (k *compiler) call(n *call) *code {
	f := k.calls[n]
	switch f.form {
	case formIIF:
		return k.iif(n)
	case formSwitch:
		return k.switchForm(n)
	case formSelect, formWhere:
		return k.lambda(n, f.form == formWhere)
	case formWith:
		return k.with(n)
	case formImported:
		return k.attribute(n.pos, slotRef{n.args[0].(*literal).value.str, true})
	case formCount:
		return k.valueCount(n)
	default:
		return k.plain(n, f)
	}
}

func (k *compiler) valueCount(n *call) *code {
	at := &site{n.name, n.pos}
	name := n.args[0].(*literal).value.str
	return scalar(func(c *Call) Value {
		if !c.step(at) {
			return failed
		}
		if c.in.Count != nil {
			total, err := c.in.Count(name)
			if err != nil {
				return c.fail(at, &EvalError{Code: CodeSource, Message: "the values of " + name + " cannot be counted", Err: err})
			}
			return Number(total)
		}
		if c.in.Attributes == nil {
			return Number(0)
		}
		values, err := c.in.Attributes.Values(name)
		if err != nil {
			return c.fail(at, &EvalError{Code: CodeSource, Message: "attribute " + name + " cannot be read", Err: err})
		}
		return Number(int64(len(values)))
	})
}

// fold computes code at compile time when all that it depends on is known. What fails is
// left to the evaluation, which may never come to it, but is worth a warning.
func (k *compiler) fold(at *site, done *code, parts ...*code) *code {
	for _, p := range parts {
		if p.constant == nil {
			return done
		}
	}
	c := k.program.newCall()
	v := done.all(c)
	switch {
	case c.err != nil:
		if c.err.Code != CodeLimit {
			k.reporter.add(SeverityWarning, at.pos, "this always fails: "+c.err.Function+": "+c.err.Message, "")
		}
		return done
	case v.kind&typeSignal != 0 || v.kind == 0, v.kind == typeList:
		return done // sets keep their place as sources
	}
	return constantCode(v)
}
