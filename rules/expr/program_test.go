package expr_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

func TestNormalized(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"  Trim( [a] )\r\n":                 `Trim([a])`,
		"IIF(\n\t[a]=&HFF,\n\tnull,crlf)":   `IIF([a] = 255,NULL,CRLF)`,
		`((1+2)*(3))`:                       `1 + 2 * 3`,
		`1+(2*3)`:                           `1 + (2 * 3)`,
		`(([a]))&"x""\\y"`:                  `[a] & "x""\\y"`,
		`(True||False)&&True`:               `True || False && True`,
		`True||(False&&True)`:               `True || (False && True)`,
		`([a]=1)=True`:                      `[a] = 1 = True`,
		`[a]=(1=1)`:                         `[a] = (1 = 1)`,
		`GUID()`:                            `Guid()`,
		`Contains([a],"x",caseinsensitive)`: `Contains([a],"x",CaseInsensitive)`,
		`%P% & $x`:                          ``,
		`Select($x,[a],$x & -5)`:            `Select($x,[a],$x & -5)`,
	} {
		p, err := expr.Compile(src, nil)
		if want == "" {
			require.Error(t, err, src)
			continue
		}
		require.NoError(t, err, src)
		require.Equal(t, want, p.Normalized(), src)
		require.Equal(t, src, p.Source())
		again, err := expr.Compile(want, nil)
		require.NoError(t, err)
		require.Equal(t, want, again.Normalized())
	}
}

func TestWhatAProgramReads(t *testing.T) {
	t.Parallel()
	p, err := expr.Compile(`IIF(ValueCount("member")>%Max%,[b],Trim([a] & [b] & ImportedValue("c") & %Domain.FQDN%))`, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, p.Attributes())
	require.Equal(t, []string{"c"}, p.Imported())
	require.Equal(t, []string{"member"}, p.Counted())
	require.Equal(t, []string{"Domain.FQDN", "Max"}, p.Parameters())
}

func TestStaticType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		kind expr.Type
		many bool
	}{
		{`[memberCount] + 1`, expr.TypeNumber, false},
		{`Trim([proxyAddresses])`, expr.TypeString, true},
		{`Item([proxyAddresses],1)`, expr.TypeAny, false},
		{`Count([proxyAddresses])`, expr.TypeNumber, false},
		{`IIF([cloudFiltered],[objectGUID],NULL)`, expr.TypeBinary, false},
		{`IIF([cloudFiltered],IgnoreThisFlow,NULL)`, 0, false},
		{`Now()`, expr.TypeDate, false},
		{`IIF([cloudFiltered],[memberCount],Error("no"))`, expr.TypeNumber, false},
		{`IIF([cloudFiltered],Error("yes"),Error("no"))`, 0, false},
		{`Split([displayName],",")`, expr.TypeString, true},
		{`[displayName] = "x"`, expr.TypeBool, false},
		{`[objectGUID] & CBin(1,1)`, expr.TypeBinary, false},
	}
	for _, tt := range tests {
		p, err := expr.Compile(tt.src, schema())
		require.NoError(t, err, tt.src)
		kind, many := p.Type()
		require.Equal(t, tt.kind, kind, tt.src)
		require.Equal(t, tt.many, many, tt.src)
	}
}

// TestLaziness of sources: an attribute of a branch that is not taken is not read.
func TestSourcesAreReadWhenNeeded(t *testing.T) {
	t.Parallel()
	p, err := expr.Compile(`IIF(ValueCount("member") > 1000 || [big] > 5,Error("too many"),IIF([flag],[small],[member]))`, nil)
	require.NoError(t, err)
	set := attr.NewSet(subject())
	source := &countingSource{Source: expr.FromSet(&set), reads: map[string]int{}}
	_, err = p.Eval(&expr.Input{Attributes: source, Count: func(string) (int64, error) { return 3, nil }})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"big": 1, "flag": 1, "small": 1}, source.reads)
}

type countingSource struct {
	expr.Source
	reads map[string]int
	err   error
}

func (s *countingSource) Values(name string) ([]attr.Value, error) {
	s.reads[name]++
	if s.err != nil {
		return nil, s.err
	}
	return s.Source.Values(name)
}

func TestSourceErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("store is gone")
	for _, src := range []string{`[a]`, `Trim([a])`, `ImportedValue("a") & "x"`, `ValueCount("a")`, `Count([a])`, `Select($x,[a],$x)`, `IIF([a]="x",1,2)`} {
		p, err := expr.Compile(src, nil)
		require.NoError(t, err)
		_, err = p.Eval(&expr.Input{Attributes: &countingSource{reads: map[string]int{}, err: cause}})
		require.ErrorIs(t, err, cause, src)
		var e *expr.EvalError
		require.ErrorAs(t, err, &e)
		require.Equal(t, expr.CodeSource, e.Code)
	}
}

func TestErrorFunction(t *testing.T) {
	t.Parallel()
	p, err := expr.Compile("IIF(IsPresent([accountName]),\n  [accountName],\n  Error(\"AccountName is required\"))", nil)
	require.NoError(t, err)
	_, err = p.Eval(nil)
	var e *expr.EvalError
	require.ErrorAs(t, err, &e)
	require.Equal(t, expr.CodeErrorFunction, e.Code)
	require.Equal(t, "sync-rule-error-function-triggered", e.Code)
	require.Equal(t, "Error", e.Function)
	require.Equal(t, "AccountName is required", e.Message)
	require.Equal(t, 3, e.Line)
	require.Equal(t, 3, e.Column)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	long := attr.NewSet(values{"a": strs(strings.Repeat("x", 1000)), "many": make([]attr.Value, 500)})
	for i := range long.Values("many") {
		long.Values("many")[i] = attr.Int(int64(i))
	}
	tests := []struct {
		src    string
		limits expr.Limits
	}{
		{`With($b,[a] & [a],With($c,$b & $b,With($d,$c & $c,$d & $d)))`, expr.Limits{Output: 10_000}},
		{`Replace([a],"x",[a])`, expr.Limits{Output: 10_000}},
		{`PadLeft([a],10001,"x")`, expr.Limits{Output: 9000}},
		{`Join([many],[a])`, expr.Limits{Output: 10_000}},
		{`ConvertToBase64([a])`, expr.Limits{Output: 100}},
		{`UCase([a])`, expr.Limits{Output: 100}},
		{`Split([a],"x")`, expr.Limits{Output: 1000}},
		{`Trim(CStr([many]))`, expr.Limits{Output: 1000}},
		{`Select($x,[many],Count(Where($y,[many],$x=$y)))`, expr.Limits{Steps: 1000}},
		{`[many] + 1`, expr.Limits{Steps: 100}},
		{`InStr([a],[a],1,vbTextCompare)`, expr.Limits{Steps: 10_000}},
		{`InStrRev([a],[a],1000,vbTextCompare)`, expr.Limits{Steps: 10_000}},
		{`Contains([a],[a],CaseInsensitive)`, expr.Limits{Steps: 10_000}},
		{`Word([a],2,[a])`, expr.Limits{Steps: 10_000}},
		{`InStr([a],"y") + InStr([a],"z")`, expr.Limits{Steps: 10}},
	}
	for _, tt := range tests {
		p, err := expr.Compile(tt.src, &expr.Options{Limits: tt.limits})
		require.NoError(t, err, tt.src)
		_, err = p.Eval(&expr.Input{Attributes: expr.FromSet(&long)})
		var e *expr.EvalError
		require.ErrorAs(t, err, &e, tt.src)
		require.Equal(t, expr.CodeLimit, e.Code, tt.src)

		roomy, err := expr.Compile(tt.src, nil)
		require.NoError(t, err)
		_, err = roomy.Eval(&expr.Input{Attributes: expr.FromSet(&long)})
		require.NoError(t, err, tt.src)
	}
}

func TestLimitsOfCompilation(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("(", n) + "1" + strings.Repeat(")", n) }
	_, err := expr.Compile(nested(200), nil)
	require.NoError(t, err)
	_, err = expr.Compile(nested(201), nil)
	require.ErrorContains(t, err, "brackets are nested more than 200 deep")
	_, err = expr.Compile(strings.Repeat("Trim(", 100_000), &expr.Options{Limits: expr.Limits{Source: 1 << 20}})
	require.ErrorContains(t, err, "brackets are nested more than 200 deep")
	_, err = expr.Compile(strings.Repeat(" ", 300_000)+"1", nil)
	require.ErrorContains(t, err, "longer than 262144 bytes")

	chain := `"a"` + strings.Repeat(` = "a" || "a"`, 10_000) + ` = "a"`
	p, err := expr.Compile(chain, nil)
	require.NoError(t, err, "a long row is not deep")
	require.Equal(t, "True", evalText(p, nil, nil))
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	p, err := expr.Compile(`With($v,Trim([a]),IIF(Count($v)>1,Select($i,$v,$i & [b]),$v & "!"))`, nil)
	require.NoError(t, err)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 200 {
				if i%2 == 0 {
					require.Equal(t, `{"xz","yz"}`, evalText(p, values{"a": strs("x", "y "), "b": strs("z")}, nil))
				} else {
					require.Equal(t, `"x!"`, evalText(p, values{"a": strs(" x")}, nil))
				}
			}
		})
	}
	group.Wait()
}

// TestNothingIsKept makes sure that one evaluation does not see the values of another.
func TestNothingIsKept(t *testing.T) {
	t.Parallel()
	p, err := expr.Compile(`With($v,[a],IIF(IsPresent($v),$v,ImportedValue("b")))`, nil)
	require.NoError(t, err)
	require.Equal(t, `"x"`, evalText(p, values{"a": strs("x")}, nil))
	require.Equal(t, `NULL`, evalText(p, nil, nil))
	require.Equal(t, `{"y","z"}`, evalText(p, values{"b": strs("y", "z")}, nil))
	require.Equal(t, `NULL`, evalText(p, nil, nil))
}

func TestOwnFunctions(t *testing.T) {
	t.Parallel()
	opts := &expr.Options{Functions: []expr.Function{
		{
			Name: "Domain", Result: expr.TypeString, Params: []expr.Param{{Name: "address", Type: expr.TypeString}},
			Eval: func(_ *expr.Call, args []expr.Value) (expr.Value, error) {
				_, domain, ok := strings.Cut(args[0].Str(), "@")
				if !ok {
					return expr.Value{}, errors.New("the address has no @")
				}
				return expr.Text(domain), nil
			},
		},
		{
			Name: "Longest", Result: expr.TypeString, Params: []expr.Param{{Name: "values", Type: expr.TypeString, Set: true}},
			Eval: func(c *expr.Call, args []expr.Value) (expr.Value, error) {
				if err := c.Work(args[0].Len()); err != nil {
					return expr.Value{}, err
				}
				best := args[0].At(0)
				for i := range args[0].Len() {
					if v := args[0].At(i); len(v.Str()) > len(best.Str()) {
						best = v
					}
				}
				return best, nil
			},
		},
		{
			Name: "Pair", Result: expr.TypeString, ResultSet: true,
			Eval: func(*expr.Call, []expr.Value) (expr.Value, error) { return expr.Set(strs("p", "q")), nil },
		},
		{
			Name: "Sly", Result: expr.TypeString,
			Eval: func(*expr.Call, []expr.Value) (expr.Value, error) { return expr.Set(strs("p", "q")), nil },
		},
	}}
	for src, want := range map[string]string{
		`Domain(Item([proxyAddresses],1))`: `"contoso.com"`,
		`Domain([proxyAddresses])`:         `{"contoso.com","contoso.com"}`,
		`Domain([absent])`:                 `NULL`,
		`Longest([proxyAddresses])`:        `"SMTP:john.doe@contoso.com"`,
		`UCase(Pair())`:                    `{"P","Q"}`,
		`Domain([alias])`:                  `error: Domain at 1:1: failed: the address has no @`,
		`Sly()`:                            `error: Sly at 1:1: it returns a set of values and is not declared to`,
	} {
		p, err := expr.Compile(src, opts)
		require.NoError(t, err, src)
		require.Equal(t, want, evalText(p, subject(), nil), src)
	}
	_, err := expr.Compile(`Domian("x")`, opts)
	require.ErrorContains(t, err, "did you mean Domain?")
	_, err = expr.Compile(`Domain(5)`, opts)
	require.ErrorContains(t, err, "Domain takes text here, not number")
	noop := func(*expr.Call, []expr.Value) (expr.Value, error) { return expr.Value{}, nil }
	for want, f := range map[string]expr.Function{
		"function Trim exists already":                  {Name: "Trim", Result: expr.TypeString, Eval: noop},
		`function "a b": that is no name`:               {Name: "a b", Result: expr.TypeString, Eval: noop},
		"function F has no Eval":                        {Name: "F", Result: expr.TypeString},
		"function F has no result type":                 {Name: "F", Eval: noop},
		"function F: parameter p has no type":           {Name: "F", Result: expr.TypeString, Eval: noop, Params: []expr.Param{{Name: "p"}}},
		"parameter q follows optional ones and must be": {Name: "F", Result: expr.TypeString, Eval: noop, Params: []expr.Param{{Name: "p", Type: expr.TypeString, Optional: true}, {Name: "q", Type: expr.TypeString}}},
	} {
		_, err := expr.Compile(`1`, &expr.Options{Functions: []expr.Function{f}})
		require.ErrorContains(t, err, want)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	set := attr.NewSet(subject())
	eval := func(src string) expr.Result {
		p, err := expr.Compile(src, nil)
		require.NoError(t, err)
		r, err := p.Eval(&expr.Input{Attributes: expr.FromSet(&set)})
		require.NoError(t, err)
		return r
	}
	one := eval(`[alias]`)
	first, ok := one.First()
	require.True(t, ok)
	require.Equal(t, attr.String("joe"), first)
	require.Equal(t, []attr.Value{attr.String("joe")}, one.All())
	require.Equal(t, 1, one.Len())
	three := eval(`[three]`)
	first, ok = three.First()
	require.True(t, ok)
	require.Equal(t, attr.String("a"), first)
	require.Equal(t, 3, three.Len())
	require.Equal(t, strs("x", "a", "b", "c"), three.Append(strs("x")))
	none := eval(`NULL`)
	_, ok = none.First()
	require.False(t, ok)
	require.Zero(t, none.Len())
	require.Nil(t, none.All())
	require.Equal(t, "authoritativeNull", eval(`AuthoritativeNull`).Kind.String())
}

// TestAllocations: what gives one value allocates nothing but the text that it makes.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	set := attr.NewSet(subject())
	in := &expr.Input{Attributes: expr.FromSet(&set), Now: noon, Parameters: func(string) (string, bool) { return "contoso.com", true }}
	for src, want := range map[string]float64{
		`Trim([displayName])`: 0,
		`IIF(IsPresent([displayName]),Left(Trim([displayName]),448),[cn])`:           0,
		`CBool(IIF(InStr(DNComponent(CRef([dn]),1),"\\0ACNF:")>0,True,NULL))`:        0,
		`IIF(BitAnd([n],2) = 0 && Contains([proxyAddresses],"SMTP:") > 0,[dn],NULL)`: 0,
		`With($m,Item([proxyAddresses],2),IIF(Left($m,5)="SMTP:",Mid($m,6),NULL))`:   0,
		`Word([displayName],2," ")`:                                                      0,
		`CertNotAfter([userCertificate]) > Now()`:                                        1, // the certificate's fields
		`[alias] & "@" & %Domain.FQDN%`:                                                  1,
		`UCase([alias])`:                                                                 1,
		`"CN={" & ConvertToUTF8Hex([alias]) & "}"`:                                       1,
		`LCase([alias]) & "@" & CStr([n]) & ConvertToBase64([displayName])`:              1,
		`ConvertToBase64([displayName])`:                                                 1,
		`RemoveDuplicates(Trim([proxyAddresses]))`:                                       1,
		`IIF(Count([proxyAddresses])>15,AuthoritativeNull,[proxyAddresses])`:             0,
		`IIF(IsString([objectGUID]),CStr([alias]),ConvertToUTF8Hex([alias])) & [absent]`: 2,
	} {
		p, err := expr.Compile(src, nil)
		require.NoError(t, err)
		got := testing.AllocsPerRun(200, func() {
			if _, err := p.Eval(in); err != nil {
				t.Error(err)
			}
		})
		require.LessOrEqual(t, got, want, src)
	}
}
