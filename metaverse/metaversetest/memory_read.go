package metaversetest

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

type memReader struct {
	ctx    context.Context
	s      *state
	failed error // what makes an Update fail even if its function swallows it
}

func (r *memReader) ready() error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return r.failed
}

// page returns the ids above after that fit, in order; limit 0 means all where all is set.
func page[T cmp.Ordered](ids []T, after T, limit int, all bool) []T {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id T) bool { return id <= after })
	slices.Sort(ids)
	if limit <= 0 && all {
		limit = len(ids)
	}
	return slices.Clip(ids[:min(len(ids), max(limit, 0))])
}

func (r *memReader) csWhere(ok func(*metaverse.CSObject) bool) (out []metaverse.CSID) {
	for id, o := range r.s.cs {
		if ok(o) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (r *memReader) Connectors() ([]string, error) {
	names := make(map[string]bool)
	for _, o := range r.s.cs {
		names[o.Connector] = true
	}
	return slices.Sorted(maps.Keys(names)), r.ready()
}

func (r *memReader) CS(ids []metaverse.CSID) ([]*metaverse.CSObject, error) {
	out := make([]*metaverse.CSObject, len(ids))
	for i, id := range ids {
		if o := r.s.cs[id]; o != nil {
			c := *o
			c.Image, c.Pending, c.Link = o.Image.Clone(), r.s.pending[id], r.s.links[id]
			c.Link.Outbound = slices.Clone(c.Link.Outbound)
			c.State = r.stateOf(o)
			out[i] = &c
		}
	}
	return out, r.ready()
}

func (r *memReader) stateOf(o *metaverse.CSObject) metaverse.CSState {
	if r.s.links[o.ID].MV != 0 {
		return metaverse.Connected
	}
	return o.State
}

func (r *memReader) CSLinks(ids []metaverse.CSID) (out []metaverse.CSLink, err error) {
	for id, l := range r.s.links {
		if o := r.s.cs[id]; o != nil && slices.Contains(ids, id) {
			out = append(out, metaverse.CSLink{CS: id, Connector: o.Connector, MV: l.MV, Outbound: slices.Clone(l.Outbound)})
		}
	}
	return out, r.ready()
}

func (r *memReader) CSHeads(ids []metaverse.CSID) ([]*metaverse.CSObject, error) {
	out, err := r.CS(ids)
	for _, o := range out {
		if o != nil {
			o.Image = attr.Set{}
		}
	}
	return out, err
}

func (r *memReader) CSByAnchor(conn string, anchors []connector.Anchor) ([]metaverse.CSID, error) {
	return r.csByKey(len(anchors), func(i int, o *metaverse.CSObject) bool {
		return o.Connector == conn && o.Anchor == anchors[i] && !o.Anchor.IsZero()
	})
}

func (r *memReader) CSByDN(conn string, dnKeys []string) ([]metaverse.CSID, error) {
	return r.csByKey(len(dnKeys), func(i int, o *metaverse.CSObject) bool {
		return o.Connector == conn && o.DNKey == dnKeys[i] && o.DNKey != ""
	})
}

func (r *memReader) csByKey(n int, match func(int, *metaverse.CSObject) bool) ([]metaverse.CSID, error) {
	out := make([]metaverse.CSID, n)
	for i := range out {
		for id, o := range r.s.cs {
			if match(i, o) {
				out[i] = id
			}
		}
	}
	return out, r.ready()
}

func hasKey(have []metaverse.ValueKey, k metaverse.ValueKey) bool {
	return slices.ContainsFunc(have, func(h metaverse.ValueKey) bool {
		return h.Key == k.Key && attr.EqualName(h.Attribute, k.Attribute)
	})
}

func (r *memReader) CSByValue(conn string, keys []metaverse.ValueKey) ([][]metaverse.CSID, error) {
	out := make([][]metaverse.CSID, len(keys))
	for i, k := range keys {
		out[i] = r.csWhere(func(o *metaverse.CSObject) bool { return o.Connector == conn && hasKey(r.s.csValues[o.ID], k) })
	}
	return out, r.ready()
}

func (r *memReader) ScanCS(conn string, after metaverse.CSID, limit int) ([]*metaverse.CSObject, error) {
	return r.CS(page(r.csWhere(func(o *metaverse.CSObject) bool { return o.Connector == conn }), after, limit, false))
}

func (r *memReader) CountCS(conn string) (c metaverse.CSCounts, err error) {
	count := func(n *int64, yes bool) {
		if yes {
			*n++
		}
	}
	sentRefs, failing := make(map[metaverse.CSID]bool), make(map[metaverse.CSID]bool)
	for _, e := range r.s.exportRefs {
		if e.Sent {
			sentRefs[e.Source] = true
		}
	}
	for _, e := range r.s.errs {
		failing[e.CS] = true
	}
	for id, o := range r.s.cs {
		if o.Connector != conn {
			continue
		}
		state, e := r.stateOf(o), r.s.exports[id]
		known := state != metaverse.Placeholder
		count(&c.Objects, known)
		count(&c.Imported, known && o.Imported)
		count(&c.Connected, state == metaverse.Connected)
		count(&c.Disconnectors, known && state != metaverse.Connected)
		count(&c.Placeholders, !known)
		count(&c.PendingImport, r.s.pending[id] != metaverse.ImportNone)
		count(&c.PendingExport, e != nil && e.Op != 0)
		count(&c.Unconfirmed, sentRefs[id] || e != nil && (len(e.Sent) > 0 || e.DeleteSent))
		count(&c.Errors, failing[id])
	}
	return c, r.ready()
}

func (r *memReader) CountPendingImports(conn string) (int64, error) {
	all, err := r.PendingImports(conn, 0, math.MaxInt)
	return int64(len(all)), err
}

func (r *memReader) PendingImports(conn string, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	ids := r.csWhere(func(o *metaverse.CSObject) bool { return o.Connector == conn && r.s.pending[o.ID] != 0 })
	return page(ids, after, limit, false), r.ready()
}

func (r *memReader) unseen(conn string) []metaverse.CSID {
	return r.csWhere(func(o *metaverse.CSObject) bool {
		return o.Connector == conn && o.Imported && o.State != metaverse.Placeholder &&
			r.s.pending[o.ID] != metaverse.ImportDelete && !r.s.seen[seenMark{conn, o.ID}]
	})
}

func (r *memReader) Unseen(conn string, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	return page(r.unseen(conn), after, limit, false), r.ready()
}

func (r *memReader) CountUnseen(conn string) (int64, error) {
	return int64(len(r.unseen(conn))), r.ready()
}

func (r *memReader) csTargets(source metaverse.CSID, attribute string) (out []metaverse.CSID) {
	for ref := range r.s.csRefs {
		if ref.Source == source && attr.EqualName(ref.Attribute, attribute) {
			out = append(out, ref.Target)
		}
	}
	return out
}

func (r *memReader) CSRefs(source metaverse.CSID, attribute string, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	return page(r.csTargets(source, attribute), after, limit, true), r.ready()
}

func (r *memReader) CountCSRefs(source metaverse.CSID, attribute string) (int64, error) {
	return int64(len(r.csTargets(source, attribute))), r.ready()
}

func (r *memReader) CSRefNames(source metaverse.CSID) ([]string, error) {
	names := make(map[string]bool)
	for ref := range r.s.csRefs {
		if ref.Source == source {
			names[ref.Attribute] = true
		}
	}
	return slices.SortedFunc(maps.Keys(names), attr.CompareNames), r.ready()
}

func (r *memReader) HasCSRefs(refs []metaverse.CSRef) ([]bool, error) {
	out := make([]bool, len(refs))
	for i, ref := range refs {
		out[i] = r.s.csRefs[r.s.csRef(ref)]
	}
	return out, r.ready()
}

func (r *memReader) ReferredTo(targets []metaverse.CSID) ([]bool, error) {
	out := make([]bool, len(targets))
	for i, id := range targets {
		for ref := range r.s.csRefs {
			out[i] = out[i] || ref.Target == id
		}
	}
	return out, r.ready()
}

func (r *memReader) CSRefsFrom(sources []metaverse.CSRefAttribute, linked bool, limit int) ([]metaverse.CSRef, error) {
	return r.csRefsWhere(limit, func(ref metaverse.CSRef) bool {
		return (!linked || r.s.links[ref.Target].MV != 0) && slices.ContainsFunc(sources, func(s metaverse.CSRefAttribute) bool {
			return s.Source == ref.Source && (s.Attribute == "" || attr.EqualName(s.Attribute, ref.Attribute))
		})
	})
}

func (r *memReader) CSRefsTo(targets []metaverse.CSID, limit int) ([]metaverse.CSRef, error) {
	return r.csRefsWhere(limit, func(ref metaverse.CSRef) bool {
		return slices.Contains(targets, ref.Target) && r.s.links[ref.Source].MV != 0
	})
}

func (r *memReader) csRefsWhere(limit int, ok func(metaverse.CSRef) bool) (out []metaverse.CSRef, err error) {
	for ref := range r.s.csRefs {
		if len(out) < limit && ok(ref) {
			out = append(out, ref)
		}
	}
	return out, r.ready()
}

func (r *memReader) Referrers(target, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	found := make(map[metaverse.CSID]bool)
	for ref := range r.s.csRefs {
		if ref.Target == target && ref.Source > after {
			found[ref.Source] = true
		}
	}
	out := slices.Sorted(maps.Keys(found))
	return out[:min(len(out), max(limit, 0))], r.ready()
}

func (r *memReader) MV(ids []metaverse.MVID) ([]*metaverse.MVObject, error) {
	out := make([]*metaverse.MVObject, len(ids))
	for i, id := range ids {
		if o := r.s.mv[id]; o != nil {
			c := *o
			c.Attributes, c.Origins = o.Attributes.Clone(), slices.Clone(o.Origins)
			out[i] = &c
		}
	}
	return out, r.ready()
}

func (r *memReader) MVHeads(ids []metaverse.MVID) ([]*metaverse.MVObject, error) {
	out, err := r.MV(ids)
	for _, o := range out {
		if o != nil {
			o.Attributes = attr.Set{}
		}
	}
	return out, err
}

func (r *memReader) MVByValue(keys []metaverse.ValueKey) ([][]metaverse.MVID, error) {
	out := make([][]metaverse.MVID, len(keys))
	for i, k := range keys {
		for id, have := range r.s.mvValues {
			if r.s.mv[id] != nil && hasKey(have, k) {
				out[i] = append(out[i], id)
			}
		}
		slices.Sort(out[i])
	}
	return out, r.ready()
}

func (r *memReader) ScanMV(after metaverse.MVID, limit int) ([]*metaverse.MVObject, error) {
	return r.MV(page(slices.Collect(maps.Keys(r.s.mv)), after, limit, false))
}

func (r *memReader) CountMV() (map[string]int64, error) {
	out := make(map[string]int64)
	for _, o := range r.s.mv {
		out[o.Class]++
	}
	return out, r.ready()
}

func (r *memReader) LinkedCS(ids []metaverse.MVID) ([][]metaverse.CSID, error) {
	out := make([][]metaverse.CSID, len(ids))
	for i, mv := range ids {
		for cs, l := range r.s.links {
			if l.MV == mv {
				out[i] = append(out[i], cs)
			}
		}
		slices.Sort(out[i])
	}
	return out, r.ready()
}

func (r *memReader) mvTargets(source metaverse.MVID, attribute string) (out []metaverse.MVID) {
	for ref := range r.s.mvRefs {
		if ref.Source == source && attr.EqualName(ref.Attribute, attribute) {
			out = append(out, ref.Target)
		}
	}
	return out
}

func (r *memReader) MVRefs(source metaverse.MVID, attribute string, after metaverse.MVID, limit int) ([]metaverse.MVID, error) {
	return page(r.mvTargets(source, attribute), after, limit, true), r.ready()
}

func (r *memReader) CountMVRefs(source metaverse.MVID, attribute string) (int64, error) {
	return int64(len(r.mvTargets(source, attribute))), r.ready()
}

func (r *memReader) HasMVRefs(refs []metaverse.MVRef) ([]bool, error) {
	out := make([]bool, len(refs))
	for i, ref := range refs {
		out[i] = r.s.mvRefs[r.s.mvRef(ref)]
	}
	return out, r.ready()
}

func (r *memReader) RefWork(limit int) ([]metaverse.RefWork, error) {
	all := slices.SortedFunc(maps.Keys(r.s.work), func(a, b metaverse.RefWork) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Source, b.Source),
			attr.CompareNames(a.Attribute, b.Attribute), cmp.Compare(a.Target, b.Target))
	})
	return all[:min(max(limit, 0), len(all))], r.ready()
}

func (r *memReader) PendingExport(ids []metaverse.CSID) ([]*metaverse.PendingExport, error) {
	out := make([]*metaverse.PendingExport, len(ids))
	for i, id := range ids {
		if e := r.s.exports[id]; e != nil {
			out[i] = cloneExport(e)
		}
	}
	return out, r.ready()
}

func (r *memReader) PendingExportHeads(ids []metaverse.CSID) ([]*metaverse.PendingExport, error) {
	out, err := r.PendingExport(ids)
	for _, e := range out {
		if e != nil {
			e.Pending, e.Sent = nil, nil
		}
	}
	return out, err
}

func cloneExport(e *metaverse.PendingExport) *metaverse.PendingExport {
	c := *e
	c.Pending, c.Sent = slices.Clone(e.Pending), slices.Clone(e.Sent)
	return &c
}

func (r *memReader) ScanPendingExports(conn string, after metaverse.CSID, limit int) ([]*metaverse.PendingExport, error) {
	var ids []metaverse.CSID
	for id, e := range r.s.exports {
		if e.Connector == conn && e.Op != 0 {
			ids = append(ids, id)
		}
	}
	return r.PendingExport(page(ids, after, limit, false))
}

func (r *memReader) CountPendingExports(conn string) ([]metaverse.ExportCount, error) {
	counts := make(map[metaverse.ExportCount]int64)
	for id, e := range r.s.exports {
		if o := r.s.cs[id]; o != nil && e.Connector == conn && e.Op != 0 {
			counts[metaverse.ExportCount{Op: e.Op, Class: o.Class}]++
		}
	}
	var out []metaverse.ExportCount
	for k, n := range counts {
		k.Count = n
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b metaverse.ExportCount) int {
		return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Class, b.Class))
	})
	return out, r.ready()
}

func (r *memReader) ExportRefs(source metaverse.CSID, sent bool, after metaverse.ExportRef, limit int) ([]metaverse.ExportRef, error) {
	order := func(a, b metaverse.ExportRef) int {
		return cmp.Or(attr.CompareNames(a.Attribute, b.Attribute), cmp.Compare(a.Target, b.Target))
	}
	var out []metaverse.ExportRef
	for _, e := range r.s.exportRefs {
		if e.Source == source && e.Sent == sent && order(e, after) > 0 {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, order)
	return out[:min(max(limit, 0), len(out))], r.ready()
}

func (r *memReader) HasExportRefs(sources []metaverse.CSID) (unsent, sent []bool, err error) {
	unsent, sent = make([]bool, len(sources)), make([]bool, len(sources))
	for i, id := range sources {
		for _, e := range r.s.exportRefs {
			unsent[i] = unsent[i] || e.Source == id && !e.Sent
			sent[i] = sent[i] || e.Source == id && e.Sent
		}
	}
	return unsent, sent, r.ready()
}

func (r *memReader) FindExportRefs(refs []metaverse.CSRef) ([]metaverse.ExportRef, []bool, error) {
	out, found := make([]metaverse.ExportRef, len(refs)), make([]bool, len(refs))
	for i, ref := range refs {
		if out[i], found[i] = r.s.exportRefs[r.s.csRef(ref)]; found[i] {
			out[i].Attribute = ref.Attribute
		}
	}
	return out, found, r.ready()
}

func (r *memReader) Setting(key string) ([]byte, error) {
	return bytesClone(r.s.settings[key]), r.ready()
}

func bytesClone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

func (r *memReader) Settings(prefix string) (map[string][]byte, error) {
	out := make(map[string][]byte)
	for k, v := range r.s.settings {
		if strings.HasPrefix(k, prefix) {
			out[k] = bytesClone(v)
		}
	}
	return out, r.ready()
}

func (r *memReader) Runs(conn string, before int64, limit int) ([]metaverse.RunRecord, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	var out []metaverse.RunRecord
	for _, rec := range r.s.runs {
		if rec.ID < before && (conn == "" || rec.Connector == conn) {
			rec.Notes = slices.Clone(rec.Notes)
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(a, b metaverse.RunRecord) int { return cmp.Compare(b.ID, a.ID) })
	return out[:min(max(limit, 0), len(out))], r.ready()
}

func (r *memReader) ObjectErrors(conn string, after metaverse.CSID, limit int) ([]metaverse.ObjectError, error) {
	var all []metaverse.ObjectError
	for _, e := range r.s.errs {
		if e.CS <= after || conn != "" && e.Connector != conn || limit <= 0 {
			continue
		}
		if o := r.s.cs[e.CS]; o != nil {
			e.Object = o.Key()
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b metaverse.ObjectError) int {
		return cmp.Or(cmp.Compare(a.CS, b.CS), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Attribute, b.Attribute), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Object.String(), b.Object.String()))
	})
	// Whole objects only; the first of a page always fits.
	end := 0
	for end < len(all) && (end < limit || limit <= 0) {
		next := end + 1
		for next < len(all) && all[next].CS == all[end].CS {
			next++
		}
		if end > 0 && next > limit {
			break
		}
		end = next
	}
	return all[:end], r.ready()
}
