package rules

import (
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// checkRule reports what is wrong with one rule by itself.
func (c *compiler) checkRule() {
	r := c.rule
	c.checkHead(r)
	c.checkTypes(r)
	for _, group := range r.Scope {
		for _, cond := range group {
			c.checkCondition(r, cond)
		}
		if len(group) == 0 {
			c.report(SeverityWarning, "empty-scope-group", "", "a scope group has no conditions and is left out")
		}
	}
	for _, group := range r.Join {
		c.checkJoin(r, group)
	}
	for i := range r.Flows {
		c.flow = r.Flows[i].Target
		c.checkFlow(r, &r.Flows[i])
	}
	c.flow = ""
}

func (c *compiler) checkHead(r *CompiledRule) {
	if r.ID == "" {
		c.report(SeverityError, "missing-id", "", "the rule has no id")
	}
	if r.Name == "" {
		c.report(SeverityError, "missing-name", "", "the rule has no name")
	}
	if r.Direction != Inbound && r.Direction != Outbound {
		c.report(SeverityError, "direction", "", "the rule has no direction")
	}
	if r.LinkType < Provision || r.LinkType > StickyJoin {
		c.report(SeverityError, "link-type", "", "the rule has no link type")
	}
	if r.Precedence < 0 {
		c.report(SeverityError, "precedence", "", "precedence %d is negative", r.Precedence)
	}
	switch {
	case r.Connector == "":
		c.report(SeverityError, "missing-connector", "", "the rule has no connector")
	case c.connectors != nil && c.schema(r) == nil:
		var names []string
		for _, s := range c.opts.Connectors {
			names = append(names, s.Name)
		}
		c.report(SeverityError, "unknown-connector", closest(r.Connector, names), "there is no connector %q", r.Connector)
	}
	if len(r.Flows) == 0 && len(r.Join) == 0 && r.LinkType != Provision {
		c.report(SeverityWarning, "empty-rule", "", "the rule has neither flows nor join criteria and does nothing")
	}
	if r.LinkType == StickyJoin && len(r.Join) == 0 {
		c.report(SeverityWarning, "sticky-without-join", "", "a StickyJoin rule without join criteria joins nothing")
	}
	if r.LinkType == Provision && len(r.Join) == 0 && len(r.Flows) == 0 {
		c.report(SeverityError, "empty-provision", "", "a Provision rule with neither flows nor join criteria makes objects without values")
	}
}

func (c *compiler) checkTypes(r *CompiledRule) {
	mvType, csType := r.TargetType, r.SourceType
	if r.Direction == Outbound {
		mvType, csType = r.SourceType, r.TargetType
	}
	switch {
	case csType == "" || mvType == "":
		c.report(SeverityError, "missing-type", "", "the rule lacks the object type of its source or target")
		return
	case mvType == anyType && (r.Direction == Outbound || r.LinkType == Provision):
		c.report(SeverityError, "any-type", "", "only inbound rules that join may have the metaverse type *")
	case mvType != anyType && !c.set.metaverse.HasClass(mvType):
		c.report(c.unknown(), "unknown-class", closest(mvType, c.set.metaverse.Classes), "the metaverse has no class %q", mvType)
	}
	if s := c.schema(r); s != nil && s.Classes != nil && !slices.ContainsFunc(s.Classes, func(n string) bool { return attr.EqualName(n, csType) }) {
		c.report(SeverityWarning, "unknown-class", closest(csType, s.Classes), "connector %s has no class %q", r.Connector, csType)
	}
}

func (c *compiler) checkCondition(r *CompiledRule, cond ScopeCondition) {
	op, err := ParseOperator(string(cond.Operator))
	if err != nil {
		var names []string
		for known := range operators {
			names = append(names, string(known))
		}
		slices.Sort(names)
		c.report(SeverityError, "operator", closest(string(cond.Operator), names), "scope on %s: %v", cond.Attribute, err)
		return
	}
	compare := operators[op].compare
	if compare == cmpMemberOf {
		if r.Direction == Outbound {
			c.report(SeverityError, "operator", "", "%s works in inbound rules only", op)
		}
		return
	}
	c.checkSource(r, cond.Attribute, "scope")
	parameters := parametersIn(cond.Value)
	for _, name := range parameters {
		if !c.parameters[name] {
			c.report(c.unknown(), "unknown-parameter", closest(name, c.parameterNames()), "scope on %s: there is no parameter %%%s%%", cond.Attribute, name)
		}
	}
	if _, isNum := parseInt(cond.Value); compare == cmpBitSet && !isNum && len(parameters) == 0 {
		c.report(SeverityError, "bit-mask", "", "scope on %s: %q is no bit mask; give a decimal number", cond.Attribute, cond.Value)
	}
	if compare != cmpNull && compare != cmpEqual && cond.Value == "" {
		c.report(SeverityWarning, "empty-value", "", "scope on %s compares with empty text", cond.Attribute)
	}
}

func (c *compiler) parameterNames() []string {
	return append(StandardParameters(), c.opts.Parameters...)
}

// checkSource reports an attribute that the rule reads and nobody knows.
func (c *compiler) checkSource(r *CompiledRule, name, where string) {
	switch {
	case name == "":
		c.report(SeverityError, "missing-attribute", "", "%s without an attribute", where)
	case attr.EqualName(name, dnName):
	case r.Direction == Outbound:
		c.checkMV(name, where)
	default:
		c.checkCS(r, name, where)
	}
}

func (c *compiler) checkMV(name, where string) {
	if _, ok := c.set.metaverse.Attribute(name); !ok {
		c.report(c.unknown(), "unknown-attribute", closest(name, c.mvNames), "%s: the metaverse has no attribute %q", where, name)
	}
}

func (c *compiler) checkCS(r *CompiledRule, name, where string) {
	s := c.schema(r)
	if s == nil || s.Attributes == nil || s.attribute(name) != nil {
		return
	}
	var names []string
	for i := range s.Attributes {
		names = append(names, s.Attributes[i].Name)
	}
	c.report(SeverityWarning, "unknown-attribute", closest(name, names), "%s: connector %s has no attribute %q", where, r.Connector, name)
}

func (c *compiler) checkJoin(r *CompiledRule, group JoinGroup) {
	if len(group) == 0 {
		c.report(SeverityError, "empty-join-group", "", "a join group has no conditions")
	}
	for _, j := range group {
		if j.CS == "" || j.MV == "" {
			c.report(SeverityError, "missing-attribute", "", "join without an attribute")
			continue
		}
		c.checkCS(r, j.CS, "join")
		c.checkMV(j.MV, "join")
		if a, ok := c.set.metaverse.Attribute(j.MV); ok && a.Kind == attr.KindReference {
			c.report(SeverityError, "join-reference", "", "join: %s is a reference; objects are joined by values", j.MV)
		}
		if a, ok := c.set.metaverse.Attribute(j.MV); ok && a.MultiValued && r.Direction == Outbound {
			c.report(SeverityWarning, "join-multi", "", "join: %s may have several values; an object that does fails", j.MV)
		}
	}
}

func (c *compiler) checkFlow(r *CompiledRule, f *Flow) {
	switch {
	case f.Target == "":
		c.report(SeverityError, "missing-target", "", "a flow has no target")
	case r.Direction == Inbound && attr.EqualName(f.Target, dnName):
		c.report(SeverityError, "target-dn", "", "metaverse objects have no DN")
	case r.Direction == Inbound:
		c.checkMV(f.Target, "target")
	case !attr.EqualName(f.Target, dnName):
		c.checkCS(r, f.Target, "target")
	}
	if f.Merge < Update || f.Merge > MergeCaseInsensitive {
		c.report(SeverityError, "merge-type", "", "the flow has no merge type")
	}
	switch f.Type {
	case Direct:
		if len(f.Source) != 1 {
			c.report(SeverityError, "direct-source", "", "a direct flow has one source, not %d", len(f.Source))
			return
		}
		c.checkSource(r, f.Source[0], "source")
	case Constant:
	case Expression:
		if strings.TrimSpace(f.Expression) == "" {
			c.report(SeverityError, "expression", "", "the expression is empty")
		}
	default:
		c.report(SeverityError, "flow-type", "", "the flow has no type")
	}
}
