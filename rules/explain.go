package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// An Explanation says what rules make of one object and why. Preview, logs and tests share
// it with the engine: its Decision is the one that the engine gets.
type Explanation struct {
	// Rules holds every rule for the class of the object or objects, disabled ones too: by
	// contribution and precedence.
	Rules []RuleVerdict
	// Joins holds what each contribution's rules want to join to.
	Joins []JoinVerdict
	// Attributes holds every target attribute of the rules in scope, in name order.
	Attributes []AttributeVerdict
	Decision   *Decision
}

// A RuleVerdict says whether a rule is in scope.
type RuleVerdict struct {
	Rule         *CompiledRule
	Contribution int
	InScope      bool
	Reason       string // why not
	Err          error  // the scope could not be evaluated
}

// A JoinVerdict says which rule decides about joining and what it looks for. What it finds
// is the engine's to tell.
type JoinVerdict struct {
	Contribution int
	Rule         *CompiledRule // nil if no rule in scope joins or provisions
	Lookups      []JoinLookup  // by order of trial
	AnyValue     bool          // see [Set.JoinLookups]
	Err          error
}

// An AttributeVerdict says where an attribute's values come from.
type AttributeVerdict struct {
	Attribute string
	Merge     MergeType
	Attempts  []Attempt // by precedence
}

// An Attempt is what one flow had to say about an attribute.
type Attempt struct {
	Rule         *CompiledRule
	Contribution int
	Flow         Flow
	Won          bool         // its values are in the decision
	Reason       string       // why it won or lost
	Values       []attr.Value // what it gave or, having lost, would have given
	Err          error        // a *[FlowError]
}

// ExplainInbound explains what the contributions make of a metaverse object of the class.
// The contributions' Rules are not read: scope is part of the explanation.
func (s *Set) ExplainInbound(ctx context.Context, class string, in []Contribution, prior *attr.Set, now time.Time) (*Explanation, error) {
	x := &Explanation{}
	in = slices.Clone(in)
	for i := range in {
		scope, err := s.explainScope(ctx, x, i, Inbound, in[i].Connector, in[i].Subject)
		if err != nil {
			return nil, err
		}
		in[i].Rules = scope
	}
	x.Decision = s.Inbound(ctx, class, in, prior, now)
	s.explainFlows(x, true, class, in, prior, now)
	return x, nil
}

// ExplainOutbound explains what a metaverse object makes of an object of the class in the
// connector.
func (s *Set) ExplainOutbound(ctx context.Context, connector, class string, subject *Subject, prior *attr.Set, now time.Time) (*Explanation, error) {
	x := &Explanation{}
	scope, err := s.explainScope(ctx, x, 0, Outbound, connector, subject)
	if err != nil {
		return nil, err
	}
	x.Decision = s.Outbound(ctx, connector, class, scope, subject, prior, now)
	s.explainFlows(x, false, class, []Contribution{{Connector: connector, Subject: subject, Rules: scope}}, prior, now)
	return x, nil
}

// explainScope adds the verdicts on the rules for one subject and returns those in scope.
func (s *Set) explainScope(ctx context.Context, x *Explanation, at int, d Direction, connector string, subject *Subject) ([]*CompiledRule, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	sp := s.spaces[spaceKey{d, attr.Fold(connector)}]
	if sp == nil {
		return nil, fmt.Errorf("there are no %s rules for connector %s", strings.ToLower(d.String()), connector)
	}
	v := sp.open(subject, time.Time{})
	defer v.close()
	var scope []*CompiledRule
	for _, r := range sp.classes[attr.Fold(subject.Class)] {
		verdict := RuleVerdict{Rule: r, Contribution: at}
		ok, failed, err := r.holds(v)
		switch {
		case err != nil:
			verdict.Err, verdict.Reason = err, "its scope cannot be evaluated"
		case ok:
			verdict.InScope = true
			scope = append(scope, r)
		default:
			verdict.Reason = failed.source.String() + " does not hold"
		}
		x.Rules = append(x.Rules, verdict)
	}
	for _, r := range s.disabled {
		if r.Direction == d && attr.EqualName(r.Connector, connector) && attr.EqualName(r.SourceType, subject.Class) {
			x.Rules = append(x.Rules, RuleVerdict{Rule: r, Contribution: at, Reason: "it is disabled"})
		}
	}
	j := JoinVerdict{Contribution: at}
	if j.Rule, j.Err = s.JoinRule(scope); j.Rule != nil && j.Err == nil {
		j.Lookups, j.AnyValue, j.Err = s.JoinLookups(j.Rule, d, subject)
	}
	x.Joins = append(x.Joins, j)
	return scope, nil
}

// String returns the condition as people write it.
func (c ScopeCondition) String() string {
	return strings.TrimSpace(c.Attribute + " " + string(c.Operator) + " " + c.Value)
}

// explainFlows adds what every flow says, losers included.
func (s *Set) explainFlows(x *Explanation, inbound bool, class string, in []Contribution, prior *attr.Set, now time.Time) {
	d := Outbound
	if inbound {
		d = Inbound
	}
	views := make([]*view, len(in))
	for i := range in {
		views[i] = s.spaces[spaceKey{d, attr.Fold(in[i].Connector)}].open(in[i].Subject, now)
		defer views[i].close()
	}
	p := newPlan(inbound, class, in, false)
	for i := range p.targets {
		t := &p.targets[i]
		a := AttributeVerdict{Attribute: t.name, Merge: t.merge}
		decided := "" // why later flows lose
		for _, c := range t.flows {
			attempt := Attempt{Rule: c.flow.rule, Contribution: c.in, Flow: *c.flow.source}
			o, err := c.flow.eval(views[c.in], false)
			attempt.Values = o.list()
			// References that the decision says to copy may turn out to be none.
			attempt.Won = o.kind != outcomeNull && slices.ContainsFunc(x.Decision.Origins, func(or Origin) bool {
				return or.Rule == c.flow.rule && or.Contribution == c.in && attr.EqualName(or.Attribute, t.name)
			})
			attempt.Reason, attempt.Err = reasonOf(o, err, c.flow, views[c.in], attempt.Won, decided), flowError(err)
			if decided == "" {
				decided = decides(t, c.flow, o, err)
			}
			a.Attempts = append(a.Attempts, attempt)
		}
		x.Attributes = append(x.Attributes, a)
	}
}

// decides returns why no later flow of the target has a say, "" if one may.
func decides(t *target, f *flow, o outcome, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("rule %q failed before", f.rule.Name)
	case o.kind == outcomeStop:
		return fmt.Sprintf("rule %q said AuthoritativeNull", f.rule.Name)
	case t.merge == Update && (o.kind == outcomeValues || o.kind == outcomeCopy):
		return fmt.Sprintf("rule %q has precedence %d", f.rule.Name, f.rule.Precedence)
	}
	return ""
}

func reasonOf(o outcome, err error, f *flow, v *view, won bool, decided string) string {
	switch {
	case decided != "":
		return decided
	case err != nil:
		return "it failed"
	case o.kind == outcomeIgnore && won:
		return "it said IgnoreThisFlow and nobody else has a value: the prior one stays"
	case o.kind == outcomeIgnore && f.once && !v.subject.New:
		return "it only runs when the object is made"
	case o.kind == outcomeIgnore:
		return "it said IgnoreThisFlow"
	case o.kind == outcomeStop:
		return "it said AuthoritativeNull: the attribute has no value"
	case o.kind == outcomeNull:
		return "it has no value to give"
	case won:
		return "it has the highest precedence of those with a value"
	default:
		return "its values are there already"
	}
}

func flowError(err error) error {
	if fe, ok := errors.AsType[*FlowError](err); ok {
		return fe
	}
	return nil
}

// list returns the outcome's values.
func (o *outcome) list() []attr.Value {
	switch {
	case o.kind != outcomeValues:
		return nil
	case o.multi:
		return o.values
	default:
		return []attr.Value{o.single}
	}
}
