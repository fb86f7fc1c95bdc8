package attr_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector/attr"
)

func values(texts ...string) []attr.Value {
	var out []attr.Value
	for _, s := range texts {
		out = append(out, attr.String(s))
	}
	return out
}

// A setModel does what a Set does with plain maps.
type setModel struct {
	values   map[string][]attr.Value
	spelling map[string]string
}

func (m *setModel) put(name string, v []attr.Value) {
	key := attr.Fold(name)
	if len(v) == 0 {
		delete(m.values, key)
		delete(m.spelling, key)
		return
	}
	if m.spelling[key] == "" {
		m.spelling[key] = name
	}
	m.values[key] = v
}

func (m *setModel) apply(mod attr.Mod) {
	var out []attr.Value
	if !mod.Replace {
		for _, v := range m.values[attr.Fold(mod.Name)] {
			if !slices.Contains(mod.Deletes, v) || slices.Contains(mod.Adds, v) {
				out = append(out, v)
			}
		}
	}
	for _, v := range mod.Adds {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	m.put(mod.Name, out)
}

func TestSetAgainstModel(t *testing.T) {
	t.Parallel()
	name := rapid.SampledFrom([]string{"mail", "Mail", "MAIL", "cn", "sn", "SN", "z", "member"})
	rapid.Check(t, func(t *rapid.T) {
		var s attr.Set
		m := &setModel{map[string][]attr.Value{}, map[string]string{}}
		distinct := func() []attr.Value {
			return rapid.SliceOfNDistinct(anyValue(), 0, 30, func(v attr.Value) attr.Value { return v }).Draw(t, "values")
		}
		t.Repeat(map[string]func(*rapid.T){
			"put":    func(t *rapid.T) { n, v := name.Draw(t, "n"), distinct(); s.Put(n, v...); m.put(n, v) },
			"delete": func(t *rapid.T) { n := name.Draw(t, "n"); s.Delete(n); m.put(n, nil) },
			"append": func(t *rapid.T) {
				n := name.Draw(t, "n")
				v := slices.DeleteFunc(distinct(), func(v attr.Value) bool { return slices.Contains(s.Values(n), v) })
				s.Append(n, v...)
				m.put(n, slices.Concat(m.values[attr.Fold(n)], v))
			},
			"apply": func(t *rapid.T) {
				mod := attr.Mod{Name: name.Draw(t, "n"), Replace: rapid.Bool().Draw(t, "replace"), Adds: distinct(), Deletes: distinct()}
				before := s.Clone()
				kept := slices.Clone(s.Values(mod.Name))
				shared := s.Values(mod.Name)
				changed := s.Apply(mod)
				m.apply(mod)
				require.Equal(t, kept, shared, "Apply does not write to slices that were given out")
				require.Equal(t, changed, !before.Equal(&s), "Apply reports whether the set changed")
				again := s.Clone()
				require.False(t, again.Apply(mod), "applying twice changes nothing")
				if !changed {
					m.values[attr.Fold(mod.Name)] = s.Values(mod.Name) // the order may differ
					if len(s.Values(mod.Name)) == 0 {
						m.put(mod.Name, nil)
					}
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(m.values), s.Len())
				require.Equal(t, slices.Sorted(maps.Keys(m.values)), folded(slices.Collect(s.Names())), "names come in order")
				for n, v := range s.All() {
					key := attr.Fold(n)
					require.Equal(t, m.spelling[key], n, "the first spelling stays")
					require.True(t, attr.SameValues(m.values[key], v))
					require.True(t, s.Has(n))
					first, ok := s.First(key)
					require.True(t, ok)
					require.Equal(t, v[0], first)
					require.Equal(t, v[0].Text(), s.Text(key))
				}
			},
		})
	})
}

func folded(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, attr.Fold(n))
	}
	return out
}

func TestSetZero(t *testing.T) {
	t.Parallel()
	var s attr.Set
	require.Zero(t, s.Len())
	require.False(t, s.Has("mail"))
	require.Nil(t, s.Values("mail"))
	require.Empty(t, s.Text("mail"))
	_, ok := s.First("mail")
	require.False(t, ok)
	s.Delete("mail")
	s.Append("mail")
	s.Put("mail")
	require.Zero(t, s.Len(), "an attribute without values does not exist")
	require.True(t, s.Equal(&attr.Set{}))
	require.Empty(t, s.String())
}

func TestSetCloneIsIndependent(t *testing.T) {
	t.Parallel()
	s := attr.NewSet(map[string][]attr.Value{"mail": values("a", "b"), "cn": values("x")})
	c := s.Clone()
	require.True(t, s.Equal(&c))
	c.Apply(attr.Mod{Name: "mail", Adds: values("c"), Deletes: values("a")})
	require.Equal(t, values("b", "c"), c.Values("mail"))
	c.Put("cn", values("y")...)
	c.Delete("mail")
	c.Append("sn", values("z")...)
	require.Equal(t, values("a", "b"), s.Values("mail"))
	require.Equal(t, "x", s.Text("cn"))
	require.False(t, s.Has("sn"))
}

func TestSetAppendDoesNotWriteToGivenSlices(t *testing.T) {
	t.Parallel()
	given := make([]attr.Value, 1, 4)
	given[0] = attr.String("a")
	var s attr.Set
	s.Put("mail", given...)
	s.Append("mail", attr.String("b"))
	require.Equal(t, attr.Value{}, given[:2][1])
	require.Equal(t, values("a", "b"), s.Values("MAIL"))
}

func TestSetEqual(t *testing.T) {
	t.Parallel()
	a := attr.NewSet(map[string][]attr.Value{"mail": values("a", "b"), "CN": values("x")})
	for name, c := range map[string]struct {
		other map[string][]attr.Value
		want  bool
	}{
		"same":            {map[string][]attr.Value{"mail": values("a", "b"), "CN": values("x")}, true},
		"other case":      {map[string][]attr.Value{"MAIL": values("a", "b"), "cn": values("x")}, true},
		"other order":     {map[string][]attr.Value{"mail": values("b", "a"), "CN": values("x")}, true},
		"value case":      {map[string][]attr.Value{"mail": values("A", "b"), "CN": values("x")}, false},
		"value twice":     {map[string][]attr.Value{"mail": values("a", "a"), "CN": values("x")}, false},
		"one less":        {map[string][]attr.Value{"mail": values("a", "b")}, false},
		"another name":    {map[string][]attr.Value{"mail": values("a", "b"), "sn": values("x")}, false},
		"one value fewer": {map[string][]attr.Value{"mail": values("a"), "CN": values("x")}, false},
	} {
		b := attr.NewSet(c.other)
		require.Equal(t, c.want, a.Equal(&b), name)
		require.Equal(t, c.want, b.Equal(&a), name)
	}
}

func TestSetIterationStops(t *testing.T) {
	t.Parallel()
	s := attr.NewSet(map[string][]attr.Value{"b": values("1"), "A": values("2"), "c": values("3")})
	var names []string
	for n := range s.All() {
		names = append(names, n)
		break
	}
	for n := range s.Names() {
		names = append(names, n)
		if len(names) == 3 {
			break
		}
	}
	require.Equal(t, []string{"A", "A", "b"}, names)
}
