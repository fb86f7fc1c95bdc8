package rules

import (
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
