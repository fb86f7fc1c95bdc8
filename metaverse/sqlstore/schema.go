package sqlstore

// The schema. Tables without blobs are clustered by their keys; objects sit under small
// sequential ids, and wide or random values, such as anchors, in indexes only. All deletions are
// spelled out in code: foreign keys would cost a look-up for each row written.
//
// A migration is never changed once released. New ones go to the end; the number of
// migrations applied is the schema version.

// applicationID marks database files of ours, "hsyn" in ASCII.
const applicationID = 0x6873796e

// migrations returns the steps that lead from an empty database to the current schema.
func migrations() []string {
	return []string{schemaV1, schemaV2}
}

const schemaV1 = `
-- Names under small numbers, never reused. seq orders them over all kinds.
CREATE TABLE name (
	seq  INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL, -- 1 connector, 2 class, 3 partition, 4 attribute, 5 rule, 6 common text
	id   INTEGER NOT NULL,
	name TEXT    NOT NULL,
	UNIQUE (kind, id),
	UNIQUE (kind, name)
) STRICT;

-- The next id of each sort of object.
CREATE TABLE sequence (
	name TEXT    NOT NULL PRIMARY KEY,
	next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sequence (name, next) VALUES ('cs', 1), ('mv', 1), ('run', 1);

CREATE TABLE cs (
	id       INTEGER PRIMARY KEY,
	conn     INTEGER NOT NULL,
	class    INTEGER NOT NULL,
	part     INTEGER NOT NULL,
	state    INTEGER NOT NULL, -- of what has no link: what has one is connected
	imported INTEGER NOT NULL,
	anchor   BLOB,
	dn       TEXT    NOT NULL,
	dn_key   BLOB,
	image    BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX cs_anchor ON cs (conn, anchor) WHERE anchor IS NOT NULL;
CREATE UNIQUE INDEX cs_dn ON cs (conn, dn_key);
CREATE INDEX cs_scan ON cs (conn, id, state, imported);

CREATE TABLE pending_import (
	conn INTEGER NOT NULL,
	cs   INTEGER NOT NULL,
	op   INTEGER NOT NULL,
	PRIMARY KEY (conn, cs)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen (
	conn INTEGER NOT NULL,
	cs   INTEGER NOT NULL,
	PRIMARY KEY (conn, cs)
) STRICT, WITHOUT ROWID;

CREATE TABLE link (
	cs       INTEGER PRIMARY KEY,
	mv       INTEGER NOT NULL,
	kind     INTEGER NOT NULL,
	rule     INTEGER NOT NULL,
	sticky   INTEGER NOT NULL,
	outbound BLOB
) STRICT;
CREATE INDEX link_mv ON link (mv, cs);

CREATE TABLE cs_value (
	attr INTEGER NOT NULL,
	key  BLOB    NOT NULL,
	cs   INTEGER NOT NULL,
	PRIMARY KEY (attr, key, cs)
) STRICT, WITHOUT ROWID;
CREATE INDEX cs_value_cs ON cs_value (cs);

CREATE TABLE cs_ref (
	src  INTEGER NOT NULL,
	attr INTEGER NOT NULL,
	dst  INTEGER NOT NULL,
	PRIMARY KEY (src, attr, dst)
) STRICT, WITHOUT ROWID;
CREATE INDEX cs_ref_dst ON cs_ref (dst);

CREATE TABLE mv (
	id         INTEGER PRIMARY KEY,
	class      INTEGER NOT NULL,
	attributes BLOB    NOT NULL,
	origins    BLOB    NOT NULL
) STRICT;
CREATE INDEX mv_class ON mv (class);

CREATE TABLE mv_value (
	attr INTEGER NOT NULL,
	key  BLOB    NOT NULL,
	mv   INTEGER NOT NULL,
	PRIMARY KEY (attr, key, mv)
) STRICT, WITHOUT ROWID;
CREATE INDEX mv_value_mv ON mv_value (mv);

CREATE TABLE mv_ref (
	src  INTEGER NOT NULL,
	attr INTEGER NOT NULL,
	dst  INTEGER NOT NULL,
	PRIMARY KEY (src, attr, dst)
) STRICT, WITHOUT ROWID;
CREATE INDEX mv_ref_dst ON mv_ref (dst);

CREATE TABLE ref_work (
	kind INTEGER NOT NULL,
	src  INTEGER NOT NULL,
	attr INTEGER NOT NULL,
	dst  INTEGER NOT NULL,
	PRIMARY KEY (kind, src, attr, dst)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending_export (
	cs         INTEGER PRIMARY KEY,
	conn       INTEGER NOT NULL,
	op         INTEGER NOT NULL,
	flags      INTEGER NOT NULL, -- 1 deletion sent, 2 unknown, 4 references, 8 sent is not empty
	new_dn     TEXT    NOT NULL,
	not_before INTEGER NOT NULL, -- nanoseconds since 1970, 0 for none
	attempts   INTEGER NOT NULL,
	pending    BLOB    NOT NULL,
	sent       BLOB    NOT NULL
) STRICT;
CREATE INDEX pending_export_scan ON pending_export (conn, cs, op, flags);

CREATE TABLE export_ref (
	src  INTEGER NOT NULL,
	attr INTEGER NOT NULL,
	dst  INTEGER NOT NULL,
	del  INTEGER NOT NULL,
	sent INTEGER NOT NULL,
	PRIMARY KEY (src, attr, dst)
) STRICT, WITHOUT ROWID;
CREATE INDEX export_ref_sent ON export_ref (sent, src, attr, dst);
CREATE INDEX export_ref_dst ON export_ref (dst);

CREATE TABLE setting (
	key   TEXT NOT NULL PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
	id    INTEGER PRIMARY KEY,
	conn  INTEGER NOT NULL,
	ended INTEGER NOT NULL, -- nanoseconds since 1970, 0 while in progress
	data  TEXT    NOT NULL  -- JSON
) STRICT;
CREATE INDEX run_conn ON run (conn, id);

CREATE TABLE object_error (
	id      INTEGER PRIMARY KEY,
	cs      INTEGER NOT NULL, -- 0 for objects that do not exist
	conn    INTEGER NOT NULL,
	step    TEXT    NOT NULL,
	code    TEXT    NOT NULL,
	attr    TEXT    NOT NULL,
	rule    TEXT    NOT NULL,
	message TEXT    NOT NULL,
	first   INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	count   INTEGER NOT NULL,
	anchor  BLOB    NOT NULL, -- of objects that do not exist
	dn      TEXT    NOT NULL
) STRICT;
CREATE INDEX object_error_cs ON object_error (cs, conn, step);
CREATE INDEX object_error_conn ON object_error (conn, cs);
`

const schemaV2 = `
-- Who may run steps. Its only row has id 1.
CREATE TABLE lease (
	id     INTEGER PRIMARY KEY,
	token  INTEGER NOT NULL,
	holder TEXT    NOT NULL, -- JSON
	until  INTEGER NOT NULL, -- milliseconds since 1970 by the clock of the database, 0 when it is free
	period INTEGER NOT NULL  -- milliseconds
) STRICT;
INSERT INTO lease (id, token, holder, until, period) VALUES (1, 0, '{}', 0, 0);

CREATE TABLE configuration (
	version INTEGER PRIMARY KEY,
	hash    TEXT    NOT NULL,
	author  TEXT    NOT NULL,
	at      INTEGER NOT NULL, -- nanoseconds since 1970
	content BLOB    NOT NULL
) STRICT;
`
