package entra

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// Why an existing object is left alone.
var (
	errMastered    = errors.New("the object is mastered by another directory (onPremisesSyncEnabled)")
	errExchange    = errors.New("distribution groups and mail-enabled security groups cannot be changed through Microsoft Graph")
	errFixedAnchor = errors.New("the group is linked to another source anchor, for good")
)

// bare reads nothing but what the connector needs itself.
func (t *task) bare() *decoder { return &decoder{class: t.c, wanted: map[string]bool{}} }

// add creates the object, or finds out that it exists and brings it to what is asked.
func (t *task) add() connector.Result {
	p, err := t.plan()
	if err == nil && p.anchor == "" {
		err = t.anchorFromDN(p)
	}
	if err == nil {
		err = t.complete(p)
	}
	if shape, ok := errors.AsType[*shapeError](err); ok {
		return t.refuse(shape.attribute, shape.code, shape.err)
	}
	if err != nil {
		return t.fail(err)
	}
	t.result.DN = dnOf(p.anchor)
	if result, ok := t.follow(p, t.matches(p)); ok {
		return result
	}
	return t.create(p)
}

// anchorFromDN takes the source anchor from where the object shall be.
func (t *task) anchorFromDN(p *plan) error {
	anchor, ok := anchorOfDN(t.ch.Key.DN)
	if !ok {
		return nil
	}
	return t.planAnchor(p, t.c.byAttribute[attr.Fold(attrSourceAnchor)], []attr.Value{attr.String(anchor)})
}

// unique reports whether Graph itself keeps a second object like this from being made.
func (t *task) unique(p *plan) bool { return p.body[t.c.anchorProperty()] != nil }

// create sends the creation. A creation whose answer was lost is settled by looking for the
// object; it is sent again only where the object would be unique.
func (t *task) create(p *plan) connector.Result {
	for attempt := 1; ; attempt++ {
		a, err := t.write(operation{method: http.MethodPost, path: "/" + t.c.set, body: p.body})
		var lost *unansweredError
		var g *GraphError
		switch {
		case err == nil:
			return t.created(a, p)
		case errors.As(err, &lost):
			t.lost = true
			e, findErr := t.byAnchorPatiently(p.anchor, 2)
			if e != nil && findErr == nil {
				return t.adopt(e, p)
			}
			if findErr != nil || !t.unique(p) || attempt >= t.s.t.o.Attempts || t.d.ctx.Err() != nil {
				return t.fail(err)
			}
		case errors.As(err, &g) && isConflict(g):
			return t.conflicted(p, err, g)
		default:
			return t.fail(err)
		}
	}
}

// created reads the new object's id.
func (t *task) created(a *answer, p *plan) connector.Result {
	var out struct {
		ID string `json:"id"`
	}
	id, ok := guid{}, false
	if json.Unmarshal(a.body, &out) == nil {
		id, ok = parseGUID(out.ID)
	}
	if !ok {
		return t.fail(&unansweredError{errJSON})
	}
	t.s.t.recent.add(id)
	t.result.Anchor = t.c.anchorFor(id)
	if _, err := t.relate(id, p.refs); err != nil {
		return t.fail(err)
	}
	return t.done(true)
}

// conflicted finds out whether the object in the way is the very one that was to be
// created: alive, because this is a repetition, or deleted meanwhile.
func (t *task) conflicted(p *plan, err error, g *GraphError) connector.Result {
	tries := 1
	if t.lost || t.c.blamed(g) == attrSourceAnchor || g.hasTarget(t.c.anchorProperty()) {
		tries = t.s.t.o.Attempts
	}
	if p.anchor == "" {
		return t.fail(err)
	}
	for attempt := 1; attempt <= tries; attempt++ {
		e, findErr := t.byAnchorPatiently(p.anchor, 1)
		if findErr == nil && e != nil {
			return t.adopt(e, p)
		}
		if attempt == 1 && !t.s.t.o.NoRestore && tries > 1 {
			if loadErr := t.s.deleted.load(t.d.ctx, t.s, t.c, true); loadErr != nil {
				return t.fail(err)
			}
			if result, ok := t.follow(p, t.binned(p)); ok {
				return result
			}
		}
		if attempt < tries && t.d.pause(backoff(attempt)) != nil {
			break
		}
	}
	return t.fail(err)
}

func (e *GraphError) hasTarget(property string) bool {
	return slices.ContainsFunc(e.Details, func(d ErrorDetail) bool { return strings.EqualFold(d.Target, property) })
}

// byAnchorPatiently looks for an object that may have been created a moment ago.
func (t *task) byAnchorPatiently(anchor string, tries int) (*entry, error) {
	if anchor == "" {
		return nil, nil
	}
	for attempt := 1; ; attempt++ {
		e, err := t.byAnchor(t.full, anchor)
		if e != nil || err != nil || attempt >= tries {
			return e, err
		}
		if err := t.d.pause(backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

// adopt takes an object that has the source anchor: it is the work of a creation whose
// answer was lost, or one to be taken over.
func (t *task) adopt(e *entry, p *plan) connector.Result {
	if t.lost && t.mayWrite(e) == nil {
		p.drop(t.c, e)
		return t.converge(e.id, p, true)
	}
	m := t.candidate(e)
	m.MatchesAnchor = true
	result, _ := t.follow(p, []*match{m}) // one with the source anchor is never to be created
	return result
}

// converge brings an existing object to what an add asks for. What only a creation can set
// is left out.
func (t *task) converge(id guid, p *plan, changed bool) connector.Result {
	t.result.Anchor = t.c.anchorFor(id)
	p.existing()
	if len(p.body) > 0 {
		if _, err := t.patch(id, p.body); err != nil {
			return t.fail(err)
		}
		changed = true
	}
	related, err := t.relate(id, p.refs)
	if err != nil {
		return t.fail(err)
	}
	return t.done(changed || related)
}

// patch sends changed properties, and nothing that did not change: one property that
// cannot be written makes Graph refuse all.
func (t *task) patch(id guid, body map[string]any) (*answer, error) {
	t.wrote.Store(true)
	return t.patiently(id, operation{method: http.MethodPatch, path: t.path(id), body: body})
}

func (t *task) path(id guid) string { return "/" + t.c.set + "/" + id.String() }

// target reads the object that an update or a deletion is about, as far as it decides what
// may be done with it. There is none for an anchor of another class or form.
func (t *task) target(also []listChange) (*entry, guid, error) {
	r, err := parseRef(t.ch.Key.Anchor.Raw())
	if err != nil && t.ch.Key.Anchor.IsZero() {
		anchor, ok := anchorOfDN(t.ch.Key.DN)
		if !ok {
			return nil, guid{}, nil
		}
		e, err := t.byAnchor(t.full, anchor)
		if e == nil || err != nil {
			return nil, guid{}, err
		}
		return e, e.id, nil
	}
	if err != nil || r.kind != t.c.rank {
		return nil, guid{}, nil
	}
	d := t.bare()
	for _, name := range []string{attrMailEnabled, "groupTypes"} {
		d.wanted[attr.Fold(name)] = true
	}
	for _, l := range also {
		d.wanted[attr.Fold(l.m.Attribute)] = true
	}
	e, err := t.byID(d, r.id)
	return e, r.id, err
}

// mayWrite decides by the object, not by the tenant, whether it is ours to change.
func (t *task) mayWrite(e *entry) error {
	if e.isSynced {
		return errMastered
	}
	if t.c.name != classGroup {
		return nil
	}
	mail, unified := false, false
	for _, f := range e.fields {
		switch f.m.Attribute {
		case attrMailEnabled:
			mail = len(f.values) > 0 && f.values[0].Bool()
		case "groupTypes":
			unified = slices.Contains(f.values, attr.String("Unified"))
		}
	}
	if mail && !unified {
		return errExchange
	}
	return nil
}

// update changes the object.
func (t *task) update() connector.Result {
	p, err := t.plan()
	if shape, ok := errors.AsType[*shapeError](err); ok {
		return t.refuse(shape.attribute, shape.code, shape.err)
	}
	if err != nil {
		return t.fail(err)
	}
	if len(p.body)+len(p.lists)+len(p.refs) == 0 {
		return t.done(false)
	}
	e, id, err := t.target(p.lists)
	switch {
	case err != nil:
		return t.fail(err)
	case e == nil:
		return t.missing()
	}
	if err := t.mayWrite(e); err != nil {
		return t.refuse("", connector.CodePermissionIssue, err)
	}
	if err := t.settleLists(p, e); err != nil {
		return t.refuse(err.attribute, err.code, err.err)
	}
	if t.c.name == classGroup && p.anchor != "" && !t.settleLink(p, e) {
		return t.refuse(attrSourceAnchor, connector.CodeDataValidationFailed, errFixedAnchor)
	}
	if len(p.body) > 0 {
		if _, err := t.patch(id, p.body); err != nil {
			return t.fail(err)
		}
	}
	related, err := t.relate(id, p.refs)
	if err != nil {
		return t.fail(err)
	}
	t.result.DN = dnOf(p.anchor)
	return t.done(len(p.body) > 0 || related)
}

// missing finishes a change of an object that does not exist.
func (t *task) missing() connector.Result {
	t.result.Outcome = connector.Rejected
	t.result.Err = &connector.Error{
		Op: "export", Connector: t.connectorName(), Object: t.ch.Key, Code: connector.CodeMissingObject, Err: connector.ErrNotFound,
	}
	return t.result
}

// settleLists makes whole collections of changes of single values.
func (t *task) settleLists(p *plan, e *entry) *shapeError {
	for _, l := range p.lists {
		var set attr.Set
		for _, f := range e.fields {
			if f.m == l.m {
				set.Put(f.m.Attribute, f.values...)
			}
		}
		if !set.Apply(l.mod) {
			continue
		}
		values := set.Values(l.m.Attribute)
		err := checkShape(l.m, t.c, values)
		if err == nil {
			err = p.put(l.m, values)
		}
		if shape, ok := errors.AsType[*shapeError](err); ok {
			return shape
		}
	}
	return nil
}

// settleLink links a group that has no link yet. It reports false for one that is linked
// to another source anchor.
func (t *task) settleLink(p *plan, e *entry) bool {
	if e.anchor == present {
		delete(p.body, t.c.anchorProperty())
		return e.sourceAnchor == p.anchor
	}
	return true
}

// remove deletes the object. It stays restorable for thirty days.
func (t *task) remove() connector.Result {
	e, id, err := t.target(nil)
	switch {
	case err != nil:
		return t.fail(err)
	case e == nil:
		return t.done(false)
	}
	if err := t.mayWrite(e); err != nil {
		return t.refuse("", connector.CodePermissionIssue, err)
	}
	_, err = t.write(operation{method: http.MethodDelete, path: t.path(id)})
	if err != nil && !isStatus(err, http.StatusNotFound) {
		return t.fail(err)
	}
	t.s.t.recent.forget(id)
	t.s.deleted.note(t.c, e.sourceAnchor, id)
	return t.done(err == nil)
}
