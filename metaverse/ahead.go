package metaverse

import (
	"context"
	"slices"
	"strconv"
)

// settingChanges counts the transactions of steps, so that what was read ahead of a
// transaction is known to be good within it.
const settingChanges = "changes"

func changesOf(rd Reader) (int64, error) {
	b, err := rd.Setting(settingChanges)
	if err != nil || b == nil {
		return 0, err
	}
	return strconv.ParseInt(string(b), 10, 64)
}

// noteChange counts a transaction and returns how many there were before.
func noteChange(tx Tx) (before int64, err error) {
	if before, err = changesOf(tx); err != nil {
		return 0, err
	}
	return before, tx.PutSetting(settingChanges, strconv.AppendInt(nil, before+1, 10))
}

// ahead is a batch that is loaded and computed while the one before it is written. It reads the
// store as it is without that one, hence what both touch is loaded again.
type ahead struct {
	*batch
	changes int64 // counted when it was loaded
	done    chan struct{}
}

// lookAhead starts to prepare the page of objects after an id. It never fails: what could not
// be prepared is loaded when its turn comes.
func (r *run) lookAhead(ctx context.Context, after CSID) *ahead {
	a := &ahead{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		err := r.e.store.View(ctx, func(rd Reader) (err error) {
			a.batch = newBatch(ctx, r, readTx{Reader: rd})
			if a.changes, err = changesOf(rd); err != nil {
				return err
			}
			ids, err := rd.PendingImports(r.t.name, after, r.e.opts.Batch)
			if err != nil {
				return err
			}
			if err := a.loadPage(ids); err != nil {
				return err
			}
			return a.batch.forecast(ids)
		})
		if err != nil {
			a.batch = nil
		}
	}()
	return a
}

// follow lets a batch take over what was prepared, if the store has not changed since but
// for the batch before.
func (b *batch) follow(a *ahead, before *batch, changes int64) {
	if a == nil {
		return
	}
	<-a.done
	if a.batch == nil || a.changes != changes && (before == nil || a.changes != changes-1 || before.changes != changes) {
		return
	}
	if before != nil {
		a.forget(before)
	}
	b.ahead, b.now = a.batch, a.now
	b.mvValues.stored, b.placed = a.mvValues.stored, a.placed
	for name, x := range a.csValues {
		b.csIndex(name).stored = x.stored
	}
}

// release frees what a committed batch has loaded, but for what follow needs of it.
func (b *batch) release() {
	b.ahead, b.csOrder, b.mvOrder = nil, nil, nil
	for id := range b.cs {
		b.cs[id] = nil
	}
	for id := range b.mv {
		b.mv[id] = nil
	}
}

// forget drops what an earlier batch may have changed.
func (b *ahead) forget(before *batch) {
	for id := range before.cs {
		b.forgetCS(id)
	}
	for _, id := range before.noted {
		b.forgetCS(id)
	}
	for id := range before.mv {
		delete(b.mv, id)
	}
	for p := range before.places {
		delete(b.placed, p)
	}
	for k := range before.mvValues.changed {
		delete(b.mvValues.stored, k)
	}
	for name, x := range before.csValues {
		for k := range x.changed {
			delete(b.csIndex(name).stored, k)
		}
	}
}

func (b *ahead) forgetCS(id CSID) {
	if w := b.cs[id]; w != nil {
		delete(b.cs, id)
		delete(b.mv, w.Link.MV)
	}
}

// takeCS takes objects over that were loaded ahead, and returns the ids of the others. The
// result of the former has gaps where the latter belong.
func (b *batch) takeCS(ids []CSID) (taken []*csWork, rest []CSID) {
	taken = make([]*csWork, len(ids))
	for i, id := range ids {
		if b.ahead != nil {
			taken[i] = b.ahead.cs[id]
		}
		if taken[i] == nil {
			rest = append(rest, id)
		}
	}
	return taken, rest
}

// takeMV takes over a metaverse object that was loaded ahead, with all that is linked to it.
func (b *batch) takeMV(id MVID) *mvWork {
	if b.ahead == nil {
		return nil
	}
	m := b.ahead.mv[id]
	if m == nil {
		return nil
	}
	for _, w := range m.linked {
		if known := b.cs[w.ID]; b.ahead.cs[w.ID] != w || known != nil && known != w {
			return nil
		}
	}
	for _, w := range m.linked {
		if b.cs[w.ID] == nil {
			b.trackCS(w)
		}
	}
	// A link may have changed in this batch, before the object was asked for.
	m.linked = slices.DeleteFunc(m.linked, func(w *csWork) bool { return w.Link.MV != id })
	return m
}
