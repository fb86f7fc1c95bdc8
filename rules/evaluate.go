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
	views := make([]*view, len(in), max(len(in), 4))
	for i := range in {
		sp := s.spaces[spaceKey{Inbound, attr.Fold(in[i].Connector)}]
		if sp == nil {
			sp = &space{dnSlot: -1}
		}
		views[i] = sp.open(in[i].Subject, now)
	}
	e := evaluation{plan: s.plan(true, class, in), views: views, prior: prior}
	e.run()
	for _, v := range views {
		v.close()
	}
	return e.decision
}

// Outbound computes the connector-space object of the class in the connector from the
// metaverse object. rules are those in scope; prior holds what the target has now.
// Attributes about which all flows say IgnoreThisFlow are not managed.
func (s *Set) Outbound(ctx context.Context, connector, class string, rules []*CompiledRule, subject *Subject, prior *attr.Set, now time.Time) *Decision {
	sp := s.spaces[spaceKey{Outbound, attr.Fold(connector)}]
	if sp == nil {
		return &Decision{}
	}
	in := [1]Contribution{{Connector: connector, Subject: subject, Rules: rules}}
	v := [1]*view{sp.open(subject, now)}
	e := evaluation{plan: s.plan(false, class, in[:]), views: v[:], prior: prior}
	e.run()
	v[0].close()
	return e.decision
}

// An evaluation computes one decision.
type evaluation struct {
	plan     *plan
	views    []*view // by contribution
	prior    *attr.Set
	decision *Decision
	arena    []attr.Value // room for single values
	dropped  bool         // Managed is no longer the plan's own list
}

func (e *evaluation) run() {
	e.decision = &Decision{Managed: e.plan.names}
	if n := int(e.plan.hint.Load()); n > 0 {
		e.decision.Origins = make([]Origin, 0, n)
		e.decision.Values.Grow(n)
	}
	if e.plan.copies > 0 {
		e.decision.Copies = make([]Copy, 0, e.plan.copies)
	}
	for i := range e.plan.targets {
		t := &e.plan.targets[i]
		if t.merge == Merge || t.merge == MergeCaseInsensitive {
			e.merge(i, t)
		} else {
			e.update(i, t)
		}
	}
	e.plan.hint.Store(int32(len(e.decision.Origins)))
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
			e.manage(at)
			return
		case outcomeCopy:
			e.copy(t, c)
			e.manage(at)
			return
		case outcomeValues:
			if o.multi {
				e.decision.Values.Put(t.name, o.values...)
			} else {
				e.decision.Values.Put(t.name, e.keep(o.single)...)
			}
			e.origin(t, c)
			e.manage(at)
			return
		}
	}
	e.nothing(at, t, managed, ignored)
}

// nothing settles an attribute to which no flow gave a value. Where one said NULL the
// attribute is empty; where all said IgnoreThisFlow it stays as it is.
func (e *evaluation) nothing(at int, t *target, managed bool, ignored int) {
	if managed || ignored < 0 {
		e.manage(at)
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
	e.manage(at)
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

// keep returns the value as a slice that nobody else writes to.
func (e *evaluation) keep(v attr.Value) []attr.Value {
	if len(e.arena) == cap(e.arena) {
		e.arena = make([]attr.Value, 0, 16)
	}
	n := len(e.arena)
	e.arena = append(e.arena, v)
	return e.arena[n : n+1 : n+1]
}

func (e *evaluation) copy(t *target, c *candidate) {
	e.decision.Copies = append(e.decision.Copies, Copy{
		Target: t.name, Source: c.flow.source.Source[0], Rule: c.flow.rule, Contribution: c.in,
	})
	e.origin(t, c)
}

func (e *evaluation) origin(t *target, c *candidate) {
	e.decision.Origins = append(e.decision.Origins, Origin{Attribute: t.name, Rule: c.flow.rule, Contribution: c.in})
}

// manage lists the target as managed. Until one is not, the plan's list serves.
func (e *evaluation) manage(at int) {
	if e.dropped {
		e.decision.Managed = append(e.decision.Managed, e.plan.names[at])
	}
}

func (e *evaluation) unmanage(at int) {
	if !e.dropped {
		e.dropped = true
		e.decision.Managed = append(make([]string, 0, len(e.plan.names)), e.plan.names[:at]...)
	}
}
