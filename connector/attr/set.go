package attr

import (
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
)

// A Set holds the attributes of one object: case-insensitive names, each with one or more
// values in the order in which they were put. The zero Set is empty and ready to use.
//
// Value slices returned by a Set belong to it: read them, do not change them. Slices given
// to it are kept, not copied.
type Set struct {
	entries []entry // sorted by name without regard to case
}

type entry struct {
	name   string
	values []Value
}

// NewSet returns a set of the given attributes. It is meant for tests and small literals.
func NewSet(attributes map[string][]Value) Set {
	var s Set
	for name, values := range attributes {
		s.Put(name, values...)
	}
	return s
}

func (s *Set) find(name string) (int, bool) {
	lo, hi := 0, len(s.entries)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		at := s.entries[mid].name
		// Most names differ in the first letter, which is compared here without a call.
		if len(at) > 0 && len(name) > 0 {
			if a, b := lower(at[0]), lower(name[0]); a != b {
				if a < b {
					lo = mid + 1
				} else {
					hi = mid
				}
				continue
			}
		}
		switch c := CompareNames(at, name); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// Len returns the number of attributes.
func (s *Set) Len() int { return len(s.entries) }

// Has reports whether the attribute exists, that is, has at least one value.
func (s *Set) Has(name string) bool {
	_, ok := s.find(name)
	return ok
}

// Values returns all values of the attribute in order, nil if it does not exist.
func (s *Set) Values(name string) []Value {
	if i, ok := s.find(name); ok {
		return s.entries[i].values
	}
	return nil
}

// First returns the first value of the attribute and whether there is one.
func (s *Set) First(name string) (Value, bool) {
	if i, ok := s.find(name); ok {
		return s.entries[i].values[0], true
	}
	return Value{}, false
}

// Text returns [Value.Text] of the first value, "" if the attribute does not exist.
func (s *Set) Text(name string) string {
	v, _ := s.First(name)
	return v.Text()
}

// Put gives the attribute exactly these values; none removes it. The spelling of a name
// that exists already is kept.
func (s *Set) Put(name string, values ...Value) {
	if n := len(s.entries); len(values) > 0 && (n == 0 || CompareNames(s.entries[n-1].name, name) < 0) {
		s.entries = append(s.entries, entry{name, values}) // names that come in order
		return
	}
	i, ok := s.find(name)
	switch {
	case len(values) == 0:
		if ok {
			s.entries = slices.Delete(s.entries, i, i+1)
		}
	case ok:
		s.entries[i].values = values
	default:
		s.entries = slices.Insert(s.entries, i, entry{name, values})
	}
}

// Grow makes room for n more attributes, so that putting them in name order needs no
// further allocation.
func (s *Set) Grow(n int) { s.entries = slices.Grow(s.entries, n) }

// Clear removes all attributes and keeps the room for them.
func (s *Set) Clear() {
	clear(s.entries)
	s.entries = s.entries[:0]
}

// Append adds values to the attribute, creating it where needed. It does not look for
// duplicates; [Set.Apply] does. It copies the values that are there already: give it many
// at a time.
func (s *Set) Append(name string, values ...Value) {
	if len(values) == 0 {
		return
	}
	if i, ok := s.find(name); ok {
		s.entries[i].values = append(slices.Clip(s.entries[i].values), values...)
		return
	}
	s.Put(name, values...)
}

// Delete removes the attribute.
func (s *Set) Delete(name string) { s.Put(name) }

// All iterates over the attributes in name order. The set must not change meanwhile.
func (s *Set) All() iter.Seq2[string, []Value] {
	return func(yield func(string, []Value) bool) {
		for _, e := range s.entries {
			if !yield(e.name, e.values) {
				return
			}
		}
	}
}

// Names iterates over the attribute names in order.
func (s *Set) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, e := range s.entries {
			if !yield(e.name) {
				return
			}
		}
	}
}

// Clone returns a set that can be changed without touching s. Both share the slices of
// values, which no method changes.
func (s *Set) Clone() Set { return Set{entries: slices.Clone(s.entries)} }

// Equal reports whether both sets have the same names, without regard to case, with the
// same values, without regard to order.
func (s *Set) Equal(o *Set) bool {
	if len(s.entries) != len(o.entries) {
		return false
	}
	for i := range s.entries {
		a, b := s.entries[i], o.entries[i]
		if !EqualName(a.name, b.name) || !SameValues(a.values, b.values) {
			return false
		}
	}
	return true
}

// String lists names with the number of values, never the values.
func (s Set) String() string {
	var b strings.Builder
	for i, e := range s.entries {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s(%d)", e.name, len(e.values))
	}
	return b.String()
}

// LogValue is what [log/slog] prints: names and value counts.
func (s Set) LogValue() slog.Value { return slog.StringValue(s.String()) }
