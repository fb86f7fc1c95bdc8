package metaversetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// The names of the model test are few, so that operations meet each other.
func modelConnectors() []string { return []string{"ad", "entra", "none"} }
func modelNames() []string      { return []string{"a", "b", "c", "d", "e", "f"} }
func modelAttributes() []string { return []string{"member", "manager", "MANAGER"} }

func modelAnchors() (out []connector.Anchor) {
	for _, name := range modelNames() {
		out = append(out, connector.TextAnchor(name))
	}
	return out
}

func modelValues() (out []metaverse.ValueKey) {
	for _, key := range []string{"", "s1", "s2", "b\x00\xff"} {
		out = append(out, metaverse.ValueKey{Attribute: "mail", Key: key}, metaverse.ValueKey{Attribute: "sid", Key: key})
	}
	return out
}

// A modelOperation does the same to the store and to the model and returns both errors.
type modelOperation struct {
	name string
	run  func(m *machine, store metaverse.Tx, model *memTx) (got, want error)
}

// both is an operation that needs nothing but its arguments, drawn once.
func both[A any](name string, draw func(m *machine) A, do func(tx metaverse.Tx, a A) error) modelOperation {
	return modelOperation{name, func(m *machine, store metaverse.Tx, model *memTx) (got, want error) {
		a := draw(m)
		return do(store, a), do(model, a)
	}}
}

func drawFrom[T any](m *machine, from []T) T { return rapid.SampledFrom(from).Draw(m.t, "sample") }

func drawSome[T any](m *machine, one func(*machine) T) []T {
	out := make([]T, rapid.IntRange(0, 4).Draw(m.t, "how many"))
	for i := range out {
		out[i] = one(m)
	}
	return out
}

func drawCS(m *machine) metaverse.CSID {
	if len(m.cs) == 0 {
		return 1
	}
	return drawFrom(m, m.cs)
}

func drawMV(m *machine) metaverse.MVID {
	if len(m.mv) == 0 {
		return 1
	}
	return drawFrom(m, m.mv)
}

func drawObjects(m *machine) []metaverse.CSID { return drawSome(m, drawCS) }
func drawPeople(m *machine) []metaverse.MVID  { return drawSome(m, drawMV) }
func drawConnector(m *machine) string         { return drawFrom(m, modelConnectors()[:2]) }
func drawAttribute(m *machine) string         { return drawFrom(m, modelAttributes()[:2]) }
func drawBool(m *machine) bool                { return rapid.Bool().Draw(m.t, "bool") }
func drawKey(m *machine) metaverse.ValueKey   { return drawFrom(m, modelValues()) }
func drawTime(m *machine) time.Time {
	return time.Unix(int64(rapid.IntRange(1, 9).Draw(m.t, "time")), 0).UTC()
}
func drawCSRef(m *machine) metaverse.CSRef {
	return metaverse.CSRef{Source: drawCS(m), Attribute: drawAttribute(m), Target: drawCS(m)}
}
func drawMVRef(m *machine) metaverse.MVRef {
	return metaverse.MVRef{Source: drawMV(m), Attribute: drawAttribute(m), Target: drawMV(m)}
}
func drawCSRefs(m *machine) []metaverse.CSRef { return drawSome(m, drawCSRef) }
func drawMVRefs(m *machine) []metaverse.MVRef { return drawSome(m, drawMVRef) }

func drawSet(m *machine) (set attr.Set) {
	for range rapid.IntRange(0, 3).Draw(m.t, "attributes") {
		set.Put(drawFrom(m, []string{"mail", "displayName", "x"}), drawSome(m, drawValue)...)
	}
	return set
}

func drawValue(m *machine) attr.Value {
	return drawFrom(m, []attr.Value{
		attr.String(""), attr.String("1"), attr.Int(-1), attr.Int(1), attr.Bool(true), attr.BinaryString("\x00"), attr.Reference("1"),
	})
}

func drawMod(m *machine) attr.Mod {
	return attr.Mod{Name: drawFrom(m, []string{"mail", "x"}), Replace: drawBool(m), Adds: drawSome(m, drawValue), Deletes: drawSome(m, drawValue)}
}

func drawObject(m *machine, id metaverse.CSID, conn string) *metaverse.CSObject {
	name := drawFrom(m, modelNames())
	o := &metaverse.CSObject{
		ID: id, Connector: conn, Class: drawFrom(m, []string{"", "user", "group"}), DN: name, DNKey: name,
		Partition: drawFrom(m, []string{"", "DC=x"}), State: metaverse.CSState(rapid.IntRange(0, 4).Draw(m.t, "state")),
		Imported: drawBool(m), Image: drawSet(m),
	}
	if drawBool(m) {
		o.Anchor = connector.TextAnchor(drawFrom(m, modelNames()))
	}
	return o
}

func drawWork(m *machine) metaverse.RefWork {
	if drawBool(m) {
		return metaverse.RefWork{Kind: metaverse.WorkCS, Source: int64(drawCS(m)), Attribute: drawAttribute(m), Target: int64(drawCS(m))}
	}
	return metaverse.RefWork{Kind: metaverse.WorkMV, Source: int64(drawMV(m)), Attribute: drawAttribute(m), Target: int64(drawMV(m))}
}

func drawError(m *machine) metaverse.ObjectError {
	e := metaverse.ObjectError{
		Connector: drawConnector(m), Step: drawFrom(m, []string{"import", "sync"}), Code: drawFrom(m, []string{"x", "y"}),
		Attribute: drawFrom(m, []string{"", "mail"}), Message: drawFrom(m, modelNames()), First: drawTime(m), Last: drawTime(m), Count: 1,
	}
	if o := drawLive(m); o != nil && drawBool(m) {
		e.CS, e.Connector = o.ID, o.Connector
	} else {
		e.Object = connector.Key{DN: drawFrom(m, modelNames())}
	}
	return e
}

// drawLive draws an object that exists, nil where none does: errors and exports of objects
// that do not are outside the contract.
func drawLive(m *machine) *metaverse.CSObject {
	ids := slices.Sorted(maps.Keys(m.live.s.cs))
	if len(ids) == 0 {
		return nil
	}
	return m.live.s.cs[drawFrom(m, ids)]
}

func drawExports(m *machine) (out []*metaverse.PendingExport) {
	for range rapid.IntRange(0, 3).Draw(m.t, "exports") {
		if o := drawLive(m); o != nil {
			out = append(out, drawExport(m, o))
		}
	}
	return out
}

func drawExport(m *machine, o *metaverse.CSObject) *metaverse.PendingExport {
	return &metaverse.PendingExport{
		CS: o.ID, Connector: o.Connector, Op: connector.ChangeOp(rapid.IntRange(0, 3).Draw(m.t, "op")),
		NewDN: drawFrom(m, []string{"", "b"}), Pending: drawSome(m, drawMod), Sent: drawSome(m, drawMod), DeleteSent: drawBool(m),
		Unknown: drawBool(m), References: drawBool(m), NotBefore: drawFrom(m, []time.Time{{}, time.Unix(5, 7).UTC()}), Attempts: 2,
	}
}

func drawExportRef(m *machine) metaverse.ExportRef {
	return metaverse.ExportRef{Source: drawCS(m), Attribute: drawAttribute(m), Target: drawCS(m), Delete: drawBool(m), Sent: drawBool(m)}
}

func drawLink(m *machine) metaverse.Link {
	l := metaverse.Link{MV: drawMV(m), Kind: metaverse.LinkKind(rapid.IntRange(1, 4).Draw(m.t, "kind")), Rule: drawFrom(m, modelNames()), Sticky: drawBool(m)}
	if drawBool(m) {
		l.Outbound = []metaverse.ReferenceFlow{{Target: "members", Source: "member", Rule: "r"}}
	}
	if rapid.IntRange(0, 3).Draw(m.t, "unlink") == 0 {
		l = metaverse.Link{}
	}
	return l
}

// newObjects reserves ids and puts objects under them. The model takes the ids that the store
// hands out: the contract does not say which.
func newObjects(m *machine, store metaverse.Tx, model *memTx) (got, want error) {
	n := rapid.IntRange(1, 3).Draw(m.t, "objects")
	first, got := store.NewCS(n)
	if got != nil {
		return got, nil
	}
	if first < model.s.nextCS {
		return fmt.Errorf("id %d was handed out before", first), nil
	}
	model.s.nextCS = first + metaverse.CSID(n)
	conn := drawConnector(m)
	var objects []*metaverse.CSObject
	for i := range n {
		m.cs = append(slices.Clip(m.cs), first+metaverse.CSID(i))
		objects = append(objects, drawObject(m, first+metaverse.CSID(i), conn))
	}
	return settled(store, store.PutCS(objects)), model.PutCS(objects)
}

// changeObjects puts objects that exist in another form; they often trade names.
func changeObjects(m *machine, store metaverse.Tx, model *memTx) (got, want error) {
	var objects []*metaverse.CSObject
	used := make(map[metaverse.CSID]bool)
	for _, id := range drawObjects(m) {
		if old := model.s.cs[id]; old != nil && !used[id] {
			used[id] = true
			objects = append(objects, drawObject(m, id, old.Connector))
		}
	}
	return settled(store, store.PutCS(objects)), model.PutCS(objects)
}

func newMVs(m *machine, store metaverse.Tx, model *memTx) (got, want error) {
	n := rapid.IntRange(1, 3).Draw(m.t, "objects")
	first, got := store.NewMV(n)
	if got != nil {
		return got, nil
	}
	if first < model.s.nextMV {
		return fmt.Errorf("id %d was handed out before", first), nil
	}
	model.s.nextMV = first + metaverse.MVID(n)
	var objects []*metaverse.MVObject
	for i := range n {
		m.mv = append(slices.Clip(m.mv), first+metaverse.MVID(i))
		objects = append(objects, &metaverse.MVObject{ID: first + metaverse.MVID(i), Class: drawFrom(m, []string{"person", "group"}), Attributes: drawSet(m), Origins: drawSome(m, drawOrigin)})
	}
	return store.PutMV(objects), model.PutMV(objects)
}

func drawOrigin(m *machine) metaverse.Origin {
	return metaverse.Origin{Attribute: drawAttribute(m), Rule: drawFrom(m, modelNames()), CS: drawCS(m), Source: drawFrom(m, []string{"", "member"})}
}

func putRun(m *machine, store metaverse.Tx, model *memTx) (got, want error) {
	r := metaverse.RunRecord{Connector: drawConnector(m), Step: metaverse.Export, Started: drawTime(m), Notes: drawSome(m, drawConnector)}
	if drawBool(m) {
		r.Ended = drawTime(m)
	}
	if r.ID, got = store.PutRun(&r); got != nil {
		return got, nil
	}
	if r.ID < model.s.nextRun {
		return fmt.Errorf("id %d was handed out before", r.ID), nil
	}
	_, want = model.PutRun(&r)
	return nil, want
}

func modelOperations() []modelOperation {
	type csState struct {
		ids   []metaverse.CSID
		state metaverse.CSState
		op    metaverse.ImportOp
		conn  string
	}
	drawState := func(m *machine) csState {
		return csState{drawObjects(m), metaverse.CSState(rapid.IntRange(0, 4).Draw(m.t, "state")), metaverse.ImportOp(rapid.IntRange(0, 4).Draw(m.t, "op")), drawConnector(m)}
	}
	type values struct {
		cs   []metaverse.CSID
		mv   []metaverse.MVID
		keys [][]metaverse.ValueKey
	}
	drawValues := func(m *machine) (v values) {
		for _, id := range drawObjects(m) {
			if slices.Contains(v.cs, id) {
				continue
			}
			v.cs, v.mv = append(v.cs, id), append(v.mv, metaverse.MVID(id))
			v.keys = append(v.keys, drawSome(m, drawKey))
		}
		return v
	}
	type source struct{ cs, to metaverse.CSID }
	drawSource := func(m *machine) source { return source{drawCS(m), drawCS(m)} }
	drawRefAttribute := func(m *machine) string { return drawFrom(m, append(modelAttributes(), "")) }
	drawCSRefAttributes := func(m *machine) []metaverse.CSRefAttribute {
		return drawSome(m, func(m *machine) metaverse.CSRefAttribute {
			return metaverse.CSRefAttribute{Source: drawCS(m), Attribute: drawRefAttribute(m)}
		})
	}
	drawMVRefAttributes := func(m *machine) []metaverse.MVRefAttribute {
		return drawSome(m, func(m *machine) metaverse.MVRefAttribute {
			return metaverse.MVRefAttribute{Source: drawMV(m), Attribute: drawRefAttribute(m)}
		})
	}
	type links struct {
		ids   []metaverse.CSID
		links []metaverse.Link
	}
	drawLinks := func(m *machine) (l links) {
		l.ids = drawObjects(m)
		for range l.ids {
			l.links = append(l.links, drawLink(m))
		}
		return l
	}
	type setting struct {
		key   string
		value []byte
	}
	drawSetting := func(m *machine) setting {
		return setting{drawFrom(m, modelNames()), drawFrom(m, [][]byte{nil, {}, []byte("x"), {0, 1}})}
	}
	return []modelOperation{
		{"new objects", newObjects}, {"new objects again", newObjects}, {"change objects", changeObjects}, {"new metaverse objects", newMVs}, {"put run", putRun},
		both("delete objects", drawObjects, metaverse.Tx.DeleteCS),
		both("delete metaverse objects", drawPeople, metaverse.Tx.DeleteMV),
		both("state", drawState, func(tx metaverse.Tx, a csState) error { return tx.PutCSState(a.ids, a.state) }),
		both("pending import", drawState, func(tx metaverse.Tx, a csState) error { return tx.SetPendingImport(a.op, a.ids) }),
		both("pending import all", drawState, func(tx metaverse.Tx, a csState) error {
			_, err := tx.SetPendingImportAll(a.conn)
			return err
		}),
		both("mark seen", drawState, func(tx metaverse.Tx, a csState) error { return tx.MarkSeen(a.conn, a.ids) }),
		both("clear seen", drawConnector, metaverse.Tx.ClearSeen),
		both("links", drawLinks, func(tx metaverse.Tx, a links) error { return tx.SetLink(a.ids, a.links) }),
		both("values", drawValues, func(tx metaverse.Tx, a values) error { return tx.SetCSValues(a.cs, a.keys) }),
		both("metaverse values", drawValues, func(tx metaverse.Tx, a values) error { return tx.SetMVValues(a.mv, a.keys) }),
		both("add references", drawCSRefs, metaverse.Tx.AddCSRefs),
		both("delete references", drawCSRefs, metaverse.Tx.DeleteCSRefs),
		both("move references", drawSource, func(tx metaverse.Tx, a source) error { return tx.MoveCSRefsTo(a.cs, a.to) }),
		both("add metaverse references", drawMVRefs, metaverse.Tx.AddMVRefs),
		both("delete metaverse references", drawMVRefs, metaverse.Tx.DeleteMVRefs),
		both("queue work", func(m *machine) []metaverse.RefWork { return drawSome(m, drawWork) }, metaverse.Tx.QueueRefWork),
		both("delete work", func(m *machine) []metaverse.RefWork { return drawSome(m, drawWork) }, metaverse.Tx.DeleteRefWork),
		both("queue from", drawCSRefAttributes, metaverse.Tx.QueueCSRefsFrom),
		both("queue metaverse from", drawMVRefAttributes, metaverse.Tx.QueueMVRefsFrom),
		both("queue to", drawObjects, metaverse.Tx.QueueCSRefsTo),
		both("queue metaverse to", drawPeople, metaverse.Tx.QueueMVRefsTo),
		both("pending exports", drawExports, metaverse.Tx.PutPendingExport),
		both("export operation", drawObjects, func(tx metaverse.Tx, ids []metaverse.CSID) error {
			return tx.SetExportOp(ids, connector.ChangeOp(len(ids)%4), len(ids)%2 == 0)
		}),
		both("delete exports", drawObjects, metaverse.Tx.DeletePendingExport),
		both("export references", func(m *machine) []metaverse.ExportRef { return drawSome(m, drawExportRef) }, metaverse.Tx.PutExportRefs),
		both("delete export references", drawCSRefs, metaverse.Tx.DeleteExportRefs),
		both("setting", drawSetting, func(tx metaverse.Tx, a setting) error { return tx.PutSetting(a.key, a.value) }),
		both("delete runs", drawTime, func(tx metaverse.Tx, before time.Time) error {
			_, err := tx.DeleteRuns(before)
			return err
		}),
		both("errors", func(m *machine) []metaverse.ObjectError { return drawSome(m, drawError) }, metaverse.Tx.PutObjectErrors),
		both("clear errors", drawObjects, func(tx metaverse.Tx, ids []metaverse.CSID) error { return tx.ClearObjectErrors("sync", ids) }),
		both("clear unknown errors", drawConnector, func(tx metaverse.Tx, conn string) error { return tx.ClearUnknownErrors(conn, "import") }),
	}
}
