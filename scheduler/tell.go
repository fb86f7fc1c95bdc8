package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

func attrString(k, v string) slog.Attr                 { return slog.String(k, v) }
func attrInt(k string, v int) slog.Attr                { return slog.Int(k, v) }
func attrBool(k string, v bool) slog.Attr              { return slog.Bool(k, v) }
func attrDuration(k string, v time.Duration) slog.Attr { return slog.Duration(k, v) }
func attrErr(err error) slog.Attr                      { return slog.String("err", err.Error()) }

// tell emits the events that a step gives reason for, and counts its object errors.
func (s *Scheduler) tell(ctx context.Context, r *StepRecord) {
	if r.Run == nil {
		return
	}
	at := []slog.Attr{attrString("step", string(r.Kind)), slog.Int64("run", r.Run.ID), attrString("result", string(r.Run.Result))}
	if r.Run.Widened == metaverse.WidenWatermarkExpired {
		s.Emit(ctx, EventWatermarkExpired, r.Connector, at...)
	}
	if r.Err != nil {
		if id, ok := failureEvent(r); ok {
			s.Emit(ctx, id, r.Connector, append(at, attrErr(r.Err))...)
		}
		return
	}
	if r.Run.Counters.Errors == 0 {
		return
	}
	var err error
	if r.Errors, err = s.countErrors(ctx, r.Connector, r.Kind); err != nil {
		s.Emit(ctx, EventStoreTrouble, r.Connector, attrErr(err))
		return
	}
	for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
		s.Emit(ctx, errorEvent(r.Kind, code), r.Connector, append(slices.Clone(at), attrString("code", code), slog.Int64("objects", r.Errors[code]))...)
	}
}

// failureEvent returns the event for a step that did not complete. There is none for one that
// was asked to stop or that staging mode keeps from exporting.
func failureEvent(r *StepRecord) (EventID, bool) {
	switch r.Run.Result {
	case metaverse.ResultStoppedCancelled, metaverse.ResultNoStartStaging, metaverse.ResultStoppedStaging:
		return 0, false
	case metaverse.ResultStoppedDeletionThreshold:
		return EventDeletionThreshold, true
	case metaverse.ResultStoppedExportThreshold:
		return EventExportHeld, true
	case metaverse.ResultStoppedImportHeld:
		return EventImportHeld, true
	case metaverse.ResultNoStartCredentials, metaverse.ResultStoppedCredentials:
		return EventCredentials, true
	case metaverse.ResultStoppedDiskFull, metaverse.ResultStoppedDatabase:
		return EventStoreTrouble, true
	}
	if errors.Is(r.Err, metaverse.ErrCorrupt) {
		return EventStoreTrouble, true
	}
	return EventStepFailed, true
}

// codeReferenceFailure is the error name of a reference whose object is not there.
const codeReferenceFailure = "dn-attributes-failure"

func errorEvent(k metaverse.StepKind, code string) EventID {
	switch {
	case k == metaverse.Export && code == codeReferenceFailure:
		return EventReferenceErrors
	case k == metaverse.Export:
		return EventExportErrors
	case isSync(k):
		return EventSyncErrors
	default:
		return EventImportErrors
	}
}

// errorPage is how many object errors are looked at in one go.
const errorPage = 1000

// countErrors counts the objects of a connector that a step has left in trouble, by error
// name.
func (s *Scheduler) countErrors(ctx context.Context, name string, k metaverse.StepKind) (counts map[string]int64, err error) {
	step := map[bool]string{true: "import", false: "export"}[isImport(k)]
	if isSync(k) {
		step = "sync"
	}
	err = s.engine.Store().View(ctx, func(rd metaverse.Reader) error {
		counts = make(map[string]int64)
		for after := metaverse.CSID(-1); ; {
			page, err := rd.ObjectErrors(name, after, errorPage)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				if e.Step == step {
					counts[e.Code]++
				}
			}
			if after = page[len(page)-1].CS; after <= 0 {
				after = 0
			}
		}
	})
	return counts, err
}
