package metaverse

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// moves are the changes of DNs in one import, as far as they make it doubtful whom a
// reference by DN means.
type moves struct {
	// vacant tells by the hash of a DN key which object has left it.
	vacant map[uint64]CSID
	// displaced are the objects whose DN another object has taken, or may have taken.
	displaced map[CSID]bool
	open      map[CSID]bool // those of them whose referrers have not been read again since
	lost      []CSID        // those of which it is not known where they are
	changed   bool          // since they were saved

	// named are the objects that references have meant by their DN, and anybody says that an import which
	// was not completed may have named any object.
	named   idSet
	anybody bool

	// strangers are placeholders for what nobody was known by before objects were read by themselves,
	// unmet those of these objects that refer to them, and owed those of earlier imports; see foresee.
	strangers, unmet map[CSID]bool
	owed             []CSID

	// overflow says that there were too many to keep in an import that was not completed, and again
	// that a full import has begun from the start since.
	overflow, again bool
}

func newMoves() moves {
	return moves{
		vacant: make(map[uint64]CSID), displaced: make(map[CSID]bool), open: make(map[CSID]bool),
		named: make(idSet), strangers: make(map[CSID]bool), unmet: make(map[CSID]bool),
	}
}

func hashDN(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return h.Sum64()
}

// name notes that a reference was taken to mean an object, because it stands at the DN that was shown.
func (m *moves) name(id CSID) {
	if id == 0 {
		return
	}
	if len(m.named) == 0 && !m.anybody {
		m.changed = true
	}
	m.named.add(id)
}

// left notes that an object has another DN from now on. Whoever was understood to mean it before
// may have meant one that had taken its place by then, and that is not shown: it is out of scope.
func (m *moves) left(key string, id CSID) {
	if strings.HasPrefix(key, TransientPrefix) {
		return
	}
	m.vacant[hashDN(key)], m.changed = id, true
	if m.anybody || m.named.has(id) {
		m.displace(id)
	}
}

// taken notes that an object stands at a DN that may have been another one's.
func (m *moves) taken(key string, id CSID) {
	if len(m.vacant) == 0 {
		return
	}
	if before, ok := m.vacant[hashDN(key)]; ok && before != id {
		m.displace(before)
	}
}

// displace notes that another object stands where an object stood.
func (m *moves) displace(id CSID) { m.displaced[id], m.open[id], m.changed = true, true, true }

// foresee notes an object that was read by itself and refers to a stranger. That may be a new name of somebody
// known, which this import has not told, and which the next one will not tell if there is a newer one by
// then. The object is read again at the end of the next import.
func (m *moves) foresee(id CSID) { m.unmet[id], m.changed = true, true }

// maxSavedMoves bounds what is kept for the case that the import dies. Beyond it, a full import
// from the start follows then.
const maxSavedMoves = 5000

// savedMoves are the moves of imports that were not completed. They are written with what
// they are about: the next import does not see them happen again.
type savedMoves struct {
	Vacant    map[uint64]CSID `json:"vacant,omitempty"`
	Displaced []CSID          `json:"displaced,omitempty"`
	Overflow  bool            `json:"overflow,omitempty"` // too many to keep
	Named     bool            `json:"named,omitempty"`    // references have named objects by their DN
	// Again says that a full import has begun from the start since: that one can be resumed.
	Again bool `json:"again,omitempty"`
	// Reread are the objects that are read again in any case.
	Reread []CSID `json:"reread,omitempty"`
}

// startOver reports whether only a full import from the start can make up for what was not kept.
func (s *savedMoves) startOver() bool { return s.Overflow && !s.Again }

func (m *moves) save(tx Tx, name string) error {
	if !m.changed {
		return nil
	}
	saved := savedMoves{Overflow: true}
	if len(m.vacant)+len(m.displaced) <= maxSavedMoves {
		saved = savedMoves{
			Vacant: m.vacant, Displaced: slices.Sorted(maps.Keys(m.displaced)), Named: m.anybody || len(m.named) > 0,
			Overflow: m.overflow, Again: m.again,
		}
	}
	saved.Reread = m.reread(m.owed)
	b, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	return tx.PutSetting(settingMoves+name, b)
}

func readMoves(rd Reader, name string) (s savedMoves, err error) {
	b, err := rd.Setting(settingMoves + name)
	if err != nil || b == nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%w: moves of %s: %w", ErrCorrupt, name, err)
	}
	return s, nil
}

// reread lists what is read again in any case, with what earlier imports owe. If it is too much, it is what
// the connector does not read that is referred to, rather than new names.
func (m *moves) reread(owed []CSID) []CSID {
	ids := slices.AppendSeq(slices.Clone(owed), maps.Keys(m.unmet))
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), maxSavedMoves)]
}

// saveLost keeps what the next import has to ask about.
func (m *moves) saveLost(tx Tx, name string) error {
	saved := savedMoves{Reread: m.reread(nil)}
	if len(m.lost) <= maxSavedMoves {
		saved.Displaced = m.lost
	}
	if len(saved.Displaced)+len(saved.Reread) == 0 {
		return tx.PutSetting(settingMoves+name, nil)
	}
	b, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	return tx.PutSetting(settingMoves+name, b)
}

func (m *moves) restore(s savedMoves) {
	maps.Copy(m.vacant, s.Vacant)
	m.anybody = s.Named
	for _, id := range s.Displaced {
		m.displaced[id], m.open[id] = true, true
	}
	m.overflow, m.again, m.owed = s.Overflow, s.Again, s.Reread
}

// remember takes over the moves of imports that were not completed.
func (in *intake) remember(ctx context.Context) error {
	return in.r.e.store.View(ctx, func(rd Reader) error {
		saved, err := readMoves(rd, in.r.t.name)
		in.moved.restore(saved)
		return err
	})
}

// rereadReferrers reads again what refers to objects whose DN another object has taken in
// this import. A referrer that came before the change of DNs was understood to mean the
// object that stood there until then.
func (in *intake) rereadReferrers(ctx context.Context) error {
	if in.r.t.caps.References == connector.ReferenceByAnchor {
		in.moved = newMoves()
		return nil
	}
	if err := in.noteRenamed(ctx); err != nil {
		return err
	}
	reader, _ := connector.As[connector.ObjectReader](in.session)
	if err := in.rereadOwed(ctx, reader); err != nil {
		return err
	}
	lost := make(map[CSID]bool)
	for len(in.moved.open) > 0 {
		ids := slices.Sorted(maps.Keys(in.moved.open))
		clear(in.moved.open)
		for _, id := range ids {
			known, err := in.whereIs(ctx, reader, id)
			if err != nil {
				return err
			}
			if lost[id] = !known; !known {
				continue
			}
			if err := in.rereadReferrersOf(ctx, reader, id); err != nil {
				return err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(lost)) {
		if lost[id] {
			in.moved.lost = append(in.moved.lost, id)
		}
	}
	return nil
}

// rereadOwed reads again what earlier imports have left.
func (in *intake) rereadOwed(ctx context.Context, reader connector.ObjectReader) error {
	if reader == nil {
		return nil
	}
	for ids := range slices.Chunk(in.moved.owed, in.r.e.opts.Batch) {
		var keys []connector.Key
		err := in.r.e.store.View(ctx, func(rd Reader) (err error) {
			keys, err = keysOf(rd, ids)
			return err
		})
		if err == nil {
			err = in.readAgain(ctx, reader, keys)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keysOf names those of the objects that are there, as far as the imports know.
func keysOf(rd Reader, ids []CSID) (keys []connector.Key, err error) {
	heads, err := rd.CSHeads(ids)
	for _, o := range heads {
		if o != nil && o.Imported && o.Pending != ImportDelete {
			keys = append(keys, o.Key())
		}
	}
	return keys, err
}

// rereadReferrersOf reads again what refers to one object. reader is nil where nothing can be read
// one by one.
func (in *intake) rereadReferrersOf(ctx context.Context, reader connector.ObjectReader, id CSID) error {
	for after := CSID(0); ; {
		keys, last, err := in.referrers(ctx, id, after)
		if err != nil || last == 0 {
			return err
		}
		after = last
		if reader == nil {
			in.r.note("%d objects refer to others whose DN was taken and cannot be read one by one: a full import is needed", len(keys))
			in.r.rec.Counters.Warnings += int64(len(keys))
			continue
		}
		if err := in.readAgain(ctx, reader, keys); err != nil {
			return err
		}
	}
}

// whereIs finds out what has become of an object that lost its DN. It reports whether that is
// known: while it is not, nothing is concluded from references either, and the next import
// asks again.
func (in *intake) whereIs(ctx context.Context, reader connector.ObjectReader, id CSID) (known bool, err error) {
	look := func() (o *CSObject, err error) {
		err = in.r.e.store.View(ctx, func(rd Reader) error {
			heads, err := rd.CSHeads([]CSID{id})
			if err == nil {
				o = heads[0]
			}
			return err
		})
		return o, err
	}
	settled := func(o *CSObject) bool {
		return o == nil || o.State == Placeholder || o.Pending == ImportDelete || !strings.HasPrefix(o.DNKey, TransientPrefix)
	}
	o, err := look()
	if err != nil || settled(o) || reader == nil || o.Anchor.IsZero() {
		return settled(o), err
	}
	if err := in.readAgain(ctx, reader, []connector.Key{{Anchor: o.Anchor}}); err != nil {
		return false, err
	}
	o, err = look()
	return settled(o), err
}

// referrers returns a page of the objects that refer to one. last is 0 when there are none.
func (in *intake) referrers(ctx context.Context, id, after CSID) (keys []connector.Key, last CSID, err error) {
	err = in.r.e.store.View(ctx, func(rd Reader) error {
		ids, err := rd.Referrers(id, after, in.r.e.opts.Batch)
		if err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		keys, err = keysOf(rd, ids)
		return err
	})
	return keys, last, err
}

// readAgain stages objects as they are now. One that is not shown is left alone: its own
// deletion is told in its own time.
func (in *intake) readAgain(ctx context.Context, reader connector.ObjectReader, keys []connector.Key) error {
	if len(keys) == 0 {
		return nil
	}
	for item, err := range reader.ReadObjects(ctx, keys) {
		if err != nil {
			return err
		}
		if item.Kind == connector.ItemObject {
			in.items = append(in.items, item)
		}
	}
	return in.flushAlone(ctx)
}

// noteTransient counts the objects that lost their DN to another object and got no new one
// until the end of the import. They keep their links; their own rename or deletion has yet
// to come.
func (in *intake) noteTransient(ctx context.Context) error {
	ids := slices.Sorted(maps.Keys(in.moved.displaced))
	for chunk := range slices.Chunk(ids, in.r.e.opts.Batch) {
		err := in.r.e.store.View(ctx, func(rd Reader) error {
			objects, err := rd.CS(chunk)
			for _, o := range objects {
				if o != nil && o.State != Placeholder && o.Pending != ImportDelete && strings.HasPrefix(o.DNKey, TransientPrefix) {
					in.r.transient++
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if in.r.transient > 0 {
		in.r.note("%d objects have lost their DN to others and were not shown at a new one", in.r.transient)
	}
	return nil
}
