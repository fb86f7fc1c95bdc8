package sqlstore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// PutCS tries the plain way first: objects rarely trade anchors or DNs. When one is in the
// way it vacates all keys of the call and writes everything again.
func (t *tx) PutCS(objects []*metaverse.CSObject) error {
	if err := t.learn(objects); err != nil {
		return err
	}
	switch err := t.putAllCS(objects); {
	case errors.Is(err, errTaken):
		return t.putCSVacated(objects)
	case err != nil:
		return err
	}
	return t.ready()
}

// errTaken says that anchor or DN of an object belong to another one. Nothing of it was
// written then, and the transaction goes on.
var errTaken = fmt.Errorf("%w: anchor or DN is taken", connector.ErrConflict)

func (t *tx) putCSVacated(objects []*metaverse.CSObject) error {
	ids := convert(objects, func(o *metaverse.CSObject) metaverse.CSID { return o.ID })
	if err := t.write(sqlVacateCS, idList(ids)); err != nil {
		return err
	}
	err := t.putAllCS(objects)
	if errors.Is(err, errTaken) {
		return t.fail(err)
	}
	return err
}

func (t *tx) putAllCS(objects []*metaverse.CSObject) error {
	image := func(i int) *attr.Set { return &objects[i].Image }
	if err := t.internSets(len(objects), image); err != nil {
		return err
	}
	rows := make([]csNames, len(objects))
	for i, o := range objects {
		if err := t.nameCS(&rows[i], o); err != nil {
			return err
		}
	}
	return t.encodeEach(len(objects),
		func(e *encoder, i int) ([]byte, error) {
			record, err := e.attributes(image(i))
			if err != nil {
				err = fmt.Errorf("sqlstore: cs %d: %w", objects[i].ID, err)
			}
			return record, err
		},
		func(i int, record []byte) error { return t.putCS(objects[i], &rows[i], record) })
}

// csNames are the numbers of the names that an object has besides its attributes.
type csNames struct{ conn, class, part int64 }

func (t *tx) nameCS(n *csNames, o *metaverse.CSObject) (err error) {
	if err := t.reserved(sequenceCS, int64(o.ID)); err != nil {
		return err
	}
	if o.Connector == "" {
		return t.fail(fmt.Errorf("sqlstore: cs %d has no connector", o.ID))
	}
	if n.conn, err = t.intern(nameConnector, o.Connector); err != nil {
		return err
	}
	if n.class, err = t.intern(nameClass, o.Class); err != nil {
		return err
	}
	n.part, err = t.intern(namePartition, o.Partition)
	return err
}

// putCS writes one object. The error is errTaken when its anchor or DN belongs to another one.
func (t *tx) putCS(o *metaverse.CSObject, n *csNames, image []byte) error {
	args := []any{int64(o.ID), n.conn, n.class, n.part, int64(o.State), flag(o.Imported), key(o.Anchor.Raw()), o.DN, key(o.DNKey), image}
	if t.conn.deferring() {
		return t.write(sqlPutCS, args...)
	}
	rows, err := t.execUnlessTaken(sqlPutCS, args...)
	switch {
	case isUnique(err):
		return fmt.Errorf("sqlstore: cs %d in %s: %w", o.ID, o.Connector, errTaken)
	case err == nil && rows == 0:
		return t.fail(fmt.Errorf("sqlstore: cs %d belongs to another connector than %s", o.ID, o.Connector))
	}
	return err
}

// execUnlessTaken is exec for a statement that may find a unique value taken. That undoes
// the statement and nothing else.
func (t *tx) execUnlessTaken(q string, args ...any) (int64, error) {
	if err := t.ready(); err != nil {
		return 0, err
	}
	t.ran.Add(1)
	n, err := t.conn.exec(t.ctx, q, 0, 0, args)
	if err != nil && !isUnique(err) {
		err = t.fail(err)
	}
	return n, err
}

// key is a key of a unique index; "" takes no part in it.
func key(s string) any {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func (t *tx) PutCSState(ids []metaverse.CSID, state metaverse.CSState) error {
	if len(ids) == 0 {
		return t.ready()
	}
	return t.write(sqlPutCSState, int64(state), idList(ids), int64(state))
}

func (t *tx) DeleteCS(ids []metaverse.CSID) error {
	if len(ids) == 0 {
		return t.ready()
	}
	return t.execAll(idList(ids), sqlDeleteLinks, sqlDeleteCSValues, sqlDeletePendingImport, sqlDeleteSeen,
		sqlDeleteExports, sqlDeleteVain, sqlDeleteExportRefsFrom, sqlDeleteExportRefsTo, t.refs.cs.deleteFrom, t.refs.cs.deleteTo,
		sqlDeleteErrors, sqlDeleteCS)
}

func (t *tx) SetPendingImport(op metaverse.ImportOp, ids []metaverse.CSID) error {
	if len(ids) == 0 {
		return t.ready()
	}
	if op == metaverse.ImportNone {
		return t.execAll(idList(ids), sqlDeletePendingImport)
	}
	return t.write(sqlPutPendingImport, int64(op), idList(ids))
}

func (t *tx) SetPendingImportAll(connectorName string) (int64, error) {
	conn, ok := t.dict.id(nameConnector, connectorName)
	if !ok {
		return 0, t.ready()
	}
	return t.exec(sqlPutPendingImportAll, conn)
}

func (t *tx) MarkSeen(connectorName string, ids []metaverse.CSID) error {
	if len(ids) == 0 {
		return t.ready()
	}
	conn, err := t.intern(nameConnector, connectorName)
	if err != nil {
		return err
	}
	return t.write(sqlMarkSeen, conn, idList(ids))
}

func (t *tx) ClearSeen(connectorName string) error {
	conn, ok := t.dict.id(nameConnector, connectorName)
	if !ok {
		return t.ready()
	}
	return t.execAll(conn, sqlClearSeen)
}

func (t *tx) SetLink(ids []metaverse.CSID, links []metaverse.Link) error {
	if len(ids) != len(links) {
		return t.fail(fmt.Errorf("sqlstore: %d links for %d objects", len(links), len(ids)))
	}
	for from := 0; from < len(ids); {
		gone := links[from].MV == 0
		to := from + 1
		for to < len(ids) && (links[to].MV == 0) == gone {
			to++
		}
		var err error
		if gone {
			err = t.execAll(idList(ids[from:to]), sqlDeleteLinks)
		} else {
			err = t.putLinks(ids[from:to], links[from:to])
		}
		if err != nil {
			return err
		}
		from = to
	}
	return t.ready()
}

func (t *tx) putLinks(ids []metaverse.CSID, links []metaverse.Link) error {
	type link struct {
		rule     int64
		outbound any // a nil slice would not be NULL
	}
	rows := make([]link, len(links))
	var room []byte
	for i := range links {
		rule, err := t.intern(nameRule, links[i].Rule)
		if err != nil {
			return err
		}
		rows[i].rule = rule
		outbound, err := t.enc.flows(links[i].Outbound)
		if err != nil {
			return t.fail(fmt.Errorf("sqlstore: link of cs %d: %w", ids[i], err))
		}
		if outbound != nil {
			n := len(room)
			room = append(room, outbound...)
			rows[i].outbound = room[n:len(room):len(room)]
		}
	}
	return t.insert(sqlPutLinks, len(ids), 6, func(args []any, i int) []any {
		l := &links[i]
		return append(args, int64(ids[i]), int64(l.MV), int64(l.Kind), rows[i].rule, flag(l.Sticky), rows[i].outbound)
	})
}

func (t *tx) SetCSValues(ids []metaverse.CSID, keys [][]metaverse.ValueKey) error {
	return setValues(t, sqlNewestCSValue, sqlCSValues, sqlDeleteCSValue, sqlAddCSValues, ids, keys)
}

func (t *tx) SetMVValues(ids []metaverse.MVID, keys [][]metaverse.ValueKey) error {
	return setValues(t, sqlNewestMVValue, sqlMVValues, sqlDeleteMVValue, sqlAddMVValues, ids, keys)
}

// An indexEntry is a value key of an object as the database has it.
type indexEntry struct {
	id, attribute int64
	key           string
}

// setValues writes the difference only: most calls change nothing, and objects newer than all that
// have entries have none yet.
func setValues[T ~int64](t *tx, newest, get, remove, add string, ids []T, keys [][]metaverse.ValueKey) error {
	if len(ids) != len(keys) {
		return t.fail(fmt.Errorf("sqlstore: %d lists of values for %d objects", len(keys), len(ids)))
	}
	if len(ids) == 0 {
		return t.ready()
	}
	last, err := t.queryInt(newest)
	if err != nil {
		return err
	}
	var entries []indexEntry
	var known list // objects that may have entries
	for i, id := range ids {
		if int64(id) <= last {
			known = append(known, int64(id))
		}
		from := len(entries)
		for _, k := range keys[i] {
			a, err := t.internFolded(k.Attribute)
			if err != nil {
				return err
			}
			if e := (indexEntry{int64(id), a, k.Key}); !slices.Contains(entries[from:], e) {
				entries = append(entries, e)
			}
		}
	}
	fresh, err := t.newEntries(get, remove, entries, known)
	if err != nil {
		return err
	}
	// In the order of the index neighbours are found without another descent.
	slices.SortFunc(fresh, func(a, b indexEntry) int {
		return cmp.Or(cmp.Compare(a.attribute, b.attribute), cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id))
	})
	return t.insert(add, len(fresh), 3, func(args []any, i int) []any {
		return append(args, fresh[i].attribute, []byte(fresh[i].key), fresh[i].id)
	})
}

// newEntries removes what known objects have and shall not have, and returns the entries that are
// not there yet.
func (t *tx) newEntries(get, remove string, entries []indexEntry, known list) ([]indexEntry, error) {
	if len(known) == 0 {
		return entries, t.ready()
	}
	missing := make(map[indexEntry]bool, len(entries))
	for _, e := range entries {
		missing[e] = true
	}
	var gone []indexEntry
	err := t.query(get, func(rows row) error {
		var e indexEntry
		var k sql.RawBytes
		if err := rows.Scan(&e.id, &e.attribute, &k); err != nil {
			return err
		}
		if e.key = string(k); missing[e] {
			missing[e] = false
		} else {
			gone = append(gone, e)
		}
		return nil
	}, known)
	if err != nil {
		return nil, err
	}
	for _, e := range gone {
		if err := t.write(remove, e.attribute, []byte(e.key), e.id); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(entries, func(e indexEntry) bool { return !missing[e] }), nil
}
