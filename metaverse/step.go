package metaverse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// RunOptions are the options of one run step. The zero value, or nil, is good.
type RunOptions struct {
	// AcceptDeletions carries out deletions that would be held otherwise, this once: a full
	// import that misses suspiciously many objects, an export above a threshold of deletions.
	AcceptDeletions bool
	// AcceptRun carries out, this once, what an earlier run of the same connector and step
	// was held for: its id. It must be the latest such run that was held, with none that was
	// carried out since. More changes than that run would have made are held again.
	AcceptRun int64
	// RetryNow lets an export try what earlier runs have put off to a later time, too.
	RetryNow bool
	// Reason says why the step is run as it is, for the history; "" for no particular one.
	Reason string
	// Stop, once closed, ends the step at its next safe point: with the batch that is under
	// way, no request broken off. The next run goes on from there. Nil means never.
	Stop <-chan struct{}
	// PageSize is the number of objects to ask a directory for at a time; 0 leaves it to
	// the connector.
	PageSize int
}

// A StepError says why a run step did not complete. The record tells what was done.
type StepError struct {
	Record *RunRecord
	Err    error
}

// Error names connector, step and result.
func (e *StepError) Error() string {
	return fmt.Sprintf("%s %s: %s: %v", e.Record.Connector, e.Record.Step, e.Record.Result, e.Err)
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// Run carries out one run step and records it in the history. It returns the record always;
// the error, a [*StepError], is not nil when the step could not start or stopped before its
// end. A step that came to its end with object errors has no error: see the record's
// result and [Reader.ObjectErrors].
func (e *Engine) Run(ctx context.Context, name string, kind StepKind, o *RunOptions) (*RunRecord, error) {
	r := &run{e: e, failed: make(map[CSID]bool), unwritable: make(map[unwritable]bool), rec: &RunRecord{Connector: name, Step: kind, Result: ResultRunning, Started: e.opts.Now()}}
	if o != nil {
		r.opts = *o
		r.rec.Reason = o.Reason
	}
	t, ok := e.connectors[name]
	if !ok {
		r.rec.Result, r.rec.Ended = ResultStoppedUnexpected, e.opts.Now()
		return r.rec, &StepError{r.rec, fmt.Errorf("there is no connector %q", name)}
	}
	r.t = t
	if err := e.claim(name, kind); err != nil {
		r.rec.Result, r.rec.Ended = ResultNoStartRunning, e.opts.Now()
		return r.rec, &StepError{r.rec, err}
	}
	defer e.release(name)
	return r.rec, r.execute(ctx)
}

func (e *Engine) claim(name string, kind StepKind) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if other, busy := e.running[name]; busy {
		return fmt.Errorf("%w: %s of the same connector", ErrRunning, other)
	}
	e.running[name] = kind
	return nil
}

func (e *Engine) release(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, name)
}

// run is the state of one run step.
type run struct {
	e          *Engine
	t          *target
	rec        *RunRecord
	opts       RunOptions
	notes      []string
	lease      *Hold
	transient  int64         // objects without a DN of their own at the end of an import
	reported   time.Time     // when progress was reported last
	looked     time.Time     // when there was progress last, reported or not
	phase      string        // that progress was last of
	phaseBegan time.Time     // when phase began
	changes    int64         // transactions of all steps before the current one
	failed     map[CSID]bool // objects that failed in this synchronisation
	known      *refCache     // nil for nothing

	unwritable map[unwritable]bool // values that no directory took in this step
}

func (r *run) execute(ctx context.Context) error {
	log := r.e.opts.Logger.With("connector", r.rec.Connector, "step", string(r.rec.Step))
	free, err := r.e.wait(ctx, r.rec.Step)
	if err != nil {
		r.rec.Result, r.rec.Ended, r.rec.Error = resultOf(err, false), r.e.opts.Now(), err.Error()
		return &StepError{r.rec, err}
	}
	defer free()
	end, err := r.begin(ctx)
	if err != nil {
		r.rec.Result, r.rec.Ended, r.rec.Error = resultOf(err, false), r.e.opts.Now(), err.Error()
		return &StepError{r.rec, err}
	}
	defer end()
	work, done := r.lease.within(ctx)
	err = r.dispatch(work)
	done()
	if lost := r.lease.check(); err != nil && lost != nil && !errors.Is(err, ErrLeaseLost) {
		err = fmt.Errorf("%w: %w", lost, err)
	}
	r.finish(err)
	// The history must hold the end of a step that was cancelled, too.
	if saveErr := r.save(context.WithoutCancel(ctx)); err == nil && saveErr != nil {
		err = saveErr
		r.rec.Result, r.rec.Error = resultOf(err, false), err.Error()
	}
	log.Info("run step ended", "run", r.rec.ID, "result", string(r.rec.Result), "objects", r.rec.Objects,
		"errors", r.rec.Counters.Errors, "duration", r.rec.Ended.Sub(r.rec.Started))
	if err != nil {
		return &StepError{r.rec, err}
	}
	return nil
}

// wait waits until no step runs that a step of the kind must not run beside.
func (e *Engine) wait(ctx context.Context, kind StepKind) (free func(), err error) {
	share := int64(wholly)
	switch kind {
	case FullImport, DeltaImport:
		return func() {}, nil
	case Export:
		share = 1
	}
	return func() { e.syncing.Release(share) }, e.syncing.Acquire(ctx, share)
}

func (r *run) dispatch(ctx context.Context) error {
	switch r.rec.Step {
	case FullImport, DeltaImport:
		return r.importStep(ctx)
	case FullSync, DeltaSync:
		return r.syncStep(ctx)
	case Export:
		return r.exportStep(ctx)
	default:
		return fmt.Errorf("there is no run step %q", r.rec.Step)
	}
}

// begin acquires the lease and records that the step has begun. It returns what has to be called
// at the end.
func (r *run) begin(ctx context.Context) (func(), error) {
	hold, err := r.e.keeper.hold(ctx)
	if err != nil {
		return nil, err
	}
	r.lease, r.rec.Token = hold, hold.token
	err = r.update(ctx, func(tx Tx) error {
		if !hold.swept.Load() {
			if err := r.closeInterrupted(tx); err != nil {
				return err
			}
		}
		if err := r.adoptPlan(tx); err != nil {
			return err
		}
		return r.put(tx)
	})
	if err != nil {
		hold.Release()
		return nil, err
	}
	hold.swept.Store(true)
	return hold.Release, nil
}

// save writes the record of the run.
func (r *run) save(ctx context.Context) error { return r.update(ctx, r.put) }

func (r *run) put(tx Tx) error {
	id, err := tx.PutRun(r.rec)
	r.rec.ID = id
	return err
}

// finish gives the record its end and its result.
func (r *run) finish(err error) {
	r.rec.Ended = r.e.opts.Now()
	r.noteUnwritable()
	slices.Sort(r.notes)
	r.rec.Notes = slices.Compact(r.notes)
	if err != nil {
		r.rec.Error = err.Error()
		var started *startError
		r.rec.Result = resultOf(err, errors.As(err, &started))
		return
	}
	if r.rec.Result != ResultRunning {
		return
	}
	switch {
	case r.rec.Counters.Errors > 0 && r.rec.Step == Export:
		r.rec.Result = ResultExportErrors
	case r.rec.Counters.Errors > 0 && (r.rec.Step == FullSync || r.rec.Step == DeltaSync):
		r.rec.Result = ResultSyncErrors
	case r.rec.Counters.Errors > 0:
		r.rec.Result = ResultDiscoveryErrors
	case r.transient > 0:
		r.rec.Result = ResultTransient
	case r.rec.Counters.Warnings > 0:
		r.rec.Result = ResultWarnings
	default:
		r.rec.Result = ResultSuccess
	}
}

// startError marks a failure to open a session.
type startError struct{ err error }

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// heldError stops a step that would delete or change too much.
type heldError struct {
	result RunResult
	text   string
}

func (e *heldError) Error() string { return e.text }

// ErrHeld is matched by the errors of steps that were stopped because they would have
// deleted or changed more than allowed. [RunOptions.AcceptRun] and, for deletions,
// [RunOptions.AcceptDeletions] let them pass. [RunRecord.Held] tells what was too much.
var ErrHeld = errors.New("held: too many changes")

func (e *heldError) Is(target error) bool { return target == ErrHeld }

func resultOf(err error, starting bool) RunResult {
	var held *heldError
	switch {
	case errors.As(err, &held):
		return held.result
	case errors.Is(err, ErrLeaseLost):
		return ResultStoppedLeaseLost
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrStopped):
		return ResultStoppedCancelled
	case errors.Is(err, ErrRunning):
		return ResultNoStartRunning
	case errors.Is(err, ErrStaging) && starting:
		return ResultNoStartStaging
	case errors.Is(err, ErrStaging):
		return ResultStoppedStaging
	case errors.Is(err, errErrorLimit):
		return ResultStoppedErrorLimit
	case errors.Is(err, ErrStoreFull):
		return ResultStoppedDiskFull
	case errors.Is(err, ErrStoreBusy):
		return ResultStoppedDatabase
	case errors.Is(err, connector.ErrAuthentication) && starting:
		return ResultNoStartCredentials
	case errors.Is(err, connector.ErrAuthentication):
		return ResultStoppedCredentials
	case starting:
		return ResultNoStartConnection
	case errors.Is(err, connector.ErrUnavailable), errors.Is(err, connector.ErrThrottled):
		return ResultStoppedServerDown
	default:
		return ResultStoppedUnexpected
	}
}

// ErrStopped says that a step was ended by [RunOptions.Stop].
var ErrStopped = errors.New("stopped by an operator")

// going fails when the step is to end: its context has, or somebody has asked it to stop.
func (r *run) going(ctx context.Context) error {
	select {
	case <-r.opts.Stop:
		return ErrStopped
	default:
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

var errErrorLimit = errors.New("too many object errors")

// countError counts an object error and fails when there are too many.
func (r *run) countError() error {
	r.rec.Counters.Errors++
	if limit := r.e.opts.ErrorLimit; limit > 0 && r.rec.Counters.Errors > int64(limit) {
		return fmt.Errorf("%w: more than %d", errErrorLimit, limit)
	}
	return nil
}

// noteUnwritable says once for each class what could not be exported.
func (r *run) noteUnwritable() {
	names := make(map[unwritable][]string)
	for u := range r.unwritable {
		class := unwritable{u.connector, u.class, ""}
		names[class] = append(names[class], u.attribute)
	}
	for class, list := range names {
		slices.Sort(list)
		r.note("connector %s takes no values for these attributes of class %s, they are left out: %s",
			class.connector, class.class, strings.Join(list, ", "))
	}
}

func (r *run) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// progress reports at most ten times a second, and always at the end of a phase.
func (r *run) progress(phase string, done, total int64) {
	now := r.e.opts.Now()
	if phase != r.phase {
		// The first report of a phase comes after its first batch.
		r.phase, r.phaseBegan = phase, r.lastReport(now)
	}
	r.looked = now
	if done < total || total == 0 {
		if now.Sub(r.reported) < 100*time.Millisecond {
			return
		}
	}
	r.reported = now
	r.e.opts.Progress(Progress{
		Connector: r.rec.Connector, Step: r.rec.Step, Phase: phase,
		Done: done, Total: total, Elapsed: now.Sub(r.rec.Started), InPhase: now.Sub(r.phaseBegan),
	})
}

// lastReport returns when progress was looked at last: the end of one phase and the start of
// the next.
func (r *run) lastReport(now time.Time) time.Time {
	switch {
	case !r.looked.IsZero():
		return r.looked
	case !r.rec.Started.IsZero():
		return r.rec.Started
	default:
		return now
	}
}

// open starts a session and a function that ends it.
func (r *run) open(ctx context.Context) (connector.Session, func(), error) {
	o, err := r.e.openOptions(ctx, r.t)
	if err != nil {
		return nil, nil, err
	}
	s, err := r.t.Open(ctx, o)
	if err != nil {
		return nil, nil, &startError{err}
	}
	end := func() {
		// Closing must not hang a step that was cancelled.
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := s.Close(cctx); err != nil {
			r.e.opts.Logger.Debug("closing a session failed", "connector", r.t.name, "err", err)
		}
	}
	return s, end, nil
}

func (r *run) now() time.Time { return r.e.opts.Now().UTC() }
