// Package expr is the expression language of Microsoft Entra Connect's sync rules: it
// compiles the text of an expression flow once and evaluates it for any number of objects.
//
//	p, err := expr.Compile(`IIF(IsPresent([displayName]),Trim([displayName]),[cn])`, nil)
//	if err != nil {
//		return err // *expr.Error: every problem, with line, column and caret
//	}
//	result, err := p.Eval(&expr.Input{Attributes: expr.FromSet(&object), Now: time.Now()})
//
// The language itself (grammar, priorities, nulls, lifting over multi-valued attributes,
// result literals and each function) is described for authors of rules in
// rules/LANGUAGE.md. The function chapter there is generated from the same table that the
// checker and the evaluator read, see [Functions].
//
// # Programs
//
// [Compile] parses, checks and folds; it reports all problems at once. A [Program] is
// immutable and safe for concurrent use. Evaluation is pure: no I/O besides the given
// [Source], the clock and the source of randomness are inputs. It is bounded in steps,
// nesting and output ([Limits]), and a scalar result costs no allocation beyond the
// result's own text.
//
// # Results and errors
//
// A [Result] says more than a value: NULL, IgnoreThisFlow and AuthoritativeNull mean
// different things to the flow that asked. A failing evaluation gives an *[EvalError] that
// names function and kind of value, never the value. The one exception is the function
// Error: its text is the rule author's own message.
//
// # Own functions
//
// [Options].Functions adds functions of the host to the built-in ones. They are typed the
// same way and are lifted over multi-valued arguments, checked and documented like them.
package expr
