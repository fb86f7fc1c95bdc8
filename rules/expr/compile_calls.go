package expr

import "errors"

// plain compiles the call of an ordinary function.
func (k *compiler) plain(n *call, f *Function) *code {
	at := &site{f.Name, n.pos}
	args := make([]argument, len(f.Params))
	var parts, single []*code
	for i := range f.Params {
		p := &f.Params[i]
		if i >= len(n.args) {
			args = args[:i]
			break
		}
		a := k.compile(n.args[i])
		parts = append(parts, a)
		if !p.Set {
			single = append(single, a)
		}
		args[i] = argument{param: p, code: a}
	}
	if f.reuse != nil && args[0].code.fresh {
		writing := *f
		writing.Eval = f.reuse
		f = &writing
	}
	one := func(c *Call) Value { return c.apply(at, f, args) }
	if quick := pureCall(at, f, args); quick != nil {
		one = quick
	}
	rows := most(single...)

	var done *code
	if f.ResultSet {
		all := lifted(at, one, rows).all
		done = wholeSet(k.slot(), all)
	} else {
		test := testOf(at, f, args, one)
		if test != nil {
			one = func(c *Call) Value { return test(c).value() }
		}
		done = lifted(at, one, rows)
		done.test = test
		done.call = &plainCall{f, args}
		done.put = putOf(at, f, args)
	}
	if f.Volatile {
		return done
	}
	return k.fold(at, k.share(n, f, done), parts...)
}

// A plainCall is the call of an ordinary function.
type plainCall struct {
	function *Function
	args     []argument
}

// An argument is a compiled argument with the parameter that it stands for.
type argument struct {
	param *Param
	code  *code
}

// apply computes the arguments, checks them and calls the function.
func (c *Call) apply(at *site, f *Function, args []argument) Value {
	if !c.step(at) {
		return failed
	}
	return c.applyNow(at, f, args)
}

// applyNow is apply when the step was counted already.
func (c *Call) applyNow(at *site, f *Function, args []argument) Value {
	base := len(c.stack)
	v := c.applyAt(base, at, f, args)
	c.stack = c.stack[:base]
	return v
}

// maxPure is how many arguments a short cut may have.
const maxPure = 3

// pureCall returns a call of the function's short cut, and of the function itself where
// that comes to nothing. It returns nil where there is no short cut.
func pureCall(at *site, f *Function, args []argument) thunk {
	if f.pure == nil || len(args) == 0 || len(args) > maxPure {
		return nil
	}
	simple := len(args) <= 2
	for i := range args {
		simple = simple && args[i].hand() != nil
	}
	if !simple {
		return func(c *Call) Value {
			if !c.step(at) {
				return failed
			}
			base := len(c.stack)
			v := c.applyPure(at, f, args)
			c.stack = c.stack[:base]
			return v
		}
	}
	// The usual call: one or two arguments, none of which has to be computed.
	pure := f.pure
	first, takesFirst := args[0].hand(), args[0].takes()
	if len(args) == 1 {
		return func(c *Call) Value {
			if !c.step(at) {
				return failed
			}
			a := first(c)
			if a == nil {
				return Value{kind: typeLift}
			}
			if a.kind&takesFirst != 0 {
				if v, ok := pure(c, a, nil, nil); ok {
					return v
				}
			}
			return c.applyNow(at, f, args)
		}
	}
	second, takesSecond := args[1].hand(), args[1].takes()
	return func(c *Call) Value {
		if !c.step(at) {
			return failed
		}
		a, b := first(c), second(c)
		if a == nil || b == nil {
			return Value{kind: typeLift}
		}
		if a.kind&takesFirst != 0 && b.kind&takesSecond != 0 {
			if v, ok := pure(c, a, b, nil); ok {
				return v
			}
		}
		return c.applyNow(at, f, args)
	}
}

// applyPure computes the arguments and calls the short cut or, with the same arguments,
// the function. What it puts on the stack stays there.
func (c *Call) applyPure(at *site, f *Function, args []argument) Value {
	var given [maxPure]*Value
	quick := true
	for i := range args {
		v := c.keep(&args[i])
		if v.kind&typeSignal != 0 {
			return *v
		}
		quick = quick && v.kind&args[i].takes() != 0
		given[i] = v
	}
	if quick {
		if v, ok := f.pure(c, given[0], given[1], given[2]); ok {
			return v
		}
	}
	base := len(c.stack)
	null := false
	for i := range args {
		v := *given[i]
		if !c.admit(at, args[i].param, &v, &null) {
			return failed
		}
		c.stack = append(c.stack, v)
	}
	return c.call(base, at, f, len(args), null)
}

// keep computes an argument and returns where it stays while others are computed.
func (c *Call) keep(a *argument) *Value {
	if hand := a.hand(); hand != nil {
		switch p := hand(c); {
		case p == nil:
		case a.param.Set || a.code.constant != nil:
			return p
		default:
			c.stack = append(c.stack, *p) // it changes with the row
			return &c.stack[len(c.stack)-1]
		}
	}
	c.stack = append(c.stack, c.compute(a))
	return &c.stack[len(c.stack)-1]
}

// compute computes an argument.
func (c *Call) compute(a *argument) Value {
	switch {
	case a.code.constant != nil:
		return *a.code.constant
	case !a.param.Set:
		return a.code.one(c)
	case c.row < 0:
		return a.code.all(c)
	default:
		return c.outside(a.code.all)
	}
}

// applyAt is apply with the place on the stack where the arguments begin.
func (c *Call) applyAt(base int, at *site, f *Function, args []argument) Value {
	null := false
	for i := range args {
		a := &args[i]
		if hand := a.hand(); hand != nil {
			if p := hand(c); p != nil && p.kind&a.takes() != 0 {
				c.stack = append(c.stack, *p)
				continue
			}
		}
		v := c.compute(a)
		if v.kind&typeSignal != 0 {
			return v
		}
		if !c.admit(at, a.param, &v, &null) {
			return failed
		}
		c.stack = append(c.stack, v)
	}
	return c.call(base, at, f, len(args), null)
}

// admit makes of an argument what the parameter takes, or fails. It sets null when the
// argument makes the result NULL.
func (c *Call) admit(at *site, p *Param, v *Value, null *bool) bool {
	if v.kind&p.Type == 0 && !c.convert(at, p, v) {
		return false
	}
	if v.kind == typeNull && !p.Null {
		*null = true
	}
	return true
}

// call calls the function with the arguments on the stack.
func (c *Call) call(base int, at *site, f *Function, args int, null bool) Value {
	if null {
		return Value{kind: typeNull}
	}
	for range f.Params[args:] {
		c.stack = append(c.stack, Value{}) // left out; Value.given tells it from NULL
	}
	v, err := f.Eval(c, c.stack[base:])
	switch {
	case err != nil:
		return c.fail(at, err)
	case v.kind == 0:
		return Value{kind: typeNull}
	case v.kind == typeList && !f.ResultSet:
		return c.failf(at, CodeType, "it returns a set of values and is not declared to")
	default:
		return v
	}
}

// hand returns what gets the argument where it need not be computed, else nil.
func (a *argument) hand() func(*Call) *Value {
	if a.param.Set {
		return a.code.whole
	}
	return a.code.ref
}

// takes returns the kinds that need no conversion.
func (a *argument) takes() Type {
	if a.param.Set {
		return a.param.Type | typeList
	}
	return a.param.Type
}

// convert makes of an argument what the parameter takes, or fails.
func (c *Call) convert(at *site, p *Param, v *Value) bool {
	switch {
	case v.kind == typeNull || v.kind == 0:
		v.kind = typeNull
		return true
	case v.kind == typeList && p.Set:
		return true
	case v.kind == TypeString && v.untyped && c.retype(p.Type, v):
		return true
	case v.kind == TypeString && p.Type&TypeEnum != 0:
		if w := findWord(p.Words, v.str); w != "" {
			*v = Value{kind: TypeEnum, str: w}
			return true
		}
		c.failf(at, CodeValue, "%s is none of the words it takes", p.Name)
		return false
	}
	c.failf(at, CodeType, "%s takes %s, not %s", p.Name, p.Type, v.kind)
	return false
}

// retype makes the number or boolean that the text of a parameter stands for.
func (c *Call) retype(want Type, v *Value) bool {
	if want&TypeNumber != 0 {
		if n, ok := parseNumber(v.str); ok {
			*v = Number(n)
			return true
		}
	}
	if want&TypeBool != 0 {
		if b, ok := parseBool(v.str); ok {
			*v = Boolean(b)
			return true
		}
	}
	return false
}

var errOverflow = errors.New("the result does not fit into 64 bits")
