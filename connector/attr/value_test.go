package attr_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// anyValue draws values of all kinds from few contents, so that equal ones are common.
func anyValue() *rapid.Generator[attr.Value] {
	text := rapid.SampledFrom([]string{"", "a", "A", "b", "ä", "\x00\xff", "1"})
	return rapid.OneOf(
		rapid.Map(text, attr.String),
		rapid.Map(text, attr.BinaryString),
		rapid.Map(text, attr.Reference),
		rapid.Map(rapid.SampledFrom([]int64{0, 1, -1, math.MinInt64, math.MaxInt64}), attr.Int),
		rapid.Map(rapid.Bool(), attr.Bool),
	)
}

func TestValueAccess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v        attr.Value
		kind     attr.Kind
		str      string
		num      int64
		truth    bool
		text     string
		shown    string
		goString string
	}{
		{attr.Value{}, attr.Invalid, "", 0, false, "", "invalid", "attr.Value{}"},
		{attr.String("Ann"), attr.KindString, "Ann", 0, false, "Ann", "string(3)", `attr.String("Ann")`},
		{attr.String(""), attr.KindString, "", 0, false, "", "string(0)", `attr.String("")`},
		{attr.Int(-7), attr.KindInt, "", -7, false, "-7", "integer", "attr.Int(-7)"},
		{attr.Int(1), attr.KindInt, "", 1, false, "1", "integer", "attr.Int(1)"},
		{attr.Bool(true), attr.KindBool, "", 1, true, "True", "boolean", "attr.Bool(true)"},
		{attr.Bool(false), attr.KindBool, "", 0, false, "False", "boolean", "attr.Bool(false)"},
		{attr.Binary([]byte{0, 255}), attr.KindBinary, "\x00\xff", 0, false, "AP8=", "binary(2)", `attr.BinaryString("\x00\xff")`},
		{attr.Reference("CN=a"), attr.KindReference, "CN=a", 0, false, "CN=a", "reference(4)", `attr.Reference("CN=a")`},
	} {
		require.Equal(t, c.kind, c.v.Kind(), c.goString)
		require.Equal(t, c.kind == attr.Invalid, c.v.IsZero(), c.goString)
		require.Equal(t, c.str, c.v.Str(), c.goString)
		require.Equal(t, []byte(c.str), c.v.Bytes(), c.goString)
		require.Equal(t, c.num, c.v.Int(), c.goString)
		require.Equal(t, c.truth, c.v.Bool(), c.goString)
		require.Equal(t, c.text, c.v.Text(), c.goString)
		require.Equal(t, c.shown, c.v.String(), c.goString)
		require.Equal(t, c.goString, fmt.Sprintf("%#v", c.v))
	}
}

func TestKindsDoNotMix(t *testing.T) {
	t.Parallel()
	same := []attr.Value{attr.String("1"), attr.BinaryString("1"), attr.Reference("1"), attr.Int(1), attr.Bool(true), {}}
	for i, a := range same {
		for j, b := range same {
			require.Equal(t, i == j, a == b, "%#v %#v", a, b)
			require.Equal(t, i == j, attr.Compare(a, b) == 0, "%#v %#v", a, b)
		}
	}
	require.NotEqual(t, attr.String(""), attr.Value{}, "an empty string is a value")
	require.NotEqual(t, attr.Int(0), attr.Value{})
	require.NotEqual(t, attr.Bool(false), attr.Value{})
}

func TestBinaryIsACopy(t *testing.T) {
	t.Parallel()
	b := []byte("abc")
	v := attr.Binary(b)
	b[0] = 'X'
	require.Equal(t, "abc", v.Str())
	v.Bytes()[0] = 'X'
	require.Equal(t, "abc", v.Str())
}

// What String, %v, %+v, slog and JSON show must not hold content: it is personal data.
func TestValuesDoNotPrint(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	var s attr.Set
	for i, v := range []attr.Value{attr.String(secret), attr.BinaryString(secret), attr.Reference(secret)} {
		s.Put(fmt.Sprint("a", i), v)
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "value", v, "set", s)
		text, err := json.Marshal(map[string]any{"value": v})
		require.NoError(t, err)
		for _, shown := range []string{v.String(), fmt.Sprint(v), fmt.Sprintf("%v %+v %s", v, v, v), fmt.Sprintf("%v %s", s, s), log.String(), string(text)} {
			require.NotContains(t, shown, secret)
			require.NotContains(t, shown, "czNjcmV0") // in Base64
		}
		require.Contains(t, log.String(), "(6)", "kind and size are shown")
	}
	require.Equal(t, "a0(1) a1(1) a2(1)", s.String())
}

func TestKindNames(t *testing.T) {
	t.Parallel()
	for k := attr.KindString; k <= attr.KindReference; k++ {
		parsed, err := attr.ParseKind(k.String())
		require.NoError(t, err)
		require.Equal(t, k, parsed)
	}
	for _, bad := range []string{"", "invalid", "String", "date"} {
		_, err := attr.ParseKind(bad)
		require.Error(t, err, bad)
	}
	require.Equal(t, "kind(9)", attr.Kind(9).String())
	require.Equal(t, []attr.Kind{0, 1, 2, 3, 4, 5},
		[]attr.Kind{attr.Invalid, attr.KindString, attr.KindInt, attr.KindBool, attr.KindBinary, attr.KindReference},
		"kinds are stored by number")
}

func TestCompareIsATotalOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(anyValue(), 3, 3).Draw(t, "values")
		a, b, c := v[0], v[1], v[2]
		require.Equal(t, a == b, attr.Compare(a, b) == 0)
		require.Equal(t, attr.Compare(a, b), -attr.Compare(b, a))
		if attr.Compare(a, b) <= 0 && attr.Compare(b, c) <= 0 {
			require.LessOrEqual(t, attr.Compare(a, c), 0)
		}
	})
	numbers := []attr.Value{attr.Int(10), attr.Int(-3), attr.Int(9)}
	slices.SortFunc(numbers, attr.Compare)
	require.Equal(t, []attr.Value{attr.Int(-3), attr.Int(9), attr.Int(10)}, numbers, "numbers are ordered by size")
}
