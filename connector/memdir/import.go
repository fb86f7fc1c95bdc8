package memdir

import (
	"context"
	"iter"
	"slices"
	"strconv"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A page is one answer of the "server": the items, and the resume point after them.
type page struct {
	items      []connector.Item
	checkpoint connector.Checkpoint
}

// An emitter hands a stream to the loop of the caller and counts what it gives.
type emitter struct {
	c     *core
	op    string
	yield func(connector.Item, error) bool
	n     int // items yielded
	sent  int64
	atEnd func() []connector.Item // what follows the last page; may be nil
}

// fail ends the stream with an error.
func (e *emitter) fail(err error) { e.yield(connector.Item{}, e.c.d.failure(e.op, err)) }

// emit yields one item; it reports whether to go on.
func (e *emitter) emit(ctx context.Context, it connector.Item) bool {
	if ctx.Err() != nil {
		e.fail(context.Cause(ctx))
		return false
	}
	f := e.c.d.faults.get()
	reached := f.After >= 0 && e.n >= f.After || it.Kind == connector.ItemComplete
	if reached && (f.Import != nil || f.Truncate) {
		if f.Import != nil {
			e.fail(f.Import)
		}
		return false
	}
	if it.Object != nil {
		e.sent++
		if f.Item != nil {
			it.Err = f.Item(it.Object.Key())
		}
	}
	e.n++
	return e.yield(it, nil)
}

// stream emits pages and, when all were fetched, Complete. sent is the number of objects
// that an interrupted import has yielded already.
func (e *emitter) stream(ctx context.Context, size int, fetch func(position uint64, size int) (page, uint64), start uint64, watermark connector.Watermark) {
	n := 0
	next := func(ctx context.Context, token string) (page, string, error) {
		f := e.c.d.faults.get()
		if f.Page != nil {
			f.Page(n)
		}
		n++
		position := start
		if token != "" {
			var err error
			if position, err = strconv.ParseUint(token, 10, 64); err != nil {
				return page{}, "", connector.ErrProtocol
			}
		}
		p, following := fetch(position, size)
		switch {
		case f.RepeatToken:
			return p, strconv.FormatUint(start, 10), nil
		case following == 0:
			return p, "", nil
		default:
			return p, strconv.FormatUint(following, 10), nil
		}
	}
	for p, err := range connector.Pages(ctx, next, nil) {
		if err != nil {
			e.fail(err)
			return
		}
		for _, it := range p.items {
			if !e.emit(ctx, it) {
				return
			}
		}
		if p.checkpoint != nil && !e.emit(ctx, connector.Item{Kind: connector.ItemCheckpoint, Checkpoint: p.checkpoint}) {
			return
		}
	}
	if e.atEnd != nil {
		for _, it := range e.atEnd() {
			if !e.emit(ctx, it) {
				return
			}
		}
	}
	e.emit(ctx, connector.Item{
		Kind:     connector.ItemComplete,
		Complete: &connector.Completion{Watermark: watermark, Objects: e.sent},
	})
}

func (c *core) pageSize(r connector.ImportRequest) int {
	if r.PageSize > 0 {
		return r.PageSize
	}
	return c.d.opts.PageSize
}

// FullImport implements [connector.FullImporter]. Objects come in order of creation. What
// changes while it runs may or may not be seen, but for names; the watermark is from before
// it began, so that the next delta import tells.
func (c fullImporter) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		d := c.d
		e := &emitter{c: c.core, op: "full-import", yield: yield}
		if err := c.usable(ctx); err != nil {
			e.fail(err)
			return
		}
		d.mu.RLock()
		began, total := d.log.head(), len(d.byAnchor)
		d.mu.RUnlock()
		var after, before uint64
		if r.Resume != nil {
			if err := c.resumeFull(r.Resume, &began, &after, &before); err != nil {
				e.fail(err)
				return
			}
			e.sent = int64(before)
		}
		e.atEnd = func() []connector.Item { return c.renamedSince(began) }
		if r.Progress != nil {
			r.Progress(int64(total))
		}
		fetch := func(position uint64, size int) (page, uint64) {
			return c.fullPage(began, position, size, uint64(e.sent))
		}
		e.stream(ctx, c.pageSize(r), fetch, after, c.watermark(began))
	}
}

// watermark is nil where there is no delta import.
func (c *core) watermark(seq uint64) connector.Watermark {
	if c.d.opts.FullOnly {
		return nil
	}
	return c.d.encode(watermarkTag, seq)
}

// resumeFull reads a checkpoint: where the history stood when the import began, the last
// object that it covers, and the number of objects up to there.
func (c *core) resumeFull(cp connector.Checkpoint, began, after, before *uint64) error {
	d := c.d
	if d.faults.get().ExpireWatermark {
		return connector.ErrWatermarkExpired
	}
	if err := d.decode(cp, fullTag, began, after, before); err != nil {
		return err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.log.covers(*began) {
		return connector.ErrWatermarkExpired
	}
	return nil
}

// fullPage returns the objects after a position and the position after them, 0 at the end.
func (c *core) fullPage(began, after uint64, size int, sent uint64) (page, uint64) {
	d := c.d
	d.mu.RLock()
	defer d.mu.RUnlock()
	var p page
	last := after
	for _, e := range d.order[d.position(after):] {
		if e.gone || !c.inScope(e.class) {
			continue
		}
		if len(p.items) == size {
			p.checkpoint = d.encode(fullTag, began, last, sent+uint64(len(p.items)))
			return p, last
		}
		p.items = append(p.items, connector.Item{Kind: connector.ItemObject, Object: d.show(e, c.shows)})
		last = e.number
	}
	if len(p.items) > 0 {
		p.checkpoint = d.encode(fullTag, began, last, sent+uint64(len(p.items)))
	}
	return p, 0
}

// renamedSince returns the objects that were renamed while an import went on, and after them
// what refers to them: it may have been sent with a name under which nobody was.
func (c *core) renamedSince(began uint64) (items []connector.Item) {
	d := c.d
	if d.opts.LooseReferences || d.opts.References == connector.ReferenceByAnchor {
		return nil
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.log.covers(began) {
		return nil // nor does the watermark hold: the next import is a full one
	}
	targets := make(map[attr.Value]bool)
	send := func(e *entry) {
		if !e.gone && c.inScope(e.class) {
			items = append(items, connector.Item{Kind: connector.ItemObject, Object: d.show(e, c.shows)})
		}
	}
	for _, ch := range d.log.between(began, d.log.head()).list {
		if e := d.byAnchor[ch.anchor]; e != nil && ch.renamed {
			targets[attr.Reference(ch.anchor.Raw())] = true
			send(e)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	for _, e := range d.order {
		if e.refersTo(targets) {
			send(e)
		}
	}
	return items
}

func (e *entry) refersTo(targets map[attr.Value]bool) bool {
	for _, values := range e.attrs.All() {
		if values[0].Kind() == attr.KindReference && slices.ContainsFunc(values, func(v attr.Value) bool { return targets[v] }) {
			return true
		}
	}
	return false
}
