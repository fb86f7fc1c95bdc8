package metaverse

import (
	"context"
	"time"
)

// Purge is the engine's part of maintenance. It removes the run steps from the history that
// ended longer ago than olderThan, and returns how many; Entra Connect keeps seven days by
// default. Object errors stay: they go when their object gets through. It also removes
// placeholders that nothing refers to any more, such as those of objects that were deleted
// while others referred to them. It may run beside steps.
func (e *Engine) Purge(ctx context.Context, olderThan time.Duration) (removed int64, err error) {
	before := e.opts.Now().Add(-olderThan)
	err = e.store.Update(ctx, func(tx Tx) (err error) {
		removed, err = tx.DeleteRuns(before)
		return err
	})
	if err != nil {
		return removed, err
	}
	for _, name := range e.names {
		if err := e.purgePlaceholders(ctx, name); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// purgePlaceholders looks for orphans in Views, which disturb nobody, and makes sure of each
// in the transaction that removes it.
func (e *Engine) purgePlaceholders(ctx context.Context, name string) error {
	for after := CSID(0); ; {
		var orphans []CSID
		last := CSID(0)
		err := e.store.View(ctx, func(rd Reader) (err error) {
			page, err := rd.ScanCS(name, after, searchChunk)
			if err != nil || len(page) == 0 {
				return err
			}
			last = page[len(page)-1].ID
			orphans, err = orphaned(rd, page)
			return err
		})
		if err != nil || last == 0 {
			return err
		}
		after = last
		if len(orphans) == 0 {
			continue
		}
		err = e.store.Update(ctx, func(tx Tx) error {
			page, err := tx.CS(orphans)
			if err != nil {
				return err
			}
			still, err := orphaned(tx, page)
			if err != nil || len(still) == 0 {
				return err
			}
			if _, err := noteChange(tx); err != nil { // steps that run may have looked at them
				return err
			}
			return tx.DeleteCS(still)
		})
		if err != nil {
			return err
		}
	}
}

// orphaned returns those of the objects that are placeholders nothing refers to. One that has
// anything pending is left alone.
func orphaned(rd Reader, objects []*CSObject) (ids []CSID, err error) {
	for _, o := range objects {
		if o != nil && o.State == Placeholder && o.Pending == ImportNone && o.Link.MV == 0 {
			ids = append(ids, o.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	referred, err := rd.ReferredTo(ids)
	if err != nil {
		return nil, err
	}
	exports, err := rd.PendingExport(ids)
	if err != nil {
		return nil, err
	}
	orphans := ids[:0]
	for i, id := range ids {
		if !referred[i] && exports[i] == nil {
			orphans = append(orphans, id)
		}
	}
	return orphans, nil
}
