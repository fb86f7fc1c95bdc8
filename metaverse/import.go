package metaverse

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/hybridsync/hybridsync/connector"
)

// Keys of settings.
const (
	settingWatermark  = "watermark/"  // + connector
	settingCheckpoint = "checkpoint/" // + connector: progress of an interrupted full import
	settingRules      = "rules/"      // + connector: rule set of the last complete evaluation
)

// importStep streams items into the connector space. It decides nothing.
func (r *run) importStep(ctx context.Context) error {
	if _, err := r.t.index(ctx); err != nil {
		return &startError{err}
	}
	watermark, checkpoint, err := r.importState(ctx)
	if err != nil {
		return err
	}
	session, end, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer end()

	if r.rec.Step == DeltaImport {
		delta, ok := connector.As[connector.DeltaImporter](session)
		switch {
		case !ok:
			r.rec.Widened = WidenNoDelta
			r.note("the connector has no delta import: made a full import")
		case watermark == nil:
			r.rec.Widened = WidenNoWatermark
			r.note("there is no watermark yet: made a full import")
		default:
			err := r.deltaImport(ctx, session, delta, watermark)
			if !errors.Is(err, connector.ErrWatermarkExpired) {
				return err
			}
			r.rec.Widened = WidenWatermarkExpired
			r.note("the watermark has expired: made a full import")
		}
	}
	full, ok := connector.As[connector.FullImporter](session)
	if !ok {
		return fmt.Errorf("connector %s has no full import: %w", r.t.name, errors.ErrUnsupported)
	}
	if checkpoint != nil && r.t.caps.Resume {
		err := r.fullImport(ctx, session, full, checkpoint)
		if !errors.Is(err, connector.ErrWatermarkExpired) {
			return err
		}
		r.note("the interrupted import cannot be resumed: started over")
	}
	return r.fullImport(ctx, session, full, nil)
}

func (r *run) importState(ctx context.Context) (w connector.Watermark, c connector.Checkpoint, err error) {
	err = r.e.store.View(ctx, func(rd Reader) error {
		if w, err = rd.Setting(settingWatermark + r.t.name); err != nil {
			return err
		}
		c, err = rd.Setting(settingCheckpoint + r.t.name)
		return err
	})
	return w, c, err
}

func (r *run) request(resume connector.Checkpoint) connector.ImportRequest {
	return connector.ImportRequest{
		Resume: resume, PageSize: r.opts.PageSize,
		Progress: func(total int64) { r.progress("import", r.rec.Objects, total) },
	}
}

func (r *run) fullImport(ctx context.Context, s connector.Session, im connector.FullImporter, resume connector.Checkpoint) error {
	if resume == nil {
		err := r.update(ctx, func(tx Tx) error {
			if err := tx.ClearSeen(r.t.name); err != nil {
				return err
			}
			if err := tx.ClearUnknownErrors(r.t.name, stepImport); err != nil {
				return err
			}
			return tx.PutSetting(settingCheckpoint+r.t.name, nil)
		})
		if err != nil {
			return err
		}
	}
	in := newIntake(r, s, true)
	done, err := in.consume(ctx, im.FullImport(ctx, r.request(resume)))
	if err != nil {
		return err
	}
	if in.failures > 0 {
		// What could not be read may stand for what exists: nothing is obsoleted.
		r.note("%d objects could not be read: nothing was deleted", in.failures)
		return r.completeImport(ctx, s, done, false)
	}
	if err := r.obsolete(ctx, done.Objects); err != nil {
		return err
	}
	if err := in.noteTransient(ctx); err != nil {
		return err
	}
	return r.completeImport(ctx, s, done, true)
}

func (r *run) deltaImport(ctx context.Context, s connector.Session, im connector.DeltaImporter, w connector.Watermark) error {
	in := newIntake(r, s, false)
	if err := in.retryFailed(ctx); err != nil {
		return err
	}
	done, err := in.consume(ctx, im.DeltaImport(ctx, w, r.request(nil)))
	if err != nil {
		return err
	}
	if err := in.noteTransient(ctx); err != nil {
		return err
	}
	return r.completeImport(ctx, s, done, in.failures == 0)
}

// completeImport moves the watermark. Objects that could not be read hold it back only
// where the connector cannot read them again one by one.
func (r *run) completeImport(ctx context.Context, s connector.Session, done *connector.Completion, clean bool) error {
	_, canRead := connector.As[connector.ObjectReader](s)
	return r.update(ctx, func(tx Tx) error {
		if clean || canRead {
			if err := tx.PutSetting(settingWatermark+r.t.name, done.Watermark); err != nil {
				return err
			}
		}
		if err := tx.PutSetting(settingCheckpoint+r.t.name, nil); err != nil {
			return err
		}
		return tx.ClearSeen(r.t.name)
	})
}

// obsolete stages the deletion of every object that a complete full import did not show.
func (r *run) obsolete(ctx context.Context, shown int64) error {
	var unseen int64
	var counts CSCounts
	err := r.e.store.View(ctx, func(rd Reader) (err error) {
		if unseen, err = rd.CountUnseen(r.t.name); err != nil {
			return err
		}
		counts, err = rd.CountCS(r.t.name)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.holdImport(ctx, shown, unseen, counts.Imported); err != nil {
		return err
	}
	var after CSID
	for staged := int64(0); staged < unseen; {
		var ids []CSID
		err := r.update(ctx, func(tx Tx) (err error) {
			if ids, err = tx.Unseen(r.t.name, after, r.e.opts.Batch); err != nil {
				return err
			}
			return tx.SetPendingImport(ImportDelete, ids)
		})
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		after = ids[len(ids)-1]
		staged += int64(len(ids))
		r.rec.Counters.Deletes += int64(len(ids))
		r.progress("obsoletion", staged, unseen)
	}
	return nil
}

func (r *run) holdImport(ctx context.Context, shown, unseen, imported int64) error {
	h := r.e.opts.ImportHold
	if r.opts.AcceptDeletions || h.Fraction < 0 || unseen == 0 {
		return nil
	}
	tooMany := unseen >= int64(h.Minimum) && float64(unseen) > h.Fraction*float64(imported)
	if shown > 0 && !tooMany {
		return nil
	}
	over := Excess{Connector: r.t.name, Op: connector.OpDelete.String(), Count: unseen}
	if shown > 0 {
		over.Limit, over.Percent = max(int64(h.Fraction*float64(imported)), int64(h.Minimum)-1), h.Fraction*100
	}
	accepted, err := r.acceptedRun(ctx)
	if err != nil || covers(accepted, over) {
		return err
	}
	r.rec.Held = []Excess{over}
	return &heldError{ResultStoppedImportHeld, fmt.Sprintf(
		"the import shows %d objects, %d of the %d known ones are missing; nothing was deleted. "+
			"Check filters, permissions and the directory; if they are really gone, run a full import that accepts run %d",
		shown, unseen, imported, r.rec.ID)}
}

// consume stages a stream and returns its completion. A stream that ends without one is an
// error: what came is kept, nothing else follows from it.
func (in *intake) consume(ctx context.Context, items iter.Seq2[connector.Item, error]) (*connector.Completion, error) {
	for item, err := range items {
		if err != nil {
			if flushErr := in.flush(context.WithoutCancel(ctx), nil); flushErr != nil {
				return nil, errors.Join(err, flushErr)
			}
			return nil, err
		}
		switch item.Kind {
		case connector.ItemObject, connector.ItemUpdate, connector.ItemDelete:
			if err := in.add(ctx, item); err != nil {
				return nil, err
			}
		case connector.ItemCheckpoint:
			if in.full {
				if err := in.flush(ctx, item.Checkpoint); err != nil {
					return nil, err
				}
			}
		case connector.ItemComplete:
			if err := in.flush(ctx, nil); err != nil {
				return nil, err
			}
			in.r.progress("import", in.r.rec.Objects, in.r.rec.Objects)
			return item.Complete, nil
		default:
			return nil, fmt.Errorf("%w: item of kind %v", connector.ErrProtocol, item.Kind)
		}
	}
	if err := in.flush(context.WithoutCancel(ctx), nil); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return nil, fmt.Errorf("%w: the import ended before it was complete; nothing was deleted and the next run reads again",
		connector.ErrUnavailable)
}
