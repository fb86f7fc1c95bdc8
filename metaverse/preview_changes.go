package metaverse

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// An MVChange is a change of one metaverse object.
type MVChange struct {
	Object     MVView        `json:"object"`
	Change     string        `json:"change"` // "add", "update", "delete"
	Attributes []ValueChange `json:"attributes,omitempty"`
	// References holds copied references that come or go, up to a bound; More counts the
	// others.
	References []ReferenceChange `json:"references,omitempty"`
	More       int               `json:"more,omitempty"`
}

// A ValueChange is a change of the values of one attribute, or of their origin.
type ValueChange struct {
	Attribute string   `json:"attribute"`
	Before    []string `json:"before,omitempty"`
	After     []string `json:"after,omitempty"`
	// Was and Is name rule and object that the values came from and come from.
	Was []string `json:"was,omitempty"`
	Is  []string `json:"is,omitempty"`
}

// A ReferenceChange is one reference value that comes or goes.
type ReferenceChange struct {
	Attribute string `json:"attribute"`
	Target    string `json:"target"`
	Delete    bool   `json:"delete,omitempty"`
}

// A LinkChange is a change of state or link of one connector-space object.
type LinkChange struct {
	Before *ObjectView `json:"before,omitempty"` // nil for one that was made
	After  *ObjectView `json:"after,omitempty"`  // nil for one that went
}

// An ExportChange is a change of one pending export.
type ExportChange struct {
	Object ObjectView   `json:"object"`
	Before *ExportState `json:"before,omitempty"` // nil for nothing
	After  *ExportState `json:"after,omitempty"`  // nil for nothing
}

// An ExportState is what waits to be sent for one object.
type ExportState struct {
	Op         string            `json:"op"`
	NewDN      string            `json:"newDN,omitempty"`
	Attributes []ModView         `json:"attributes,omitempty"`
	References []ReferenceChange `json:"references,omitempty"` // up to a bound
}

// A ModView is a pending change of one attribute. With Replace the attribute gets the values
// Adds in place of Old.
type ModView struct {
	Attribute string   `json:"attribute"`
	Replace   bool     `json:"replace,omitempty"`
	Old       []string `json:"old,omitempty"`
	Adds      []string `json:"adds,omitempty"`
	Deletes   []string `json:"deletes,omitempty"`
}

// collect compares what the tracer remembers with what the transaction holds now.
func (x *previewing) collect() error {
	v := &namer{e: x.e, rd: x.t, cs: make(map[CSID]string)}
	for id, was := range x.t.cs {
		if was.object != nil { // it may be gone by now
			v.cs[id] = was.object.Connector + ": " + was.object.Key().String()
		}
	}
	if err := x.collectMV(v); err != nil {
		return err
	}
	return x.collectCS(v)
}

func (x *previewing) collectMV(v *namer) error {
	changed := slices.Clone(x.t.mvOrder)
	for _, ref := range x.t.order {
		if !slices.Contains(changed, ref.Source) {
			changed = append(changed, ref.Source)
		}
	}
	after, err := x.t.MV(changed)
	if err != nil {
		return err
	}
	for i, id := range changed {
		before, traced := x.t.mv[id]
		if !traced {
			before = after[i] // only references changed
		}
		c, err := v.mvChange(before, after[i])
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		for _, ref := range x.t.order {
			switch {
			case ref.Source != id:
			case len(c.References) >= maxTracedRefs:
				c.More++
			default:
				name, err := v.mvName(ref.Target)
				if err != nil {
					return err
				}
				c.References = append(c.References, ReferenceChange{ref.Attribute, name, !x.t.refs[ref]})
			}
		}
		if c.Change != "update" || len(c.Attributes) > 0 || len(c.References) > 0 {
			x.out.Metaverse = append(x.out.Metaverse, *c)
		}
	}
	return nil
}

func (x *previewing) collectCS(v *namer) error {
	after, err := x.t.CS(x.t.csOrder)
	if err != nil {
		return err
	}
	exports, err := x.t.PendingExport(x.t.csOrder)
	if err != nil {
		return err
	}
	for i, id := range x.t.csOrder {
		was := x.t.cs[id]
		if was.object == nil && after[i] == nil {
			continue
		}
		if changedLink(was.object, after[i]) {
			x.out.Links = append(x.out.Links, LinkChange{x.optionalView(was.object, was.export), x.optionalView(after[i], exports[i])})
		}
		refs, err := x.t.ExportRefs(id, false, ExportRef{}, maxTracedRefs)
		if err != nil {
			return err
		}
		if sameExport(was.export, exports[i]) && slices.Equal(was.refs, refs) {
			continue
		}
		shown := after[i]
		if shown == nil {
			shown = was.object
		}
		c := ExportChange{Object: x.e.viewCS(shown, exports[i])}
		if c.Before, err = v.exportState(was.object, was.export, was.refs); err != nil {
			return err
		}
		if c.After, err = v.exportState(after[i], exports[i], refs); err != nil {
			return err
		}
		if c.Before != nil || c.After != nil {
			x.out.Exports = append(x.out.Exports, c)
		}
	}
	return nil
}

func (x *previewing) optionalView(o *CSObject, p *PendingExport) *ObjectView {
	if o == nil {
		return nil
	}
	v := x.e.viewCS(o, p)
	return &v
}

func changedLink(before, after *CSObject) bool {
	if before == nil || after == nil {
		return true
	}
	return before.State != after.State || before.Link.MV != after.Link.MV || before.Link.Kind != after.Link.Kind ||
		before.Link.Rule != after.Link.Rule || before.DN != after.DN
}

func sameExport(a, b *PendingExport) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Op == b.Op && a.NewDN == b.NewDN && sameMods(a.Pending, b.Pending)
}

// namer gives objects the names by which reports call them.
type namer struct {
	e  *Engine
	rd Reader
	cs map[CSID]string
}

func (v *namer) csName(id CSID) (string, error) {
	if name, ok := v.cs[id]; ok {
		return name, nil
	}
	found, err := v.rd.CS([]CSID{id})
	if err != nil || found[0] == nil {
		return "missing", err
	}
	v.cs[id] = found[0].Connector + ": " + found[0].Key().String()
	return v.cs[id], nil
}

func (v *namer) mvName(id MVID) (string, error) {
	found, err := v.rd.MV([]MVID{id})
	if err != nil || found[0] == nil {
		return "metaverse object " + mvText(id), err
	}
	if name := viewMV(found[0]).Name; name != "" {
		return name, nil
	}
	return "metaverse object " + mvText(id), nil
}

// origins says rule and object of each attribute, by folded name.
func (v *namer) origins(o *MVObject) (map[string][]string, error) {
	out := make(map[string][]string)
	if o == nil {
		return out, nil
	}
	for _, or := range o.Origins {
		name, err := v.csName(or.CS)
		if err != nil {
			return nil, err
		}
		key := attr.Fold(or.Attribute)
		out[key] = append(out[key], v.e.ruleName(or.Rule)+" ("+name+")")
	}
	return out, nil
}

// mvChange compares two states of a metaverse object. It returns nil when neither exists.
func (v *namer) mvChange(before, after *MVObject) (*MVChange, error) {
	empty := &MVObject{}
	c := &MVChange{Change: "update"}
	switch {
	case before == nil && after == nil:
		return nil, nil
	case before == nil:
		c.Object, c.Change, before = viewMV(after), "add", empty
	case after == nil:
		c.Object, c.Change, after = viewMV(before), "delete", empty
	default:
		c.Object = viewMV(after)
	}
	was, err := v.origins(before)
	if err != nil {
		return nil, err
	}
	is, err := v.origins(after)
	if err != nil {
		return nil, err
	}
	for _, name := range attributeNames(&before.Attributes, &after.Attributes) {
		key := attr.Fold(name)
		old, now := before.Attributes.Values(name), after.Attributes.Values(name)
		if slices.Equal(old, now) && slices.Equal(was[key], is[key]) {
			continue
		}
		c.Attributes = append(c.Attributes, ValueChange{name, texts(old), texts(now), was[key], is[key]})
	}
	return c, nil
}

// attributeNames returns the names in either set, in order.
func attributeNames(sets ...*attr.Set) (names []string) {
	for _, s := range sets {
		for name := range s.Names() {
			if i, found := slices.BinarySearchFunc(names, name, attr.CompareNames); !found {
				names = slices.Insert(names, i, name)
			}
		}
	}
	return names
}

func (v *namer) exportState(o *CSObject, p *PendingExport, refs []ExportRef) (*ExportState, error) {
	if o == nil || p == nil || p.Op == 0 {
		return nil, nil
	}
	s := &ExportState{Op: p.Op.String(), NewDN: p.NewDN}
	if p.Op == connector.OpDelete {
		return s, nil
	}
	s.Attributes = modViews(o, p.Pending)
	for _, r := range refs {
		name, err := v.csName(r.Target)
		if err != nil {
			return nil, err
		}
		s.References = append(s.References, ReferenceChange{r.Attribute, name, r.Delete})
	}
	return s, nil
}

func modViews(o *CSObject, mods []attr.Mod) []ModView {
	out := make([]ModView, len(mods))
	for i, m := range mods {
		out[i] = ModView{Attribute: m.Name, Replace: m.Replace, Adds: texts(m.Adds), Deletes: texts(m.Deletes)}
		if m.Replace {
			out[i].Old = texts(o.Image.Values(m.Name))
		}
	}
	return out
}
