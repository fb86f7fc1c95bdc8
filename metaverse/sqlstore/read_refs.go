package sqlstore

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// A ref is a reference of either sort.
type ref struct {
	src       int64
	attribute string
	dst       int64
}

func fromCSRef(r metaverse.CSRef) ref { return ref{int64(r.Source), r.Attribute, int64(r.Target)} }
func fromMVRef(r metaverse.MVRef) ref { return ref{int64(r.Source), r.Attribute, int64(r.Target)} }

func convert[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func (r *reader) CSRefs(source metaverse.CSID, attribute string, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	return refPageOf[metaverse.CSID](r, &r.refs.cs, int64(source), attribute, int64(after), limit)
}

func (r *reader) MVRefs(source metaverse.MVID, attribute string, after metaverse.MVID, limit int) ([]metaverse.MVID, error) {
	return refPageOf[metaverse.MVID](r, &r.refs.mv, int64(source), attribute, int64(after), limit)
}

func refPageOf[T ~int64](r *reader, t *refTable, source int64, attribute string, after int64, limit int) ([]T, error) {
	a, ok := r.dict.foldedAttribute(attribute)
	switch {
	case !ok:
		return nil, r.ready()
	case limit <= 0:
		return queryIDs[T](r, t.all, source, a, after)
	default:
		return queryIDs[T](r, t.page, source, a, after, int64(limit))
	}
}

func (r *reader) CountCSRefs(source metaverse.CSID, attribute string) (int64, error) {
	return r.countRefs(&r.refs.cs, int64(source), attribute)
}

func (r *reader) CountMVRefs(source metaverse.MVID, attribute string) (int64, error) {
	return r.countRefs(&r.refs.mv, int64(source), attribute)
}

// countRefs counts entries of the index: about 45 ns each, 11 ms for a group of 250,000
// members. Keeping a count would cost more with each reference written.
func (r *reader) countRefs(t *refTable, source int64, attribute string) (int64, error) {
	a, ok := r.dict.foldedAttribute(attribute)
	if !ok {
		return 0, r.ready()
	}
	return r.queryInt(t.count, source, a)
}

func (r *reader) CSRefNames(source metaverse.CSID) ([]string, error) {
	ids, err := r.skipScan(r.refs.cs.nextName, int64(source))
	if err != nil {
		return nil, err
	}
	return r.attributeNames(ids)
}

// skipScan returns the attributes of a source, jumping from one to the next in the index.
func (r *reader) skipScan(q string, args ...any) ([]int64, error) {
	var out []int64
	for last := int64(0); ; {
		next, err := r.queryInt(q, append(slices.Clip(args), last)...)
		if err != nil || next == 0 {
			return out, err
		}
		out, last = append(out, next), next
	}
}

// attributeNames returns the names of attributes, in name order.
func (r *reader) attributeNames(ids []int64) ([]string, error) {
	var out []string
	for _, id := range ids {
		name, ok := r.dict.name(nameAttribute, id)
		if !ok {
			return nil, corrupt("name", id, errBadName)
		}
		out = append(out, name)
	}
	slices.SortFunc(out, attr.CompareNames)
	return out, nil
}

func (r *reader) HasCSRefs(refs []metaverse.CSRef) ([]bool, error) {
	return r.hasRefs(&r.refs.cs, convert(refs, fromCSRef))
}

func (r *reader) HasMVRefs(refs []metaverse.MVRef) ([]bool, error) {
	return r.hasRefs(&r.refs.mv, convert(refs, fromMVRef))
}

func (r *reader) hasRefs(t *refTable, refs []ref) ([]bool, error) {
	out := make([]bool, len(refs))
	err := r.lookup(t.has, len(refs), 4, r.refArgs(refs), func(rows row) error {
		var i int64
		err := rows.Scan(&i)
		if err == nil {
			out[i] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// refArgs are the arguments of look-ups by reference. Attribute 0 finds nothing.
func (r *reader) refArgs(refs []ref) func(args []any, i int) []any {
	return func(args []any, i int) []any {
		a, _ := r.dict.foldedAttribute(refs[i].attribute)
		return append(args, int64(i), refs[i].src, a, refs[i].dst)
	}
}

func (r *reader) ReferredTo(targets []metaverse.CSID) ([]bool, error) {
	out := make([]bool, len(targets))
	if len(targets) == 0 {
		return out, r.ready()
	}
	ids, err := queryIDs[metaverse.CSID](r, sqlReferredTo, idList(targets))
	if err != nil {
		return nil, err
	}
	found := make(map[metaverse.CSID]bool, len(ids))
	for _, id := range ids {
		found[id] = true
	}
	for i, id := range targets {
		out[i] = found[id]
	}
	return out, nil
}

// CSRefsFrom reads what the objects have of all attributes, as long as that is not too much:
// rules ask for many attributes, of which most objects have one or none.
func (r *reader) CSRefsFrom(sources []metaverse.CSRefAttribute, linked bool, limit int) ([]metaverse.CSRef, error) {
	ofAll, ofOne := sqlCSRefsOf, sqlCSRefsFrom
	if linked {
		ofAll, ofOne = sqlLinkedOf, sqlLinkedFrom
	}
	if whole, rest := wholeObjects(sources); len(whole) > 0 {
		out, err := r.csRefs(nil, ofAll, whole.distinct(), int64(limit))
		if err != nil || len(out) == limit || len(rest) == 0 {
			return out, err
		}
		more, err := r.CSRefsFrom(rest, linked, limit-len(out))
		return append(out, more...), err
	}
	var ids list
	one := true // all ask for the same attribute
	for i := range sources {
		if i == 0 || sources[i].Source != sources[i-1].Source { // an object asks for many attributes
			ids = append(ids, int64(sources[i].Source))
		}
		one = one && attr.EqualName(sources[i].Attribute, sources[0].Attribute)
	}
	if len(ids) == 0 {
		return nil, r.ready()
	}
	if !one {
		all, err := r.csRefs(nil, ofAll, ids.distinct(), int64(limit))
		if err != nil {
			return nil, err
		}
		if len(all) < limit {
			return asked(all, sources), nil
		}
	}
	byAttribute := make(map[int64]list)
	for _, s := range sources {
		if a, ok := r.dict.foldedAttribute(s.Attribute); ok {
			byAttribute[a] = append(byAttribute[a], int64(s.Source))
		}
	}
	var out []metaverse.CSRef
	for _, a := range slices.Sorted(maps.Keys(byAttribute)) {
		var err error
		if out, err = r.csRefs(out, ofOne, byAttribute[a].distinct(), a, int64(limit-len(out))); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// wholeObjects returns the objects of which all attributes are meant, and the attributes of others.
func wholeObjects(sources []metaverse.CSRefAttribute) (whole list, rest []metaverse.CSRefAttribute) {
	for _, s := range sources {
		if s.Attribute == "" {
			whole = append(whole, int64(s.Source))
		}
	}
	if len(whole) == 0 || len(whole) == len(sources) {
		return whole, nil
	}
	whole = whole.distinct()
	for _, s := range sources {
		if _, is := slices.BinarySearch(whole, int64(s.Source)); !is {
			rest = append(rest, s)
		}
	}
	return whole, rest
}

// asked returns the references that are values of the attributes.
func asked(refs []metaverse.CSRef, sources []metaverse.CSRefAttribute) []metaverse.CSRef {
	slices.SortFunc(refs, func(a, b metaverse.CSRef) int { return cmp.Compare(a.Source, b.Source) })
	want := make([]bool, len(refs))
	for _, s := range sources {
		i, _ := slices.BinarySearchFunc(refs, s.Source, func(r metaverse.CSRef, id metaverse.CSID) int { return cmp.Compare(r.Source, id) })
		for ; i < len(refs) && refs[i].Source == s.Source; i++ {
			want[i] = want[i] || attr.EqualName(refs[i].Attribute, s.Attribute)
		}
	}
	out := refs[:0]
	for i, ref := range refs {
		if want[i] {
			out = append(out, ref)
		}
	}
	return out
}

func (r *reader) CSRefsTo(targets []metaverse.CSID, limit int) ([]metaverse.CSRef, error) {
	if len(targets) == 0 {
		return nil, r.ready()
	}
	return r.csRefs(nil, sqlLinkedTo, idList(targets).distinct(), int64(limit))
}

func (r *reader) csRefs(out []metaverse.CSRef, q string, args ...any) ([]metaverse.CSRef, error) {
	err := r.query(q, func(rows row) error {
		var ref metaverse.CSRef
		var a int64
		if err := rows.Scan(&ref.Source, &a, &ref.Target); err != nil {
			return err
		}
		err := r.named("cs_ref", int64(ref.Source), namedColumn{&ref.Attribute, nameAttribute, a})
		out = append(out, ref)
		return err
	}, args...)
	return out, err
}

func (r *reader) Referrers(target, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	return queryIDs[metaverse.CSID](r, sqlReferrers, int64(target), int64(after), int64(limit))
}

func (r *reader) RefWork(limit int) ([]metaverse.RefWork, error) {
	if limit <= 0 {
		return nil, r.ready()
	}
	var out []metaverse.RefWork
	err := r.query(sqlRefWork, func(rows row) error {
		var w metaverse.RefWork
		var a int64
		if err := rows.Scan(&w.Kind, &w.Source, &a, &w.Target); err != nil {
			return err
		}
		err := r.named("ref_work", w.Source, namedColumn{&w.Attribute, nameAttribute, a})
		out = append(out, w)
		return err
	}, int64(limit))
	if err != nil {
		return nil, err
	}
	return out, nil
}
