package metaverse

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// A valueIndex finds objects by value in the store as a batch leaves it: what the store
// has, with the changes of the batch, which are written at its end.
type valueIndex[ID ~int64] struct {
	stored  map[ValueKey][]ID
	changed map[ValueKey]changedIDs[ID]
}

// changedIDs are the objects that were added under a key, or taken away: one nearly always.
type changedIDs[ID ~int64] struct {
	first changedID[ID] // of id 0 for none
	more  []changedID[ID]
}

type changedID[ID ~int64] struct {
	id    ID
	there bool
}

func (c *changedIDs[ID]) set(e changedID[ID]) {
	if c.first.id == 0 || c.first.id == e.id {
		c.first = e
		return
	}
	if i := slices.IndexFunc(c.more, func(o changedID[ID]) bool { return o.id == e.id }); i >= 0 {
		c.more[i] = e
	} else {
		c.more = append(c.more, e)
	}
}

// apply returns the ids with the changes, in order. It changes the slice given.
func (c *changedIDs[ID]) apply(ids []ID) []ID {
	c.put(&ids, c.first)
	for _, e := range c.more {
		c.put(&ids, e)
	}
	return ids
}

func (c *changedIDs[ID]) put(ids *[]ID, e changedID[ID]) {
	at, found := slices.BinarySearch(*ids, e.id)
	switch {
	case found && !e.there:
		*ids = slices.Delete(*ids, at, at+1)
	case !found && e.there:
		*ids = slices.Insert(*ids, at, e.id)
	}
}

func newValueIndex[ID ~int64]() *valueIndex[ID] {
	return &valueIndex[ID]{stored: make(map[ValueKey][]ID), changed: make(map[ValueKey]changedIDs[ID])}
}

// load asks the store for the keys that are not known yet, all at once.
func (x *valueIndex[ID]) load(keys []ValueKey, ask func([]ValueKey) ([][]ID, error)) error {
	var missing []ValueKey
	if len(x.stored) == 0 && len(keys) > 0 {
		x.stored, missing = make(map[ValueKey][]ID, len(keys)), make([]ValueKey, 0, len(keys))
	}
	for _, k := range keys {
		if _, known := x.stored[k]; !known {
			x.stored[k] = nil
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	lists, err := ask(missing)
	for i, ids := range lists {
		x.stored[missing[i]] = ids
	}
	return err
}

// find returns the objects under a key that was loaded, in id order.
func (x *valueIndex[ID]) find(k ValueKey) []ID {
	ids := x.stored[k]
	changed, touched := x.changed[k]
	if !touched {
		return ids
	}
	return changed.apply(slices.Clone(ids))
}

// replace notes that an object has other keys than before.
func (x *valueIndex[ID]) replace(id ID, before, after []ValueKey) {
	for _, k := range before {
		if !slices.Contains(after, k) {
			x.change(k, id, false)
		}
	}
	for _, k := range after {
		if !slices.Contains(before, k) {
			x.change(k, id, true)
		}
	}
}

func (x *valueIndex[ID]) change(k ValueKey, id ID, there bool) {
	c := x.changed[k]
	c.set(changedID[ID]{id, there})
	x.changed[k] = c
}

// mvByValue returns for each key the metaverse objects that have it.
func (b *batch) mvByValue(keys []ValueKey) ([][]MVID, error) {
	if err := b.mvValues.load(keys, b.tx.MVByValue); err != nil {
		return nil, err
	}
	out := make([][]MVID, len(keys))
	for i, k := range keys {
		out[i] = b.mvValues.find(k)
	}
	return out, nil
}

// csByValue returns for each key the objects of the connector space that have it.
func (b *batch) csByValue(conn string, keys []ValueKey) ([][]CSID, error) {
	if err := b.loadCSValues(conn, keys); err != nil {
		return nil, err
	}
	out := make([][]CSID, len(keys))
	for i, k := range keys {
		out[i] = b.csValues[conn].find(k)
	}
	return out, nil
}

func (b *batch) loadCSValues(conn string, keys []ValueKey) error {
	return b.csIndex(conn).load(keys, func(missing []ValueKey) ([][]CSID, error) { return b.tx.CSByValue(conn, missing) })
}

func (b *batch) csIndex(conn string) *valueIndex[CSID] {
	x := b.csValues[conn]
	if x == nil {
		x = newValueIndex[CSID]()
		b.csValues[conn] = x
	}
	return x
}

// csKeysChanged has the index entries of an object written. before are all that it may have
// had.
func (b *batch) csKeysChanged(w *csWork, before []ValueKey) {
	x := b.csIndex(w.Connector)
	after := b.csKeys(w)
	x.replace(w.ID, before, after)
	for _, k := range after {
		x.change(k, w.ID, true) // whether it had it or not
	}
	w.values = true
}

func (b *batch) csKeys(w *csWork) []ValueKey { return b.r.e.joins.csKeys(w.CSObject, w.next) }

// waits has joins find an object that has got through its turn without a link.
func (b *batch) waits(w *csWork) {
	if !w.deleted && w.Link.MV == 0 && w.State == NormalDisconnector {
		b.csKeysChanged(w, nil)
	}
}

// A place is a DN or an anchor in a connector space.
type place struct {
	connector string
	dnKey     string
	anchor    connector.Anchor
}

// csAt returns the object at a place, 0 for none. Where the batch has put objects or taken
// them away is known here; rows are written at its end.
func (b *batch) csAt(p place) (CSID, error) {
	if id, known := b.places[p]; known {
		return id, nil
	}
	if id, known := b.placed[p]; known {
		return id, nil
	}
	var ids []CSID
	var err error
	if p.dnKey != "" {
		ids, err = b.tx.CSByDN(p.connector, []string{p.dnKey})
	} else {
		ids, err = b.tx.CSByAnchor(p.connector, []connector.Anchor{p.anchor})
	}
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// loadPlaces asks the store what stands at DNs, all at once.
func (b *batch) loadPlaces(conn string, dnKeys []string) error {
	ids, err := b.tx.CSByDN(conn, dnKeys)
	for i, id := range ids {
		b.placed[place{connector: conn, dnKey: dnKeys[i]}] = id
	}
	return err
}

// settle gives an object its DN.
func (b *batch) settle(w *csWork, dn, key string) {
	b.vacate(w)
	w.DN, w.DNKey, w.row = dn, key, true
	b.places[place{connector: w.Connector, dnKey: key}] = w.ID
}

// vacate frees the DN of an object.
func (b *batch) vacate(w *csWork) { b.places[place{connector: w.Connector, dnKey: w.DNKey}] = 0 }

// refQueue collects which references are to be looked at.
type refQueue struct {
	toCS   []CSID
	toMV   []MVID
	fromCS []CSRefAttribute // values that an object supplies to the metaverse
	outCS  []CSRefAttribute // values that an object receives from it
	fromMV []MVRefAttribute
}

// flush queues them all. It comes before anything is deleted, because references go together
// with the objects that they are of.
func (q *refQueue) flush(tx Tx) error {
	if err := q.flushMV(tx); err != nil {
		return err
	}
	return q.flushCS(tx)
}

func (q *refQueue) flushMV(tx Tx) error {
	if err := tx.QueueMVRefsTo(q.toMV); err != nil {
		return err
	}
	if err := tx.QueueMVRefsFrom(q.fromMV); err != nil {
		return err
	}
	q.toMV, q.fromMV = nil, nil
	return nil
}

func (q *refQueue) flushCS(tx Tx) error {
	if err := tx.QueueCSRefsTo(q.toCS); err != nil {
		return err
	}
	if err := tx.QueueCSRefsFrom(append(q.fromCS, q.outCS...)); err != nil {
		return err
	}
	q.toCS, q.fromCS, q.outCS = nil, nil, nil
	return nil
}
