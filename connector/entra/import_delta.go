package entra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// DeltaImport reads what changed since the watermark. The first page of every class is read
// before anything is yielded, so that a link that has expired shows in time.
//
// Graph reports a property that was not changed and one that never had a value alike, by
// leaving it out; only null clears. Updates therefore hold what came and nothing else.
func (s *session) DeltaImport(ctx context.Context, w connector.Watermark, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		run := &deltaRun{s: s, ctx: ctx, r: r, yield: yield}
		if err := run.run(w); err != nil {
			yield(connector.Item{}, s.t.failure("delta-import", err))
		}
	}
}

// A deltaRun is one delta import.
type deltaRun struct {
	s     *session
	ctx   context.Context //nolint:containedctx // a run lives as long as one call
	r     connector.ImportRequest
	yield func(connector.Item, error) bool
	at    *position
	count int64
	over  bool
}

// A deltaClass is one class under way, with the page that was read in advance.
type deltaClass struct {
	d     *decoder
	p     *pager
	first page
}

func (f *deltaRun) run(w connector.Watermark) error {
	if err := f.s.usable(f.ctx); err != nil {
		return err
	}
	if err := f.begin(w); err != nil {
		return err
	}
	classes, err := f.open()
	defer func() {
		for _, c := range classes {
			c.p.stop()
		}
	}()
	if err != nil {
		return err
	}
	if err := f.settleLoose(); err != nil || f.over {
		return err
	}
	for _, c := range classes {
		if err := f.class(c); err != nil || f.over {
			return err
		}
	}
	mark := *f.at
	mark.Use, mark.Done = useWatermark, nil
	f.put(connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{Watermark: mark.encode(), Objects: f.count}})
	return nil
}

// begin reads the watermark, or the checkpoint that goes on from it.
func (f *deltaRun) begin(w connector.Watermark) error {
	at, err := f.s.decodePosition(w, useWatermark)
	if f.r.Resume != nil {
		at, err = f.s.decodePosition(f.r.Resume, useDelta)
	}
	if err != nil {
		return err
	}
	at.Use = useDelta
	f.at = at
	for _, c := range f.s.classes {
		if at.Links[c.name].URL == "" {
			return connector.ErrWatermarkExpired
		}
	}
	return nil
}

// open reads the first page of every class that is still to come.
func (f *deltaRun) open() ([]deltaClass, error) {
	var out []deltaClass
	for _, c := range f.s.classes {
		if slices.Contains(f.at.Done, c.name) {
			continue
		}
		d := f.s.decoders[c.name]
		from := f.at.Links[c.name]
		p := f.s.pages(f.ctx, d, from.URL, f.r.PageSize)
		p.end.First = from.Began
		pg, _, err := p.read()
		out = append(out, deltaClass{d, p, pg})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (f *deltaRun) put(item connector.Item) {
	if item.Object != nil {
		f.count++
	}
	f.over = f.over || !f.yield(item, nil)
}

// settleLoose reads the objects that the full import saw only in part.
func (f *deltaRun) settleLoose() error {
	var keys []connector.Key
	for _, text := range f.at.Loose {
		name, digits, _ := strings.Cut(text, " ")
		d := f.s.decoder(name)
		id, ok := looseID(digits)
		if d == nil || !ok {
			return connector.ErrWatermarkExpired
		}
		keys = append(keys, connector.Key{Anchor: d.class.anchorFor(id)})
	}
	f.at.Loose = nil
	for item, err := range f.s.readObjects(f.ctx, keys) {
		if err != nil {
			return err
		}
		if f.put(item); f.over {
			return nil
		}
	}
	return nil
}

// class yields the changes of one class, with a checkpoint after every page but the last.
func (f *deltaRun) class(c deltaClass) error {
	name := c.d.class.name
	since := f.at.Links[name]
	whole := make(map[guid]bool)
	for pg := c.first; ; {
		items, err := f.items(c.d, mergeEntries(pg.entries), since, whole)
		if err != nil {
			return err
		}
		for _, item := range items {
			if f.put(item); f.over {
				return nil
			}
		}
		if pg.next == "" {
			f.at.Links[name] = c.p.end
			f.at.Done = append(f.at.Done, name)
			return nil
		}
		since.URL, since.Began = pg.next, c.p.end.First
		f.at.Links[name] = since
		if f.put(connector.Item{Kind: connector.ItemCheckpoint, Checkpoint: f.at.encode()}); f.over {
			return nil
		}
		next, ok, err := c.p.read()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: a delta query ended without a delta link", connector.ErrProtocol)
		}
		pg = next
	}
}

// settleSkew is how far apart the clocks of the service's machines may be, in seconds.
const settleSkew = 60

// items makes the items of a page. Objects that are new since the watermark come whole. A
// delta query tells nothing of whether an object is new; but everything about one that was
// created after the last round is in this one. Where that is not certain the object is
// read, and what the delta query says of it, which is no older, is put on top.
func (f *deltaRun) items(d *decoder, entries []entry, since link, whole map[guid]bool) ([]connector.Item, error) {
	items := make([]connector.Item, len(entries))
	var doubtful []int
	for i := range entries {
		e := &entries[i]
		switch {
		case e.removed != "":
			delete(whole, e.id)
		case e.err != nil || whole[e.id]:
		case e.created > since.Last+settleSkew:
			whole[e.id] = true
			items[i] = d.item(f.s.t, e)
			continue
		case e.created >= since.First-settleSkew && e.created > 0 || f.s.t.recent.has(e.id):
			doubtful = append(doubtful, i)
			continue
		}
		items[i] = d.change(f.s.t, e)
	}
	if len(doubtful) == 0 {
		return items, nil
	}
	errs := make([]error, len(doubtful))
	dispatch := newDispatcher(f.ctx, f.s.t.client, f.s.log)
	dispatch.run(len(doubtful), func(i int) {
		e := &entries[doubtful[i]]
		read, err := (&reader{f.s, dispatch}).byID(d, e.id)
		switch {
		case err != nil:
			errs[i] = err
		case read != nil:
			read.merge(e)
			items[doubtful[i]] = d.item(f.s.t, read)
		case e.created > since.Last:
			items[doubtful[i]] = d.item(f.s.t, e) // too new to be read
		default:
			items[doubtful[i]] = d.change(f.s.t, e)
		}
	})
	for i, n := range doubtful {
		if errs[i] != nil {
			return nil, errs[i]
		}
		whole[entries[n].id] = true
	}
	return items, nil
}

// change makes the item of an entry of a delta answer.
func (d *decoder) change(t *Tenant, e *entry) connector.Item {
	o := &connector.Object{Class: e.class.name, Anchor: e.class.anchorFor(e.id), DN: dnOf(e.sourceAnchor)}
	switch {
	case e.removed != "":
		return connector.Item{Kind: connector.ItemDelete, Object: o}
	case e.err != nil:
		return connector.Item{Kind: connector.ItemUpdate, Object: o, Err: t.valueFailure("delta-import", e)}
	}
	return connector.Item{Kind: connector.ItemUpdate, Object: o, Mods: d.mods(e)}
}

// valueFailure is the error of an object with a value that cannot be read.
func (t *Tenant) valueFailure(op string, e *entry) error {
	attribute := ""
	if v, ok := errors.AsType[*valueError](e.err); ok {
		attribute = v.attribute
	}
	return &connector.Error{
		Op: op, Connector: t.name, Object: e.key(), Attribute: attribute, Code: connector.CodeInvalidValue,
		Err: fmt.Errorf("%w: %w", connector.ErrProtocol, e.err),
	}
}
