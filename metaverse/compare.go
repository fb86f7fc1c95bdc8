package metaverse

import (
	"cmp"
	"context"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// compare compares the engine's store with the one that it is a copy of.
func (e *Engine) compare(ctx context.Context, base Store, o *WhatIfOptions) (report *Report, err error) {
	err = base.View(ctx, func(before Reader) error {
		return e.store.View(ctx, func(after Reader) error {
			c := &comparing{e: e, ctx: ctx, o: o, before: before, after: after, report: &Report{}}
			report = c.report
			return c.run()
		})
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// comparing is the state of a comparison of two stores, one a changed copy of the other:
// what has the same id is the same, unless it looks like another object.
type comparing struct {
	e             *Engine
	ctx           context.Context // of the call; the comparison does not outlive it
	o             *WhatIfOptions
	before, after Reader
	report        *Report

	// Of the connector that is being compared.
	out        *ConnectorReport
	changes    map[classOp]*ChangeCount
	attributes map[[2]string]*AttributeCount
	samples    map[classOp]int
}

type classOp struct {
	class string
	op    connector.ChangeOp
}

func (c *comparing) run() error {
	for _, name := range c.e.names {
		if err := c.connector(name); err != nil {
			return err
		}
	}
	if err := c.metaverse(); err != nil {
		return err
	}
	return c.errors()
}

func (c *comparing) connector(name string) error {
	counts, err := c.before.CountCS(name)
	if err != nil {
		return err
	}
	c.out = &ConnectorReport{Connector: name, Objects: counts.Imported}
	c.changes, c.attributes, c.samples = make(map[classOp]*ChangeCount), make(map[[2]string]*AttributeCount), make(map[classOp]int)
	for _, step := range []func(string) error{c.totals, c.newExports, c.goneExports, c.links} {
		if err := step(name); err != nil {
			return err
		}
	}
	c.finish()
	if err := c.gate(name); err != nil {
		return err
	}
	c.report.Connectors = append(c.report.Connectors, *c.out)
	return nil
}

func (c *comparing) count(class string, op connector.ChangeOp) *ChangeCount {
	key := classOp{class, op}
	if c.changes[key] == nil {
		c.changes[key] = &ChangeCount{Class: class, Op: op.String()}
	}
	return c.changes[key]
}

func (c *comparing) totals(name string) error {
	for _, side := range []struct {
		rd   Reader
		note func(*ChangeCount, int64)
	}{
		{c.before, func(n *ChangeCount, v int64) { n.Before += v }}, {c.after, func(n *ChangeCount, v int64) { n.After += v }},
	} {
		counts, err := side.rd.CountPendingExports(name)
		if err != nil {
			return err
		}
		for _, n := range counts {
			side.note(c.count(n.Class, n.Op), n.Count)
		}
	}
	return nil
}

// finish puts what was counted into the report, in order.
func (c *comparing) finish() {
	for _, n := range c.changes {
		c.out.Changes = append(c.out.Changes, *n)
	}
	slices.SortFunc(c.out.Changes, func(a, b ChangeCount) int { return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Op, b.Op)) })
	for _, a := range c.attributes {
		c.out.Attributes = append(c.out.Attributes, *a)
	}
	slices.SortFunc(c.out.Attributes, func(a, b AttributeCount) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), attr.CompareNames(a.Attribute, b.Attribute))
	})
	slices.SortFunc(c.out.Deletes, func(a, b DeleteName) int { return cmp.Compare(a.DN, b.DN) })
}

// gate compares what is new with the thresholds.
func (c *comparing) gate(name string) error {
	var counts []ExportCount
	for key, n := range c.changes {
		if n.New > 0 {
			counts = append(counts, ExportCount{Op: key.op, Class: key.class, Count: n.New})
		}
	}
	over, err := exceeded(c.ctx, c.before, name, counts, c.o.Thresholds)
	c.report.Exceeded = append(c.report.Exceeded, over...)
	return err
}

// counterparts returns for each object the one with the same id in the other store, nil where
// there is none or another one.
func counterparts(rd Reader, objects []*CSObject) ([]*CSObject, error) {
	ids := make([]CSID, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	found, err := rd.CS(ids)
	if err != nil {
		return nil, err
	}
	for i, o := range found {
		if o == nil {
			continue
		}
		if bothHave := !o.Anchor.IsZero() && !objects[i].Anchor.IsZero(); bothHave && o.Anchor != objects[i].Anchor ||
			!bothHave && o.DNKey != objects[i].DNKey && o.Link.MV != objects[i].Link.MV {
			found[i] = nil
		}
	}
	return found, nil
}

// exports pages through the pending exports of a store with their objects.
func (c *comparing) exports(rd Reader, name string, fn func([]*PendingExport, []*CSObject) error) error {
	for after := CSID(0); ; {
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		page, err := rd.ScanPendingExports(name, after, searchChunk)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].CS
		ids := make([]CSID, len(page))
		for i, p := range page {
			ids[i] = p.CS
		}
		objects, err := rd.CS(ids)
		if err != nil {
			return err
		}
		if err := fn(page, objects); err != nil {
			return err
		}
	}
}

// newExports finds what is pending with the change that is not, or differently, without it.
func (c *comparing) newExports(name string) error {
	return c.exports(c.after, name, func(page []*PendingExport, objects []*CSObject) error {
		was, err := counterparts(c.before, objects)
		if err != nil {
			return err
		}
		pending, err := exportsOf(c.before, was)
		if err != nil {
			return err
		}
		for i, p := range page {
			if err := c.newExport(p, objects[i], was[i], pending[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// exportsOf returns the pending exports of objects, nil for objects that are nil.
func exportsOf(rd Reader, objects []*CSObject) ([]*PendingExport, error) {
	ids := make([]CSID, len(objects))
	for i, o := range objects {
		if o != nil {
			ids[i] = o.ID
		}
	}
	return rd.PendingExport(ids)
}

func (c *comparing) newExport(p *PendingExport, o, was *CSObject, pending *PendingExport) error {
	if pending == nil || was == nil {
		pending = &PendingExport{}
	}
	refs, counts, err := c.newRefs(p, was != nil)
	if err != nil {
		return err
	}
	if p.Op == pending.Op && p.NewDN == pending.NewDN && sameMods(p.Pending, pending.Pending) && len(counts) == 0 {
		return nil
	}
	c.count(o.Class, p.Op).New++
	for _, m := range p.Pending {
		if !slices.ContainsFunc(pending.Pending, func(b attr.Mod) bool { return sameMods([]attr.Mod{m}, []attr.Mod{b}) }) {
			c.countMod(o.Class, m)
		}
	}
	for name, n := range counts {
		a := c.attribute(o.Class, name)
		a.Adds += n[0]
		a.Deletes += n[1]
	}
	if p.Op == connector.OpDelete {
		return c.nameDelete(o, was)
	}
	key := classOp{o.Class, p.Op}
	if c.samples[key] >= c.o.Samples {
		return nil
	}
	c.samples[key]++
	v := &namer{e: c.e, rd: c.after, cs: make(map[CSID]string)}
	state, err := v.exportState(o, p, refs)
	if err == nil {
		c.out.Samples = append(c.out.Samples, Sample{DN: o.DN, Class: o.Class, State: *state})
	}
	return err
}

// maxSampleRefs bounds the references that a sample shows.
const maxSampleRefs = 20

// newRefs returns the first of the pending references that are not pending without the
// change, and counts them all by attribute: added and deleted.
func (c *comparing) newRefs(p *PendingExport, known bool) (first []ExportRef, counts map[string][2]int64, err error) {
	if !p.References {
		return nil, nil, nil
	}
	counts = make(map[string][2]int64)
	for last := (ExportRef{}); ; {
		page, err := c.after.ExportRefs(p.CS, false, last, searchChunk)
		if err != nil || len(page) == 0 {
			return first, counts, err
		}
		last = page[len(page)-1]
		keys := make([]CSRef, len(page))
		for i, r := range page {
			keys[i] = CSRef{r.Source, r.Attribute, r.Target}
		}
		rows, found, err := c.before.FindExportRefs(keys)
		if err != nil {
			return nil, nil, err
		}
		for i, r := range page {
			if known && found[i] && !rows[i].Sent && rows[i].Delete == r.Delete {
				continue
			}
			n := counts[r.Attribute]
			if r.Delete {
				n[1]++
			} else {
				n[0]++
			}
			counts[r.Attribute] = n
			if len(first) < maxSampleRefs {
				first = append(first, r)
			}
		}
	}
}

func (c *comparing) attribute(class, name string) *AttributeCount {
	key := [2]string{class, attr.Fold(name)}
	if c.attributes[key] == nil {
		c.attributes[key] = &AttributeCount{Class: class, Attribute: name}
	}
	return c.attributes[key]
}

func (c *comparing) countMod(class string, m attr.Mod) {
	a := c.attribute(class, m.Name)
	switch {
	case m.Replace && len(m.Adds) == 0:
		a.Cleared++
	case m.Replace:
		a.Set++
	default:
		a.Adds += int64(len(m.Adds))
		a.Deletes += int64(len(m.Deletes))
	}
}

// goneExports counts what is pending without the change and not with it.
func (c *comparing) goneExports(name string) error {
	return c.exports(c.before, name, func(page []*PendingExport, objects []*CSObject) error {
		is, err := counterparts(c.after, objects)
		if err != nil {
			return err
		}
		pending, err := exportsOf(c.after, is)
		if err != nil {
			return err
		}
		for i, p := range page {
			if is[i] == nil || pending[i] == nil || pending[i].Op != p.Op {
				c.count(objects[i].Class, p.Op).Gone++
			}
		}
		return nil
	})
}
