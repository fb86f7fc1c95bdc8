package metaverse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// synchronise evaluates the object and what it is linked to, and keeps the outcome.
func (s *single) synchronise(ctx context.Context) (string, error) {
	before, err := s.linked(ctx)
	if err != nil {
		return "", err
	}
	var also []CSID
	for _, o := range before {
		if o.ID != s.id && o.Pending != ImportNone {
			also = append(also, o.ID)
		}
	}
	if err := s.r.reindex(ctx); err != nil {
		return "", err
	}
	err = s.r.update(ctx, func(tx Tx) error {
		if err := s.e.outOfTurn(tx); err != nil {
			return err
		}
		x := &previewing{e: s.e, r: s.r, t: newTracer(tx), ctx: ctx, commit: true, also: also}
		if err := x.run(ObjectRef{CS: s.id}); err != nil {
			return err
		}
		x.out.Committed = true
		s.out.Changes = x.out
		return nil
	})
	if err != nil {
		return "", err
	}
	s.r.rec.Objects++
	s.r.rec.Counters.Evaluated++
	if errs := s.out.Changes.Errors; len(errs) > 0 {
		return "", fmt.Errorf("%s: %s", errs[0].Code, errs[0].Message)
	}
	after, err := s.linked(ctx)
	if err != nil {
		return "", err
	}
	return s.out.Changes.Outcome, s.targets(ctx, before, after)
}

// targets collects the objects whose exports belong to the call: those linked now, and those
// that were until now and have to go.
func (s *single) targets(ctx context.Context, before, after []*CSObject) error {
	s.mine = after
	for _, o := range before {
		if !slices.ContainsFunc(after, func(a *CSObject) bool { return a.ID == o.ID }) {
			s.mine = append(s.mine, o)
		}
	}
	ids := make([]CSID, len(s.mine))
	for i, o := range s.mine {
		ids[i] = o.ID
	}
	return s.e.store.View(ctx, func(rd Reader) error {
		exports, err := rd.PendingExport(ids)
		if err != nil {
			return err
		}
		var pending []*CSObject
		for i, p := range exports {
			if p != nil && p.Op != 0 {
				pending = append(pending, s.mine[i])
			}
		}
		s.mine = pending
		return nil
	})
}

// maxPieces bounds the changes that one object is exported in: an add, its references, ...
const maxPieces = 10

// export sends what is pending for one object.
func (s *single) export(ctx context.Context, o *CSObject) (string, error) {
	t := s.e.connectors[o.Connector]
	switch {
	case s.opts.NoExport:
		return "exports were not asked for", errSkipped
	case t == nil || !t.caps.Export:
		return "the connector cannot export", errSkipped
	}
	switch st, err := StagingOf(ctx, s.e.store); {
	case err != nil:
		return "", err
	case st != nil:
		return "staging mode: left pending", errSkipped
	}
	r := s.r.at(t)
	session, end, err := r.open(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	exporter, ok := connector.As[connector.Exporter](session)
	if !ok {
		return "", fmt.Errorf("connector %s cannot export: %w", t.name, errors.ErrUnsupported)
	}
	x := newExporting(r, session, exporter, 1)
	x.insist = true // nothing else moves: the directory says what is in the way
	if err := s.settleUnknown(ctx, x, o.ID); err != nil {
		return "", err
	}
	var done []string
	for range maxPieces {
		op, err := s.sendOne(ctx, x, o.ID)
		if err != nil {
			return "", err
		}
		if op == 0 {
			break
		}
		if done = append(done, op.String()); r.rec.Counters.Errors > 0 {
			return "", s.exportError(ctx, o)
		}
	}
	if len(done) == 0 {
		return "nothing that may be sent now: deletions have to be asked for, references wait for their objects", errSkipped
	}
	return strings.Join(done, ", ") + " " + o.DN, nil
}

// settleUnknown finds out what became of an earlier export whose answer was lost.
func (s *single) settleUnknown(ctx context.Context, x *exporting, id CSID) error {
	unknown := false
	err := s.e.store.View(ctx, func(rd Reader) error {
		p, err := rd.PendingExport([]CSID{id})
		unknown = err == nil && p[0] != nil && p[0].Unknown
		return err
	})
	if err != nil || !unknown {
		return err
	}
	return x.settle(ctx, []CSID{id})
}

// sendOne sends the next change of an object. It returns 0 when there is none.
func (s *single) sendOne(ctx context.Context, x *exporting, id CSID) (op connector.ChangeOp, err error) {
	var jobs []*job
	err = x.r.update(ctx, func(tx Tx) error {
		jobs = nil
		p, err := tx.PendingExport([]CSID{id})
		if err != nil || p[0] == nil || p[0].Op == 0 || !x.sendable(p[0]) || p[0].Op == connector.OpDelete && !s.opts.Deletes {
			return err
		}
		now := x.r.now()
		if p[0].NotBefore.After(now) {
			now = p[0].NotBefore // an operator asks for it now
		}
		if jobs, err = x.jobs(tx, p, selection{p[0].Op, anyLevel}, now); err != nil {
			return err
		}
		return x.markUnknown(tx, jobs)
	})
	if err != nil || len(jobs) == 0 {
		return 0, err
	}
	return jobs[0].change.Op, x.send(ctx, jobs)
}

// exportError returns the error that an object got in its export.
func (s *single) exportError(ctx context.Context, o *CSObject) (found error) {
	err := s.e.store.View(ctx, func(rd Reader) error {
		errs, err := rd.ObjectErrors(o.Connector, o.ID-1, 1)
		for _, oe := range errs {
			if oe.CS == o.ID && oe.Step == stepExport {
				found = fmt.Errorf("%s: %s", oe.Code, oe.Message)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return found
}
