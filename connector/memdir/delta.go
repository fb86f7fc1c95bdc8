package memdir

import (
	"context"
	"iter"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// DeltaImport implements [connector.DeltaImporter].
func (c deltaImporter) DeltaImport(ctx context.Context, w connector.Watermark, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		e := &emitter{c: c.core, op: "delta-import", yield: yield}
		if err := c.usable(ctx); err != nil {
			e.fail(err)
			return
		}
		changes, after, until, done, err := c.changes(w, r.Resume)
		if err != nil {
			e.fail(err)
			return
		}
		if r.Progress != nil {
			r.Progress(int64(len(changes.list)))
		}
		fetch := func(position uint64, size int) (page, uint64) {
			end := min(int(position)+size, len(changes.list))
			p := page{items: c.deltaItems(changes, int(position), end)}
			if len(p.items) > 0 {
				p.checkpoint = c.d.encode(deltaTag, after, until, uint64(end))
			}
			if end == len(changes.list) {
				return p, 0
			}
			return p, uint64(end)
		}
		e.stream(ctx, c.pageSize(r), fetch, done, c.watermark(until))
	}
}

// changes returns what to report, the two positions that it lies between, and how many of
// the changes an interrupted import has reported already.
func (c *core) changes(w connector.Watermark, resume connector.Checkpoint) (all changeList, after, until, done uint64, err error) {
	d := c.d
	if d.faults.get().ExpireWatermark {
		return changeList{}, 0, 0, 0, connector.ErrWatermarkExpired
	}
	if err := d.decode(w, watermarkTag, &after); err != nil {
		return changeList{}, 0, 0, 0, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	until = d.log.head()
	if resume != nil {
		var from uint64
		if err := d.decode(resume, deltaTag, &from, &until, &done); err != nil || from != after {
			return changeList{}, 0, 0, 0, connector.ErrWatermarkExpired
		}
	}
	if !d.log.covers(after) || !d.log.covers(until) || after > until {
		return changeList{}, 0, 0, 0, connector.ErrWatermarkExpired
	}
	all = d.log.between(after, until)
	if done > uint64(len(all.list)) {
		return changeList{}, 0, 0, 0, connector.ErrWatermarkExpired
	}
	return all, after, until, done, nil
}

// deltaItems reports some of the changes by the present state of their objects.
func (c *core) deltaItems(changes changeList, from, to int) []connector.Item {
	d := c.d
	d.mu.RLock()
	defer d.mu.RUnlock()
	var items []connector.Item
	for _, ch := range changes.list[from:to] {
		e := d.byAnchor[ch.anchor]
		switch {
		case e == nil || !c.inScope(e.class):
			// It has gone, or left the scope with its class. It may have been read by itself under
			// any class that it had meanwhile.
			if i := slices.IndexFunc(ch.classes, c.inScope); i >= 0 {
				items = append(items, deletion(ch, ch.classes[i]))
			}
		case ch.created:
			items = append(items, connector.Item{Kind: connector.ItemObject, Object: d.show(e, c.shows)})
		default:
			items = c.appendUpdate(items, changes, ch, e)
		}
	}
	return items
}

func deletion(ch *change, class string) connector.Item {
	return connector.Item{
		Kind:   connector.ItemDelete,
		Object: &connector.Object{Class: class, Anchor: ch.anchor, DN: ch.lastDN},
	}
}

// appendUpdate reports a renaming and modifications of a known object.
func (c *core) appendUpdate(items []connector.Item, changes changeList, ch *change, e *entry) []connector.Item {
	o := connector.Object{Class: e.class, Anchor: e.anchor, DN: e.dn, Partition: c.d.partitionOf(e)}
	var mods []attr.Mod
	for i := range ch.touched {
		if t := &ch.touched[i]; c.shows(t.name) {
			mods = append(mods, c.mod(changes, t, e.attrs.Values(t.name)))
		}
	}
	if !ch.renamed && len(mods) == 0 {
		return items // only attributes that the session does not ask for
	}
	slices.SortFunc(mods, func(a, b attr.Mod) int { return attr.CompareNames(a.Name, b.Name) })
	return append(items, connector.Item{Kind: connector.ItemUpdate, Object: &o, Mods: mods})
}

// mod reports one attribute: whole where it has at most one value, else by the values that
// came or went. A value that is touched and there now is added, whatever was there before;
// one that is touched and not there is deleted.
func (c *core) mod(changes changeList, t *touched, current []attr.Value) attr.Mod {
	d := c.d
	whole := attr.Mod{Name: t.name, Replace: true}
	if len(current) <= 1 {
		whole.Adds = d.outerAll(current)
		return whole
	}
	present := make(map[attr.Value]bool, len(t.values))
	for _, v := range current {
		if _, ok := t.seen[v]; ok {
			present[v] = true
		}
	}
	m := attr.Mod{Name: t.name}
	for _, v := range t.values {
		outer, exists := d.outer(v)
		switch {
		case present[v]:
			m.Adds = append(m.Adds, outer)
		case exists || d.opts.References == connector.ReferenceByAnchor:
			m.Deletes = append(m.Deletes, outer)
		default:
			dn, ok := d.lastDN(changes, v)
			if !ok {
				whole.Adds = d.outerAll(current)
				return whole
			}
			m.Deletes = append(m.Deletes, attr.Reference(dn))
		}
	}
	return m
}

// lastDN returns the DN by which the receiver of a delta import knows a target that was
// deleted. There is none if the target had another DN when the delta began, or if another
// object has the DN now: then the DN would name the wrong object, or none.
func (d *Directory) lastDN(changes changeList, v attr.Value) (string, bool) {
	ch := changes.byAnchor[connector.TextAnchor(v.Str())]
	if ch == nil || !ch.deleted || ch.renamed || ch.lastDN == "" || d.byDN[d.dnKey(ch.lastDN)] != nil {
		return "", false
	}
	return ch.lastDN, true
}
