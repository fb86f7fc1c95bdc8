package metaversetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

type memTx struct {
	memReader
	m *Memory
}

func (t *memTx) fail(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return err
}

func (t *memTx) NewCS(n int) (metaverse.CSID, error) {
	first := t.s.nextCS
	t.s.nextCS += metaverse.CSID(n)
	return first, t.ready()
}

func (t *memTx) PutCS(objects []*metaverse.CSObject) error {
	for _, o := range objects {
		if o.ID <= 0 || o.ID >= t.s.nextCS {
			return t.fail(fmt.Errorf("cs %d was never reserved", o.ID))
		}
		if old := t.s.cs[o.ID]; old != nil && old.Connector != o.Connector {
			return t.fail(fmt.Errorf("cs %d belongs to another connector", o.ID))
		}
		c := *o
		c.Image, c.Pending, c.Link = o.Image.Clone(), metaverse.ImportNone, metaverse.Link{}
		t.s.cs[o.ID] = &c
	}
	type key struct{ connector, anchor, dn string }
	taken := make(map[key]bool)
	for _, o := range t.s.cs {
		for _, k := range []key{{o.Connector, o.Anchor.Raw(), ""}, {o.Connector, "", o.DNKey}} {
			if k.anchor == "" && k.dn == "" {
				continue
			}
			if taken[k] {
				return t.fail(fmt.Errorf("cs %d: %w: anchor or DN is taken", o.ID, connector.ErrConflict))
			}
			taken[k] = true
		}
	}
	return t.ready()
}

func (t *memTx) PutCSState(ids []metaverse.CSID, state metaverse.CSState) error {
	for _, id := range ids {
		if o := t.s.cs[id]; o != nil {
			c := *o
			c.State = state
			t.s.cs[id] = &c
		}
	}
	return t.ready()
}

func (t *memTx) DeleteCS(ids []metaverse.CSID) error {
	for _, id := range ids {
		if o := t.s.cs[id]; o != nil {
			delete(t.s.pending, id)
			delete(t.s.seen, seenMark{o.Connector, id})
		}
		delete(t.s.cs, id)
		delete(t.s.links, id)
		delete(t.s.csValues, id)
		delete(t.s.exports, id)
		maps.DeleteFunc(t.s.csRefs, func(r metaverse.CSRef, _ bool) bool { return r.Source == id || r.Target == id })
		t.deleteExportRefs(id)
		maps.DeleteFunc(t.s.errs, func(k memErrorKey, _ metaverse.ObjectError) bool { return k.cs == id && id != 0 })
	}
	return t.ready()
}

// deleteExportRefs deletes references from and to an object, and the exports of which nothing is left.
func (t *memTx) deleteExportRefs(id metaverse.CSID) {
	sources, left := make(map[metaverse.CSID]bool), make(map[metaverse.CSID]bool)
	maps.DeleteFunc(t.s.exportRefs, func(r metaverse.CSRef, _ metaverse.ExportRef) bool {
		gone := r.Source == id || r.Target == id
		if gone {
			sources[r.Source] = true
		} else {
			left[r.Source] = true
		}
		return gone
	})
	maps.DeleteFunc(t.s.exports, func(cs metaverse.CSID, p *metaverse.PendingExport) bool {
		empty := p.Op == 0 && !p.DeleteSent && !p.Unknown && !p.References && len(p.Sent) == 0
		return sources[cs] && !left[cs] && empty
	})
}

func (t *memTx) SetPendingImport(op metaverse.ImportOp, ids []metaverse.CSID) error {
	for _, id := range ids {
		switch {
		case op == metaverse.ImportNone:
			delete(t.s.pending, id)
		case t.s.cs[id] != nil:
			t.s.pending[id] = op
		}
	}
	return t.ready()
}

func (t *memTx) SetPendingImportAll(conn string) (n int64, err error) {
	for id, o := range t.s.cs {
		if o.Connector == conn && o.Imported && o.State != metaverse.Placeholder && t.s.pending[id] == 0 {
			t.s.pending[id] = metaverse.ImportUpdate
			n++
		}
	}
	return n, t.ready()
}

func (t *memTx) SetLink(ids []metaverse.CSID, links []metaverse.Link) error {
	if len(ids) != len(links) {
		return t.fail(fmt.Errorf("%d links for %d objects", len(links), len(ids)))
	}
	for i, id := range ids {
		if links[i].MV == 0 {
			delete(t.s.links, id)
			continue
		}
		l := links[i]
		l.Outbound = slices.Clone(l.Outbound)
		t.s.links[id] = l
	}
	return t.ready()
}

func (t *memTx) SetCSValues(ids []metaverse.CSID, keys [][]metaverse.ValueKey) error {
	return setValues(t, t.s.csValues, ids, keys)
}

func setValues[ID comparable](t *memTx, values map[ID][]metaverse.ValueKey, ids []ID, keys [][]metaverse.ValueKey) error {
	if len(ids) != len(keys) {
		return t.fail(fmt.Errorf("%d lists of values for %d objects", len(keys), len(ids)))
	}
	for i, id := range ids {
		if values[id] = slices.Clone(keys[i]); len(keys[i]) == 0 {
			delete(values, id)
		}
	}
	return t.ready()
}

func (t *memTx) MarkSeen(conn string, ids []metaverse.CSID) error {
	for _, id := range ids {
		t.s.seen[seenMark{conn, id}] = true
	}
	return t.ready()
}

func (t *memTx) ClearSeen(conn string) error {
	maps.DeleteFunc(t.s.seen, func(k seenMark, _ bool) bool { return k.connector == conn })
	return t.ready()
}

func (t *memTx) AddCSRefs(refs []metaverse.CSRef) error {
	for _, r := range refs {
		r.Attribute = t.s.learn(r.Attribute)
		t.s.csRefs[r] = true
	}
	return t.ready()
}

func (t *memTx) DeleteCSRefs(refs []metaverse.CSRef) error {
	for _, r := range refs {
		delete(t.s.csRefs, t.s.csRef(r))
	}
	return t.ready()
}

func (t *memTx) MoveCSRefsTo(from, to metaverse.CSID) error {
	for r := range maps.Clone(t.s.csRefs) {
		if r.Target == from {
			delete(t.s.csRefs, r)
			r.Target = to
			t.s.csRefs[r] = true
		}
	}
	return t.ready()
}

func (t *memTx) NewMV(n int) (metaverse.MVID, error) {
	first := t.s.nextMV
	t.s.nextMV += metaverse.MVID(n)
	return first, t.ready()
}

func (t *memTx) PutMV(objects []*metaverse.MVObject) error {
	for _, o := range objects {
		if o.ID <= 0 || o.ID >= t.s.nextMV {
			return t.fail(fmt.Errorf("mv %d was never reserved", o.ID))
		}
		c := *o
		c.Attributes, c.Origins = o.Attributes.Clone(), slices.Clone(o.Origins)
		t.s.mv[o.ID] = &c
	}
	return t.ready()
}

func (t *memTx) DeleteMV(ids []metaverse.MVID) error {
	for _, id := range ids {
		for _, l := range t.s.links {
			if l.MV == id {
				return t.fail(fmt.Errorf("mv %d still has links", id))
			}
		}
		delete(t.s.mv, id)
		delete(t.s.mvValues, id)
		maps.DeleteFunc(t.s.mvRefs, func(r metaverse.MVRef, _ bool) bool { return r.Source == id || r.Target == id })
	}
	return t.ready()
}

func (t *memTx) SetMVValues(ids []metaverse.MVID, keys [][]metaverse.ValueKey) error {
	return setValues(t, t.s.mvValues, ids, keys)
}

func (t *memTx) AddMVRefs(refs []metaverse.MVRef) error {
	for _, r := range refs {
		r.Attribute = t.s.learn(r.Attribute)
		t.s.mvRefs[r] = true
	}
	return t.ready()
}

func (t *memTx) DeleteMVRefs(refs []metaverse.MVRef) error {
	for _, r := range refs {
		delete(t.s.mvRefs, t.s.mvRef(r))
	}
	return t.ready()
}

func (t *memTx) QueueRefWork(work []metaverse.RefWork) error {
	for _, w := range work {
		w.Attribute = t.s.learn(w.Attribute)
		t.s.work[w] = true
	}
	return t.ready()
}

func (t *memTx) queueCS(match func(metaverse.CSRef) bool) error {
	for r := range t.s.csRefs {
		if match(r) {
			t.s.work[metaverse.RefWork{Kind: metaverse.WorkCS, Source: int64(r.Source), Attribute: r.Attribute, Target: int64(r.Target)}] = true
		}
	}
	return t.ready()
}

func (t *memTx) queueMV(match func(metaverse.MVRef) bool) error {
	for r := range t.s.mvRefs {
		if match(r) {
			t.s.work[metaverse.RefWork{Kind: metaverse.WorkMV, Source: int64(r.Source), Attribute: r.Attribute, Target: int64(r.Target)}] = true
		}
	}
	return t.ready()
}

func (t *memTx) QueueCSRefsFrom(sources []metaverse.CSRefAttribute) error {
	return t.queueCS(func(r metaverse.CSRef) bool {
		return slices.ContainsFunc(sources, func(s metaverse.CSRefAttribute) bool {
			return r.Source == s.Source && (s.Attribute == "" || attr.EqualName(r.Attribute, s.Attribute))
		})
	})
}

func (t *memTx) QueueCSRefsTo(targets []metaverse.CSID) error {
	return t.queueCS(func(r metaverse.CSRef) bool { return slices.Contains(targets, r.Target) })
}

func (t *memTx) QueueMVRefsFrom(sources []metaverse.MVRefAttribute) error {
	return t.queueMV(func(r metaverse.MVRef) bool {
		return slices.ContainsFunc(sources, func(s metaverse.MVRefAttribute) bool {
			return r.Source == s.Source && (s.Attribute == "" || attr.EqualName(r.Attribute, s.Attribute))
		})
	})
}

func (t *memTx) QueueMVRefsTo(targets []metaverse.MVID) error {
	return t.queueMV(func(r metaverse.MVRef) bool { return slices.Contains(targets, r.Target) })
}

func (t *memTx) DeleteRefWork(work []metaverse.RefWork) error {
	for _, w := range work {
		delete(t.s.work, t.s.refWork(w))
	}
	return t.ready()
}

func (t *memTx) PutPendingExport(exports []*metaverse.PendingExport) error {
	for _, e := range exports {
		if e.Connector == "" || e.CS <= 0 {
			return t.fail(fmt.Errorf("pending export of cs %d has no connector or no object", e.CS))
		}
		t.s.exports[e.CS] = cloneExport(e)
	}
	return t.ready()
}

func (t *memTx) SetExportOp(ids []metaverse.CSID, op connector.ChangeOp, references bool) error {
	for _, id := range ids {
		if e := t.s.exports[id]; e != nil {
			c := *e
			c.Op, c.References = op, references
			t.s.exports[id] = &c
		}
	}
	return t.ready()
}

func (t *memTx) DeletePendingExport(ids []metaverse.CSID) error {
	for _, id := range ids {
		delete(t.s.exports, id)
		maps.DeleteFunc(t.s.exportRefs, func(r metaverse.CSRef, _ metaverse.ExportRef) bool { return r.Source == id })
	}
	return t.ready()
}

func (t *memTx) PutExportRefs(refs []metaverse.ExportRef) error {
	for _, e := range refs {
		e.Attribute = t.s.learn(e.Attribute)
		t.s.exportRefs[metaverse.CSRef{Source: e.Source, Attribute: e.Attribute, Target: e.Target}] = e
	}
	return t.ready()
}

func (t *memTx) DeleteExportRefs(refs []metaverse.CSRef) error {
	for _, r := range refs {
		delete(t.s.exportRefs, t.s.csRef(r))
	}
	return t.ready()
}

func (t *memTx) PutSetting(key string, value []byte) error {
	if t.s.settings[key] = bytesClone(value); value == nil {
		delete(t.s.settings, key)
	}
	return t.ready()
}

func (t *memTx) PutRun(r *metaverse.RunRecord) (int64, error) {
	rec := *r
	rec.Notes = slices.Clone(r.Notes)
	if rec.ID < 0 {
		return 0, t.fail(fmt.Errorf("run id %d", rec.ID))
	}
	if rec.ID == 0 {
		rec.ID = t.s.nextRun
	}
	t.s.nextRun = max(t.s.nextRun, rec.ID+1)
	t.s.runs[rec.ID] = rec
	return rec.ID, t.ready()
}

func (t *memTx) DeleteRuns(before time.Time) (n int64, err error) {
	for id, rec := range t.s.runs {
		if !rec.Ended.IsZero() && rec.Ended.Before(before) {
			delete(t.s.runs, id)
			n++
		}
	}
	return n, t.ready()
}

// A memErrorKey tells errors apart. connector and object are set for unknown objects only.
type memErrorKey struct {
	cs                          metaverse.CSID
	connector                   string
	object                      connector.Key
	step, code, attribute, rule string
}

func (t *memTx) PutObjectErrors(errs []metaverse.ObjectError) error {
	old := maps.Clone(t.s.errs)
	for _, e := range errs {
		k := memErrorKey{cs: e.CS, step: e.Step}
		if e.CS == 0 {
			k.connector, k.object = e.Connector, e.Object
		}
		maps.DeleteFunc(t.s.errs, func(h memErrorKey, _ metaverse.ObjectError) bool {
			h.code, h.attribute, h.rule = "", "", ""
			return h == k
		})
	}
	for _, e := range errs {
		k := memErrorKey{cs: e.CS, step: e.Step, code: e.Code, attribute: e.Attribute, rule: e.Rule}
		if e.CS == 0 {
			k.connector, k.object = e.Connector, e.Object
		} else {
			e.Object = connector.Key{}
		}
		e.Count = max(e.Count, 1)
		if e.First.IsZero() {
			e.First = e.Last
		}
		if h, ok := old[k]; ok {
			e.First, e.Count = h.First, h.Count+e.Count
		}
		t.s.errs[k] = e
	}
	return t.ready()
}

func (t *memTx) ClearObjectErrors(step string, ids []metaverse.CSID) error {
	maps.DeleteFunc(t.s.errs, func(k memErrorKey, _ metaverse.ObjectError) bool {
		return k.cs != 0 && k.step == step && slices.Contains(ids, k.cs)
	})
	return t.ready()
}

func (t *memTx) ClearUnknownErrors(conn, step string) error {
	maps.DeleteFunc(t.s.errs, func(k memErrorKey, _ metaverse.ObjectError) bool {
		return k.cs == 0 && k.connector == conn && k.step == step
	})
	return t.ready()
}

var _ metaverse.Tx = (*memTx)(nil)
