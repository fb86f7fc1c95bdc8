package metaverse

import (
	"context"
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// An Explained tells why an object is what it is: which rules apply and why the others do
// not, which rule gave each value and what the losers had to offer, inbound and outbound.
type Explained struct {
	// Object is the connector-space object that was asked about; nil when it was a
	// metaverse object.
	Object *ObjectView `json:"object,omitempty"`
	// Metaverse is the object that it is linked to; nil for none.
	Metaverse *MVView `json:"metaverse,omitempty"`
	// Linked lists every connector-space object of the metaverse object.
	Linked []ObjectView `json:"linked,omitempty"`
	// Rules holds the inbound rules for the class of each linked object; of the object
	// alone, when it is not linked.
	Rules      []RuleLine        `json:"rules,omitempty"`
	Joins      []JoinLine        `json:"joins,omitempty"`
	Attributes []AttributeLine   `json:"attributes,omitempty"`
	Outbound   []OutboundExplain `json:"outbound,omitempty"`
}

// An OutboundExplain tells what a metaverse object means for one connector.
type OutboundExplain struct {
	Connector  string          `json:"connector"`
	Object     *ObjectView     `json:"object,omitempty"` // nil when there is none
	Rules      []RuleLine      `json:"rules,omitempty"`
	Attributes []AttributeLine `json:"attributes,omitempty"`
}

// A RuleLine says whether a rule is in scope and, if not, why.
type RuleLine struct {
	Rule       string `json:"rule"`
	Precedence int    `json:"precedence"`
	Link       string `json:"link"` // "provision", "join", "sticky-join"
	Object     string `json:"object,omitempty"`
	InScope    bool   `json:"inScope"`
	Reason     string `json:"reason,omitempty"`
}

// A JoinLine tells which rule decides about the link of an object, and what each of its join
// groups finds.
type JoinLine struct {
	Object string      `json:"object,omitempty"`
	Rule   string      `json:"rule,omitempty"` // "" when no rule in scope joins or projects
	Groups []JoinTried `json:"groups,omitempty"`
	Error  string      `json:"error,omitempty"`
}

// A JoinTried is one group of join criteria.
type JoinTried struct {
	Criteria []string `json:"criteria"` // "attribute = value", of the other side
	Found    []MVView `json:"found"`    // a group that finds exactly one decides
}

// An AttributeLine says where the values of one attribute come from.
type AttributeLine struct {
	Attribute string        `json:"attribute"`
	Values    []string      `json:"values,omitempty"`
	Count     int64         `json:"count,omitempty"` // of values that are references
	Attempts  []AttemptLine `json:"attempts"`
}

// An AttemptLine is what one flow gave or would have given.
type AttemptLine struct {
	Rule       string   `json:"rule"`
	Precedence int      `json:"precedence"`
	Object     string   `json:"object,omitempty"`
	Flow       string   `json:"flow"`
	Won        bool     `json:"won"`
	Reason     string   `json:"reason,omitempty"`
	Values     []string `json:"values,omitempty"`
	Error      string   `json:"error,omitempty"`
}

// Explain explains a connector-space object and what it is linked to. It writes nothing. Its
// error matches connector.ErrNotFound where there is no such object.
func (e *Engine) Explain(ctx context.Context, ref ObjectRef) (*Explained, error) {
	return e.explain(ctx, func(x *explaining) (*Explained, error) {
		o, err := e.find(x.b.tx, ref)
		if err != nil {
			return nil, err
		}
		return x.object(o.ID)
	})
}

// ExplainMV is [Engine.Explain] for a metaverse object.
func (e *Engine) ExplainMV(ctx context.Context, id MVID) (*Explained, error) {
	return e.explain(ctx, func(x *explaining) (*Explained, error) {
		if err := x.b.loadMV([]MVID{id}); err != nil {
			return nil, err
		}
		m := x.b.mv[id]
		if m == nil {
			return nil, fmt.Errorf("metaverse object %d: %w", id, connector.ErrNotFound)
		}
		out := &Explained{}
		return out, x.metaverse(out, m)
	})
}

func (e *Engine) explain(ctx context.Context, fn func(*explaining) (*Explained, error)) (out *Explained, err error) {
	r, err := e.operatorRun(ctx, "", DeltaSync)
	if err != nil {
		return nil, err
	}
	err = e.store.View(ctx, func(rd Reader) error {
		out, err = fn(&explaining{newBatch(ctx, r, readTx{Reader: rd})})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// explaining explains objects of one transaction.
type explaining struct{ b *batch }

func (x *explaining) object(id CSID) (*Explained, error) {
	if err := x.b.loadCS([]CSID{id}); err != nil {
		return nil, err
	}
	w := x.b.cs[id]
	if w == nil {
		return nil, fmt.Errorf("object %d: %w", id, connector.ErrNotFound)
	}
	v := x.b.r.e.viewCS(w.CSObject, w.export)
	out := &Explained{Object: &v}
	if w.Link.MV == 0 {
		return out, x.alone(out, w)
	}
	if err := x.b.loadMV([]MVID{w.Link.MV}); err != nil {
		return nil, err
	}
	return out, x.metaverse(out, x.b.mv[w.Link.MV])
}

// alone explains an object that is not linked: why no rule takes it.
func (x *explaining) alone(out *Explained, w *csWork) error {
	set := x.b.rules
	if w.State == Placeholder || !x.hasRules(rules.Inbound, w.Connector) {
		return nil
	}
	in := []rules.Contribution{{Connector: w.Connector, Subject: x.b.subject(w)}}
	ex, err := set.ExplainInbound(x.b.ctx, "", in, nil, x.b.now)
	if err != nil {
		return err
	}
	out.Rules = ruleLines(ex.Rules, []*csWork{w})
	out.Joins, err = x.joins(ex.Joins, []*csWork{w})
	return err
}

// metaverse explains a metaverse object, inbound and outbound.
func (x *explaining) metaverse(out *Explained, m *mvWork) error {
	v := viewMV(m.MVObject)
	out.Metaverse = &v
	var in []rules.Contribution
	var from []*csWork
	for _, w := range m.linked {
		out.Linked = append(out.Linked, x.b.r.e.viewCS(w.CSObject, w.export))
		if x.hasRules(rules.Inbound, w.Connector) {
			in = append(in, rules.Contribution{Connector: w.Connector, Subject: x.b.subject(w)})
			from = append(from, w)
		}
	}
	ex, err := x.b.rules.ExplainInbound(x.b.ctx, m.Class, in, &m.Attributes, x.b.now)
	if err != nil {
		return err
	}
	out.Rules = ruleLines(ex.Rules, from)
	if out.Joins, err = x.joins(ex.Joins, from); err != nil {
		return err
	}
	if out.Attributes, err = x.attributes(ex, from, func(name string) (int64, error) {
		return x.b.tx.CountMVRefs(m.ID, name)
	}); err != nil {
		return err
	}
	for _, name := range x.b.r.e.names {
		if !x.hasRules(rules.Outbound, name) {
			continue
		}
		o, err := x.outbound(m, x.b.r.e.connectors[name])
		if err != nil {
			return err
		}
		out.Outbound = append(out.Outbound, *o)
	}
	return nil
}

func (x *explaining) hasRules(d rules.Direction, name string) bool {
	return slices.ContainsFunc(x.b.r.e.rules.Rules(), func(r *rules.CompiledRule) bool {
		return r.Direction == d && attr.EqualName(r.Connector, name)
	})
}

func (x *explaining) outbound(m *mvWork, t *target) (*OutboundExplain, error) {
	out := &OutboundExplain{Connector: t.name}
	subject := x.b.mvSubject(m, t)
	class, prior := "", &attr.Set{}
	var w *csWork
	if i := slices.IndexFunc(m.linked, func(w *csWork) bool { return w.Connector == t.name }); i >= 0 {
		w = m.linked[i]
		v := x.b.r.e.viewCS(w.CSObject, w.export)
		out.Object, class, prior = &v, w.Class, w.topOf()
		subject.New = w.unborn()
	} else if scope, err := x.b.inScope(rules.Outbound, t.name, subject); err == nil {
		if maker := provisionRule(scope); maker != nil {
			class, subject.New = maker.TargetType, true
		}
	}
	ex, err := x.b.rules.ExplainOutbound(x.b.ctx, t.name, class, subject, prior, x.b.now)
	if err != nil {
		return nil, err
	}
	out.Rules = ruleLines(ex.Rules, nil)
	out.Attributes, err = x.attributes(ex, nil, func(name string) (int64, error) {
		if w == nil {
			return 0, nil
		}
		return x.b.tx.CountCSRefs(w.ID, name)
	})
	return out, err
}

func ruleLines(verdicts []rules.RuleVerdict, from []*csWork) []RuleLine {
	lines := make([]RuleLine, len(verdicts))
	for i, v := range verdicts {
		lines[i] = RuleLine{
			Rule: v.Rule.Name, Precedence: v.Rule.Precedence, Link: linkTypeText(v.Rule.LinkType),
			Object: contributor(from, v.Contribution), InScope: v.InScope, Reason: v.Reason,
		}
		if v.Err != nil {
			lines[i].Reason += ": " + v.Err.Error()
		}
	}
	return lines
}

func linkTypeText(t rules.LinkType) string {
	switch t {
	case rules.Provision:
		return "provision"
	case rules.StickyJoin:
		return "sticky-join"
	default:
		return "join"
	}
}

func contributor(from []*csWork, i int) string {
	if i >= len(from) {
		return ""
	}
	return from[i].Connector + ": " + from[i].Key().String()
}

// joins tells what the join groups of each object find in the metaverse.
func (x *explaining) joins(verdicts []rules.JoinVerdict, from []*csWork) (lines []JoinLine, err error) {
	for _, v := range verdicts {
		line := JoinLine{Object: contributor(from, v.Contribution)}
		if v.Rule != nil {
			line.Rule = v.Rule.Name
		}
		if v.Err != nil {
			line.Error = v.Err.Error()
		}
		for i := range v.Lookups {
			tried, err := x.tried(v.Rule, &v.Lookups[i])
			if err != nil {
				return nil, err
			}
			line.Groups = append(line.Groups, tried)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func (x *explaining) tried(rule *rules.CompiledRule, g *rules.JoinLookup) (JoinTried, error) {
	tried := JoinTried{Found: []MVView{}}
	for _, c := range g.Clauses {
		tried.Criteria = append(tried.Criteria, c.Attribute+" = "+c.Value.Text())
	}
	hits, err := x.b.matches(rule, g)
	for _, m := range hits {
		tried.Found = append(tried.Found, viewMV(m.MVObject))
	}
	return tried, err
}

// attributes makes lines of verdicts. count counts the values of copied references.
func (x *explaining) attributes(ex *rules.Explanation, from []*csWork, count func(string) (int64, error)) ([]AttributeLine, error) {
	var lines []AttributeLine
	for _, a := range ex.Attributes {
		line := AttributeLine{Attribute: a.Attribute, Values: texts(ex.Decision.Values.Values(a.Attribute))}
		for i := range a.Attempts {
			t := &a.Attempts[i]
			attempt := AttemptLine{
				Rule: t.Rule.Name, Precedence: t.Rule.Precedence, Object: contributor(from, t.Contribution),
				Flow: flowText(&t.Flow), Won: t.Won, Reason: t.Reason, Values: texts(t.Values),
			}
			if t.Err != nil {
				attempt.Error = t.Err.Error()
			}
			line.Attempts = append(line.Attempts, attempt)
		}
		if isCopied(ex.Decision, a.Attribute) {
			n, err := count(a.Attribute)
			if err != nil {
				return nil, err
			}
			line.Count = n
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func isCopied(d *rules.Decision, name string) bool {
	return slices.ContainsFunc(d.Copies, func(c rules.Copy) bool { return attr.EqualName(c.Target, name) })
}

func texts(values []attr.Value) []string {
	if len(values) == 0 {
		return nil
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.Text()
	}
	return out
}
