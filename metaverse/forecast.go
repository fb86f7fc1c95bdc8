package metaverse

import (
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// A forecast is what rules say about an object, computed before its turn comes. Rules are pure,
// so that many objects can be computed at the same time, and what was computed holds as
// long as what it was computed from has not changed. Whatever does not hold any more, or
// needs the store, is computed when it is asked for.
type forecast struct {
	scope []*rules.CompiledRule // inbound rules in whose scope the object is

	// What the object, with all others that are linked to the same metaverse object, gives,
	// where that is foreseen.
	with     []*csWork // in id order
	mv       *mvWork   // nil for one that the object projects
	class    string    // of the metaverse object
	foreseen bool
	values   attr.Set
	origins  []Origin
	keys     []ValueKey
	same     bool // neither values nor origins change
	out      []outForecast
}

// A foreseer computes forecasts on one goroutine.
type foreseer struct {
	lookups
	in, out rules.Decision // used again for each object
	flows   sharedLists[ReferenceFlow]
}

// An outForecast is what outbound rules say about a metaverse object in one connector space.
type outForecast struct {
	connector string
	scope     []*rules.CompiledRule
	w         *csWork             // the linked object, nil for one to be provisioned
	unborn    bool                // what w was
	maker     *rules.CompiledRule // the rule that provisions, where w is nil
	change    *outChange          // nil where it was not foreseen
}

// unforeseen stands for references, which forecasts do not load.
type unforeseen struct{ asked bool }

var errUnforeseen = errors.New("references are not loaded")

func (u *unforeseen) Count(string) (int64, error)         { u.asked = true; return 0, errUnforeseen }
func (u *unforeseen) Values(string) ([]attr.Value, error) { u.asked = true; return nil, errUnforeseen }
func (u *unforeseen) MemberOf(groupDN string) (bool, error) {
	u.asked = true
	return false, errUnforeseen
}

// lookups are values that objects will be looked for by.
type lookups struct {
	mv []ValueKey
	cs map[string][]ValueKey // by connector
	dn map[string][]string   // keys, by connector
}

func (l *lookups) addCS(connector string, keys ...ValueKey) {
	if l.cs == nil {
		l.cs = make(map[string][]ValueKey)
	}
	l.cs[connector] = append(l.cs[connector], keys...)
}

func (l *lookups) addDN(connector, key string) {
	if l.dn == nil {
		l.dn = make(map[string][]string)
	}
	l.dn[connector] = append(l.dn[connector], key)
}

// forecast computes what rules say about the objects, and loads what they will be joined
// by.
func (b *batch) forecast(ids []CSID) error {
	workers := min(runtime.GOMAXPROCS(0), (len(ids)+forecastChunk-1)/forecastChunk)
	found := make([]foreseer, max(workers, 1))
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() {
			for at := i * forecastChunk; at < len(ids); at += len(found) * forecastChunk {
				for _, id := range ids[at:min(at+forecastChunk, len(ids))] {
					if w := b.cs[id]; w != nil && b.ctx.Err() == nil {
						b.foresee(w, &found[i])
					}
				}
			}
		})
	}
	wg.Wait()
	return b.loadLookups(found)
}

// forecastChunk is how many objects a worker takes at a time.
const forecastChunk = 16

func (b *batch) loadLookups(found []foreseer) error {
	var mv []ValueKey
	cs, dn := make(map[string][]ValueKey), make(map[string][]string)
	for i := range found {
		mv = append(mv, found[i].mv...)
		for name, keys := range found[i].cs {
			cs[name] = append(cs[name], keys...)
		}
		for name, keys := range found[i].dn {
			dn[name] = append(dn[name], keys...)
		}
	}
	if err := b.mvValues.load(mv, b.tx.MVByValue); err != nil {
		return err
	}
	for _, name := range b.r.e.names {
		if err := b.loadCSValues(name, cs[name]); err != nil {
			return err
		}
		if err := b.loadPlaces(name, dn[name]); err != nil {
			return err
		}
	}
	return nil
}

// foresee computes one object, as evaluate would. It stops where it meets anything that is
// not usual.
func (b *batch) foresee(w *csWork, l *foreseer) {
	switch {
	case w.State == Placeholder, w.State == ExplicitDisconnector, w.State == FilteredDisconnector, w.next == ImportDelete:
		return
	case !b.foreseeScope(w):
		return
	}
	f := w.forecast
	decider, err := b.rules.JoinRule(f.scope)
	if err != nil {
		return
	}
	m := b.mv[w.Link.MV]
	if m == nil && decider == nil {
		return
	}
	if m == nil {
		subject := b.foreseenSubject(w, &unforeseen{})
		groups, _, err := b.rules.JoinLookups(decider, rules.Inbound, subject)
		if err != nil {
			return
		}
		for i := range groups {
			l.mv = append(l.mv, joinKeys(&groups[i])...)
		}
		if decider.LinkType != rules.Provision {
			return
		}
		f.with, f.class = []*csWork{w}, decider.TargetType
		m = &mvWork{MVObject: &MVObject{Class: f.class}, isNew: true}
	} else {
		f.with, f.mv, f.class = sortedByID(m.linked), m, m.Class
	}
	if b.foreseeInbound(f, m, l) {
		b.foreseeOutbound(f, m, l)
	}
}

func sortedByID(objects []*csWork) []*csWork {
	out := slices.Clone(objects)
	slices.SortFunc(out, byID)
	return out
}

func byID(x, y *csWork) int { return int(x.ID - y.ID) }

func (b *batch) foreseenSubject(w *csWork, u *unforeseen) *rules.Subject {
	s := b.subject(w)
	s.References = u
	return s
}

func (b *batch) foreseeScope(w *csWork) bool {
	if w.forecast != nil {
		return true
	}
	var u unforeseen
	scope, err := b.rules.InScope(b.ctx, rules.Inbound, w.Connector, b.foreseenSubject(w, &u))
	if err != nil || u.asked {
		return false
	}
	w.forecast = &forecast{scope: scope}
	return true
}

// foreseeInbound computes the metaverse object.
func (b *batch) foreseeInbound(f *forecast, m *mvWork, l *foreseer) bool {
	var u unforeseen
	list := make([]rules.Contribution, len(f.with))
	for i, w := range f.with {
		if !b.foreseeScope(w) {
			return false
		}
		subject := b.foreseenSubject(w, &u)
		subject.New = m.isNew
		list[i] = rules.Contribution{Connector: w.Connector, Subject: subject, Rules: w.forecast.scope}
	}
	d := &l.in
	b.rules.InboundInto(d, f.class, list, &m.Attributes, b.now)
	if u.asked || len(d.Errors) > 0 || hasReferences(&d.Values) {
		return false
	}
	f.foreseen = true
	f.values, f.origins = flowed(d), originsOf(d, f.with)
	d.Values = attr.Set{} // the forecast has it
	f.same = !m.isNew && m.Attributes.Equal(&f.values) && slices.Equal(m.Origins, f.origins)
	return true
}

func hasReferences(set *attr.Set) bool {
	for _, values := range set.All() {
		if values[0].Kind() == attr.KindReference {
			return true
		}
	}
	return false
}

// foreseeOutbound computes what follows for every connector space, and notes by which
// values objects will be looked for.
func (b *batch) foreseeOutbound(f *forecast, m *mvWork, l *foreseer) {
	next := *m.MVObject
	if !f.same {
		next.Attributes, next.Origins = f.values, f.origins
	}
	f.keys = b.r.e.joins.mvKeys(&next.Attributes)
	add, del := diffIDs(m.keys, f.keys)
	for _, k := range append(add, del...) {
		for _, wake := range b.r.e.joins.wake[k.Attribute] {
			l.addCS(wake.connector, ValueKey{wake.attribute, k.Key})
		}
	}
	for _, name := range b.r.e.names {
		if b.r.e.outboundTo[name] {
			b.foreseeSpace(f, m, &next, b.r.e.connectors[name], l)
		}
	}
}

func (b *batch) foreseeSpace(f *forecast, m *mvWork, next *MVObject, t *target, l *foreseer) {
	var u unforeseen
	subject := &rules.Subject{Class: next.Class, Attributes: &next.Attributes, References: &u, Parameters: t.schema.shared}
	scope, err := b.rules.InScope(b.ctx, rules.Outbound, t.name, subject)
	if err != nil || u.asked {
		return
	}
	o := outForecast{connector: t.name, scope: scope}
	prior := &attr.Set{}
	class := ""
	if i := slices.IndexFunc(m.linked, func(w *csWork) bool { return w.Connector == t.name }); i >= 0 {
		o.w = m.linked[i]
		o.unborn = o.w.unborn()
		class, prior, subject.New = o.w.Class, o.w.topOf(), o.unborn
	} else if o.maker = provisionRule(scope); o.maker != nil {
		class, subject.New = o.maker.TargetType, true
		b.foreseeReverseJoin(scope, subject, t, l)
	}
	if class != "" && len(scope) > 0 {
		b.rules.OutboundInto(&l.out, t.name, class, scope, subject, prior, b.now)
		if !u.asked && len(l.out.Errors) == 0 {
			o.change = changeOf(&l.out, t, class, subject.New, prior, &l.flows)
			if dn := o.change.dn; dn != "" && o.w == nil {
				l.addDN(t.name, dnKey(t.caps, dn))
			}
		}
	}
	f.out = append(f.out, o)
}

func (b *batch) foreseeReverseJoin(scope []*rules.CompiledRule, subject *rules.Subject, t *target, l *foreseer) {
	decider, err := b.rules.JoinRule(scope)
	if err != nil || decider == nil || !decider.HasJoin() {
		return
	}
	groups, _, err := b.rules.JoinLookups(decider, rules.Outbound, subject)
	if err != nil {
		return
	}
	for i := range groups {
		l.addCS(t.name, joinKeys(&groups[i])...)
	}
}

// joinKeys are the values by which a group of join criteria finds objects.
func joinKeys(g *rules.JoinLookup) []ValueKey {
	keys := make([]ValueKey, len(g.Clauses))
	for i, c := range g.Clauses {
		keys[i] = ValueKey{attr.Fold(c.Attribute), rules.JoinKey(c.Value)}
	}
	return keys
}

// clean reports whether everything that rules read of an object is as it was loaded.
func (w *csWork) clean() bool { return !w.row && !w.out && !w.deleted }

// foreseen returns the forecast for a metaverse object as it is now, nil for none. made says
// that the object is new in this evaluation.
func (b *batch) foreseen(m *mvWork, made bool) *forecast {
	if m.dirty != m.isNew || m.applied || made != m.isNew {
		return nil
	}
	slices.SortFunc(m.linked, byID)
	for _, w := range m.linked {
		f := w.forecast
		if f == nil || !f.foreseen || f.class != m.Class || !slices.Equal(f.with, m.linked) {
			continue
		}
		if f.mv != m && !made || made && f.mv != nil || slices.ContainsFunc(f.with, func(w *csWork) bool { return !w.clean() }) {
			continue
		}
		return f
	}
	return nil
}

// outlook returns the forecast for the metaverse object in a connector space, nil for none.
func (m *mvWork) outlook(t *target) *outForecast {
	if m.forecast == nil {
		return nil
	}
	for i := range m.forecast.out {
		if o := &m.forecast.out[i]; o.connector == t.name {
			return o
		}
	}
	return nil
}

// take returns what is foreseen for the object, nil where it has to be computed. It is used once.
func (o *outForecast) take(w *csWork, maker *rules.CompiledRule) *outChange {
	if o == nil || o.change == nil || o.w != w || o.maker != maker || w != nil && (!w.clean() || o.unborn != w.unborn()) {
		return nil
	}
	x := o.change
	o.change = nil
	return x
}
