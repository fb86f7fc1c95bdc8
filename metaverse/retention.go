package metaverse

import (
	"context"
	"time"
)

// Purge removes the run steps from the history that ended longer ago than olderThan, and
// returns how many. Entra Connect keeps seven days by default. Object errors stay: they go
// when their object gets through.
func (e *Engine) Purge(ctx context.Context, olderThan time.Duration) (removed int64, err error) {
	before := e.opts.Now().Add(-olderThan)
	err = e.store.Update(ctx, func(tx Tx) (err error) {
		removed, err = tx.DeleteRuns(before)
		return err
	})
	return removed, err
}
