package metaverse

import (
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Steps in which object errors arise.
const (
	stepImport = "import"
	stepSync   = "sync"
	stepExport = "export"
)

// staging writes one batch of import items into the connector space, in one transaction.
// It works on objects in memory, each loaded once, and writes what changed at the end.
type staging struct {
	in   *intake
	tx   Tx
	conn string
	caps connector.Capabilities

	byID     map[CSID]*staged
	byAnchor map[connector.Anchor]*staged
	byDN     map[string]*staged
	order    []*staged // in order of first appearance
	lowered  [2]string // a DN and its key: the latest one that was asked for
	met      bool      // a stranger was referred to; see moves

	refs    refChanges
	seen    []CSID
	deletes []CSID
	unknown []connector.Key // changed objects that must be read whole
	failed  []ObjectError
	counts  Counters

	members, regrouped []CSID // about whom groups decide, and groups that begin or end to
}

// staged is one connector-space object of the batch with what happens to it.
type staged struct {
	*CSObject
	isNew    bool
	dirty    bool           // row or image changed
	next     ImportOp       // what the pending import shall be at the end
	export   *PendingExport // loaded for objects that have one
	exportOK bool           // export was changed
	touched  map[string]bool
	whole    bool // a whole object came, so absence is evidence
}

func newStaging(in *intake, tx Tx) *staging {
	return &staging{
		in: in, tx: tx, conn: in.r.t.name, caps: in.r.t.caps,
		refs: newRefChanges(),
	}
}

func (s *staging) stage(items []connector.Item) error {
	n := len(items)
	s.byID, s.byAnchor, s.byDN = make(map[CSID]*staged, n), make(map[connector.Anchor]*staged, n), make(map[string]*staged, n)
	if err := s.load(items); err != nil {
		return err
	}
	for i := range items {
		if err := s.item(&items[i]); err != nil {
			return err
		}
	}
	if err := s.confirm(); err != nil {
		return err
	}
	return s.write()
}

// load fetches every object that the items name, by anchor and by DN, and looks up those that
// they refer to.
func (s *staging) load(items []connector.Item) error {
	var anchors []connector.Anchor
	var dns []string
	for i := range items {
		o := items[i].Object
		if o == nil {
			continue
		}
		if !o.Anchor.IsZero() && s.in.known.may(knownAnchor, o.Anchor.Raw()) {
			anchors = append(anchors, o.Anchor)
		}
		if o.DN != "" {
			if key := s.dnKey(o.DN); s.in.known.may(knownDN, key) {
				dns = append(dns, key)
			}
		}
	}
	a, err := s.tx.CSByAnchor(s.conn, anchors)
	if err != nil {
		return err
	}
	d, err := s.tx.CSByDN(s.conn, dns)
	if err != nil {
		return err
	}
	if err := s.fetch(append(a, d...)); err != nil {
		return err
	}
	if err := s.refs.read(s, items); err != nil {
		return err
	}
	return s.refs.load(s, items)
}

// fetch loads objects that are not loaded yet, with their pending exports.
func (s *staging) fetch(ids []CSID) error {
	var missing []CSID
	asked := make(map[CSID]bool, len(ids))
	for _, id := range ids {
		if id != 0 && s.byID[id] == nil && !asked[id] {
			asked[id] = true
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	objects, err := s.tx.CS(missing)
	if err != nil {
		return err
	}
	exports, err := s.tx.PendingExport(missing)
	if err != nil {
		return err
	}
	for i, o := range objects {
		if o == nil {
			continue
		}
		s.track(&staged{CSObject: o, next: o.Pending, export: exports[i]})
	}
	return nil
}

func (s *staging) track(o *staged) {
	s.byID[o.ID] = o
	if !o.Anchor.IsZero() {
		s.byAnchor[o.Anchor] = o
	}
	s.byDN[o.DNKey] = o
	s.order = append(s.order, o)
}

// dnKey is the form under which DNs of the connector are compared.
func (s *staging) dnKey(dn string) string {
	if s.lowered[0] != dn {
		s.lowered = [2]string{dn, dnKey(s.caps, dn)}
	}
	return s.lowered[1]
}

func dnKey(caps connector.Capabilities, dn string) string {
	if caps.CaseSensitiveDN {
		return dn
	}
	return strings.ToLower(dn)
}

func (s *staging) item(it *connector.Item) error {
	o := it.Object
	if it.Err != nil {
		s.fail(o, it.Err)
		return nil
	}
	switch {
	case o == nil || o.Key().IsZero():
		s.fail(o, &connector.Error{Op: "import", Connector: s.conn, Code: connector.CodeMissingAnchor, Err: connector.ErrInvalid})
		return nil
	case it.Kind == connector.ItemDelete:
		s.remove(o.Key())
		return nil
	case it.Kind == connector.ItemUpdate:
		return s.update(it)
	case o.Anchor.IsZero():
		s.fail(o, &connector.Error{Op: "import", Connector: s.conn, Object: o.Key(), Code: connector.CodeMissingAnchor, Err: connector.ErrInvalid})
		return nil
	case o.Class == "":
		s.fail(o, &connector.Error{Op: "import", Connector: s.conn, Object: o.Key(), Code: connector.CodeMissingClass, Err: connector.ErrInvalid})
		return nil
	}
	return s.object(o)
}

// object stages a whole object.
func (s *staging) object(o *connector.Object) error {
	cs, err := s.match(o.Key())
	if err != nil {
		return err
	}
	if cs == nil {
		if cs, err = s.create(o); err != nil {
			return err
		}
	}
	cs.whole = true
	before := cs.next
	fresh := !cs.Imported
	changed := fresh || before == ImportDelete
	if renamed, err := s.place(cs, o.DN, o.Partition); err != nil {
		return err
	} else if renamed && !fresh {
		s.counts.Renames++
		changed = true
	}
	if s.adopt(cs, o) {
		changed = true
	}
	s.met = false
	plain, refs := splitReferences(&o.Attributes)
	if !cs.Image.Equal(&plain) {
		cs.Image, cs.dirty, changed = plain, true, true
	}
	if refsChanged, err := s.refs.replace(s, cs, refs); err != nil {
		return err
	} else if refsChanged {
		changed = true
	}
	if s.in.alone && s.met {
		s.in.moved.foresee(cs.ID)
	}
	s.mark(cs, changed, fresh, before)
	return nil
}

// adopt takes over anchor and class.
func (s *staging) adopt(cs *staged, o *connector.Object) (changed bool) {
	if cs.Anchor != o.Anchor {
		cs.Anchor, cs.dirty = o.Anchor, true
		s.byAnchor[o.Anchor] = cs
	}
	if cs.State == Placeholder {
		cs.State, cs.dirty = NormalDisconnector, true
		s.in.moved.taken(cs.DNKey, cs.ID)
	}
	if !cs.Imported {
		cs.Imported, cs.dirty, changed = true, true, true
	}
	if o.Class != "" && !attr.EqualName(cs.Class, o.Class) {
		if cs.Class != "" && cs.next != ImportAdd {
			cs.next = ImportDeleteAdd
		}
		cs.Class, cs.dirty, changed = o.Class, true, true
	}
	return changed
}

// mark settles what the pending import of an object becomes.
func (s *staging) mark(cs *staged, changed, fresh bool, before ImportOp) {
	s.seen = append(s.seen, cs.ID)
	switch {
	case !changed:
		s.counts.Unchanged++
		return
	case cs.next == ImportDeleteAdd, cs.next == ImportAdd:
	case fresh && cs.Link.MV == 0:
		cs.next = ImportAdd
	default:
		cs.next = ImportUpdate
	}
	if fresh && before != ImportAdd {
		s.counts.Adds++
	} else {
		s.counts.Updates++
	}
}

// update stages a change of an object that must be known already.
func (s *staging) update(it *connector.Item) error {
	o := it.Object
	cs, err := s.match(o.Key())
	if err != nil {
		return err
	}
	if cs == nil || !cs.Imported || cs.next == ImportDelete || cs.Image.Len() == 0 {
		s.unknown = append(s.unknown, o.Key())
		return nil
	}
	before := cs.next
	changed := false
	if o.DN != "" {
		renamed, err := s.place(cs, o.DN, o.Partition)
		if err != nil {
			return err
		}
		if renamed {
			s.counts.Renames++
			changed = true
		}
	}
	if o.Class != "" && s.adopt(cs, o) {
		changed = true
	}
	if cs.touched == nil {
		cs.touched = make(map[string]bool)
	}
	for _, m := range it.Mods {
		cs.touched[attr.Fold(m.Name)] = true
		if isReferenceMod(m) || s.in.r.t.schema.isReference(m.Name) {
			refsChanged, err := s.refs.modify(s, cs, m)
			if err != nil {
				return err
			}
			changed = changed || refsChanged
			continue
		}
		if cs.Image.Apply(m) {
			cs.dirty, changed = true, true
		}
	}
	s.mark(cs, changed, false, before)
	return nil
}

func (s *staging) remove(k connector.Key) {
	cs := s.byAnchor[k.Anchor]
	if k.Anchor.IsZero() {
		cs = s.byDN[s.dnKey(k.DN)]
	}
	if cs == nil || cs.State == Placeholder || cs.next == ImportDelete {
		s.counts.Unchanged++
		return
	}
	cs.next = ImportDelete
	s.counts.Deletes++
}

// match finds the connector-space object that a key means: by anchor, else by DN. An
// object that is found by DN and has another anchor is another object: it is moved out of
// the way until its own new DN arrives.
func (s *staging) match(k connector.Key) (*staged, error) {
	if cs := s.byAnchor[k.Anchor]; cs != nil && !k.Anchor.IsZero() {
		return s.unborn(cs, k.DN)
	}
	if k.DN == "" {
		return nil, nil
	}
	cs := s.byDN[s.dnKey(k.DN)]
	if cs == nil {
		return nil, nil
	}
	if cs.Anchor.IsZero() || k.Anchor.IsZero() {
		return cs, nil
	}
	s.displace(cs)
	return nil, nil
}

// unborn returns the object that waits to be created at a DN in place of the placeholder that stands
// for the same object: somebody else has created it meanwhile, such as another server, and what
// refers to it was shown before it.
func (s *staging) unborn(cs *staged, dn string) (*staged, error) {
	if cs.State != Placeholder || dn == "" {
		return cs, nil
	}
	waiting := s.byDN[s.dnKey(dn)]
	if waiting == nil || !waiting.Anchor.IsZero() || waiting.State == Placeholder {
		return cs, nil
	}
	delete(s.byAnchor, cs.Anchor) // the other one has it from now on
	return waiting, s.absorb(cs, waiting)
}

// TransientPrefix begins the DN keys of objects whose DN another object has taken.
const TransientPrefix = "\x00transient/"

func (s *staging) displace(cs *staged) {
	delete(s.byDN, cs.DNKey)
	s.regroup(cs, cs.DNKey)
	s.in.moved.displace(cs.ID)
	cs.DNKey = TransientPrefix + strconv.FormatInt(int64(cs.ID), 10)
	cs.dirty = true
	s.byDN[cs.DNKey] = cs
}

// place gives an object its DN. It reports whether that is a change.
func (s *staging) place(cs *staged, dn, partition string) (bool, error) {
	if partition != "" && cs.Partition != partition {
		cs.Partition, cs.dirty = partition, true
	}
	if dn == "" || cs.DN == dn && !strings.HasPrefix(cs.DNKey, TransientPrefix) {
		return false, nil
	}
	key := s.dnKey(dn)
	if other := s.byDN[key]; other != nil && other != cs {
		if other.State == Placeholder && other.Anchor.IsZero() {
			if err := s.absorb(other, cs); err != nil {
				return false, err
			}
		} else {
			s.displace(other)
		}
	}
	delete(s.byDN, cs.DNKey)
	s.regroup(cs, cs.DNKey)
	s.regroup(cs, key)
	s.in.moved.left(cs.DNKey, cs.ID)
	s.in.moved.taken(key, cs.ID)
	renamed := cs.DN != dn
	cs.DN, cs.DNKey, cs.dirty = dn, key, true
	s.byDN[key] = cs
	return renamed, nil
}

// absorb makes everything that refers to a placeholder refer to the real object.
func (s *staging) absorb(placeholder, cs *staged) error {
	if err := s.flushRefs(); err != nil {
		return err
	}
	if placeholder.isNew || placeholder.dirty {
		if err := s.putAside(placeholder); err != nil {
			return err
		}
	}
	if cs.isNew {
		if err := s.putAside(cs); err != nil {
			return err
		}
	}
	if err := s.tx.MoveCSRefsTo(placeholder.ID, cs.ID); err != nil {
		return err
	}
	s.refs.have = nil // whoever refers to the placeholder refers to another one now
	delete(s.byID, placeholder.ID)
	delete(s.byDN, placeholder.DNKey)
	s.deletes = append(s.deletes, placeholder.ID)
	return s.tx.QueueCSRefsTo([]CSID{cs.ID})
}

// putAside lets the row of an object exist, under a DN key that is nobody's: its own may still
// be that of another row which has not been written yet.
func (s *staging) putAside(cs *staged) error {
	row := *cs.CSObject
	row.DNKey = TransientPrefix + strconv.FormatInt(int64(cs.ID), 10)
	cs.isNew, cs.dirty = false, true
	return s.tx.PutCS([]*CSObject{&row})
}

func (s *staging) create(o *connector.Object) (*staged, error) {
	id, err := s.tx.NewCS(1)
	if err != nil {
		return nil, err
	}
	cs := &staged{
		CSObject: &CSObject{ID: id, Connector: s.conn, Class: o.Class, Anchor: o.Anchor, Partition: o.Partition},
		isNew:    true, dirty: true,
	}
	cs.DN = o.DN
	if cs.DN == "" {
		cs.DN = o.Anchor.Text()
	}
	cs.DNKey = s.dnKey(cs.DN)
	if other := s.byDN[cs.DNKey]; other != nil {
		s.displace(other)
	}
	s.in.moved.taken(cs.DNKey, cs.ID)
	s.track(cs)
	return cs, nil
}

// fail records trouble with one object; what is staged of it stays as it was.
func (s *staging) fail(o *connector.Object, err error) {
	e := ObjectError{
		Connector: s.conn, Step: stepImport, Code: string(connector.CodeOf(err)), Message: err.Error(),
		First: s.in.r.now(), Last: s.in.r.now(), Count: 1,
	}
	if o != nil {
		e.Object = o.Key()
		if cs := s.byAnchor[o.Anchor]; cs != nil && !o.Anchor.IsZero() {
			s.seen = append(s.seen, cs.ID) // it exists, whatever else is wrong with it
		}
	}
	s.failed = append(s.failed, e)
}

// splitReferences takes the reference attributes out of a set.
func splitReferences(all *attr.Set) (plain attr.Set, refs []attr.Mod) {
	plain.Grow(all.Len())
	for name, values := range all.All() {
		if values[0].Kind() == attr.KindReference {
			refs = append(refs, attr.Mod{Name: name, Replace: true, Adds: values})
			continue
		}
		plain.Put(name, values...)
	}
	return plain, refs
}

func isReferenceMod(m attr.Mod) bool {
	if len(m.Adds) > 0 {
		return m.Adds[0].Kind() == attr.KindReference
	}
	return len(m.Deletes) > 0 && m.Deletes[0].Kind() == attr.KindReference
}
