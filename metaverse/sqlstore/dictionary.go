package sqlstore

import (
	"maps"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// A nameKind is a sort of name in the dictionary. The numbers are stored.
type nameKind uint8

const (
	nameConnector nameKind = 1
	nameClass     nameKind = 2
	namePartition nameKind = 3
	nameAttribute nameKind = 4
	nameRule      nameKind = 5
	nameText      nameKind = 6 // a common text
	nameKinds              = 7
)

// A dictionary is the table of names in memory. Dictionaries that are shared are never
// changed; an Update that meets a new name works on a copy of its own and publishes it after
// the commit.
type dictionary struct {
	seq    int64 // number of the newest name
	kinds  [nameKinds]names
	packer *packer // of the common texts, nil while there are none
}

type names struct {
	byID   []string // index 0 is ""
	ids    map[string]int64
	folded map[string]int64 // attributes only: the first spelling of each name
	first  map[int64]int64  // attributes only: the first spelling of each number's name
}

func (d *dictionary) clone() *dictionary {
	out := &dictionary{seq: d.seq, packer: d.packer}
	for k, n := range d.kinds {
		out.kinds[k] = names{slices.Clone(n.byID), maps.Clone(n.ids), maps.Clone(n.folded), maps.Clone(n.first)}
	}
	return out
}

func (d *dictionary) add(kind nameKind, id int64, name string) {
	n := &d.kinds[kind]
	if n.ids == nil {
		n.byID, n.ids, n.folded, n.first = []string{""}, make(map[string]int64), make(map[string]int64), make(map[int64]int64)
	}
	for int64(len(n.byID)) <= id {
		n.byID = append(n.byID, "")
	}
	n.byID[id] = name
	n.ids[name] = id
	if kind == nameAttribute {
		if first, ok := n.folded[attr.Fold(name)]; !ok || id < first {
			n.folded[attr.Fold(name)] = id
		}
		for other, spelling := range n.byID {
			if attr.EqualName(spelling, name) {
				n.first[int64(other)] = n.folded[attr.Fold(name)]
			}
		}
	}
}

// learnt notes that there are common texts.
func (d *dictionary) learnt() {
	if texts := d.kinds[nameText].byID; len(texts) > 1 {
		d.packer = newPacker(texts[1:])
	}
}

// id returns the number of a name. "" always has number 0.
func (d *dictionary) id(kind nameKind, name string) (int64, bool) {
	if name == "" {
		return 0, true
	}
	id, ok := d.kinds[kind].ids[name]
	return id, ok
}

// foldedAttribute returns the number of an attribute in whatever spelling came first.
func (d *dictionary) foldedAttribute(name string) (int64, bool) {
	n := &d.kinds[nameAttribute]
	if id, ok := n.ids[name]; ok { // nearly always; folding makes a copy of the name
		return n.first[id], true
	}
	id, ok := n.folded[attr.Fold(name)]
	return id, ok
}

// name returns the name with a number. Number 0 is "".
func (d *dictionary) name(kind nameKind, id int64) (string, bool) {
	if id == 0 {
		return "", true
	}
	n := d.kinds[kind].byID
	if id < 0 || id >= int64(len(n)) || n[id] == "" {
		return "", false
	}
	return n[id], true
}

// nextID returns the number for a new name.
func (d *dictionary) nextID(kind nameKind) int64 { return max(int64(len(d.kinds[kind].byID)), 1) }

// refresh loads names that are newer than the dictionary in memory, as another process may
// have added them. It is the first statement of each transaction and so also the one that fixes
// the snapshot of a View.
func (r *reader) refresh(known *dictionary) error {
	r.dict = known
	var newest int64
	err := r.query(sqlNewestName, func(rows row) error { return rows.Scan(&newest) })
	if err != nil || newest <= known.seq {
		return err
	}
	next := known.clone()
	err = r.query(sqlNamesAfter, func(rows row) error {
		var kind, id int64
		var name string
		if err := rows.Scan(&next.seq, &kind, &id, &name); err != nil {
			return err
		}
		if kind <= 0 || kind >= nameKinds || id <= 0 || id > next.seq {
			return corrupt("name", next.seq, errBadName)
		}
		next.add(nameKind(kind), id, name)
		return nil
	}, known.seq)
	if len(next.kinds[nameText].byID) > len(known.kinds[nameText].byID) {
		next.learnt()
	}
	r.dict = next
	return err
}

// intern returns the number of a name, giving it one if it is new.
func (t *tx) intern(kind nameKind, name string) (int64, error) {
	if id, ok := t.dict.id(kind, name); ok {
		return id, nil
	}
	if !t.ownDict {
		t.dict, t.ownDict = t.dict.clone(), true
	}
	id := t.dict.nextID(kind)
	if err := t.write(sqlAddName, t.dict.seq+1, int64(kind), id, name); err != nil {
		return 0, err
	}
	t.dict.seq++
	t.dict.add(kind, id, name)
	return id, nil
}

// internFolded is intern for attributes whose spelling does not matter.
func (t *tx) internFolded(attribute string) (int64, error) {
	if id, ok := t.dict.foldedAttribute(attribute); ok {
		return id, nil
	}
	return t.intern(nameAttribute, attribute)
}
