package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// report is what simulate prints. Every list is sorted by what its elements are, never by
// the order of computation.
type report struct {
	Metaverse     []mvReport     `json:"metaverse"`
	Links         []linkReport   `json:"links"`
	Exports       []exportReport `json:"exports"`
	Disconnectors []csReport     `json:"disconnectors"`
	Errors        []errorReport  `json:"errors"`
	Notes         []string       `json:"notes"`
}

// mvReport is one metaverse object. Its id is the name of its first link.
type mvReport struct {
	ID         string                    `json:"id"`
	Class      string                    `json:"class"`
	Attributes map[string]any            `json:"attributes"`
	Provenance map[string][]originReport `json:"provenance"`
}

type originReport struct {
	Rule      string `json:"rule"`
	Connector string `json:"connector"`
	DN        string `json:"dn"`
}

// csReport names a connector-space object.
type csReport struct {
	Connector string `json:"connector"`
	Class     string `json:"class"`
	Anchor    string `json:"anchor,omitempty"`
	DN        string `json:"dn,omitempty"`
	State     string `json:"state,omitempty"`
}

type linkReport struct {
	Metaverse string `json:"metaverse"`
	csReport
	Kind string `json:"kind"`
	Rule string `json:"rule"`
}

// exportReport is one pending export. An add has the attributes of the object, an update
// what changes.
type exportReport struct {
	Operation string `json:"operation"`
	Metaverse string `json:"metaverse,omitempty"`
	csReport
	NewDN      string                  `json:"newDn,omitempty"`
	Attributes map[string]any          `json:"attributes,omitempty"`
	Changes    map[string]changeReport `json:"changes,omitempty"`
}

type changeReport struct {
	Replace *[]any `json:"replace,omitempty"` // empty: the attribute loses all values
	Add     []any  `json:"add,omitempty"`
	Delete  []any  `json:"delete,omitempty"`
}

type errorReport struct {
	csReport
	Step      string `json:"step"`
	Code      string `json:"code"`
	Attribute string `json:"attribute,omitempty"`
	Rule      string `json:"rule,omitempty"`
	Message   string `json:"message"`
}

func (w *world) report() *report {
	r := &report{
		Metaverse: []mvReport{}, Links: []linkReport{}, Exports: []exportReport{}, Disconnectors: []csReport{},
		Errors: []errorReport{}, Notes: append([]string{}, w.notes...),
	}
	for _, o := range w.state.mv {
		r.Metaverse = append(r.Metaverse, w.mvReport(o))
		for _, cs := range w.state.linksOf(o.ID, w.engine.Connectors()) {
			r.Links = append(r.Links, linkReport{w.mvName(o.ID), w.csReport(cs), cs.Link.Kind.String(), w.ruleName(cs.Link.Rule)})
		}
	}
	for _, e := range w.state.exports {
		r.Exports = append(r.Exports, w.exportReport(e))
	}
	for _, name := range w.engine.Connectors() {
		for _, id := range w.state.order[name] {
			if o := w.state.cs[id]; o.Imported && o.Link.MV == 0 && o.State != metaverse.Placeholder {
				c := w.csReport(o)
				c.State = o.State.String()
				r.Disconnectors = append(r.Disconnectors, c)
			}
		}
	}
	for i := range w.state.errors {
		r.Errors = append(r.Errors, w.errorReport(&w.state.errors[i]))
	}
	r.sort()
	return r
}

func (r *report) sort() {
	slices.SortStableFunc(r.Metaverse, func(a, b mvReport) int {
		return cmp.Or(strings.Compare(a.Class, b.Class), strings.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(r.Links, func(a, b linkReport) int {
		return cmp.Or(strings.Compare(a.Metaverse, b.Metaverse), a.csReport.compare(&b.csReport))
	})
	slices.SortStableFunc(r.Exports, func(a, b exportReport) int { return a.csReport.compare(&b.csReport) })
	slices.SortStableFunc(r.Disconnectors, func(a, b csReport) int { return a.compare(&b) })
	slices.SortStableFunc(r.Errors, func(a, b errorReport) int {
		return cmp.Or(a.csReport.compare(&b.csReport), strings.Compare(a.Step, b.Step), strings.Compare(a.Code, b.Code))
	})
	slices.Sort(r.Notes)
}

func (c *csReport) compare(o *csReport) int {
	return cmp.Or(strings.Compare(c.Connector, o.Connector), strings.Compare(c.DN, o.DN), strings.Compare(c.Anchor, o.Anchor))
}

// mvName names a metaverse object by its first link, in the order of connectors.
func (w *world) mvName(id metaverse.MVID) string {
	if links := w.state.linksOf(id, w.engine.Connectors()); len(links) > 0 {
		return links[0].Connector + "/" + links[0].Key().String()
	}
	return ""
}

func (w *world) csReport(o *metaverse.CSObject) csReport {
	return csReport{Connector: o.Connector, Class: o.Class, Anchor: o.Anchor.Text(), DN: o.DN}
}

func (w *world) ruleName(id string) string {
	for _, r := range w.set.Rules() {
		if r.ID == id {
			return r.Name
		}
	}
	return id
}

func (w *world) mvReport(o *metaverse.MVObject) mvReport {
	out := mvReport{
		ID: w.mvName(o.ID), Class: o.Class, Attributes: make(map[string]any), Provenance: make(map[string][]originReport),
	}
	put := func(name string, values []any) {
		if a, ok := w.set.Metaverse().Attribute(name); ok && !a.MultiValued && len(values) == 1 {
			out.Attributes[name] = values[0]
		} else {
			out.Attributes[name] = values
		}
	}
	for name, values := range o.Attributes.All() {
		put(name, plainValues(values))
	}
	for _, origin := range o.Origins {
		cs := w.state.cs[origin.CS]
		out.Provenance[origin.Attribute] = append(out.Provenance[origin.Attribute],
			originReport{w.ruleName(origin.Rule), cs.Connector, cs.Key().String()})
		if origin.Source == "" {
			continue
		}
		var names []string
		for _, id := range w.state.mvRefs[o.ID][attr.Fold(origin.Attribute)] {
			names = append(names, w.mvName(id))
		}
		if names != nil {
			put(origin.Attribute, references(names))
		} else if !o.Attributes.Has(origin.Attribute) {
			delete(out.Provenance, origin.Attribute) // none of the objects referred to is here
		}
	}
	return out
}

func references(names []string) []any {
	slices.Sort(names)
	var values []any
	for _, n := range names {
		values = append(values, plainValue(attr.Reference(n)))
	}
	return values
}

func plainValues(values []attr.Value) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = plainValue(v)
	}
	return out
}

func (w *world) exportReport(e *metaverse.PendingExport) exportReport {
	o := w.state.cs[e.CS]
	out := exportReport{Operation: e.Op.String(), csReport: w.csReport(o), NewDN: e.NewDN}
	if o.Link.MV != 0 {
		out.Metaverse = w.mvName(o.Link.MV)
	}
	refs := make(map[string]*attr.Mod)
	var names []string
	for _, r := range w.state.exportRefs[e.CS] {
		m := refs[r.Attribute]
		if m == nil {
			m = &attr.Mod{Name: r.Attribute}
			refs[r.Attribute] = m
			names = append(names, r.Attribute)
		}
		if v := attr.Reference(w.state.cs[r.Target].Key().String()); r.Delete {
			m.Deletes = append(m.Deletes, v)
		} else {
			m.Adds = append(m.Adds, v)
		}
	}
	mods := slices.Clone(e.Pending)
	for _, name := range names {
		slices.SortFunc(refs[name].Adds, attr.Compare)
		slices.SortFunc(refs[name].Deletes, attr.Compare)
		mods = append(mods, *refs[name])
	}
	if e.Op == connector.OpAdd {
		out.Attributes = w.added(o.Connector, mods)
	} else {
		out.Changes = changed(mods)
	}
	return out
}

// added returns the attributes of a new object.
func (w *world) added(name string, mods []attr.Mod) map[string]any {
	out := make(map[string]any, len(mods))
	for _, m := range mods {
		if values := plainValues(m.Adds); len(values) == 1 && !w.multiValued(name, m.Name) {
			out[m.Name] = values[0]
		} else if len(values) > 0 {
			out[m.Name] = values
		}
	}
	return out
}

func (w *world) multiValued(name, attribute string) bool {
	return w.multi[name][attr.Fold(attribute)]
}

func changed(mods []attr.Mod) map[string]changeReport {
	out := make(map[string]changeReport, len(mods))
	for _, m := range mods {
		var c changeReport
		if m.Replace {
			values := plainValues(m.Adds)
			c.Replace = &values
		} else {
			c.Add, c.Delete = plainValues(m.Adds), plainValues(m.Deletes)
		}
		out[m.Name] = c
	}
	return out
}

func (w *world) errorReport(e *metaverse.ObjectError) errorReport {
	out := errorReport{
		csReport: csReport{Connector: e.Connector, Anchor: e.Object.Anchor.Text(), DN: e.Object.DN},
		Step:     e.Step, Code: e.Code, Attribute: e.Attribute, Rule: e.Rule, Message: e.Message,
	}
	if o := w.state.cs[e.CS]; o != nil {
		out.csReport = w.csReport(o)
	}
	return out
}
