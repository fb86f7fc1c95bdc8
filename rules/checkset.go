package rules

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// checkSet reports what is wrong between rules.
func (c *compiler) checkSet() {
	c.checkIDs()
	c.checkPrecedence()
	c.checkTwice()
	c.checkShared()
	c.checkJoins()
	c.rule, c.flow = nil, ""
}

func (c *compiler) checkIDs() {
	first := make(map[string]*CompiledRule)
	for _, r := range c.all {
		id := attr.Fold(r.ID)
		if other := first[id]; other != nil && id != "" {
			c.rule = r
			c.report(SeverityError, "duplicate-id", "", "rule %q has the same id %s", other.Name, r.ID)
			continue
		}
		first[id] = r
	}
}

// checkPrecedence wants the numbers to be unique. Between connectors a tie decides nothing
// for outbound rules, and for inbound ones the order of ids would: Entra Connect took that
// for long.
func (c *compiler) checkPrecedence() {
	for i, r := range c.set.rules {
		for _, other := range c.set.rules[:i] {
			if other.Direction != r.Direction || other.Precedence != r.Precedence {
				continue
			}
			c.rule = r
			severity := SeverityWarning
			if attr.EqualName(other.Connector, r.Connector) {
				severity = SeverityError
			}
			c.report(severity, "duplicate-precedence", "", "rule %q has the same precedence %d", other.Name, r.Precedence)
			break
		}
	}
}

// checkTwice finds flows of one rule to the same target.
func (c *compiler) checkTwice() {
	for _, r := range c.set.rules {
		seen := make(map[string]*flow)
		for _, f := range r.flows {
			name := attr.Fold(f.target)
			if seen[name] != nil && f.source.Merge == Update {
				c.rule, c.flow = r, f.target
				c.report(SeverityError, "duplicate-flow", "", "the rule has several flows to this target")
				c.flow = ""
			}
			seen[name] = f
		}
	}
}

// checkJoins finds rules with join criteria that are known to be in scope together. For
// such objects joining fails: precedence does not arbitrate.
func (c *compiler) checkJoins() {
	for i, r := range c.set.rules {
		for _, other := range c.set.rules[:i] {
			if !r.HasJoin() || !other.HasJoin() || r.space != other.space || !attr.EqualName(r.SourceType, other.SourceType) ||
				r.Direction == Outbound && (!attr.EqualName(r.TargetType, other.TargetType) || sameJoin(r.Join, other.Join)) {
				continue
			}
			if covers(r, other) || covers(other, r) {
				c.rule = r
				c.report(SeverityWarning, "join-conflict", "", "rule %q has join criteria, too, and is in scope of the same objects", other.Name)
				break
			}
		}
	}
}

// sharedKey names one target attribute.
type sharedKey struct {
	direction                 Direction
	connector, class, targets string
}

// checkShared looks at all flows of one target: their merge types, and whether one always
// decides before another gets its turn.
func (c *compiler) checkShared() {
	first := make(map[sharedKey]*flow)
	byTarget := make(map[sharedKey][]*flow)
	for _, r := range c.set.rules {
		for _, f := range r.flows {
			key := sharedKey{r.Direction, "", attr.Fold(r.TargetType), attr.Fold(f.target)}
			if r.Direction == Outbound {
				key.connector = attr.Fold(r.Connector)
			}
			other := first[key]
			if other == nil {
				first[key] = f
			} else if other.source.Merge != f.source.Merge {
				c.rule, c.flow = r, f.target
				c.report(SeverityError, "mixed-merge", "", "merge type %s, but rule %q has %s for the same target", f.source.Merge, other.rule.Name, other.source.Merge)
			}
			byTarget[key] = append(byTarget[key], f)
			c.checkReached(f, byTarget[key][:len(byTarget[key])-1])
		}
	}
	c.flow = ""
}

// checkReached reports a flow that never has a say, because a rule of higher precedence
// that is in scope whenever this one is always gives a value.
func (c *compiler) checkReached(f *flow, before []*flow) {
	if f.source.Merge != Update {
		return
	}
	for _, b := range before {
		if b.constant != nil && !b.once && attr.EqualName(b.rule.Connector, f.rule.Connector) &&
			attr.EqualName(b.rule.SourceType, f.rule.SourceType) && covers(b.rule, f.rule) {
			c.rule, c.flow = f.rule, f.target
			c.report(SeverityWarning, "unreachable-flow", "", "rule %q of higher precedence always gives a value", b.rule.Name)
			return
		}
	}
}

// covers reports whether a is known to be in scope whenever b is.
func covers(a, b *CompiledRule) bool {
	if len(a.scope) == 0 {
		return true
	}
	if len(b.scope) == 0 {
		return false
	}
	// Each way into b must be at least as narrow as some way into a.
	for _, narrow := range b.scope {
		if !slices.ContainsFunc(a.scope, func(wide []condition) bool { return implies(narrow, wide) }) {
			return false
		}
	}
	return true
}

func implies(narrow, wide []condition) bool {
	for i := range wide {
		if !slices.ContainsFunc(narrow, func(n condition) bool { return sameCondition(n.source, wide[i].source) }) {
			return false
		}
	}
	return true
}

func sameCondition(a, b ScopeCondition) bool {
	x, _ := ParseOperator(string(a.Operator))
	y, _ := ParseOperator(string(b.Operator))
	return attr.EqualName(a.Attribute, b.Attribute) && x == y && a.Value == b.Value
}
