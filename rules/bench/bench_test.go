package bench

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	celext "cel.dev/cel-go/ext"
	exprlang "github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// domain is the parameter that all read.
const domain = "contoso.com"

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ours returns a function that evaluates in our language.
func ours(t testing.TB, src string) func() (expr.Result, error) {
	t.Helper()
	p, err := expr.Compile(src, nil)
	fatal(t, err)
	var set attr.Set
	for name, v := range values {
		switch v := v.(type) {
		case string:
			set.Put(name, attr.String(v))
		case int64:
			set.Put(name, attr.Int(v))
		case []byte:
			set.Put(name, attr.Binary(v))
		case []string:
			for _, s := range v {
				set.Append(name, attr.String(s))
			}
		}
	}
	in := &expr.Input{
		Attributes: expr.FromSet(&set),
		Parameters: func(name string) (string, bool) { return domain, name == "Domain.FQDN" },
	}
	return func() (expr.Result, error) { return p.Eval(in) }
}

// environment is what the peers read.
func environment() map[string]any {
	env := maps.Clone(values)
	for name := range absent {
		env[name] = nil
	}
	env["domain"] = domain
	return env
}

// celProgram returns a function that evaluates CEL. Attributes that are always there are
// declared with their type.
func celProgram(t testing.TB, src string) func() (ref.Val, error) {
	t.Helper()
	opts := []cel.EnvOption{celext.Strings(), celext.Math(), celext.Encoders(), celext.Lists()}
	for name := range environment() {
		opts = append(opts, cel.Variable(name, cel.DynType))
	}
	env, err := cel.NewEnv(opts...)
	fatal(t, err)
	ast, issues := env.Compile(src)
	fatal(t, issues.Err())
	p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
	fatal(t, err)
	in, err := cel.NewActivation(environment())
	fatal(t, err)
	return func() (ref.Val, error) {
		v, _, err := p.Eval(in)
		return v, err
	}
}

// exprProgram returns a function that evaluates Expr.
func exprProgram(t testing.TB, src string) func() (any, error) {
	t.Helper()
	env := environment()
	hexed := exprlang.Function("hex", func(params ...any) (any, error) {
		return strings.ToUpper(hex.EncodeToString([]byte(params[0].(string)))), nil
	}, new(func(string) string))
	// Its own toBase64 takes text only, and objectGUID is binary.
	encoded := exprlang.Function("base64", func(params ...any) (any, error) {
		return base64.StdEncoding.EncodeToString(params[0].([]byte)), nil
	}, new(func([]byte) string))
	p, err := exprlang.Compile(src, exprlang.Env(map[string]any{}), exprlang.AllowUndefinedVariables(), hexed, encoded)
	fatal(t, err)
	machine := &vm.VM{}
	return func() (any, error) { return machine.Run(p, env) }
}

// texts brings results of all three into one form.
func texts(t testing.TB, v any) string {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return v
	case []string:
		return strings.Join(v, "|")
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, texts(t, e))
		}
		return strings.Join(parts, "|")
	case expr.Result:
		if v.Kind == expr.Null {
			return "null"
		}
		var parts []string
		for _, e := range v.All() {
			parts = append(parts, e.Text())
		}
		return strings.Join(parts, "|")
	case traits.Lister:
		var parts []string
		for it := v.Iterator(); it.HasNext() == types.True; {
			parts = append(parts, texts(t, it.Next()))
		}
		return strings.Join(parts, "|")
	case ref.Val:
		if v.Type().TypeName() == "null_type" {
			return "null"
		}
		return texts(t, v.Value())
	}
	t.Fatalf("%T is not expected", v)
	return ""
}

func TestPeersAgree(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := texts(t, c.want)
			o, err := ours(t, c.ours)()
			fatal(t, err)
			v, err := celProgram(t, c.cel)()
			fatal(t, err)
			x, err := exprProgram(t, c.expr)()
			fatal(t, err)
			for name, got := range map[string]string{"ours": texts(t, o), "cel": texts(t, v), "expr": texts(t, x)} {
				if got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func BenchmarkEval(b *testing.B) {
	for _, c := range cases {
		b.Run(c.name+"/ours", func(b *testing.B) { measure(b, ours(b, c.ours)) })
		b.Run(c.name+"/cel", func(b *testing.B) { measure(b, celProgram(b, c.cel)) })
		b.Run(c.name+"/expr", func(b *testing.B) { measure(b, exprProgram(b, c.expr)) })
	}
}

func measure[T any](b *testing.B, eval func() (T, error)) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := eval(); err != nil {
			b.Fatal(err)
		}
	}
}
