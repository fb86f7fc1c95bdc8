package expr

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// samples are values of every kind, with the borders that functions have.
var samples = []Value{
	{kind: typeNull}, Text(""), Text("x"), Text(" CAS_{1} "), Text("CAS_\xff"), Text("żółć 😀"), Text("SMTP:a@x"), Text(string(make([]byte, 300))),
	Number(0), Number(3), Number(-1), Number(1 << 62), Boolean(true), Boolean(false), Binary(""), Binary("0123456789abcdef"),
	Binary(string(make([]byte, 100))), Reference("CN=x"), Reference(""),
	Set([]attr.Value{attr.String("a"), attr.String("SMTP:a@x")}), Set([]attr.Value{attr.String(""), attr.String("")}),
	Set([]attr.Value{attr.Reference("x"), attr.String("x")}), Set([]attr.Value{attr.Int(1), attr.Int(2)}),
}

// TestShortCutsAgree holds the short cuts of functions to what Eval gives.
func TestShortCutsAgree(t *testing.T) {
	t.Parallel()
	program, err := Compile("1", nil)
	require.NoError(t, err)
	checked := 0
	for _, f := range Functions() {
		if f.test == nil && f.pure == nil && f.put == nil {
			continue
		}
		checked++
		n := f.required()
		eachArguments(n, func(args []Value) {
			for i := range n {
				if takes := (&argument{param: &f.Params[i]}).takes(); args[i].kind&takes == 0 && f.test == nil {
					return // never given to the short cut
				}
			}
			all := append(slices.Clone(args), make([]Value, len(f.Params)+maxPure)...)
			want, wantErr := f.Eval(program.newCall(), all[:len(f.Params)])
			if f.test != nil {
				require.NoError(t, wantErr)
				require.Equal(t, want.Bool(), f.test(&args[0]), "%s(%v)", f.Name, args)
			}
			if f.pure != nil {
				third := &all[2]
				if n < maxPure {
					third = nil
				}
				if got, ok := f.pure(program.newCall(), &all[0], &all[1], third); ok {
					require.NoError(t, wantErr, "%s(%v)", f.Name, args)
					require.Equal(t, want, got, "%s(%v)", f.Name, args)
				}
			}
			if f.put != nil {
				got, err := f.put(program.newCall(), []byte("before"), &args[0])
				require.Equal(t, wantErr, err, "%s(%v)", f.Name, args)
				require.Equal(t, "before"+want.str, string(got), "%s(%v)", f.Name, args)
			}
		})
	}
	require.GreaterOrEqual(t, checked, 15)
}

// eachArguments calls do with all combinations of n samples.
func eachArguments(n int, do func([]Value)) {
	args := make([]Value, n)
	var fill func(int)
	fill = func(i int) {
		if i == n {
			do(args)
			return
		}
		for _, v := range samples {
			args[i] = v
			fill(i + 1)
		}
	}
	fill(0)
}

// TestTextTestsAgree compares the conditions that make no text with the same ones in a form
// that is not recognised.
func TestTextTestsAgree(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"CAS_", "C", "}", "SMTP:", "@", "ż", " CAS_"} {
		pairs := [][2]string{
			{fmt.Sprintf(`Left([a],%d)="%s"`, len(text), text), fmt.Sprintf(`"%s"=Left([a],%d)`, text, len(text))},
			{fmt.Sprintf(`InStr([a],"%s")>0`, text), fmt.Sprintf(`0<InStr([a],"%s")`, text)},
			{fmt.Sprintf(`InStr(Item([a],1),"%s")>0`, text), fmt.Sprintf(`0<InStr(Item([a],1),"%s")`, text)},
			{fmt.Sprintf(`IIF(Left(Trim([a]),%d)="%s",[a],NULL)`, len(text), text), fmt.Sprintf(`IIF("%s"=Left(Trim([a]),%d),[a],NULL)`, text, len(text))},
			{fmt.Sprintf(`"%s" & ConvertToUTF8Hex([a]) & CStr([a])`, text), fmt.Sprintf(`"%s" & Mid(ConvertToUTF8Hex([a]),1) & Mid(CStr([a]),1)`, text)},
			{fmt.Sprintf(`IIF(Left([a],%d)="%s" && InStr([a],"}")>0,[a],NULL)`, len(text), text),
				fmt.Sprintf(`IIF("%s"=Left([a],%d) && 0<InStr([a],"}"),[a],NULL)`, text, len(text))},
		}
		for _, p := range pairs {
			quick, err := Compile(p[0], nil)
			require.NoError(t, err)
			slow, err := Compile(p[1], nil)
			require.NoError(t, err)
			for _, v := range samples {
				in := &Input{Attributes: one{v}}
				want, wantErr := slow.Eval(in)
				got, gotErr := quick.Eval(in)
				require.Equal(t, want, got, "%s of %v", p[0], v)
				require.Equal(t, wantErr == nil, gotErr == nil, "%s of %v: %v, %v", p[0], v, gotErr, wantErr)
			}
		}
	}
}

// one is a source that has the same value in every attribute.
type one struct{ v Value }

func (o one) Values(string) ([]attr.Value, error) {
	switch {
	case o.v.IsNull():
		return nil, nil
	case o.v.kind == typeList:
		return o.v.list, nil
	}
	return []attr.Value{o.v.Attr()}, nil
}

// TestNestedShortCutsAreLinear holds that nothing is computed twice for a short cut that
// came to nothing: that would double with each level.
func TestNestedShortCutsAreLinear(t *testing.T) {
	t.Parallel()
	src := "[a]"
	for range 60 {
		src = "Left(Trim(" + src + "),5)"
	}
	p, err := Compile(src+`="x"`, &Options{Limits: Limits{Steps: 1000}})
	require.NoError(t, err)
	for _, v := range samples {
		_, err := p.Eval(&Input{Attributes: one{v}})
		var failure *EvalError
		if err != nil {
			require.ErrorAs(t, err, &failure)
			require.NotEqual(t, CodeLimit, failure.Code, v)
		}
	}
}

// TestSharedCallsAreComputedOnce counts how often a set is looked through, and holds that
// sharing changes no result.
func TestSharedCallsAreComputedOnce(t *testing.T) {
	t.Parallel()
	twice := `IIF(Contains([a],"SMTP:")>0,Item([a],Contains([a],"SMTP:")),NULL)`
	apart := `IIF(Contains([a],"SMTP:")>0,Item([a],Contains([a],"SMTP:",CaseSensitive)),NULL)`
	calls := 0
	counted := Function{
		Name: "Counted", Params: []Param{{Name: "values", Type: TypeAny, Set: true, Null: true}}, Result: TypeNumber,
		Eval: func(_ *Call, a []Value) (Value, error) { calls++; return Number(int64(a[0].Len())), nil },
	}
	p, err := Compile(`Counted([a]) + Counted([a]) & Counted( [a] ) & Counted(NULL)`, &Options{Functions: []Function{counted}})
	require.NoError(t, err)
	for range 2 { // nothing is left for the next evaluation
		calls = 0
		r, err := p.Eval(&Input{Attributes: one{Set([]attr.Value{attr.String("x"), attr.String("y")})}})
		require.NoError(t, err)
		require.Equal(t, `"420"`, r.Text())
		require.Equal(t, 1, calls)
	}
	for _, v := range samples {
		a, err := Compile(twice, nil)
		require.NoError(t, err)
		b, err := Compile(apart, nil)
		require.NoError(t, err)
		in := &Input{Attributes: one{v}}
		want, wantErr := b.Eval(in)
		got, gotErr := a.Eval(in)
		require.Equal(t, want, got, "%v", v)
		require.Equal(t, wantErr == nil, gotErr == nil, "%v", v)
	}
}

// TestComparisonKeepsItsLeftSide compares a value of the current row with something for
// which the same set is gone through.
func TestComparisonKeepsItsLeftSide(t *testing.T) {
	t.Parallel()
	p, err := Compile(`IIF([a] = Item(Trim([a]),1),[a],NULL)`, nil)
	require.NoError(t, err)
	r, err := p.Eval(&Input{Attributes: one{Set([]attr.Value{attr.String("x"), attr.String("y")})}})
	require.NoError(t, err)
	require.Equal(t, `{"x"}`, r.Text())
}
