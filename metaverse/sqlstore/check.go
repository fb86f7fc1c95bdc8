package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	// Object names the object as people know it: connector and DN; "" where there is none.
	Object string `json:"object,omitempty"`
	// Advice says what to do.
	Advice string `json:"advice"`
}

// String returns the problem in one line, without the advice.
func (p Problem) String() string {
	object := ""
	if p.Object != "" {
		object = " (" + p.Object + ")"
	}
	return fmt.Sprintf("%s: %s %d%s: %s", p.Rule, p.Table, p.ID, object, p.Text)
}

// What to do about problems.
const (
	adviceRestore = "restore a backup, or start with an empty store and an initial cycle: every object is found again by its source anchor"
	adviceRepair  = "back the store up and repair it (hybridsync store repair BACKUP): what follows from something else is built anew, the next cycle reads and evaluates everything, nothing is deleted because of it"
	adviceFull    = "the next full synchronisation of every connector puts it right (hybridsync cycle -initial)"
	adviceHistory = "only the history is affected: go on"
)

// restored are the invariants behind which nothing stands but the store itself, and those of which
// a broken one tells that more may be wrong than can be seen. What to do about the others is to
// repair.
var restored = []string{
	"database", "record", "name", "state", "link-kind", "link-state", "link-twice", "dn-key", "export-operation", "sequence", "lease", "configuration",
}

// derived are the tables that are built anew, whatever is in them.
var derived = []string{"seen", "pending_import", "cs_value", "mv_value", "ref_work"}

// advice returns what to do about a problem.
func advice(rule, table string) string {
	switch {
	case table == "run":
		return adviceHistory
	case rule == "origin":
		return adviceFull
	case slices.Contains(restored, rule) && !slices.Contains(derived, table):
		return adviceRestore
	default:
		return adviceRepair
	}
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
	list := []checkRule{
		{"link-object", "link", "the linked object does not exist", noCS("link", "cs")},
		{"link-metaverse", "link", "the object is linked to a metaverse object that does not exist",
			"SELECT t.cs FROM link t LEFT JOIN mv ON mv.id = t.mv WHERE mv.id IS NULL"},
		{"link-twice", "mv", "linked to several objects of one connector",
			"SELECT l.mv FROM link l JOIN cs ON cs.id = l.cs GROUP BY l.mv, cs.conn HAVING count(*) > 1"},
		{"mv-unlinked", "mv", "no object is linked to it",
			"SELECT mv.id FROM mv WHERE NOT EXISTS (SELECT 1 FROM link WHERE link.mv = mv.id)"},
		{"link-kind", "link", "the kind of the link is unknown", "SELECT cs FROM link WHERE kind NOT BETWEEN 1 AND 4"},
		{"state-link", "cs", "its state says connected and it has no link",
			"SELECT cs.id FROM cs LEFT JOIN link l ON l.cs = cs.id WHERE cs.state = 1 AND l.cs IS NULL"},
		{"link-state", "cs", "it has a link and its state says placeholder",
			"SELECT cs.id FROM cs JOIN link l ON l.cs = cs.id WHERE cs.state = 4"},
		{"state", "cs", "its state is unknown", "SELECT id FROM cs WHERE state NOT BETWEEN 0 AND 4"},
		{"placeholder-imported", "cs", "a placeholder is marked as imported", "SELECT id FROM cs WHERE state = 4 AND imported <> 0"},
		{"placeholder-refers", "cs", "a placeholder refers to others",
			"SELECT DISTINCT r.src FROM cs_ref r JOIN cs ON cs.id = r.src WHERE cs.state = 4"},
		{"orphan", "cs", "neither has the directory it, nor does anything make it",
			"SELECT cs.id FROM cs LEFT JOIN link l ON l.cs = cs.id LEFT JOIN pending_export e ON e.cs = cs.id " +
				"WHERE cs.imported = 0 AND cs.anchor IS NULL AND cs.state <> 4 AND l.cs IS NULL AND e.cs IS NULL"},
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
		{"export-deletes-linked", "pending_export", "the deletion of an object that is linked is pending",
			"SELECT e.cs FROM pending_export e JOIN link l ON l.cs = e.cs WHERE e.op = 3"},
		{"export-empty", "pending_export", "nothing is pending, and nothing has to be confirmed",
			"SELECT e.cs FROM pending_export e WHERE e.op = 0 AND e.flags = 0 AND NOT EXISTS (SELECT 1 FROM export_ref r WHERE r.src = e.cs)"},
		{"export-reference-source", "export_ref", "the object to change does not exist", noCS("export_ref", "src")},
		{"export-reference-target", "export_ref", "the object referred to does not exist", noCS("export_ref", "dst")},
		{"export-reference-flag", "export_ref", "unsent references without a pending export that tells of them",
			"SELECT DISTINCT r.src FROM export_ref r LEFT JOIN pending_export e ON e.cs = r.src WHERE r.sent = 0 AND coalesce(e.flags & 4, 0) = 0"},
		{"export-reference-sent", "export_ref", "references that were sent without a pending export that waits for them",
			"SELECT DISTINCT r.src FROM export_ref r LEFT JOIN pending_export e ON e.cs = r.src WHERE r.sent <> 0 AND e.cs IS NULL"},
		{"export-reference-connector", "export_ref", "it refers to an object of another connector",
			"SELECT DISTINCT r.src FROM export_ref r JOIN cs a ON a.id = r.src JOIN cs b ON b.id = r.dst WHERE a.conn <> b.conn"},
		{"work-kind", "ref_work", "the kind of work is unknown", "SELECT src FROM ref_work WHERE kind NOT BETWEEN 1 AND 2"},
		{"error-connector", "object_error", "it is recorded with another connector", otherConnector("object_error")},
		{"error-step", "object_error", "the step is unknown",
			"SELECT DISTINCT cs FROM object_error WHERE step NOT IN ('import', 'sync', 'export')"},
		{"lease", "lease", "its one row is missing", "SELECT 0 WHERE (SELECT count(*) FROM lease WHERE id = 1) <> 1"},
		{"error-object", "object_error", "the object with an error does not exist",
			"SELECT DISTINCT t.cs FROM object_error t LEFT JOIN cs ON cs.id = t.cs WHERE cs.id IS NULL AND t.cs <> 0"},
		{"sequence", "sequence", "ids beyond those handed out are in use",
			"SELECT 0 WHERE (SELECT count(*) FROM sequence) <> 3 OR (SELECT coalesce(max(id), 0) FROM cs) >= (SELECT next FROM sequence WHERE name = 'cs') " +
				"OR (SELECT coalesce(max(id), 0) FROM mv) >= (SELECT next FROM sequence WHERE name = 'mv') " +
				"OR (SELECT coalesce(max(id), 0) FROM run) >= (SELECT next FROM sequence WHERE name = 'run')"},
	}
	return append(list, nameRules()...)
}

// nameRules verify that every number of a name stands for one.
func nameRules() (list []checkRule) {
	for _, c := range []struct {
		table, id, column string
		kind              nameKind
	}{
		{"cs", "id", "conn", nameConnector}, {"cs", "id", "class", nameClass}, {"cs", "id", "part", namePartition},
		{"pending_import", "cs", "conn", nameConnector}, {"seen", "cs", "conn", nameConnector}, {"link", "cs", "rule", nameRule},
		{"cs_value", "cs", "attr", nameAttribute}, {"cs_ref", "src", "attr", nameAttribute},
		{"mv", "id", "class", nameClass}, {"mv_value", "mv", "attr", nameAttribute}, {"mv_ref", "src", "attr", nameAttribute},
		{"ref_work", "src", "attr", nameAttribute}, {"pending_export", "cs", "conn", nameConnector}, {"export_ref", "src", "attr", nameAttribute},
		{"run", "id", "conn", nameConnector}, {"object_error", "cs", "conn", nameConnector},
	} {
		list = append(list, checkRule{"name", c.table, "the number in column " + c.column + " stands for no name", fmt.Sprintf(
			"SELECT DISTINCT t.%s FROM %s t LEFT JOIN name n ON n.kind = %d AND n.id = t.%s WHERE t.%s <> 0 AND n.id IS NULL",
			c.id, c.table, c.kind, c.column, c.column)})
	}
	return list
}

// Rules lists the invariants that [Store.Check] verifies.
func Rules() []string {
	out := []string{"database", "record", "value-stale", "value-missing", "dn-key", "origin", "configuration"}
	for _, r := range checkRules() {
		out = append(out, r.rule)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Check verifies what should always be true of a store that no synchronisation is changing at the
// moment: the database file itself, that every record can be read, that nothing refers to what
// is not there, and that states, links and indexes agree. It reads the whole store and returns
// what it finds; the error says that it could not look. It stops at the next object when ctx
// ends.
func (s *Store) Check(ctx context.Context) ([]Problem, error) {
	c := &checker{meter: s.meter("check")}
	err := s.view(ctx, func(r *reader) error {
		c.r = r
		err := c.check(ctx)
		if err != nil && !errors.Is(err, errStop) {
			return err
		}
		return errors.Join(c.nameObjects(), err)
	})
	switch {
	case errors.Is(err, errStop):
		return c.problems, nil
	case errors.Is(err, metaverse.ErrCorrupt): // even the database could not go on
		return append(c.problems, Problem{Rule: "database", Table: "database", Text: err.Error(), Advice: adviceRestore}), nil
	default:
		return c.problems, err
	}
}

type checker struct {
	r        *reader
	meter    *meter
	index    *metaverse.ValueIndex // nil while it is being built
	problems []Problem
}

func (c *checker) found(p Problem) error {
	p.Advice = advice(p.Rule, p.Table)
	if c.problems = append(c.problems, p); len(c.problems) >= maxProblems {
		return errStop
	}
	return nil
}

func (c *checker) check(ctx context.Context) error {
	c.meter.begin("database", 0)
	err := c.r.conn.integrity(ctx, func(text string) error {
		return c.found(Problem{Rule: "database", Table: "database", Text: text})
	})
	if err != nil {
		return err
	}
	list := checkRules()
	c.meter.begin("invariants", int64(len(list)))
	for _, rule := range list {
		c.meter.tell(1, true)
		ids, err := queryIDs[int64](c.r, rule.query)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := c.found(Problem{Rule: rule.rule, Table: rule.table, ID: id, Text: rule.text}); err != nil {
				return err
			}
		}
	}
	if c.index, err = metaverse.ReadValueIndex(c.r); err != nil {
		return err
	}
	objects, err := queryIDs[int64](c.r, sqlCountObjects)
	if err != nil {
		return err
	}
	c.meter.begin("objects", objects[0])
	for _, scan := range []func() error{c.objects, c.people, c.exports, c.runs, c.configurations} {
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
	return c.found(Problem{Rule: "record", Table: table, ID: id, Text: err.Error()})
}

func (c *checker) objects() error {
	return c.r.each(sqlEachCS, func(id int64) error {
		c.meter.tell(1, false)
		found, err := c.r.CS([]metaverse.CSID{metaverse.CSID(id)})
		if err != nil {
			return c.record("cs", id, err)
		}
		o := found[0]
		if o.DNKey != o.DN && o.DNKey != strings.ToLower(o.DN) && !strings.HasPrefix(o.DNKey, metaverse.TransientPrefix) {
			if err := c.found(Problem{Rule: "dn-key", Table: "cs", ID: id, Text: "the key under which it is found is not that of its DN"}); err != nil {
				return err
			}
		}
		var want []metaverse.ValueKey
		if c.index != nil {
			want = c.index.CS(o)
		}
		return c.values("cs_value", sqlCSValues, id, &o.Image, want)
	})
}

func (c *checker) people() error {
	return c.r.each(sqlEachMV, func(id int64) error {
		c.meter.tell(1, false)
		found, err := c.r.MV([]metaverse.MVID{metaverse.MVID(id)})
		if err != nil {
			return c.record("mv", id, err)
		}
		if err := c.origins(found[0]); err != nil {
			return err
		}
		var want []metaverse.ValueKey
		if c.index != nil {
			want = c.index.MV(found[0])
		}
		return c.values("mv_value", sqlMVValues, id, &found[0].Attributes, want)
	})
}

// origins verifies that what a metaverse object has comes from what it is linked to.
func (c *checker) origins(m *metaverse.MVObject) error {
	linked, err := c.r.LinkedCS([]metaverse.MVID{m.ID})
	if err != nil {
		return err
	}
	for _, o := range m.Origins {
		if !slices.Contains(linked[0], o.CS) {
			return c.found(Problem{Rule: "origin", Table: "mv", ID: int64(m.ID), Text: "attribute " + o.Attribute + " comes from an object that is not linked to it"})
		}
	}
	return nil
}

// values compares the index entries of an object with its attributes, and with the entries that it
// should have.
func (c *checker) values(table, q string, id int64, set *attr.Set, want []metaverse.ValueKey) error {
	have := make(map[metaverse.ValueKey]bool)
	err := c.r.query(q, func(rows row) error {
		var object, a int64
		var k sql.RawBytes
		if err := rows.Scan(&object, &a, &k); err != nil {
			return err
		}
		name, ok := c.r.dict.name(nameAttribute, a)
		if !ok {
			return nil // the rule "name" says so
		}
		have[metaverse.ValueKey{Attribute: attr.Fold(name), Key: string(k)}] = true
		for _, v := range set.Values(name) {
			if rules.JoinKey(v) == string(k) {
				return nil
			}
		}
		return c.found(Problem{Rule: "value-stale", Table: table, ID: id, Text: "the index has a value of " + name + " that the object does not have"})
	}, idList([]int64{id}))
	if err != nil {
		return err
	}
	for _, k := range want {
		if !have[metaverse.ValueKey{Attribute: attr.Fold(k.Attribute), Key: k.Key}] {
			return c.found(Problem{Rule: "value-missing", Table: table, ID: id, Text: "joins cannot find it by its value of " + k.Attribute})
		}
	}
	return nil
}

// configurations verifies that the configurations are those that were published.
func (c *checker) configurations() error {
	list, err := c.r.Configurations(0, maxProblems)
	if err != nil {
		return err
	}
	for _, one := range list {
		whole, err := c.r.Configuration(one.Version)
		if err != nil {
			return err
		}
		if whole != nil && metaverse.HashConfiguration(whole.Text) != whole.Hash {
			if err := c.found(Problem{Rule: "configuration", Table: "configuration", ID: one.Version, Text: "its text is not that of its hash"}); err != nil {
				return err
			}
		}
	}
	return nil
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
			return c.found(Problem{Rule: "record", Table: "run", ID: id, Text: "the record is not JSON"})
		}
		return nil
	})
}

// nameObjects names the objects that problems are about.
func (c *checker) nameObjects() error {
	for i := range c.problems {
		p := &c.problems[i]
		q := sqlNameCS
		switch p.Table {
		case "mv", "mv_value", "mv_ref":
			q = sqlNameMV
		case "run", "lease", "configuration", "sequence", "database":
			continue
		}
		err := c.r.query(q, func(rows row) error {
			var conn int64
			var dn string
			if err := rows.Scan(&conn, &dn); err != nil {
				return err
			}
			name, _ := c.r.dict.name(nameConnector, conn)
			p.Object = name + ": " + dn
			return nil
		}, p.ID)
		if err != nil {
			return err
		}
	}
	return nil
}
