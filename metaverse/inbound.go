package metaverse

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// loadPage loads connector-space objects with everything that they are linked to.
func (b *batch) loadPage(ids []CSID) error {
	if err := b.loadCS(ids); err != nil {
		return err
	}
	var mvs []MVID
	for _, id := range ids {
		if w := b.cs[id]; w != nil {
			mvs = append(mvs, w.Link.MV)
		}
	}
	return b.loadMV(mvs)
}

// sync evaluates a page of connector-space objects.
func (b *batch) sync(ids []CSID) error {
	b.size = len(ids)
	if err := b.loadPage(ids); err != nil {
		return err
	}
	for _, id := range ids {
		w := b.cs[id]
		if w == nil || w.deleted {
			continue
		}
		b.objects++
		if err := b.syncObject(w); err != nil {
			return err
		}
	}
	return b.write()
}

// syncObject takes one object's pending import in. Trouble with the object alone is
// recorded and leaves it pending, so that it is tried again; the returned error is one of
// the store.
func (b *batch) syncObject(w *csWork) error {
	err := b.evaluate(w)
	if trouble, own := errors.AsType[*objectTrouble](err); own {
		b.fail(w, trouble.code, trouble.attribute, trouble.rule, trouble.err)
		return nil
	}
	if err != nil {
		return err
	}
	w.next = ImportNone
	b.errs = slices.DeleteFunc(b.errs, func(e ObjectError) bool { return e.CS == w.ID }) // of before its turn came
	b.waits(w)
	b.cleared = append(b.cleared, w.ID)
	return nil
}

func (b *batch) evaluate(w *csWork) error {
	switch w.State {
	case Placeholder:
		return nil
	case ExplicitDisconnector:
		if w.next != ImportDelete {
			return nil
		}
	}
	b.counts.Evaluated++
	if w.next == ImportDelete {
		return b.gone(w)
	}
	subject := b.subject(w)
	if out, err := b.filter(w, subject); err != nil || out {
		return err
	}
	scope, err := b.scopeOf(w, subject)
	if err != nil {
		return err
	}
	m, made, err := b.settleLink(w, scope, subject)
	if err != nil {
		return err
	}
	if m == nil {
		b.counts.Disconnectors++
		return nil
	}
	return b.recompute(m, made)
}

// gone takes an object that left its directory out of the engine.
func (b *batch) gone(w *csWork) error {
	m := b.mv[w.Link.MV]
	if m != nil {
		if err := b.unlink(w, m, NormalDisconnector); err != nil {
			return err
		}
	}
	if err := b.wakeMembers(w); err != nil {
		return err
	}
	referred, err := b.tx.ReferredTo([]CSID{w.ID})
	if err != nil {
		return err
	}
	if referred[0] {
		// Others still refer to it. As a placeholder that keeps its anchor it stands for
		// this object only, never for another that takes its DN.
		before := b.r.e.joins.anyCSKeys(w.CSObject)
		w.State, w.Imported, w.Image, w.row = Placeholder, false, attr.Set{}, true
		w.export, w.out = nil, true
		b.csKeysChanged(w, before)
		if err := b.dropReferences(w); err != nil {
			return err
		}
	} else if err := b.remove(w); err != nil {
		return err
	}
	if m == nil {
		return nil
	}
	return b.consequences(m)
}

// dropReferences forgets what an object that is gone referred to.
func (b *batch) dropReferences(w *csWork) error {
	names, err := b.tx.CSRefNames(w.ID)
	if err != nil {
		return err
	}
	for _, name := range names {
		for {
			targets, err := b.tx.CSRefs(w.ID, name, 0, maxBatchValues)
			if err != nil {
				return err
			}
			if len(targets) == 0 {
				break
			}
			if err := b.tx.DeleteCSRefs(refsOf(w.ID, name, targets)); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove deletes an object at once: its references must not count any more for those that
// leave after it.
func (b *batch) remove(w *csWork) error {
	b.csIndex(w.Connector).replace(w.ID, b.r.e.joins.anyCSKeys(w.CSObject), nil)
	b.vacate(w)
	w.deleted = true
	if err := b.queue.flush(b.tx); err != nil {
		return err
	}
	return b.tx.DeleteCS([]CSID{w.ID})
}

// settleLink joins, projects or disconnects an object as its rules say. It returns the
// metaverse object that it is linked to then, nil for none, and whether that was made.
func (b *batch) settleLink(w *csWork, scope []*rules.CompiledRule, subject *rules.Subject) (*mvWork, bool, error) {
	decider, err := b.rules.JoinRule(scope)
	if err != nil {
		return nil, false, trouble("join-rule-conflict", "", "", err)
	}
	current := b.mv[w.Link.MV]
	if current != nil && (w.Link.Kind == LinkExplicit || w.Link.Kind == LinkProvision || ruleIn(scope, w.Link.Rule) || b.isOutbound(w.Link.Rule)) {
		return current, false, nil
	}
	if decider == nil {
		if current == nil {
			return nil, false, nil
		}
		if err := b.unlink(w, current, NormalDisconnector); err != nil {
			return nil, false, err
		}
		return nil, false, b.consequences(current)
	}
	found, joinable, err := b.findMV(decider, subject)
	if err != nil {
		return nil, false, err
	}
	switch {
	case current != nil && (found == nil || found == current):
		// Another rule of the same object took over; the identity stays.
		w.Link.Rule, w.Link.Sticky, w.link = decider.ID, decider.LinkType == rules.StickyJoin, true
		return current, false, nil
	case found != nil:
		return found, false, b.join(w, current, found, decider)
	case decider.LinkType != rules.Provision || decider.HasJoin() && !joinable:
		return nil, false, nil
	}
	m, err := b.project(w, decider)
	return m, true, err
}

func ruleIn(scope []*rules.CompiledRule, id string) bool {
	for _, r := range scope {
		if r.ID == id && (r.HasJoin() || r.LinkType == rules.Provision) {
			return true
		}
	}
	return false
}

func (b *batch) isOutbound(id string) bool {
	r := b.r.e.rulesByID[id]
	return r != nil && r.Direction == rules.Outbound
}

// findMV tries the groups of a join rule in order; the first that finds exactly one
// metaverse object wins. joinable tells whether any attribute of the join has a value.
func (b *batch) findMV(rule *rules.CompiledRule, subject *rules.Subject) (m *mvWork, joinable bool, err error) {
	groups, joinable, err := b.rules.JoinLookups(rule, rules.Inbound, subject)
	if err != nil {
		return nil, false, trouble("join", "", rule.Name, err)
	}
	for i := range groups {
		hits, err := b.matches(rule, &groups[i])
		if err != nil {
			return nil, false, err
		}
		if len(hits) == 1 {
			return hits[0], joinable, nil
		}
	}
	return nil, joinable, nil
}

// matches returns the metaverse objects that one group of join criteria finds.
func (b *batch) matches(rule *rules.CompiledRule, g *rules.JoinLookup) (hits []*mvWork, err error) {
	lists, err := b.mvByValue(joinKeys(g))
	if err != nil {
		return nil, err
	}
	ids := intersection(lists)
	if err := b.loadMV(ids); err != nil {
		return nil, err
	}
	for _, id := range ids {
		c := b.mv[id]
		if c != nil && !c.deleted && acceptsTarget(rule, c.Class) && g.Match(&c.Attributes) {
			hits = append(hits, c)
		}
	}
	return hits, nil
}

func acceptsTarget(rule *rules.CompiledRule, class string) bool {
	return rule.TargetType == "*" || attr.EqualName(rule.TargetType, class)
}

// intersection returns the ids that are in every list, in the order of the first.
func intersection[ID comparable](lists [][]ID) []ID {
	if len(lists) == 0 {
		return nil
	}
	out := lists[0]
	for _, other := range lists[1:] {
		in := make(map[ID]bool, len(other))
		for _, id := range other {
			in[id] = true
		}
		var both []ID
		for _, id := range out {
			if in[id] {
				both = append(both, id)
			}
		}
		out = both
	}
	return out
}

func (b *batch) join(w *csWork, current, m *mvWork, rule *rules.CompiledRule) error {
	for _, other := range m.linked {
		if other != w && other.Connector == w.Connector {
			return trouble("ambiguous-import-flow-from-multiple-connectors", "", rule.Name,
				fmt.Errorf("%w: %s", errAmbiguousLink, other.Key()))
		}
	}
	if current != nil {
		if err := b.unlink(w, current, NormalDisconnector); err != nil {
			return err
		}
		if err := b.consequences(current); err != nil {
			return err
		}
	}
	b.counts.Joined++
	b.link(w, m, Link{Kind: LinkJoin, Rule: rule.ID, Sticky: rule.LinkType == rules.StickyJoin})
	return nil
}

func (b *batch) project(w *csWork, rule *rules.CompiledRule) (*mvWork, error) {
	id, err := b.tx.NewMV(1)
	if err != nil {
		return nil, err
	}
	m := &mvWork{MVObject: &MVObject{ID: id, Class: rule.TargetType}, isNew: true, dirty: true}
	b.trackMV(m)
	b.counts.Projected++
	b.link(w, m, Link{Kind: LinkProject, Rule: rule.ID})
	return m, nil
}

// objectTrouble is an error of one object, as opposed to one of the store.
type objectTrouble struct {
	code, attribute, rule string
	err                   error
}

func (t *objectTrouble) Error() string { return t.err.Error() }

func trouble(code, attribute, rule string, err error) error {
	return &objectTrouble{code, attribute, rule, err}
}
