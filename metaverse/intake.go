package metaverse

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// maxBatchValues bounds the number of reference values in one batch, so that a few huge
// groups do not make a huge transaction out of a thousand objects.
const maxBatchValues = 50_000

// intake collects the items of an import and stages them a batch at a time.
type intake struct {
	r       *run
	session connector.Session
	full    bool // full imports mark what they see
	items   []connector.Item
	values  int // reference values in items

	failures int64 // objects that could not be staged
	// displaced holds the objects whose DN another object has taken in this import.
	displaced map[CSID]bool
}

func newIntake(r *run, s connector.Session, full bool) *intake {
	return &intake{r: r, session: s, full: full, displaced: make(map[CSID]bool)}
}

func (in *intake) add(ctx context.Context, item connector.Item) error {
	in.r.rec.Objects++
	in.items = append(in.items, item)
	if item.Object != nil {
		for _, values := range item.Object.Attributes.All() {
			in.values += len(values)
		}
	}
	for _, m := range item.Mods {
		in.values += len(m.Adds) + len(m.Deletes)
	}
	if len(in.items) < in.r.e.opts.Batch && in.values < maxBatchValues {
		return nil
	}
	return in.flush(ctx, nil)
}

// flush stages what was collected. With a checkpoint it moves the resume point in the same
// transaction.
func (in *intake) flush(ctx context.Context, cp connector.Checkpoint) error {
	items := in.items
	in.items, in.values = nil, 0
	if len(items) == 0 && cp == nil {
		return nil
	}
	var done *staging
	err := in.r.update(ctx, func(tx Tx) error {
		done = newStaging(in, tx)
		if err := done.stage(items); err != nil {
			return err
		}
		if cp == nil {
			return nil
		}
		return tx.PutSetting(settingCheckpoint+in.r.t.name, cp)
	})
	if err != nil {
		return err
	}
	if err := in.count(done); err != nil {
		return err
	}
	in.r.progress("import", in.r.rec.Objects, 0)
	if len(done.unknown) > 0 {
		return in.readWhole(ctx, done.unknown)
	}
	return nil
}

func (in *intake) count(done *staging) error {
	c := &in.r.rec.Counters
	c.Adds += done.counts.Adds
	c.Updates += done.counts.Updates
	c.Renames += done.counts.Renames
	c.Deletes += done.counts.Deletes
	c.Unchanged += done.counts.Unchanged
	c.Confirmed += done.counts.Confirmed
	c.Unconfirmed += done.counts.Unconfirmed
	c.RefAdds += done.counts.RefAdds
	c.RefDeletes += done.counts.RefDeletes
	c.Warnings += done.counts.Unconfirmed
	for range done.failed {
		in.failures++
		if err := in.r.countError(); err != nil {
			return err
		}
	}
	return nil
}

// noteTransient counts the objects that lost their DN to another object and got no new one
// until the end of the import. They keep their links; their own rename or deletion has yet
// to come.
func (in *intake) noteTransient(ctx context.Context) error {
	ids := slices.Sorted(maps.Keys(in.displaced))
	for chunk := range slices.Chunk(ids, in.r.e.opts.Batch) {
		err := in.r.e.store.View(ctx, func(rd Reader) error {
			objects, err := rd.CS(chunk)
			for _, o := range objects {
				if o != nil && o.State != Placeholder && o.Pending != ImportDelete && strings.HasPrefix(o.DNKey, transientPrefix) {
					in.r.transient++
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if in.r.transient > 0 {
		in.r.note("%d objects have lost their DN to others and were not shown at a new one", in.r.transient)
	}
	return nil
}

// readWhole reads objects of which only a change came, because the connector space does
// not know them: they came into scope, or an earlier import missed them.
func (in *intake) readWhole(ctx context.Context, keys []connector.Key) error {
	reader, ok := connector.As[connector.ObjectReader](in.session)
	if !ok {
		in.r.note("%d changed objects are not known and cannot be read one by one: a full import is needed", len(keys))
		in.r.rec.Counters.Warnings += int64(len(keys))
		return nil
	}
	var items []connector.Item
	for item, err := range reader.ReadObjects(ctx, keys) {
		if err != nil {
			return err
		}
		if item.Kind == connector.ItemObject || item.Kind == connector.ItemDelete {
			items = append(items, item)
		}
	}
	in.items = items
	return in.flush(ctx, nil)
}

// retryFailed reads again what earlier imports could not stage.
func (in *intake) retryFailed(ctx context.Context) error {
	if _, ok := connector.As[connector.ObjectReader](in.session); !ok {
		return nil
	}
	var keys []connector.Key
	err := in.r.e.store.View(ctx, func(rd Reader) error {
		errs, err := rd.ObjectErrors(in.r.t.name, -1, in.r.e.opts.Batch)
		for _, oe := range errs {
			if oe.Step == stepImport && !oe.Object.IsZero() {
				keys = append(keys, oe.Object)
			}
		}
		return err
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	err = in.r.update(ctx, func(tx Tx) error { return tx.ClearUnknownErrors(in.r.t.name, stepImport) })
	return errors.Join(err, in.readWhole(ctx, keys))
}
