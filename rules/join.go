package rules

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A JoinLookup is one group of join criteria with the values of the object that looks for
// its counterpart: all clauses must hold for the object found.
type JoinLookup struct {
	Clauses []JoinClause
}

// A JoinClause asks for objects of the other side whose attribute has the value.
type JoinClause struct {
	Attribute     string
	Value         attr.Value
	CaseSensitive bool
}

// Match reports whether an object of the other side with these attributes satisfies all
// clauses. It tells apart what shares a [JoinKey].
func (l *JoinLookup) Match(attributes *attr.Set) bool {
	for i := range l.Clauses {
		if !l.Clauses[i].match(attributes) {
			return false
		}
	}
	return true
}

func (c *JoinClause) match(attributes *attr.Set) bool {
	values := attributes.Values(c.Attribute)
	if c.CaseSensitive {
		return slices.Contains(values, c.Value)
	}
	key := JoinKey(c.Value)
	return key != "" && slices.ContainsFunc(values, func(v attr.Value) bool { return JoinKey(v) == key })
}

// JoinRule returns the one of the rules in scope that decides about joining, projecting
// and provisioning: the one with join criteria or, where none has any, the provisioning
// rule of the lowest precedence number. It returns nil when no rule brings objects
// together. Precedence does not arbitrate between join criteria: several inbound rules
// with criteria, or outbound ones with different criteria, are an error. Outbound rules
// often repeat the same criteria; the provisioning one among them decides.
func (s *Set) JoinRule(rules []*CompiledRule) (*CompiledRule, error) {
	var joins, provision *CompiledRule
	for _, r := range rules {
		if r.LinkType == Provision && (provision == nil || byPrecedence(r, provision) < 0) {
			provision = r
		}
		switch {
		case !r.HasJoin():
		case joins == nil:
			joins = r
		case r.Direction == Inbound || !sameJoin(r.Join, joins.Join):
			return nil, &FlowError{Rule: r, Attribute: r.Join[0][0].CS, Code: CodeJoinRules,
				Err: fmt.Errorf("rule %q, which is in scope too, has join criteria as well", joins.Name)}
		case r.LinkType == Provision && joins.LinkType != Provision,
			(r.LinkType == Provision) == (joins.LinkType == Provision) && byPrecedence(r, joins) < 0:
			joins = r
		}
	}
	if joins != nil {
		return joins, nil
	}
	return provision, nil
}

// sameJoin reports whether the criteria mean the same. The order of groups counts, that of
// the conditions in a group does not.
func sameJoin(a, b []JoinGroup) bool {
	return slices.EqualFunc(a, b, func(x, y JoinGroup) bool {
		if len(x) != len(y) {
			return false
		}
		for _, c := range x {
			if !slices.ContainsFunc(y, func(o JoinCondition) bool {
				return attr.EqualName(c.CS, o.CS) && attr.EqualName(c.MV, o.MV) && c.CaseSensitive == o.CaseSensitive
			}) {
				return false
			}
		}
		return true
	})
}

// errJoinMulti says why a join fails.
var errJoinMulti = errors.New("an attribute that joins must have one value")

// JoinLookups returns, for each group of the rule's join criteria in order, what to look
// for. Groups of which an attribute has no value are left out. anyValue tells whether any
// attribute of the criteria has a value, which is the condition for projection. The error
// is a *[FlowError].
func (s *Set) JoinLookups(rule *CompiledRule, d Direction, subject *Subject) (lookups []JoinLookup, anyValue bool, err error) {
	for _, group := range rule.Join {
		l := JoinLookup{Clauses: make([]JoinClause, 0, len(group))}
		for _, c := range group {
			source, target := c.CS, c.MV
			if d == Outbound {
				source, target = c.MV, c.CS
			}
			v, err := joinValue(subject, source)
			if err != nil {
				return nil, false, &FlowError{Rule: rule, Attribute: source, Code: CodeJoinMulti, Err: err}
			}
			if v.IsZero() {
				continue
			}
			anyValue = true
			if d == Inbound {
				v = s.joinKind(v, c.MV)
			}
			l.Clauses = append(l.Clauses, JoinClause{Attribute: target, Value: v, CaseSensitive: c.CaseSensitive})
		}
		if len(l.Clauses) == len(group) {
			lookups = append(lookups, l)
		}
	}
	return lookups, anyValue, nil
}

// joinValue returns the one value of the attribute, the zero Value if there is none.
func joinValue(subject *Subject, name string) (attr.Value, error) {
	if attr.EqualName(name, dnName) {
		if subject.DN == "" {
			return attr.Value{}, nil
		}
		return attr.String(subject.DN), nil
	}
	var values []attr.Value
	if subject.Attributes != nil {
		values = subject.Attributes.Values(name)
	}
	switch {
	case len(values) > 1:
		return attr.Value{}, errJoinMulti
	case len(values) == 0 || values[0] == attr.String(""):
		return attr.Value{}, nil
	}
	return values[0], nil
}

// joinKind turns numbers and booleans into text where the metaverse holds text, so that
// they share a key.
func (s *Set) joinKind(v attr.Value, name string) attr.Value {
	a, ok := s.metaverse.Attribute(name)
	if !ok || a.Kind != attr.KindString {
		return v
	}
	switch v.Kind() {
	case attr.KindInt, attr.KindBool, attr.KindReference:
		return attr.String(v.Text())
	default:
		return v
	}
}
