package ad

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/hybridsync/hybridsync/connector"
)

// settlePasses is how often all domains are asked again before an import is given up
// because objects do not cease to move between them.
const settlePasses = 30

// A settler finds what moves between domains while an import asks one after the other. It
// asks all of them again for what came and went, until a pass in which nothing of concern
// did: then there is a moment, between the last answer of the pass before and the first one
// of this pass, at which every object was where it was found, or nowhere.
type settler struct {
	*forestSession
	out *emitter
	// sent is what a full import has shown: what it has not is of concern. A delta import
	// has none; of concern to it are the objects that seem deleted.
	sent *tally
	// pending are objects that have left a domain and were not found in another.
	pending map[guid]struct{}
	back    map[guid]struct{} // of pending, found and sent
}

// run settles, from what the domains have told at the marks. Afterwards pending holds the
// objects that are in no domain that can be asked.
func (t *settler) run(ctx context.Context, from func(*domain) watermark) error {
	if t.sent == nil && len(t.pending) == 0 {
		return nil
	}
	marks := map[*domain]watermark{}
	for _, x := range t.domains {
		marks[x] = from(x)
	}
	if err := t.find(ctx); err != nil {
		return err
	}
	for range settlePasses {
		quiet := true
		err := t.each(ctx, func(x *domain) error {
			came := map[guid]struct{}{}
			next, err := x.s.movements(ctx, x.link, marks[x], func(g guid, gone bool) {
				switch {
				case !t.concerns(g):
				case gone:
					t.pending[g], quiet = struct{}{}, false
				default:
					came[g], quiet = struct{}{}, false
				}
			})
			if err != nil {
				return err
			}
			marks[x] = next
			return t.show(ctx, x, sorted(came))
		})
		if err != nil || quiet {
			return err
		}
		if err := t.find(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: objects keep moving between domains", connector.ErrUnavailable)
}

func (t *settler) concerns(g guid) bool {
	if t.sent != nil {
		return !t.sent.has(g)
	}
	_, pending := t.pending[g]
	return pending
}

// find looks for the pending objects in all domains.
func (t *settler) find(ctx context.Context) error {
	if len(t.pending) == 0 {
		return nil
	}
	return t.each(ctx, func(x *domain) error {
		var here []guid
		err := x.s.readGUIDs(ctx, x.link, sorted(t.pending), []string{"objectGUID"}, func(e *entry) error {
			if g, ok := parseGUID(single(e, "objectGUID")); ok && x.s.scope.holdsObject(g, e.DN) {
				here = append(here, g)
			}
			return nil
		}, x.s.parts...)
		if err != nil {
			return err
		}
		return t.show(ctx, x, here)
	})
}

// show sends objects that were found in a domain.
func (t *settler) show(ctx context.Context, x *domain, guids []guid) error {
	if len(guids) == 0 {
		return nil
	}
	shown := newTally()
	if t.sent != nil {
		shown, t.sent.domain = t.sent, int32(x.index)
	}
	if err := x.sendWhole(ctx, t.out, guids, shown); err != nil {
		return err
	}
	for _, g := range guids {
		if shown.has(g) {
			delete(t.pending, g)
			if t.back != nil {
				t.back[g] = struct{}{}
			}
		}
	}
	t.log.LogAttrs(ctx, slog.LevelDebug, "objects came from another domain during the import", slog.String("domain", x.name()), slog.Int("objects", len(guids)))
	return nil
}

// movements tells of the objects in scope that came to the domain, or moved within it, and
// those that left it, since a mark. What is no object of the plan is not mentioned.
func (s *session) movements(ctx context.Context, l *link, mark watermark, each func(g guid, gone bool)) (watermark, error) {
	next := mark
	next.Cookies, next.USNs = map[string][]byte{}, nil
	if len(mark.USNs) > 0 {
		return s.movementsByUSN(ctx, l, mark, each)
	}
	for _, p := range s.parts {
		q := dirSync{partition: p, filter: s.plan.filter, attributes: []string{"name", "parentGUID", "isDeleted"},
			objectSecurity: mark.ObjectSecurity, cookie: mark.Cookies[p.id]}
		cookie, err := q.run(ctx, l, func(e *entry) error {
			g, ok := parseGUID(single(e, "objectGUID"))
			if gone := deleted(e); ok && (gone || s.scope.holdsObject(g, e.DN)) {
				each(g, gone)
			}
			return nil
		}, nil)
		if err != nil {
			return next, err
		}
		next.Cookies[p.id] = cookie
	}
	return next, nil
}

func (s *session) movementsByUSN(ctx context.Context, l *link, mark watermark, each func(g guid, gone bool)) (watermark, error) {
	next := mark
	root, err := l.readRoot(ctx)
	if err != nil {
		return next, err
	}
	next.USNs = map[string]int64{}
	for _, p := range s.parts {
		next.USNs[p.id] = root.usn
		err := s.since(ctx, l, p, s.plan.filter, mark.USNs[p.id], []string{"objectGUID"}, func(e *entry) error {
			if g, ok := parseGUID(single(e, "objectGUID")); ok && s.scope.holdsObject(g, e.DN) {
				each(g, false)
			}
			return nil
		})
		if err != nil {
			return next, err
		}
		err = s.deletedSince(ctx, l, p, mark.USNs[p.id], func(g guid) error { each(g, true); return nil })
		if err != nil {
			return next, err
		}
	}
	return next, nil
}
