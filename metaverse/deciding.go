package metaverse

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// Rules may ask whether an object is a member of a group that they name by its DN: such groups decide
// about the scope of others. A directory tells of a new member as a change of the group, so that the
// member has to be woken. It has its turn with the next synchronisation.

// memberAttribute is the attribute that rules mean by membership.
const memberAttribute = "member"

// decidingGroups returns the DN keys of the groups that decide about objects of a connector.
func (e *Engine) decidingGroups(t *target) map[string]bool {
	out := make(map[string]bool)
	for _, set := range []*rules.Set{e.rules, e.opts.Filters} {
		if set == nil {
			continue
		}
		for _, dn := range set.MemberGroups(t.name) {
			out[dnKey(t.caps, dn)] = true
		}
	}
	return out
}

// decides reports whether who is a member of an object with the DN key is of interest to rules.
func (t *target) decides(dnKey string) bool { return t.deciding[dnKey] }

// regroup notes that a DN key begins or ends to mean a group.
func (s *staging) regroup(cs *staged, dnKey string) {
	if s.in.r.t.decides(dnKey) {
		s.regrouped = append(s.regrouped, cs.ID)
	}
}

// noteMembers notes whose membership in a deciding group changes.
func (s *staging) noteMembers(refs []CSRef) {
	if len(s.in.r.t.deciding) == 0 {
		return
	}
	for _, ref := range refs {
		if s.in.r.t.decides(s.byID[ref.Source].DNKey) && attr.EqualName(ref.Attribute, memberAttribute) {
			s.members = append(s.members, ref.Target)
		}
	}
}

// wakeMembers has those evaluated about whom groups have decided in the batch. It comes when
// everything else is written.
func (s *staging) wakeMembers() error {
	limit := s.in.r.e.opts.Batch
	for _, id := range s.regrouped {
		err := membersOf(s.tx, id, limit, func(ids []CSID) error { return wakeAll(s.tx, ids) })
		if err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(s.members, limit) {
		if err := wakeAll(s.tx, ids); err != nil {
			return err
		}
	}
	return nil
}

// wakeMembers has those evaluated who are members of an object that leaves, where that decides
// about them.
func (b *batch) wakeMembers(w *csWork) error {
	if !b.r.e.connectors[w.Connector].decides(w.DNKey) {
		return nil
	}
	return membersOf(b.tx, w.ID, b.r.e.opts.Batch, func(ids []CSID) error {
		var others []CSID
		for _, id := range ids {
			m := b.cs[id]
			switch {
			case m == nil:
				others = append(others, id)
			case !m.deleted && wakes(m.CSObject) && m.next == ImportNone:
				m.next = ImportUpdate
			}
		}
		b.noted = append(b.noted, others...)
		return wakeAll(b.tx, others)
	})
}

// membersOf calls fn with the members of a group, page by page.
func membersOf(rd Reader, group CSID, limit int, fn func(ids []CSID) error) error {
	for after := CSID(0); ; {
		ids, err := rd.CSRefs(group, memberAttribute, after, limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		if err := fn(ids); err != nil {
			return err
		}
	}
}

// wakeAll has the next synchronisation look at objects although nothing has changed of them.
func wakeAll(tx Tx, ids []CSID) error {
	heads, err := tx.CSHeads(ids)
	if err != nil {
		return err
	}
	var woken []CSID
	for _, o := range heads {
		if o != nil && o.Pending == ImportNone && wakes(o) {
			woken = append(woken, o.ID)
		}
	}
	return tx.SetPendingImport(ImportUpdate, woken)
}

// wakes reports whether an object is one that rules have to do with.
func wakes(o *CSObject) bool { return o.Imported && o.State != Placeholder }
