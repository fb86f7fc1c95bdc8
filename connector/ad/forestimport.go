package ad

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
)

// FullImport implements [connector.FullImporter]. Domains are read one after the other, and
// objects may move between them meanwhile: the cookies of all are taken before the first
// object of any, and at the end is looked for what came to a domain that was read before it
// came.
func (s *forestSession) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return s.stream(ctx, "full-import", func(m *emitter) error {
		if len(r.Resume) > 0 {
			return expired("imports of this connector have no checkpoints")
		}
		err := s.before(ctx, func(x *domain) (err error) {
			if err := x.s.refreshScope(ctx, x.link); err != nil {
				return err
			}
			if err := x.s.freshEnough(ctx, x.link); err != nil {
				return err
			}
			x.mark, err = x.s.startCookies(ctx, x.link)
			x.next = x.mark
			return err
		})
		if err != nil {
			return err
		}
		sent := newTally()
		err = s.each(ctx, func(x *domain) error {
			sent.domain = int32(x.index)
			for _, p := range x.s.parts {
				if err := x.s.importPartition(ctx, x.link, m, p, x.mark, r.PageSize, sent); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		settler := &settler{forestSession: s, out: m, sent: sent, pending: map[guid]struct{}{}}
		if err := settler.run(ctx, func(x *domain) watermark { return x.mark }); err != nil {
			return err
		}
		if err := s.inTwo(ctx, m, sent); err != nil {
			return err
		}
		if err := s.followRenames(ctx, m); err != nil {
			return err
		}
		if err := s.unsettle(ctx); err != nil {
			return err
		}
		if err := s.underway(ctx, func(g guid) bool { return !sent.has(g) }); err != nil {
			return err
		}
		if err := s.trouble(); err != nil {
			return err
		}
		return s.complete(m)
	})
}

// DeltaImport implements [connector.DeltaImporter]. Nothing is sent before every domain has
// taken its watermark, no deletion before all were asked for the object, which may have
// moved, and no removed reference before the renames of all.
func (s *forestSession) DeltaImport(ctx context.Context, w connector.Watermark, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return s.stream(ctx, "delta-import", func(m *emitter) error {
		if len(r.Resume) > 0 {
			return expired("imports of this connector have no checkpoints")
		}
		if err := s.marks(w); err != nil {
			return err
		}
		err := s.before(ctx, func(x *domain) (err error) {
			l, err := x.s.usable(ctx, x.link, x.mark)
			if err != nil {
				return err
			}
			x.link = l
			return x.s.probe(ctx, l, x.mark)
		})
		if err != nil {
			return err
		}
		hold := newHolding()
		m.hold, m.hearsay = hold, newHearsay()
		err = s.each(ctx, func(x *domain) (err error) {
			hold.domain, m.hearsay.domain = x.index, x.index
			root, err := x.link.readRoot(ctx)
			if err != nil {
				return err
			}
			x.asked = root.usn
			x.next, err = x.s.changes(ctx, x.link, m, x.mark, x.s.pageSize(r.PageSize))
			return err
		})
		if err != nil {
			return err
		}
		m.hold, m.hearsay.domain = nil, len(s.domains)
		return s.release(ctx, m, hold)
	})
}

// release sends what was held back.
func (s *forestSession) release(ctx context.Context, m *emitter, hold *holding) error {
	settler := &settler{forestSession: s, out: m, pending: map[guid]struct{}{}, back: map[guid]struct{}{}}
	for _, anchor := range hold.gone {
		if g, ok := parseGUID(anchor.Raw()); ok {
			settler.pending[g] = struct{}{}
		}
	}
	if err := settler.run(ctx, func(x *domain) watermark { return x.next }); err != nil {
		return err
	}
	if len(settler.pending) > 0 {
		err := s.underway(ctx, func(g guid) bool { _, gone := settler.pending[g]; return gone })
		if err != nil {
			return err
		}
	}
	doubtful, _, err := s.doubtful(ctx, m.hearsay)
	if err != nil {
		return err
	}
	again := map[guid]struct{}{}
	for g := range doubtful {
		again[g] = struct{}{}
	}
	if err := s.remember(ctx, m.hearsay, again); err != nil {
		return err
	}
	for _, item := range hold.late {
		g := guidOf(item.Object.Anchor)
		_, whole := settler.back[g]
		if _, coming := again[g]; whole || coming {
			continue
		}
		if err := m.send(item); err != nil {
			return err
		}
	}
	clear(m.hearsay.referrers)
	told := newTally()
	err = s.each(ctx, func(x *domain) error { return x.sendWhole(ctx, m, sorted(again), told) })
	if err != nil {
		return err
	}
	if s.later.referrers, err = s.lasting(ctx, m.hearsay); err != nil {
		return err
	}
	if err := s.trouble(); err != nil {
		return err // and no deletion: the domain may hold the object by now
	}
	for _, anchor := range hold.gone {
		if _, gone := settler.pending[guidOf(anchor)]; !gone {
			continue
		}
		if err := m.gone(anchor); err != nil {
			return err
		}
	}
	return s.complete(m)
}

// inTwo settles which of two domains an object is in that both have shown. While one of
// them has not heard of a move yet, the object is in both: where it changed last it is.
func (s *forestSession) inTwo(ctx context.Context, m *emitter, sent *tally) error {
	if len(sent.twice) == 0 {
		return nil
	}
	guids := sorted(sent.twice)
	type copied struct {
		changed string
		domain  *domain
	}
	latest := map[guid]copied{}
	err := s.each(ctx, func(x *domain) error {
		return x.s.readGUIDs(ctx, x.link, guids, []string{"objectGUID", "whenChanged"}, func(e *entry) error {
			g, ok := parseGUID(single(e, "objectGUID"))
			changed := single(e, "whenChanged")
			if ok && x.s.scope.holdsObject(g, e.DN) && (latest[g].domain == nil || changed >= latest[g].changed) {
				latest[g] = copied{changed, x}
			}
			return nil
		}, x.s.parts...)
	})
	if err != nil {
		return err
	}
	return s.each(ctx, func(x *domain) error {
		own := slices.DeleteFunc(slices.Clone(guids), func(g guid) bool { return latest[g].domain != x })
		return x.sendWhole(ctx, m, own, nil)
	})
}

// sendWhole reads objects of the domain, wherever in it they are, and sends those that are
// in scope.
func (x *domain) sendWhole(ctx context.Context, m *emitter, guids []guid, sent *tally) error {
	for _, p := range x.s.parts {
		err := x.s.readGUIDs(ctx, x.link, guids, x.s.requested(), func(e *entry) error {
			return x.s.importEntry(ctx, x.link, m, p, e, sent)
		}, p)
		if err != nil {
			return fmt.Errorf("objects that moved between domains: %w", err)
		}
	}
	return nil
}
