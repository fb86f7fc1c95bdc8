package ad

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// errStopped ends an import whose receiver has seen enough.
var errStopped = errors.New("ad: the import was stopped")

// An emitter passes items on to the receiver of an import and counts them.
type emitter struct {
	ctx       context.Context //nolint:containedctx // lives as long as one call
	connector string
	yield     func(connector.Item, error) bool
	objects   int64
	hold      *holding // of a delta import of several domains, else nil
	hearsay   *hearsay // of a delta import of several domains, else nil
}

func (m *emitter) send(item connector.Item) error {
	if m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	if m.hold != nil && !m.hold.passes(item) {
		return nil
	}
	m.hearsay.note(item)
	m.objects++
	if !m.yield(item, nil) {
		return errStopped
	}
	return nil
}

// trouble sends an object that could not be read; other errors end the import.
func (m *emitter) trouble(o *connector.Object, err error) error {
	var own *connector.Error
	if !errors.As(err, &own) {
		return err
	}
	own.Connector = m.connector
	return m.send(connector.Item{Kind: connector.ItemObject, Object: &connector.Object{Class: o.Class, Anchor: o.Anchor, DN: o.DN, Partition: o.Partition}, Err: own})
}

// late sends an update that has to come after all renames.
func (m *emitter) late(item connector.Item) error {
	if m.hold != nil {
		m.hearsay.note(item)
		m.hold.late = append(m.hold.late, item)
		return nil
	}
	return m.send(item)
}

func (m *emitter) gone(anchor connector.Anchor) error {
	if m.hold != nil {
		m.hold.keep(anchor)
		return nil
	}
	return m.send(connector.Item{Kind: connector.ItemDelete, Object: &connector.Object{Anchor: anchor}})
}

func (m *emitter) complete(w watermark) error {
	mark, err := w.encode()
	if err != nil {
		return err
	}
	return m.finish(mark)
}

// finish ends an import that has shown all.
func (m *emitter) finish(mark connector.Watermark) error {
	if m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	m.yield(connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{Watermark: mark, Objects: m.objects}}, nil)
	return nil
}

// stream runs an import as an iterator. A connection that turns out to be lost before
// anything was sent is replaced, perhaps by one to another domain controller: sessions may
// be idle for longer than domain controllers like.
func (s *session) stream(ctx context.Context, op string, run func(*link, *emitter) error) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		m := &emitter{ctx: ctx, connector: s.d.name, yield: yield}
		l, err := s.link(ctx)
		if err == nil {
			err = run(l, m)
			if err != nil && m.objects == 0 && !s.main.alive() && ctx.Err() == nil && errors.Is(err, connector.ErrUnavailable) && !errors.Is(err, errSilent) {
				if l, err = s.link(ctx); err == nil {
					err = run(l, m)
				}
			}
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(connector.Item{}, s.d.failure(op, err))
		}
	}
}

// FullImport implements [connector.FullImporter].
func (s *session) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return s.stream(ctx, "full-import", func(l *link, m *emitter) error {
		if len(r.Resume) > 0 {
			return expired("imports of this connector have no checkpoints")
		}
		if err := s.refreshScope(ctx, l); err != nil {
			return err
		}
		if err := s.freshEnough(ctx, l); err != nil {
			return err
		}
		mark, err := s.startCookies(ctx, l)
		if err != nil {
			return err
		}
		for _, p := range s.parts {
			if err := s.importPartition(ctx, l, m, p, mark, r.PageSize, nil); err != nil {
				return err
			}
		}
		if err := s.followRenames(ctx, l, m, mark); err != nil {
			return err
		}
		return m.complete(mark)
	})
}

// freshEnough refuses to take a domain controller for the whole truth that is known to lag
// behind the one of the last import.
func (s *session) freshEnough(ctx context.Context, l *link) error {
	if s.last == nil || s.last.madeAt(l) {
		return nil
	}
	root, err := l.readRoot(ctx)
	if err != nil {
		return err
	}
	return s.caughtUp(ctx, l, root, *s.last, false)
}

// refreshScope looks the included and excluded containers up again: a session may be older
// than a rename.
func (s *session) refreshScope(ctx context.Context, l *link) error {
	if !s.scope.restricted {
		return nil
	}
	fresh, err := s.readScope(ctx, l, s.scope.memory)
	if err != nil {
		return err
	}
	s.scope = fresh
	return nil
}

// importPartition sends every object in scope once. Where several containers are searched
// one after the other, objects can move between them meanwhile, and would be seen twice or
// never: then the anchors of what was sent are kept, and moves are looked for at the end.
// Who passes a tally looks for them itself.
func (s *session) importPartition(ctx context.Context, l *link, m *emitter, p partition, mark watermark, pageSize int, forest *tally) error {
	bases, sent := s.scope.bases(p), forest
	if sent == nil && len(bases) > 1 {
		sent = newTally()
	}
	for _, base := range bases {
		for entries, err := range l.pages(ctx, s.wholeObjects(base), s.pageSize(pageSize)) {
			if err != nil {
				return fmt.Errorf("objects of %s: %w", base, err)
			}
			for _, e := range entries {
				if err := s.importEntry(ctx, l, m, p, e, sent); err != nil {
					return err
				}
			}
		}
	}
	if sent == nil || forest != nil {
		return nil
	}
	return s.importMoved(ctx, l, m, p, mark, sent)
}

// wholeObjects is the search for all objects of the plan beneath a container.
func (s *session) wholeObjects(base string) *ldap.SearchRequest {
	return &ldap.SearchRequest{
		BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: s.scope.filter(s.plan.filter), Attributes: s.requested(),
		Controls: []ldap.Control{domainScope()},
	}
}

// requested is the attribute list of the plan, with a first range where a step is set.
func (s *session) requested() []string {
	if s.d.rangeStep <= 0 {
		return s.plan.request
	}
	names := make([]string, 0, len(s.plan.request))
	for _, n := range s.plan.request {
		if a := s.plan.schema.attribute(n); a != nil && a.multi && a.syntax == syntaxDN {
			n += fmt.Sprintf(";range=0-%d", s.d.rangeStep-1)
		}
		names = append(names, n)
	}
	return names
}

func (s *session) pageSize(asked int) int {
	if asked > 0 {
		return asked
	}
	return s.d.opts.PageSize
}

// importEntry sends one object of a full import. sent may be nil.
func (s *session) importEntry(ctx context.Context, l *link, m *emitter, p partition, e *entry, sent *tally) error {
	d, err := s.plan.draft(e)
	if err == nil && !d.imported {
		return nil
	}
	g, _ := parseGUID(d.object.Anchor.Raw())
	if !s.scope.holdsObject(g, e.DN) {
		return nil
	}
	d.object.Partition = s.partitionOf(p)
	if !sent.add(g) {
		return nil
	}
	if err == nil && len(d.incomplete) > 0 {
		var exists bool
		if exists, err = s.complete(ctx, l, &d); err == nil && !exists {
			sent.takeBack(g) // deleted meanwhile, or gone to another domain
			return nil
		}
	}
	if err != nil {
		return m.trouble(d.object, err)
	}
	return m.send(connector.Item{Kind: connector.ItemObject, Object: d.object})
}

// importMoved sends what has come into a searched container from one that was not searched
// yet, and so was missed.
func (s *session) importMoved(ctx context.Context, l *link, m *emitter, p partition, mark watermark, sent *tally) error {
	if len(mark.USNs) > 0 {
		missed, err := s.missedByUSN(ctx, l, p, mark.USNs[p.id], sent)
		if err != nil {
			return err
		}
		return s.readGUIDs(ctx, l, missed, s.requested(), func(e *entry) error {
			return s.importEntry(ctx, l, m, p, e, sent)
		}, p)
	}
	var missed []guid
	q := dirSync{partition: p, filter: s.plan.filter, attributes: []string{"name", "parentGUID", "isDeleted"},
		objectSecurity: mark.ObjectSecurity, cookie: mark.Cookies[p.id]}
	_, err := q.run(ctx, l, func(e *entry) error {
		g, ok := parseGUID(single(e, "objectGUID"))
		if ok && !sent.has(g) && !deleted(e) && s.scope.holdsObject(g, e.DN) {
			missed = append(missed, g)
		}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	return s.readGUIDs(ctx, l, missed, s.requested(), func(e *entry) error {
		return s.importEntry(ctx, l, m, p, e, sent)
	}, p)
}
