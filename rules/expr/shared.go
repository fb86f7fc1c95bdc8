package expr

// Rules ask for the same thing twice, as in Item(a,Contains(a,"SMTP:")) behind
// Contains(a,"SMTP:") > 0. What does not depend on the row is computed once.

// A sharer knows the calls that stand in an expression more than once.
type sharer struct {
	times map[string]int // by normalised text
	slots map[string]int // where the value is kept
}

func newSharer(calls map[*call]*Function) *sharer {
	s := &sharer{times: map[string]int{}, slots: map[string]int{}}
	for n, f := range calls {
		if shareable(n, f) {
			s.times[format(n)]++
		}
	}
	return s
}

// shareable reports whether a call takes a whole set, and otherwise only what is written
// there. Tests are as quick as looking up what they gave.
func shareable(n *call, f *Function) bool {
	if f.form != formPlain || f.Volatile || f.ResultSet || f.test != nil || len(n.args) > len(f.Params) {
		return false
	}
	sets := 0
	for i, a := range n.args {
		switch a.(type) {
		case *attributeRef:
			if !f.Params[i].Set {
				return false
			}
			sets++
		case *literal, *enumWord:
		default:
			return false
		}
	}
	return sets > 0
}

// share makes the code of a call keep its value if it stands in the expression again.
func (k *compiler) share(n *call, f *Function, done *code) *code {
	if !shareable(n, f) {
		return done
	}
	key := format(n)
	if k.sharer.times[key] < 2 {
		return done
	}
	slot, ok := k.sharer.slots[key]
	if !ok {
		slot = k.slot()
		k.sharer.slots[key] = slot
	}
	compute := done.one
	ref := func(c *Call) *Value {
		kept := &c.slots[slot]
		if kept.kind != 0 {
			return kept
		}
		switch v := compute(c); v.kind {
		case typeLift:
			return nil
		case typeFail:
			return &failed
		default:
			*kept = v
			return kept
		}
	}
	shared := scalar(func(c *Call) Value {
		if v := ref(c); v != nil {
			return *v
		}
		return Value{kind: typeLift}
	})
	shared.ref, shared.whole = ref, ref
	return shared
}
