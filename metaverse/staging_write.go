package metaverse

import (
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// confirm compares what was exported with what the directory shows now.
func (s *staging) confirm() error {
	for _, cs := range s.order {
		if cs.export == nil || s.byID[cs.ID] != cs || !cs.whole && cs.touched == nil && cs.next != ImportDelete {
			continue
		}
		if cs.next == ImportDelete {
			if cs.export.DeleteSent {
				s.counts.Confirmed++
			}
			continue // synchronisation removes the object with everything pending
		}
		if err := s.confirmObject(cs); err != nil {
			return err
		}
	}
	return nil
}

func (s *staging) confirmObject(cs *staged) error {
	p := cs.export
	var keep []attr.Mod
	for _, m := range p.Sent {
		switch {
		case satisfied(&cs.Image, m):
			s.counts.Confirmed++
		case cs.whole || cs.touched[attr.Fold(m.Name)]:
			// The directory shows something else: what was sent is sent again, because
			// the object's synchronisation finds the difference.
			s.counts.Unconfirmed++
			s.force(cs)
		default:
			keep = append(keep, m)
		}
	}
	if len(keep) != len(p.Sent) {
		p.Sent, cs.exportOK = keep, true
	}
	if cs.whole {
		if err := s.confirmWhole(cs); err != nil {
			return err
		}
	}
	if p.Op == connector.OpAdd && cs.Imported {
		p.Op, cs.exportOK = connector.OpUpdate, true
		p.Pending = unsatisfied(&cs.Image, p.Pending)
		s.force(cs)
	}
	if p.Op == connector.OpUpdate && len(p.Pending) == 0 && p.NewDN == "" && !p.References {
		p.Op, cs.exportOK = 0, true
	}
	return nil
}

// confirmWhole settles what only a whole object can: an export of unknown fate, a deletion
// that did not happen, references that were sent and are not there.
func (s *staging) confirmWhole(cs *staged) error {
	p := cs.export
	if p.DeleteSent && cs.Link.MV == 0 && cs.State == ExplicitDisconnector {
		// The directory took the deletion and still has the object: it is sent again.
		p.Op = connector.OpDelete
		s.counts.Unconfirmed++
	}
	if p.Unknown && p.Op == connector.OpDelete {
		p.NotBefore = time.Time{} // what was waited for has come
	}
	if p.Unknown || p.DeleteSent {
		p.Unknown, p.DeleteSent, cs.exportOK = false, false, true
		s.force(cs)
	}
	if err := s.flushRefs(); err != nil {
		return err
	}
	var after ExportRef
	for {
		sent, err := s.tx.ExportRefs(cs.ID, true, after, s.in.r.e.opts.Batch)
		if err != nil || len(sent) == 0 {
			return err
		}
		after = sent[len(sent)-1]
		lost := make([]CSRef, len(sent))
		work := make([]RefWork, len(sent))
		for i, ref := range sent {
			lost[i] = CSRef{ref.Source, ref.Attribute, ref.Target}
			work[i] = RefWork{WorkCS, int64(ref.Source), ref.Attribute, int64(ref.Target)}
		}
		s.counts.Unconfirmed += int64(len(sent))
		cs.exportOK = true
		if err := s.tx.DeleteExportRefs(lost); err != nil {
			return err
		}
		if err := s.tx.QueueRefWork(work); err != nil {
			return err
		}
	}
}

// force makes the next synchronisation look at an object although its image is the same.
func (s *staging) force(cs *staged) {
	if cs.next == ImportNone {
		cs.next = ImportUpdate
	}
}

// satisfied reports whether a set holds what a modification asks for.
func satisfied(set *attr.Set, m attr.Mod) bool {
	probe := attr.Set{}
	if values := set.Values(m.Name); len(values) > 0 {
		probe.Put(m.Name, values...)
	}
	return !probe.Apply(m)
}

func unsatisfied(set *attr.Set, mods []attr.Mod) (out []attr.Mod) {
	for _, m := range mods {
		if !satisfied(set, m) {
			out = append(out, m)
		}
	}
	return out
}

// write stores everything that the batch changed.
func (s *staging) write() error {
	if err := s.tx.DeleteCS(s.deletes); err != nil {
		return err
	}
	if err := s.writeObjects(); err != nil {
		return err
	}
	if err := s.flushRefs(); err != nil {
		return err
	}
	if err := s.wakeMembers(); err != nil {
		return err
	}
	if err := s.writeExports(); err != nil {
		return err
	}
	if err := s.writeSeen(); err != nil {
		return err
	}
	return s.tx.PutObjectErrors(s.failed)
}

// writeSeen marks what the batch has shown, and nothing that it has only looked at.
func (s *staging) writeSeen() error {
	switch {
	case !s.in.full:
		return markSeen(s.tx, s.conn, s.seen)
	case s.in.fresh && !s.in.marked:
		return nil
	}
	return s.tx.MarkSeen(s.conn, s.seen)
}

func (s *staging) writeObjects() error {
	var dirty []*CSObject
	queue := make(map[ImportOp][]CSID)
	for _, cs := range s.order {
		if s.byID[cs.ID] != cs {
			continue // absorbed
		}
		if cs.dirty {
			dirty = append(dirty, cs.CSObject)
		}
		if cs.next != cs.Pending {
			queue[cs.next] = append(queue[cs.next], cs.ID)
		}
	}
	if err := s.tx.PutCS(dirty); err != nil {
		return err
	}
	ids, keys := make([]CSID, 0, len(dirty)), make([][]ValueKey, 0, len(dirty))
	for _, o := range dirty {
		cs := s.byID[o.ID]
		if k := s.in.r.e.joins.csKeys(o, cs.next); len(k) > 0 || !cs.isNew {
			ids, keys = append(ids, o.ID), append(keys, k)
		}
	}
	if err := s.tx.SetCSValues(ids, keys); err != nil {
		return err
	}
	for op := ImportNone; op <= ImportDeleteAdd; op++ {
		if ids := queue[op]; len(ids) > 0 {
			if err := s.tx.SetPendingImport(op, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *staging) writeExports() error {
	var put []*PendingExport
	var done []CSID
	for _, cs := range s.order {
		p := cs.export
		if p == nil || !cs.exportOK || s.byID[cs.ID] != cs {
			continue
		}
		if err := s.unsentReferences(p); err != nil {
			return err
		}
		empty, err := exportDone(s.tx, p)
		if err != nil {
			return err
		}
		if empty {
			done = append(done, cs.ID)
		} else {
			put = append(put, p)
		}
	}
	return putExports(s.tx, put, done)
}

// unsentReferences takes note where the directory shows all references that waited to be sent: somebody
// else has set them.
func (s *staging) unsentReferences(p *PendingExport) error {
	if !p.References || p.Unknown {
		return nil
	}
	left, err := s.tx.ExportRefs(p.CS, false, ExportRef{}, 1)
	if err != nil || len(left) > 0 {
		return err
	}
	p.References = false
	if p.Op == connector.OpUpdate && len(p.Pending) == 0 && p.NewDN == "" {
		p.Op = 0
	}
	return nil
}

// exportDone reports whether nothing of a pending export is left, sent or not.
func exportDone(rd Reader, p *PendingExport) (bool, error) {
	if p.Op != 0 || p.DeleteSent || len(p.Sent) > 0 || p.References {
		return false, nil
	}
	sent, err := rd.ExportRefs(p.CS, true, ExportRef{}, 1)
	if err != nil || len(sent) > 0 {
		return false, err
	}
	unsent, err := rd.ExportRefs(p.CS, false, ExportRef{}, 1)
	return len(unsent) == 0, err
}
