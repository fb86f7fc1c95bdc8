package metaverse

import "slices"

// directRefs is how many references for each object of a page a batch settles itself. What
// is more than that for the whole page, which takes large groups, waits in the queue.
const directRefs = 32

// settleReferences settles references within the transaction that has changed what they mean, once
// the links are written. Most of them have an end that was made or linked just now, so that there
// is nothing to look up, and the other one is linked since not long ago. One that has an end
// without a link is left alone: it has its turn when that one gets its link.
func (b *batch) settleReferences() error {
	x := newRefBatch(b.r, b.tx)
	x.objects, b.refs = b, x
	if err := b.dueReferences(x); err != nil {
		return err
	}
	if len(x.given) > 0 {
		if err := x.processGiven(); err != nil {
			return err
		}
	}
	b.counts.References += x.mattered
	for _, w := range b.csOrder {
		if w.link && !w.deleted {
			x.cs[w.ID] = refObjectOf(w.CSObject)
		}
	}
	for _, m := range b.mvOrder {
		if m.isNew && !m.deleted {
			x.recallCopies(m.ID)
			x.recallLinked(m.ID)
		}
	}
	return nil
}

// dueReferences gives x the references whose meaning the batch has changed, and leaves in the queue
// what is too much for one transaction.
func (b *batch) dueReferences(x *refBatch) error {
	q, limit := &b.queue, b.direct
	for _, read := range []struct {
		refs func() ([]CSRef, error)
		done func()
	}{
		{func() ([]CSRef, error) { return b.tx.CSRefsFrom(q.fromCS, true, limit+1) }, func() { q.fromCS = nil }},
		{func() ([]CSRef, error) { return b.tx.CSRefsFrom(q.outCS, false, limit+1) }, func() { q.outCS = nil }},
		{func() ([]CSRef, error) { return b.tx.CSRefsTo(q.toCS, limit+1) }, func() { q.toCS = nil }},
	} {
		refs, err := read.refs()
		if err != nil {
			return err
		}
		if len(refs) <= limit {
			x.given = append(x.given, refs...)
			read.done()
		}
	}
	slices.SortFunc(x.given, compareCSRefs)
	x.given = slices.Compact(x.given)
	return q.flushCS(b.tx)
}

// processGiven is process for references that are not from the queue and exist.
func (b *refBatch) processGiven() error {
	work := make([]RefWork, len(b.given))
	for i, ref := range b.given {
		work[i] = RefWork{WorkCS, int64(ref.Source), ref.Attribute, int64(ref.Target)}
	}
	return b.process(work)
}

// exists reports whether a reference is known to exist.
func (b *refBatch) exists(ref CSRef) bool {
	_, found := slices.BinarySearchFunc(b.given, ref, compareCSRefs)
	return found
}
