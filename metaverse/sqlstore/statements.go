package sqlstore

import "github.com/hybridsync/hybridsync/metaverse"

// All SQL but the schema. {values} stands for a group of rows of arguments, a list of ids is
// one argument in JSON. CROSS JOIN fixes the order of a join in SQLite: ids first, then the
// rows they name.

// Transactions and names.
const (
	sqlBegin      = `BEGIN`
	sqlBeginWrite = `BEGIN IMMEDIATE`
	sqlCommit     = `COMMIT`
	sqlRollback   = `ROLLBACK`

	sqlNewestName = `SELECT coalesce(max(seq), 0) FROM name`
	sqlNamesAfter = `SELECT seq, kind, id, name FROM name WHERE seq > ? ORDER BY seq`
	sqlAddName    = `INSERT INTO name (seq, kind, id, name) VALUES (?, ?, ?, ?)`

	sqlGetSequence = `SELECT next FROM sequence WHERE name = ?`
	sqlPutSequence = `UPDATE sequence SET next = ? WHERE name = ?`
)

// Connector-space objects.
const (
	csColumns     = `cs.id, cs.conn, cs.class, cs.part, cs.state, cs.imported, cs.anchor, cs.dn, cs.dn_key, cs.image, ` + csBesides
	csHeadColumns = `cs.id, cs.conn, cs.class, cs.part, cs.state, cs.imported, cs.anchor, cs.dn, cs.dn_key, NULL, ` + csBesides
	csBesides     = `coalesce(p.op, 0), coalesce(l.mv, 0), coalesce(l.kind, 0), coalesce(l.rule, 0), coalesce(l.sticky, 0), l.outbound`
	csBeside      = ` LEFT JOIN pending_import p ON p.conn = cs.conn AND p.cs = cs.id LEFT JOIN link l ON l.cs = cs.id`

	sqlNextConnector = `SELECT coalesce(min(conn), 0) FROM cs WHERE conn > ?`

	sqlCS      = `SELECT ` + csColumns + ` FROM json_each(?) j CROSS JOIN cs` + csBeside + ` WHERE cs.id = j.value`
	sqlCSHeads = `SELECT ` + csHeadColumns + ` FROM json_each(?) j CROSS JOIN cs` + csBeside + ` WHERE cs.id = j.value`
	sqlCSLinks = `SELECT l.cs, cs.conn, l.mv, l.outbound FROM json_each(?) j CROSS JOIN link l CROSS JOIN cs WHERE l.cs = j.value AND cs.id = l.cs`
	sqlScanCS  = `SELECT ` + csColumns + ` FROM cs` + csBeside + ` WHERE cs.conn = ? AND cs.id > ? ORDER BY cs.id LIMIT ?`

	sqlCSByAnchor = `SELECT q.column1, cs.id FROM (VALUES {values}) q CROSS JOIN cs WHERE cs.conn = ? AND cs.anchor = q.column2`
	sqlCSByDN     = `SELECT q.column1, cs.id FROM (VALUES {values}) q CROSS JOIN cs WHERE cs.conn = ? AND cs.dn_key = q.column2`
	sqlCSByValue  = `SELECT q.column1, v.cs FROM (VALUES {values}) q CROSS JOIN cs_value v CROSS JOIN cs
	WHERE v.attr = q.column2 AND v.key = q.column3 AND cs.id = v.cs AND cs.conn = ?`

	sqlCountCS = `SELECT count(*) FILTER (WHERE state <> 4), count(*) FILTER (WHERE imported = 1 AND state <> 4),
	count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state IN (0, 2, 3)), count(*) FILTER (WHERE state = 4)
	FROM (SELECT CASE WHEN l.cs IS NULL THEN cs.state ELSE 1 END AS state, cs.imported AS imported FROM cs LEFT JOIN link l ON l.cs = cs.id WHERE cs.conn = ?) q`
	sqlCountPendingImport = `SELECT count(*) FROM pending_import WHERE conn = ?`
	sqlCountPendingExport = `SELECT count(*) FROM pending_export WHERE conn = ? AND op <> 0`
	sqlCountUnconfirmed   = `SELECT count(*) FROM (SELECT cs FROM pending_export WHERE conn = ?1 AND (flags & 9) <> 0
	UNION SELECT r.src FROM (SELECT DISTINCT src FROM export_ref WHERE sent = 1) r CROSS JOIN cs WHERE cs.id = r.src AND cs.conn = ?1) q`
	sqlCountObjectErrors = `SELECT count(DISTINCT cs) FROM object_error WHERE conn = ? AND cs <> 0`

	sqlPendingImports = `SELECT cs FROM pending_import WHERE conn = ? AND cs > ? ORDER BY cs LIMIT ?`
	unseen            = ` FROM cs WHERE conn = ? AND id > ? AND imported = 1 AND state <> 4
	AND NOT EXISTS (SELECT 1 FROM seen s WHERE s.conn = cs.conn AND s.cs = cs.id)
	AND NOT EXISTS (SELECT 1 FROM pending_import p WHERE p.conn = cs.conn AND p.cs = cs.id AND p.op = 3)`
	sqlUnseen      = `SELECT id` + unseen + ` ORDER BY id LIMIT ?`
	sqlCountUnseen = `SELECT count(*)` + unseen

	sqlPutCS = `INSERT INTO cs (id, conn, class, part, state, imported, anchor, dn, dn_key, image) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (id) DO UPDATE SET class = excluded.class, part = excluded.part, state = excluded.state, imported = excluded.imported,
	anchor = excluded.anchor, dn = excluded.dn, dn_key = excluded.dn_key, image = excluded.image WHERE cs.conn = excluded.conn`
	// sqlVacateCS makes room for objects that take over each other's anchors and DNs. The
	// index takes any number of NULLs.
	sqlVacateCS   = `UPDATE cs SET anchor = NULL, dn_key = NULL WHERE id IN (SELECT value FROM json_each(?))`
	sqlPutCSState = `UPDATE cs SET state = ? WHERE id IN (SELECT value FROM json_each(?)) AND state <> ?`
	sqlDeleteCS   = `DELETE FROM cs WHERE id IN (SELECT value FROM json_each(?))`

	sqlPutPendingImport = `INSERT INTO pending_import (conn, cs, op) SELECT cs.conn, cs.id, ? FROM json_each(?) j CROSS JOIN cs
	WHERE cs.id = j.value ON CONFLICT (conn, cs) DO UPDATE SET op = excluded.op`
	sqlDeletePendingImport = `DELETE FROM pending_import WHERE (conn, cs) IN (SELECT cs.conn, cs.id FROM json_each(?) j CROSS JOIN cs WHERE cs.id = j.value)`
	sqlPutPendingImportAll = `INSERT INTO pending_import (conn, cs, op) SELECT conn, id, 2 FROM cs WHERE conn = ? AND imported = 1 AND state <> 4
	ON CONFLICT (conn, cs) DO NOTHING`

	sqlMarkSeen   = `INSERT INTO seen (conn, cs) SELECT ?, value FROM json_each(?) WHERE true ON CONFLICT (conn, cs) DO NOTHING`
	sqlClearSeen  = `DELETE FROM seen WHERE conn = ?`
	sqlDeleteSeen = `DELETE FROM seen WHERE (conn, cs) IN (SELECT cs.conn, cs.id FROM json_each(?) j CROSS JOIN cs WHERE cs.id = j.value)`

	sqlPutLinks = `INSERT INTO link (cs, mv, kind, rule, sticky, outbound) VALUES {values}
	ON CONFLICT (cs) DO UPDATE SET mv = excluded.mv, kind = excluded.kind, rule = excluded.rule, sticky = excluded.sticky, outbound = excluded.outbound`
	sqlDeleteLinks = `DELETE FROM link WHERE cs IN (SELECT value FROM json_each(?))`
	sqlLinkedCS    = `SELECT l.mv, l.cs FROM json_each(?) j CROSS JOIN link l WHERE l.mv = j.value ORDER BY l.mv, l.cs`

	sqlNewestCSValue  = `SELECT coalesce(max(cs), 0) FROM cs_value`
	sqlCSValues       = `SELECT v.cs, v.attr, v.key FROM json_each(?) j CROSS JOIN cs_value v WHERE v.cs = j.value`
	sqlAddCSValues    = `INSERT INTO cs_value (attr, key, cs) VALUES {values}`
	sqlDeleteCSValue  = `DELETE FROM cs_value WHERE attr = ? AND key = ? AND cs = ?`
	sqlDeleteCSValues = `DELETE FROM cs_value WHERE cs IN (SELECT value FROM json_each(?))`
)

// Metaverse objects.
const (
	mvColumns = `mv.id, mv.class, mv.attributes, mv.origins`

	sqlMV      = `SELECT ` + mvColumns + ` FROM json_each(?) j CROSS JOIN mv WHERE mv.id = j.value`
	sqlMVHeads = `SELECT mv.id, mv.class, NULL, mv.origins FROM json_each(?) j CROSS JOIN mv WHERE mv.id = j.value`
	sqlScanMV  = `SELECT ` + mvColumns + ` FROM mv WHERE mv.id > ? ORDER BY mv.id LIMIT ?`
	sqlCountMV = `SELECT class, count(*) FROM mv GROUP BY class`
	sqlPutMV   = `INSERT INTO mv (id, class, attributes, origins) VALUES (?, ?, ?, ?)
	ON CONFLICT (id) DO UPDATE SET class = excluded.class, attributes = excluded.attributes, origins = excluded.origins`
	sqlDeleteMV = `DELETE FROM mv WHERE id IN (SELECT value FROM json_each(?))`
	sqlAnyLink  = `SELECT l.mv FROM json_each(?) j CROSS JOIN link l WHERE l.mv = j.value LIMIT 1`

	sqlMVByValue = `SELECT q.column1, v.mv FROM (VALUES {values}) q CROSS JOIN mv_value v CROSS JOIN mv
	WHERE v.attr = q.column2 AND v.key = q.column3 AND mv.id = v.mv`
	sqlNewestMVValue  = `SELECT coalesce(max(mv), 0) FROM mv_value`
	sqlMVValues       = `SELECT v.mv, v.attr, v.key FROM json_each(?) j CROSS JOIN mv_value v WHERE v.mv = j.value`
	sqlAddMVValues    = `INSERT INTO mv_value (attr, key, mv) VALUES {values}`
	sqlDeleteMVValue  = `DELETE FROM mv_value WHERE attr = ? AND key = ? AND mv = ?`
	sqlDeleteMVValues = `DELETE FROM mv_value WHERE mv IN (SELECT value FROM json_each(?))`
)

// A refTable has the statements for one of the two tables of references, which are alike.
type refTable struct {
	page, all, count, nextName, has     string
	add, remove, deleteFrom, deleteTo   string
	workFrom, workFromAttribute, workTo string
	kind                                int64 // of the work
}

const (
	refPage       = ` WHERE src = ? AND attr = ? AND dst > ? ORDER BY dst`
	refConflict   = ` ON CONFLICT (src, attr, dst) DO NOTHING`
	refInList     = ` IN (SELECT value FROM json_each(?))`
	workConflict  = ` ON CONFLICT (kind, src, attr, dst) DO NOTHING`
	workInsert    = `INSERT INTO ref_work (kind, src, attr, dst) `
	refByTuple    = ` WHERE (src, attr, dst) IN (SELECT q.column1, q.column2, q.column3 FROM (VALUES {values}) q)`
	refTupleMatch = ` r WHERE r.src = q.column2 AND r.attr = q.column3 AND r.dst = q.column4`
)

// refTables are the statements for both.
type refTables struct{ cs, mv refTable }

func newRefTables() refTables {
	return refTables{
		cs: refStatements("cs_ref", int64(metaverse.WorkCS)),
		mv: refStatements("mv_ref", int64(metaverse.WorkMV)),
	}
}

func refStatements(table string, kind int64) refTable {
	return refTable{
		kind:              kind,
		page:              `SELECT dst FROM ` + table + refPage + ` LIMIT ?`,
		all:               `SELECT dst FROM ` + table + refPage,
		count:             `SELECT count(*) FROM ` + table + ` WHERE src = ? AND attr = ?`,
		nextName:          `SELECT coalesce(min(attr), 0) FROM ` + table + ` WHERE src = ? AND attr > ?`,
		has:               `SELECT q.column1 FROM (VALUES {values}) q CROSS JOIN ` + table + refTupleMatch,
		add:               `INSERT INTO ` + table + ` (src, attr, dst) VALUES {values}` + refConflict,
		remove:            `DELETE FROM ` + table + refByTuple,
		deleteFrom:        `DELETE FROM ` + table + ` WHERE src` + refInList,
		deleteTo:          `DELETE FROM ` + table + ` WHERE dst` + refInList,
		workFrom:          workInsert + `SELECT ?, r.src, r.attr, r.dst FROM json_each(?) j CROSS JOIN ` + table + ` r WHERE r.src = j.value` + workConflict,
		workFromAttribute: workInsert + `SELECT ?, r.src, r.attr, r.dst FROM json_each(?) j CROSS JOIN ` + table + ` r WHERE r.attr = ? AND r.src = j.value` + workConflict,
		workTo:            workInsert + `SELECT ?, src, attr, dst FROM ` + table + ` WHERE dst` + refInList + workConflict,
	}
}

const (
	sqlCSRefsFrom = `SELECT r.src, r.attr, r.dst FROM json_each(?) j CROSS JOIN cs_ref r WHERE r.attr = ? AND r.src = j.value LIMIT ?`
	sqlLinkedFrom = `SELECT r.src, r.attr, r.dst FROM json_each(?) j CROSS JOIN cs_ref r CROSS JOIN link l WHERE r.attr = ? AND r.src = j.value AND l.cs = r.dst LIMIT ?`
	// The same for all attributes, of which an object has few.
	sqlCSRefsOf   = `SELECT r.src, r.attr, r.dst FROM json_each(?) j CROSS JOIN cs_ref r WHERE r.src = j.value LIMIT ?`
	sqlLinkedOf   = `SELECT r.src, r.attr, r.dst FROM json_each(?) j CROSS JOIN cs_ref r CROSS JOIN link l WHERE r.src = j.value AND l.cs = r.dst LIMIT ?`
	sqlLinkedTo   = `SELECT r.src, r.attr, r.dst FROM json_each(?) j CROSS JOIN cs_ref r CROSS JOIN link l WHERE r.dst = j.value AND l.cs = r.src LIMIT ?`
	sqlReferrers  = `SELECT DISTINCT src FROM cs_ref WHERE dst = ? AND src > ? ORDER BY src LIMIT ?`
	sqlReferredTo = `SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1 FROM cs_ref r WHERE r.dst = j.value)`
	sqlCopyRefsTo = `INSERT INTO cs_ref (src, attr, dst) SELECT src, attr, ? FROM cs_ref WHERE dst = ?` + refConflict

	sqlRefWork       = `SELECT kind, src, attr, dst FROM ref_work ORDER BY kind, src, attr, dst LIMIT ?`
	sqlAddRefWork    = workInsert + `VALUES {values}` + workConflict
	sqlDeleteRefWork = `DELETE FROM ref_work WHERE (kind, src, attr, dst) IN (SELECT q.column1, q.column2, q.column3, q.column4 FROM (VALUES {values}) q)`
)

// Exports.
const (
	exportColumns = `e.cs, e.conn, e.op, e.flags, e.new_dn, e.not_before, e.attempts, e.pending, e.sent`

	sqlPendingExport = `SELECT ` + exportColumns + ` FROM json_each(?) j CROSS JOIN pending_export e WHERE e.cs = j.value`
	sqlExportHeads   = `SELECT e.cs, e.conn, e.op, e.flags, e.new_dn, e.not_before, e.attempts, NULL, NULL FROM json_each(?) j CROSS JOIN pending_export e WHERE e.cs = j.value`
	sqlScanExports   = `SELECT ` + exportColumns + ` FROM pending_export e WHERE e.conn = ? AND e.op <> 0 AND e.cs > ? ORDER BY e.cs LIMIT ?`
	sqlCountExports  = `SELECT e.op, cs.class, count(*) FROM pending_export e CROSS JOIN cs WHERE e.conn = ? AND e.op <> 0 AND cs.id = e.cs
	GROUP BY e.op, cs.class`
	sqlPutExport = `INSERT INTO pending_export (cs, conn, op, flags, new_dn, not_before, attempts, pending, sent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (cs) DO UPDATE SET conn = excluded.conn, op = excluded.op, flags = excluded.flags, new_dn = excluded.new_dn,
	not_before = excluded.not_before, attempts = excluded.attempts, pending = excluded.pending, sent = excluded.sent`
	sqlSetExportOp   = `UPDATE pending_export SET op = ?, flags = (flags & ?) | ? WHERE cs IN (SELECT value FROM json_each(?))`
	sqlDeleteExports = `DELETE FROM pending_export WHERE cs IN (SELECT value FROM json_each(?))`

	sqlNextExportRefName = `SELECT coalesce(min(attr), 0) FROM export_ref WHERE sent = ? AND src = ? AND attr > ?`
	sqlExportRefs        = `SELECT dst, del FROM export_ref WHERE sent = ? AND src = ? AND attr = ? AND dst > ? ORDER BY dst LIMIT ?`
	sqlHasExportRefs     = `SELECT j.key, CASE WHEN EXISTS (SELECT 1 FROM export_ref r WHERE r.sent = 0 AND r.src = j.value) THEN 1 ELSE 0 END,
	CASE WHEN EXISTS (SELECT 1 FROM export_ref r WHERE r.sent = 1 AND r.src = j.value) THEN 1 ELSE 0 END FROM json_each(?) j`
	sqlFindExportRefs = `SELECT q.column1, r.del, r.sent FROM (VALUES {values}) q CROSS JOIN export_ref` + refTupleMatch
	sqlPutExportRefs  = `INSERT INTO export_ref (src, attr, dst, del, sent) VALUES {values}
	ON CONFLICT (src, attr, dst) DO UPDATE SET del = excluded.del, sent = excluded.sent`
	sqlDeleteExportRef      = `DELETE FROM export_ref` + refByTuple
	sqlDeleteExportRefsFrom = `DELETE FROM export_ref WHERE src` + refInList
	sqlDeleteExportRefsTo   = `DELETE FROM export_ref WHERE dst` + refInList
	// sqlDeleteVain deletes the exports that wait for nothing but references to some objects.
	sqlDeleteVain = `WITH gone AS (SELECT value FROM json_each(?))
	DELETE FROM pending_export WHERE op = 0 AND flags = 0 AND cs IN (SELECT src FROM export_ref WHERE dst IN (SELECT value FROM gone))
	AND NOT EXISTS (SELECT 1 FROM export_ref r WHERE r.src = pending_export.cs AND r.dst NOT IN (SELECT value FROM gone))`
)

// Settings, runs and errors.
const (
	sqlSetting       = `SELECT value FROM setting WHERE key = ?`
	sqlSettings      = `SELECT key, value FROM setting WHERE key >= ? ORDER BY key`
	sqlPutSetting    = `INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`
	sqlDeleteSetting = `DELETE FROM setting WHERE key = ?`

	sqlRuns       = `SELECT id, data FROM run WHERE id < ? ORDER BY id DESC LIMIT ?`
	sqlRunsOf     = `SELECT id, data FROM run WHERE conn = ? AND id < ? ORDER BY id DESC LIMIT ?`
	sqlPutRun     = `INSERT INTO run (id, conn, ended, data) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET conn = excluded.conn, ended = excluded.ended, data = excluded.data`
	sqlDeleteRuns = `DELETE FROM run WHERE ended <> 0 AND ended < ?`

	errorColumns = `e.cs, e.conn, e.step, e.code, e.attr, e.rule, e.message, e.first, e.last, e.count, coalesce(cs.anchor, e.anchor), coalesce(cs.dn, e.dn)`
	errorsFrom   = ` FROM object_error e LEFT JOIN cs ON cs.id = e.cs`
	errorOrder   = ` ORDER BY e.cs, e.step, e.code, e.attr, e.rule, e.id`

	sqlUnknownErrors   = `SELECT ` + errorColumns + errorsFrom + ` WHERE e.cs = 0` + errorOrder
	sqlUnknownErrorsOf = `SELECT ` + errorColumns + errorsFrom + ` WHERE e.cs = 0 AND e.conn = ?` + errorOrder
	sqlErrors          = `SELECT ` + errorColumns + errorsFrom + ` WHERE e.cs > ?` + errorOrder
	sqlErrorsOf        = `SELECT ` + errorColumns + errorsFrom + ` WHERE e.conn = ? AND e.cs > ?` + errorOrder

	sqlErrorsOfObject  = `SELECT id, code, attr, rule, first, count FROM object_error WHERE cs = ? AND step = ?`
	sqlErrorsOfUnknown = `SELECT id, code, attr, rule, first, count FROM object_error WHERE cs = 0 AND conn = ? AND step = ? AND anchor = ? AND dn = ?`
	sqlAddError        = `INSERT INTO object_error (cs, conn, step, code, attr, rule, message, first, last, count, anchor, dn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	sqlDeleteError     = `DELETE FROM object_error WHERE id = ?`
	sqlClearErrors     = `DELETE FROM object_error WHERE cs IN (SELECT value FROM json_each(?)) AND step = ?`
	sqlClearUnknown    = `DELETE FROM object_error WHERE cs = 0 AND conn = ? AND step = ?`
	sqlDeleteErrors    = `DELETE FROM object_error WHERE cs IN (SELECT value FROM json_each(?)) AND cs <> 0`
)

// The lease and configurations. {now} is the clock of the database in milliseconds since 1970;
// {locked} keeps the row from changing until the transaction ends, {held} keeps its holder.
const (
	sqlLease        = `SELECT token, holder, until - {now} FROM lease WHERE id = 1`
	sqlLockLease    = sqlLease + `{locked}`
	sqlTakeLease    = `UPDATE lease SET token = token + 1, holder = ?, until = {now} + ?, period = ? WHERE id = 1`
	sqlRenewLease   = `UPDATE lease SET until = {now} + ?, period = ? WHERE id = 1 AND token = ? AND until <> 0`
	sqlReleaseLease = `UPDATE lease SET until = 0 WHERE id = 1 AND token = ?`
	sqlFence        = `SELECT token FROM lease WHERE id = 1 AND token = ? AND until <> 0{held}`
	// sqlKeepLease extends a lease that is used, for databases with a single writer.
	sqlKeepLease = `UPDATE lease SET until = {now} + period WHERE id = 1 AND token = ? AND until < {now} + period / 2`

	configurationColumns = `version, hash, author, at`

	sqlNewestConfiguration = `SELECT ` + configurationColumns + `, content FROM configuration ORDER BY version DESC LIMIT 1`
	sqlConfiguration       = `SELECT ` + configurationColumns + `, content FROM configuration WHERE version = ?`
	sqlConfigurations      = `SELECT ` + configurationColumns + ` FROM configuration WHERE version < ? ORDER BY version DESC LIMIT ?`
	sqlAddConfiguration    = `INSERT INTO configuration (version, hash, author, at, content) VALUES (?, ?, ?, ?, ?)`
)

// Whole tables, for checks and dumps.
const (
	sqlCountObjects = `SELECT (SELECT count(*) FROM cs) + (SELECT count(*) FROM mv)`

	sqlEachCS     = `SELECT id FROM cs WHERE id > ? ORDER BY id LIMIT 1000`
	sqlNameCS     = `SELECT conn, dn FROM cs WHERE id = ?`
	sqlNameMV     = `SELECT cs.conn, cs.dn FROM link JOIN cs ON cs.id = link.cs WHERE link.mv = ? ORDER BY link.cs LIMIT 1`
	sqlEachMV     = `SELECT id FROM mv WHERE id > ? ORDER BY id LIMIT 1000`
	sqlEachExport = `SELECT cs FROM pending_export WHERE cs > ? ORDER BY cs LIMIT 1000`

	sqlAllSeen           = `SELECT conn, cs FROM seen ORDER BY conn, cs`
	sqlAllCSRefs         = `SELECT 0, src, attr, dst, 0, 0 FROM cs_ref ORDER BY src, attr, dst`
	sqlAllMVRefs         = `SELECT 0, src, attr, dst, 0, 0 FROM mv_ref ORDER BY src, attr, dst`
	sqlAllRefWork        = `SELECT kind, src, attr, dst, 0, 0 FROM ref_work ORDER BY kind, src, attr, dst`
	sqlAllExportRefs     = `SELECT 0, src, attr, dst, del, sent FROM export_ref ORDER BY src, attr, dst`
	sqlAllSettings       = `SELECT key, value FROM setting ORDER BY key`
	sqlAllConfigurations = `SELECT version, hash, author, at, content FROM configuration ORDER BY version`
	sqlAllRuns           = `SELECT id, data FROM run ORDER BY id`
)
