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
		done = lifted(at, one, rows)
		done.test = testOf(at, f, args, one)
	}
	if f.Volatile {
		return done
	}
	return k.fold(at, done, parts...)
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

// pureCall calls the short cut of a function with two arguments that are at hand, and
// otherwise the function. It returns nil where there is none.
func pureCall(at *site, f *Function, args []argument) thunk {
	if f.pure == nil || len(args) != 2 || args[0].code.ref == nil || args[1].code.ref == nil {
		return nil
	}
	refA, refB, takesA, takesB := args[0].code.ref, args[1].code.ref, args[0].param.Type, args[1].param.Type
	return func(c *Call) Value {
		if !c.step(at) {
			return failed
		}
		if a := refA(c); a != nil && a.kind&takesA != 0 {
			if b := refB(c); b != nil && b.kind&takesB != 0 {
				if v, ok := f.pure(a, b); ok {
					return v
				}
			}
		}
		return c.applyNow(at, f, args)
	}
}

// applyAt is apply with the place on the stack where the arguments begin.
func (c *Call) applyAt(base int, at *site, f *Function, args []argument) Value {
	null := false
	for i := range args {
		a := &args[i]
		if p := a.atHand(c); p != nil && p.kind&a.param.Type != 0 {
			c.stack = append(c.stack, *p)
			continue
		}
		var v Value
		switch {
		case a.code.constant != nil:
			v = *a.code.constant
		case !a.param.Set:
			v = a.code.one(c)
		case c.row < 0:
			v = a.code.all(c)
		default:
			v = c.outside(a.code.all)
		}
		if v.kind&typeSignal != 0 {
			return v
		}
		if v.kind&a.param.Type == 0 && !c.convert(at, a.param, &v) {
			return failed
		}
		if v.kind == typeNull && !a.param.Null {
			null = true
		}
		c.stack = append(c.stack, v)
	}
	if null {
		return Value{kind: typeNull}
	}
	for range f.Params[len(args):] {
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

// atHand returns the argument where it need not be computed, else nil.
func (a *argument) atHand(c *Call) *Value {
	switch {
	case a.param.Set && a.code.whole != nil:
		return a.code.whole(c)
	case !a.param.Set && a.code.ref != nil:
		return a.code.ref(c)
	}
	return nil
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
