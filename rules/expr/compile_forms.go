package expr

func (k *compiler) iif(n *call) *code {
	at := &site{n.name, n.pos}
	test, yes, no := k.compile(n.args[0]), k.compile(n.args[1]), k.compile(n.args[2])
	if v := test.constant; v != nil {
		if v.Bool() {
			return yes
		}
		return no
	}
	return k.branch(at, []branch{{test, yes}}, no)
}

func (k *compiler) switchForm(n *call) *code {
	at := &site{n.name, n.pos}
	var branches []branch
	for i := 0; i < len(n.args); i += 2 {
		branches = append(branches, branch{k.compile(n.args[i]), k.compile(n.args[i+1])})
	}
	return k.branch(at, branches, constantCode(Value{kind: typeNull}))
}

// A branch is a condition with the value that it leads to.
type branch struct{ test, then *code }

// branch compiles a choice: the first branch whose condition is True, else otherwise. Only
// what is chosen is computed. While no condition stands for several values the choice is
// made once and the chosen value may be a whole set; otherwise it is made per row.
func (k *compiler) branch(at *site, branches []branch, otherwise *code) *code {
	var tests, parts []*code
	for _, b := range branches {
		tests = append(tests, b.test)
		parts = append(parts, b.test, b.then)
	}
	parts = append(parts, otherwise)
	testRows, allRows := most(tests...), most(parts...)

	choice := &choice{at: at, otherwise: otherwise}
	for _, b := range branches {
		choice.tests = append(choice.tests, b.test.condition(at))
		choice.then = append(choice.then, b.then)
	}
	one := func(c *Call) Value {
		chosen, signal := choice.choose(c)
		if chosen == nil {
			return signal.value()
		}
		return chosen.one(c)
	}
	rows := func(c *Call) int {
		if testRows != nil {
			if n := testRows(c); n != 0 {
				if n < 0 {
					return n
				}
				return allRows(c)
			}
		}
		chosen, _ := choice.choose(c)
		switch {
		case chosen == nil:
			return -1
		case chosen.rows == nil:
			return 0
		default:
			return chosen.rows(c)
		}
	}
	if allRows == nil {
		return scalar(one)
	}
	done := &code{one: one, rows: rows}
	done.all = func(c *Call) Value {
		if c.row >= 0 {
			return c.outside(done.all)
		}
		chosen, signal := choice.choose(c)
		switch {
		case chosen != nil:
			return chosen.all(c)
		case signal != isLift:
			return failed
		}
		v := c.lift(at, one, rows)
		c.row = -1
		return v
	}
	return done
}

// A choice is what branch compiles.
type choice struct {
	at        *site
	tests     []func(*Call) verdict
	then      []*code // of each test
	otherwise *code
}

// choose returns the code chosen, or nil and the signal that kept it from choosing.
func (k *choice) choose(c *Call) (*code, verdict) {
	if !c.step(k.at) {
		return nil, isFailed
	}
	for i, test := range k.tests {
		switch v := test(c); v {
		case isTrue:
			return k.then[i], v
		case isFalse:
		default:
			return nil, v
		}
	}
	return k.otherwise, isFalse
}

// truth returns the boolean that a condition gives; NULL counts as False.
func (c *Call) truth(at *site, v *Value) (truth, good bool) {
	switch v.kind {
	case TypeBool:
		return v.num != 0, true
	case typeNull, 0:
		return false, true
	}
	if v.untyped {
		if b, ok := parseBool(v.str); ok {
			return b, true
		}
	}
	c.failf(at, CodeType, "a condition is True or False, not %s", v.kind)
	return false, false
}

// lambda compiles Select and Where.
func (k *compiler) lambda(n *call, where bool) *code {
	at := &site{n.name, n.pos}
	list := k.compile(n.args[1])
	item := k.slot()
	k.bindings[n].slot = item
	body := k.compile(n.args[2])

	each := func(c *Call, out *collector, v Value) bool {
		if !c.step(at) {
			return false
		}
		c.slots[item] = v
		if !where {
			result := body.all(c)
			return out.add(&result)
		}
		test := body.one(c)
		switch test.kind {
		case typeFail:
			return false
		case typeLift:
			c.failf(at, CodeType, "the condition gives several values for one")
			return false
		}
		keep, good := c.truth(at, &test)
		if !good {
			return false
		}
		return !keep || out.add(&v)
	}
	run := func(c *Call) Value {
		source := list.all(c)
		if source.kind == typeFail {
			return source
		}
		if source.kind&typeLiteral != 0 {
			return c.failf(at, CodeType, "a set of values is needed, not %s", source.kind)
		}
		out := collector{c: c, at: at, hint: source.Len()}
		for i := range source.Len() {
			if !each(c, &out, source.At(i)) {
				return failed
			}
		}
		return out.set()
	}
	return wholeSet(k.slot(), func(c *Call) Value { return c.outside(run) })
}

// with compiles With. The variable is computed at its first use and then kept.
func (k *compiler) with(n *call) *code {
	sub := k.compile(n.args[1])
	slot := k.slot()
	k.bindings[n].slot = slot
	if k.program.lazy == nil {
		k.program.lazy = map[int]thunk{}
	}
	k.program.lazy[slot] = sub.all
	body := k.compile(n.args[2])
	if body.constant != nil {
		return body
	}
	done := &code{
		one: func(c *Call) Value {
			// While lifting, rows has forgotten the old value and all rows share the new one.
			if c.row < 0 {
				c.slots[slot] = Value{}
			}
			return body.one(c)
		},
		all: func(c *Call) Value {
			c.slots[slot] = Value{}
			return body.all(c)
		},
	}
	if body.rows != nil {
		done.rows = func(c *Call) int {
			c.slots[slot] = Value{}
			return body.rows(c)
		}
	}
	return done
}
