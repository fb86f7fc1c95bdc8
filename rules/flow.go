package rules

import (
	"errors"
	"fmt"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// A flow is a compiled [Flow].
type flow struct {
	rule    *CompiledRule
	source  *Flow
	target  string              // as the schema spells it
	kind    *MetaverseAttribute // what the target takes, nil if that is not known
	inbound bool
	once    bool
	copies  bool // a reference that is copied value by value

	slot     int // of a direct flow's source
	constant []attr.Value
	program  *expr.Program
	// quiet lists the slots that the flow reads if it is NULL while all of them are empty.
	// Most attributes of most objects are, and such flows are not evaluated at all.
	quiet []int
}

// An outcome is what a flow says for one object.
type outcome struct {
	kind   outcomeKind
	multi  bool
	single attr.Value
	values []attr.Value // when multi
}

type outcomeKind uint8

const (
	outcomeNull   outcomeKind = iota // the next rule may contribute
	outcomeValues                    // values
	outcomeCopy                      // copied references
	outcomeIgnore                    // as if the flow did not exist
	outcomeStop                      // AuthoritativeNull
)

// eval returns what the flow says, with values of the kind that the target takes. last
// says that no other flow could give a value: then references need not be counted.
func (f *flow) eval(v *view, last bool) (outcome, error) {
	if f.once && !v.subject.New {
		return outcome{kind: outcomeIgnore}, nil
	}
	switch {
	case f.program != nil:
		return f.evalProgram(v)
	case f.constant != nil:
		return outcome{kind: outcomeValues, multi: true, values: f.constant}, nil
	case f.copies:
		return f.evalCopy(v, last)
	}
	values, err := v.read(f.slot)
	if err != nil {
		return outcome{}, f.fail(CodeSource, err)
	}
	return f.fit(values)
}

// evalCopy finds out whether there is anything to copy, unless that makes no difference.
func (f *flow) evalCopy(v *view, last bool) (outcome, error) {
	if !last {
		n, err := v.size(f.slot)
		if err != nil {
			return outcome{}, f.fail(CodeSource, err)
		}
		if n == 0 {
			return outcome{}, nil
		}
	}
	return outcome{kind: outcomeCopy}, nil
}

func (f *flow) evalProgram(v *view) (outcome, error) {
	r, err := f.program.Eval(&v.input)
	if err != nil {
		var e *expr.EvalError
		if errors.As(err, &e) && e.Code == expr.CodeSource {
			return outcome{}, f.fail(CodeSource, err)
		}
		return outcome{}, f.fail(CodeFunction, err)
	}
	switch r.Kind {
	case expr.Values:
		if r.Multi {
			return f.fit(r.Values)
		}
		return f.fitOne(r.Single)
	case expr.IgnoreThisFlow:
		return outcome{kind: outcomeIgnore}, nil
	case expr.AuthoritativeNull:
		return outcome{kind: outcomeStop}, nil
	case expr.DateTime:
		return outcome{}, f.fail(CodeTypeMismatch, errors.New("a date cannot be stored, convert it with CStr, FormatDateTime or NumFromDate"))
	default:
		return outcome{}, nil
	}
}

// silent reports whether the flow is known to be NULL without evaluating it.
func (f *flow) silent(v *view) bool {
	if f.quiet == nil || f.once {
		return false
	}
	for _, slot := range f.quiet {
		if v.values[slot] != nil {
			return false
		}
	}
	return true
}

// fit checks values against what the target takes.
func (f *flow) fit(values []attr.Value) (outcome, error) {
	switch len(values) {
	case 0:
		return outcome{}, nil
	case 1:
		o, err := f.fitOne(values[0])
		if o.kind == outcomeValues && o.single == values[0] {
			// The source's own slice serves, nothing has to be allocated.
			o.multi, o.values = true, values
		}
		return o, err
	}
	if f.kind != nil && !f.kind.MultiValued {
		return outcome{}, f.fail(CodeMultiToSingle, fmt.Errorf("%d values for an attribute that takes one", len(values)))
	}
	same := true
	for _, v := range values {
		w, err := f.fitValue(v)
		if err != nil {
			return outcome{}, err
		}
		same = same && w == v && !w.IsZero()
	}
	if same {
		return outcome{kind: outcomeValues, multi: true, values: values}, nil
	}
	out := make([]attr.Value, 0, len(values))
	for _, v := range values {
		if w, _ := f.fitValue(v); !w.IsZero() {
			out = append(out, w)
		}
	}
	if len(out) == 0 {
		return outcome{}, nil
	}
	return outcome{kind: outcomeValues, multi: true, values: out}, nil
}

func (f *flow) fitOne(v attr.Value) (outcome, error) {
	v, err := f.fitValue(v)
	if err != nil || v.IsZero() {
		return outcome{}, err
	}
	return outcome{kind: outcomeValues, single: v}, nil
}

// fitValue returns the value as the target takes it, the zero Value for empty text: no
// directory stores that.
func (f *flow) fitValue(v attr.Value) (attr.Value, error) {
	if v.Kind() == attr.KindString && v.Str() == "" {
		return attr.Value{}, nil
	}
	k := f.kind
	if k == nil {
		return v, nil
	}
	if v.Kind() != k.Kind {
		if v.Kind() != attr.KindReference || k.Kind != attr.KindString {
			return attr.Value{}, f.fail(CodeTypeMismatch, fmt.Errorf("%s value for an attribute of kind %s", v.Kind(), k.Kind))
		}
		v = attr.String(v.Str()) // a DN read as text
	}
	if k.Indexed && k.Kind == attr.KindString && len(v.Str()) > maxIndexed && utf16Len(v.Str()) > maxIndexed {
		return attr.Value{}, f.fail(CodeConstraint, fmt.Errorf("text is longer than %d characters", maxIndexed))
	}
	return v, nil
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

func (f *flow) fail(code string, err error) *FlowError {
	return &FlowError{Rule: f.rule, Attribute: f.target, Code: code, Err: err}
}
