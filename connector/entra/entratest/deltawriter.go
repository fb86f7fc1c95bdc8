package entratest

import (
	"slices"
)

// deltaWriter fills one page of a delta answer.
type deltaWriter struct {
	s       *state
	r       *request
	t       deltaToken
	view    deltaView
	minimal bool
	twice   bool

	items [][]byte
	count int
	links int
}

func (w *deltaWriter) full() bool {
	return w.count >= w.r.srv.opts.DeltaPageSize || w.links >= w.r.srv.opts.DeltaLinkPage
}

func (w *deltaWriter) wants(o *object) bool {
	return len(w.t.IDs) == 0 || slices.Contains(w.t.IDs, o.id)
}

// initial lists every object with what is set on it.
func (w *deltaWriter) initial(k *kind) (next deltaToken, done bool) {
	next, done = w.t, true
	w.s.live[k].after(w.t.Seq, func(seq uint64, o *object) bool {
		if o.born > w.t.To || !w.wants(o) {
			return true
		}
		if w.full() {
			done = false
			return false
		}
		if next.Relation, next.Link = w.object(o, nil, next); next.Link > 0 {
			done = false
			return false
		}
		next.Seq = seq
		return true
	})
	return next, done
}

// changes lists the objects that changed in the round's window, each at its
// first change.
func (w *deltaWriter) changes(k *kind) (next deltaToken, done bool) {
	next = w.t
	for rev := max(w.t.From, w.t.Seq) + 1; rev <= w.t.To; rev++ {
		o := w.s.at(rev).o
		if o.kind != k || !w.wants(o) {
			continue
		}
		window := w.window(o)
		if len(window) == 0 || window[0] != rev || !w.touched(window) {
			continue
		}
		if w.full() {
			return next, false
		}
		if next.Relation, next.Link = w.object(o, window, next); next.Link > 0 {
			return next, false
		}
		next.Seq = rev
	}
	return next, true
}

// window returns the revisions of the round that touched o.
func (w *deltaWriter) window(o *object) []uint64 {
	i, _ := slices.BinarySearch(o.changes, w.t.From+1)
	j, _ := slices.BinarySearch(o.changes, w.t.To+1)
	return o.changes[i:j]
}

func (w *deltaWriter) touched(window []uint64) bool {
	return slices.ContainsFunc(window, func(rev uint64) bool { return w.view.watches(w.s.at(rev)) })
}

// object writes one item. A nil window means that everything is new. When
// not all links fit it returns where to go on: the object then comes again on
// the next page, without the properties.
func (w *deltaWriter) object(o *object, window []uint64, from deltaToken) (relation int, link uint64) {
	b := appendString([]byte(`{"id":`), o.id)
	if !o.live() {
		reason := `"changed"`
		if o.purged {
			reason = `"deleted"`
		}
		w.add(append(append(append(b, `,"@removed":{"reason":`...), reason...), "}}"...))
		return 0, 0
	}
	whole := window == nil || slices.ContainsFunc(window, func(rev uint64) bool {
		c := w.s.at(rev).what
		return c == created || c == restored
	})
	if from.Link == 0 {
		b = w.props(b, o, window, whole)
	}
	start := from.Link
	for i := from.Relation; i < len(w.view.relations); i++ {
		if b, link = w.linksOf(b, o, w.view.relations[i], window, whole, start); link > 0 {
			relation = i
			break
		}
		start = 0
	}
	w.add(append(b, '}'))
	return relation, link
}

func (w *deltaWriter) add(item []byte) {
	w.count++
	w.items = append(w.items, item)
	if w.twice {
		w.items = append(w.items, item)
	}
}

// props writes the properties that are set, and null for those that were
// cleared in the window; with return=minimal only those that changed.
func (w *deltaWriter) props(b []byte, o *object, window []uint64, whole bool) []byte {
	changed := make(map[*property]bool)
	for _, rev := range window {
		for _, p := range w.s.at(rev).props {
			changed[p] = true
		}
	}
	for _, p := range w.view.columns {
		v := o.get(p)
		if v == nil && (whole || !changed[p]) {
			continue
		}
		if w.minimal && !whole && !changed[p] {
			continue
		}
		b = append(appendString(append(b, ','), p.name), ':')
		b = appendValue(b, p, v)
	}
	return b
}

// linksOf writes relation@delta from some link on, and returns where to go on
// when there are more than fit on a page.
func (w *deltaWriter) linksOf(b []byte, o *object, relation string, window []uint64, whole bool, from uint64) ([]byte, uint64) {
	open := false
	put := func(t *object, gone bool) {
		if !open {
			b = append(appendString(append(b, ','), relation+"@delta"), ":["...)
		} else {
			b = append(b, ',')
		}
		open = true
		w.links++
		b = appendString(append(b, `{"@odata.type":`...), t.kind.odata())
		b = appendString(append(b, `,"id":`...), t.id)
		if gone {
			b = append(b, `,"@removed":{"reason":"deleted"}`...)
		}
		b = append(b, '}')
	}
	more := uint64(0)
	switch {
	case relation == "manager" && whole:
		if o.manager != nil && o.manager.live() {
			put(o.manager, false)
		}
	case whole:
		n := 0
		o.links(relation).after(from, func(seq uint64, t *object) bool {
			if !t.live() {
				return true
			}
			put(t, false)
			n++
			if n >= w.r.srv.opts.DeltaLinkPage {
				more = seq
				return false
			}
			return true
		})
	default:
		more = w.touchedLinks(o, relation, window, from, put)
	}
	if open {
		b = append(b, ']')
	}
	return b, more
}

// touchedLinks puts every link that changed in the window as it is now.
func (w *deltaWriter) touchedLinks(o *object, relation string, window []uint64, from uint64, put func(*object, bool)) uint64 {
	var targets []*object
	known := make(map[*object]bool)
	for _, rev := range window {
		if c := w.s.at(rev); c.what == linked && c.relation == relation && !known[c.target] {
			known[c.target] = true
			targets = append(targets, c.target)
		}
	}
	limit := uint64(w.r.srv.opts.DeltaLinkPage)
	for i := from; i < uint64(len(targets)); i++ {
		if i-from >= limit {
			return i
		}
		t := targets[i]
		there := t.live() && (o.links(relation).has(t) || relation == "manager" && o.manager == t)
		put(t, !there)
	}
	return 0
}
