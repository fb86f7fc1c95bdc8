package metaverse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// A Lineage tells where the values of one attribute come from, back to what directories
// have.
type Lineage struct {
	// Object is the object that has the attribute: "connector: DN", or the metaverse object.
	Object    string   `json:"object"`
	Attribute string   `json:"attribute"`
	Values    []string `json:"values,omitempty"`
	Count     int64    `json:"count,omitempty"` // of values that are references
	// Rule gave the values, by Flow; both are "" for what a directory has.
	Rule string `json:"rule,omitempty"`
	Flow string `json:"flow,omitempty"`
	// From holds the lineage of every attribute that the flow reads.
	From []Lineage `json:"from,omitempty"`
}

// Lineage returns the lineage of an attribute of a connector-space object: the rule that
// flows it out, the metaverse attributes which that reads, and where they come from. Merged
// attributes have one for each rule. An attribute that no rule flows out has the directory's
// own values. It writes nothing.
func (e *Engine) Lineage(ctx context.Context, ref ObjectRef, attribute string) ([]Lineage, error) {
	return e.lineage(ctx, func(x *explaining) ([]Lineage, error) {
		o, err := e.find(x.b.tx, ref)
		if err != nil {
			return nil, err
		}
		if err := x.b.loadCS([]CSID{o.ID}); err != nil {
			return nil, err
		}
		if err := x.b.loadMV([]MVID{o.Link.MV}); err != nil {
			return nil, err
		}
		return x.outboundLineage(x.b.cs[o.ID], x.b.mv[o.Link.MV], attribute)
	})
}

// LineageMV is [Engine.Lineage] for an attribute of a metaverse object.
func (e *Engine) LineageMV(ctx context.Context, id MVID, attribute string) ([]Lineage, error) {
	return e.lineage(ctx, func(x *explaining) ([]Lineage, error) {
		if err := x.b.loadMV([]MVID{id}); err != nil {
			return nil, err
		}
		if x.b.mv[id] == nil {
			return nil, fmt.Errorf("metaverse object %d: %w", id, connector.ErrNotFound)
		}
		return x.inboundLineage(x.b.mv[id], attribute)
	})
}

func (e *Engine) lineage(ctx context.Context, fn func(*explaining) ([]Lineage, error)) (out []Lineage, err error) {
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

func (x *explaining) outboundLineage(w *csWork, m *mvWork, name string) ([]Lineage, error) {
	own, err := x.imported(w, name)
	if err != nil || m == nil || !x.hasRules(rules.Outbound, w.Connector) {
		return []Lineage{own}, err
	}
	t := x.b.r.e.connectors[w.Connector]
	subject := x.b.mvSubject(m, t)
	subject.New = w.unborn()
	ex, err := x.b.rules.ExplainOutbound(x.b.ctx, t.name, w.Class, subject, w.topOf(), x.b.now)
	if err != nil {
		return nil, err
	}
	var out []Lineage
	for i := range ex.Attributes {
		if !attr.EqualName(ex.Attributes[i].Attribute, name) {
			continue
		}
		for j := range ex.Attributes[i].Attempts {
			a := &ex.Attributes[i].Attempts[j]
			if !a.Won {
				continue
			}
			l := Lineage{Object: own.Object, Attribute: own.Attribute, Values: texts(a.Values), Count: own.Count, Rule: a.Rule.Name, Flow: flowText(&a.Flow)}
			for _, source := range flowSources(&a.Flow) {
				from, err := x.inboundLineage(m, source)
				if err != nil {
					return nil, err
				}
				l.From = append(l.From, from...)
			}
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		out = []Lineage{own}
	}
	return out, nil
}

// inboundLineage returns the lineage of a metaverse attribute: one for each origin.
func (x *explaining) inboundLineage(m *mvWork, name string) (out []Lineage, err error) {
	v := viewMV(m.MVObject)
	object := strings.TrimSpace(fmt.Sprintf("metaverse: %s %d %s", v.Class, v.ID, v.Name))
	for _, o := range m.Origins {
		if !attr.EqualName(o.Attribute, name) {
			continue
		}
		l := Lineage{Object: object, Attribute: o.Attribute, Values: texts(m.Attributes.Values(name)), Rule: x.b.r.e.ruleName(o.Rule)}
		if o.Source != "" {
			if l.Count, err = x.b.tx.CountMVRefs(m.ID, o.Attribute); err != nil {
				return nil, err
			}
		}
		var sources []string
		if f := x.flow(o.Rule, name); f != nil {
			l.Flow, sources = flowText(f), flowSources(f)
		}
		for _, source := range sources {
			w := x.b.cs[o.CS]
			if w == nil {
				continue
			}
			from, err := x.imported(w, source)
			if err != nil {
				return nil, err
			}
			l.From = append(l.From, from)
		}
		out = append(out, l)
	}
	if out == nil {
		out = []Lineage{{Object: object, Attribute: name, Values: texts(m.Attributes.Values(name))}}
	}
	return out, nil
}

// imported is the end of a lineage: what the connector space holds.
func (x *explaining) imported(w *csWork, name string) (l Lineage, err error) {
	l = Lineage{Object: w.Connector + ": " + w.Key().String(), Attribute: name, Values: texts(w.Image.Values(name))}
	if attr.EqualName(name, "dn") {
		l.Values = []string{w.DN}
		return l, nil
	}
	l.Count, err = x.b.tx.CountCSRefs(w.ID, name)
	return l, err
}

// flow returns the flow of a rule to an attribute, nil if the rules have none any more.
func (x *explaining) flow(rule, target string) *rules.Flow {
	r := x.b.r.e.rulesByID[rule]
	if r == nil {
		return nil
	}
	for i := range r.Flows {
		if attr.EqualName(r.Flows[i].Target, target) {
			return &r.Flows[i]
		}
	}
	return nil
}

// flowSources returns the attributes that a flow reads.
func flowSources(f *rules.Flow) []string {
	switch f.Type {
	case rules.Direct:
		return f.Source
	case rules.Expression:
		p, err := expr.Compile(f.Expression, nil)
		if err != nil {
			return f.Source // what it says itself
		}
		all := slices.Concat(p.Attributes(), p.Imported(), p.Counted())
		slices.SortFunc(all, attr.CompareNames)
		return slices.CompactFunc(all, attr.EqualName)
	}
	return nil
}
