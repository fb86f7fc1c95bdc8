package sqlstore

import (
	"database/sql"
	"slices"

	"github.com/hybridsync/hybridsync/metaverse"
)

func (r *reader) MV(ids []metaverse.MVID) ([]*metaverse.MVObject, error) {
	return r.mvObjects(sqlMV, ids)
}

func (r *reader) MVHeads(ids []metaverse.MVID) ([]*metaverse.MVObject, error) {
	return r.mvObjects(sqlMVHeads, ids)
}

func (r *reader) mvObjects(statement string, ids []metaverse.MVID) ([]*metaverse.MVObject, error) {
	out := make([]*metaverse.MVObject, len(ids))
	if len(ids) == 0 {
		return out, r.ready()
	}
	found := make(map[metaverse.MVID]*metaverse.MVObject, len(ids))
	err := r.query(statement, func(rows row) error {
		o, err := r.scanMV(rows)
		if err == nil {
			found[o.ID] = o
		}
		return err
	}, idList(ids))
	if err != nil {
		return nil, err
	}
	used := make(map[metaverse.MVID]bool)
	for i, id := range ids {
		o := found[id]
		if o != nil && len(found) < len(ids) && used[id] { // asked for twice; objects are the caller's
			c := *o
			c.Attributes, c.Origins = o.Attributes.Clone(), slices.Clone(o.Origins)
			o = &c
		}
		used[id] = true
		out[i] = o
	}
	return out, nil
}

// scanMV reads a row of mvColumns.
func (r *reader) scanMV(rows row) (*metaverse.MVObject, error) {
	var o metaverse.MVObject
	var class int64
	var attributes, origins sql.RawBytes
	if err := rows.Scan(&o.ID, &class, &attributes, &origins); err != nil {
		return nil, corrupt("mv", int64(o.ID), err)
	}
	err := r.named("mv", int64(o.ID), namedColumn{&o.Class, nameClass, class})
	if err != nil {
		return nil, err
	}
	if attributes != nil { // heads come without
		if o.Attributes, err = decodeAttributes(r.dict, attributes); err != nil {
			return nil, corrupt("mv", int64(o.ID), err)
		}
	}
	if o.Origins, err = decodeOrigins(r.dict, origins); err != nil {
		return nil, corrupt("mv", int64(o.ID), err)
	}
	return &o, nil
}

func (r *reader) ScanMV(after metaverse.MVID, limit int) ([]*metaverse.MVObject, error) {
	if limit <= 0 {
		return nil, r.ready()
	}
	var out []*metaverse.MVObject
	err := r.query(sqlScanMV, func(rows row) error {
		o, err := r.scanMV(rows)
		out = append(out, o)
		return err
	}, int64(after), int64(limit))
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r *reader) CountMV() (map[string]int64, error) {
	out := make(map[string]int64)
	err := r.query(sqlCountMV, func(rows row) error {
		var class, n int64
		if err := rows.Scan(&class, &n); err != nil {
			return err
		}
		var name string
		err := r.named("mv", 0, namedColumn{&name, nameClass, class})
		out[name] = n
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r *reader) LinkedCS(ids []metaverse.MVID) ([][]metaverse.CSID, error) {
	out := make([][]metaverse.CSID, len(ids))
	if len(ids) == 0 {
		return out, r.ready()
	}
	found := make(map[metaverse.MVID][]metaverse.CSID, len(ids))
	distinct := slices.Clone(ids)
	slices.Sort(distinct)
	err := r.query(sqlLinkedCS, func(rows row) error {
		var mv, cs int64
		err := rows.Scan(&mv, &cs)
		found[metaverse.MVID(mv)] = append(found[metaverse.MVID(mv)], metaverse.CSID(cs))
		return err
	}, idList(slices.Compact(distinct)))
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		out[i] = slices.Clone(found[id])
	}
	return out, nil
}
