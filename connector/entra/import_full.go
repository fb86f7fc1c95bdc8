package entra

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// FullImport reads everything with a delta query from the beginning. Lists would come in
// larger pages, but the link at which changes go on would have to be taken separately,
// from a replica that may know more than the one that serves the list: what lies between
// the two would be lost for good. A delta query hands out objects, members and link as one.
//
// What a delta query may do and a full import may not is to bring an object twice. Objects
// with members are held back, merged and yielded at the end; they take seventeen octets a
// membership meanwhile. Others are yielded as they come; those that come again travel in the
// watermark, and the next delta import reads them first.
func (s *session) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		run := &fullRun{s: s, ctx: ctx, r: r, yield: yield, at: newPosition(useFull)}
		if err := run.run(); err != nil {
			yield(connector.Item{}, s.t.failure("full-import", err))
		}
	}
}

// A fullRun is one full import.
type fullRun struct {
	s     *session
	ctx   context.Context //nolint:containedctx // a run lives as long as one call
	r     connector.ImportRequest
	yield func(connector.Item, error) bool
	at    *position
	count int64
	over  bool // the loop has ended
}

func (f *fullRun) run() error {
	if err := f.s.usable(f.ctx); err != nil {
		return err
	}
	if f.r.Resume != nil {
		at, err := f.s.decodePosition(f.r.Resume, useFull)
		if err != nil {
			return err
		}
		f.at, f.count = at, at.Shown
	}
	for i, c := range f.s.classes {
		if slices.Contains(f.at.Done, c.name) {
			continue
		}
		if err := f.class(f.s.decoders[c.name]); err != nil || f.over {
			return err
		}
		f.at.Done = append(f.at.Done, c.name)
		if i < len(f.s.classes)-1 {
			f.at.Shown = f.count
			f.put(connector.Item{Kind: connector.ItemCheckpoint, Checkpoint: f.at.encode()})
		}
		if f.over {
			return nil
		}
	}
	mark := *f.at
	mark.Use, mark.Done, mark.Shown = useWatermark, nil, 0
	f.put(connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{Watermark: mark.encode(), Objects: f.count}})
	return nil
}

// put yields an item.
func (f *fullRun) put(item connector.Item) {
	if item.Object != nil {
		f.count++
	}
	f.over = f.over || !f.yield(item, nil)
}

// class reads one class to its delta link.
func (f *fullRun) class(d *decoder) error {
	p := f.s.pages(f.ctx, d, "", f.r.PageSize)
	defer p.stop()
	take, finish := f.stream(d)
	if d.hasMembers() {
		take, finish = f.collect(d)
	}
	for !f.over {
		pg, ok, err := p.read()
		if err != nil {
			return err
		}
		if !ok {
			f.at.Links[d.class.name] = p.end
			return finish()
		}
		for i := range pg.entries {
			if take(&pg.entries[i]); f.over {
				return nil
			}
		}
		if len(f.at.Loose) > maxLoose {
			return fmt.Errorf("%w: more than %d objects changed during the import", connector.ErrUnavailable, maxLoose)
		}
	}
	return nil
}

// hasMembers reports whether relationships with many values are read.
func (d *decoder) hasMembers() bool {
	return slices.ContainsFunc(d.class.fields, func(m *Mapping) bool {
		return m.shape == shapeRefs && m.MultiValued && d.wants(m)
	})
}

// stream yields objects as they come.
func (f *fullRun) stream(d *decoder) (take func(*entry), finish func() error) {
	seen := make(map[guid]struct{})
	loose := make(map[guid]struct{})
	take = func(e *entry) {
		if _, again := seen[e.id]; again {
			if _, noted := loose[e.id]; !noted {
				loose[e.id] = struct{}{}
				f.at.Loose = append(f.at.Loose, d.class.name+" "+looseText(e.id))
			}
			return
		}
		if e.removed != "" {
			return
		}
		seen[e.id] = struct{}{}
		f.put(d.item(f.s.t, e))
	}
	return take, func() error { return nil }
}

// collect merges objects and yields them at the end, in the order in which they came.
func (f *fullRun) collect(d *decoder) (take func(*entry), finish func() error) {
	at := make(map[guid]int)
	var held []*entry
	take = func(e *entry) {
		i, again := at[e.id]
		switch {
		case !again:
			at[e.id] = len(held)
			kept := *e
			kept.fields = slices.Clip(slices.Clone(e.fields))
			held = append(held, &kept)
		default:
			held[i].merge(e)
		}
	}
	finish = func() error {
		for i, e := range held {
			held[i] = nil
			if e.removed != "" {
				continue
			}
			if f.put(d.item(f.s.t, e)); f.over {
				return nil
			}
			if f.ctx.Err() != nil {
				return context.Cause(f.ctx)
			}
		}
		return nil
	}
	return take, finish
}

// item makes a whole object of an entry, or says what is wrong with it.
func (d *decoder) item(t *Tenant, e *entry) connector.Item {
	if e.err != nil {
		o := &connector.Object{Class: e.class.name, Anchor: e.class.anchorFor(e.id), DN: dnOf(e.sourceAnchor)}
		return connector.Item{Kind: connector.ItemObject, Object: o, Err: t.valueFailure("full-import", e)}
	}
	return connector.Item{Kind: connector.ItemObject, Object: d.object(e)}
}
