package metaverse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// settingStaging holds who put the store into staging mode, and when.
const settingStaging = "staging-mode"

// ErrStaging says that nothing is exported because the store is in staging mode.
var ErrStaging = errors.New("staging mode: nothing is exported")

// Staging tells of the staging mode of a store. In staging mode every connector is imported
// and synchronised, and nothing is exported, to no directory and by no command, so that what
// is pending can be looked at before a server takes over. The mode belongs to the store: all
// processes that work on it obey it, from their next batch of changes on.
type Staging struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// StagingOf returns the staging mode of a store, nil where it is not in staging mode.
func StagingOf(ctx context.Context, s Store) (st *Staging, err error) {
	err = s.View(ctx, func(rd Reader) (err error) {
		st, err = stagingMode(rd)
		return err
	})
	return st, err
}

func stagingMode(rd Reader) (*Staging, error) {
	b, err := rd.Setting(settingStaging)
	if err != nil || b == nil {
		return nil, err
	}
	st := new(Staging)
	if err := json.Unmarshal(b, st); err != nil {
		return nil, fmt.Errorf("%w: staging mode: %w", ErrCorrupt, err)
	}
	return st, nil
}

// SetStaging puts a store into staging mode, or with nil takes it out. An export that is
// under way sends no further batch once this has returned. It reports whether the mode was
// another one before.
func SetStaging(ctx context.Context, s Store, st *Staging) (changed bool, err error) {
	var b []byte
	if st != nil {
		if b, err = json.Marshal(st); err != nil {
			return false, err
		}
	}
	err = s.Update(ctx, func(tx Tx) error {
		was, err := stagingMode(tx)
		if changed = (was == nil) != (st == nil); err != nil || !changed {
			return err
		}
		return tx.PutSetting(settingStaging, b)
	})
	return changed, err
}

// notStaging fails in staging mode. It is called in the transaction that marks changes as
// being sent.
func notStaging(rd Reader) error {
	st, err := stagingMode(rd)
	if err != nil || st == nil {
		return err
	}
	return fmt.Errorf("%w, since %s by %s", ErrStaging, st.Since.Format(time.RFC3339), st.By)
}
