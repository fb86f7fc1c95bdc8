package sqlstore

import (
	"maps"
	"slices"

	"github.com/hybridsync/hybridsync/metaverse"
)

func (t *tx) AddCSRefs(refs []metaverse.CSRef) error {
	return t.addRefs(&t.refs.cs, convert(refs, fromCSRef))
}

func (t *tx) AddMVRefs(refs []metaverse.MVRef) error {
	return t.addRefs(&t.refs.mv, convert(refs, fromMVRef))
}

func (t *tx) DeleteCSRefs(refs []metaverse.CSRef) error {
	return t.deleteRefs(t.refs.cs.remove, convert(refs, fromCSRef))
}

func (t *tx) DeleteMVRefs(refs []metaverse.MVRef) error {
	return t.deleteRefs(t.refs.mv.remove, convert(refs, fromMVRef))
}

func (t *tx) addRefs(table *refTable, refs []ref) error {
	attributes, err := internAll(t, refs, func(r ref) string { return r.attribute })
	if err != nil {
		return err
	}
	return t.insert(table.add, len(refs), 3, func(args []any, i int) []any {
		return append(args, refs[i].src, attributes[i], refs[i].dst)
	})
}

// internAll returns the attribute numbers of entries.
func internAll[E any](t *tx, entries []E, attribute func(E) string) ([]int64, error) {
	out := make([]int64, len(entries))
	for i, e := range entries {
		a, err := t.internFolded(attribute(e))
		if err != nil {
			return nil, err
		}
		if a == 0 {
			return nil, t.fail(errNoName)
		}
		out[i] = a
	}
	return out, t.ready()
}

func (t *tx) deleteRefs(q string, refs []ref) error {
	return t.insert(q, len(refs), 3, func(args []any, i int) []any {
		a, _ := t.dict.foldedAttribute(refs[i].attribute) // 0 finds nothing
		return append(args, refs[i].src, a, refs[i].dst)
	})
}

func (t *tx) MoveCSRefsTo(from, to metaverse.CSID) error {
	if from == to {
		return t.ready()
	}
	if err := t.write(sqlCopyRefsTo, int64(to), int64(from)); err != nil {
		return err
	}
	return t.execAll(idList([]metaverse.CSID{from}), t.refs.cs.deleteTo)
}

func (t *tx) QueueRefWork(work []metaverse.RefWork) error {
	attributes, err := internAll(t, work, func(w metaverse.RefWork) string { return w.Attribute })
	if err != nil {
		return err
	}
	return t.insert(sqlAddRefWork, len(work), 4, func(args []any, i int) []any {
		return append(args, int64(work[i].Kind), work[i].Source, attributes[i], work[i].Target)
	})
}

func (t *tx) DeleteRefWork(work []metaverse.RefWork) error {
	return t.insert(sqlDeleteRefWork, len(work), 4, func(args []any, i int) []any {
		a, _ := t.dict.foldedAttribute(work[i].Attribute) // 0 finds nothing
		return append(args, int64(work[i].Kind), work[i].Source, a, work[i].Target)
	})
}

func (t *tx) QueueCSRefsFrom(sources []metaverse.CSRefAttribute) error {
	return t.queueFrom(&t.refs.cs, convert(sources, func(r metaverse.CSRefAttribute) ref { return ref{src: int64(r.Source), attribute: r.Attribute} }))
}

func (t *tx) QueueMVRefsFrom(sources []metaverse.MVRefAttribute) error {
	return t.queueFrom(&t.refs.mv, convert(sources, func(r metaverse.MVRefAttribute) ref { return ref{src: int64(r.Source), attribute: r.Attribute} }))
}

// queueFrom takes one statement for each attribute, of which there are few.
func (t *tx) queueFrom(table *refTable, sources []ref) error {
	byAttribute := make(map[int64][]int64)
	for _, s := range sources {
		a, ok := t.dict.foldedAttribute(s.attribute)
		if s.attribute == "" {
			a, ok = 0, true
		}
		if ok {
			byAttribute[a] = append(byAttribute[a], s.src)
		}
	}
	for _, a := range slices.Sorted(maps.Keys(byAttribute)) {
		var err error
		if a == 0 {
			err = t.write(table.workFrom, table.kind, idList(byAttribute[a]))
		} else {
			err = t.write(table.workFromAttribute, table.kind, idList(byAttribute[a]), a)
		}
		if err != nil {
			return err
		}
	}
	return t.ready()
}

func (t *tx) QueueCSRefsTo(targets []metaverse.CSID) error {
	return queueTo(t, &t.refs.cs, targets)
}

func (t *tx) QueueMVRefsTo(targets []metaverse.MVID) error {
	return queueTo(t, &t.refs.mv, targets)
}

func queueTo[T ~int64](t *tx, table *refTable, targets []T) error {
	if len(targets) == 0 {
		return t.ready()
	}
	return t.write(table.workTo, table.kind, idList(targets))
}
