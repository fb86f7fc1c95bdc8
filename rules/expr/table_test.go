package expr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// noon is the clock of all tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// text evaluates an expression and writes its result as the documentation does.
func text(src string, attributes map[string][]attr.Value) string {
	p, err := expr.Compile(src, nil)
	if err != nil {
		return "compile: " + err.Error()
	}
	return evalText(p, attributes, nil)
}

func evalText(p *expr.Program, attributes map[string][]attr.Value, params map[string]string) string {
	set := attr.NewSet(attributes)
	r, err := p.Eval(&expr.Input{
		Attributes: expr.FromSet(&set),
		Now:        noon,
		Parameters: func(name string) (string, bool) { v, ok := params[name]; return v, ok },
	})
	if err != nil {
		return "error: " + err.Error()
	}
	return r.Text()
}

func TestExamplesOfTheTable(t *testing.T) {
	t.Parallel()
	for _, f := range expr.Functions() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, f.Doc)
			require.NotEmpty(t, f.Chapter)
			require.NotEmpty(t, f.Examples)
			for _, e := range f.Examples {
				require.Equal(t, e.Want, text(e.Expr, e.Given), e.Expr)
			}
		})
	}
}
