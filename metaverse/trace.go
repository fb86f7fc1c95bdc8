package metaverse

import "github.com/hybridsync/hybridsync/connector"

// maxTracedRefs bounds the pending reference values of one object that a trace remembers.
const maxTracedRefs = 200

// tracer is a transaction that remembers what the objects were like before they were
// written to for the first time.
type tracer struct {
	Tx
	cs      map[CSID]*tracedCS
	csOrder []CSID
	mv      map[MVID]*MVObject // nil for those that are new
	mvOrder []MVID
	refs    map[MVRef]bool // copied references: added (true) or deleted (false)
	order   []MVRef
	woken   []CSID // objects that got a pending import
}

// tracedCS is what a connector-space object was like.
type tracedCS struct {
	object *CSObject // nil for those that are new
	export *PendingExport
	refs   []ExportRef // up to maxTracedRefs not sent
}

func newTracer(tx Tx) *tracer {
	return &tracer{Tx: tx, cs: make(map[CSID]*tracedCS), mv: make(map[MVID]*MVObject), refs: make(map[MVRef]bool)}
}

func (t *tracer) touchCS(ids ...CSID) error {
	var fresh []CSID
	for _, id := range ids {
		if _, known := t.cs[id]; !known && id != 0 {
			t.cs[id] = &tracedCS{}
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	t.csOrder = append(t.csOrder, fresh...)
	objects, err := t.Tx.CS(fresh)
	if err != nil {
		return err
	}
	exports, err := t.PendingExport(fresh)
	if err != nil {
		return err
	}
	for i, id := range fresh {
		refs, err := t.ExportRefs(id, false, ExportRef{}, maxTracedRefs)
		if err != nil {
			return err
		}
		*t.cs[id] = tracedCS{objects[i], exports[i], refs}
	}
	return nil
}

func (t *tracer) touchMV(ids ...MVID) error {
	var fresh []MVID
	for _, id := range ids {
		if _, known := t.mv[id]; !known {
			t.mv[id] = nil
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	t.mvOrder = append(t.mvOrder, fresh...)
	objects, err := t.MV(fresh)
	for i, o := range objects {
		t.mv[fresh[i]] = o
	}
	return err
}

func (t *tracer) PutCS(objects []*CSObject) error {
	ids := make([]CSID, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	if err := t.touchCS(ids...); err != nil {
		return err
	}
	return t.Tx.PutCS(objects)
}

func (t *tracer) PutCSState(ids []CSID, state CSState) error {
	if err := t.touchCS(ids...); err != nil {
		return err
	}
	return t.Tx.PutCSState(ids, state)
}

func (t *tracer) DeleteCS(ids []CSID) error {
	if err := t.touchCS(ids...); err != nil {
		return err
	}
	return t.Tx.DeleteCS(ids)
}

func (t *tracer) SetLink(ids []CSID, links []Link) error {
	if err := t.touchCS(ids...); err != nil {
		return err
	}
	return t.Tx.SetLink(ids, links)
}

func (t *tracer) SetPendingImport(op ImportOp, ids []CSID) error {
	if err := t.touchCS(ids...); err != nil {
		return err
	}
	if op != ImportNone {
		t.woken = append(t.woken, ids...)
	}
	return t.Tx.SetPendingImport(op, ids)
}

func (t *tracer) PutPendingExport(exports []*PendingExport) error {
	ids := make([]CSID, len(exports))
	for i, p := range exports {
		ids[i] = p.CS
	}
	if err := t.touchCS(ids...); err != nil {
		return err
	}
	return t.Tx.PutPendingExport(exports)
}

func (t *tracer) SetExportOp(ids []CSID, op connector.ChangeOp, references bool) error {
	if err := t.touchCS(ids...); err != nil {
		return err
	}
	return t.Tx.SetExportOp(ids, op, references)
}

func (t *tracer) DeletePendingExport(ids []CSID) error {
	if err := t.touchCS(ids...); err != nil {
		return err
	}
	return t.Tx.DeletePendingExport(ids)
}

func (t *tracer) PutExportRefs(refs []ExportRef) error {
	for _, r := range refs {
		if err := t.touchCS(r.Source); err != nil {
			return err
		}
	}
	return t.Tx.PutExportRefs(refs)
}

func (t *tracer) DeleteExportRefs(refs []CSRef) error {
	for _, r := range refs {
		if err := t.touchCS(r.Source); err != nil {
			return err
		}
	}
	return t.Tx.DeleteExportRefs(refs)
}

func (t *tracer) PutMV(objects []*MVObject) error {
	ids := make([]MVID, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	if err := t.touchMV(ids...); err != nil {
		return err
	}
	return t.Tx.PutMV(objects)
}

func (t *tracer) DeleteMV(ids []MVID) error {
	if err := t.touchMV(ids...); err != nil {
		return err
	}
	return t.Tx.DeleteMV(ids)
}

func (t *tracer) AddMVRefs(refs []MVRef) error {
	t.noteRefs(refs, true)
	return t.Tx.AddMVRefs(refs)
}

func (t *tracer) DeleteMVRefs(refs []MVRef) error {
	t.noteRefs(refs, false)
	return t.Tx.DeleteMVRefs(refs)
}

func (t *tracer) noteRefs(refs []MVRef, added bool) {
	for _, r := range refs {
		if _, known := t.refs[r]; !known {
			t.order = append(t.order, r)
		}
		t.refs[r] = added
	}
}

var _ Tx = (*tracer)(nil)
