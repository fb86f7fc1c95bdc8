package rules

import (
	"fmt"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Contribution is what one connector-space object brings to a metaverse object.
type Contribution struct {
	Connector string
	Subject   *Subject
	Rules     []*CompiledRule // the inbound rules in whose scope it is, by precedence
}

// A Decision is what rules say about one target object.
type Decision struct {
	// Values holds the values that the rules gave. Copied references are not among them.
	// The slices may belong to the subjects: do not change them.
	Values attr.Set
	// Managed lists, in order, the target attributes about which the rules have a say:
	// one that is managed and has neither values nor a copy shall have no value. What is
	// not managed stays as it is. The slice is shared: do not change it.
	Managed []string
	// Copies lists the reference attributes that shall be copied value by value.
	Copies []Copy
	// Origins says, in attribute order, which rule and which contribution each attribute
	// comes from. Merged attributes have several entries. An attribute that keeps its
	// prior value names the rule that said IgnoreThisFlow.
	Origins []Origin
	// Errors lists the flows that failed. The object's results must not be used then.
	Errors []*FlowError

	room []attr.Value // for single values
	left []int        // targets of the plan that are not managed
}

// reset empties a decision for another object. Its slices are used again.
func (d *Decision) reset(p *plan) {
	d.Values.Clear()
	d.Origins, d.Copies, d.Errors, d.left = d.Origins[:0], d.Copies[:0], nil, d.left[:0]
	d.Values.Grow(int(p.values.Load()))
	if cap(d.Origins) == 0 {
		d.Origins = make([]Origin, 0, p.origins.Load())
	}
	if cap(d.Copies) == 0 && p.copies > 0 {
		d.Copies = make([]Copy, 0, p.copies)
	}
}

// roomSize is how many single values a decision makes room for at a time.
const roomSize = 16

// keep returns the value as a slice that nobody else writes to, however long the decision is used.
func (d *Decision) keep(v attr.Value) []attr.Value {
	if len(d.room) == cap(d.room) {
		d.room = make([]attr.Value, 0, roomSize)
	}
	n := len(d.room)
	d.room = append(d.room, v)
	return d.room[n : n+1 : n+1]
}

// A Copy is a reference attribute that is copied value by value.
type Copy struct {
	Target, Source string
	Rule           *CompiledRule
	Contribution   int // index into the contributions
}

// An Origin names the rule that an attribute comes from.
type Origin struct {
	Attribute    string
	Rule         *CompiledRule
	Contribution int // index into the contributions
	// Source, when not "", is the reference attribute that is copied value by value.
	Source string
}

// The codes of a [FlowError].
const (
	// CodeFunction: an expression failed, or the rule called Error.
	CodeFunction = "sync-rule-error-function-triggered"
	// CodeMultiToSingle: several values for an attribute that takes one.
	CodeMultiToSingle = "flow-multi-values-to-single-value"
	// CodeTypeMismatch: a value of another kind than the attribute's.
	CodeTypeMismatch = "cs-attribute-type-mismatch"
	// CodeConstraint: text that is too long for an indexed attribute.
	CodeConstraint = "mv-constraint-violation"
	// CodeJoinMulti: the source attribute of a join has several values.
	CodeJoinMulti = "join-object-id-must-be-single-valued"
	// CodeJoinRules: several rules that join are in scope.
	CodeJoinRules = "join-rule-conflict"
	// CodeParameter: a scope condition names a parameter that does not exist.
	CodeParameter = "sync-rule-parameter-missing"
	// CodeSource: references could not be loaded.
	CodeSource = "sync-rule-source-failed"
)

// A FlowError says that a flow, scope or join of a rule failed for an object. Its text
// holds no attribute values.
type FlowError struct {
	Rule      *CompiledRule
	Attribute string // target of the flow, source attribute of a scope or join condition
	Code      string // one of the codes above
	Err       error
}

// Error names the rule, the attribute and what went wrong.
func (e *FlowError) Error() string {
	return fmt.Sprintf("rule %q, attribute %s: %s: %v", e.Rule.Name, e.Attribute, e.Code, e.Err)
}

// Unwrap returns the cause.
func (e *FlowError) Unwrap() error { return e.Err }
