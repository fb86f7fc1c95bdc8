package sqlstore

import (
	"fmt"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

func (t *tx) PutMV(objects []*metaverse.MVObject) error {
	set := func(i int) *attr.Set { return &objects[i].Attributes }
	if err := t.internSets(len(objects), set); err != nil {
		return err
	}
	rows := make([]mvBeside, len(objects))
	var room records
	for i, o := range objects {
		if err := t.besideMV(&rows[i], o, &room, len(rows)); err != nil {
			return err
		}
	}
	err := t.encodeEach(len(objects),
		func(e *encoder, i int) ([]byte, error) {
			record, err := e.attributes(set(i))
			if err != nil {
				err = fmt.Errorf("sqlstore: mv %d: %w", objects[i].ID, err)
			}
			return record, err
		},
		func(i int, attributes []byte) error {
			return t.write(sqlPutMV, int64(objects[i].ID), rows[i].class, attributes, rows[i].origins)
		})
	if err != nil {
		return err
	}
	return t.ready()
}

// mvBeside is what a metaverse object has in its row besides its attributes.
type mvBeside struct {
	class   int64
	origins []byte
}

func (t *tx) besideMV(to *mvBeside, o *metaverse.MVObject, room *records, n int) (err error) {
	if err := t.reserved(sequenceMV, int64(o.ID)); err != nil {
		return err
	}
	if to.class, err = t.intern(nameClass, o.Class); err != nil {
		return err
	}
	origins, err := t.enc2.origins(o.Origins)
	if err != nil {
		return t.fail(fmt.Errorf("sqlstore: mv %d: %w", o.ID, err))
	}
	to.origins = room.keep(origins, n)
	return nil
}

func (t *tx) DeleteMV(ids []metaverse.MVID) error {
	if len(ids) == 0 {
		return t.ready()
	}
	list := idList(ids)
	linked, err := t.queryInt(sqlAnyLink, list)
	if err != nil {
		return err
	}
	if linked != 0 {
		return t.fail(fmt.Errorf("sqlstore: mv %d still has links", linked))
	}
	return t.execAll(list, sqlDeleteMVValues, t.refs.mv.deleteFrom, t.refs.mv.deleteTo, sqlDeleteMV)
}
