package metaverse

import (
	"maps"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A refObject is what references depend on of a connector-space object.
type refObject struct {
	id        CSID
	connector string
	mv        MVID
	outbound  []ReferenceFlow
}

func refObjectOf(o *CSObject) *refObject {
	return &refObject{o.ID, o.Connector, o.Link.MV, o.Link.Outbound}
}

// A supplier is an object of which a metaverse object copies references.
type supplier struct {
	cs     CSID
	copies []copied
}

// A copied is a reference attribute of the metaverse that is copied value by value from another one.
type copied struct{ attribute, source string }

// suppliersIn returns whom origins copy references from. They are few, and their lists are much the
// same for all objects of a class.
func suppliersIn(origins []Origin, lists *sharedLists[copied]) (out []supplier) {
	for i := range origins {
		o := &origins[i]
		if o.Source == "" || slices.ContainsFunc(out, func(s supplier) bool { return s.cs == o.CS }) {
			continue
		}
		lists.start()
		for j := range origins[i:] {
			if c := &origins[i+j]; c.CS == o.CS && c.Source != "" {
				lists.add(copied{c.Attribute, c.Source})
			}
		}
		out = append(out, supplier{o.CS, lists.end()})
	}
	return out
}

// supplies reports whether a reference is among those copied from an object.
func supplies(from []supplier, cs CSID, c copied) bool {
	for i := range from {
		if from[i].cs == cs {
			return slices.ContainsFunc(from[i].copies, func(o copied) bool {
				return o.source == c.source && attr.EqualName(o.attribute, c.attribute)
			})
		}
	}
	return false
}

// sharedLists keeps lists of which many are equal once each. The lists that it returns are shared:
// nobody changes them.
type sharedLists[E comparable] struct {
	known [][]E
	next  []E
}

// maxShared is how many lists are looked through.
const maxShared = 32

func (x *sharedLists[E]) start()  { x.next = x.next[:0] }
func (x *sharedLists[E]) add(e E) { x.next = append(x.next, e) }

// end returns the list of what was added since the start, nil for nothing.
func (x *sharedLists[E]) end() []E {
	if len(x.next) == 0 {
		return nil
	}
	return x.share(x.next, true)
}

// share returns a list that equals the one given: a copy, if its memory is used again.
func (x *sharedLists[E]) share(list []E, reused bool) []E {
	for i, k := range x.known {
		if slices.Equal(k, list) {
			if i > 0 { // most often the same as the one before
				x.known[i], x.known[i-1] = x.known[i-1], k
			}
			return k
		}
	}
	if reused {
		list = slices.Clone(list)
	}
	if len(x.known) == maxShared {
		x.known = x.known[:0]
	}
	x.known = append(x.known, list)
	return list
}

// refFacts is what references depend on of many objects. Objects that do not exist are
// not in it.
type refFacts struct {
	cs     map[CSID]*refObject
	copies map[MVID][]supplier // copied references of metaverse objects
	linked map[MVID][]CSID
}

func newRefFacts() refFacts {
	return refFacts{cs: make(map[CSID]*refObject), copies: make(map[MVID][]supplier), linked: make(map[MVID][]CSID)}
}

func (f *refFacts) add(other refFacts) {
	maps.Copy(f.cs, other.cs)
	maps.Copy(f.copies, other.copies)
	maps.Copy(f.linked, other.linked)
}

func (f *refFacts) forget(css map[CSID]*csWork, mvs map[MVID]*mvWork) {
	for id := range css {
		delete(f.cs, id)
	}
	for id := range mvs {
		delete(f.copies, id)
		delete(f.linked, id)
	}
}

// maxRefFacts is how many connector-space objects a generation of a refCache holds, some 20 MB of
// them with what belongs to them.
const maxRefFacts = 50_000

// A refCache keeps what transactions of a step know from one to the next: most references are
// settled when the second one of their ends gets its link, soon after the first. Two generations
// bound it.
type refCache struct {
	changes  int64 // counted when everything in it was true
	now, old refFacts
}

// at returns the cache if it is good in a transaction, before which so many were counted.
func (c *refCache) at(changes int64) *refCache {
	if c == nil || c.changes != changes {
		return nil
	}
	return c
}

// learn returns a cache with what a transaction has found out, or changed, besides. It was the
// one after so many; the cache is good in the next one.
func (c *refCache) learn(f refFacts, changes int64) *refCache {
	if c = c.at(changes); c == nil {
		c = &refCache{now: newRefFacts(), old: newRefFacts()}
	}
	if len(c.now.cs)+len(f.cs) > maxRefFacts {
		c.old, c.now = c.now, newRefFacts()
	}
	c.now.add(f)
	c.changes = changes + 1
	return c
}

// forget drops what a batch may have changed.
func (c *refCache) forget(b *batch) {
	if c == nil {
		return
	}
	c.now.forget(b.cs, b.mv)
	c.old.forget(b.cs, b.mv)
}

// The recall functions take over what is known of an object without asking the store. They report
// whether that is all there is to know, which may be that it does not exist.

func (b *refBatch) recallCS(id CSID) bool {
	if w := b.work(id); w != nil {
		if !w.deleted {
			b.cs[id] = refObjectOf(w.CSObject)
		}
		return true
	}
	if b.known == nil {
		return false
	}
	o := b.known.now.cs[id]
	if o == nil {
		o = b.known.old.cs[id]
	}
	if o != nil {
		b.cs[id] = o
	}
	return o != nil
}

func (b *refBatch) recallCopies(id MVID) bool {
	if b.objects != nil {
		if m := b.objects.mv[id]; m != nil {
			if !m.deleted {
				b.copies[id] = m.suppliers
			}
			return true
		}
	}
	if b.known == nil {
		return false
	}
	return recall(b.copies, id, b.known.now.copies, b.known.old.copies)
}

func (b *refBatch) recallLinked(id MVID) bool {
	if b.objects != nil {
		if m := b.objects.mv[id]; m != nil {
			linked := make([]CSID, len(m.linked))
			for i, w := range m.linked {
				linked[i] = w.ID
			}
			b.linked[id] = linked
			return true
		}
	}
	if b.known == nil {
		return false
	}
	return recall(b.linked, id, b.known.now.linked, b.known.old.linked)
}

// recall puts what the first generation has that knows the object into the batch, and reports
// whether one does.
func recall[V any](into map[MVID]V, id MVID, generations ...map[MVID]V) bool {
	for _, g := range generations {
		if v, there := g[id]; there {
			into[id] = v
			return true
		}
	}
	return false
}
