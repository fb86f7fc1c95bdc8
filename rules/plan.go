package rules

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A plan lists, for one combination of rules in scope, the flows of each target attribute
// by precedence. Directories know few combinations: plans are kept and shared.
type plan struct {
	class   string // folded
	inbound bool
	rules   [][]*CompiledRule // by contribution
	targets []target          // in name order
	names   []string          // of the targets
	copies  int               // targets that references are copied to

	// Of the latest decision, for sizing the next.
	values, origins atomic.Int32
	managed         atomic.Pointer[managed]
}

// managed is which targets of a plan a decision manages, without those that are left out. Decisions
// share it: most leave out the same ones.
type managed struct {
	left  []int
	names []string
}

// without returns the names of the targets but for some, which are in order.
func (p *plan) without(left []int) []string {
	if len(left) == 0 {
		return p.names
	}
	if m := p.managed.Load(); m != nil && slices.Equal(m.left, left) {
		return m.names
	}
	m := &managed{left: slices.Clone(left), names: make([]string, 0, len(p.names)-len(left))}
	for i, name := range p.names {
		if _, out := slices.BinarySearch(left, i); !out {
			m.names = append(m.names, name)
		}
	}
	p.managed.Store(m)
	return m.names
}

// A target is one attribute of the object that flows make.
type target struct {
	name  string
	merge MergeType
	flows []candidate // by precedence
}

// A candidate is a flow of one contribution.
type candidate struct {
	flow *flow
	in   int // index of the contribution
}

// maxPlans bounds how many plans are kept.
const maxPlans = 4096

type plans struct {
	mu     sync.RWMutex
	byHash map[uint64][]*plan
	count  int
}

// plan returns the plan for the combination of rules.
func (s *Set) plan(inbound bool, class string, in []Contribution) *plan {
	h := hashRules(inbound, class, in)
	p := &s.plans
	p.mu.RLock()
	found := lookupPlan(p.byHash[h], inbound, class, in)
	p.mu.RUnlock()
	if found != nil {
		return found
	}
	made := newPlan(inbound, class, in, true)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byHash == nil || p.count >= maxPlans {
		p.byHash, p.count = make(map[uint64][]*plan), 0
	}
	p.byHash[h] = append(p.byHash[h], made)
	p.count++
	return made
}

func hashRules(inbound bool, class string, in []Contribution) uint64 {
	h := uint64(hashName(class))
	if inbound {
		h++
	}
	mix := func(n uint64) { h = (h ^ n) * 1099511628211 }
	for i := range in {
		mix(1 << 32)
		for _, r := range in[i].Rules {
			mix(uint64(r.index))
		}
	}
	return h
}

func lookupPlan(plans []*plan, inbound bool, class string, in []Contribution) *plan {
	for _, p := range plans {
		if p.inbound == inbound && attr.EqualName(p.class, class) && len(p.rules) == len(in) && p.same(in) {
			return p
		}
	}
	return nil
}

func (p *plan) same(in []Contribution) bool {
	for i := range in {
		if !slices.Equal(p.rules[i], in[i].Rules) {
			return false
		}
	}
	return true
}

// newPlan makes a plan. Explanations want the flows that only repeat others, too.
func newPlan(inbound bool, class string, in []Contribution, lean bool) *plan {
	p := &plan{class: attr.Fold(class), inbound: inbound}
	byName := make(map[string]int)
	for i := range in {
		p.rules = append(p.rules, slices.Clone(in[i].Rules))
		for _, r := range in[i].Rules {
			if !attr.EqualName(r.TargetType, class) && r.TargetType != anyType {
				continue
			}
			for _, f := range r.flows {
				at, ok := byName[attr.Fold(f.target)]
				if !ok {
					at = len(p.targets)
					byName[attr.Fold(f.target)] = at
					p.targets = append(p.targets, target{name: f.target, merge: f.source.Merge})
				}
				p.targets[at].flows = append(p.targets[at].flows, candidate{f, i})
			}
		}
	}
	slices.SortFunc(p.targets, func(a, b target) int { return attr.CompareNames(a.name, b.name) })
	for i := range p.targets {
		t := &p.targets[i]
		slices.SortStableFunc(t.flows, func(a, b candidate) int { return byPrecedence(a.flow.rule, b.flow.rule) })
		if lean {
			t.flows = withoutRepeats(t.flows)
		}
		p.names = append(p.names, t.name)
		if slices.ContainsFunc(t.flows, func(c candidate) bool { return c.flow.copies }) {
			p.copies++
		}
	}
	return p
}

// withoutRepeats leaves out flows that do what one of higher precedence does already: when
// that has nothing to give, they have nothing either. Rules for single services of Entra
// ID repeat each other a lot.
func withoutRepeats(flows []candidate) []candidate {
	out := flows[:0]
	for _, c := range flows {
		if !slices.ContainsFunc(out, func(o candidate) bool { return o.in == c.in && o.flow.repeats(c.flow) }) {
			out = append(out, c)
		}
	}
	return out
}

// repeats reports whether two flows of one space to one target always say the same.
func (f *flow) repeats(o *flow) bool {
	if f.once != o.once || f.rule.space != o.rule.space || (f.program == nil) != (o.program == nil) || (f.constant == nil) != (o.constant == nil) {
		return false
	}
	switch {
	case f.program != nil:
		return f.program.Normalized() == o.program.Normalized() && !impure.MatchString(f.program.Source())
	case f.constant != nil:
		return f.constant[0] == o.constant[0]
	default:
		return f.slot == o.slot
	}
}
