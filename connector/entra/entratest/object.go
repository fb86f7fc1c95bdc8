package entratest

import (
	"encoding/json"
	"slices"
	"time"
)

// object is one directory object. The state's lock guards all of it.
type object struct {
	id      string
	kind    *kind
	vals    []value // properties that are set, in no order
	deleted time.Time
	visible time.Time // reads before this instant answer 404: replication has not reached them
	born    uint64    // revision that created it
	changes []uint64  // revisions that touched it, ascending
	purged  bool

	manager  *object
	reports  *ordered // users whose manager it is
	members  *ordered
	owners   *ordered
	memberOf *ordered // groups and roles it is a direct member of
	ownerOf  *ordered
	keys     []keyCredential // of applications
}

// value is one property that is set: string, bool, int64, []string,
// map[string]string or json.RawMessage. A time is its RFC 3339 text.
type value struct {
	p *property
	v any
}

func (o *object) live() bool { return o.deleted.IsZero() && !o.purged }

func (o *object) get(p *property) any {
	for i := range o.vals {
		if o.vals[i].p == p {
			return o.vals[i].v
		}
	}
	switch p.name {
	case "id":
		return o.id
	case "deletedDateTime":
		if !o.deleted.IsZero() {
			return o.deleted.UTC().Format(time.RFC3339)
		}
	}
	return nil
}

// prop returns the value of the property with that name; nil when unset.
func (o *object) prop(name string) any {
	p := o.kind.byName[name]
	if p == nil {
		return nil
	}
	return o.get(p)
}

func (o *object) str(name string) string {
	s, _ := o.prop(name).(string)
	return s
}

func (o *object) flag(name string) bool {
	b, _ := o.prop(name).(bool)
	return b
}

func (o *object) list(name string) []string {
	l, _ := o.prop(name).([]string)
	return l
}

// set stores v, or removes the property when v is nil or empty.
func (o *object) set(p *property, v any) {
	i := slices.IndexFunc(o.vals, func(e value) bool { return e.p == p })
	switch {
	case emptyValue(v) && i >= 0:
		o.vals = slices.Delete(o.vals, i, i+1)
	case emptyValue(v):
	case i >= 0:
		o.vals[i].v = v
	default:
		o.vals = append(o.vals, value{p, v})
	}
}

func emptyValue(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []string:
		return len(v) == 0
	case map[string]string:
		return len(v) == 0
	case json.RawMessage:
		return len(v) == 0
	}
	return false
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return emptyValue(b)
	case []string:
		b, _ := b.([]string)
		return slices.Equal(a, b)
	case map[string]string:
		b, _ := b.(map[string]string)
		if len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || v != w {
				return false
			}
		}
		return true
	case json.RawMessage:
		b, _ := b.(json.RawMessage)
		return string(a) == string(b)
	default:
		return a == b
	}
}

// links returns the relation's set: members, owners; nil when the kind has none.
func (o *object) links(relation string) *ordered {
	switch relation {
	case "members":
		return o.members
	case "owners":
		return o.owners
	}
	return nil
}

// ordered is a set of objects in the order in which they were added, with
// cheap removal and cheap resumption after any entry. The nil set is empty.
type ordered struct {
	at    map[*object]uint64
	order []entry
	next  uint64
	dead  int
}

type entry struct {
	seq uint64
	o   *object // nil once removed
}

func (s *ordered) has(o *object) bool {
	if s == nil {
		return false
	}
	_, ok := s.at[o]
	return ok
}

func (s *ordered) len() int {
	if s == nil {
		return 0
	}
	return len(s.at)
}

// add appends o and reports whether it was absent.
func (s *ordered) add(o *object) bool {
	if s.has(o) {
		return false
	}
	if s.at == nil {
		s.at = make(map[*object]uint64, 1)
	}
	s.next++
	s.at[o] = s.next
	s.order = append(s.order, entry{s.next, o})
	return true
}

// remove takes o out and reports whether it was there.
func (s *ordered) remove(o *object) bool {
	if !s.has(o) {
		return false
	}
	i := s.search(s.at[o])
	s.order[i].o = nil
	delete(s.at, o)
	s.dead++
	if s.dead > 32 && s.dead > len(s.order)/2 {
		s.order = slices.DeleteFunc(s.order, func(e entry) bool { return e.o == nil })
		s.dead = 0
	}
	return true
}

// search returns the index of the first entry whose seq is at least seq.
func (s *ordered) search(seq uint64) int {
	i, _ := slices.BinarySearchFunc(s.order, seq, func(e entry, q uint64) int {
		switch {
		case e.seq < q:
			return -1
		case e.seq > q:
			return 1
		}
		return 0
	})
	return i
}

// after calls yield with every entry behind seq until it returns false.
func (s *ordered) after(seq uint64, yield func(seq uint64, o *object) bool) {
	if s == nil {
		return
	}
	for _, e := range s.order[s.search(seq+1):] {
		if e.o != nil && !yield(e.seq, e.o) {
			return
		}
	}
}

// all returns the objects in order.
func (s *ordered) all() []*object {
	if s == nil {
		return nil
	}
	out := make([]*object, 0, len(s.at))
	for _, e := range s.order {
		if e.o != nil {
			out = append(out, e.o)
		}
	}
	return out
}
