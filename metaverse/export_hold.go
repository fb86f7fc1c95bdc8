package metaverse

import (
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// waiting reports for each object to be created whether it has to wait: its identity still
// has to be given the source anchor in another directory. See [Options.AnchorAttribute].
func (x *exporting) waiting(tx Tx, objects []*CSObject) ([]bool, error) {
	out := make([]bool, len(objects))
	if x.r.e.opts.AnchorAttribute == "" {
		return out, nil
	}
	mvs := make([]MVID, len(objects))
	for i, o := range objects {
		if o != nil {
			mvs[i] = o.Link.MV
		}
	}
	linked, err := tx.LinkedCS(mvs)
	if err != nil {
		return nil, err
	}
	pending, err := tx.PendingExport(slices.Concat(linked...))
	if err != nil {
		return nil, err
	}
	for i := range objects {
		for _, p := range pending[:len(linked[i])] {
			if p != nil && (objects[i] == nil || p.CS != objects[i].ID) && x.writesAnchor(p) {
				out[i] = true
			}
		}
		pending = pending[len(linked[i]):]
	}
	return out, nil
}

// writesAnchor reports whether a pending export has a source anchor yet to be taken by its
// directory.
func (x *exporting) writesAnchor(p *PendingExport) bool {
	return p.Op == connector.OpUpdate && slices.ContainsFunc(p.Pending, func(m attr.Mod) bool {
		return attr.EqualName(m.Name, x.r.e.opts.AnchorAttribute) && len(m.Adds) > 0
	})
}

// noteWaiting says how many objects wait.
func (x *exporting) noteWaiting() {
	if n := len(x.waits); n > 0 {
		x.r.note("%d objects are not created yet: their source anchor has not been written to %s", n, x.r.e.opts.AnchorAttribute)
	}
}
