package metaverse

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"

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
	values  int  // reference values in items
	alone   bool // they were read by themselves, and may be newer than what the import tells of others

	reading sync.Mutex   // held by who uses the session
	total   atomic.Int64 // of objects, where the directory reports it

	circles  *repetition
	failures int64 // objects that could not be staged
	nameless bool  // one of them had no key
	troubled troubled
	moved    moves

	looked bool // whether the connector space was empty at the beginning
	// fresh says that it was. All that is there has been shown then and need not be marked as
	// seen, unless a later import is to go on from a checkpoint of this one.
	fresh, marked bool
	known         *known
}

func newIntake(r *run, s connector.Session, full bool) *intake {
	return &intake{r: r, session: s, full: full, circles: newRepetition(full), moved: newMoves(), troubled: troubled{healed: make(map[connector.Key]bool)}}
}

func (in *intake) add(ctx context.Context, item connector.Item) error {
	if err := in.circles.note(item); err != nil {
		return err
	}
	in.r.rec.Objects++
	in.items = append(in.items, item)
	in.values += valuesOf(&item)
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
		if err := in.look(tx); err != nil {
			return err
		}
		done = newStaging(in, tx)
		if err := done.stage(items); err != nil {
			return err
		}
		if err := in.moved.save(tx, in.r.t.name); err != nil {
			return err
		}
		if cp == nil {
			return nil
		}
		return in.checkpoint(tx, cp, done)
	})
	if err != nil {
		return err
	}
	in.moved.changed = false
	in.looked, in.marked = in.full, in.marked || cp != nil
	in.known.learn(done)
	in.troubled.note(items, done.failed)
	if err := in.count(done); err != nil {
		return err
	}
	in.r.progress("import", in.r.rec.Objects, in.total.Load())
	if len(done.unknown) > 0 {
		return in.readWhole(ctx, done.unknown)
	}
	return nil
}

// checkpoint notes how far a full import has come, in the transaction that holds what came.
func (in *intake) checkpoint(tx Tx, cp connector.Checkpoint, done *staging) error {
	if err := in.markShown(tx); err != nil {
		return err
	}
	b, err := json.Marshal(interrupted{
		Checkpoint: cp, Failures: in.failures + int64(len(done.failed)),
		Nameless: in.nameless || slices.ContainsFunc(done.failed, nameless), Selection: in.r.selection(),
	})
	if err != nil {
		return err
	}
	return tx.PutSetting(settingCheckpoint+in.r.t.name, b)
}

// markShown makes up for marks that were left out.
func (in *intake) markShown(tx Tx) error {
	if !in.fresh || in.marked {
		return nil
	}
	for after := CSID(0); ; {
		ids, err := tx.Unseen(in.r.t.name, after, in.r.e.opts.Batch)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		if err := tx.MarkSeen(in.r.t.name, ids); err != nil {
			return err
		}
	}
}

// markSeen notes what other steps have seen while a full import is interrupted: it may come
// from behind the checkpoint, where the import will not look again.
func markSeen(tx Tx, name string, ids []CSID) error {
	if len(ids) == 0 {
		return nil
	}
	interrupted, err := tx.Setting(settingCheckpoint + name)
	if err != nil || interrupted == nil {
		return err
	}
	return tx.MarkSeen(name, ids)
}

func nameless(e ObjectError) bool { return e.Object.IsZero() }

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
	in.nameless = in.nameless || slices.ContainsFunc(done.failed, nameless)
	for range done.failed {
		in.failures++
		if err := in.r.countError(); err != nil {
			return err
		}
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
	items, err := in.readObjects(ctx, reader, keys)
	if err != nil {
		return err
	}
	in.items = items
	return in.flushAlone(ctx)
}

// flushAlone stages objects that were read by themselves.
func (in *intake) flushAlone(ctx context.Context) error {
	in.alone = true
	defer func() { in.alone = false }()
	return in.flush(ctx, nil)
}

func (in *intake) readObjects(ctx context.Context, reader connector.ObjectReader, keys []connector.Key) (items []connector.Item, err error) {
	in.reading.Lock()
	defer in.reading.Unlock()
	for item, err := range reader.ReadObjects(ctx, keys) {
		if err != nil {
			return nil, err
		}
		if item.Kind == connector.ItemObject || item.Kind == connector.ItemDelete {
			items = append(items, item)
		}
	}
	return items, nil
}
