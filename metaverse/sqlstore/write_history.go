package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

func (t *tx) PutSetting(key string, value []byte) error {
	if value == nil {
		return t.execAll(key, sqlDeleteSetting)
	}
	return t.write(sqlPutSetting, key, value)
}

// PutRun writes a run under the id it has, so that histories can be copied from one store
// to another; later ids are larger.
func (t *tx) PutRun(r *metaverse.RunRecord) (int64, error) {
	s, err := t.sequence(sequenceRun)
	if err != nil {
		return 0, err
	}
	rec := *r
	switch {
	case rec.ID < 0:
		return 0, t.fail(fmt.Errorf("sqlstore: run id %d", rec.ID))
	case rec.ID == 0:
		rec.ID = s.next
	}
	if rec.ID >= s.next {
		s.next, s.changed = rec.ID+1, true
	}
	conn, err := t.intern(nameConnector, rec.Connector)
	if err != nil {
		return 0, err
	}
	rec.Started, rec.Ended = rec.Started.UTC(), rec.Ended.UTC()
	data, err := json.Marshal(&rec)
	if err != nil {
		return 0, t.fail(fmt.Errorf("sqlstore: run %d: %w", rec.ID, err))
	}
	return rec.ID, t.write(sqlPutRun, rec.ID, conn, stamp(rec.Ended), string(data))
}

func (t *tx) DeleteRuns(before time.Time) (int64, error) {
	return t.exec(sqlDeleteRuns, before.UnixNano())
}

// An errorGroup is what errors replace as a whole: those of one object in one step.
type errorGroup struct {
	cs              metaverse.CSID
	connector, step string
	anchor, dn      string
}

// An errorKey tells the errors of a group apart.
type errorKey struct{ code, attribute, rule string }

func (t *tx) PutObjectErrors(errs []metaverse.ObjectError) error {
	groups := make(map[errorGroup][]*metaverse.ObjectError)
	var order []errorGroup
	for i := range errs {
		e := &errs[i]
		g := errorGroup{cs: e.CS, step: e.Step}
		if e.CS == 0 {
			g.connector, g.anchor, g.dn = e.Connector, e.Object.Anchor.Raw(), e.Object.DN
		}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], e)
	}
	for _, g := range order {
		if err := t.putErrorGroup(g, groups[g]); err != nil {
			return err
		}
	}
	return t.ready()
}

func (t *tx) putErrorGroup(g errorGroup, errs []*metaverse.ObjectError) error {
	type history struct{ id, first, count int64 }
	old := make(map[errorKey]history)
	read := func(rows row) error {
		var h history
		var k errorKey
		err := rows.Scan(&h.id, &k.code, &k.attribute, &k.rule, &h.first, &h.count)
		old[k] = h
		return err
	}
	var err error
	if g.cs != 0 {
		err = t.query(sqlErrorsOfObject, read, int64(g.cs), g.step)
	} else {
		var conn int64
		if conn, err = t.intern(nameConnector, g.connector); err == nil {
			err = t.query(sqlErrorsOfUnknown, read, conn, g.step, []byte(g.anchor), g.dn)
		}
	}
	if err != nil {
		return err
	}
	for _, h := range old {
		if err := t.execAll(h.id, sqlDeleteError); err != nil {
			return err
		}
	}
	// The last one of equal entries stands; they count once.
	last := make(map[errorKey]int)
	for i, e := range errs {
		last[errorKey{e.Code, e.Attribute, e.Rule}] = i
	}
	for i, e := range errs {
		k := errorKey{e.Code, e.Attribute, e.Rule}
		if last[k] != i {
			continue
		}
		first, count := stamp(e.First), int64(max(e.Count, 1))
		if first == 0 {
			first = stamp(e.Last)
		}
		if h, ok := old[k]; ok {
			first, count = h.first, h.count+count
		}
		conn, err := t.intern(nameConnector, e.Connector)
		if err != nil {
			return err
		}
		if err := t.write(sqlAddError, int64(e.CS), conn, e.Step, e.Code, e.Attribute, e.Rule, e.Message,
			first, stamp(e.Last), count, []byte(g.anchor), g.dn); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) ClearObjectErrors(step string, ids []metaverse.CSID) error {
	known := make([]metaverse.CSID, 0, len(ids))
	for _, id := range ids {
		if id != 0 {
			known = append(known, id)
		}
	}
	if len(known) == 0 {
		return t.ready()
	}
	return t.write(sqlClearErrors, idList(known), step)
}

func (t *tx) ClearUnknownErrors(connectorName, step string) error {
	conn, ok := t.dict.id(nameConnector, connectorName)
	if !ok {
		return t.ready()
	}
	return t.write(sqlClearUnknown, conn, step)
}
