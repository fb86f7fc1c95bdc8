package metaverse

import (
	"context"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// syncReferences works off the reference queue: value by value, without evaluating the
// objects that the values belong to. One new member of a group of 250,000 is one entry.
func (r *run) syncReferences(ctx context.Context) error {
	var done int64
	for {
		if err := r.going(ctx); err != nil {
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
			b := newRefBatch(r, tx)
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
	r        *run
	tx       Tx
	cs       map[CSID]*CSObject // heads
	sources  map[MVID]*MVObject // heads of those whose origins matter
	linked   map[MVID][]*CSObject
	checks   []MVRef // to be settled in the metaverse, and outbound
	seen     map[MVRef]bool
	outbound []CSRef // to be settled in connector spaces
	seenOut  map[CSRef]bool
	touched  []CSID // objects whose pending references changed, perhaps several times
}

func newRefBatch(r *run, tx Tx) *refBatch {
	return &refBatch{
		r: r, tx: tx, cs: make(map[CSID]*CSObject), sources: make(map[MVID]*MVObject), linked: make(map[MVID][]*CSObject),
		seen: make(map[MVRef]bool), seenOut: make(map[CSRef]bool),
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
	return b.settleOutbound()
}

// loadWork loads what the entries touch, in bulk: links and states of connector-space
// objects, never their values, and the origins of the metaverse objects that refer.
func (b *refBatch) loadWork(work []RefWork) error {
	var css []CSID
	var sources, targets []MVID
	for _, w := range work {
		if w.Kind == WorkMV {
			sources, targets = append(sources, MVID(w.Source)), append(targets, MVID(w.Target))
		} else {
			css = append(css, CSID(w.Source), CSID(w.Target))
		}
	}
	if err := b.loadHeads(css); err != nil {
		return err
	}
	for _, w := range work {
		if w.Kind != WorkCS {
			continue
		}
		if s, d := b.cs[CSID(w.Source)], b.cs[CSID(w.Target)]; s != nil && d != nil {
			sources, targets = append(sources, s.Link.MV), append(targets, d.Link.MV)
		}
	}
	if err := b.loadSources(sources); err != nil {
		return err
	}
	return b.loadLinked(append(targets, sources...))
}

func (b *refBatch) loadHeads(ids []CSID) error {
	missing := unloaded(ids, b.cs)
	heads, err := b.tx.CSHeads(missing)
	for i, o := range heads {
		if o != nil {
			b.cs[missing[i]] = o
		}
	}
	return err
}

func (b *refBatch) loadSources(ids []MVID) error {
	missing := unloaded(ids, b.sources)
	objects, err := b.tx.MVHeads(missing)
	for i, o := range objects {
		if o != nil {
			b.sources[missing[i]] = o
		}
	}
	return err
}

// loadLinked loads the heads of everything that is linked to metaverse objects. One that
// does not exist has nothing linked to it.
func (b *refBatch) loadLinked(ids []MVID) error {
	missing := unloaded(ids, b.linked)
	lists, err := b.tx.LinkedCS(missing)
	if err != nil {
		return err
	}
	if err := b.loadHeads(slices.Concat(lists...)); err != nil {
		return err
	}
	for i, list := range lists {
		heads := make([]*CSObject, 0, len(list))
		for _, id := range list {
			heads = append(heads, b.cs[id])
		}
		b.linked[missing[i]] = heads
	}
	return nil
}

// unloaded returns the ids that are not 0 and not loaded yet, each once.
func unloaded[ID CSID | MVID, V any](ids []ID, loaded map[ID]V) (missing []ID) {
	asked := make(map[ID]bool, len(ids))
	for _, id := range ids {
		if _, ok := loaded[id]; id != 0 && !ok && !asked[id] {
			asked[id] = true
			missing = append(missing, id)
		}
	}
	return missing
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
	m := b.sources[s.Link.MV]
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
		m := b.sources[ref.Source]
		if m == nil {
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
			for _, d := range b.linked[ref.Target] {
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
	for _, y := range b.linked[ref.Source] {
		for _, f := range y.Link.Outbound {
			if f.Source != ref.Attribute {
				continue
			}
			for _, z := range b.linked[ref.Target] {
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
	deleting, err := b.deleting()
	if err != nil {
		return err
	}
	want, err := b.wantOut(deleting)
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
				b.touched = append(b.touched, y.ID)
			}
		case found[i] && !rows[i].Sent && rows[i].Delete != want[i]:
			// What is needed is pending already.
		default:
			put = append(put, ExportRef{Source: ref.Source, Attribute: ref.Attribute, Target: ref.Target, Delete: !want[i]})
			b.touched = append(b.touched, y.ID)
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
func (b *refBatch) wantOut(deleting map[CSID]bool) ([]bool, error) {
	want := make([]bool, len(b.outbound))
	var probes []MVRef
	var of []int
	for i, ref := range b.outbound {
		y, z := b.cs[ref.Source], b.cs[ref.Target]
		if y == nil || z == nil || y.Link.MV == 0 || z.Link.MV == 0 || deleting[z.ID] {
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

// deleting finds the targets that are on their way out: no reference to them is exported,
// and the directory drops those that there are by itself.
func (b *refBatch) deleting() (map[CSID]bool, error) {
	var targets []CSID
	for _, ref := range b.outbound {
		targets = append(targets, ref.Target)
	}
	slices.Sort(targets)
	targets = slices.Compact(targets)
	exports, err := b.tx.PendingExport(targets)
	out := make(map[CSID]bool)
	for i, p := range exports {
		if p != nil && (p.Op == connector.OpDelete || p.DeleteSent) {
			out[targets[i]] = true
		}
	}
	return out, err
}

// noteReferences keeps the pending exports of objects in step with their pending
// references.
func (b *refBatch) noteReferences() error {
	slices.Sort(b.touched)
	ids := slices.Compact(b.touched)
	exports, err := b.tx.PendingExport(ids)
	if err != nil {
		return err
	}
	unsent, sent, err := b.tx.HasExportRefs(ids)
	if err != nil {
		return err
	}
	var put []*PendingExport
	var done []CSID
	for i, id := range ids {
		before := exports[i]
		p := &PendingExport{CS: id, Connector: b.cs[id].Connector}
		if before != nil {
			*p = *before
		}
		if p.Op == connector.OpDelete || p.DeleteSent {
			continue
		}
		p.References = unsent[i]
		switch {
		case p.References && p.Op == 0:
			p.Op = connector.OpUpdate
		case !p.References && p.Op == connector.OpUpdate && len(p.Pending) == 0 && p.NewDN == "":
			p.Op = 0
		}
		switch {
		case p.Op == 0 && len(p.Sent) == 0 && !sent[i]:
			done = append(done, id)
		case before == nil || p.Op != before.Op || p.References != before.References:
			put = append(put, p)
		}
	}
	return putExports(b.tx, put, done)
}
