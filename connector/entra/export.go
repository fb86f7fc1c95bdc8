package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/sourceanchor"
)

// Export carries out the changes. Changes of the same kind to different objects go side by
// side, twenty to a request; a change of another kind, or to the same object, waits for those
// before it. A change that met a conflict is tried once more after all others: the object in
// the way may have moved out of it.
//
// Every change of an existing object begins with a read of that object: what another
// directory masters is refused here, whatever Graph would allow.
func (s *session) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	if err := s.usable(ctx); err != nil {
		return nil, s.t.failure("export", err)
	}
	if len(batch) == 0 {
		return nil, nil
	}
	if err := s.prepare(ctx, batch); err != nil {
		return nil, s.t.failure("export", err)
	}
	d := newDispatcher(ctx, s.t.client, s.log)
	results := make([]connector.Result, len(batch))
	carryOut := func(indexes []int) {
		found, err := s.cast(d, batch, indexes)
		d.run(len(indexes), func(i int) { results[indexes[i]] = s.carryOut(d, &batch[indexes[i]], found, err) })
	}
	for _, indexes := range segments(batch) {
		carryOut(indexes)
	}
	if again := conflicts(results); len(again) > 0 && len(again) < len(batch) {
		carryOut(again)
	}
	if d.fatal != nil && !d.answered {
		return nil, s.t.failure("export", d.fatal)
	}
	return results, nil
}

// prepare lists the deleted objects when one of them may have to be restored.
func (s *session) prepare(ctx context.Context, batch []connector.Change) error {
	if s.t.o.NoRestore {
		return nil
	}
	for _, c := range s.t.classes {
		adds := func(ch connector.Change) bool { return ch.Op == connector.OpAdd && attr.EqualName(ch.Class, c.name) }
		if c.name != classDevice && slices.ContainsFunc(batch, adds) {
			if err := s.deleted.load(ctx, s, c, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// segments cuts the batch where order matters.
func segments(batch []connector.Change) [][]int {
	var out [][]int
	var current []int
	seen := make(map[string]bool)
	for i, ch := range batch {
		name := ch.Key.Anchor.Raw() + "\x00" + ch.Key.DN
		if len(current) > 0 && (batch[current[0]].Op != ch.Op || seen[name]) {
			out, current = append(out, current), nil
			clear(seen)
		}
		seen[name] = !ch.Key.IsZero()
		current = append(current, i)
	}
	return append(out, current)
}

func conflicts(results []connector.Result) (out []int) {
	for i, r := range results {
		if r.Outcome == connector.Conflict {
			out = append(out, i)
		}
	}
	return out
}

// A task is one change under way.
type task struct {
	reader

	ch     *connector.Change
	found  *catch
	c      *class
	full   *decoder // reads every attribute, whatever the session imports
	result connector.Result
	wrote  atomic.Bool // something was sent that may have taken effect
	lost   bool        // a creation was sent whose answer was lost
}

func (s *session) carryOut(d *dispatcher, ch *connector.Change, found *catch, castErr error) connector.Result {
	t := &task{reader: reader{s, d}, ch: ch, found: found, result: connector.Result{ID: ch.ID}}
	for _, c := range s.t.classes {
		if attr.EqualName(c.name, ch.Class) && c.name != classDevice {
			t.c, t.full = c, &decoder{class: c}
		}
	}
	if t.c == nil {
		return t.refuse("", connector.CodeUnmappableType, errors.New("the connector does not export objects of this class"))
	}
	switch ch.Op {
	case connector.OpAdd:
		if castErr != nil {
			return t.fail(castErr)
		}
		return t.add()
	case connector.OpUpdate:
		return t.update()
	case connector.OpDelete:
		return t.remove()
	}
	return t.refuse("", connector.CodeUnexpected, errors.New("not an operation"))
}

// done finishes a change that was carried out.
func (t *task) done(changed bool) connector.Result {
	t.result.Outcome = connector.NoChange
	if changed {
		t.result.Outcome = connector.Applied
	}
	return t.result
}

// refuse finishes a change that will not be tried again as it is.
func (t *task) refuse(attribute string, code connector.Code, err error) connector.Result {
	t.result.Outcome = connector.Rejected
	t.result.Err = &connector.Error{
		Op: "export", Connector: t.connectorName(), Object: t.ch.Key, Attribute: attribute, Code: code,
		Err: fmt.Errorf("%w: %w", connector.ErrInvalid, err),
	}
	return t.result
}

func (t *task) connectorName() string { return t.s.t.name }

// write sends an operation that changes something.
func (t *task) write(op operation) (*answer, error) {
	t.wrote.Store(true)
	return t.d.send(op)
}

// fail finishes a change of which a request failed.
func (t *task) fail(err error) connector.Result {
	attribute := ""
	var g *GraphError
	if errors.As(err, &g) {
		attribute = t.c.blamed(g)
	}
	t.result.Err = t.s.t.objectFailure("export", t.ch.Key, attribute, err)
	t.result.RetryAfter = connector.RetryAfter(t.result.Err)
	t.result.Outcome = t.outcomeOf(err, g)
	if t.result.Outcome == connector.Conflict {
		t.blame(g)
	}
	if ref, ok := errors.AsType[*referenceError](err); ok {
		t.result.Outcome = connector.Rejected
		t.result.Err = &connector.Error{
			Op: "export", Connector: t.connectorName(), Object: t.ch.Key, Attribute: ref.attribute,
			Code: connector.CodeReferenceFailure, Err: err,
		}
	}
	return t.result
}

func (t *task) outcomeOf(err error, g *GraphError) connector.Outcome {
	var lost *unansweredError
	switch {
	case errors.As(err, &lost):
		return connector.Unknown
	case errors.Is(err, errUnsent):
		return connector.Retry
	case ambiguous(err) || t.d.ctx.Err() != nil:
		if t.wrote.Load() {
			return connector.Unknown
		}
		return connector.Retry
	case g == nil:
		return connector.Retry
	case isConflict(g):
		return connector.Conflict
	case transientStatus(g) || g.Status == http.StatusUnauthorized:
		return connector.Retry
	}
	return connector.Rejected
}

// blamed returns the attribute that an error's details name, "" for none.
func (c *class) blamed(g *GraphError) string {
	for _, d := range g.Details {
		for _, m := range c.fields {
			if d.Target != "" && (strings.EqualFold(m.Property, d.Target) || strings.HasSuffix(m.Property, "."+d.Target)) {
				return m.Attribute
			}
		}
	}
	return ""
}

// blame names the object in the way of a change that met a conflict.
func (t *task) blame(g *GraphError) {
	if t.ch.Op == connector.OpAdd {
		if label, id, ok := t.mistyped(g); ok {
			t.unmatched(sourceanchor.Decision{
				Candidate: label + "_" + id.String(), How: "soft-smtp", Code: string(connector.CodeObjectTypeMismatch),
				Reason: "an object of another type has the same address",
			})
			return
		}
	}
	t.result.ConflictWith = t.inTheWay(g)
}

// inTheWay finds out which object holds the value, from the details or by asking for the
// userPrincipalName or mail address. It may fail; the conflict is one all the same.
func (t *task) inTheWay(g *GraphError) connector.Key {
	for _, d := range g.Details {
		if r, err := parseRef(d.Message); err == nil && strings.EqualFold(d.Code, "ConflictingObjects") {
			return connector.Key{Anchor: connector.TextAnchor(r.text())}
		}
	}
	for _, m := range t.ch.Mods {
		mapped := t.c.attribute(m.Name, m.Adds)
		if len(m.Adds) != 1 || mapped == nil || mapped.Property != "userPrincipalName" && mapped.Property != "mail" {
			continue
		}
		if e, err := t.find(t.full, mapped.Property, m.Adds[0].Str()); err == nil && e != nil && !t.isSelf(e) {
			return e.key()
		}
	}
	return connector.Key{}
}

func (t *task) isSelf(e *entry) bool { return e.class.anchorFor(e.id) == t.ch.Key.Anchor }
