package metaverse

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// PreviewOptions are the options of [Engine.Preview]. The zero value, or nil, is good.
type PreviewOptions struct {
	// Commit keeps the result instead of taking it back: the metaverse object is written and
	// pending exports are staged, as a synchronisation would do. Nothing is kept of an object
	// that has errors.
	Commit bool
}

// A Preview is what synchronising one connector-space object does, and why.
type Preview struct {
	// Object is the object as it was before.
	Object ObjectView `json:"object"`
	// Committed says that the result was kept.
	Committed bool `json:"committed"`
	// Outcome says what became of the object's link: "joined", "projected", "kept",
	// "disconnected", "none", "removed".
	Outcome string `json:"outcome"`
	// Rules holds the scope of every inbound rule for the object's class and Joins what its
	// join groups found, before anything was changed.
	Rules []RuleLine `json:"rules,omitempty"`
	Joins []JoinLine `json:"joins,omitempty"`
	// Metaverse holds every metaverse object that changes.
	Metaverse []MVChange `json:"metaverse,omitempty"`
	// Links holds every connector-space object whose state or link changes.
	Links []LinkChange `json:"links,omitempty"`
	// Exports holds every pending export that changes.
	Exports []ExportChange `json:"exports,omitempty"`
	// Explained explains the object with the result in place, inbound and outbound.
	Explained *Explained `json:"explained,omitempty"`
	// Errors are those that the objects would get, or have got when Committed.
	Errors []PreviewError `json:"errors,omitempty"`
	Notes  []string       `json:"notes,omitempty"`
}

// A PreviewError is trouble with one object.
type PreviewError struct {
	Object    string `json:"object"`
	Code      string `json:"code"`
	Attribute string `json:"attribute,omitempty"`
	Rule      string `json:"rule,omitempty"`
	Message   string `json:"message"`
}

// Bounds of a preview. What is beyond them is left to the next synchronisation, with a note.
const (
	maxPreviewObjects = 100    // other objects that are evaluated because of the first
	maxPreviewRefs    = 20_000 // reference values that are looked at
	maxQueuedRefs     = 200_000
)

var errTakeBack = errors.New("nothing is kept")

// Preview synchronises one object in a transaction and takes everything back, unless
// o.Commit says otherwise. No directory is touched. Trouble with the object is in the
// result; the error is one of the store, or matches connector.ErrNotFound.
func (e *Engine) Preview(ctx context.Context, ref ObjectRef, o *PreviewOptions) (*Preview, error) {
	commit := o != nil && o.Commit
	r, err := e.operatorRun(ctx, "", DeltaSync)
	if err != nil {
		return nil, err
	}
	var p *Preview
	work := func(tx Tx) error {
		x := &previewing{e: e, r: r, t: newTracer(tx), ctx: ctx, commit: commit}
		if err := x.run(ref); err != nil {
			return err
		}
		if p = x.out; !commit || len(p.Errors) > 0 {
			return errTakeBack
		}
		p.Committed = true
		return nil
	}
	if commit {
		err = e.exclusively(ctx, r, work)
	} else {
		err = e.store.Update(ctx, work)
	}
	if err != nil && !errors.Is(err, errTakeBack) {
		return nil, err
	}
	return p, nil
}

// exclusively runs fn in a transaction while no step of any connector runs, in this process
// or another one.
func (e *Engine) exclusively(ctx context.Context, r *run, fn func(Tx) error) error {
	release, err := e.claimAll(r.rec.Step)
	if err != nil {
		return err
	}
	defer release()
	if r.lease, err = e.keeper.hold(ctx); err != nil {
		return err
	}
	defer r.lease.Release()
	return r.update(ctx, fn)
}

// claimAll claims every connector and synchronisation, all or none.
func (e *Engine) claimAll(kind StepKind) (release func(), err error) {
	if !e.syncing.TryAcquire(wholly) {
		return nil, fmt.Errorf("%w: a synchronisation or an export", ErrRunning)
	}
	for i, name := range e.names {
		if err := e.claim(name, kind); err != nil {
			for _, claimed := range e.names[:i] {
				e.release(claimed)
			}
			e.syncing.Release(wholly)
			return nil, err
		}
	}
	return func() {
		for _, name := range e.names {
			e.release(name)
		}
		e.syncing.Release(wholly)
	}, nil
}

// previewing is the state of a preview.
type previewing struct {
	e      *Engine
	r      *run
	t      *tracer
	ctx    context.Context // of the call; the preview does not outlive it
	commit bool
	out    *Preview
	also   []CSID        // further objects to evaluate
	done   map[CSID]bool // objects evaluated
	before *CSObject
}

func (x *previewing) run(ref ObjectRef) error {
	o, err := x.e.find(x.t, ref)
	if err != nil {
		return err
	}
	x.before = o
	exports, err := x.t.PendingExport([]CSID{o.ID})
	if err != nil {
		return err
	}
	x.out = &Preview{Object: x.e.viewCS(o, exports[0])}
	if err := x.checkIndex(); err != nil {
		return err
	}
	if err := x.scope(o.ID); err != nil {
		return err
	}
	references, err := x.clearQueue()
	if err != nil {
		return err
	}
	if err := x.evaluate(o.ID, references); err != nil {
		return err
	}
	if err := x.explain(o.ID); err != nil {
		return err
	}
	return x.collect()
}

func (x *previewing) note(format string, args ...any) {
	x.out.Notes = append(x.out.Notes, fmt.Sprintf(format, args...))
}

// checkIndex notes that joins cannot find what the value indexes do not hold yet.
func (x *previewing) checkIndex() error {
	have, err := x.t.Setting(settingJoins)
	if err == nil && string(have) != x.e.joins.signature(x.e.names) {
		x.note("the rules join by other attributes than at the last synchronisation: joins may find too little until the next one")
	}
	return err
}

// scope explains the object before anything is changed.
func (x *previewing) scope(id CSID) error {
	ex := &explaining{newBatch(x.ctx, x.r, x.t)}
	if err := ex.b.loadCS([]CSID{id}); err != nil {
		return err
	}
	var out Explained
	if err := ex.alone(&out, ex.b.cs[id]); err != nil {
		return err
	}
	x.out.Rules, x.out.Joins = out.Rules, out.Joins
	return nil
}

// clearQueue empties the reference queue, within the transaction that is taken back, of what
// has nothing to do with the object. It reports whether references can be looked at.
func (x *previewing) clearQueue() (bool, error) {
	if x.commit {
		return true, nil
	}
	var own []RefWork
	for n := 0; n < maxQueuedRefs; {
		work, err := x.t.RefWork(5000)
		if err != nil {
			return false, err
		}
		if len(work) == 0 {
			return true, x.t.QueueRefWork(own)
		}
		n += len(work)
		for _, w := range work {
			if x.concerns(w) {
				own = append(own, w)
			}
		}
		if err := x.t.DeleteRefWork(work); err != nil {
			return false, err
		}
	}
	x.note("many references wait for synchronisation: references are not part of this preview")
	return false, nil
}

// concerns reports whether a reference is from or to the object.
func (x *previewing) concerns(w RefWork) bool {
	id := int64(x.before.ID)
	if w.Kind == WorkMV {
		id = int64(x.before.Link.MV)
	}
	return w.Source == id || w.Target == id
}

// evaluate synchronises the object and whatever is woken by it.
func (x *previewing) evaluate(id CSID, references bool) error {
	x.done = make(map[CSID]bool)
	refs := 0
	for next := append([]CSID{id}, x.also...); len(next) > 0; next = x.woken() {
		if len(x.done) > 0 && len(x.done)+len(next) > maxPreviewObjects {
			x.note("%d more objects have to be evaluated: the next synchronisation does that", len(next))
			return nil
		}
		b := newBatch(x.ctx, x.r, x.t)
		if err := b.sync(next); err != nil {
			return err
		}
		for _, n := range next {
			x.done[n] = true
		}
		x.take(b)
		if !references {
			continue
		}
		n, err := x.settleReferences(maxPreviewRefs - refs)
		if err != nil {
			return err
		}
		refs += n
	}
	return nil
}

// woken returns the objects that got a pending import and were not evaluated yet.
func (x *previewing) woken() (ids []CSID) {
	for _, id := range x.t.woken {
		if !x.done[id] && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	x.t.woken = nil
	return ids
}

func (x *previewing) settleReferences(limit int) (done int, err error) {
	for {
		work, err := x.t.RefWork(min(1000, max(limit-done, 1)))
		if err != nil || len(work) == 0 {
			return done, err
		}
		if done >= limit {
			x.note("not all references were looked at: the next synchronisation does the rest")
			return done, nil
		}
		b := newRefBatch(x.r, x.t)
		if err := b.process(work); err != nil {
			return done, err
		}
		if err := x.t.DeleteRefWork(work); err != nil {
			return done, err
		}
		done += len(work)
	}
}

func (x *previewing) take(b *batch) {
	for u := range b.unwritable {
		x.note("connector %s does not let %s of %s objects be written", u.connector, u.attribute, u.class)
	}
	slices.Sort(x.out.Notes)
	x.out.Notes = slices.Compact(x.out.Notes)
	for _, oe := range b.errs {
		x.out.Errors = append(x.out.Errors, PreviewError{
			Object: oe.Connector + ": " + oe.Object.String(), Code: oe.Code, Attribute: oe.Attribute, Rule: oe.Rule, Message: oe.Message,
		})
	}
}

// explain explains the object with the result in place.
func (x *previewing) explain(id CSID) error {
	now, err := x.t.CS([]CSID{id})
	if err != nil {
		return err
	}
	x.out.Outcome = x.outcome(now[0])
	if now[0] == nil || now[0].Link.MV == 0 {
		return nil
	}
	ex := &explaining{newBatch(x.ctx, x.r, x.t)}
	x.out.Explained, err = ex.object(id)
	return err
}

func (x *previewing) outcome(now *CSObject) string {
	before := x.before.Link.MV
	switch {
	case now == nil || x.before.State != Placeholder && now.State == Placeholder:
		return "removed"
	case now.Link.MV == 0 && before == 0:
		return "none"
	case now.Link.MV == 0:
		return "disconnected"
	case now.Link.MV == before:
		return "kept"
	case now.Link.Kind == LinkProject:
		return "projected"
	default:
		return "joined"
	}
}
