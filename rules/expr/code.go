package expr

// A thunk computes the value of one node.
type thunk func(*Call) Value

// A code is a compiled node. The language evaluates a whole expression once per value
// where several values stand in the place of one (lifting); this is how:
//
//   - one computes a single value: the one for c.row while lifting. Outside, when c.row is
//     -1 and a set of values turns up, it returns the signal typeLift.
//   - all computes all values. It tries one first, which for the usual object is all
//     there is to do; at typeLift it asks rows and calls one for each row.
//   - rows returns how many values the sets below the node hold, the largest number
//     counting and 0 when there is no set, and stores what one will pick from. It returns
//     -1 after a failure. It is nil when there never is a set.
//
// The functions that take whole sets call all for their arguments and so end the lifting.
type code struct {
	one  thunk
	all  thunk
	rows func(*Call) int

	// Short cuts, nil where there are none:
	//
	//   - ref is like one without the copy: the result must not be changed. It returns nil
	//     for the signal typeLift.
	//   - whole is the same for all.
	//   - test is like one for what gives True or False.
	ref, whole func(*Call) *Value
	test       func(*Call) verdict

	// put appends to dst what one would return, text all of it. It reports isFalse when one
	// has to be asked, having done nothing.
	put func(c *Call, dst []byte) ([]byte, verdict)

	fresh    bool       // a set that all returns is new: nobody else holds it
	from     *fromSlot  // the attribute that the node is
	call     *plainCall // what the node calls, if it is an ordinary function
	constant *Value
}

// A fromSlot says that a node is an attribute.
type fromSlot struct {
	slot int
	site *site
}

// scalar returns code that never sees a set.
func scalar(one thunk) *code { return &code{one: one, all: one} }

func constantCode(v Value) *code {
	ref := func(*Call) *Value { return &v }
	return &code{
		one:      func(*Call) Value { return v },
		all:      func(*Call) Value { return v },
		ref:      ref,
		whole:    ref,
		constant: &v,
	}
}

// lifted returns code for a node that is computed once per value of the sets below it.
func lifted(at *site, one thunk, rows func(*Call) int) *code {
	if rows == nil {
		return scalar(one)
	}
	done := &code{one: one, rows: rows, fresh: true}
	done.all = func(c *Call) Value {
		if c.row >= 0 {
			return c.outside(done.all)
		}
		v := one(c)
		if v.kind != typeLift {
			return v
		}
		v = c.lift(at, one, rows)
		c.row = -1
		return v
	}
	return done
}

// lift computes a node for every row and collects the results.
func (c *Call) lift(at *site, one thunk, rows func(*Call) int) Value {
	n := rows(c)
	if n < 0 {
		return failed
	}
	out := collector{c: c, at: at, hint: n}
	for i := range n {
		if !c.step(at) {
			return failed
		}
		c.row = i
		v := one(c)
		if v.kind == typeFail || v.kind == typeIgnore || v.kind == typeAuthoritative {
			return v
		}
		if !out.add(&v) {
			return failed
		}
	}
	return out.set()
}

// pick returns the value for the current row of what stands in the place of one value.
func (c *Call) pick(v Value) Value {
	switch {
	case v.kind != typeList:
		return v
	case c.row < 0:
		return Value{kind: typeLift}
	default:
		return v.At(c.row)
	}
}

// count returns the rows that a value gives: 0 for a single value, -1 for a failure.
func count(v *Value) int {
	switch v.kind {
	case typeFail:
		return -1
	case typeList:
		return len(v.list)
	default:
		return 0
	}
}

// most returns the rows of several nodes together: sets go in parallel, by index, and the
// longest decides. It is nil when there is never more than one.
func most(codes ...*code) func(*Call) int {
	var list []func(*Call) int
	for _, k := range codes {
		if k.rows != nil {
			list = append(list, k.rows)
		}
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return func(c *Call) int {
		n := 0
		for _, rows := range list {
			m := rows(c)
			if m < 0 {
				return m
			}
			n = max(n, m)
		}
		return n
	}
}

// wholeSet returns the code of a node that is a source of values: one that computes a set,
// and is computed once before the rows are gone through. slot is where it waits.
func wholeSet(slot int, all thunk) *code {
	return &code{
		all: all,
		one: func(c *Call) Value {
			if c.row < 0 {
				return c.pick(all(c))
			}
			return c.pick(c.slots[slot])
		},
		rows: func(c *Call) int {
			v := all(c)
			c.slots[slot] = v
			return count(&v)
		},
	}
}

// outside calls a thunk outside of any lifting that goes on.
func (c *Call) outside(f thunk) Value {
	saved := c.row
	c.row = -1
	v := f(c)
	c.row = saved
	return v
}
