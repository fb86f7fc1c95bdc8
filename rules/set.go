package rules

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Set is a compiled set of rules: immutable, and safe for concurrent use.
type Set struct {
	metaverse *MetaverseSchema
	rules     []*CompiledRule // not disabled, by direction, precedence and ID
	disabled  []*CompiledRule // for explanations
	spaces    map[spaceKey]*space
	warnings  []Diagnostic
	hash      string
	plans     plans
}

// A CompiledRule is one rule of a [Set]. It is immutable.
type CompiledRule struct {
	Rule
	index int // position in Set.rules
	space *space
	scope [][]condition
	flows []*flow
}

// HasJoin reports whether the rule has join criteria.
func (r *CompiledRule) HasJoin() bool { return len(r.Join) > 0 }

// spaceKey names what one kind of subject is evaluated against.
type spaceKey struct {
	direction Direction
	connector string // folded
}

// A space holds the rules of one direction and connector and the attributes that they read.
type space struct {
	table   table
	refs    []bool // by slot: a reference attribute, loaded on demand
	dnSlot  int    // slot of dn, -1 where no rule reads it
	classes map[string][]*CompiledRule
	views   sync.Pool
}

// Metaverse returns the metaverse's schema. Do not change it.
func (s *Set) Metaverse() *MetaverseSchema { return s.metaverse }

// Rules returns all rules that are not disabled, by direction and precedence.
func (s *Set) Rules() []*CompiledRule { return slices.Clone(s.rules) }

// Warnings returns the findings that do not keep the set from being used.
func (s *Set) Warnings() []Diagnostic { return slices.Clone(s.warnings) }

// Hash identifies the meaning of the set: it changes whenever an evaluation may differ.
// Names, descriptions, white space in expressions and the order of flows do not count.
func (s *Set) Hash() string { return s.hash }

// InScope returns the rules of the direction and connector whose source type is the
// subject's class and whose scope holds for it, by precedence. The error is a *[FlowError],
// or ctx's.
func (s *Set) InScope(ctx context.Context, d Direction, connector string, subject *Subject) ([]*CompiledRule, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	sp := s.spaces[spaceKey{d, attr.Fold(connector)}]
	if sp == nil {
		return nil, nil
	}
	candidates := sp.classes[attr.Fold(subject.Class)]
	if len(candidates) == 0 {
		return nil, nil
	}
	v := sp.open(subject, time.Time{})
	defer v.close()
	var room [64]*CompiledRule
	in := room[:0]
	for _, r := range candidates {
		ok, _, err := r.holds(v)
		if err != nil {
			return nil, err
		}
		if ok {
			in = append(in, r)
		}
	}
	return slices.Clone(in), nil
}

// MVJoinAttributes returns the metaverse attributes by which inbound joins look objects up.
func (s *Set) MVJoinAttributes() []string {
	var names nameSet
	for _, r := range s.rules {
		for _, g := range r.Join {
			for _, c := range g {
				if r.Direction == Inbound {
					names.add(c.MV)
				}
			}
		}
	}
	return names.sorted()
}

// CSJoinAttributes returns the attributes of the connector's objects by which outbound
// joins look objects up.
func (s *Set) CSJoinAttributes(connector string) []string {
	var names nameSet
	for r := range s.of(connector, Outbound) {
		for _, g := range r.Join {
			for _, c := range g {
				names.add(c.CS)
			}
		}
	}
	return names.sorted()
}

// ImportAttributes returns the attributes of the connector's objects that the rules read
// or write: those an import has to deliver.
func (s *Set) ImportAttributes(connector string) []string {
	names := nameSet{}
	if sp := s.spaces[spaceKey{Inbound, attr.Fold(connector)}]; sp != nil {
		names.add(sp.table.names...)
	}
	names.add(s.CSJoinAttributes(connector)...)
	names.add(s.ExportAttributes(connector)...)
	return names.sorted()
}

// ExportAttributes returns the attributes of the connector's objects that the rules write.
func (s *Set) ExportAttributes(connector string) []string {
	var names nameSet
	for r := range s.of(connector, Outbound) {
		for i := range r.Flows {
			names.add(r.Flows[i].Target)
		}
	}
	return names.sorted()
}

// Classes returns the object classes of the connector that rules have to do with.
func (s *Set) Classes(connector string) []string {
	var names nameSet
	for r := range s.of(connector, Inbound) {
		names.add(r.SourceType)
	}
	for r := range s.of(connector, Outbound) {
		names.add(r.TargetType)
	}
	return names.sorted()
}

// MemberGroups returns the DNs of the groups that scopes of inbound rules ask for members of:
// whoever becomes a member, or is none any more, has to be evaluated again.
func (s *Set) MemberGroups(connector string) []string {
	var dns []string
	for r := range s.of(connector, Inbound) {
		for _, group := range r.scope {
			for i := range group {
				if dn := group[i].source.Value; group[i].compare == cmpMemberOf && !slices.Contains(dns, dn) {
					dns = append(dns, dn)
				}
			}
		}
	}
	return dns
}

// of iterates over the rules of the connector and direction, by precedence.
func (s *Set) of(connector string, d Direction) func(func(*CompiledRule) bool) {
	return func(yield func(*CompiledRule) bool) {
		for _, r := range s.rules {
			if r.Direction == d && attr.EqualName(r.Connector, connector) && !yield(r) {
				return
			}
		}
	}
}

// byPrecedence orders rules by direction, precedence and ID.
func byPrecedence(a, b *CompiledRule) int {
	return cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Precedence, b.Precedence), cmp.Compare(a.ID, b.ID))
}

// A nameSet collects attribute names without regard to case.
type nameSet struct{ names []string }

func (n *nameSet) add(names ...string) {
	for _, name := range names {
		if attr.EqualName(name, dnName) {
			continue // a DN is no attribute
		}
		if i, found := slices.BinarySearchFunc(n.names, name, attr.CompareNames); !found {
			n.names = slices.Insert(n.names, i, name)
		}
	}
}

func (n *nameSet) sorted() []string { return n.names }
