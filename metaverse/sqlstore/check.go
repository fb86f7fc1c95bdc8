package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/rules"
)

// A Problem is something about a store that should not be. Texts hold no attribute values.
type Problem struct {
	// Rule is the invariant that is broken, as a short stable name: "link-object",
	// "state-link", "record". Package sqlstore's function Rules lists them.
	Rule  string `json:"rule"`
	Table string `json:"table"`
	// ID is that of the row or of the object that it belongs to, 0 where there is none.
	ID   int64  `json:"id"`
	Text string `json:"text"`
}

// String returns the problem in one line.
func (p Problem) String() string {
	return fmt.Sprintf("%s: %s %d: %s", p.Rule, p.Table, p.ID, p.Text)
}

// maxProblems ends a check of a store in which hardly anything is right.
const maxProblems = 10000

// A checkRule is an invariant that a query can verify: it returns the ids that break it.
type checkRule struct {
	rule, table, text, query string
}

func checkRules() []checkRule {
	noCS := func(table, column string) string {
		return "SELECT DISTINCT t." + column + " FROM " + table + " t LEFT JOIN cs ON cs.id = t." + column + " WHERE cs.id IS NULL"
	}
	otherConnector := func(table string) string {
		return "SELECT t.cs FROM " + table + " t JOIN cs ON cs.id = t.cs WHERE cs.conn <> t.conn"
	}
	noMV := func(table, column string) string {
		return "SELECT DISTINCT t." + column + " FROM " + table + " t LEFT JOIN mv ON mv.id = t." + column + " WHERE mv.id IS NULL"
	}
	return []checkRule{
		{"link-object", "link", "the linked object does not exist", noCS("link", "cs")},
		{"link-metaverse", "link", "the object is linked to a metaverse object that does not exist",
			"SELECT t.cs FROM link t LEFT JOIN mv ON mv.id = t.mv WHERE mv.id IS NULL"},
		{"link-twice", "mv", "linked to several objects of one connector",
			"SELECT l.mv FROM link l JOIN cs ON cs.id = l.cs GROUP BY l.mv, cs.conn HAVING count(*) > 1"},
		{"mv-unlinked", "mv", "no object is linked to it",
			"SELECT mv.id FROM mv WHERE NOT EXISTS (SELECT 1 FROM link WHERE link.mv = mv.id)"},
		{"state-link", "cs", "its state says connected and it has no link",
			"SELECT cs.id FROM cs LEFT JOIN link l ON l.cs = cs.id WHERE cs.state = 1 AND l.cs IS NULL"},
		{"link-state", "cs", "it has a link and its state says placeholder",
			"SELECT cs.id FROM cs JOIN link l ON l.cs = cs.id WHERE cs.state = 4"},
		{"state", "cs", "its state is unknown", "SELECT id FROM cs WHERE state NOT BETWEEN 0 AND 4"},
		{"placeholder-imported", "cs", "a placeholder is marked as imported", "SELECT id FROM cs WHERE state = 4 AND imported <> 0"},
		{"import-object", "pending_import", "the object with a pending import does not exist", noCS("pending_import", "cs")},
		{"import-connector", "pending_import", "it is queued with another connector", otherConnector("pending_import")},
		{"import-operation", "pending_import", "the operation is unknown", "SELECT cs FROM pending_import WHERE op NOT BETWEEN 1 AND 4"},
		{"seen-object", "seen", "the object marked as seen does not exist", noCS("seen", "cs")},
		{"seen-connector", "seen", "it is marked with another connector", otherConnector("seen")},
		{"value-object", "cs_value", "the indexed object does not exist", noCS("cs_value", "cs")},
		{"value-metaverse", "mv_value", "the indexed metaverse object does not exist", noMV("mv_value", "mv")},
		{"reference-source", "cs_ref", "the referring object does not exist", noCS("cs_ref", "src")},
		{"reference-target", "cs_ref", "the object referred to does not exist", noCS("cs_ref", "dst")},
		{"reference-connector", "cs_ref", "it refers to an object of another connector",
			"SELECT DISTINCT r.src FROM cs_ref r JOIN cs a ON a.id = r.src JOIN cs b ON b.id = r.dst WHERE a.conn <> b.conn"},
		{"copy-source", "mv_ref", "the referring metaverse object does not exist", noMV("mv_ref", "src")},
		{"copy-target", "mv_ref", "the metaverse object referred to does not exist", noMV("mv_ref", "dst")},
		{"export-object", "pending_export", "the object with a pending export does not exist", noCS("pending_export", "cs")},
		{"export-connector", "pending_export", "it is queued with another connector", otherConnector("pending_export")},
		{"export-operation", "pending_export", "the operation is unknown", "SELECT cs FROM pending_export WHERE op NOT BETWEEN 0 AND 3"},
		{"export-reference-source", "export_ref", "the object to change does not exist", noCS("export_ref", "src")},
		{"export-reference-target", "export_ref", "the object referred to does not exist", noCS("export_ref", "dst")},
		{"export-reference-flag", "export_ref", "unsent references without a pending export that tells of them",
			"SELECT DISTINCT r.src FROM export_ref r LEFT JOIN pending_export e ON e.cs = r.src WHERE r.sent = 0 AND coalesce(e.flags & 4, 0) = 0"},
		{"error-object", "object_error", "the object with an error does not exist",
			"SELECT DISTINCT t.cs FROM object_error t LEFT JOIN cs ON cs.id = t.cs WHERE cs.id IS NULL AND t.cs <> 0"},
		{"sequence", "sequence", "ids beyond those handed out are in use",
			"SELECT 0 WHERE (SELECT coalesce(max(id), 0) FROM cs) >= (SELECT next FROM sequence WHERE name = 'cs') " +
				"OR (SELECT coalesce(max(id), 0) FROM mv) >= (SELECT next FROM sequence WHERE name = 'mv') " +
				"OR (SELECT coalesce(max(id), 0) FROM run) >= (SELECT next FROM sequence WHERE name = 'run')"},
	}
}

// Rules lists the invariants that [Store.Check] verifies.
func Rules() []string {
	var out []string
	for _, r := range checkRules() {
		out = append(out, r.rule)
	}
	return append(out, "database", "record", "value-stale")
}

// Check verifies what should always be true of a store that no synchronisation is changing at the
// moment: the database file itself, that every record can be read, that nothing refers to what
// is not there, and that states, links and indexes agree. It reads the whole store and returns
// what it finds; the error says that it could not look. It stops at the next object when ctx
// ends.
func (s *Store) Check(ctx context.Context) ([]Problem, error) {
	c := &checker{}
	err := s.view(ctx, func(r *reader) error {
		c.r = r
		return c.check(ctx)
	})
	switch {
	case errors.Is(err, errStop):
		return c.problems, nil
	case errors.Is(err, metaverse.ErrCorrupt): // even the database could not go on
		return append(c.problems, Problem{Rule: "database", Table: "database", Text: err.Error()}), nil
	default:
		return c.problems, err
	}
}

type checker struct {
	r        *reader
	problems []Problem
}

func (c *checker) found(p Problem) error {
	if c.problems = append(c.problems, p); len(c.problems) >= maxProblems {
		return errStop
	}
	return nil
}

func (c *checker) check(ctx context.Context) error {
	err := c.r.conn.integrity(ctx, func(text string) error {
		return c.found(Problem{Rule: "database", Table: "database", Text: text})
	})
	if err != nil {
		return err
	}
	for _, rule := range checkRules() {
		ids, err := queryIDs[int64](c.r, rule.query)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := c.found(Problem{rule.rule, rule.table, id, rule.text}); err != nil {
				return err
			}
		}
	}
	for _, scan := range []func() error{c.objects, c.people, c.exports, c.runs} {
		if err := scan(); err != nil {
			return err
		}
	}
	return nil
}

// record notes that a record cannot be read, and lets the check go on.
func (c *checker) record(table string, id int64, err error) error {
	if !errors.Is(err, metaverse.ErrCorrupt) || c.r.err != nil {
		return err
	}
	return c.found(Problem{"record", table, id, err.Error()})
}

func (c *checker) objects() error {
	return c.r.each(sqlEachCS, func(id int64) error {
		found, err := c.r.CS([]metaverse.CSID{metaverse.CSID(id)})
		if err != nil {
			return c.record("cs", id, err)
		}
		return c.values("cs_value", sqlCSValues, id, &found[0].Image)
	})
}

func (c *checker) people() error {
	return c.r.each(sqlEachMV, func(id int64) error {
		found, err := c.r.MV([]metaverse.MVID{metaverse.MVID(id)})
		if err != nil {
			return c.record("mv", id, err)
		}
		return c.values("mv_value", sqlMVValues, id, &found[0].Attributes)
	})
}

// values compares the index entries of an object with its attributes.
func (c *checker) values(table, q string, id int64, set *attr.Set) error {
	return c.r.query(q, func(rows row) error {
		var object, a int64
		var k sql.RawBytes
		if err := rows.Scan(&object, &a, &k); err != nil {
			return err
		}
		name, ok := c.r.dict.name(nameAttribute, a)
		if !ok {
			return c.record(table, id, corrupt(table, id, errBadName))
		}
		for _, v := range set.Values(name) {
			if rules.JoinKey(v) == string(k) {
				return nil
			}
		}
		return c.found(Problem{"value-stale", table, id, "the index has a value of " + name + " that the object does not have"})
	}, idList([]int64{id}))
}

func (c *checker) exports() error {
	return c.r.each(sqlEachExport, func(id int64) error {
		_, err := c.r.PendingExport([]metaverse.CSID{metaverse.CSID(id)})
		if err != nil {
			return c.record("pending_export", id, err)
		}
		return nil
	})
}

func (c *checker) runs() error {
	return c.r.query(sqlAllRuns, func(rows row) error {
		var id int64
		var data sql.RawBytes
		if err := rows.Scan(&id, &data); err != nil {
			return err
		}
		if !json.Valid(data) {
			return c.found(Problem{"record", "run", id, "the record is not JSON"})
		}
		return nil
	})
}
