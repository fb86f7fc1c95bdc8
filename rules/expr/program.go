package expr

import (
	"fmt"
	"slices"
	"sync"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Program is a compiled expression. It is immutable and safe for concurrent use.
type Program struct {
	source     string
	normalized string
	warnings   []Diagnostic
	limits     Limits
	result     static

	attributes, imported, counted, parameters []string

	run   thunk
	slots []slotRef     // the attributes by slot
	extra int           // number of other slots
	lazy  map[int]thunk // what variables of With stand for, by slot
	// absent is the result when there are no values in the first slot, nil where that alone
	// does not decide.
	absent *Result
	calls  sync.Pool // of *Call
}

// Compile parses and checks an expression and prepares it for evaluation. A nil opts means
// the defaults. The error is an *[Error] that holds every problem found.
func Compile(src string, opts *Options) (*Program, error) {
	if opts == nil {
		opts = &Options{}
	}
	limits := opts.Limits.withDefaults()
	r := &reporter{src: src}
	if len(src) > limits.Source {
		r.src = src[:min(len(src), 200)]
		r.mistake(0, fmt.Sprintf("the expression is longer than %d bytes", limits.Source), "")
		return nil, &Error{r.list}
	}
	table, err := functionTable(opts.Functions)
	if err != nil {
		r.mistake(0, err.Error(), "")
		return nil, &Error{r.list}
	}
	tree := parse(src, limits.Depth, r.mistake)
	check := newChecker(r, opts, table)
	p := &Program{source: src, limits: limits}
	p.result = check.check(tree)
	if r.failed() {
		return nil, &Error{r.sorted()}
	}
	k := &compiler{checker: check, program: p, bySlot: map[slotRef]int{}, sharer: newSharer(check.calls)}
	p.run = k.compile(tree).all
	p.normalized = format(tree)
	p.warnings = r.sorted()
	p.attributes, p.imported = check.attributes.sorted(), check.imported.sorted()
	p.counted, p.parameters = check.counted.sorted(), check.parameters.sorted()
	p.absent = p.whenAbsent(check)
	return p, nil
}

// whenAbsent returns the one result that an expression over one attribute has when that is
// absent, as most are. It returns nil where there is none, and where it is an error.
func (p *Program) whenAbsent(check *checker) *Result {
	for _, f := range check.calls {
		if f.Volatile {
			return nil
		}
	}
	if len(p.slots) != 1 || len(p.counted) > 0 || len(p.parameters) > 0 {
		return nil
	}
	if r, err := p.Eval(nil); err == nil {
		return &r
	}
	return nil
}

// Warnings returns the findings that did not prevent compilation, in the order of the text.
func (p *Program) Warnings() []Diagnostic { return slices.Clone(p.warnings) }

// Source returns the text that was compiled.
func (p *Program) Source() string { return p.source }

// Normalized returns the expression in a form that does not depend on white space,
// redundant brackets or the notation of numbers: for comparing and hashing.
func (p *Program) Normalized() string { return p.normalized }

// Attributes returns the names read by [name], sorted, without duplicates.
func (p *Program) Attributes() []string { return slices.Clone(p.attributes) }

// Imported returns the names read by ImportedValue, sorted, without duplicates.
func (p *Program) Imported() []string { return slices.Clone(p.imported) }

// Counted returns the names read by ValueCount, sorted, without duplicates.
func (p *Program) Counted() []string { return slices.Clone(p.counted) }

// Parameters returns the names of the parameters read, sorted, without duplicates.
func (p *Program) Parameters() []string { return slices.Clone(p.parameters) }

// Type returns the kinds that a result may have, as far as the compiler can tell, and
// whether it may be several values. NULL and the result literals are not among the kinds,
// so an expression that only decides has none.
func (p *Program) Type() (kinds Type, many bool) {
	return p.result.kinds & TypeAny, p.result.many
}

func (p *Program) newCall() *Call {
	return &Call{
		program: p, row: -1, steps: p.limits.Steps, output: p.limits.Output,
		attrs: make([]Value, len(p.slots)), picked: make([]Value, len(p.slots)), slots: make([]Value, p.extra),
	}
}

// Eval evaluates the program. A nil input has nothing in it. The error is an *[EvalError].
func (p *Program) Eval(in *Input) (r Result, err error) {
	if in == nil {
		in = &Input{}
	}
	var values []attr.Value
	if p.absent != nil {
		source := in.source(&p.slots[0])
		if source == nil {
			return *p.absent, nil
		}
		if values, err = source.Values(p.slots[0].name); err == nil && len(values) == 0 {
			return *p.absent, nil
		}
	}
	c, _ := p.calls.Get().(*Call)
	if c == nil {
		c = p.newCall()
	}
	c.in = *in
	if values != nil && err == nil {
		c.attrs[0].load(values)
	}
	v := p.run(c)
	err = c.result(&v, &r)
	c.reset()
	p.calls.Put(c)
	return r, err
}

// What a call keeps room for between evaluations: arguments, and bytes of text.
const (
	maxKeptStack = 1024
	maxKeptText  = 4096
)

// reset makes the call ready for the next evaluation. Of what the last one read it lets go
// of sets, which may be large; texts wait for the next evaluation or the next garbage
// collection.
func (c *Call) reset() {
	for i := range c.attrs {
		c.attrs[i].kind = 0
	}
	releaseSets(c.attrs)
	if c.picks {
		clear(c.picked)
		c.picks = false
	}
	if len(c.slots) > 0 {
		clear(c.slots)
	}
	if cap(c.stack) > maxKeptStack {
		c.stack = nil
	}
	releaseSets(c.stack[:cap(c.stack)])
	if cap(c.buf) > maxKeptText {
		c.buf = nil
	}
	c.err = nil
	c.row, c.steps, c.output = -1, c.program.limits.Steps, c.program.limits.Output
}

func releaseSets(values []Value) {
	for i := range values {
		if v := &values[i]; v.list != nil {
			v.list = nil
		}
	}
}

var whole = site{name: "expression"}

// result turns the value of the whole expression into a Result, which is zero.
func (c *Call) result(v *Value, r *Result) error {
	switch v.kind {
	case typeFail:
		return c.err
	case typeNull, 0:
	case TypeString:
		r.Kind, r.Single = Values, attr.String(v.str)
	case TypeNumber:
		r.Kind, r.Single = Values, attr.Int(v.num)
	case TypeBool, TypeBinary, TypeReference:
		r.Kind, r.Single = Values, v.Attr()
	case typeList:
		r.Kind, r.Multi, r.Values = Values, true, v.list
		if v.untyped {
			r.Kind = DateTime
		}
	case typeIgnore:
		r.Kind = IgnoreThisFlow
	case typeAuthoritative:
		r.Kind = AuthoritativeNull
	case TypeDate:
		r.Kind, r.Single = DateTime, attr.Int(v.num)
	default:
		c.failf(&whole, CodeType, "a word is no result")
		return c.err
	}
	return nil
}
