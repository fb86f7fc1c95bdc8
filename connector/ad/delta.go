package ad

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// changeBatch is the number of changes that are kept before they are worked on. It is the
// most that Windows sends at once.
const changeBatch = 1000

// DeltaImport implements [connector.DeltaImporter].
func (s *session) DeltaImport(ctx context.Context, w connector.Watermark, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return s.stream(ctx, "delta-import", func(l *link, m *emitter) error {
		if len(r.Resume) > 0 {
			return expired("imports of this connector have no checkpoints")
		}
		mark, err := parseWatermark(w)
		if err != nil {
			return err
		}
		if l, err = s.usable(ctx, l, mark); err != nil {
			return err
		}
		if len(s.parts) > 1 || len(mark.USNs) > 0 { // the cookie of a single one tells by itself
			if err := s.probe(ctx, l, mark); err != nil {
				return err
			}
		}
		next, err := s.changes(ctx, l, m, mark, s.pageSize(r.PageSize))
		if err != nil {
			return err
		}
		return m.complete(next)
	})
}

// changes sends what has changed since a watermark that is usable, and returns the next.
func (s *session) changes(ctx context.Context, l *link, m *emitter, mark watermark, pageSize int) (watermark, error) {
	if len(mark.USNs) > 0 {
		return s.byUSN(ctx, l, m, mark, pageSize)
	}
	next, revived := mark, false
	next.Narrowed, next.Cookies = s.plan.narrowed, map[string][]byte{}
	for _, p := range s.parts {
		run := s.newRun(l, m, p, pageSize)
		var err error
		if next.Cookies[p.id], err = run.partitionChanges(ctx, mark); err != nil {
			return next, err
		}
		revived = revived || run.revived
	}
	if revived {
		var err error
		if next.Renew, err = s.afterRevival(ctx, l); err != nil {
			return next, err
		}
	}
	return next, s.stamp(ctx, l, &next)
}

// afterRevival tells whether a full import has to follow an object that was brought back.
// With the recycle bin its memberships come back, and are reported. Without it they do
// not; and where deletion and return lie between two imports, nobody has ever told that
// they are gone.
func (s *session) afterRevival(ctx context.Context, l *link) (string, error) {
	e, err := l.read(ctx, "CN=Partitions,"+l.root.configNC, anything, "msDS-EnabledFeature")
	if err != nil {
		return "", err
	}
	if e != nil && slices.ContainsFunc(values(e, "msDS-EnabledFeature"), func(dn string) bool { return strings.HasPrefix(plainDN(dn), "CN=Recycle Bin Feature,") }) {
		return "", nil
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "a deleted object was brought back without the recycle bin, the next import is a full one")
	return "a deleted object was brought back without the recycle bin, its memberships are not known", nil
}

// usable checks that a watermark is good for what is to be imported, and returns the
// connection to import over.
func (s *session) usable(ctx context.Context, l *link, mark watermark) (*link, error) {
	l, err := s.settle(ctx, l, mark)
	if err != nil {
		return nil, err
	}
	s.scope.memory = mark.Memory
	if err := s.refreshScope(ctx, l); err != nil {
		return nil, err
	}
	life, err := l.tombstoneLife(ctx)
	if err != nil {
		return nil, err
	}
	return l, mark.check(s.fingerprint(), s.plan.narrowed, s.parts, l.root.now, life)
}

// probe finds out, before any item is sent, whether the domain controller still tells what
// has changed since a watermark.
func (s *session) probe(ctx context.Context, l *link, mark watermark) error {
	if len(mark.USNs) > 0 {
		return s.sameMembers(ctx, l, mark)
	}
	for _, p := range s.parts {
		q := dirSync{partition: p, filter: p.head.filter(), attributes: []string{"objectGUID"},
			objectSecurity: mark.ObjectSecurity, cookie: mark.Cookies[p.id]}
		if _, err := q.run(ctx, l, func(*entry) error { return nil }, nil); err != nil {
			return s.lostRight(err, mark)
		}
	}
	return nil
}

// lostRight maps the refusal of changes to an account that could once replicate them.
func (s *session) lostRight(err error, mark watermark) error {
	if errors.Is(err, connector.ErrPermission) && !mark.ObjectSecurity && s.d.opts.DirSync == DirSyncAuto {
		return expired("the account has lost the right to replicate changes")
	}
	return err
}

// A deltaRun imports the changes of one partition.
type deltaRun struct {
	*session
	link      *link
	out       *emitter
	partition partition
	pageSize  int

	batch   []change
	revived bool              // an object was brought back
	moved   map[guid]struct{} // containers that were renamed or moved
	// late are updates that remove references, and later ones of the same objects. A
	// removed reference comes with its target's present DN: the receiver must have heard
	// of every rename before it can find the value that it holds.
	late   []connector.Item
	lateOf map[connector.Anchor]struct{}
	// entered are the objects that may have come into scope, with a name that nobody has
	// told yet of the one by which objects in scope refer to them.
	entered map[guid]struct{}
	told    map[guid]struct{} // objects that were sent whole
}

func (s *session) newRun(l *link, m *emitter, p partition, pageSize int) *deltaRun {
	return &deltaRun{session: s, link: l, out: m, partition: p, pageSize: pageSize,
		moved: map[guid]struct{}{}, lateOf: map[connector.Anchor]struct{}{}, entered: map[guid]struct{}{}, told: map[guid]struct{}{}}
}

func (r *deltaRun) partitionChanges(ctx context.Context, mark watermark) ([]byte, error) {
	q := dirSync{partition: r.partition, filter: r.plan.changeFilter, attributes: r.plan.changes,
		objectSecurity: mark.ObjectSecurity, cookie: mark.Cookies[r.partition.id]}
	next, err := q.run(ctx, r.link, func(e *entry) error { return r.add(ctx, e) },
		func() error { return r.flush(ctx, r.link) })
	if err != nil && r.out.objects > 0 && errors.Is(err, connector.ErrWatermarkExpired) {
		return nil, fmt.Errorf("%w: a cookie was refused in mid-import", connector.ErrUnavailable)
	}
	if err != nil {
		return nil, r.lostRight(err, mark)
	}
	if err := r.descend(ctx); err != nil {
		return nil, err
	}
	if err := r.groupChanges(ctx, mark); err != nil {
		return nil, err
	}
	if err := r.welcome(ctx); err != nil {
		return nil, err
	}
	for _, item := range r.late {
		if err := r.out.late(item); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// add takes one change while the answer streams in. A full batch must be worked on right
// then, over the second connection: the first is busy until the answer has ended.
func (r *deltaRun) add(ctx context.Context, e *entry) error {
	c, err := r.plan.change(e)
	if err != nil {
		return err
	}
	r.batch = append(r.batch, c)
	if len(r.batch) < changeBatch {
		return nil
	}
	l, err := r.aside(ctx)
	if err != nil {
		return err
	}
	return r.flush(ctx, l)
}

// flush works on the batch: it learns what DirSync does not tell, the classes of changed
// objects, sends updates and deletions, and reads objects that must be sent whole.
func (r *deltaRun) flush(ctx context.Context, l *link) error {
	batch := r.batch
	r.batch = nil
	known, err := r.classify(ctx, l, batch)
	if err != nil {
		return err
	}
	whole := map[guid]struct{}{}
	for i := range batch {
		c := &batch[i]
		if err := r.one(c, known, whole); err != nil {
			return err
		}
	}
	return r.sendWhole(ctx, l, batch, whole)
}

// A sighting is what a search says of an object that DirSync has mentioned.
type sighting struct {
	dn       string
	class    string
	imported bool
}

func (r *deltaRun) classify(ctx context.Context, l *link, batch []change) (map[guid]sighting, error) {
	var ask []guid
	known := map[guid]sighting{}
	for _, c := range batch {
		if _, twice := known[c.guid]; !c.deleted && !twice {
			known[c.guid] = sighting{}
			ask = append(ask, c.guid)
		}
	}
	clear(known)
	return known, r.readGUIDs(ctx, l, ask, []string{"objectGUID", "objectClass"}, func(e *entry) error {
		g, ok := parseGUID(single(e, "objectGUID"))
		if !ok {
			return nil
		}
		at := sighting{dn: e.DN}
		at.class, at.imported = r.plan.classOf(values(e, "objectClass"))
		known[g] = at
		return nil
	}, r.partition)
}

// one sends what a single change amounts to, or notes that the object must be read.
func (r *deltaRun) one(c *change, known map[guid]sighting, whole map[guid]struct{}) error {
	anchor := connector.NewAnchor(c.guid[:])
	if c.deleted {
		delete(whole, c.guid)
		r.forget(anchor)
		return r.out.gone(anchor)
	}
	now, exists := known[c.guid]
	if !exists {
		return nil // deleted since; its deletion comes next
	}
	r.revived = r.revived || c.revived
	if !now.imported {
		if c.renamed && !c.created {
			r.moved[c.guid] = struct{}{}
		}
		return nil
	}
	if !r.scope.holdsObject(c.guid, now.dn) {
		if c.renamed {
			r.forget(anchor)
			return r.out.gone(anchor)
		}
		return nil
	}
	if _, coming := whole[c.guid]; coming {
		return nil
	}
	if c.created || c.whole || c.renamed && r.scope.restricted {
		if c.renamed && !c.created {
			r.entered[c.guid] = struct{}{}
		}
		whole[c.guid] = struct{}{}
		r.forget(anchor)
		return nil
	}
	o := &connector.Object{Class: now.class, Anchor: anchor, DN: now.dn, Partition: r.partitionOf(r.partition)}
	if c.err != nil {
		return r.out.trouble(o, c.err)
	}
	if len(c.mods) == 0 && !c.renamed {
		return nil
	}
	item := connector.Item{Kind: connector.ItemUpdate, Object: o, Mods: c.mods}
	_, late := r.lateOf[anchor]
	if !late && !slices.ContainsFunc(item.Mods, removesReference) {
		return r.out.send(item)
	}
	r.lateOf[anchor] = struct{}{}
	r.late = append(r.late, item)
	if !c.renamed {
		return nil
	}
	own := *o // the rename goes at once
	return r.out.send(connector.Item{Kind: connector.ItemUpdate, Object: &own})
}

// forget drops the late updates of an object that is sent whole or as deleted.
func (r *deltaRun) forget(anchor connector.Anchor) {
	if _, ok := r.lateOf[anchor]; ok {
		delete(r.lateOf, anchor)
		r.late = slices.DeleteFunc(r.late, func(i connector.Item) bool { return i.Object.Anchor == anchor })
	}
}

func removesReference(m attr.Mod) bool {
	return slices.ContainsFunc(m.Deletes, func(v attr.Value) bool { return v.Kind() == attr.KindReference })
}

// sendWhole reads the noted objects, in the order of the batch as far as the server keeps
// to it, and sends them.
func (r *deltaRun) sendWhole(ctx context.Context, l *link, batch []change, whole map[guid]struct{}) error {
	guids := make([]guid, 0, len(whole))
	for _, c := range batch {
		if _, ok := whole[c.guid]; ok {
			guids = append(guids, c.guid)
			r.told[c.guid] = struct{}{}
			delete(whole, c.guid)
		}
	}
	return r.readGUIDs(ctx, l, guids, r.requested(), func(e *entry) error {
		return r.importEntry(ctx, l, r.out, r.partition, e, nil)
	}, r.partition)
}

// descend sends the objects beneath containers that were renamed or moved.
func (r *deltaRun) descend(ctx context.Context) error {
	if len(r.moved) == 0 {
		return nil
	}
	// Had an included container itself been renamed, all in it would seem to have left.
	if err := r.refreshScope(ctx, r.link); err != nil {
		return err
	}
	var roots []string
	err := r.readGUIDs(ctx, r.link, sorted(r.moved), []string{"objectGUID"}, func(e *entry) error {
		roots = append(roots, e.DN)
		return nil
	}, r.partition)
	if err != nil {
		return err
	}
	for _, dn := range outermost(roots) {
		r.log.LogAttrs(ctx, slog.LevelInfo, "a container was renamed or moved, its tree is read again", slog.String("dn", dn))
		if err := r.tree(ctx, dn); err != nil {
			return err
		}
	}
	return nil
}

// outermost drops the DNs that are beneath others of them.
func outermost(dns []string) []string {
	slices.Sort(dns)
	return slices.DeleteFunc(slices.Compact(dns), func(dn string) bool {
		return slices.ContainsFunc(dns, func(other string) bool { return len(other) < len(dn) && within(dn, other) })
	})
}

// tree sends every object beneath a container that has a new DN: with that DN where only
// the DN can have changed, whole where the scope could have been entered, as deleted where
// it is left.
func (r *deltaRun) tree(ctx context.Context, base string) error {
	search := r.wholeObjects(base)
	inside := r.scope.touches(base)
	if !r.scope.restricted || !inside {
		search.Attributes = []string{"objectGUID", "objectClass"}
	}
	for entries, err := range r.link.pages(ctx, search, r.pageSize) {
		if err != nil {
			return fmt.Errorf("objects of %s: %w", base, err)
		}
		for _, e := range entries {
			if err := r.descendant(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *deltaRun) descendant(ctx context.Context, e *entry) error {
	g, o, imported, err := r.plan.identity(e)
	if err == nil && r.scope.restricted && r.scope.holdsObject(g, e.DN) {
		r.entered[g], r.told[g] = struct{}{}, struct{}{}
		return r.importEntry(ctx, r.link, r.out, r.partition, e, nil)
	}
	switch {
	case err != nil:
		return r.out.trouble(o, err)
	case !imported:
		return nil
	case r.scope.restricted:
		return r.out.gone(o.Anchor)
	}
	o.Partition = r.partitionOf(r.partition)
	c := change{guid: g, dn: e.DN}
	r.plan.addNaming(&c, "")
	return r.out.send(connector.Item{Kind: connector.ItemUpdate, Object: o, Mods: c.mods})
}
