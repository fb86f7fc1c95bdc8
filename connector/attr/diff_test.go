package attr_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// anyValues draws lists on both sides of the size from which maps are used, with duplicates.
func anyValues() *rapid.Generator[[]attr.Value] {
	number := rapid.Map(rapid.Int64Range(0, 60), attr.Int)
	return rapid.OneOf(rapid.SliceOfN(anyValue(), 0, 4), rapid.SliceOfN(number, 0, 50))
}

func anySet() *rapid.Generator[attr.Set] {
	return rapid.Custom(func(t *rapid.T) attr.Set {
		var s attr.Set
		for _, n := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "b", "c", "D", "d"}), 0, 5).Draw(t, "names") {
			s.Put(n, distinct(anyValues().Draw(t, n))...)
		}
		return s
	})
}

func distinct(v []attr.Value) []attr.Value {
	var out []attr.Value
	for _, x := range v {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

func TestDiff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		old, want := anyValues().Draw(t, "old"), anyValues().Draw(t, "want")
		keptOld, keptWant := slices.Clone(old), slices.Clone(want)
		adds, deletes := attr.Diff(old, want)
		require.Equal(t, keptOld, old)
		require.Equal(t, keptWant, want)
		require.Equal(t, distinct(adds), adds, "duplicates count once")
		require.Equal(t, distinct(deletes), deletes, "duplicates count once")
		for _, v := range adds {
			require.True(t, slices.Contains(want, v) && !slices.Contains(old, v))
		}
		for _, v := range deletes {
			require.True(t, slices.Contains(old, v) && !slices.Contains(want, v))
		}
		var s attr.Set
		s.Put("x", old...)
		s.Apply(attr.Mod{Name: "x", Adds: adds, Deletes: deletes})
		require.True(t, attr.SameValues(distinct(want), distinct(s.Values("x"))), "old with adds and without deletes is want")
	})
}

func TestSameValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyValues().Draw(t, "a")
		b := rapid.OneOf(anyValues(), rapid.Permutation(a)).Draw(t, "b")
		sortedA, sortedB := slices.SortedFunc(slices.Values(a), attr.Compare), slices.SortedFunc(slices.Values(b), attr.Compare)
		require.Equal(t, slices.Equal(sortedA, sortedB), attr.SameValues(a, b))
	})
	require.False(t, attr.SameValues(values("a", "a", "b"), values("a", "b", "b")))
	require.True(t, attr.SameValues(nil, []attr.Value{}))
}

func TestModsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		old, want := anySet().Draw(t, "old"), anySet().Draw(t, "want")
		mods := attr.Mods(&old, &want)
		got := old.Clone()
		for i, m := range mods {
			require.True(t, got.Apply(m), "each modification changes something")
			require.False(t, got.Apply(m), "applying twice gives the same set")
			if i > 0 {
				require.Negative(t, attr.CompareNames(mods[i-1].Name, m.Name), "modifications come in name order")
			}
			few := len(old.Values(m.Name)) <= 1 && len(want.Values(m.Name)) <= 1
			require.Equal(t, few, m.Replace, "single values are replaced, others go value by value")
		}
		require.True(t, want.Equal(&got))
		require.Empty(t, attr.Mods(&got, &want), "no difference, no modifications")
	})
}

func TestModsSkip(t *testing.T) {
	t.Parallel()
	old := attr.NewSet(map[string][]attr.Value{"a": values("1"), "B": values("1"), "c": values("1")})
	want := attr.NewSet(map[string][]attr.Value{"a": values("2"), "d": values("1", "2")})
	require.Equal(t, []attr.Mod{
		{Name: "a", Replace: true, Adds: values("2")},
		{Name: "d", Adds: values("1", "2")},
	}, attr.Mods(&old, &want, "b", "C"))
	require.Equal(t, []attr.Mod{
		{Name: "B", Replace: true},
		{Name: "c", Replace: true},
		{Name: "d", Adds: values("1", "2")},
	}, attr.Mods(&old, &want, "A"))
}

func TestModsOfDuplicates(t *testing.T) {
	t.Parallel()
	var once, twice attr.Set
	once.Put("a", values("1")...)
	twice.Put("a", values("1", "1")...)
	require.Empty(t, attr.Mods(&once, &twice), "a value that comes twice counts once")
	require.Empty(t, attr.Mods(&twice, &once))
}

func TestApply(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old     []attr.Value
		mod     attr.Mod
		want    []attr.Value
		changed bool
	}{
		"replace":             {values("a"), attr.Mod{Replace: true, Adds: values("b", "c")}, values("b", "c"), true},
		"replace with less":   {values("a", "b"), attr.Mod{Replace: true, Adds: values("b")}, values("b"), true},
		"replace by same":     {values("a", "b"), attr.Mod{Replace: true, Adds: values("b", "a")}, values("a", "b"), false},
		"replace each once":   {values("a"), attr.Mod{Replace: true, Adds: values("a", "a")}, values("a"), false},
		"clear":               {values("a"), attr.Mod{Replace: true}, nil, true},
		"clear what is not":   {nil, attr.Mod{Replace: true}, nil, false},
		"add":                 {values("a"), attr.Mod{Adds: values("b", "b")}, values("a", "b"), true},
		"add to nothing":      {nil, attr.Mod{Adds: values("b")}, values("b"), true},
		"add what is there":   {values("a"), attr.Mod{Adds: values("a")}, values("a"), false},
		"delete":              {values("a", "b"), attr.Mod{Deletes: values("a")}, values("b"), true},
		"delete the last":     {values("a"), attr.Mod{Deletes: values("a")}, nil, true},
		"delete what is not":  {values("a"), attr.Mod{Deletes: values("b")}, values("a"), false},
		"add wins":            {values("a"), attr.Mod{Adds: values("a"), Deletes: values("a")}, values("a"), false},
		"add wins over none":  {nil, attr.Mod{Adds: values("a"), Deletes: values("a")}, values("a"), true},
		"both":                {values("a", "b"), attr.Mod{Adds: values("c"), Deletes: values("a")}, values("b", "c"), true},
		"Deletes not used":    {values("a"), attr.Mod{Replace: true, Adds: values("a"), Deletes: values("a")}, values("a"), false},
		"nothing":             {values("a"), attr.Mod{}, values("a"), false},
		"case makes a value":  {values("a"), attr.Mod{Adds: values("A")}, values("a", "A"), true},
		"deletes are in case": {values("a"), attr.Mod{Deletes: values("A")}, values("a"), false},
	} {
		var s attr.Set
		s.Put("Mail", c.old...)
		c.mod.Name = "mail"
		require.Equal(t, c.changed, s.Apply(c.mod), name)
		require.Equal(t, c.want, s.Values("mail"), name)
	}
}

func TestApplyKeepsNoSlices(t *testing.T) {
	t.Parallel()
	for _, replace := range []bool{true, false} {
		adds := values("a", "b")
		var s attr.Set
		s.Apply(attr.Mod{Name: "x", Replace: replace, Adds: adds})
		adds[0] = attr.String("changed")
		require.Equal(t, values("a", "b"), s.Values("x"))
	}
}

func numbers(from, to int) []attr.Value {
	out := make([]attr.Value, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, attr.Reference("CN=user "+strconv.Itoa(i)+",OU=People,DC=example"))
	}
	return out
}

// The cost of a large attribute grows with its size, not with its square.
func TestLargeAttributesAreLinear(t *testing.T) {
	t.Parallel()
	const n = 60_000 // squared, this would take a minute
	all := numbers(0, n)
	adds, deletes := attr.Diff(nil, all)
	require.Len(t, adds, n)
	require.Empty(t, deletes)
	var s, none attr.Set
	s.Put("member", all...)
	require.Len(t, attr.Mods(&none, &s)[0].Adds, n)
	require.True(t, none.Apply(attr.Mod{Name: "member", Adds: all}))
	require.True(t, none.Apply(attr.Mod{Name: "member", Deletes: all[1:]}))
	require.Equal(t, all[:1], none.Values("member"))
	require.True(t, none.Apply(attr.Mod{Name: "member", Replace: true, Adds: all}))
}

func BenchmarkApplyOneToLarge(b *testing.B) {
	var s attr.Set
	s.Put("member", numbers(0, 50_000)...)
	one := numbers(50_000, 50_001)
	b.ReportAllocs()
	for b.Loop() {
		s.Apply(attr.Mod{Name: "member", Adds: one})
		s.Apply(attr.Mod{Name: "member", Deletes: one})
	}
}

func BenchmarkDiffLarge(b *testing.B) {
	old, want := numbers(0, 50_000), numbers(10, 50_010)
	b.ReportAllocs()
	for b.Loop() {
		attr.Diff(old, want)
	}
}

func BenchmarkMods(b *testing.B) {
	old, want := person("Ann"), person("Bea")
	b.ReportAllocs()
	for b.Loop() {
		attr.Mods(&old, &want)
	}
}

func BenchmarkSetGet(b *testing.B) {
	s := person("Ann")
	b.ReportAllocs()
	for b.Loop() {
		if s.Text("DISPLAYNAME") != "Ann" {
			b.Fatal("lost")
		}
	}
}

func BenchmarkSetBuild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		person("Ann")
	}
}

// person is an object with as many attributes as a user usually has.
func person(name string) attr.Set {
	var s attr.Set
	s.Put("displayName", attr.String(name))
	for _, n := range []string{
		"cn", "sn", "givenName", "mail", "mailNickname", "userPrincipalName", "sAMAccountName", "department", "title",
		"company", "telephoneNumber", "mobile", "physicalDeliveryOfficeName", "streetAddress", "l", "postalCode", "c", "co",
	} {
		s.Put(n, attr.String("value"))
	}
	s.Put("userAccountControl", attr.Int(512))
	s.Put("proxyAddresses", values("SMTP:a@example.com", "smtp:b@example.com")...)
	return s
}
