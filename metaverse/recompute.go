package metaverse

import (
	"slices"
	"strconv"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// maxRounds bounds how often one metaverse object is computed again because what followed
// from it changed who contributes to it. Entra Connect's ancestor allows ten, too.
const maxRounds = 10

// recompute computes a metaverse object from everything that contributes to it, and what
// follows from it in every connector space. A new object whose flows fail is taken back.
func (b *batch) recompute(m *mvWork, made bool) error {
	for range maxRounds {
		if m.deleted {
			return nil
		}
		again, err := b.computeOnce(m, made)
		if err != nil {
			if m.isNew && !m.applied {
				return b.takeBack(m, err)
			}
			return err
		}
		if !again {
			return nil
		}
	}
	return trouble("provisioning-loop", "", "", errLoop)
}

func (b *batch) computeOnce(m *mvWork, made bool) (again bool, err error) {
	if f := b.foreseen(m, made); f != nil {
		if !slices.ContainsFunc(f.with, func(w *csWork) bool { return w.vouches(w.forecast.scope) }) {
			return false, b.removeMV(m)
		}
		if err := b.settleForeseen(m, f); err != nil {
			return false, err
		}
		return b.provisionAll(m)
	}
	m.forecast = nil
	in, alive, err := b.contributions(m, made)
	if err != nil {
		return false, err
	}
	if !alive {
		return false, b.removeMV(m)
	}
	d := b.rules.Inbound(b.ctx, m.Class, in.list, &m.Attributes, b.now)
	if len(d.Errors) > 0 {
		return false, flowTrouble(d.Errors)
	}
	if err := b.apply(m, d, in.from); err != nil {
		return false, err
	}
	return b.provisionAll(m)
}

// takeBack undoes the projection of an object whose rules failed.
func (b *batch) takeBack(m *mvWork, cause error) error {
	for _, w := range slices.Clone(m.linked) {
		if err := b.unlink(w, m, NormalDisconnector); err != nil {
			return err
		}
		b.counts.Disconnected--
	}
	b.mvValues.replace(m.ID, m.keys, nil)
	m.deleted, m.keys = true, nil
	b.counts.Projected--
	return cause
}

// contributions is what rules compute a metaverse object from.
type contributions struct {
	list []rules.Contribution
	from []*csWork // the object of each
}

// vouches reports whether an object keeps the metaverse object in existence that it is
// linked to.
func (w *csWork) vouches(scope []*rules.CompiledRule) bool {
	return w.Link.Sticky || w.Link.Kind == LinkExplicit || provisionRule(scope) != nil
}

// contributions collects what every linked object brings. alive tells whether any of them
// keeps the metaverse object in existence.
func (b *batch) contributions(m *mvWork, made bool) (in contributions, alive bool, err error) {
	slices.SortFunc(m.linked, byID)
	for _, w := range m.linked {
		subject := b.subject(w)
		subject.New = made
		scope, err := b.scopeOf(w, subject)
		if err != nil {
			return in, false, err
		}
		alive = alive || w.vouches(scope)
		in.list = append(in.list, rules.Contribution{Connector: w.Connector, Subject: subject, Rules: scope})
		in.from = append(in.from, w)
	}
	return in, alive, nil
}

// apply gives a metaverse object the values that the rules decided on.
func (b *batch) apply(m *mvWork, d *rules.Decision, from []*csWork) error {
	values, err := b.takeReferences(m, d, from)
	if err != nil {
		return err
	}
	return b.settleValues(m, values, originsOf(d, from), b.r.e.joins.mvKeys(&values), false)
}

// settleForeseen gives a metaverse object the values that were foreseen.
func (b *batch) settleForeseen(m *mvWork, f *forecast) error {
	m.forecast = f
	f.foreseen = false // it is used once
	return b.settleValues(m, f.values, f.origins, f.keys, f.same)
}

// settleValues gives a metaverse object its values, which have the keys. same says that it is known
// to have them.
func (b *batch) settleValues(m *mvWork, values attr.Set, origins []Origin, keys []ValueKey, same bool) error {
	if same || !m.isNew && m.Attributes.Equal(&values) && slices.Equal(m.Origins, origins) {
		return nil
	}
	m.Attributes, m.Origins, m.dirty, m.applied = values, origins, true, true
	b.copiesChanged(m)
	return b.keysChanged(m, keys)
}

// originsOf says where each attribute comes from that was decided on. What is copied as a reference
// comes from nowhere else.
func originsOf(d *rules.Decision, from []*csWork) []Origin {
	origins := make([]Origin, 0, len(d.Origins))
	for i := 0; i < len(d.Origins); { // in attribute order
		name, copied := d.Origins[i].Attribute, false
		end := i
		for ; end < len(d.Origins) && d.Origins[end].Attribute == name; end++ {
			copied = copied || d.Origins[end].Source != ""
		}
		for ; i < end; i++ {
			if o := &d.Origins[i]; o.Source != "" || !copied {
				origins = append(origins, Origin{Attribute: name, Rule: o.Rule.ID, CS: from[o.Contribution].ID, Source: o.Source})
			}
		}
	}
	return origins
}

// flowed returns the values of a decision without those of copied references.
func flowed(d *rules.Decision) attr.Set {
	if !slices.ContainsFunc(d.Copies, func(c rules.Copy) bool { return len(d.Values.Values(c.Target)) > 0 }) {
		return d.Values
	}
	values := d.Values.Clone()
	for _, c := range d.Copies {
		values.Delete(c.Target)
	}
	return values
}

// takeReferences replaces reference values that an expression computed by copied
// references: the computed values are kept as references of the contributing object, so
// that they follow their targets' links like all others.
func (b *batch) takeReferences(m *mvWork, d *rules.Decision, from []*csWork) (attr.Set, error) {
	for name, vs := range d.Values.All() {
		if vs[0].Kind() != attr.KindReference {
			continue
		}
		i := slices.IndexFunc(d.Origins, func(o rules.Origin) bool { return attr.EqualName(o.Attribute, name) })
		if i < 0 {
			continue
		}
		origin := &d.Origins[i]
		if err := b.setComputed(from[origin.Contribution], name, vs); err != nil {
			return attr.Set{}, err
		}
		origin.Source = computedRef(name)
		d.Copies = append(d.Copies, rules.Copy{Target: name, Source: origin.Source, Rule: origin.Rule, Contribution: origin.Contribution})
	}
	return flowed(d), nil
}

// copiesChanged queues the values of copied references that come from elsewhere than
// before.
func (b *batch) copiesChanged(m *mvWork) {
	before := m.suppliers
	m.suppliers = suppliersIn(m.Origins, &b.copies)
	for _, s := range before {
		for _, c := range s.copies {
			if !supplies(m.suppliers, s.cs, c) {
				b.queue.fromMV = append(b.queue.fromMV, MVRefAttribute{m.ID, c.attribute})
			}
		}
	}
	for _, s := range m.suppliers {
		if b.queue.fromCS == nil { // the others of the page have as many
			b.queue.fromCS = make([]CSRefAttribute, 0, b.size*len(s.copies))
		}
		for _, c := range s.copies {
			if !supplies(before, s.cs, c) {
				b.queue.fromCS = append(b.queue.fromCS, CSRefAttribute{s.cs, c.source})
			}
		}
	}
}

// keysChanged keeps the value index in step and wakes disconnectors that a new value may
// join, or that a value that went away had made ambiguous.
func (b *batch) keysChanged(m *mvWork, keys []ValueKey) error {
	if slices.Equal(keys, m.keys) {
		return nil
	}
	add, del := diffIDs(m.keys, keys)
	b.mvValues.replace(m.ID, m.keys, keys)
	m.keys, m.values = keys, true
	return b.wake(append(add, del...))
}

func (b *batch) wake(keys []ValueKey) error {
	for _, k := range keys {
		for _, w := range b.r.e.joins.wake[k.Attribute] {
			lists, err := b.csByValue(w.connector, []ValueKey{{w.attribute, k.Key}})
			if err != nil {
				return err
			}
			if err := b.loadCS(lists[0]); err != nil {
				return err
			}
			for _, id := range lists[0] {
				if cs := b.cs[id]; cs != nil && !cs.deleted && cs.Link.MV == 0 && cs.State == NormalDisconnector && cs.next == ImportNone && cs.Imported {
					cs.next = ImportUpdate
				}
			}
		}
	}
	return nil
}

// removeMV deletes a metaverse object that nothing keeps alive any more. What it had
// provisioned is deprovisioned, what had joined it is disconnected.
func (b *batch) removeMV(m *mvWork) error {
	for _, w := range slices.Clone(m.linked) {
		var err error
		if w.Link.Kind == LinkProvision {
			err = b.deprovision(w, m)
		} else {
			err = b.unlink(w, m, NormalDisconnector)
		}
		if err != nil {
			return err
		}
	}
	m.deleted = true
	b.counts.MVDeleted++
	b.queueMVRefsTo(m)
	keys := m.keys
	b.mvValues.replace(m.ID, keys, nil)
	m.keys = nil
	return b.wake(keys)
}

// setComputed keeps references that an expression computed as references of the object.
func (b *batch) setComputed(w *csWork, name string, values []attr.Value) error {
	want := make([]CSID, 0, len(values))
	for _, v := range values {
		id, err := b.resolve(w.Connector, v.Str())
		if err != nil {
			return err
		}
		want = append(want, id)
	}
	have, err := b.tx.CSRefs(w.ID, computedRef(name), 0, 0)
	if err != nil {
		return err
	}
	add, del := diffIDs(have, want)
	if len(add)+len(del) == 0 {
		return nil
	}
	changed := append(refsOf(w.ID, computedRef(name), add), refsOf(w.ID, computedRef(name), del)...)
	if err := b.tx.AddCSRefs(changed[:len(add)]); err != nil {
		return err
	}
	if err := b.tx.DeleteCSRefs(changed[len(add):]); err != nil {
		return err
	}
	work := make([]RefWork, len(changed))
	for i, c := range changed {
		work[i] = RefWork{WorkCS, int64(c.Source), c.Attribute, int64(c.Target)}
	}
	return b.tx.QueueRefWork(work)
}

// resolve finds the object that reference text names, or makes a placeholder for it.
func (b *batch) resolve(conn, text string) (CSID, error) {
	caps := b.r.e.connectors[conn].caps
	cs := &CSObject{Connector: conn, State: Placeholder}
	at := place{connector: conn}
	if caps.References == connector.ReferenceByAnchor {
		a, err := connector.ParseAnchor(text)
		if err != nil {
			return 0, trouble("invalid-reference-value", "", "", err)
		}
		cs.Anchor, at.anchor = a, a
	} else {
		at.dnKey = dnKey(caps, text)
	}
	id, err := b.csAt(at)
	if err != nil || id != 0 {
		return id, err
	}
	if cs.ID, err = b.tx.NewCS(1); err != nil {
		return 0, err
	}
	w := &csWork{CSObject: cs}
	b.settle(w, text, dnKey(caps, text))
	b.places[at] = cs.ID
	b.trackCS(w)
	return cs.ID, nil
}

func mvText(id MVID) string { return strconv.FormatInt(int64(id), 10) }
