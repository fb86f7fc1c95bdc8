package sqlstore

import (
	"cmp"
	"database/sql"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// The flags of pending exports. The numbers are stored.
const (
	exportDeleteSent = 1
	exportUnknown    = 2
	exportReferences = 4
	exportHasSent    = 8
)

// stamp is a time as the database has it. The zero time is 0.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func unstamp(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func (r *reader) PendingExport(ids []metaverse.CSID) ([]*metaverse.PendingExport, error) {
	return r.pendingExports(sqlPendingExport, ids)
}

func (r *reader) PendingExportHeads(ids []metaverse.CSID) ([]*metaverse.PendingExport, error) {
	return r.pendingExports(sqlExportHeads, ids)
}

func (r *reader) pendingExports(statement string, ids []metaverse.CSID) ([]*metaverse.PendingExport, error) {
	out := make([]*metaverse.PendingExport, len(ids))
	if len(ids) == 0 {
		return out, r.ready()
	}
	found := make(map[metaverse.CSID][]*metaverse.PendingExport, len(ids))
	err := r.query(statement, func(rows row) error {
		e, err := r.scanExport(rows)
		if err == nil {
			found[e.CS] = append(found[e.CS], e) // once for each time it is asked for
		}
		return err
	}, idList(ids))
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if rest := found[id]; len(rest) > 0 {
			out[i], found[id] = rest[0], rest[1:]
		}
	}
	return out, nil
}

// scanExport reads a row of exportColumns.
func (r *reader) scanExport(rows row) (*metaverse.PendingExport, error) {
	var e metaverse.PendingExport
	var conn, flags, notBefore int64
	var pending, sent sql.RawBytes
	err := rows.Scan(&e.CS, &conn, &e.Op, &flags, &e.NewDN, &notBefore, &e.Attempts, &pending, &sent)
	if err != nil {
		return nil, corrupt("pending_export", int64(e.CS), err)
	}
	e.DeleteSent, e.Unknown, e.References = flags&exportDeleteSent != 0, flags&exportUnknown != 0, flags&exportReferences != 0
	e.NotBefore = unstamp(notBefore)
	if err := r.named("pending_export", int64(e.CS), namedColumn{&e.Connector, nameConnector, conn}); err != nil {
		return nil, err
	}
	if pending == nil && sent == nil { // a head
		return &e, nil
	}
	if e.Pending, err = decodeMods(r.dict, pending); err != nil {
		return nil, corrupt("pending_export", int64(e.CS), err)
	}
	if e.Sent, err = decodeMods(r.dict, sent); err != nil {
		return nil, corrupt("pending_export", int64(e.CS), err)
	}
	return &e, nil
}

func (r *reader) ScanPendingExports(connectorName string, after metaverse.CSID, limit int) ([]*metaverse.PendingExport, error) {
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok || limit <= 0 {
		return nil, r.ready()
	}
	var out []*metaverse.PendingExport
	err := r.query(sqlScanExports, func(rows row) error {
		e, err := r.scanExport(rows)
		out = append(out, e)
		return err
	}, conn, int64(after), int64(limit))
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CountPendingExports returns the counts in order of operation and class.
func (r *reader) CountPendingExports(connectorName string) ([]metaverse.ExportCount, error) {
	conn, ok := r.dict.id(nameConnector, connectorName)
	if !ok {
		return nil, r.ready()
	}
	var out []metaverse.ExportCount
	err := r.query(sqlCountExports, func(rows row) error {
		var c metaverse.ExportCount
		var class int64
		if err := rows.Scan(&c.Op, &class, &c.Count); err != nil {
			return err
		}
		err := r.named("pending_export", 0, namedColumn{&c.Class, nameClass, class})
		out = append(out, c)
		return err
	}, conn)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b metaverse.ExportCount) int {
		return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Class, b.Class))
	})
	return out, nil
}

func (r *reader) ExportRefs(source metaverse.CSID, sent bool, after metaverse.ExportRef, limit int) ([]metaverse.ExportRef, error) {
	ids, err := r.skipScan(sqlNextExportRefName, flag(sent), int64(source))
	if err != nil {
		return nil, err
	}
	names, err := r.attributeNames(ids)
	if err != nil {
		return nil, err
	}
	var out []metaverse.ExportRef
	for _, name := range names {
		order := attr.CompareNames(name, after.Attribute)
		if order < 0 || limit <= len(out) {
			continue
		}
		from := int64(0)
		if order == 0 {
			from = int64(after.Target)
		}
		a, _ := r.dict.foldedAttribute(name)
		err := r.query(sqlExportRefs, func(rows row) error {
			e := metaverse.ExportRef{Source: source, Attribute: name, Sent: sent}
			var del int64
			err := rows.Scan(&e.Target, &del)
			e.Delete = del != 0
			out = append(out, e)
			return err
		}, flag(sent), int64(source), a, from, int64(limit-len(out)))
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *reader) HasExportRefs(sources []metaverse.CSID) (unsent, sent []bool, err error) {
	unsent, sent = make([]bool, len(sources)), make([]bool, len(sources))
	if len(sources) == 0 {
		return unsent, sent, r.ready()
	}
	err = r.query(sqlHasExportRefs, func(rows row) error {
		var i, a, b int64
		err := rows.Scan(&i, &a, &b)
		if err == nil {
			unsent[i], sent[i] = a != 0, b != 0
		}
		return err
	}, idList(sources))
	if err != nil {
		return nil, nil, err
	}
	return unsent, sent, nil
}

func (r *reader) FindExportRefs(refs []metaverse.CSRef) ([]metaverse.ExportRef, []bool, error) {
	out, found := make([]metaverse.ExportRef, len(refs)), make([]bool, len(refs))
	err := r.lookup(sqlFindExportRefs, len(refs), 4, r.refArgs(convert(refs, fromCSRef)), func(rows row) error {
		var i, del, sent int64
		err := rows.Scan(&i, &del, &sent)
		if err == nil {
			ref := refs[i]
			out[i] = metaverse.ExportRef{Source: ref.Source, Attribute: ref.Attribute, Target: ref.Target, Delete: del != 0, Sent: sent != 0}
			found[i] = true
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return out, found, nil
}
