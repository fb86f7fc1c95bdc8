package entra

import (
	"bytes"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A page is one answer of a list or delta query.
type page struct {
	entries     []entry
	next, delta string // links, as they came
}

// page reads the text of an answer. Objects without a usable id make the whole page
// unusable: to leave them out would be to lose them.
func (d *decoder) page(text []byte) (page, error) {
	s, err := newScanner(text)
	if err != nil {
		return page{}, err
	}
	var p page
	hasValue := false
	err = s.object(func(name []byte) error {
		switch string(name) {
		case "@odata.nextLink":
			p.next, err = s.str()
			return err
		case "@odata.deltaLink":
			p.delta, err = s.str()
			return err
		case "value":
			hasValue = true
			return s.array(func() error {
				e, err := d.entry(s)
				p.entries = append(p.entries, e)
				return err
			})
		}
		return s.skip()
	})
	if err == nil && !hasValue {
		err = errJSON
	}
	return p, err
}

// readRefList reads the text of a list of directory objects, such as members.
func readRefList(text []byte) (refs []ref, next string, err error) {
	s, err := newScanner(text)
	if err != nil {
		return nil, "", err
	}
	err = s.object(func(name []byte) error {
		switch string(name) {
		case "@odata.nextLink":
			next, err = s.str()
			return err
		case "value":
			return s.array(func() error {
				r, _, err := readRef(s)
				refs = append(refs, r)
				return err
			})
		}
		return s.skip()
	})
	return refs, next, err
}

// mergeEntries makes one entry of those that concern the same object, in the place of the
// first. Delta queries repeat objects: changes made meanwhile, and parts of large groups.
func mergeEntries(entries []entry) []entry {
	at := make(map[guid]int, len(entries))
	out := entries[:0]
	for i := range entries {
		j, seen := at[entries[i].id]
		if !seen {
			at[entries[i].id] = len(out)
			out = append(out, entries[i])
			continue
		}
		out[j].merge(&entries[i])
	}
	return out
}

// merge adds a later entry of the same object.
func (e *entry) merge(later *entry) {
	if later.removed != "" || e.removed != "" {
		*e = *later
		return
	}
	for _, f := range later.fields {
		if i := slices.IndexFunc(e.fields, func(have field) bool { return have.m == f.m }); i >= 0 {
			e.fields[i] = f
		} else {
			e.fields = append(e.fields, f)
		}
	}
	for _, r := range later.refs {
		if i := slices.IndexFunc(e.refs, func(have refChange) bool { return have.m == r.m }); i >= 0 {
			e.refs[i].merge(r)
		} else {
			e.refs = append(e.refs, r)
		}
	}
	if later.anchor != absent {
		e.anchor, e.sourceAnchor = later.anchor, later.sourceAnchor
	}
	if later.synced != absent {
		e.synced, e.isSynced = later.synced, later.isSynced
	}
	if later.created != 0 {
		e.created = later.created
	}
	if later.err != nil {
		e.err = later.err
	}
}

// merge adds a later change of the same relationship.
func (r *refChange) merge(later refChange) {
	if !r.m.MultiValued {
		*r = later
		return
	}
	if len(r.deletes)+len(later.deletes) == 0 {
		r.adds = append(r.adds, later.adds...)
		return
	}
	last := make(map[guid]bool, len(later.adds)+len(later.deletes))
	for _, d := range later.deletes {
		last[d.id] = true
	}
	for _, a := range later.adds {
		last[a.id] = true
	}
	settled := func(have ref) bool { return last[have.id] }
	r.adds = append(slices.DeleteFunc(r.adds, settled), later.adds...)
	r.deletes = append(slices.DeleteFunc(r.deletes, settled), later.deletes...)
}

// uniqueRefs sorts references and drops repeated ones.
func uniqueRefs(refs []ref) []ref {
	slices.SortFunc(refs, func(a, b ref) int {
		if c := bytes.Compare(a.id[:], b.id[:]); c != 0 {
			return c
		}
		return int(a.kind) - int(b.kind)
	})
	return slices.Compact(refs)
}

func sortMods(mods []attr.Mod) {
	slices.SortFunc(mods, func(a, b attr.Mod) int { return attr.CompareNames(a.Name, b.Name) })
}
