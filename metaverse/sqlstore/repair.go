package sqlstore

import (
	"context"

	"github.com/hybridsync/hybridsync/metaverse"
)

// repairs put right what follows from something else. They come in this order: what goes takes
// with it what belongs to it.
var repairs = []string{
	// Links are found again by the rules.
	`DELETE FROM link WHERE cs NOT IN (SELECT id FROM cs) OR mv NOT IN (SELECT id FROM mv)`,
	`DELETE FROM mv WHERE id NOT IN (SELECT mv FROM link)`,
	`UPDATE cs SET state = 0 WHERE state = 1 AND id NOT IN (SELECT cs FROM link)`,
	`UPDATE cs SET imported = 0 WHERE state = 4 AND imported <> 0`,
	`DELETE FROM pending_export WHERE cs NOT IN (SELECT id FROM cs)`,
	`DELETE FROM cs WHERE imported = 0 AND anchor IS NULL AND state <> 4 AND id NOT IN (SELECT cs FROM link) AND id NOT IN (SELECT cs FROM pending_export)`,
	// Queues: every object has its turn anyway, and every reference.
	`DELETE FROM seen`,
	`DELETE FROM pending_import WHERE op NOT BETWEEN 1 AND 4 OR NOT EXISTS (SELECT 1 FROM cs WHERE cs.id = pending_import.cs AND cs.conn = pending_import.conn)`,
	`DELETE FROM cs_ref WHERE src NOT IN (SELECT id FROM cs WHERE state <> 4) OR dst NOT IN (SELECT id FROM cs) OR ` + otherSpace("cs_ref"),
	`DELETE FROM mv_ref WHERE src NOT IN (SELECT id FROM mv) OR dst NOT IN (SELECT id FROM mv)`,
	`DELETE FROM ref_work`,
	`INSERT INTO ref_work (kind, src, attr, dst) SELECT 1, src, attr, dst FROM cs_ref`,
	`INSERT INTO ref_work (kind, src, attr, dst) SELECT 2, src, attr, dst FROM mv_ref`,
	// Exports: what is not sent is worked out again.
	`UPDATE pending_export SET conn = (SELECT cs.conn FROM cs WHERE cs.id = pending_export.cs) WHERE conn <> (SELECT cs.conn FROM cs WHERE cs.id = pending_export.cs)`,
	`UPDATE pending_export SET op = 0 WHERE op = 3 AND cs IN (SELECT cs FROM link)`,
	`DELETE FROM export_ref WHERE src NOT IN (SELECT id FROM cs) OR dst NOT IN (SELECT id FROM cs) OR ` + otherSpace("export_ref"),
	`DELETE FROM export_ref WHERE sent = 0 AND src NOT IN (SELECT cs FROM pending_export WHERE (flags & 4) <> 0)`,
	`DELETE FROM export_ref WHERE sent <> 0 AND src NOT IN (SELECT cs FROM pending_export)`,
	`DELETE FROM pending_export WHERE op = 0 AND flags = 0 AND NOT EXISTS (SELECT 1 FROM export_ref r WHERE r.src = pending_export.cs)`,
	`DELETE FROM object_error WHERE step NOT IN ('import', 'sync', 'export') OR cs <> 0 AND NOT EXISTS (SELECT 1 FROM cs WHERE cs.id = object_error.cs AND cs.conn = object_error.conn)`,
	// Indexes.
	`DELETE FROM cs_value`,
	`DELETE FROM mv_value`,
}

func otherSpace(table string) string {
	return `(SELECT conn FROM cs WHERE cs.id = ` + table + `.src) <> (SELECT conn FROM cs WHERE cs.id = ` + table + `.dst)`
}

// Repair puts right what [Store.Check] finds, as far as it follows from something else: links and
// references to what is not there go, indexes and queues are built anew. The next cycle reads every
// directory from the beginning and evaluates every object, so that links are found again by their
// rules; links that an operator made are lost with what they linked to. No deletion in a directory
// comes of it. Back the store up before; nothing may run on it meanwhile: the error is a
// [*metaverse.LeaseHeldError] while something does. Whatever a check finds afterwards has no other
// source than a backup or the directories themselves.
func (s *Store) Repair(ctx context.Context) error {
	lease, err := s.Lease(ctx)
	if err != nil {
		return err
	}
	if lease.Held() {
		return &metaverse.LeaseHeldError{Lease: lease}
	}
	return s.Update(ctx, func(mtx metaverse.Tx) error {
		t := mtx.(*tx) //nolint:forcetypeassert // it is our own
		for _, statement := range repairs {
			if err := t.write(statement); err != nil {
				return err
			}
		}
		return metaverse.Reconsider(t)
	})
}
