package metaverse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// ObjectOptions are the options of [Engine.SyncObject]. The zero value, or nil, is good.
type ObjectOptions struct {
	// NoExport leaves what is to be exported pending, as in staging mode.
	NoExport bool
	// Deletes carries out deletions, too: of an object that its directory does not have any
	// more, and of what that means elsewhere. Without it only adds and updates are made.
	Deletes bool
}

// An ObjectResult is what came of synchronising one object.
type ObjectResult struct {
	Run    int64        `json:"run"` // id in the history
	Result RunResult    `json:"result"`
	Steps  []ObjectStep `json:"steps"`
	// Changes tells what synchronisation did; nil when it did not come to that.
	Changes *Preview `json:"changes,omitempty"`
}

// An ObjectStep is one step of synchronising one object.
type ObjectStep struct {
	Step      string     `json:"step"` // "read", "class", "import", "import-linked", "synchronise", "export"
	Connector string     `json:"connector,omitempty"`
	Status    StepStatus `json:"status"`
	Message   string     `json:"message,omitempty"`
	Duration  int64      `json:"durationMs"`
}

// A StepStatus says how a step for one object ended.
type StepStatus string

// The ends of steps.
const (
	StepDone    StepStatus = "success"
	StepSkipped StepStatus = "skipped" // there was nothing to do, or it was not asked for
	StepFailed  StepStatus = "failed"
)

var (
	errNotRead       = errors.New("the directory does not show the object: it does not exist, is outside of what the connector reads, or its account may not read it")
	errNoObjectRead  = errors.New("the connector cannot read single objects")
	errNoRules       = errors.New("no rule is for objects of this class")
	errNameConnector = errors.New("the object is not known yet: name its connector")
)

// SyncObject imports, synchronises and exports one object now: the object is read from its
// directory, as is what it is linked to elsewhere, evaluated, and what follows for it is
// exported. References of other objects to it, such as memberships, are exported by the next
// cycle. No other step may run meanwhile; the error matches [ErrRunning] otherwise. It
// returns the result always, with the steps up to the one that failed; the error tells why
// a step failed.
func (e *Engine) SyncObject(ctx context.Context, ref ObjectRef, o *ObjectOptions) (*ObjectResult, error) {
	out := &ObjectResult{Result: ResultNoStartRunning}
	s := &single{e: e, out: out, ref: ref}
	if o != nil {
		s.opts = *o
	}
	known, err := s.locate(ctx)
	if err != nil {
		out.Result = ResultStoppedUnexpected
		return out, err
	}
	if s.r, err = e.operatorRun(ctx, s.ref.Connector, ObjectSync); err != nil {
		out.Result = ResultNoStartConnection
		return out, err
	}
	release, err := e.claimAll(ObjectSync)
	if err != nil {
		return out, err
	}
	defer release()
	end, err := s.r.begin(ctx)
	if err != nil {
		return out, err
	}
	defer end()
	work, done := s.r.lease.within(ctx)
	err = s.run(work, known)
	done()
	s.r.finish(err)
	if s.r.rec.Result == ResultStoppedUnexpected {
		s.r.rec.Result = s.result()
	}
	if saveErr := s.r.save(context.WithoutCancel(ctx)); err == nil {
		err = saveErr
	}
	out.Run, out.Result = s.r.rec.ID, s.r.rec.Result
	return out, err
}

// single is the state of synchronising one object.
type single struct {
	e    *Engine
	r    *run
	opts ObjectOptions
	ref  ObjectRef
	out  *ObjectResult
	id   CSID
	mine []*CSObject // those whose exports belong to the call
}

// locate finds the object in its connector space, if it is there.
func (s *single) locate(ctx context.Context) (o *CSObject, err error) {
	err = s.e.store.View(ctx, func(rd Reader) (err error) {
		o, err = s.e.find(rd, s.ref)
		return err
	})
	switch {
	case err == nil:
		s.ref.Connector = o.Connector
		return o, nil
	case !errors.Is(err, connector.ErrNotFound):
		return nil, err
	case s.ref.Connector == "":
		return nil, fmt.Errorf("%s: %w", s.ref, errNameConnector)
	}
	return nil, nil
}

// result names the step that failed.
func (s *single) result() RunResult {
	switch s.out.Steps[len(s.out.Steps)-1].Step {
	case "synchronise":
		return ResultSyncErrors
	case "export":
		return ResultExportErrors
	default:
		return ResultDiscoveryErrors
	}
}

func (s *single) run(ctx context.Context, known *CSObject) error {
	key := connector.Key{Anchor: s.ref.Anchor, DN: s.ref.DN}
	if known != nil {
		key = known.Key()
	}
	if err := s.importObject(ctx, key, known); err != nil {
		return err
	}
	if err := s.importLinked(ctx); err != nil {
		return err
	}
	if err := s.step("synchronise", s.r.t.name, func() (string, error) { return s.synchronise(ctx) }); err != nil {
		return err
	}
	for _, o := range s.mine {
		if err := s.step("export", o.Connector, func() (string, error) { return s.export(ctx, o) }); err != nil {
			return err
		}
	}
	return nil
}

// errSkipped ends a step that had nothing to do.
var errSkipped = errors.New("skipped")

// step runs one step and notes how it ended.
func (s *single) step(name, conn string, fn func() (string, error)) error {
	started := time.Now()
	message, err := fn()
	st := ObjectStep{Step: name, Connector: conn, Status: StepDone, Message: message}
	switch {
	case errors.Is(err, errSkipped):
		st.Status, err = StepSkipped, nil
	case err != nil:
		st.Status, st.Message = StepFailed, err.Error()
		err = fmt.Errorf("%s: %s: %w", s.ref, name, err)
	}
	st.Duration = time.Since(started).Milliseconds()
	s.out.Steps = append(s.out.Steps, st)
	return err
}

// importObject reads and stages the object itself.
func (s *single) importObject(ctx context.Context, key connector.Key, known *CSObject) error {
	var item connector.Item
	err := s.step("read", s.r.t.name, func() (string, error) {
		items, err := s.read(ctx, s.r, []connector.Key{key})
		if err != nil {
			return "", err
		}
		item = items[0]
		switch {
		case item.Err != nil:
			return "", item.Err
		case item.Kind == connector.ItemObject:
			return "", nil
		case known == nil || !s.opts.Deletes:
			return "", errNotRead
		}
		return "the object is gone", nil
	})
	if err != nil {
		return err
	}
	if item.Kind == connector.ItemObject {
		key = item.Object.Key()
		err = s.step("class", s.r.t.name, func() (string, error) {
			has := func(c string) bool { return attr.EqualName(c, item.Object.Class) }
			if !slices.ContainsFunc(s.e.rules.Classes(s.r.t.name), has) {
				return item.Object.Class, errNoRules
			}
			return item.Object.Class, nil
		})
		if err != nil {
			return err
		}
	}
	return s.step("import", s.r.t.name, func() (string, error) {
		before := s.r.rec.Counters
		if err := s.stage(ctx, s.r, []connector.Item{item}); err != nil {
			return "", err
		}
		err := s.e.store.View(ctx, func(rd Reader) error {
			o, err := s.e.find(rd, ObjectRef{Connector: s.r.t.name, Anchor: key.Anchor, DN: key.DN})
			if err == nil {
				s.id = o.ID
			}
			return err
		})
		if after := s.r.rec.Counters; after.Unchanged > before.Unchanged {
			return "nothing has changed", err
		}
		return "", err
	})
}

// read reads objects of one connector.
func (s *single) read(ctx context.Context, r *run, keys []connector.Key) (items []connector.Item, err error) {
	session, end, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	reader, ok := connector.As[connector.ObjectReader](session)
	if !ok {
		return nil, fmt.Errorf("%w: %w", errNoObjectRead, errors.ErrUnsupported)
	}
	for item, err := range reader.ReadObjects(ctx, keys) {
		if err != nil {
			return nil, err
		}
		if item.Kind == connector.ItemObject || item.Kind == connector.ItemDelete {
			items = append(items, item)
		}
	}
	if len(items) != len(keys) {
		return nil, fmt.Errorf("%w: %d answers for %d objects read", connector.ErrProtocol, len(items), len(keys))
	}
	return items, nil
}

// stage takes what was read into the connector space.
func (s *single) stage(ctx context.Context, r *run, items []connector.Item) error {
	if err := r.update(ctx, r.reselect); err != nil {
		return err
	}
	in := newIntake(r, nil, false)
	in.items = items
	if err := in.remember(ctx); err != nil {
		return err
	}
	if err := in.flushAlone(ctx); err != nil {
		return err
	}
	if in.failures > 0 {
		return errors.Join(errStaging, items[0].Err)
	}
	return nil
}

var errStaging = errors.New("the object could not be staged; see its error")

// importLinked reads what the object is linked to in other directories, so that the outcome
// rests on what they hold now.
func (s *single) importLinked(ctx context.Context) error {
	linked, err := s.linked(ctx)
	if err != nil {
		return err
	}
	for _, o := range linked {
		t := s.e.connectors[o.Connector]
		if o.ID == s.id || t == nil || !o.Imported {
			continue
		}
		err := s.step("import-linked", o.Connector, func() (string, error) {
			if !t.caps.ReadObjects {
				return errNoObjectRead.Error(), errSkipped
			}
			r := s.r.at(t)
			items, err := s.read(ctx, r, []connector.Key{o.Key()})
			if err != nil {
				return "", err
			}
			if items[0].Kind == connector.ItemDelete && !s.opts.Deletes {
				return "the directory does not show " + o.DN + "; the next import of this connector takes that in", errSkipped
			}
			return o.DN, s.stage(ctx, r, items)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// at is the run of the same call for another connector.
func (r *run) at(t *target) *run {
	other := *r
	other.t = t
	return &other
}

// linked returns the objects that the object's metaverse object links, itself included.
func (s *single) linked(ctx context.Context) (objects []*CSObject, err error) {
	err = s.e.store.View(ctx, func(rd Reader) error {
		own, err := rd.CS([]CSID{s.id})
		if err != nil || own[0] == nil {
			objects = nil
			return err
		}
		if own[0].Link.MV == 0 {
			objects = own
			return nil
		}
		ids, err := rd.LinkedCS([]MVID{own[0].Link.MV})
		if err != nil {
			return err
		}
		objects, err = rd.CS(ids[0])
		return err
	})
	return objects, err
}
