package rules

import (
	"context"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Subject is an object as rules read it: a connector-space object for inbound rules, a
// metaverse object for outbound ones.
type Subject struct {
	Class string
	// Attributes is what [name] reads: for connector-space objects the image with changes
	// that are on their way out applied.
	Attributes *attr.Set
	// Imported is what ImportedValue("name") reads: the image alone. Nil means the same
	// as Attributes.
	Imported *attr.Set
	// DN is what [dn] reads.
	DN string
	// References gives access to reference attributes, which are not in Attributes. Nil
	// means that there are none.
	References References
	// Parameters gives the values of %Name%. Nil means that there are none.
	Parameters Parameters
	// New says that the target object is made by this evaluation, so that flows marked
	// execute-once run.
	New bool
}

// References loads reference attributes of a subject when a rule asks for them.
type References interface {
	// Count returns the number of values without loading them.
	Count(attribute string) (int64, error)
	// Values loads the values as [attr.Reference].
	Values(attribute string) ([]attr.Value, error)
	// MemberOf reports whether the group with the DN has the subject as a direct member.
	MemberOf(groupDN string) (bool, error)
}

// Parameters looks up the values of %Name% in rules.
type Parameters interface {
	Lookup(name string) (string, bool)
}

// MapParameters are parameters in a map. Names are compared exactly.
type MapParameters map[string]string

// Lookup implements [Parameters].
func (m MapParameters) Lookup(name string) (string, bool) {
	v, ok := m[name]
	return v, ok
}

// A Contribution is what one connector-space object brings to a metaverse object.
type Contribution struct {
	Connector string
	Subject   *Subject
	Rules     []*CompiledRule // the inbound rules in whose scope it is, by precedence
}

// A Decision is what rules say about one target object.
type Decision struct {
	// Values holds the values that the rules gave. Copied references are not among them.
	Values attr.Set
	// Managed lists, in order, the target attributes about which the rules have a say:
	// one that is managed and has neither values nor a copy shall have no value. What is
	// not managed stays as it is.
	Managed []string
	// Copies lists the reference attributes that shall be copied value by value.
	Copies []Copy
	// Origins says, in attribute order, which rule and which contribution each attribute
	// comes from. Merged attributes have several entries.
	Origins []Origin
	// Errors lists the flows that failed. The object's results must not be used then.
	Errors []*FlowError
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
}

// A FlowError says that a flow, scope or join of a rule failed for an object. Its text
// holds no attribute values.
type FlowError struct {
	Rule      *CompiledRule
	Attribute string // target of the flow, "" for scope and join
	Code      string // error name, such as "sync-rule-error-function-triggered"
	Err       error
}

// InScope returns the rules of the direction and connector whose source type is the
// subject's class and whose scope holds for it, by precedence.
func (s *Set) InScope(ctx context.Context, d Direction, connector string, subject *Subject) ([]*CompiledRule, error) {
	panic("see eval.go")
}

// Inbound computes the metaverse object of the class from what its connector-space objects
// contribute. prior holds the values that it has now: a flow that says IgnoreThisFlow
// leaves the value as it is when no other rule gives one.
func (s *Set) Inbound(ctx context.Context, class string, in []Contribution, prior *attr.Set, now time.Time) *Decision {
	panic("see eval.go")
}

// Outbound computes the connector-space object of the class in the connector from the
// metaverse object. rules are those in scope; prior holds what the target has now.
func (s *Set) Outbound(ctx context.Context, connector, class string, rules []*CompiledRule, subject *Subject, prior *attr.Set, now time.Time) *Decision {
	panic("see eval.go")
}
