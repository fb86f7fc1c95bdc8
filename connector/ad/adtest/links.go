package adtest

import "slices"

// A linkAttr holds an object's values of one linked attribute, those taken away included:
// they are what DirSync reports as removed.
type linkAttr struct {
	def   *attrDef
	list  []*link // in order of first appearance
	index map[linkKey]*link
	usn   int64 // of the last change of any value
}

// A linkKey identifies a value: two values of a DN-with-binary attribute may name one object.
type linkKey struct {
	target *entry
	data   string
}

// A link is one value of a linked attribute, with its replication metadata.
type link struct {
	source *entry
	attr   *linkAttr
	linkKey
	present bool
	usn     int64
	pos     int // in the target's back list
}

// visible reports whether the value is to be seen: it is there, and neither end is deleted.
func (l *link) visible() bool { return l.present && !l.source.isTombstone() && !l.target.isTombstone() }

// linkAttr returns the object's values of a linked attribute; nil if it never had any.
func (e *entry) linkAttr(def *attrDef) *linkAttr {
	for _, la := range e.links {
		if la.def == def {
			return la
		}
	}
	return nil
}

// setLink adds or takes away a value.
func (e *entry) setLink(def *attrDef, k linkKey, present bool, usn int64) {
	la := e.linkAttr(def)
	if la == nil {
		la = &linkAttr{def: def, index: map[linkKey]*link{}}
		e.links = append(e.links, la)
	}
	l := la.index[k]
	if l == nil {
		l = &link{source: e, attr: la, linkKey: k, pos: len(k.target.back)}
		la.index[k] = l
		la.list = append(la.list, l)
		k.target.back = append(k.target.back, l)
	}
	l.present, l.usn, la.usn = present, usn, usn
}

// remove makes the value vanish without a trace, as happens when an end is deleted.
func (l *link) remove() {
	back := l.target.back
	last := len(back) - 1
	back[l.pos] = back[last]
	back[l.pos].pos = l.pos
	back[last] = nil
	l.target.back = back[:last]
	delete(l.attr.index, l.linkKey)
	if i := slices.Index(l.attr.list, l); i >= 0 {
		l.attr.list = slices.Delete(l.attr.list, i, i+1)
	}
}

// text returns the value as clients see it.
func (l *link) text() string { return l.data + l.target.dn }

// linkTexts returns the values of a forward link that are to be seen.
func (d *directory) linkTexts(e *entry, def *attrDef) []string {
	la := e.linkAttr(def)
	if la == nil {
		return nil
	}
	out := make([]string, 0, len(la.list))
	for _, l := range la.list {
		if l.visible() {
			out = append(out, l.text())
		}
	}
	return out
}

// backTexts returns the values of a back link.
func (d *directory) backTexts(e *entry, def *attrDef) []string {
	var out []string
	for _, l := range e.back {
		if l.attr.def.partner == def && l.visible() && slices.Contains(d.partitions, l.source.nc) {
			out = append(out, l.source.dn)
		}
	}
	return out
}

// hasLink reports whether e refers to target, or with a back link is referred to by it.
func (e *entry) hasLink(def *attrDef, target *entry) bool {
	source := e
	if def.backLink() {
		def, source, target = def.partner, target, e
	}
	if def == nil {
		return false
	}
	la := source.linkAttr(def)
	if la == nil {
		return false
	}
	if def.syn == synDN {
		l := la.index[linkKey{target: target}]
		return l != nil && l.visible()
	}
	return slices.ContainsFunc(la.list, func(l *link) bool { return l.target == target && l.visible() })
}

// reaches reports whether a chain of links leads from e to target: the matching rule
// LDAP_MATCHING_RULE_IN_CHAIN.
func (e *entry) reaches(def *attrDef, target *entry) bool {
	// Walking from the side where a back link is asked for keeps the walk to the groups of
	// one object, rather than all members of all groups.
	from, to, back := e, target, def.backLink()
	if !back {
		from, to, back, def = target, e, true, def.partner
	}
	if def == nil || !back {
		return false
	}
	seen := map[*entry]bool{from: true}
	queue := []*entry{from}
	for len(queue) > 0 {
		x := queue[0]
		queue = queue[1:]
		for _, l := range x.back {
			if l.attr.def.partner != def || !l.visible() {
				continue
			}
			if l.source == to {
				return true
			}
			if !seen[l.source] {
				seen[l.source] = true
				queue = append(queue, l.source)
			}
		}
	}
	return false
}
