package metaverse

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// provisionAll computes what a metaverse object means for every connector space. An error
// in one connector does not keep the others from being computed. again tells that the
// contributors to the object have changed, so that it must be computed anew.
func (b *batch) provisionAll(m *mvWork) (again bool, err error) {
	var failed error
	for _, name := range b.r.e.names {
		changed, err := b.provision(m, b.r.e.connectors[name])
		if _, own := errors.AsType[*objectTrouble](err); own {
			failed = err
			continue
		}
		if err != nil {
			return false, err
		}
		again = again || changed
	}
	return again && failed == nil, failed
}

// provision brings a metaverse object and one connector space together: links, provisions,
// disconnects, deprovisions, and computes the pending export.
func (b *batch) provision(m *mvWork, t *target) (again bool, err error) {
	i := slices.IndexFunc(m.linked, func(w *csWork) bool { return w.Connector == t.name })
	if i < 0 && !b.r.e.outboundTo[t.name] {
		return false, nil
	}
	subject := b.mvSubject(m, t)
	var scope []*rules.CompiledRule
	if o := m.outlook(t); o != nil {
		scope = o.scope
	} else if scope, err = b.inScope(rules.Outbound, t.name, subject); err != nil {
		return false, err
	}
	maker := provisionRule(scope)
	if i >= 0 {
		w := m.linked[i]
		keep, err := b.keepLink(w, m, scope, maker)
		if err != nil || !keep {
			return true, err
		}
		return false, b.flow(m, w, t, scope, subject)
	}
	if len(scope) == 0 {
		return false, nil
	}
	w, err := b.reverseJoin(m, t, scope, subject, maker)
	if err != nil {
		return false, err
	}
	if w != nil {
		return true, nil // it contributes now; its flows are computed in the next round
	}
	if maker == nil {
		return false, nil
	}
	return b.make(m, t, scope, subject, maker)
}

// provisionRule returns the rule in scope that may make the target, nil for none.
func provisionRule(scope []*rules.CompiledRule) *rules.CompiledRule {
	for _, r := range scope {
		if r.LinkType == rules.Provision {
			return r
		}
	}
	return nil
}

// keepLink decides whether an existing link into a target connector space stays.
func (b *batch) keepLink(w *csWork, m *mvWork, scope []*rules.CompiledRule, maker *rules.CompiledRule) (bool, error) {
	switch {
	case maker != nil && w.Link.Kind == LinkJoin:
		// A provisioning rule answers for it from now on, whoever found it.
		w.Link.Kind, w.Link.Rule, w.link = LinkProvision, maker.ID, true
		return true, nil
	case maker != nil && w.Link.Kind == LinkProvision && w.Link.Rule != maker.ID:
		w.Link.Rule, w.link = maker.ID, true
		return true, nil
	case maker == nil && w.Link.Kind == LinkProvision:
		return false, b.deprovision(w, m)
	case w.Link.Kind == LinkJoin && b.isOutbound(w.Link.Rule) && !ruleIn(scope, w.Link.Rule):
		return false, b.unlink(w, m, NormalDisconnector)
	}
	return true, nil
}

// deprovision unlinks an object and stages its deletion. One that the directory has never
// seen just goes.
func (b *batch) deprovision(w *csWork, m *mvWork) error {
	if err := b.unlink(w, m, ExplicitDisconnector); err != nil {
		return err
	}
	b.counts.Deprovisioned++
	unsent := w.Anchor.IsZero() && !w.Imported && (w.export == nil || !w.export.Unknown)
	if unsent {
		return b.remove(w)
	}
	b.counts.ExportsStaged++
	p := w.exportCopy()
	p.Op, p.Pending, p.NewDN = connector.OpDelete, nil, ""
	p.Attempts, p.NotBefore = 0, time.Time{}
	w.export, w.out = p, true
	return nil
}

func (w *csWork) exportCopy() *PendingExport {
	if w.export == nil {
		return &PendingExport{CS: w.ID, Connector: w.Connector}
	}
	p := *w.export
	return &p
}

// reverseJoin looks for an object that exists already and should be linked: by the join
// criteria of the rules in scope.
func (b *batch) reverseJoin(m *mvWork, t *target, scope []*rules.CompiledRule, subject *rules.Subject, maker *rules.CompiledRule) (*csWork, error) {
	decider, err := b.rules.JoinRule(scope)
	if err != nil {
		return nil, trouble("join-rule-conflict", "", "", err)
	}
	if decider == nil || !decider.HasJoin() {
		return nil, nil
	}
	groups, _, err := b.rules.JoinLookups(decider, rules.Outbound, subject)
	if err != nil {
		return nil, trouble("join", "", decider.Name, err)
	}
	for _, g := range groups {
		lists, err := b.csByValue(t.name, joinKeys(&g))
		if err != nil {
			return nil, err
		}
		ids := intersection(lists)
		if err := b.loadCS(ids); err != nil {
			return nil, err
		}
		var hits []*csWork
		for _, id := range ids {
			if w := b.cs[id]; w != nil && w.candidate(maker) && attr.EqualName(w.Class, decider.TargetType) && g.Match(&w.Image) {
				hits = append(hits, w)
			}
		}
		if len(hits) == 1 {
			return hits[0], b.linkOutbound(hits[0], m, decider, maker)
		}
	}
	return nil, nil
}

// candidate reports whether an object may be linked by an outbound rule. One that was
// deprovisioned and whose deletion was not sent may come back to a rule that provisions.
func (w *csWork) candidate(maker *rules.CompiledRule) bool {
	if w.deleted || w.Link.MV != 0 || w.next == ImportDelete {
		return false
	}
	if w.State == ExplicitDisconnector {
		return maker != nil && w.export != nil && w.export.Op == connector.OpDelete
	}
	return w.State == NormalDisconnector && !w.unborn()
}

func (b *batch) linkOutbound(w *csWork, m *mvWork, decider, maker *rules.CompiledRule) error {
	l := Link{Kind: LinkJoin, Rule: decider.ID}
	if maker != nil {
		l = Link{Kind: LinkProvision, Rule: maker.ID}
	}
	if w.export != nil && w.export.Op == connector.OpDelete {
		p := w.exportCopy()
		p.Op = 0
		w.export, w.out = p, true
	}
	b.counts.Joined++
	if w.next == ImportNone && !w.unborn() {
		w.next = ImportUpdate // it has to be evaluated as a contributor, too
	}
	b.link(w, m, l)
	b.queueMVRefsTo(m)
	return nil
}

// make provisions a new object.
func (b *batch) make(m *mvWork, t *target, scope []*rules.CompiledRule, subject *rules.Subject, maker *rules.CompiledRule) (bool, error) {
	subject.New = true
	x := m.outlook(t).take(nil, maker)
	if x == nil {
		x = changeOf(b.rules.Outbound(b.ctx, t.name, maker.TargetType, scope, subject, &attr.Set{}, b.now), t, maker.TargetType, true, &attr.Set{}, &b.flows)
	}
	if len(x.errs) > 0 {
		return false, flowTrouble(x.errs)
	}
	dn := x.dn
	if dn != "" {
		if joined, err := b.joinByDN(m, t, dn, maker); err != nil || joined {
			return joined, err
		}
	}
	if err := b.tooLarge(m, t, maker.TargetType, x); err != nil {
		return false, err
	}
	id, err := b.tx.NewCS(1)
	if err != nil {
		return false, err
	}
	if dn == "" {
		dn = fmt.Sprintf("new-%d", id)
	}
	w := &csWork{CSObject: &CSObject{ID: id, Connector: t.name, Class: maker.TargetType}, provisioned: true}
	b.settle(w, dn, dnKey(t.caps, dn))
	b.trackCS(w)
	b.counts.Provisioned++
	b.link(w, m, Link{Kind: LinkProvision, Rule: maker.ID})
	b.queueMVRefsTo(m)
	return false, b.stageExport(m, w, t, x)
}

// joinByDN links an object that stands already where a new one would be made.
func (b *batch) joinByDN(m *mvWork, t *target, dn string, maker *rules.CompiledRule) (bool, error) {
	id, err := b.csAt(place{connector: t.name, dnKey: dnKey(t.caps, dn)})
	if err != nil || id == 0 {
		return false, err
	}
	if err := b.loadCS([]CSID{id}); err != nil {
		return false, err
	}
	w := b.cs[id]
	if w != nil && !w.deleted && w.next == ImportDelete && w.Link.MV == 0 {
		// The directory has told that it is gone, and its turn has not come yet.
		w.next = ImportNone
		if err := b.gone(w); err != nil {
			return false, err
		}
	}
	switch {
	case w == nil || w.deleted:
		return false, nil
	case w.candidate(maker) && attr.EqualName(w.Class, maker.TargetType):
		return true, b.linkOutbound(w, m, maker, maker)
	case w.State == Placeholder && w.Anchor.IsZero():
		// Something referred to this DN before: the placeholder becomes the object.
		w.State, w.Class, w.row = NormalDisconnector, maker.TargetType, true
		return true, b.linkOutbound(w, m, maker, maker)
	case w.State == Placeholder:
		// It stands for an object that was deleted, not for the one to come.
		b.settle(w, w.DN, TransientPrefix+strconv.FormatInt(int64(w.ID), 10))
		return false, nil
	}
	return false, trouble("cd-existing-object", "dn", maker.Name,
		fmt.Errorf("another object of connector %s stands at the DN of the new one (%s)", t.name, w.State))
}

// flow computes the pending export of an object that exists.
func (b *batch) flow(m *mvWork, w *csWork, t *target, scope []*rules.CompiledRule, subject *rules.Subject) error {
	if len(scope) == 0 {
		b.outboundFlows(m, w, nil)
		return nil
	}
	subject.New = w.unborn()
	x := m.outlook(t).take(w, nil)
	if x == nil {
		x = changeOf(b.rules.Outbound(b.ctx, t.name, w.Class, scope, subject, w.topOf(), b.now), t, w.Class, subject.New, w.topOf(), &b.flows)
	}
	if len(x.errs) > 0 {
		if err := b.freezeFailed(m, w, t, x.errs); err != nil {
			return err
		}
		return flowTrouble(x.errs)
	}
	return b.stageExport(m, w, t, x)
}

// unborn reports whether the directory has not made the object yet.
func (w *csWork) unborn() bool { return w.Anchor.IsZero() && !w.Imported }

// stageExport turns what rules say into the pending export of an object.
func (b *batch) stageExport(m *mvWork, w *csWork, t *target, x *outChange) error {
	flows, err := b.outboundCopies(m, w, t, x)
	if err != nil {
		return err
	}
	var over excesses
	if x.limited {
		if flows, over, err = b.withinLimits(m, t, w.Class, flows); err != nil {
			return err
		}
	}
	b.outboundFlows(m, w, flows)
	p := w.exportCopy()
	before := p.References
	if err := b.freeze(p, over); err != nil {
		return err
	}
	p.Pending = x.mods
	for _, name := range x.unwritable {
		b.unwritable[unwritable{t.name, w.Class, name}] = true
	}
	p.NewDN = ""
	if dn := x.dn; dn != "" && dnKey(t.caps, dn) != w.DNKey {
		switch {
		case w.unborn():
			if err := b.moveUnborn(w, t, dn); err != nil {
				return err
			}
		case t.caps.Rename:
			p.NewDN = dn
		}
	}
	switch {
	case w.unborn() && len(over) == 0:
		p.Op = connector.OpAdd
	case !w.unborn() && (len(p.Pending) > 0 || p.NewDN != "" || p.References):
		p.Op = connector.OpUpdate
	default:
		p.Op = 0
	}
	same := w.export != nil && w.export.Op == p.Op && w.export.NewDN == p.NewDN &&
		before == p.References && sameMods(w.export.Pending, p.Pending)
	if (w.export != nil || p.Op != 0) && !same {
		p.Attempts, p.NotBefore = 0, time.Time{} // what failed was another change
		w.export, w.out = p, true
		b.counts.ExportsStaged++
	}
	return over.trouble(b.r.e)
}

func (b *batch) moveUnborn(w *csWork, t *target, dn string) error {
	id, err := b.csAt(place{connector: t.name, dnKey: dnKey(t.caps, dn)})
	if err != nil {
		return err
	}
	if id != 0 && id != w.ID {
		return trouble("cd-existing-object", "dn", "", fmt.Errorf("another object of connector %s stands at the new DN", t.name))
	}
	b.settle(w, dn, dnKey(t.caps, dn))
	return nil
}

// An outChange is what rules say about an object of a connector space, and what must change for it
// to be so.
type outChange struct {
	errs       []*rules.FlowError // nothing else holds when there are any
	dn         string             // "" for any
	mods       []attr.Mod
	unwritable []string // attributes with values that the directory does not let be written

	flows    []ReferenceFlow // copied references, in order; shared
	blind    []ReferenceFlow // those that the directory does not let be written
	computed []computedValues
	limited  bool // an attribute of flows or blind may not have any number of values
}

// computedValues are references that an expression computed.
type computedValues struct {
	target string
	values []attr.Value
}

// changeOf works out what must change for an object to hold what the rules say: every managed
// attribute that can be written has the values of the decision, or none. top is what the directory
// shows or will show of the object. The decision may be used for another object afterwards.
func changeOf(d *rules.Decision, t *target, class string, unborn bool, top *attr.Set, lists *sharedLists[ReferenceFlow]) *outChange {
	x := &outChange{errs: d.Errors}
	if len(d.Errors) > 0 {
		return x
	}
	if x.dn = d.Values.Text("dn"); top.Len() == 0 { // what has no values stays as it is
		x.mods = make([]attr.Mod, 0, d.Values.Len())
		for name, values := range d.Values.All() {
			x.attribute(t.schema.column(class, name), name, values, nil, unborn)
		}
	} else {
		columns := t.schema.columns[class]
		for _, name := range d.Managed {
			c, planned := columns[name]
			if !planned {
				c = t.schema.columnOf(class, name)
			}
			if !c.skip {
				x.attribute(c, name, d.Values.Values(name), top.Values(name), unborn)
			}
		}
	}
	for name, values := range d.Values.All() {
		if values[0].Kind() == attr.KindReference {
			x.computed = append(x.computed, computedValues{name, values})
		}
	}
	x.copies(d.Copies, t, class, lists)
	return x
}

// attribute adds what must change of one attribute that shall have the values.
func (x *outChange) attribute(c column, name string, values, has []attr.Value, unborn bool) {
	switch {
	case c.skip:
	case !c.writable:
		if len(values) > 0 {
			x.unwritable = append(x.unwritable, name)
		}
	case len(values) == 0 && c.required:
		// The directory keeps the value that it has made.
	case !c.createOnly || unborn:
		if m, differ := attr.ModOf(name, has, values); differ {
			x.mods = append(x.mods, m)
		}
	}
}

// copies adds the copied references, which come in order.
func (x *outChange) copies(copies []rules.Copy, t *target, class string, lists *sharedLists[ReferenceFlow]) {
	lists.start()
	for _, c := range copies {
		column := t.schema.column(class, c.Target)
		x.limited = x.limited || column.limit > 0
		if f := (ReferenceFlow{Target: c.Target, Source: c.Source, Rule: c.Rule.ID}); column.writable {
			lists.add(f)
		} else {
			x.blind = append(x.blind, f)
		}
	}
	x.flows = lists.end()
}

func sameMods(a, b []attr.Mod) bool {
	return slices.EqualFunc(a, b, func(x, y attr.Mod) bool {
		return x.Name == y.Name && x.Replace == y.Replace && slices.Equal(x.Adds, y.Adds) && slices.Equal(x.Deletes, y.Deletes)
	})
}

// outboundCopies lists the reference flows to an object. References that an expression
// computed are kept as references of the metaverse object.
func (b *batch) outboundCopies(m *mvWork, w *csWork, t *target, x *outChange) ([]ReferenceFlow, error) {
	for _, f := range x.blind {
		n, err := b.tx.CountMVRefs(m.ID, f.Source)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			b.unwritable[unwritable{t.name, w.Class, f.Target}] = true
		}
	}
	if len(x.computed) == 0 {
		return x.flows, nil
	}
	flows := slices.Clone(x.flows)
	for _, c := range x.computed {
		source := computedRef(t.name + "/" + c.target)
		if err := b.setComputedMV(m, source, c.values); err != nil {
			return nil, err
		}
		flows = append(flows, ReferenceFlow{Target: c.target, Source: source})
		x.limited = x.limited || t.schema.column(w.Class, c.target).limit > 0
	}
	slices.SortFunc(flows, func(x, y ReferenceFlow) int { return attr.CompareNames(x.Target, y.Target) })
	return flows, nil
}

func (b *batch) setComputedMV(m *mvWork, name string, values []attr.Value) error {
	var want []MVID
	for _, v := range values {
		if id, ok := parseMV(v.Str()); ok {
			want = append(want, id)
		}
	}
	have, err := b.tx.MVRefs(m.ID, name, 0, 0)
	if err != nil {
		return err
	}
	add, del := diffIDs(have, want)
	changed := make([]MVRef, 0, len(add)+len(del))
	work := make([]RefWork, 0, len(add)+len(del))
	for _, id := range append(add, del...) {
		changed = append(changed, MVRef{m.ID, name, id})
		work = append(work, RefWork{WorkMV, int64(m.ID), name, int64(id)})
	}
	if err := b.tx.AddMVRefs(changed[:len(add)]); err != nil {
		return err
	}
	if err := b.tx.DeleteMVRefs(changed[len(add):]); err != nil {
		return err
	}
	return b.tx.QueueRefWork(work)
}

// outboundFlows sets which references flow to an object, and queues all their values when
// that changes or the link is new.
func (b *batch) outboundFlows(m *mvWork, w *csWork, flows []ReferenceFlow) {
	if slices.Equal(w.Link.Outbound, flows) && !w.linkedIn {
		return
	}
	fresh := w.linkedIn
	w.linkedIn = false
	before := w.Link.Outbound
	w.Link.Outbound, w.link = flows, true
	for _, f := range flows {
		if !fresh && slices.Contains(before, f) {
			continue
		}
		if !m.isNew {
			b.queue.fromMV = append(b.queue.fromMV, MVRefAttribute{m.ID, f.Source})
		}
		if !w.provisioned {
			b.queue.outCS = append(b.queue.outCS, CSRefAttribute{w.ID, f.Target})
		}
	}
}
