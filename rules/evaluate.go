package rules

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// Inbound computes the metaverse object of the class from what its connector-space objects
// contribute. prior holds the values that it has now: a flow that says IgnoreThisFlow
// leaves the value as it is when no other rule gives one; nil means that there are none.
func (s *Set) Inbound(ctx context.Context, class string, in []Contribution, prior *attr.Set, now time.Time) *Decision {
	d := &Decision{}
	s.InboundInto(d, class, in, prior, now)
	return d
}

// InboundInto is [Set.Inbound] into a decision that may have been used for another object: what it held is
// overwritten, and its slices are used again but for those of the values of single attributes, which
// nothing ever changes. Whoever keeps more of a decision than those takes it away before, by
// setting Values, Origins or Copies to its zero value.
func (s *Set) InboundInto(d *Decision, class string, in []Contribution, prior *attr.Set, now time.Time) {
	views := make([]*view, len(in), max(len(in), 4))
	for i := range in {
		sp := s.spaces[spaceKey{Inbound, attr.Fold(in[i].Connector)}]
		if sp == nil {
			sp = &space{dnSlot: -1}
		}
		views[i] = sp.open(in[i].Subject, now)
	}
	e := evaluation{plan: s.plan(true, class, in), views: views, prior: prior, decision: d}
	e.run()
	for _, v := range views {
		v.close()
	}
}

// Outbound computes the connector-space object of the class in the connector from the
// metaverse object. rules are those in scope; prior holds what the target has now.
// Attributes about which all flows say IgnoreThisFlow are not managed.
func (s *Set) Outbound(ctx context.Context, connector, class string, rules []*CompiledRule, subject *Subject, prior *attr.Set, now time.Time) *Decision {
	d := &Decision{}
	s.OutboundInto(d, connector, class, rules, subject, prior, now)
	return d
}

// OutboundInto is [Set.Outbound] into a decision that may have been used before, as with
// [Set.InboundInto].
func (s *Set) OutboundInto(d *Decision, connector, class string, rules []*CompiledRule, subject *Subject, prior *attr.Set, now time.Time) {
	sp := s.spaces[spaceKey{Outbound, attr.Fold(connector)}]
	if sp == nil {
		*d = Decision{}
		return
	}
	in := [1]Contribution{{Connector: connector, Subject: subject, Rules: rules}}
	v := [1]*view{sp.open(subject, now)}
	e := evaluation{plan: s.plan(false, class, in[:]), views: v[:], prior: prior, decision: d}
	e.run()
	v[0].close()
}

// An evaluation computes one decision.
type evaluation struct {
	plan     *plan
	views    []*view // by contribution
	prior    *attr.Set
	decision *Decision
}

func (e *evaluation) run() {
	d := e.decision
	d.reset(e.plan)
	for i := range e.plan.targets {
		t := &e.plan.targets[i]
		if t.merge == Merge || t.merge == MergeCaseInsensitive {
			e.merge(i, t)
		} else {
			e.update(i, t)
		}
	}
	d.Managed = e.plan.without(d.left)
	e.plan.values.Store(int32(d.Values.Len()))
	e.plan.origins.Store(int32(len(d.Origins)))
}

// eval evaluates one flow. Failures end up in the decision.
func (e *evaluation) eval(c *candidate, last bool) (outcome, bool) {
	o, err := c.flow.eval(e.views[c.in], last)
	if err == nil {
		return o, true
	}
	if fe, ok := errors.AsType[*FlowError](err); ok {
		e.decision.Errors = append(e.decision.Errors, fe)
	}
	return o, false
}

// update takes the values of the first flow that has any.
func (e *evaluation) update(at int, t *target) {
	ignored := -1
	managed := false
	for i := range t.flows {
		c := &t.flows[i]
		if c.flow.silent(e.views[c.in]) {
			managed = true
			continue
		}
		o, ok := e.eval(c, i == len(t.flows)-1)
		if !ok {
			return
		}
		switch o.kind {
		case outcomeNull:
			managed = true
		case outcomeIgnore:
			if ignored < 0 {
				ignored = i
			}
		case outcomeStop:
			return
		case outcomeCopy:
			e.copy(t, c)
			return
		case outcomeValues:
			if o.multi {
				e.decision.Values.Put(t.name, o.values...)
			} else {
				e.decision.Values.Put(t.name, e.decision.keep(o.single)...)
			}
			e.origin(t, c)
			return
		}
	}
	e.nothing(at, t, managed, ignored)
}

// nothing settles an attribute to which no flow gave a value. Where one said NULL the
// attribute is empty; where all said IgnoreThisFlow it stays as it is.
func (e *evaluation) nothing(at int, t *target, managed bool, ignored int) {
	if managed || ignored < 0 {
		return
	}
	e.unmanage(at)
	if !e.plan.inbound || e.prior == nil {
		return
	}
	if values := e.prior.Values(t.name); len(values) > 0 {
		e.decision.Values.Put(t.name, values...)
		e.origin(t, &t.flows[ignored])
	}
}

// merge takes the values of all flows, those of the highest precedence first. A duplicate
// of a value that is there already is left out, so that of spellings which differ only in
// case the one of the highest precedence survives.
//
// Outbound, the values are added to those that the target has. That is what rules of
// Entra Connect count on which write one address into proxyAddresses of an on-premises
// object and know nothing of the others.
func (e *evaluation) merge(at int, t *target) {
	var values []attr.Value
	if !e.plan.inbound && e.prior != nil {
		values = slices.Clip(e.prior.Values(t.name))
	}
	kept := len(values)
	ignored := -1
	managed, copied := false, false
	for i := range t.flows {
		c := &t.flows[i]
		o, ok := e.eval(c, false)
		if !ok {
			return
		}
		switch o.kind {
		case outcomeIgnore:
			if ignored < 0 {
				ignored = i
			}
			continue
		case outcomeCopy:
			e.copy(t, c)
			copied = true
		case outcomeValues:
			before := len(values)
			if o.multi {
				values = appendNew(values, t.merge, o.values...)
			} else {
				values = appendNew(values, t.merge, o.single)
			}
			if len(values) > before {
				e.origin(t, c)
			}
		}
		managed = true
		if o.kind == outcomeStop {
			break
		}
	}
	if len(values) == kept && !copied {
		if kept > 0 {
			managed, ignored = false, 0 // nothing to add
		}
		e.nothing(at, t, managed, ignored)
		return
	}
	e.decision.Values.Put(t.name, values...)
}

// appendNew appends the values that are not there yet.
func appendNew(to []attr.Value, merge MergeType, values ...attr.Value) []attr.Value {
	for _, v := range values {
		if !slices.ContainsFunc(to, func(o attr.Value) bool { return sameMerged(merge, o, v) }) {
			to = append(to, v)
		}
	}
	return to
}

func sameMerged(merge MergeType, a, b attr.Value) bool {
	if a == b {
		return true
	}
	return merge == MergeCaseInsensitive && a.Kind() == attr.KindString && b.Kind() == attr.KindString &&
		strings.EqualFold(a.Str(), b.Str())
}

func (e *evaluation) copy(t *target, c *candidate) {
	source := c.flow.source.Source[0]
	e.decision.Copies = append(e.decision.Copies, Copy{Target: t.name, Source: source, Rule: c.flow.rule, Contribution: c.in})
	e.decision.Origins = append(e.decision.Origins, Origin{Attribute: t.name, Rule: c.flow.rule, Contribution: c.in, Source: source})
}

func (e *evaluation) origin(t *target, c *candidate) {
	e.decision.Origins = append(e.decision.Origins, Origin{Attribute: t.name, Rule: c.flow.rule, Contribution: c.in})
}

// unmanage lists the target as one that is not managed.
func (e *evaluation) unmanage(at int) { e.decision.left = append(e.decision.left, at) }
