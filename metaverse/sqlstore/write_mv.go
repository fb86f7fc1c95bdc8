package sqlstore

import (
	"fmt"

	"github.com/hybridsync/hybridsync/metaverse"
)

func (t *tx) PutMV(objects []*metaverse.MVObject) error {
	for _, o := range objects {
		if err := t.putMV(o); err != nil {
			return err
		}
	}
	return t.ready()
}

func (t *tx) putMV(o *metaverse.MVObject) error {
	if err := t.reserved(sequenceMV, int64(o.ID)); err != nil {
		return err
	}
	class, err := t.intern(nameClass, o.Class)
	if err != nil {
		return err
	}
	attributes, err := t.enc.attributes(&o.Attributes)
	if err != nil {
		return t.fail(fmt.Errorf("sqlstore: mv %d: %w", o.ID, err))
	}
	origins, err := t.enc2.origins(o.Origins)
	if err != nil {
		return t.fail(fmt.Errorf("sqlstore: mv %d: %w", o.ID, err))
	}
	return t.write(sqlPutMV, int64(o.ID), class, attributes, origins)
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
