package ad

// A tally remembers which objects a full import has sent, where some could be seen twice or
// never: they move while containers, or domains, are read one after the other. A nil tally
// remembers nothing.
type tally struct {
	by     map[guid]int32 // the domain that showed the object
	domain int32          // that is being read
	twice  map[guid]struct{}
}

func newTally() *tally { return &tally{by: map[guid]int32{}, twice: map[guid]struct{}{}} }

// add reports whether an object is to be sent.
func (t *tally) add(g guid) bool {
	if t == nil {
		return true
	}
	if first, again := t.by[g]; again {
		if first != t.domain {
			t.twice[g] = struct{}{}
		}
		return false
	}
	t.by[g] = t.domain
	return true
}

// takeBack forgets an object that was not sent after all.
func (t *tally) takeBack(g guid) {
	if t != nil {
		delete(t.by, g)
	}
}

func (t *tally) has(g guid) bool {
	_, ok := t.by[g]
	return ok
}
