package metaverse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// exportStep sends pending exports: new objects first, so that others can refer to them,
// then changes and references, deletions last. What it sends is noted in the store before
// it is sent, so that a process that dies leaves behind what it may have done.
func (r *run) exportStep(ctx context.Context) error {
	if err := r.e.store.View(ctx, notStaging); err != nil {
		return &startError{err}
	}
	if _, err := r.t.index(ctx); err != nil {
		return &startError{err}
	}
	pending, err := r.checkThreshold(ctx)
	if err != nil || pending == 0 {
		return err
	}
	session, end, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer end()
	exporter, ok := connector.As[connector.Exporter](session)
	if !ok {
		return fmt.Errorf("connector %s cannot export: %w", r.t.name, errors.ErrUnsupported)
	}
	x := newExporting(r, session, exporter, max(r.t.caps.ExportBatch, 1))
	if err := x.settleUnknown(ctx); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		op   connector.ChangeOp
	}{{"adds", connector.OpAdd}, {"updates", connector.OpUpdate}, {"deletes", connector.OpDelete}} {
		if err := x.phase(ctx, p.name, p.op); err != nil {
			return err
		}
		if p.op != connector.OpAdd {
			if err := x.renames(ctx, p.op == connector.OpDelete); err != nil {
				return err
			}
		}
	}
	x.noteWaiting()
	return nil
}

// phase sends what is pending of one operation. It is counted when its turn comes: what was
// created may have references to send since.
func (x *exporting) phase(ctx context.Context, name string, op connector.ChangeOp) error {
	x.name, x.done = name, 0
	err := x.r.e.store.View(ctx, func(rd Reader) error {
		counts, err := rd.CountPendingExports(x.r.t.name)
		x.total = pendingOf(counts, op, "")
		return err
	})
	if err != nil || x.total == 0 {
		return err
	}
	levels, err := x.levels(ctx, op)
	if err != nil {
		return err
	}
	for _, level := range levels {
		if err := x.pass(ctx, selection{op, level}); err != nil {
			return err
		}
	}
	return nil
}

// exporting is the state of an export step.
type exporting struct {
	r        *run
	session  connector.Session
	exporter connector.Exporter
	batch    int
	waits    map[CSID]bool // objects that are not created yet
	putOff   map[CSID]bool // objects that cannot be renamed yet; there are few
	aside    map[CSID]bool // objects that have been put aside
	unseen   map[CSID]bool // creations of unknown fate that the directory does not show
	insist   bool          // renames are sent although their place is held

	// The present phase.
	name        string
	done, total int64
}

func newExporting(r *run, session connector.Session, exporter connector.Exporter, batch int) *exporting {
	return &exporting{
		r: r, session: session, exporter: exporter, batch: batch,
		waits: make(map[CSID]bool), putOff: make(map[CSID]bool), aside: make(map[CSID]bool),
		unseen: make(map[CSID]bool),
	}
}

// pass sends everything that is selected, a batch at a time.
func (x *exporting) pass(ctx context.Context, sel selection) error {
	var after CSID
	for {
		if err := x.r.going(ctx); err != nil {
			return err
		}
		jobs, last, err := x.collect(ctx, sel, after)
		if err != nil {
			return err
		}
		if last == 0 {
			return nil
		}
		after = last
		if len(jobs) == 0 {
			continue
		}
		if err := x.send(ctx, jobs); err != nil {
			return err
		}
		x.r.progress(x.name, x.done, max(x.total, x.done)) // large groups take several turns
	}
}

// maxPages bounds how much of the queue one transaction looks through.
const maxPages = 20

// job is one pending export on its way.
type job struct {
	cs     *CSObject
	export *PendingExport
	change connector.Change
	refs   []ExportRef // those that the change carries
	more   bool        // there are more references to send afterwards
	aside  bool        // a rename for the moment, which leaves everything pending
}

// collect reads the next pending exports that are selected and makes changes of them. In the
// transaction in which it reads them it notes that their fate is unknown from now on.
func (x *exporting) collect(ctx context.Context, sel selection, after CSID) (jobs []*job, last CSID, err error) {
	now := x.r.now()
	err = x.r.update(ctx, func(tx Tx) error {
		jobs, last = nil, 0
		after := after // the function may be called again
		for pages := 0; len(jobs) < x.batch && pages < maxPages; pages++ {
			page, err := tx.ScanPendingExports(x.r.t.name, after, x.batch-len(jobs))
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			after = page[len(page)-1].CS
			last = after
			found, err := x.jobs(tx, page, sel, now)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(found, x.movesReferences); i >= 0 {
				jobs, last = append(jobs, found[:i+1]...), found[i].cs.ID
				break
			}
			jobs = append(jobs, found...)
		}
		return x.markUnknown(tx, jobs)
	})
	return jobs, last, err
}

// movesReferences reports whether what is sent after a job has to be made when it is done: a
// reference to the object names it by the DN that it gets.
func (x *exporting) movesReferences(j *job) bool {
	return j.change.NewDN != "" && x.r.t.caps.References == connector.ReferenceByDN
}

func (x *exporting) jobs(tx Tx, page []*PendingExport, sel selection, now time.Time) (jobs []*job, err error) {
	var ids []CSID
	var due []*PendingExport
	for _, p := range page {
		if p.Op == sel.op && x.sendable(p) && (x.r.opts.RetryNow || !p.NotBefore.After(now)) {
			ids, due = append(ids, p.CS), append(due, p)
		}
	}
	objects, err := tx.CS(ids)
	if err != nil {
		return nil, err
	}
	waiting := make([]bool, len(objects))
	if sel.op == connector.OpAdd {
		if waiting, err = x.waiting(tx, objects); err != nil {
			return nil, err
		}
	}
	awaited, err := x.awaiting(tx, objects, due)
	if err != nil {
		return nil, err
	}
	for i, o := range objects {
		if o == nil || !sel.has(o) {
			continue
		}
		if awaited[i] != 0 && sel.op == connector.OpUpdate && !x.insist {
			x.putOff[o.ID] = true
			continue
		}
		if waiting[i] {
			x.waits[o.ID] = true
			continue
		}
		j := &job{cs: o, export: due[i]}
		ready, err := x.build(tx, j)
		if err != nil {
			return nil, err
		}
		if ready {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// markUnknown notes that changes are about to be sent, which staging mode forbids.
func (x *exporting) markUnknown(tx Tx, jobs []*job) error {
	if err := notStaging(tx); err != nil {
		return err
	}
	puts := make([]*PendingExport, len(jobs))
	for i, j := range jobs {
		p := *j.export
		p.Unknown = true
		puts[i] = &p
	}
	return tx.PutPendingExport(puts)
}

// export sends changes while the lease is held: a process that was suspended since it noted them
// starts nothing, and what is on its way when the lease ends is given up.
func (x *exporting) export(ctx context.Context, changes []connector.Change) ([]connector.Result, error) {
	if err := x.r.lease.check(); err != nil {
		return nil, err
	}
	return x.exporter.Export(ctx, changes)
}

// send exports jobs and records their fate.
func (x *exporting) send(ctx context.Context, jobs []*job) error {
	changes := make([]connector.Change, len(jobs))
	for i, j := range jobs {
		changes[i] = j.change
	}
	results, err := x.export(ctx, changes)
	if err != nil {
		// Nothing is known of any of them, and the store says so already. If none was sent,
		// the next run finds that out by reading.
		return err
	}
	if len(results) != len(jobs) {
		return fmt.Errorf("%w: %d results for %d changes", connector.ErrProtocol, len(results), len(jobs))
	}
	if err := x.record(ctx, jobs, results); err != nil {
		return err
	}
	return x.followUp(ctx, jobs, results)
}

// followUp sends the rest of the references of objects that have more than fit in one
// change, and settles what got lost.
func (x *exporting) followUp(ctx context.Context, jobs []*job, results []connector.Result) error {
	var lost []CSID
	for i, j := range jobs {
		if results[i].Outcome == connector.Unknown {
			lost = append(lost, j.cs.ID)
		}
	}
	if len(lost) > 0 {
		if err := x.settle(ctx, lost); err != nil {
			return err
		}
	}
	for i, j := range jobs {
		for more := j.more && results[i].Outcome.Done(); more; {
			if err := x.r.going(ctx); err != nil {
				return err
			}
			var err error
			if more, err = x.sendMore(ctx, j.cs.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendMore sends the next piece of an object's references. It reports whether there may be
// another one.
func (x *exporting) sendMore(ctx context.Context, id CSID) (bool, error) {
	var jobs []*job
	err := x.r.update(ctx, func(tx Tx) error {
		p, err := tx.PendingExport([]CSID{id})
		if err != nil || p[0] == nil || p[0].Op != connector.OpUpdate {
			jobs = nil
			return err
		}
		if jobs, err = x.jobs(tx, p, selection{connector.OpUpdate, anyLevel}, x.r.now()); err != nil {
			return err
		}
		return x.markUnknown(tx, jobs)
	})
	if err != nil || len(jobs) == 0 {
		return false, err
	}
	results, err := x.export(ctx, []connector.Change{jobs[0].change})
	if err != nil {
		return false, err
	}
	if err := x.record(ctx, jobs, results); err != nil {
		return false, err
	}
	return jobs[0].more && results[0].Outcome.Done(), nil
}

// settleUnknown reads every object whose last export has an unknown fate. On its way through the
// queue it counts what is not due yet.
func (x *exporting) settleUnknown(ctx context.Context) error {
	var later deferral
	now := x.r.now()
	err := x.scan(ctx, func(page []*PendingExport) error {
		var ids []CSID
		for _, p := range page {
			later.add(p, now)
			if p.Unknown {
				ids = append(ids, p.CS)
			}
		}
		for chunk := range slices.Chunk(ids, max(x.batch, 1)) {
			if err := x.settle(ctx, chunk); err != nil {
				return err
			}
		}
		return nil
	})
	x.r.noteDeferred(later)
	return err
}
