package metaverse

import "slices"

// directRefs is how many references for each object of a page a batch settles itself. What
// is more than that for the whole page, which takes large groups, waits in the queue.
const directRefs = 32

// dueReferences returns the references whose meaning the batch has changed, and leaves in the
// queue what is too much for one transaction. It comes before anything is deleted, because
// references go together with the objects that they are of.
func (b *batch) dueReferences() (refs []CSRef, err error) {
	if limit := b.direct; limit > 0 {
		from, err := b.tx.CSRefsFrom(b.queue.fromCS, limit+1)
		if err != nil {
			return nil, err
		}
		if len(from) <= limit {
			refs, b.queue.fromCS = from, nil
		}
		to, err := b.tx.CSRefsTo(b.queue.toCS, limit+1)
		if err != nil {
			return nil, err
		}
		if len(to) <= limit {
			refs, b.queue.toCS = append(refs, to...), nil
		}
		slices.SortFunc(refs, compareCSRefs)
		refs = slices.Compact(refs)
	}
	return refs, b.queue.flush(b.tx)
}

// settleReferences settles references within the transaction that has changed what they mean.
// Most of them have an end that was made or linked just now, so that there is nothing to look
// up, and the other one is linked since not long ago. One that has an end without a link is
// left alone: it has its turn when that one gets its link.
func (b *batch) settleReferences(refs []CSRef) error {
	x := newRefBatch(b.r, b.tx)
	x.objects, b.refs = b, x
	work := make([]RefWork, len(refs))
	for i, ref := range refs {
		x.exists[ref] = true
		work[i] = RefWork{WorkCS, int64(ref.Source), ref.Attribute, int64(ref.Target)}
	}
	if len(work) > 0 {
		if err := x.process(work); err != nil {
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
