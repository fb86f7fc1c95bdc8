package memdir

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// The methods in this file change the stored objects. Whoever calls them holds the lock and
// has checked what they are to do; they cannot fail.

// insert adds a new object with its final anchor, DN and class, and without attributes.
func (d *Directory) insert(e *entry) {
	d.created++
	e.number = d.created
	d.byAnchor[e.anchor] = e
	d.order = append(d.order, e)
	d.place(e, e.dn)
	if d.opts.Schema == nil {
		d.observe(e.class, "", attr.Invalid)
	}
	d.log.add(event{kind: created, anchor: e.anchor, class: e.class})
}

// place puts an object at a DN.
func (d *Directory) place(e *entry, dn string) {
	e.dn = dn
	if dn == "" {
		return
	}
	key := d.dnKey(dn)
	d.byDN[key] = e
	d.children[parentOf(key)]++
}

// displace takes an object from its DN.
func (d *Directory) displace(e *entry) {
	if e.dn == "" {
		return
	}
	key := d.dnKey(e.dn)
	if d.byDN[key] == e {
		delete(d.byDN, key)
	}
	parent := parentOf(key)
	if d.children[parent]--; d.children[parent] == 0 {
		delete(d.children, parent)
	}
}

// relocate renames an object and everything below it.
func (d *Directory) relocate(e *entry, dn string) {
	oldKey := d.dnKey(e.dn)
	below := d.below(oldKey)
	d.displace(e)
	d.place(e, dn)
	d.log.add(event{kind: renamed, anchor: e.anchor, class: e.class})
	for _, child := range below {
		d.displace(child)
		d.place(child, d.above(child.dn, oldKey)+dn)
		d.log.add(event{kind: renamed, anchor: child.anchor, class: child.class})
	}
}

// below returns the objects below a DN, given by its key, in order of creation.
func (d *Directory) below(key string) []*entry {
	if d.children[key] == 0 {
		return nil
	}
	var out []*entry
	for _, e := range d.order {
		if !e.gone && d.dnKey(e.dn) != key && d.within(e.dn, key) {
			out = append(out, e)
		}
	}
	return out
}

// above returns the part of a DN above another one, given by its key, with the comma.
func (d *Directory) above(dn, key string) string {
	rest := dn
	for rest != "" && d.dnKey(rest) != key {
		rest = parentOf(rest)
	}
	return dn[:len(dn)-len(rest)]
}

// assign gives an object its attributes, keeps the indexes and remembers what was touched.
// It reports whether anything changed. class is the object's earlier class if that has
// changed, else "".
func (d *Directory) assign(e *entry, attrs attr.Set, class string) bool {
	ev := event{kind: modified, anchor: e.anchor, class: class}
	for _, m := range attr.Mods(&e.attrs, &attrs) {
		before, after := e.attrs.Values(m.Name), attrs.Values(m.Name)
		adds, deletes := attr.Diff(before, after)
		d.index(e, m.Name, adds, deletes)
		ev.touched = append(ev.touched, touch{m.Name, slices.Concat(adds, deletes)})
	}
	if len(ev.touched) == 0 && class == "" {
		return false
	}
	e.attrs = attrs
	d.log.add(ev)
	return true
}

// index keeps the look-ups of references and unique values.
func (d *Directory) index(e *entry, name string, adds, deletes []attr.Value) {
	folded := attr.Fold(name)
	unique := d.unique[folded]
	for _, v := range deletes {
		switch {
		case v.Kind() == attr.KindReference && !d.opts.LooseReferences:
			target := connector.TextAnchor(v.Str())
			delete(d.sources[target], source{e, folded})
			if len(d.sources[target]) == 0 {
				delete(d.sources, target)
			}
		case unique:
			delete(d.values, uniqueKey{folded, uniqueForm(v)})
		}
	}
	for _, v := range adds {
		switch {
		case v.Kind() == attr.KindReference && !d.opts.LooseReferences:
			target := connector.TextAnchor(v.Str())
			if d.sources[target] == nil {
				d.sources[target] = make(map[source]struct{})
			}
			d.sources[target][source{e, folded}] = struct{}{}
		case unique:
			d.values[uniqueKey{folded, uniqueForm(v)}] = e
		}
		if d.opts.Schema == nil {
			d.observe(e.class, name, v.Kind())
		}
	}
}

// uniqueForm is the form under which unique values are compared.
func uniqueForm(v attr.Value) string { return strings.ToLower(v.Text()) }

// erase removes an object and all references to it.
func (d *Directory) erase(e *entry) {
	link := attr.Reference(e.anchor.Raw())
	sources := slices.SortedFunc(maps.Keys(d.sources[e.anchor]), func(a, b source) int {
		return cmp.Or(cmp.Compare(a.from.number, b.from.number), strings.Compare(a.attribute, b.attribute))
	})
	for _, s := range sources {
		if s.from == e {
			continue
		}
		attrs := s.from.attrs.Clone()
		attrs.Apply(attr.Mod{Name: s.attribute, Deletes: []attr.Value{link}})
		d.assign(s.from, attrs, "")
	}
	for name, values := range e.attrs.All() {
		d.index(e, name, nil, values)
	}
	delete(d.sources, e.anchor)
	d.displace(e)
	delete(d.byAnchor, e.anchor)
	e.gone = true
	d.log.add(event{kind: deleted, anchor: e.anchor, class: e.class, dn: e.dn})
	if d.gone++; d.gone > len(d.order)/2 {
		d.order = slices.DeleteFunc(slices.Clone(d.order), func(e *entry) bool { return e.gone })
		d.gone = 0
	}
}
