package metaverse

import (
	"slices"
	"strconv"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// maxRefsPerChange bounds the reference values that one change carries.
const maxRefsPerChange = 1000

// build makes the change of a pending export. It reports false when there is nothing that
// can be sent now.
func (x *exporting) build(tx Tx, j *job) (bool, error) {
	p, o := j.export, j.cs
	j.change = x.changeFor(j)
	if p.Op == connector.OpDelete {
		return true, nil
	}
	j.change.Mods = slices.Clone(p.Pending)
	for _, m := range p.Pending {
		if m.Replace {
			j.change.Expected.Put(m.Name, o.Image.Values(m.Name)...)
		}
	}
	if p.Op == connector.OpAdd {
		return true, nil // references follow as an update
	}
	if p.References {
		if err := x.addRefs(tx, j); err != nil {
			return false, err
		}
	}
	if len(j.change.Mods) > 0 || j.change.NewDN != "" {
		return true, nil
	}
	return false, x.nothingLeft(tx, p)
}

// changeFor returns the change of a job without its modifications.
func (x *exporting) changeFor(j *job) connector.Change {
	return connector.Change{
		ID: strconv.FormatInt(int64(j.cs.ID), 10), Op: j.export.Op, Class: j.cs.Class, Key: j.cs.Key(), NewDN: j.export.NewDN,
	}
}

// nothingLeft takes a pending export out of the queue when its references turned out not
// to be needed any more.
func (x *exporting) nothingLeft(tx Tx, p *PendingExport) error {
	unsent, err := tx.ExportRefs(p.CS, false, ExportRef{}, 1)
	if err != nil || len(unsent) > 0 {
		return err // they wait for objects that the directory does not have yet
	}
	p.Op, p.References = 0, false
	empty, err := exportDone(tx, p)
	if err != nil {
		return err
	}
	if empty {
		return putExports(tx, nil, []CSID{p.CS})
	}
	return putExports(tx, []*PendingExport{p}, nil)
}

// addRefs adds the next piece of the object's pending references to its change. Those to
// objects that the directory does not know yet stay behind.
func (x *exporting) addRefs(tx Tx, j *job) error {
	var after ExportRef
	mods := make(map[string]*attr.Mod)
	for len(j.refs) < maxRefsPerChange {
		page, err := tx.ExportRefs(j.cs.ID, false, after, maxRefsPerChange-len(j.refs))
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return x.finishRefs(j, mods)
		}
		after = page[len(page)-1]
		if err := x.refMods(tx, j, page, mods); err != nil {
			return err
		}
	}
	j.more = true
	return x.finishRefs(j, mods)
}

func (x *exporting) refMods(tx Tx, j *job, page []ExportRef, mods map[string]*attr.Mod) error {
	ids := make([]CSID, len(page))
	for i, ref := range page {
		ids[i] = ref.Target
	}
	targets, err := tx.CS(ids)
	if err != nil {
		return err
	}
	var stale []CSRef
	for i, ref := range page {
		if !ref.Delete && (targets[i] == nil || targets[i].Link.MV == 0) {
			// The target has lost its link since; nothing vouches for the value any more.
			stale = append(stale, CSRef{ref.Source, ref.Attribute, ref.Target})
			continue
		}
		text, ok := x.refText(targets[i])
		if !ok {
			continue
		}
		m := mods[ref.Attribute]
		if m == nil {
			m = &attr.Mod{Name: ref.Attribute}
			mods[ref.Attribute] = m
		}
		if ref.Delete {
			m.Deletes = append(m.Deletes, attr.Reference(text))
		} else {
			m.Adds = append(m.Adds, attr.Reference(text))
		}
		j.refs = append(j.refs, ref)
	}
	return tx.DeleteExportRefs(stale)
}

// refText returns the text by which the directory knows an object, if it does.
func (x *exporting) refText(o *CSObject) (string, bool) {
	if o == nil || o.Anchor.IsZero() && !o.Imported {
		return "", false
	}
	if x.r.t.caps.References == connector.ReferenceByAnchor {
		return o.Anchor.Text(), !o.Anchor.IsZero()
	}
	return o.DN, true
}

func (x *exporting) finishRefs(j *job, mods map[string]*attr.Mod) error {
	names := make([]string, 0, len(mods))
	for name := range mods {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		m := *mods[name]
		if !x.r.t.schema.multiValued(name) {
			m = attr.Mod{Name: name, Replace: true, Adds: m.Adds}
		}
		j.change.Mods = append(j.change.Mods, m)
	}
	slices.SortStableFunc(j.change.Mods, func(a, b attr.Mod) int { return attr.CompareNames(a.Name, b.Name) })
	return nil
}
