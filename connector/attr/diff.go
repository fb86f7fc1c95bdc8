package attr

import "slices"

// smallDiff is the number of values up to which looking for each in a list beats a map.
const smallDiff = 12

// SameValues reports whether a and b hold the same values the same number of times,
// without regard to order.
func SameValues(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	if slices.Equal(a, b) {
		return true
	}
	if len(a) == 1 {
		return false
	}
	seen := make(map[Value]int, len(a))
	for _, v := range a {
		seen[v]++
	}
	for _, v := range b {
		if seen[v] == 0 {
			return false
		}
		seen[v]--
	}
	return true
}

// Diff returns the values that must be added to old and deleted from it to hold exactly
// the values of want. Both results keep the order of their source; duplicates count once.
func Diff(old, want []Value) (adds, deletes []Value) {
	return missing(want, old), missing(old, want)
}

// missing returns the values of a that are not in b, each once. It makes no map of b when a
// is small, however large b is: that is one new member of a large group.
func missing(a, b []Value) (out []Value) {
	if len(a) <= smallDiff {
		for _, v := range a {
			if !slices.Contains(b, v) && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
		return out
	}
	seen := make(map[Value]struct{}, len(b)+len(a))
	for _, v := range b {
		seen[v] = struct{}{}
	}
	for _, v := range a {
		if _, ok := seen[v]; !ok {
			seen[v] = struct{}{}
			out = append(out, v)
		}
	}
	return out
}

// without returns a new slice of the values of a that are not in b, in order.
func without(a, b []Value) []Value {
	out := make([]Value, 0, len(a))
	if len(b) <= smallDiff {
		for _, v := range a {
			if !slices.Contains(b, v) {
				out = append(out, v)
			}
		}
		return out
	}
	drop := make(map[Value]struct{}, len(b))
	for _, v := range b {
		drop[v] = struct{}{}
	}
	for _, v := range a {
		if _, ok := drop[v]; !ok {
			out = append(out, v)
		}
	}
	return out
}

// A Mod is a change of one attribute. It either replaces the whole attribute or adds and
// deletes single values; the latter is how one member of a large group travels.
type Mod struct {
	Name    string
	Replace bool    // the attribute ends up with exactly Adds, each once; Deletes is not used
	Adds    []Value // with Replace, no values clear the attribute
	Deletes []Value
}

// Apply carries out the modification. Adding a value that is there already and deleting
// one that is not are no errors: applying twice gives the same set. It reports whether
// the set changed. Neither s's earlier value slices nor m's are modified or kept.
func (s *Set) Apply(m Mod) bool {
	old := s.Values(m.Name)
	if m.Replace {
		adds := missing(m.Adds, nil)
		if SameValues(old, adds) {
			return false
		}
		s.Put(m.Name, adds...)
		return true
	}
	deletes := intersect(m.Deletes, old)
	adds := missing(m.Adds, old)
	// A value both deleted and added in one modification ends up present.
	deletes = missing(deletes, m.Adds)
	if len(deletes) == 0 && len(adds) == 0 {
		return false
	}
	s.Put(m.Name, append(without(old, deletes), adds...)...)
	return true
}

func intersect(a, b []Value) []Value {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	return missing(a, missing(a, b))
}

// ModOf returns the modification that turns the values old of one attribute into want, as
// [Mods] does for whole sets. It reports false where there is nothing to modify.
func ModOf(name string, old, want []Value) (Mod, bool) {
	if SameValues(old, want) {
		return Mod{}, false
	}
	if len(old) <= 1 && len(want) <= 1 {
		return Mod{Name: name, Replace: true, Adds: want}, true
	}
	adds, deletes := Diff(old, want)
	// The same values, some more than once, are nothing to modify.
	return Mod{Name: name, Adds: adds, Deletes: deletes}, len(adds)+len(deletes) > 0
}

// Mods returns the modifications that turn old into want, in name order: whole-attribute
// replacements for attributes with at most one value on both sides, value-level ones
// otherwise. Values that a set holds more than once count once. Names in skip are left out,
// without regard to case.
func Mods(old, want *Set, skip ...string) []Mod {
	var mods []Mod
	add := func(name string, o, w []Value) {
		if slices.ContainsFunc(skip, func(s string) bool { return EqualName(s, name) }) {
			return
		}
		if m, differ := ModOf(name, o, w); differ {
			mods = append(mods, m)
		}
	}
	i, j := 0, 0
	for i < len(old.entries) || j < len(want.entries) {
		c := 0
		switch {
		case i == len(old.entries):
			c = 1
		case j == len(want.entries):
			c = -1
		default:
			c = CompareNames(old.entries[i].name, want.entries[j].name)
		}
		switch {
		case c < 0:
			add(old.entries[i].name, old.entries[i].values, nil)
			i++
		case c > 0:
			add(want.entries[j].name, nil, want.entries[j].values)
			j++
		default:
			add(want.entries[j].name, old.entries[i].values, want.entries[j].values)
			i, j = i+1, j+1
		}
	}
	return mods
}
