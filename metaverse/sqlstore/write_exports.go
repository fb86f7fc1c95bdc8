package sqlstore

import (
	"fmt"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

func (t *tx) PutPendingExport(exports []*metaverse.PendingExport) error {
	err := t.internNames(len(exports), func(i int, note func(string)) {
		for j := range exports[i].Pending {
			note(exports[i].Pending[j].Name)
		}
	})
	if err != nil {
		return err
	}
	rows := make([]exportBeside, len(exports))
	var room records
	for i, e := range exports {
		if err := t.besideExport(&rows[i], e, &room, len(rows)); err != nil {
			return err
		}
	}
	err = t.encodeEach(len(exports),
		func(e *encoder, i int) ([]byte, error) {
			record, err := e.mods(exports[i].Pending)
			if err != nil {
				err = fmt.Errorf("sqlstore: pending export of cs %d: %w", exports[i].CS, err)
			}
			return record, err
		},
		func(i int, pending []byte) error {
			e := exports[i]
			return t.write(sqlPutExport, int64(e.CS), rows[i].conn, int64(e.Op), exportFlags(e), e.NewDN, stamp(e.NotBefore), int64(e.Attempts), pending, rows[i].sent)
		})
	if err != nil {
		return err
	}
	return t.ready()
}

// exportBeside is what a pending export has in its row besides what is not sent yet.
type exportBeside struct {
	conn int64
	sent []byte
}

func (t *tx) besideExport(to *exportBeside, e *metaverse.PendingExport, room *records, n int) (err error) {
	if e.Connector == "" || e.CS <= 0 {
		return t.fail(fmt.Errorf("sqlstore: pending export of cs %d has no connector or no object", e.CS))
	}
	if to.conn, err = t.intern(nameConnector, e.Connector); err != nil {
		return err
	}
	sent, err := t.enc2.mods(e.Sent)
	if err != nil {
		return t.fail(fmt.Errorf("sqlstore: pending export of cs %d: %w", e.CS, err))
	}
	to.sent = room.keep(sent, n)
	return nil
}

func exportFlags(e *metaverse.PendingExport) int64 {
	return flag(e.DeleteSent)*exportDeleteSent | flag(e.Unknown)*exportUnknown |
		flag(e.References)*exportReferences | flag(len(e.Sent) > 0)*exportHasSent
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
