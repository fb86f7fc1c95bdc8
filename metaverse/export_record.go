package metaverse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// record writes the fate of jobs into the store. It does so even when the step has been
// cancelled meanwhile: the directory has taken the changes.
func (x *exporting) record(ctx context.Context, jobs []*job, results []connector.Result) error {
	ended := ctx.Err() != nil || x.r.lease.check() != nil
	ctx = context.WithoutCancel(ctx)
	var c Counters
	err := x.r.update(ctx, func(tx Tx) error {
		c = Counters{}
		o := &outcomes{x: x, tx: tx, counts: &c, ended: ended}
		for i, j := range jobs {
			if err := o.take(j, &results[i]); err != nil {
				return err
			}
		}
		return o.write()
	})
	if err != nil {
		return err
	}
	t := &x.r.rec.Counters
	for _, j := range jobs {
		if !j.aside { // its own change is yet to come
			x.done++
			x.r.rec.Objects++
		}
	}
	t.Adds += c.Adds
	t.Updates += c.Updates
	t.Renames += c.Renames
	t.Deletes += c.Deletes
	t.Unchanged += c.Unchanged
	t.Retries += c.Retries
	t.RefAdds += c.RefAdds
	t.RefDeletes += c.RefDeletes
	for range c.Errors {
		if err := x.r.countError(); err != nil {
			return err
		}
	}
	return nil
}

// outcomes collects what the results of one batch change in the store.
type outcomes struct {
	x       *exporting
	tx      Tx
	counts  *Counters
	ended   bool // the step was cancelled, or has lost its lease
	puts    []*PendingExport
	objects []*CSObject
	done    []CSID // exports of which nothing is left
	passed  []CSID // objects without an error
	errs    []ObjectError
}

func (o *outcomes) take(j *job, res *connector.Result) error {
	p := *j.export                               // as it was: the transaction may be tried again
	p.Unknown = p.Unknown && !res.Outcome.Done() // an earlier creation may come late, see mayComeLate
	p.Sent = slices.Clone(p.Sent)
	switch res.Outcome {
	case connector.Applied, connector.NoChange:
		if j.aside {
			o.located(j, res)
			break
		}
		o.passed = append(o.passed, j.cs.ID)
		for _, name := range res.Skipped {
			o.x.r.unwritable[unwritable{o.x.r.t.name, j.cs.Class, name}] = true
		}
		o.count(j, res)
		return o.applied(j, &p, res)
	case connector.Unknown:
		p.Unknown = true
		o.counts.Retries++
	case connector.Retry:
		if o.counts.Retries++; o.ended {
			break // it was not sent because of that: the next run sends it as if this one had not tried
		}
		p.Attempts++
		p.NotBefore = o.x.r.now().Add(max(res.RetryAfter, backoff(p.Attempts)))
		o.fail(j, res)
	default:
		p.Attempts++
		o.fail(j, res)
	}
	o.puts = append(o.puts, &p)
	return nil
}

func (o *outcomes) count(j *job, res *connector.Result) {
	for _, ref := range j.refs {
		if ref.Delete {
			o.counts.RefDeletes++
		} else {
			o.counts.RefAdds++
		}
	}
	switch {
	case res.Outcome == connector.NoChange:
		o.counts.Unchanged++
	case j.change.Op == connector.OpAdd:
		o.counts.Adds++
	case j.change.Op == connector.OpDelete:
		o.counts.Deletes++
	default:
		o.counts.Updates++
		if j.change.NewDN != "" {
			o.counts.Renames++
		}
	}
}

// applied moves what was sent from pending to sent.
func (o *outcomes) applied(j *job, p *PendingExport, res *connector.Result) error {
	p.Attempts, p.NotBefore = 0, time.Time{}
	if p.Op == connector.OpDelete {
		p.Op, p.DeleteSent, p.Sent = 0, true, nil
		o.puts = append(o.puts, p)
		return nil
	}
	o.located(j, res)
	for _, m := range p.Pending {
		if !o.x.r.t.schema.writeOnly(m.Name) { // such a value never comes back
			p.Sent = mergeMod(p.Sent, m)
		}
	}
	p.Pending, p.NewDN = nil, ""
	sent := make([]ExportRef, len(j.refs))
	for i, ref := range j.refs {
		ref.Sent = true
		sent[i] = ref
	}
	if err := o.tx.PutExportRefs(sent); err != nil {
		return err
	}
	unsent, err := o.tx.ExportRefs(p.CS, false, ExportRef{}, 1)
	if err != nil {
		return err
	}
	p.Op, p.References = 0, len(unsent) > 0
	if p.References {
		p.Op = connector.OpUpdate
	}
	empty, err := exportDone(o.tx, p)
	if empty {
		o.done = append(o.done, p.CS)
	} else {
		o.puts = append(o.puts, p)
	}
	return err
}

// located takes over the anchor and the DN that the directory gave the object.
func (o *outcomes) located(j *job, res *connector.Result) {
	cs, changed := *j.cs, !j.cs.Imported
	cs.Imported = true // it exists; the next import has to show it
	if !res.Anchor.IsZero() && res.Anchor != cs.Anchor {
		cs.Anchor, changed = res.Anchor, true
	}
	dn := res.DN
	if dn == "" {
		dn = j.change.NewDN
	}
	if dn != "" && dn != cs.DN {
		cs.DN, cs.DNKey, changed = dn, dnKey(o.x.r.t.caps, dn), true
	}
	if changed {
		o.objects = append(o.objects, &cs)
	}
}

func (o *outcomes) fail(j *job, res *connector.Result) {
	err := res.Err
	if err == nil {
		err = fmt.Errorf("the directory answered %v", res.Outcome)
	}
	e := o.x.r.objectError(j.cs, stepExport, codeOf(err), attributeOf(err), "", err)
	if !res.ConflictWith.IsZero() {
		e.Message += "; in conflict with " + res.ConflictWith.String()
	}
	o.errs = append(o.errs, e)
	o.counts.Errors++
}

func attributeOf(err error) string {
	for {
		e, ok := errors.AsType[*connector.Error](err)
		if !ok || e.Attribute != "" {
			if ok {
				return e.Attribute
			}
			return ""
		}
		err = e.Err
	}
}

func (o *outcomes) write() error {
	if err := o.claimAnchors(); err != nil {
		return err
	}
	if err := o.claimPlaces(); err != nil {
		return err
	}
	if err := o.tx.PutCS(o.objects); err != nil {
		return err
	}
	if err := o.markSeen(); err != nil {
		return err
	}
	if err := o.tx.DeletePendingExport(o.done); err != nil {
		return err
	}
	if err := o.tx.PutPendingExport(o.puts); err != nil {
		return err
	}
	if err := o.tx.ClearObjectErrors(stepExport, o.passed); err != nil {
		return err
	}
	return o.tx.PutObjectErrors(o.errs)
}

// markSeen keeps what an export has made from being missed by a full import that was
// interrupted before and is resumed behind the place where it would come.
func (o *outcomes) markSeen() error {
	ids := make([]CSID, len(o.objects))
	for i, cs := range o.objects {
		ids[i] = cs.ID
	}
	return markSeen(o.tx, o.x.r.t.name, ids)
}

// claimAnchors makes way for objects that turn out to be ones that the connector space has
// already: restored objects, placeholders, and those that an import brought in meanwhile.
func (o *outcomes) claimAnchors() error {
	anchors := make([]connector.Anchor, len(o.objects))
	for i, cs := range o.objects {
		anchors[i] = cs.Anchor
	}
	holders, err := o.tx.CSByAnchor(o.x.r.t.name, anchors)
	if err != nil {
		return err
	}
	for i, cs := range o.objects {
		if holders[i] == 0 || holders[i] == cs.ID {
			continue
		}
		if err := o.takeReferences(holders[i], cs.ID); err != nil {
			return err
		}
	}
	return nil
}

// claimPlaces makes way for objects that stand now where the connector space has others: those
// have left or were deleted, and no import has told so yet.
func (o *outcomes) claimPlaces() error {
	keys, own := make([]string, len(o.objects)), make(map[CSID]bool)
	for i, cs := range o.objects {
		keys[i], own[cs.ID] = cs.DNKey, true
	}
	ids, err := o.tx.CSByDN(o.x.r.t.name, keys)
	if err != nil {
		return err
	}
	holders, err := o.tx.CS(ids)
	if err != nil {
		return err
	}
	for i, h := range holders {
		switch {
		case h == nil || own[h.ID]:
			continue
		case h.State == Placeholder && h.Anchor.IsZero(): // something referred to what came here
			if err := o.takeReferences(h.ID, o.objects[i].ID); err != nil {
				return err
			}
			continue
		}
		h.DNKey = TransientPrefix + strconv.FormatInt(int64(h.ID), 10)
		if err := o.tx.PutCS([]*CSObject{h}); err != nil {
			return err
		}
	}
	return nil
}

// takeReferences makes what refers to an object refer to another one, in whose place it was.
func (o *outcomes) takeReferences(from, to CSID) error {
	if err := o.tx.MoveCSRefsTo(from, to); err != nil {
		return err
	}
	if err := o.tx.DeleteCS([]CSID{from}); err != nil {
		return err
	}
	return o.tx.QueueCSRefsTo([]CSID{to})
}

// mergeMod adds a modification to those that were sent for the same object before.
func mergeMod(sent []attr.Mod, m attr.Mod) []attr.Mod {
	for i, s := range sent {
		if !attr.EqualName(s.Name, m.Name) {
			continue
		}
		switch {
		case m.Replace:
			sent[i] = m
		case s.Replace:
			var set attr.Set
			set.Put(s.Name, s.Adds...)
			set.Apply(m)
			sent[i] = attr.Mod{Name: s.Name, Replace: true, Adds: set.Values(s.Name)}
		default:
			adds, _ := attr.Diff(m.Deletes, append(append([]attr.Value(nil), s.Adds...), m.Adds...))
			deletes, _ := attr.Diff(m.Adds, append(append([]attr.Value(nil), s.Deletes...), m.Deletes...))
			sent[i] = attr.Mod{Name: s.Name, Adds: adds, Deletes: deletes}
		}
		return sent
	}
	return append(sent, m)
}

// backoff is how long to wait after n failed attempts: a minute, doubling, at most a day.
func backoff(n int) time.Duration {
	return min(time.Minute<<min(max(n-1, 0), 11), 24*time.Hour)
}
