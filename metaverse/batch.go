package metaverse

import (
	"context"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// batch is the work of one synchronisation transaction: objects are loaded once, changed
// in memory and written at the end.
type batch struct {
	ctx   context.Context // of the step; the batch does not outlive it
	r     *run
	tx    Tx
	rules *rules.Set
	now   time.Time
	last  CSID // last id of the page
	size  int  // objects of the page

	ahead   *batch // what was loaded and computed before, nil for nothing
	changes int64  // transactions counted when it is committed

	cs      map[CSID]*csWork
	mv      map[MVID]*mvWork
	mvOrder []*mvWork // in order of first appearance, for a stable order of writes
	csOrder []*csWork

	// What the batch has changed and the store does not have yet; see batch_index.go.
	mvValues *valueIndex[MVID]
	csValues map[string]*valueIndex[CSID]
	places   map[place]CSID
	placed   map[place]CSID // as the store has it, where that was asked for before
	queue    refQueue
	direct   int       // references to settle in the batch itself; the others are queued
	refs     *refBatch // those that were
	noted    []CSID    // objects not loaded here of which the batch has changed what is pending

	copies sharedLists[copied]
	flows  sharedLists[ReferenceFlow]

	objects int64
	counts  Counters
	// unwritable collects what rules flow and the directory does not let be written.
	unwritable map[unwritable]bool
	errs       []ObjectError
	cleared    []CSID // objects that got through synchronisation
}

// unwritable names an attribute that has values which cannot be exported.
type unwritable struct{ connector, class, attribute string }

// csWork is a connector-space object in a batch.
type csWork struct {
	*CSObject
	export   *PendingExport // nil for none
	forecast *forecast      // what rules will say, nil where that was not foreseen
	top      *attr.Set      // image with sent changes applied; computed when asked for
	next     ImportOp       // what the pending import shall be at the end
	row      bool           // row changed
	link     bool           // link changed
	values   bool           // index entries changed
	state    bool           // only the state changed
	out      bool           // pending export changed
	deleted  bool
	linkedIn bool // got its link in this batch

	provisioned bool // was made in this batch
}

// mvWork is a metaverse object in a batch.
type mvWork struct {
	*MVObject
	linked   []*csWork
	forecast *forecast // the one that the attributes are from
	isNew    bool
	applied  bool // got values in this batch
	dirty    bool
	deleted  bool
	keys     []ValueKey // index entries
	values   bool       // index entries changed

	suppliers []supplier // of copied references
}

func newBatch(ctx context.Context, r *run, tx Tx) *batch {
	return &batch{
		ctx: ctx, r: r, tx: tx, rules: r.e.rules, now: r.now(),
		cs: make(map[CSID]*csWork), mv: make(map[MVID]*mvWork),
		mvValues: newValueIndex[MVID](), csValues: make(map[string]*valueIndex[CSID]), places: make(map[place]CSID), placed: make(map[place]CSID),
		unwritable: make(map[unwritable]bool),
	}
}

// loadCS loads objects with their pending exports; those that do not exist are left out.
func (b *batch) loadCS(ids []CSID) error {
	var missing []CSID
	asked := make(map[CSID]bool, len(ids))
	for _, id := range ids {
		if id != 0 && b.cs[id] == nil && !asked[id] {
			asked[id] = true
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if len(b.cs) == 0 {
		b.cs, b.csOrder = make(map[CSID]*csWork, 2*len(missing)), make([]*csWork, 0, 2*len(missing)) // most provision another one
	}
	taken, rest := b.takeCS(missing)
	objects, err := b.tx.CS(rest)
	if err != nil {
		return err
	}
	exports, err := b.tx.PendingExport(rest)
	if err != nil {
		return err
	}
	for _, w := range taken {
		if w == nil {
			o, p := objects[0], exports[0]
			if objects, exports = objects[1:], exports[1:]; o == nil {
				continue
			}
			w = &csWork{CSObject: o, export: p, next: o.Pending}
		}
		b.trackCS(w)
	}
	return nil
}

func (b *batch) trackCS(w *csWork) {
	b.cs[w.ID] = w
	b.csOrder = append(b.csOrder, w)
}

// loadMV loads metaverse objects with everything that is linked to them.
func (b *batch) loadMV(ids []MVID) error {
	var missing []MVID
	asked := make(map[MVID]bool, len(ids))
	for _, id := range ids {
		if id == 0 || b.mv[id] != nil || asked[id] {
			continue
		}
		if m := b.takeMV(id); m != nil {
			b.trackMV(m)
			continue
		}
		asked[id] = true
		missing = append(missing, id)
	}
	if len(missing) == 0 {
		return nil
	}
	objects, err := b.tx.MV(missing)
	if err != nil {
		return err
	}
	linked, err := b.tx.LinkedCS(missing)
	if err != nil {
		return err
	}
	var all []CSID
	for _, ids := range linked {
		all = append(all, ids...)
	}
	if err := b.loadCS(all); err != nil {
		return err
	}
	for i, o := range objects {
		if o == nil {
			continue
		}
		m := &mvWork{MVObject: o, suppliers: suppliersIn(o.Origins, &b.copies), keys: b.r.e.joins.mvKeys(&o.Attributes)}
		for _, id := range linked[i] {
			// The link may have changed in this batch, before the object was loaded.
			if w := b.cs[id]; w != nil && w.Link.MV == o.ID {
				m.linked = append(m.linked, w)
			}
		}
		b.trackMV(m)
	}
	return nil
}

func (b *batch) trackMV(m *mvWork) {
	b.mv[m.ID] = m
	b.mvOrder = append(b.mvOrder, m)
}

// link ties an object to a metaverse object.
func (b *batch) link(w *csWork, m *mvWork, l Link) {
	l.MV = m.ID
	w.Link, w.link, w.linkedIn = l, true, true
	w.State, w.state = Connected, false // the link says so
	m.linked = append(m.linked, w)
	if w.provisioned {
		return // made in this batch: nothing refers to it and nothing finds it by value
	}
	if w.Pending != ImportAdd { // what is new has not waited yet
		b.csKeysChanged(w, b.r.e.joins.anyCSKeys(w.CSObject))
	}
	// What the object itself refers to follows when it supplies an attribute (copiesChanged)
	// or receives one (outboundFlows).
	b.queue.toCS = append(b.queue.toCS, w.ID)
}

// queueMVRefsTo has every reference to a metaverse object looked at. Nothing can refer to
// one that was made in this batch.
func (b *batch) queueMVRefsTo(m *mvWork) {
	if !m.isNew {
		b.queue.toMV = append(b.queue.toMV, m.ID)
	}
}

// unlink takes an object from its metaverse object. Nothing vouches any more for what waits
// to be exported to it.
func (b *batch) unlink(w *csWork, m *mvWork, state CSState) error {
	for i, other := range m.linked {
		if other == w {
			m.linked = append(m.linked[:i:i], m.linked[i+1:]...)
			break
		}
	}
	if err := b.dropPending(w); err != nil {
		return err
	}
	w.Link, w.link = Link{}, true
	b.setState(w, state)
	b.csKeysChanged(w, b.r.e.joins.anyCSKeys(w.CSObject))
	b.counts.Disconnected++
	b.queue.toCS = append(b.queue.toCS, w.ID)
	b.queueMVRefsTo(m)
	return nil
}

func (b *batch) setState(w *csWork, s CSState) {
	if w.State != s {
		w.State, w.state = s, true
	}
}

// topOf returns what the directory shows or will show: the image with everything that was
// sent applied.
func (w *csWork) topOf() *attr.Set {
	if w.top != nil {
		return w.top
	}
	w.top = &w.Image
	if w.export != nil && len(w.export.Sent) > 0 {
		top := w.Image.Clone()
		for _, m := range w.export.Sent {
			top.Apply(m)
		}
		w.top = &top
	}
	return w.top
}

// optimistic returns what rules read: top with what waits for its export applied, too.
func (w *csWork) optimistic() *attr.Set {
	if w.export == nil || len(w.export.Pending) == 0 {
		return w.topOf()
	}
	set := w.topOf().Clone()
	for _, m := range w.export.Pending {
		set.Apply(m)
	}
	return &set
}

func (b *batch) fail(w *csWork, code, attribute, rule string, err error) {
	b.errs = append(b.errs, b.r.objectError(w.CSObject, stepSync, code, attribute, rule, err))
}

// write stores everything that the batch changed.
func (b *batch) write() error {
	if err := b.queue.flushMV(b.tx); err != nil {
		return err
	}
	if b.direct == 0 {
		if err := b.queue.flushCS(b.tx); err != nil {
			return err
		}
	}
	if err := b.writeMV(); err != nil {
		return err
	}
	if err := b.writeCS(); err != nil {
		return err
	}
	if b.direct > 0 {
		if err := b.settleReferences(); err != nil {
			return err
		}
	}
	if err := b.writePending(); err != nil {
		return err
	}
	if err := b.tx.ClearObjectErrors(stepSync, b.cleared); err != nil {
		return err
	}
	return b.tx.PutObjectErrors(b.errs)
}

func (b *batch) writeMV() error {
	var put []*MVObject
	var ids []MVID
	var keys [][]ValueKey
	for _, m := range b.mvOrder {
		if m.deleted {
			continue // its index entries go with it
		}
		if m.dirty {
			put = append(put, m.MVObject)
		}
		if m.values {
			ids, keys = append(ids, m.ID), append(keys, m.keys)
		}
	}
	if err := b.tx.PutMV(put); err != nil {
		return err
	}
	return b.tx.SetMVValues(ids, keys)
}

func (b *batch) writeCS() error {
	var rows []*CSObject
	var linkIDs, deleted, indexed []CSID
	var keys [][]ValueKey
	var links []Link
	states := make(map[CSState][]CSID)
	for _, w := range b.csOrder {
		switch {
		case w.deleted:
			deleted = append(deleted, w.ID)
			continue
		case w.row:
			rows = append(rows, w.CSObject)
		case w.state:
			states[w.State] = append(states[w.State], w.ID)
		}
		if w.link {
			linkIDs, links = append(linkIDs, w.ID), append(links, w.Link)
		}
		if w.values {
			indexed, keys = append(indexed, w.ID), append(keys, b.csKeys(w))
		}
	}
	if err := b.tx.DeleteCS(deleted); err != nil {
		return err
	}
	if err := b.deleteMV(); err != nil {
		return err
	}
	if err := b.tx.PutCS(rows); err != nil {
		return err
	}
	if err := b.tx.SetCSValues(indexed, keys); err != nil {
		return err
	}
	for s := NormalDisconnector; s <= Placeholder; s++ {
		if ids := states[s]; len(ids) > 0 {
			if err := b.tx.PutCSState(ids, s); err != nil {
				return err
			}
		}
	}
	return b.tx.SetLink(linkIDs, links)
}

// deleteMV removes metaverse objects once nothing is linked to them any more in the store.
func (b *batch) deleteMV() error {
	var ids []MVID
	var unlinked []CSID
	for _, m := range b.mvOrder {
		if m.deleted && !m.isNew {
			ids = append(ids, m.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	for _, w := range b.csOrder {
		if w.link && !w.deleted { // also what has another link by now; it is written afterwards
			unlinked = append(unlinked, w.ID)
		}
	}
	if err := b.tx.SetLink(unlinked, make([]Link, len(unlinked))); err != nil {
		return err
	}
	return b.tx.DeleteMV(ids)
}

func (b *batch) writePending() error {
	queue := make(map[ImportOp][]CSID)
	var put []*PendingExport
	var done []CSID
	for _, w := range b.csOrder {
		if w.deleted {
			continue
		}
		if w.next != w.Pending {
			queue[w.next] = append(queue[w.next], w.ID)
		}
		if !w.out {
			continue
		}
		empty := w.export == nil
		if !empty {
			var err error
			if empty, err = exportDone(b.tx, w.export); err != nil {
				return err
			}
		}
		if empty {
			done = append(done, w.ID)
		} else {
			put = append(put, w.export)
		}
	}
	for op := ImportNone; op <= ImportDeleteAdd; op++ {
		if ids := queue[op]; len(ids) > 0 {
			if err := b.tx.SetPendingImport(op, ids); err != nil {
				return err
			}
		}
	}
	return putExports(b.tx, put, done)
}

// putExports writes pending exports and removes those that are done. Objects that have
// nothing to send any more have no trouble with sending it either.
func putExports(tx Tx, put []*PendingExport, done []CSID) error {
	quiet := slices.Clone(done)
	for _, p := range put {
		if p.Op == 0 {
			quiet = append(quiet, p.CS)
		}
	}
	if err := tx.DeletePendingExport(done); err != nil {
		return err
	}
	if err := tx.PutPendingExport(put); err != nil {
		return err
	}
	return tx.ClearObjectErrors(stepExport, quiet)
}
