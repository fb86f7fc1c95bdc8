package metaverse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Keys of settings.
const (
	settingWatermark  = "watermark/"  // + connector
	settingCheckpoint = "checkpoint/" // + connector: progress of an interrupted full import
	settingMoves      = "moves/"      // + connector: changes of DNs in imports that were not completed
	settingSelection  = "selection/"  // + connector: what the last complete full import read
	settingOwed       = "owed/"       // + connector: a full import could not tell what is gone, and no delta import will
	settingSchema     = "schema/"     // + connector: schemas of the last complete evaluation
	settingRules      = "rules/"      // + connector: rule set of the last complete evaluation
)

// importStep streams items into the connector space. It decides nothing.
func (r *run) importStep(ctx context.Context) error {
	if _, err := r.t.index(ctx); err != nil {
		return &startError{err}
	}
	st, err := r.importState(ctx)
	if err != nil {
		return err
	}
	session, end, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer end()

	if r.rec.Step == DeltaImport {
		reason, err := r.tryDelta(ctx, session, &st)
		if reason == "" || err != nil {
			return err
		}
		r.rec.Widened = reason
		r.note("%s: made a full import", widened[reason])
	}
	full, ok := connector.As[connector.FullImporter](session)
	if !ok {
		return fmt.Errorf("connector %s has no full import: %w", r.t.name, errors.ErrUnsupported)
	}
	if st.interrupted != nil && r.t.caps.Resume {
		if r.resumable(&st) {
			err := r.fullImport(ctx, session, full, &st)
			if !errors.Is(err, connector.ErrWatermarkExpired) {
				return err
			}
		}
		r.note("the interrupted import cannot be resumed: started over")
	}
	st.interrupted = nil
	return r.fullImport(ctx, session, full, &st)
}

// widened says why a delta import was made a full one.
var widened = map[WidenReason]string{
	WidenNoDelta:          "the connector has no delta import",
	WidenNoWatermark:      "there is no watermark yet",
	WidenWatermarkExpired: "the watermark has expired",
	WidenSelection:        "the rules read other classes or attributes than at the last full import",
	WidenInterrupted:      "an import was interrupted in which many objects were renamed",
	WidenOwed:             "the last full import could not tell what is gone, and now it can",
}

// tryDelta makes a delta import, or says why it has to be a full one.
func (r *run) tryDelta(ctx context.Context, s connector.Session, st *importState) (reason WidenReason, err error) {
	delta, ok := connector.As[connector.DeltaImporter](s)
	switch {
	case !ok:
		return WidenNoDelta, nil
	case st.watermark == nil:
		return WidenNoWatermark, nil
	case st.moves.Overflow:
		return WidenInterrupted, nil
	case st.selection != "" && st.selection != r.selection():
		st.watermark = nil
		return WidenSelection, nil
	}
	err = r.deltaImport(ctx, s, delta, st)
	switch {
	case errors.Is(err, connector.ErrWatermarkExpired):
		st.watermark = nil
		return WidenWatermarkExpired, nil
	case errors.Is(err, errOwed):
		return WidenOwed, nil
	}
	return "", err
}

// errOwed says that the objects that kept a full import from telling what is gone can be
// read again.
var errOwed = errors.New("a full import is owed")

// importState is what earlier imports have left behind.
type importState struct {
	watermark   connector.Watermark // nil for none that is of use
	selection   string
	owed        bool
	moves       savedMoves
	interrupted *interrupted // nil for none
}

// interrupted is how far a full import came that has not been completed.
type interrupted struct {
	Checkpoint connector.Checkpoint `json:"checkpoint"`
	Failures   int64                `json:"failures"`  // objects before the checkpoint that could not be staged
	Nameless   bool                 `json:"nameless"`  // one of them had no key by which to read it again
	Selection  string               `json:"selection"` // what is being read
}

// resumable reports whether going on from the checkpoint comes to the same end as reading all.
func (r *run) resumable(st *importState) bool {
	i := st.interrupted
	// What could not be read is read again by key after the import, and then what has gone can be
	// told. Without a key only another look at it heals it.
	return !i.Nameless && i.Selection == r.selection() && !st.moves.startOver()
}

func (r *run) importState(ctx context.Context) (st importState, err error) {
	err = r.e.store.View(ctx, func(rd Reader) error {
		if st.watermark, err = rd.Setting(settingWatermark + r.t.name); err != nil {
			return err
		}
		selection, err := rd.Setting(settingSelection + r.t.name)
		if err != nil {
			return err
		}
		owed, err := rd.Setting(settingOwed + r.t.name)
		if err != nil {
			return err
		}
		st.selection, st.owed = string(selection), owed != nil
		if st.moves, err = readMoves(rd, r.t.name); err != nil {
			return err
		}
		st.interrupted, err = readInterrupted(rd, r.t.name)
		return err
	})
	return st, err
}

func readInterrupted(rd Reader, name string) (*interrupted, error) {
	b, err := rd.Setting(settingCheckpoint + name)
	if err != nil || b == nil {
		return nil, err
	}
	var i interrupted
	if err := json.Unmarshal(b, &i); err != nil {
		return nil, fmt.Errorf("%w: checkpoint of %s: %w", ErrCorrupt, name, err)
	}
	return &i, nil
}

// selection identifies what the rules have the connector read.
func (r *run) selection() string {
	classes, attributes := r.e.rules.Classes(r.t.name), r.e.importAttributes(r.t.name)
	sum := sha256.Sum256([]byte(attr.Fold(strings.Join(classes, "\x00") + "\x01" + strings.Join(attributes, "\x00"))))
	return hex.EncodeToString(sum[:16])
}

// reselect notes that something is read that the last complete import may not have read, or the
// other way round. A return to the selection of that import reads everything, too.
func (r *run) reselect(tx Tx) error {
	last, err := tx.Setting(settingSelection + r.t.name)
	if err != nil || last == nil || string(last) == r.selection() {
		return err
	}
	return tx.PutSetting(settingSelection+r.t.name, []byte("changing"))
}

func (in *intake) request(resume connector.Checkpoint) connector.ImportRequest {
	return connector.ImportRequest{Resume: resume, PageSize: in.r.opts.PageSize, Progress: in.total.Store}
}

func (r *run) fullImport(ctx context.Context, s connector.Session, im connector.FullImporter, st *importState) error {
	in := newIntake(r, s, true)
	if err := in.remember(ctx); err != nil { // an attempt in the same step may have added to it
		return err
	}
	var checkpoint connector.Checkpoint
	if resume := st.interrupted; resume != nil {
		checkpoint, in.failures = resume.Checkpoint, resume.Failures
	} else {
		err := r.update(ctx, func(tx Tx) error {
			if err := tx.ClearSeen(r.t.name); err != nil {
				return err
			}
			// If this import dies halfway, what it did is right for neither selection.
			if err := r.reselect(tx); err != nil {
				return err
			}
			in.moved.again, in.moved.changed = in.moved.overflow, in.moved.overflow
			if err := in.moved.save(tx, r.t.name); err != nil {
				return err
			}
			return tx.PutSetting(settingCheckpoint+r.t.name, nil)
		})
		if err != nil {
			return err
		}
	}
	if err := in.loadTroubled(ctx); err != nil {
		return err
	}
	done, err := in.consume(ctx, func(ctx context.Context) iter.Seq2[connector.Item, error] {
		return im.FullImport(ctx, in.request(checkpoint))
	})
	if err != nil {
		return err
	}
	if err := in.rereadReferrers(ctx); err != nil {
		return err
	}
	if in.failures > 0 {
		// What could not be read may stand for what exists: nothing is obsoleted.
		r.note("%d objects could not be read: nothing was deleted", in.failures)
		return in.complete(ctx, done, st)
	}
	if !in.fresh { // otherwise nothing can have gone
		if err := r.obsolete(ctx, done.Objects); err != nil {
			return err
		}
	}
	if st.interrupted == nil { // otherwise the place may have been passed before the object was made
		if err := in.settleUnseen(ctx); err != nil {
			return err
		}
	}
	if err := in.noteTransient(ctx); err != nil {
		return err
	}
	return in.complete(ctx, done, st)
}

func (r *run) deltaImport(ctx context.Context, s connector.Session, im connector.DeltaImporter, st *importState) error {
	in := newIntake(r, s, false)
	if err := in.remember(ctx); err != nil {
		return err
	}
	if err := in.loadTroubled(ctx); err != nil {
		return err
	}
	if err := in.retryTroubled(ctx); err != nil {
		return err
	}
	if st.owed && len(in.troubled.healed) == len(in.troubled.keys) {
		return errOwed
	}
	done, err := in.consume(ctx, func(ctx context.Context) iter.Seq2[connector.Item, error] {
		return im.DeltaImport(ctx, st.watermark, in.request(nil))
	})
	if err != nil {
		return err
	}
	if err := in.rereadReferrers(ctx); err != nil {
		return err
	}
	if err := in.noteTransient(ctx); err != nil {
		return err
	}
	return in.complete(ctx, done, st)
}

// complete ends an import whose stream was complete.
func (in *intake) complete(ctx context.Context, done *connector.Completion, st *importState) error {
	name := in.r.t.name
	return in.r.update(ctx, func(tx Tx) error {
		if err := in.moveWatermark(tx, done.Watermark, st); err != nil {
			return err
		}
		if in.full {
			if err := tx.PutSetting(settingSelection+name, []byte(in.r.selection())); err != nil {
				return err
			}
		}
		if err := tx.PutSetting(settingCheckpoint+name, nil); err != nil {
			return err
		}
		if err := in.moved.saveLost(tx, name); err != nil {
			return err
		}
		if err := in.forgetTroubled(tx); err != nil {
			return err
		}
		return tx.ClearSeen(name)
	})
}

// moveWatermark moves the watermark past what came. Objects that could not be read hold it
// back where the connector cannot read them again one by one; and after a full import, which
// could not tell what is gone because of them, where the next delta import from the old
// watermark will.
func (in *intake) moveWatermark(tx Tx, w connector.Watermark, st *importState) error {
	name := in.r.t.name
	var owed []byte
	if in.failures > 0 {
		if _, canRead := connector.As[connector.ObjectReader](in.session); !canRead || in.full && st.watermark != nil && !st.owed {
			return nil
		}
		if in.full {
			owed = []byte{1}
		}
	}
	if in.full {
		if err := tx.PutSetting(settingOwed+name, owed); err != nil {
			return err
		}
	}
	return tx.PutSetting(settingWatermark+name, w)
}

// obsolete stages the deletion of every object that a complete full import did not show.
func (r *run) obsolete(ctx context.Context, shown int64) error {
	var unseen int64
	var counts CSCounts
	err := r.e.store.View(ctx, func(rd Reader) (err error) {
		if unseen, err = rd.CountUnseen(r.t.name); err != nil || unseen == 0 {
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
	if err := r.noteMissing(ctx, unseen); err != nil {
		return err
	}
	// The next one reads from the start: what is missing here may be there by then.
	err = r.update(ctx, func(tx Tx) error { return tx.PutSetting(settingCheckpoint+r.t.name, nil) })
	if err != nil {
		return err
	}
	return &heldError{ResultStoppedImportHeld, fmt.Sprintf(
		"the import shows %d objects, %d of the %d known ones are missing; nothing was deleted. "+
			"Check filters, permissions and the directory; if they are really gone, run the same step again and accept run %d",
		shown, unseen, imported, r.rec.ID)}
}

// named is how many objects a note about many names.
const named = 10

// noteMissing names some of the objects that an import does not show.
func (r *run) noteMissing(ctx context.Context, unseen int64) error {
	return r.e.store.View(ctx, func(rd Reader) error {
		ids, err := rd.Unseen(r.t.name, 0, named)
		if err != nil {
			return err
		}
		heads, err := rd.CSHeads(ids)
		if err != nil {
			return err
		}
		var names []string
		for _, o := range heads {
			if o != nil {
				names = append(names, o.DN)
			}
		}
		r.noteNames("missing", names, unseen)
		return nil
	})
}

// noteNames names some objects and counts the others.
func (r *run) noteNames(what string, names []string, all int64) {
	more := ""
	if n := all - int64(len(names)); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	r.note("%s: %s%s", what, strings.Join(names, "; "), more)
}

// consume stages a stream and returns its completion. A stream that ends without one is an
// error: what came is kept, nothing else follows from it.
func (in *intake) consume(ctx context.Context, read func(context.Context) iter.Seq2[connector.Item, error]) (*connector.Completion, error) {
	for item, err := range in.stream(ctx, read) {
		if err != nil {
			if flushErr := in.flush(context.WithoutCancel(ctx), nil); flushErr != nil {
				return nil, errors.Join(err, flushErr)
			}
			return nil, err
		}
		if err := in.r.going(ctx); err != nil {
			return nil, errors.Join(in.flush(context.WithoutCancel(ctx), nil), err)
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
