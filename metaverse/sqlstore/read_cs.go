package sqlstore

import (
	"database/sql"
	"slices"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

func (r *reader) Connectors() ([]string, error) {
	ids, err := r.skipScan(sqlNextConnector)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		if err := r.named("cs", 0, namedColumn{&out[i], nameConnector, id}); err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return out, nil
}

func (r *reader) CS(ids []metaverse.CSID) ([]*metaverse.CSObject, error) {
	return r.csObjects(sqlCS, ids)
}

func (r *reader) CSHeads(ids []metaverse.CSID) ([]*metaverse.CSObject, error) {
	return r.csObjects(sqlCSHeads, ids)
}

func (r *reader) csObjects(statement string, ids []metaverse.CSID) ([]*metaverse.CSObject, error) {
	out := make([]*metaverse.CSObject, len(ids))
	if len(ids) == 0 {
		return out, r.ready()
	}
	found := make(map[metaverse.CSID]*metaverse.CSObject, len(ids))
	err := r.query(statement, func(rows row) error {
		o, err := r.scanCS(rows)
		if err == nil {
			found[o.ID] = o
		}
		return err
	}, idList(ids))
	if err != nil {
		return nil, err
	}
	used := make(map[metaverse.CSID]bool)
	for i, id := range ids {
		o := found[id]
		if o != nil && len(found) < len(ids) && used[id] { // asked for twice; objects are the caller's
			c := *o
			c.Image, c.Link.Outbound = o.Image.Clone(), slices.Clone(o.Link.Outbound)
			o = &c
		}
		used[id] = true
		out[i] = o
	}
	return out, nil
}

func (r *reader) CSLinks(ids []metaverse.CSID) ([]metaverse.CSLink, error) {
	if len(ids) == 0 {
		return nil, r.ready()
	}
	var out []metaverse.CSLink
	err := r.query(sqlCSLinks, func(rows row) error {
		var l metaverse.CSLink
		var conn int64
		var outbound sql.RawBytes
		if err := rows.Scan(&l.CS, &conn, &l.MV, &outbound); err != nil {
			return corrupt("link", int64(l.CS), err)
		}
		err := r.named("cs", int64(l.CS), namedColumn{&l.Connector, nameConnector, conn})
		if err != nil {
			return err
		}
		if l.Outbound, err = decodeFlows(r.dict, outbound); err != nil {
			return corrupt("link", int64(l.CS), err)
		}
		out = append(out, l)
		return nil
	}, idList(ids).distinct())
	return out, err
}

// scanCS reads a row of csColumns.
func (r *reader) scanCS(rows row) (*metaverse.CSObject, error) {
	var o metaverse.CSObject
	var conn, class, part, rule, imported, sticky int64
	var anchor, dnKey, image, outbound sql.RawBytes
	err := rows.Scan(&o.ID, &conn, &class, &part, &o.State, &imported, &anchor, &o.DN, &dnKey, &image,
		&o.Pending, &o.Link.MV, &o.Link.Kind, &rule, &sticky, &outbound)
	if err != nil {
		return nil, corrupt("cs", int64(o.ID), err)
	}
	if o.Link.MV != 0 {
		o.State = metaverse.Connected
	}
	o.Anchor, o.DNKey = connector.NewAnchor(anchor), string(dnKey)
	o.Imported, o.Link.Sticky = imported != 0, sticky != 0
	err = r.named("cs", int64(o.ID), namedColumn{&o.Connector, nameConnector, conn}, namedColumn{&o.Class, nameClass, class},
		namedColumn{&o.Partition, namePartition, part}, namedColumn{&o.Link.Rule, nameRule, rule})
	if err != nil {
		return nil, err
	}
	if image != nil { // heads come without
		if o.Image, err = decodeAttributes(r.dict, image); err != nil {
			return nil, corrupt("cs", int64(o.ID), err)
		}
	}
	if o.Link.Outbound, err = decodeFlows(r.dict, outbound); err != nil {
		return nil, corrupt("link", int64(o.ID), err)
	}
	return &o, nil
}

// A namedColumn is a column that holds the number of a name.
type namedColumn struct {
	to   *string
	kind nameKind
	id   int64
}

func (r *reader) named(table string, id int64, columns ...namedColumn) error {
	for _, c := range columns {
		name, ok := r.dict.name(c.kind, c.id)
		if !ok {
			return corrupt(table, id, errBadName)
		}
		*c.to = name
	}
	return nil
}

func (r *reader) CSByAnchor(connectorName string, anchors []connector.Anchor) ([]metaverse.CSID, error) {
	return r.csByKey(sqlCSByAnchor, connectorName, len(anchors), func(i int) string { return anchors[i].Raw() })
}

func (r *reader) CSByDN(connectorName string, dnKeys []string) ([]metaverse.CSID, error) {
	return r.csByKey(sqlCSByDN, connectorName, len(dnKeys), func(i int) string { return dnKeys[i] })
}

// csByKey looks objects up in one of the unique indexes. No object is found under "".
func (r *reader) csByKey(q, connectorName string, n int, key func(i int) string) ([]metaverse.CSID, error) {
	out := make([]metaverse.CSID, n)
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok {
		return out, r.ready()
	}
	err := r.lookup(q, n, 2,
		func(args []any, i int) []any {
			if key(i) == "" {
				return append(args, int64(i), nil)
			}
			return append(args, int64(i), []byte(key(i)))
		},
		func(rows row) error {
			var i, id int64
			err := rows.Scan(&i, &id)
			if err == nil {
				out[i] = metaverse.CSID(id)
			}
			return err
		}, conn)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r *reader) CSByValue(connectorName string, keys []metaverse.ValueKey) ([][]metaverse.CSID, error) {
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok {
		return make([][]metaverse.CSID, len(keys)), r.ready()
	}
	return byValue[metaverse.CSID](r, sqlCSByValue, keys, conn)
}

func (r *reader) MVByValue(keys []metaverse.ValueKey) ([][]metaverse.MVID, error) {
	return byValue[metaverse.MVID](r, sqlMVByValue, keys)
}

func byValue[T ~int64](r *reader, q string, keys []metaverse.ValueKey, tail ...any) ([][]T, error) {
	out := make([][]T, len(keys))
	err := r.lookup(q, len(keys), 3,
		func(args []any, i int) []any {
			attribute, _ := r.dict.foldedAttribute(keys[i].Attribute) // 0 finds nothing
			return append(args, int64(i), attribute, []byte(keys[i].Key))
		},
		func(rows row) error {
			var i, id int64
			err := rows.Scan(&i, &id)
			if err == nil {
				out[i] = append(out[i], T(id))
			}
			return err
		}, tail...)
	if err != nil {
		return nil, err
	}
	for _, ids := range out {
		slices.Sort(ids)
	}
	return out, nil
}

func (r *reader) ScanCS(connectorName string, after metaverse.CSID, limit int) ([]*metaverse.CSObject, error) {
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok || limit <= 0 {
		return nil, r.ready()
	}
	var out []*metaverse.CSObject
	err := r.query(sqlScanCS, func(rows row) error {
		o, err := r.scanCS(rows)
		out = append(out, o)
		return err
	}, conn, int64(after), int64(limit))
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r *reader) CountCS(connectorName string) (c metaverse.CSCounts, err error) {
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok {
		return c, r.ready()
	}
	err = r.query(sqlCountCS, func(rows row) error {
		return rows.Scan(&c.Objects, &c.Imported, &c.Connected, &c.Disconnectors, &c.Placeholders)
	}, conn)
	for _, q := range []struct {
		text string
		to   *int64
	}{
		{sqlCountPendingImport, &c.PendingImport},
		{sqlCountPendingExport, &c.PendingExport},
		{sqlCountUnconfirmed, &c.Unconfirmed},
		{sqlCountObjectErrors, &c.Errors},
	} {
		if err != nil {
			return metaverse.CSCounts{}, err
		}
		*q.to, err = r.queryInt(q.text, conn)
	}
	return c, err
}

func (r *reader) CountPendingImports(connectorName string) (int64, error) {
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok {
		return 0, r.ready()
	}
	return r.queryInt(sqlCountPendingImport, conn)
}

func (r *reader) PendingImports(connectorName string, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	return r.csPage(sqlPendingImports, connectorName, after, limit)
}

func (r *reader) Unseen(connectorName string, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	return r.csPage(sqlUnseen, connectorName, after, limit)
}

func (r *reader) csPage(q, connectorName string, after metaverse.CSID, limit int) ([]metaverse.CSID, error) {
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok || limit <= 0 {
		return nil, r.ready()
	}
	return queryIDs[metaverse.CSID](r, q, conn, int64(after), int64(limit))
}

func (r *reader) CountUnseen(connectorName string) (int64, error) {
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok {
		return 0, r.ready()
	}
	return r.queryInt(sqlCountUnseen, conn, int64(0))
}
