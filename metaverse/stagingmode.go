package metaverse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Settings that hold who put the store into staging mode and when, and who took it out last.
const (
	settingStaging     = "staging-mode"
	settingStagingLeft = "staging-left"
)

// ErrStaging says that nothing is exported because the store is in staging mode.
var ErrStaging = errors.New("staging mode: nothing is exported")

// Staging tells who put a store into staging mode, or took it out, when and why. In staging mode every connector is imported
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

// StagingLeft returns who took a store out of staging mode last, nil where nobody ever did.
func StagingLeft(ctx context.Context, s Store) (st *Staging, err error) {
	err = s.View(ctx, func(rd Reader) (err error) {
		st, err = readStaging(rd, settingStagingLeft)
		return err
	})
	return st, err
}

func stagingMode(rd Reader) (*Staging, error) { return readStaging(rd, settingStaging) }

func readStaging(rd Reader, key string) (*Staging, error) {
	b, err := rd.Setting(key)
	if err != nil || b == nil {
		return nil, err
	}
	st := new(Staging)
	if err := json.Unmarshal(b, st); err != nil {
		return nil, fmt.Errorf("%w: setting %s: %w", ErrCorrupt, key, err)
	}
	return st, nil
}

// SetStaging puts a store into staging mode, or takes it out, and keeps who did so. An export
// that is under way sends no further batch once a store has been put into staging mode; one that
// is taken out exports with its next cycle, from whichever process has the lease then. It reports
// whether the mode was another one before: if not, nothing is changed.
func SetStaging(ctx context.Context, s Store, on bool, who Staging) (changed bool, err error) {
	text, err := json.Marshal(who)
	if err != nil {
		return false, err
	}
	err = s.Update(ctx, func(tx Tx) error {
		was, err := stagingMode(tx)
		if changed = (was != nil) != on; err != nil || !changed {
			return err
		}
		if on {
			return tx.PutSetting(settingStaging, text)
		}
		return errors.Join(tx.PutSetting(settingStaging, nil), tx.PutSetting(settingStagingLeft, text))
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
