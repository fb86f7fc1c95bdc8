package sqlstore

import (
	"fmt"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

func (t *tx) PutPendingExport(exports []*metaverse.PendingExport) error {
	for _, e := range exports {
		if err := t.putExport(e); err != nil {
			return err
		}
	}
	return t.ready()
}

func (t *tx) putExport(e *metaverse.PendingExport) error {
	if e.Connector == "" || e.CS <= 0 {
		return t.fail(fmt.Errorf("sqlstore: pending export of cs %d has no connector or no object", e.CS))
	}
	conn, err := t.intern(nameConnector, e.Connector)
	if err != nil {
		return err
	}
	pending, err := t.enc.mods(e.Pending)
	if err != nil {
		return t.fail(fmt.Errorf("sqlstore: pending export of cs %d: %w", e.CS, err))
	}
	sent, err := t.enc2.mods(e.Sent)
	if err != nil {
		return t.fail(fmt.Errorf("sqlstore: pending export of cs %d: %w", e.CS, err))
	}
	flags := flag(e.DeleteSent)*exportDeleteSent | flag(e.Unknown)*exportUnknown |
		flag(e.References)*exportReferences | flag(len(e.Sent) > 0)*exportHasSent
	return t.write(sqlPutExport, int64(e.CS), conn, int64(e.Op), flags, e.NewDN, stamp(e.NotBefore), int64(e.Attempts), pending, sent)
}

func (t *tx) SetExportOp(ids []metaverse.CSID, op connector.ChangeOp, references bool) error {
	if len(ids) == 0 {
		return t.ready()
	}
	const others = exportDeleteSent | exportUnknown | exportHasSent
	return t.write(sqlSetExportOp, int64(op), int64(others), flag(references)*exportReferences, idList(ids))
}

func (t *tx) DeletePendingExport(ids []metaverse.CSID) error {
	if len(ids) == 0 {
		return t.ready()
	}
	return t.execAll(idList(ids), sqlDeleteExports, sqlDeleteExportRefsFrom)
}

func (t *tx) PutExportRefs(refs []metaverse.ExportRef) error {
	attributes, err := internAll(t, refs, func(r metaverse.ExportRef) string { return r.Attribute })
	if err != nil {
		return err
	}
	return t.insert(sqlPutExportRefs, len(refs), 5, func(args []any, i int) []any {
		r := &refs[i]
		return append(args, int64(r.Source), attributes[i], int64(r.Target), flag(r.Delete), flag(r.Sent))
	})
}

func (t *tx) DeleteExportRefs(refs []metaverse.CSRef) error {
	return t.deleteRefs(sqlDeleteExportRef, convert(refs, fromCSRef))
}
