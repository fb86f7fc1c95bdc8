package expr

import (
	"strings"
)

// A verdict is what a condition comes to. Conditions are most of what rules compute, and a
// verdict is cheaper to hand around than a Value.
type verdict uint8

const (
	isFalse verdict = iota
	isTrue
	isLift   // see typeLift
	isFailed // see typeFail
)

func verdictOf(b bool) verdict {
	if b {
		return isTrue
	}
	return isFalse
}

// value returns the verdict as a Value.
func (v verdict) value() Value {
	switch v {
	case isFalse, isTrue:
		return Value{kind: TypeBool, num: int64(v)}
	case isLift:
		return Value{kind: typeLift}
	default:
		return failed
	}
}

// condition returns what computes the node as a condition.
func (k *code) condition(at *site) func(*Call) verdict {
	if k.test != nil {
		return k.test
	}
	one := k.one
	return func(c *Call) verdict {
		v := one(c)
		switch v.kind {
		case typeLift:
			return isLift
		case typeFail:
			return isFailed
		}
		b, good := c.truth(at, &v)
		if !good {
			return isFailed
		}
		return verdictOf(b)
	}
}

// conditionCode returns code for a node that gives True or False.
func conditionCode(at *site, test func(*Call) verdict, rows func(*Call) int) *code {
	done := lifted(at, func(c *Call) Value { return test(c).value() }, rows)
	done.test = test
	return done
}

// load computes a single value, without a copy where that can be. tmp is room for it.
func (k *code) load(c *Call, tmp *Value) *Value {
	if k.ref == nil {
		*tmp = k.one(c)
		return tmp
	}
	if v := k.ref(c); v != nil {
		return v
	}
	*tmp = Value{kind: typeLift}
	return tmp
}

// testOf returns a function's test with its argument, where the function has one.
func testOf(at *site, f *Function, args []argument, one thunk) func(*Call) verdict {
	switch {
	case len(args) != 1:
		return nil
	case f.test != nil && args[0].code.from != nil:
		// The usual case: all of an attribute.
		test, slot, from := f.test, args[0].code.from.slot, args[0].code.from.site
		return func(c *Call) verdict {
			v := &c.attrs[slot]
			if v.kind == 0 {
				v = c.load(v, slot, from)
			}
			switch {
			case v.kind == typeFail, !c.step(at):
				return isFailed
			}
			return verdictOf(test(v))
		}
	case f.test != nil && args[0].code.whole != nil:
		test, whole := f.test, args[0].code.whole
		return func(c *Call) verdict {
			if v := whole(c); v.kind&(TypeAny|typeNull|typeList) != 0 {
				if !c.step(at) {
					return isFailed
				}
				return verdictOf(test(v))
			}
			v := one(c)
			return verdictOf(v.Bool()) | failure(&v)
		}
	case f.Name == "CBool" && args[0].code.test != nil:
		test := args[0].code.test
		return func(c *Call) verdict {
			if !c.step(at) {
				return isFailed
			}
			return test(c)
		}
	}
	return nil
}

// putOf returns a function's put with its argument, where it has one that need not be
// computed.
func putOf(at *site, f *Function, args []argument) func(*Call, []byte) ([]byte, verdict) {
	if f.put == nil || len(args) != 1 || args[0].hand() == nil {
		return nil
	}
	put, hand, takes := f.put, args[0].hand(), args[0].takes()
	return func(c *Call, dst []byte) ([]byte, verdict) {
		a := hand(c)
		if a == nil || a.kind&takes == 0 {
			return dst, isFalse
		}
		if !c.step(at) {
			return dst, isFailed
		}
		out, err := put(c, dst, a)
		if err != nil {
			c.fail(at, err)
			return dst, isFailed
		}
		return out, isTrue
	}
}

// failure returns isFailed for the signal of a failure.
func failure(v *Value) verdict {
	if v.kind == typeFail {
		return isFailed
	}
	return isFalse
}

// textTest recognises the two conditions on text that rules use most, and returns a test
// that makes no text and counts no characters: Left(a,n) = "…" with n characters, and
// InStr(a,"…") > 0. It returns nil for everything else.
func textTest(at *site, op operator, left, right *code, slow func(*Call) verdict) func(*Call) verdict {
	call, want := left.call, right.constant
	if call == nil || len(call.args) != 2 || want == nil {
		return nil
	}
	text, second := call.args[0].code, call.args[1].code.constant
	if second == nil || text.constant != nil {
		return nil
	}
	holds := strings.HasPrefix
	match := ""
	switch name := call.function.Name; {
	case name == "Left" && op == opEqual && want.kind == TypeString && second.kind == TypeNumber && plainASCII(want.str) && int64(len(want.str)) == second.num:
		match = want.str
	case name == "InStr" && op == opGreater && want.kind == TypeNumber && want.num == 0 && second.kind == TypeString:
		holds, match = strings.Contains, second.str
	}
	if match == "" {
		return nil
	}
	return func(c *Call) verdict {
		var space Value
		v := text.load(c, &space)
		switch {
		case v.kind == TypeString, v.IsNull():
		case v.kind&typeSignal != 0:
			return signalOf(v)
		default:
			return slow(c) // which fails
		}
		if err := c.Work(2 + len(v.str)/64); err != nil { // what the two nodes would have counted
			c.fail(at, err)
			return isFailed
		}
		return verdictOf(holds(v.str, match))
	}
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
