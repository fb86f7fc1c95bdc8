package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Function is one function of the language. The checker, the evaluator and the
// documentation all read it.
//
// Arguments are checked before Eval is called: they have one of the kinds of their
// parameter. Where several values stand for a parameter that is no Set, the whole
// expression is evaluated once per value (lifting), so Eval only ever sees one.
type Function struct {
	Name    string
	Chapter string // of the documentation
	Params  []Param
	Result  Type
	// ResultSet says that the result is a set of values.
	ResultSet bool
	// Volatile says that equal arguments may give different results, or that the function
	// is called for its effect: it is never computed at compile time.
	Volatile bool
	Doc      string // what it does, for authors of rules; full sentences
	Examples []Example

	// Eval computes the result. It must not keep args, which is reused. An error that is no
	// *[EvalError] becomes one with CodeValue; it must not contain values.
	Eval func(c *Call, args []Value) (Value, error)

	// reuse is Eval for a first argument that is a new set, which it may write to.
	reuse func(c *Call, args []Value) (Value, error)

	form form // how it is compiled when it is no ordinary function

	// Short cuts of built-in functions, which must agree with Eval: test, with the one
	// argument; pure, with up to three arguments of the kinds that they take, which may leave
	// a case to Eval (a third argument that is not there is nil); and put, with the one
	// argument, which appends the result to dst.
	test func(v *Value) bool
	pure func(c *Call, a, b, d *Value) (Value, bool)
	put  func(c *Call, dst []byte, a *Value) ([]byte, error)
}

// A Param is one parameter of a function.
type Param struct {
	Name     string
	Type     Type
	Set      bool     // takes all values at once
	Optional bool     // may be left out; all that follow are optional too. NULL then, if Null is set
	Null     bool     // NULL is passed to Eval; otherwise the result is NULL without a call
	Words    []string // the words that TypeEnum stands for
}

// An Example shows a function at work. Tests run it.
type Example struct {
	Given map[string][]attr.Value // attributes
	Expr  string
	Want  string // as Result.Text writes it, or "error: " and the message
}

// A form says how the arguments of a special function are treated.
type form uint8

const (
	formPlain form = iota
	formIIF
	formSwitch
	formSelect
	formWhere
	formWith
	formImported
	formCount
)

// Functions returns the built-in functions, by chapter and in the order in which the
// documentation describes them.
func Functions() []Function {
	out := slices.Concat(flowFunctions(), testFunctions(), mathFunctions(), convertFunctions(),
		dateFunctions(), directoryFunctions(), setFunctions(), textFunctions(), certFunctions(), sourceFunctions())
	return out
}

// Signature returns the function as an author would declare it, such as
// "text Mid(text str, number start, [number count])".
func (f *Function) Signature() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(signatureType(f.Result, f.ResultSet) + " " + f.Name))
	b.WriteString("(")
	for i := range f.Params {
		p := &f.Params[i]
		if i > 0 {
			b.WriteString(", ")
		}
		s := strings.TrimSpace(signatureType(p.Type, p.Set) + " " + p.Name)
		if p.Optional {
			s = "[" + s + "]"
		}
		b.WriteString(s)
	}
	b.WriteString(")")
	return b.String()
}

func signatureType(t Type, set bool) string {
	s := "any"
	switch {
	case t == 0:
		s = ""
	case t&TypeAny != TypeAny:
		s = strings.ReplaceAll(t.String(), " or ", "/")
	}
	if set {
		s = "set of " + s
	}
	return s
}

// required returns the number of arguments that cannot be left out.
func (f *Function) required() int {
	for i := range f.Params {
		if f.Params[i].Optional {
			return i
		}
	}
	return len(f.Params)
}

// builtins returns the table by name. It is made once, at first use; nobody writes to it.
var builtins = sync.OnceValue(func() map[string]*Function {
	table := make(map[string]*Function)
	for _, f := range Functions() {
		table[f.Name] = &f
	}
	// The reference's table of contents spells it in capitals.
	table["GUID"] = table["Guid"]
	return table
})

// functionTable returns the built-in functions and the host's.
func functionTable(own []Function) (map[string]*Function, error) {
	if len(own) == 0 {
		return builtins(), nil
	}
	table := maps.Clone(builtins())
	for i := range own {
		f := own[i]
		switch {
		case f.Name == "" || !isWordStart(f.Name) || wordLen(f.Name) != len(f.Name):
			return nil, fmt.Errorf("function %q: that is no name", f.Name)
		case table[f.Name] != nil:
			return nil, fmt.Errorf("function %s exists already", f.Name)
		case f.Eval == nil:
			return nil, fmt.Errorf("function %s has no Eval", f.Name)
		case f.Result == 0:
			return nil, fmt.Errorf("function %s has no result type", f.Name)
		}
		for j := range f.Params {
			if f.Params[j].Type == 0 {
				return nil, fmt.Errorf("function %s: parameter %s has no type", f.Name, f.Params[j].Name)
			}
			if j > 0 && f.Params[j-1].Optional && !f.Params[j].Optional {
				return nil, fmt.Errorf("function %s: parameter %s follows optional ones and must be optional too", f.Name, f.Params[j].Name)
			}
		}
		table[f.Name] = &f
	}
	return table, nil
}
