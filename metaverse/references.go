package metaverse

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
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
		var b *refBatch
		err := r.update(ctx, func(tx Tx) error {
			work, err := tx.RefWork(2 * r.e.opts.Batch)
			if err != nil || len(work) == 0 {
				n = 0
				return err
			}
			n = len(work)
			b = newRefBatch(r, tx)
			if err := b.process(work); err != nil {
				return err
			}
			return tx.DeleteRefWork(work)
		})
		if err != nil || n == 0 {
			return err
		}
		r.known = r.known.learn(b.refFacts, r.changes)
		done += int64(n)
		r.rec.Counters.References += int64(n)
		r.progress("references", done, 0)
	}
}

// refBatch is the work of one transaction over references: over the queue, or over what a batch
// of objects has changed the meaning of.
type refBatch struct {
	r        *run
	tx       Tx
	objects  *batch    // whose changes are in the same transaction; nil for none
	known    *refCache // what earlier transactions know; nil for nothing
	refFacts           // what is known here
	given    []CSRef   // exist, in order
	checks   []MVRef   // to be settled in the metaverse, and outbound
	seen     map[MVRef]int
	want     []bool  // of checks: whether the reference shall exist
	outbound []CSRef // to be settled in connector spaces
	seenOut  map[CSRef]bool
	touched  []CSID        // objects whose pending references changed, perhaps several times
	added    map[CSID]bool // those of them that got one to be sent
	mattered int64         // references of connector-space objects that mean anything
	probes   []CSRef       // used again and again
	spelled  map[string]string

	lists sharedLists[copied]
	flows sharedLists[ReferenceFlow]
}

func newRefBatch(r *run, tx Tx) *refBatch {
	return &refBatch{
		r: r, tx: tx, known: r.known.at(r.changes), refFacts: newRefFacts(),
		added: make(map[CSID]bool), spelled: make(map[string]string),
	}
}

func (b *refBatch) process(work []RefWork) error {
	if err := b.loadWork(work); err != nil {
		return err
	}
	b.checks, b.seen = make([]MVRef, 0, len(work)), make(map[MVRef]int, len(work))
	b.outbound, b.seenOut = make([]CSRef, 0, len(work)), make(map[CSRef]bool, len(work))
	for _, w := range work {
		if w.Kind == WorkMV {
			b.check(MVRef{MVID(w.Source), w.Attribute, MVID(w.Target)})
			continue
		}
		if b.expand(CSRef{CSID(w.Source), w.Attribute, CSID(w.Target)}) {
			b.mattered++
		}
	}
	if err := b.settleMV(); err != nil {
		return err
	}
	return b.settleOutbound()
}

// loadWork loads what the entries touch, in bulk: links of connector-space objects, never
// their values, and the origins of the metaverse objects that refer.
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
	if err := b.loadLinks(css); err != nil {
		return err
	}
	for _, w := range work {
		if w.Kind != WorkCS {
			continue
		}
		// Nothing follows in the metaverse while one end is not linked.
		if s, d := b.cs[CSID(w.Source)], b.cs[CSID(w.Target)]; s != nil && d != nil && s.mv != 0 && d.mv != 0 {
			sources, targets = append(sources, s.mv), append(targets, d.mv)
		}
	}
	if err := b.loadSources(sources); err != nil {
		return err
	}
	return b.loadLinked(append(targets, sources...))
}

func (b *refBatch) loadLinks(ids []CSID) error {
	missing := unloaded(ids, b.cs, b.recallCS)
	links, err := b.tx.CSLinks(missing)
	for _, id := range missing {
		b.cs[id] = &refObject{id: id} // it has no link, if it exists at all
	}
	for _, l := range links {
		b.cs[l.CS] = &refObject{l.CS, l.Connector, l.MV, b.flows.share(l.Outbound, false)}
	}
	return err
}

func (b *refBatch) loadSources(ids []MVID) error {
	missing := unloaded(ids, b.copies, b.recallCopies)
	objects, err := b.tx.MVHeads(missing)
	for i, o := range objects {
		if o != nil {
			b.copies[missing[i]] = suppliersIn(o.Origins, &b.lists)
		}
	}
	return err
}

// loadLinked loads what is linked to metaverse objects. One that does not exist has nothing
// linked to it.
func (b *refBatch) loadLinked(ids []MVID) error {
	missing := unloaded(ids, b.linked, b.recallLinked)
	lists, err := b.tx.LinkedCS(missing)
	if err != nil {
		return err
	}
	for i, list := range lists {
		b.linked[missing[i]] = list
	}
	var all []CSID
	for _, id := range ids {
		all = append(all, b.linked[id]...)
	}
	return b.loadLinks(all)
}

// unloaded returns the ids that are not 0 and neither loaded yet nor recalled, each once.
func unloaded[ID CSID | MVID, V any](ids []ID, loaded map[ID]V, recall func(ID) bool) (missing []ID) {
	var asked map[ID]bool
	for _, id := range ids {
		if _, ok := loaded[id]; id == 0 || ok || recall(id) || asked[id] {
			continue
		}
		if asked == nil {
			asked = make(map[ID]bool)
		}
		asked[id] = true
		missing = append(missing, id)
	}
	return missing
}

// spell returns one spelling for all spellings of a name: rules have theirs, the store has what came
// first.
func (b *refBatch) spell(name string) string {
	one, known := b.spelled[name]
	if known {
		return one
	}
	key := attr.Fold(name)
	if one, known = b.spelled[key]; !known {
		one = name
		b.spelled[key] = one
	}
	b.spelled[name] = one
	return one
}

func (b *refBatch) check(ref MVRef) {
	ref.Attribute = b.spell(ref.Attribute)
	if _, seen := b.seen[ref]; !seen {
		b.seen[ref] = len(b.checks)
		b.checks = append(b.checks, ref)
	}
}

func (b *refBatch) checkOut(ref CSRef) {
	ref.Attribute = b.spell(ref.Attribute)
	if !b.seenOut[ref] {
		b.seenOut[ref] = true
		b.outbound = append(b.outbound, ref)
	}
}

// expand finds what a value of a connector-space object means: for the metaverse, where
// the object supplies the attribute, and for the object itself, where the attribute flows
// out to it. It reports whether it means anything.
func (b *refBatch) expand(ref CSRef) (matters bool) {
	s, d := b.cs[ref.Source], b.cs[ref.Target]
	if s == nil || d == nil {
		return false
	}
	for _, f := range s.outbound {
		if attr.EqualName(f.Target, ref.Attribute) {
			b.checkOut(ref)
			matters = true
		}
	}
	if s.mv == 0 || d.mv == 0 {
		return matters
	}
	for _, from := range b.copies[s.mv] {
		for _, c := range from.copies {
			if from.cs == s.id && attr.EqualName(c.source, ref.Attribute) {
				b.check(MVRef{s.mv, c.attribute, d.mv})
				matters = true
			}
		}
	}
	return matters
}

// settleMV makes the metaverse hold exactly the copied references that it should, and
// passes every checked one on to the connector spaces.
func (b *refBatch) settleMV() error {
	have, err := ask(b.checks, b.cannotHaveMV, b.tx.HasMVRefs)
	if err != nil {
		return err
	}
	if err := b.wantMV(have); err != nil {
		return err
	}
	var add, del []MVRef
	for i, ref := range b.checks {
		switch {
		case b.want[i] && !have[i]:
			add = append(add, ref)
		case !b.want[i] && have[i]:
			del = append(del, ref)
		}
		b.flowOut(ref)
	}
	slices.SortFunc(add, func(x, y MVRef) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.Attribute, y.Attribute), cmp.Compare(x.Target, y.Target))
	})
	if err := b.tx.AddMVRefs(add); err != nil {
		return err
	}
	return b.tx.DeleteMVRefs(del)
}

// ask asks the store about the references for which it can say yes.
func ask[R any](refs []R, cannot func(R) bool, has func([]R) ([]bool, error)) ([]bool, error) {
	out := make([]bool, len(refs))
	var open []R
	var of []int
	for i, ref := range refs {
		if !cannot(ref) {
			open, of = append(open, ref), append(of, i)
		}
	}
	if len(open) == 0 {
		return out, nil
	}
	found, err := has(open)
	for j, f := range found {
		out[of[j]] = f
	}
	return out, err
}

// cannotHaveMV reports whether the metaverse cannot have a copied reference: one of its ends was
// made in this transaction.
func (b *refBatch) cannotHaveMV(ref MVRef) bool {
	return !isComputedRef(ref.Attribute) && (b.madeMV(ref.Source) || b.madeMV(ref.Target))
}

// cannotHaveCS is cannotHaveMV for what a directory has of a reference or will have.
func (b *refBatch) cannotHaveCS(ref CSRef) bool { return b.madeCS(ref.Source) || b.madeCS(ref.Target) }

func (b *refBatch) madeMV(id MVID) bool {
	return b.objects != nil && b.objects.mv[id] != nil && b.objects.mv[id].isNew
}

func (b *refBatch) madeCS(id CSID) bool {
	return b.objects != nil && b.objects.cs[id] != nil && b.objects.cs[id].provisioned
}

// wantMV finds out for each checked reference whether it shall exist: whether the object that
// supplies the attribute refers to any object that is linked to the target.
func (b *refBatch) wantMV(have []bool) error {
	b.want = make([]bool, len(b.checks))
	var probes []CSRef
	var of []int
	for i, ref := range b.checks {
		suppliers, there := b.copies[ref.Source]
		if !there {
			continue
		}
		if isComputedRef(ref.Attribute) {
			b.want[i] = have[i] // an outbound rule computed it; rules alone change it
			continue
		}
		for _, probe := range b.supplied(ref, suppliers) {
			if b.exists(probe) {
				b.want[i] = true
			} else {
				probes, of = append(probes, probe), append(of, i)
			}
		}
	}
	if len(probes) == 0 {
		return nil
	}
	has, err := b.tx.HasCSRefs(probes)
	for j, h := range has {
		b.want[of[j]] = b.want[of[j]] || h
	}
	return err
}

// supplied returns the values of which any is enough for a copied reference to exist.
func (b *refBatch) supplied(ref MVRef, suppliers []supplier) []CSRef {
	out := b.probes[:0]
	for _, from := range suppliers {
		supplier := b.cs[from.cs]
		for _, c := range from.copies {
			if supplier == nil || !attr.EqualName(c.attribute, ref.Attribute) {
				continue
			}
			for _, id := range b.linked[ref.Target] {
				if d := b.cs[id]; d != nil && d.connector == supplier.connector {
					out = append(out, CSRef{from.cs, c.source, id})
				}
			}
		}
	}
	b.probes = out
	return out
}

// flowOut finds the values of connector-space objects that a copied reference flows to.
func (b *refBatch) flowOut(ref MVRef) {
	for _, from := range b.linked[ref.Source] {
		y := b.cs[from]
		if y == nil {
			continue
		}
		for _, f := range y.outbound {
			if !attr.EqualName(f.Source, ref.Attribute) {
				continue
			}
			for _, to := range b.linked[ref.Target] {
				if z := b.cs[to]; z != nil && z.connector == y.connector {
					b.checkOut(CSRef{from, f.Target, to})
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
	slices.SortFunc(b.outbound, compareCSRefs)
	deleting, err := b.deleting()
	if err != nil {
		return err
	}
	want, err := b.wantOut(deleting)
	if err != nil {
		return err
	}
	have, err := ask(b.outbound, b.cannotHaveCS, b.tx.HasCSRefs)
	if err != nil {
		return err
	}
	pending, err := b.pendingOut()
	if err != nil {
		return err
	}
	var put []ExportRef
	var drop []CSRef
	for i, ref := range b.outbound {
		y, z := b.cs[ref.Source], b.cs[ref.Target]
		foreign := z == nil || z.mv == 0
		top := have[i]
		row, found := pending[ref]
		if found && row.Sent {
			top = !row.Delete
		}
		switch {
		case y == nil:
		case want[i] == top || foreign && !want[i]:
			if found && !row.Sent {
				drop = append(drop, ref)
				b.touched = append(b.touched, y.id)
			}
		case found && !row.Sent && row.Delete != want[i]:
			// What is needed is pending already.
		default:
			put = append(put, ExportRef{Source: ref.Source, Attribute: ref.Attribute, Target: ref.Target, Delete: !want[i]})
			b.touched, b.added[y.id] = append(b.touched, y.id), true
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

func compareCSRefs(x, y CSRef) int {
	return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.Attribute, y.Attribute), cmp.Compare(x.Target, y.Target))
}

// pendingOut returns the pending changes of the references that there are.
func (b *refBatch) pendingOut() (map[CSRef]ExportRef, error) {
	var open []CSRef
	for _, ref := range b.outbound {
		if !b.cannotHaveCS(ref) {
			open = append(open, ref)
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	out := make(map[CSRef]ExportRef)
	rows, found, err := b.tx.FindExportRefs(open)
	for i, f := range found {
		if f {
			out[open[i]] = rows[i]
		}
	}
	return out, err
}

// wantOut tells for each value of an object whether it shall be in the directory: whether
// the metaverse holds the reference that it is a copy of.
func (b *refBatch) wantOut(deleting map[CSID]bool) ([]bool, error) {
	want := make([]bool, len(b.outbound))
	var probes []MVRef
	var of []int
	for i, ref := range b.outbound {
		y, z := b.cs[ref.Source], b.cs[ref.Target]
		if y == nil || z == nil || y.mv == 0 || z.mv == 0 || deleting[z.id] {
			continue
		}
		for _, f := range y.outbound {
			if !attr.EqualName(f.Target, ref.Attribute) {
				continue
			}
			probe := MVRef{y.mv, b.spell(f.Source), z.mv}
			if at, settled := b.seen[probe]; settled {
				want[i] = want[i] || b.want[at]
			} else if !b.cannotHaveMV(probe) {
				probes, of = append(probes, probe), append(of, i)
			}
		}
	}
	if len(probes) == 0 {
		return want, nil
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
	out := make(map[CSID]bool)
	note := func(p *PendingExport) {
		if p != nil && (p.Op == connector.OpDelete || p.DeleteSent) {
			out[p.CS] = true
		}
	}
	var targets []CSID
	for _, ref := range b.outbound {
		if w := b.work(ref.Target); w != nil {
			note(w.export)
		} else {
			targets = append(targets, ref.Target)
		}
	}
	slices.Sort(targets)
	heads, err := b.tx.PendingExportHeads(slices.Compact(targets))
	for _, p := range heads {
		note(p)
	}
	return out, err
}

// work returns an object as the transaction will write it, nil when it is not among those.
func (b *refBatch) work(id CSID) *csWork {
	if b.objects == nil {
		return nil
	}
	return b.objects.cs[id]
}

// noteReferences keeps the pending exports of objects in step with their pending
// references.
func (b *refBatch) noteReferences() error {
	slices.Sort(b.touched)
	var more, less []CSID // those in the store that have some for sure, and others
	for _, id := range slices.Compact(b.touched) {
		switch w := b.work(id); {
		case w != nil:
			if err := b.noteIn(w); err != nil {
				return err
			}
		case b.added[id]:
			more = append(more, id)
		default:
			less = append(less, id)
		}
	}
	if b.objects != nil {
		b.objects.noted = append(append(b.objects.noted, more...), less...)
	}
	if err := b.noteMore(more); err != nil {
		return err
	}
	return b.noteLess(less)
}

// noteIn notes it in an object that is written later in the transaction.
func (b *refBatch) noteIn(w *csWork) error {
	p := w.exportCopy()
	if p.Op == connector.OpDelete || p.DeleteSent {
		return nil
	}
	unsent := b.added[w.ID]
	if !unsent {
		some, _, err := b.tx.HasExportRefs([]CSID{w.ID})
		if err != nil {
			return err
		}
		unsent = some[0]
	}
	if p.hasReferences(unsent); w.export == nil || p.Op != w.export.Op || p.References != w.export.References || p.Op == 0 {
		w.export, w.out = p, true
	}
	return nil
}

// hasReferences notes whether there are references to send.
func (p *PendingExport) hasReferences(some bool) {
	p.References = some
	switch {
	case some && p.Op == 0:
		p.Op = connector.OpUpdate
	case !some && p.Op == connector.OpUpdate && len(p.Pending) == 0 && p.NewDN == "":
		p.Op = 0
	}
}

// noteMore notes in the store that objects have references to send.
func (b *refBatch) noteMore(ids []CSID) error {
	heads, err := b.tx.PendingExportHeads(ids)
	if err != nil {
		return err
	}
	var put []*PendingExport
	changed := make(map[connector.ChangeOp][]CSID)
	for i, id := range ids {
		switch p := heads[i]; {
		case p == nil:
			put = append(put, &PendingExport{CS: id, Connector: b.cs[id].connector, Op: connector.OpUpdate, References: true})
		case p.Op == connector.OpDelete || p.DeleteSent || p.Op != 0 && p.References:
		default:
			p.hasReferences(true)
			changed[p.Op] = append(changed[p.Op], id)
		}
	}
	for _, op := range slices.Sorted(maps.Keys(changed)) {
		if err := b.tx.SetExportOp(changed[op], op, true); err != nil {
			return err
		}
	}
	return b.tx.PutPendingExport(put)
}

// noteLess finds out whether objects have references to send still, and whether anything else.
func (b *refBatch) noteLess(ids []CSID) error {
	if len(ids) == 0 {
		return nil
	}
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
		p := &PendingExport{CS: id, Connector: b.cs[id].connector}
		if before != nil {
			*p = *before
		}
		if p.Op == connector.OpDelete || p.DeleteSent {
			continue
		}
		p.hasReferences(unsent[i])
		switch {
		case p.Op == 0 && len(p.Sent) == 0 && !sent[i]:
			done = append(done, id)
		case before == nil || p.Op != before.Op || p.References != before.References:
			put = append(put, p)
		}
	}
	return putExports(b.tx, put, done)
}
