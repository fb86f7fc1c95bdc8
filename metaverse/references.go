package metaverse

import (
	"context"

	"github.com/hybridsync/hybridsync/connector"
)

// syncReferences works off the reference queue: value by value, without evaluating the
// objects that the values belong to. One new member of a group of 250,000 is one entry.
func (r *run) syncReferences(ctx context.Context) error {
	var done int64
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n := 0
		err := r.update(ctx, func(tx Tx) error {
			work, err := tx.RefWork(2 * r.e.opts.Batch)
			if err != nil || len(work) == 0 {
				n = 0
				return err
			}
			n = len(work)
			b := newRefBatch(ctx, r, tx)
			if err := b.process(work); err != nil {
				return err
			}
			return tx.DeleteRefWork(work)
		})
		if err != nil || n == 0 {
			return err
		}
		done += int64(n)
		r.rec.Counters.References += int64(n)
		r.progress("references", done, 0)
	}
}

// refBatch is the work of one transaction over the reference queue.
type refBatch struct {
	*batch
	checks   []MVRef // to be settled in the metaverse, and outbound
	seen     map[MVRef]bool
	outbound []CSRef // to be settled in connector spaces
	seenOut  map[CSRef]bool
	touched  map[CSID]*csWork // objects whose pending references changed
}

func newRefBatch(ctx context.Context, r *run, tx Tx) *refBatch {
	return &refBatch{
		batch: newBatch(ctx, r, tx), seen: make(map[MVRef]bool), seenOut: make(map[CSRef]bool),
		touched: make(map[CSID]*csWork),
	}
}

func (b *refBatch) process(work []RefWork) error {
	if err := b.loadWork(work); err != nil {
		return err
	}
	for _, w := range work {
		if w.Kind == WorkMV {
			b.check(MVRef{MVID(w.Source), w.Attribute, MVID(w.Target)})
			continue
		}
		b.expand(CSRef{CSID(w.Source), w.Attribute, CSID(w.Target)})
	}
	if err := b.settleMV(); err != nil {
		return err
	}
	if err := b.settleOutbound(); err != nil {
		return err
	}
	return b.write()
}

// loadWork loads everything that the entries touch, in bulk.
func (b *refBatch) loadWork(work []RefWork) error {
	var css []CSID
	var mvs []MVID
	for _, w := range work {
		if w.Kind == WorkMV {
			mvs = append(mvs, MVID(w.Source), MVID(w.Target))
		} else {
			css = append(css, CSID(w.Source), CSID(w.Target))
		}
	}
	if err := b.loadCS(css); err != nil {
		return err
	}
	for _, id := range css {
		if w := b.cs[id]; w != nil {
			mvs = append(mvs, w.Link.MV)
		}
	}
	return b.loadMV(mvs)
}

func (b *refBatch) check(ref MVRef) {
	if !b.seen[ref] {
		b.seen[ref] = true
		b.checks = append(b.checks, ref)
	}
}

func (b *refBatch) checkOut(ref CSRef) {
	if !b.seenOut[ref] {
		b.seenOut[ref] = true
		b.outbound = append(b.outbound, ref)
	}
}

// expand finds what a value of a connector-space object means: for the metaverse, where
// the object supplies the attribute, and for the object itself, where the attribute flows
// out to it.
func (b *refBatch) expand(ref CSRef) {
	s, d := b.cs[ref.Source], b.cs[ref.Target]
	if s == nil || d == nil {
		return
	}
	for _, f := range s.Link.Outbound {
		if f.Target == ref.Attribute {
			b.checkOut(ref)
		}
	}
	m := b.mv[s.Link.MV]
	if m == nil || d.Link.MV == 0 {
		return
	}
	for _, o := range m.Origins {
		if o.CS == s.ID && o.Source == ref.Attribute {
			b.check(MVRef{m.ID, o.Attribute, d.Link.MV})
		}
	}
}

// settleMV makes the metaverse hold exactly the copied references that it should, and
// passes every checked one on to the connector spaces.
func (b *refBatch) settleMV() error {
	have, err := b.tx.HasMVRefs(b.checks)
	if err != nil {
		return err
	}
	want, err := b.wantMV(have)
	if err != nil {
		return err
	}
	var add, del []MVRef
	for i, ref := range b.checks {
		switch {
		case want[i] && !have[i]:
			add = append(add, ref)
		case !want[i] && have[i]:
			del = append(del, ref)
		}
		b.flowOut(ref)
	}
	if err := b.tx.AddMVRefs(add); err != nil {
		return err
	}
	return b.tx.DeleteMVRefs(del)
}

// wantMV tells for each checked reference whether it shall exist: whether the object that
// supplies the attribute refers to any object that is linked to the target.
func (b *refBatch) wantMV(have []bool) ([]bool, error) {
	want := make([]bool, len(b.checks))
	var probes []CSRef
	var of []int
	for i, ref := range b.checks {
		m, n := b.mv[ref.Source], b.mv[ref.Target]
		if m == nil || n == nil {
			continue
		}
		if isComputedRef(ref.Attribute) {
			want[i] = have[i] // an outbound rule computed it; rules alone change it
			continue
		}
		for _, o := range m.Origins {
			supplier := b.cs[o.CS]
			if o.Source == "" || o.Attribute != ref.Attribute || supplier == nil {
				continue
			}
			for _, d := range n.linked {
				if d.Connector == supplier.Connector {
					probes, of = append(probes, CSRef{o.CS, o.Source, d.ID}), append(of, i)
				}
			}
		}
	}
	has, err := b.tx.HasCSRefs(probes)
	for j, h := range has {
		want[of[j]] = want[of[j]] || h
	}
	return want, err
}

// flowOut finds the values of connector-space objects that a copied reference flows to.
func (b *refBatch) flowOut(ref MVRef) {
	m, n := b.mv[ref.Source], b.mv[ref.Target]
	if m == nil || n == nil {
		return
	}
	for _, y := range m.linked {
		for _, f := range y.Link.Outbound {
			if f.Source != ref.Attribute {
				continue
			}
			for _, z := range n.linked {
				if z.Connector == y.Connector {
					b.checkOut(CSRef{y.ID, f.Target, z.ID})
				}
			}
		}
	}
}

// settleOutbound makes the pending changes of references exactly those that are needed.
// Values that refer to objects which are not linked belong to others and are left alone.
func (b *refBatch) settleOutbound() error {
	if len(b.outbound) == 0 {
		return nil
	}
	want, err := b.wantOut()
	if err != nil {
		return err
	}
	have, err := b.tx.HasCSRefs(b.outbound)
	if err != nil {
		return err
	}
	rows, found, err := b.tx.FindExportRefs(b.outbound)
	if err != nil {
		return err
	}
	var put []ExportRef
	var drop []CSRef
	for i, ref := range b.outbound {
		y, z := b.cs[ref.Source], b.cs[ref.Target]
		foreign := z == nil || z.Link.MV == 0
		top := have[i]
		if found[i] && rows[i].Sent {
			top = !rows[i].Delete
		}
		switch {
		case y == nil:
		case want[i] == top || foreign && !want[i]:
			if found[i] && !rows[i].Sent {
				drop = append(drop, ref)
				b.touched[y.ID] = y
			}
		case found[i] && !rows[i].Sent && rows[i].Delete != want[i]:
			// What is needed is pending already.
		default:
			put = append(put, ExportRef{Source: ref.Source, Attribute: ref.Attribute, Target: ref.Target, Delete: !want[i]})
			b.touched[y.ID] = y
		}
	}
	if err := b.tx.DeleteExportRefs(drop); err != nil {
		return err
	}
	if err := b.tx.PutExportRefs(put); err != nil {
		return err
	}
	return b.noteReferences()
}

// wantOut tells for each value of an object whether it shall be in the directory: whether
// the metaverse holds the reference that it is a copy of.
func (b *refBatch) wantOut() ([]bool, error) {
	want := make([]bool, len(b.outbound))
	var probes []MVRef
	var of []int
	for i, ref := range b.outbound {
		y, z := b.cs[ref.Source], b.cs[ref.Target]
		if y == nil || z == nil || y.Link.MV == 0 || z.Link.MV == 0 || z.deleting() {
			continue
		}
		for _, f := range y.Link.Outbound {
			if f.Target == ref.Attribute {
				probes, of = append(probes, MVRef{y.Link.MV, f.Source, z.Link.MV}), append(of, i)
			}
		}
	}
	has, err := b.tx.HasMVRefs(probes)
	for j, h := range has {
		want[of[j]] = want[of[j]] || h
	}
	return want, err
}

func (w *csWork) deleting() bool {
	return w.export != nil && (w.export.Op == connector.OpDelete || w.export.DeleteSent)
}

// noteReferences keeps the pending exports of objects in step with their pending
// references.
func (b *refBatch) noteReferences() error {
	for id, w := range b.touched {
		if w.deleting() {
			continue
		}
		unsent, err := b.tx.ExportRefs(id, false, ExportRef{}, 1)
		if err != nil {
			return err
		}
		p := w.exportCopy()
		p.References = len(unsent) > 0
		switch {
		case p.References && p.Op == 0:
			p.Op = connector.OpUpdate
		case !p.References && p.Op == connector.OpUpdate && len(p.Pending) == 0 && p.NewDN == "":
			p.Op = 0
		}
		w.export, w.out = p, true
	}
	return nil
}
