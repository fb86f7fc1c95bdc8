package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// explanation is all that there is to say about one metaverse object or, where there is
// none, one object of a directory.
type explanation struct {
	ID       string             `json:"id"`
	Class    string             `json:"class,omitempty"`
	Links    []linkReport       `json:"links"`
	Inbound  *verdictReport     `json:"inbound"`
	Outbound []*outboundVerdict `json:"outbound"`
}

// outboundVerdict tells what a metaverse object means for one connector.
type outboundVerdict struct {
	Connector string `json:"connector"`
	DN        string `json:"dn,omitempty"`
	verdictReport
}

type verdictReport struct {
	Rules      []ruleVerdict      `json:"rules"`
	Joins      []joinVerdict      `json:"joins"`
	Attributes []attributeVerdict `json:"attributes"`
}

type ruleVerdict struct {
	Rule       string `json:"rule"`
	Precedence int    `json:"precedence"`
	Object     string `json:"object"`
	InScope    bool   `json:"inScope"`
	Reason     string `json:"reason,omitempty"`
}

// joinVerdict tells which rule decides about joining an object and what it looks for.
type joinVerdict struct {
	Object string     `json:"object"`
	Rule   string     `json:"rule,omitempty"`
	Link   string     `json:"link,omitempty"`
	Looks  [][]string `json:"looksFor"`
	Error  string     `json:"error,omitempty"`
}

type attributeVerdict struct {
	Attribute string           `json:"attribute"`
	Attempts  []attemptVerdict `json:"attempts"`
}

type attemptVerdict struct {
	Rule       string `json:"rule"`
	Precedence int    `json:"precedence"`
	Object     string `json:"object"`
	Won        bool   `json:"won"`
	Reason     string `json:"reason"`
	Values     []any  `json:"values"`
	Error      string `json:"error,omitempty"`
}

func explain(ctx context.Context, i *invocation) error {
	return i.inWorld(ctx, func(w *world) error {
		var all []*explanation
		found := make(map[string]bool)
		for _, o := range w.state.mv {
			if w.asked(i.args, found, w.state.linksOf(o.ID, w.engine.Connectors()), w.mvName(o.ID)) {
				x, err := w.explainMV(ctx, o)
				if err != nil {
					return err
				}
				all = append(all, x)
			}
		}
		for _, name := range w.engine.Connectors() {
			for _, id := range w.state.order[name] {
				o := w.state.cs[id]
				if o.Link.MV == 0 && o.Imported && o.State != metaverse.Placeholder && w.asked(i.args, found, []*metaverse.CSObject{o}, "") {
					x, err := w.explainAlone(ctx, o)
					if err != nil {
						return err
					}
					all = append(all, x)
				}
			}
		}
		for _, name := range i.args {
			if !found[name] {
				return fmt.Errorf("the scenario has no object %q", name)
			}
		}
		slices.SortStableFunc(all, func(a, b *explanation) int { return cmp.Compare(a.ID, b.ID) })
		if i.json {
			encoder := newEncoder(i.out)
			encoder.SetIndent("", "  ")
			return encoder.Encode(all)
		}
		for _, x := range all {
			x.print(i.out)
		}
		return nil
	})
}

// asked reports whether the arguments name one of the objects; without arguments all are.
func (w *world) asked(args []string, found map[string]bool, objects []*metaverse.CSObject, id string) bool {
	hit := len(args) == 0
	for _, name := range args {
		same := name == id
		for _, o := range objects {
			same = same || strings.EqualFold(name, o.DN) || name == o.Anchor.Text() || name == o.Connector+"/"+o.Key().String()
		}
		if same {
			hit, found[name] = true, true
		}
	}
	return hit
}

func (w *world) explainMV(ctx context.Context, o *metaverse.MVObject) (*explanation, error) {
	links := w.state.linksOf(o.ID, w.engine.Connectors())
	out := &explanation{ID: w.mvName(o.ID), Class: o.Class, Links: []linkReport{}, Outbound: []*outboundVerdict{}}
	var contributions []rules.Contribution
	var names []string
	for _, cs := range links {
		out.Links = append(out.Links, linkReport{out.ID, w.csReport(cs), cs.Link.Kind.String(), w.ruleName(cs.Link.Rule)})
		if w.hasRules(rules.Inbound, cs.Connector) && cs.Imported {
			contributions = append(contributions, rules.Contribution{Connector: cs.Connector, Subject: w.subject(cs)})
			names = append(names, cs.Connector+"/"+cs.Key().String())
		}
	}
	x, err := w.set.ExplainInbound(ctx, o.Class, contributions, &o.Attributes, w.now)
	if err != nil {
		return nil, err
	}
	out.Inbound = verdicts(x, names)
	for _, name := range w.engine.Connectors() {
		if !w.hasRules(rules.Outbound, name) {
			continue
		}
		v, err := w.explainOutbound(ctx, o, links, name)
		if err != nil {
			return nil, err
		}
		out.Outbound = append(out.Outbound, v)
	}
	return out, nil
}

func (w *world) explainOutbound(ctx context.Context, o *metaverse.MVObject, links []*metaverse.CSObject, name string) (*outboundVerdict, error) {
	s := &rules.Subject{
		Class: o.Class, Attributes: &o.Attributes, References: &mvReferences{w, o.ID}, Parameters: w.params[name].outbound, New: true,
	}
	v := &outboundVerdict{Connector: name}
	class, prior := "", &attr.Set{}
	if at := slices.IndexFunc(links, func(c *metaverse.CSObject) bool { return c.Connector == name }); at >= 0 {
		cs := links[at]
		class, prior, v.DN = cs.Class, &cs.Image, cs.DN
		s.New = cs.Anchor.IsZero() && !cs.Imported
	}
	x, err := w.set.ExplainOutbound(ctx, name, class, s, prior, w.now)
	if err != nil {
		return nil, err
	}
	v.verdictReport = *verdicts(x, []string{w.mvName(o.ID)})
	return v, nil
}

// explainAlone explains an object that is not linked.
func (w *world) explainAlone(ctx context.Context, o *metaverse.CSObject) (*explanation, error) {
	id := o.Connector + "/" + o.Key().String()
	out := &explanation{ID: id, Links: []linkReport{}, Outbound: []*outboundVerdict{}}
	if !w.hasRules(rules.Inbound, o.Connector) {
		out.Inbound = verdicts(&rules.Explanation{}, nil)
		return out, nil
	}
	s := w.subject(o)
	scope, err := w.set.InScope(ctx, rules.Inbound, o.Connector, s)
	class := ""
	if err == nil && len(scope) > 0 {
		class = scope[0].TargetType
	}
	x, err := w.set.ExplainInbound(ctx, class, []rules.Contribution{{Connector: o.Connector, Subject: s}}, nil, w.now)
	if err != nil {
		return nil, err
	}
	out.Inbound = verdicts(x, []string{id})
	return out, nil
}

func (w *world) hasRules(d rules.Direction, name string) bool {
	return slices.ContainsFunc(w.set.Rules(), func(r *rules.CompiledRule) bool { return r.Direction == d && r.Connector == name })
}

func verdicts(x *rules.Explanation, names []string) *verdictReport {
	out := &verdictReport{Rules: []ruleVerdict{}, Joins: []joinVerdict{}, Attributes: []attributeVerdict{}}
	for _, v := range x.Rules {
		out.Rules = append(out.Rules, ruleVerdict{v.Rule.Name, v.Rule.Precedence, names[v.Contribution], v.InScope, v.Reason})
	}
	for _, j := range x.Joins {
		v := joinVerdict{Object: names[j.Contribution], Looks: [][]string{}}
		if j.Rule != nil {
			v.Rule, v.Link = j.Rule.Name, j.Rule.LinkType.String()
		}
		if j.Err != nil {
			v.Error = j.Err.Error()
		}
		for _, l := range j.Lookups {
			var clauses []string
			for _, c := range l.Clauses {
				clauses = append(clauses, c.Attribute+" = "+c.Value.Text())
			}
			v.Looks = append(v.Looks, clauses)
		}
		out.Joins = append(out.Joins, v)
	}
	for _, a := range x.Attributes {
		v := attributeVerdict{Attribute: a.Attribute}
		for _, t := range a.Attempts {
			attempt := attemptVerdict{
				Rule: t.Rule.Name, Precedence: t.Rule.Precedence, Object: names[t.Contribution],
				Won: t.Won, Reason: t.Reason, Values: plainValues(t.Values),
			}
			if t.Err != nil {
				attempt.Error = t.Err.Error()
			}
			v.Attempts = append(v.Attempts, attempt)
		}
		out.Attributes = append(out.Attributes, v)
	}
	return out
}
