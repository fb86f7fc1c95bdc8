package adtest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// A searchRequest is a search as it was asked for.
type searchRequest struct {
	base      string
	scope     int
	sizeLimit int
	typesOnly bool
	filter    *ber.Packet
	attrs     []string
}

func decodeSearch(p *ber.Packet) (r searchRequest, ok bool) {
	if len(p.Children) != 8 {
		return r, false
	}
	scope, ok1 := intOf(p.Children[1])
	size, ok2 := intOf(p.Children[3])
	types, ok3 := p.Children[5].Value.(bool)
	if !ok1 || !ok2 || !ok3 || scope < ldap.ScopeBaseObject || scope > ldap.ScopeWholeSubtree || size < 0 {
		return r, false
	}
	return searchRequest{base: text(p.Children[0]), scope: int(scope), sizeLimit: int(min(size, 1<<31-1)), typesOnly: types,
		filter: p.Children[6], attrs: texts(p.Children[7])}, true
}

// An answer is what a search sends: messages one after another, and the end.
type answer struct {
	enc      encoder
	ends     []int // where each entry or reference ends
	entries  int
	imported bool // the entries are of the domain, from a subtree search
	err      error
	controls []control
}

func (a *answer) mark() { a.ends = append(a.ends, len(a.enc.b)) }

// A query is a search that can be run.
type query struct {
	v           *viewer
	base        *entry
	scope       int
	filter      *filter
	showDeleted bool
}

// sees reports whether the object belongs to the result, scope apart.
func (q *query) sees(e *entry) bool {
	return !e.purged && (q.showDeleted || !e.deleted) && q.v.reads(e) && q.filter.matches(q.v, e) == yes
}

func (q *query) inScope(e *entry) bool {
	switch q.scope {
	case ldap.ScopeBaseObject:
		return e == q.base
	case ldap.ScopeSingleLevel:
		return e.parent == q.base
	}
	return e.under(q.base)
}

// run returns the matching objects in the order of their creation.
func (q *query) run(d *directory) []*entry {
	var out []*entry
	add := func(e *entry) {
		if q.sees(e) {
			out = append(out, e)
		}
	}
	if q.scope == ldap.ScopeBaseObject {
		add(q.base)
		return out
	}
	if found, ok := q.filter.candidates(d); ok {
		for _, e := range found {
			if q.inScope(e) {
				add(e)
			}
		}
	} else if q.scope == ldap.ScopeWholeSubtree && q.base.parent == nil {
		for _, e := range q.base.nc.entries {
			add(e)
		}
		return out
	} else if q.scope == ldap.ScopeSingleLevel {
		for _, e := range q.base.children {
			add(e)
		}
	} else {
		q.base.walk(add)
	}
	slices.SortFunc(out, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	return slices.Compact(out)
}

// walk visits the object and all below it.
func (e *entry) walk(f func(*entry)) {
	f(e)
	for _, c := range e.children {
		c.walk(f)
	}
}

// search answers a search request. The directory is locked for reading.
func (c *conn) search(m *message, r searchRequest, cs controlSet) *answer {
	a := &answer{}
	if r.base == "" && r.scope == ldap.ScopeBaseObject {
		c.rootDSE(m, r, a)
		return a
	}
	if c.account == nil {
		a.err = notBound()
		return a
	}
	d := c.srv.dir
	q, err := d.compile(r, cs, d.viewer(c.account).withParts(cs.parts))
	if err != nil {
		a.err = err
		return a
	}
	a.imported = r.scope == ldap.ScopeWholeSubtree && q.base.nc == d.partitions[0]
	if cs.dirSync != nil {
		c.dirSync(m, r, cs, q, a)
		return a
	}
	rd := &renderer{d: d, v: q.v, self: c.srv.self, sel: d.selectAttributes(r.attrs), extended: cs.extended,
		maxValues: c.srv.opts.MaxValRange, rangeNoErr: cs.rangeNoErr}
	rd.sel.typesOnly = r.typesOnly
	if rd.sel.all && cs.parts != 0 && !slices.ContainsFunc(rd.sel.items, func(i selected) bool { return i.def == d.s.descriptor }) {
		rd.sel.items = append(rd.sel.items, selected{def: d.s.descriptor})
	}
	if q.scope != ldap.ScopeBaseObject {
		// Token groups are computed for one object at a time.
		rd.sel.items = slices.DeleteFunc(rd.sel.items, func(i selected) bool { return strings.HasPrefix(i.def.name, "tokenGroups") })
	}
	last := true
	if a.imported && cs.paged != nil {
		if e := c.srv.faults.pageFailure(); e != nil {
			a.err = e
			return a
		}
	}
	if cs.paged != nil {
		last = c.page(m, cs, q, rd, a)
	} else {
		c.whole(m, r, cs, q, rd, a)
	}
	if last && a.err == nil && !cs.noReferrals && q.scope != ldap.ScopeBaseObject {
		c.references(m, q.base, a)
	}
	return a
}

// compile resolves base and filter.
func (d *directory) compile(r searchRequest, cs controlSet, v *viewer) (*query, error) {
	q := &query{v: v, scope: r.scope, showDeleted: cs.showDeleted || cs.dirSync != nil}
	var err error
	if q.base, err = d.find(r.base); err != nil {
		return nil, err
	}
	if q.base.deleted && !q.showDeleted || !v.reads(q.base) {
		match := ""
		if q.base.parent != nil {
			match = q.base.parent.dn
		}
		return nil, noObject(0x208D, match)
	}
	f, ok := d.compileFilter(r.filter, 0)
	if !ok {
		return nil, protocolError()
	}
	q.filter = f
	return q, nil
}

// whole answers a search without paging: at most MaxPageSize entries.
func (c *conn) whole(m *message, r searchRequest, cs controlSet, q *query, rd *renderer, a *answer) {
	found := q.run(rd.d)
	c.sorted(cs, rd, found, a)
	limit := c.srv.opts.MaxPageSize
	if r.sizeLimit > 0 {
		limit = min(limit, r.sizeLimit)
	}
	var tooMany error
	if len(found) > limit {
		found, tooMany = found[:limit], refuse(ldap.LDAPResultSizeLimitExceeded, "")
	}
	if a.render(m, rd, found); a.err == nil {
		a.err = tooMany
	}
}

func (a *answer) render(m *message, rd *renderer, found []*entry) {
	for _, e := range found {
		start := len(a.enc.b)
		if err := rd.entry(&a.enc, m.id, e); err != nil {
			a.enc.b, a.err = a.enc.b[:start], err
			return
		}
		a.entries++
		a.mark()
	}
}

// sorted sorts by the first key, as AD does, and says so.
func (c *conn) sorted(cs controlSet, rd *renderer, found []*entry, a *answer) {
	if len(cs.sortKeys) == 0 {
		return
	}
	k := cs.sortKeys[0]
	if k.def == nil {
		a.controls = append(a.controls, sortResponse(16))
		return
	}
	type pair struct {
		key string
		num int64
	}
	keys := make(map[*entry]pair, len(found))
	for _, e := range found {
		var p pair
		if v := rd.d.values(rd.v, e, k.def); len(v) > 0 {
			p.key = k.def.syn.key(v[0])
			if k.def.syn.number() {
				p.num, _ = strconv.ParseInt(p.key, 10, 64)
				p.key = "0"
			}
		}
		keys[e] = p
	}
	slices.SortStableFunc(found, func(x, y *entry) int {
		a, b := keys[x], keys[y]
		n := cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.num, b.num))
		if k.reverse {
			return -n
		}
		return n
	})
	a.controls = append(a.controls, sortResponse(0))
}

// references tells of the partitions below the base.
func (c *conn) references(m *message, base *entry, a *answer) {
	d := c.srv.dir
	scheme := "ldap"
	if c.secure {
		scheme = "ldaps"
	}
	all := slices.Clone(d.partitions)
	for _, other := range d.forest.domains {
		if other != d {
			all = append(all, other.partitions[0])
		}
	}
	for _, p := range all {
		if p.head == base || base.nc.head != base || p.above(d) != base.nc {
			continue
		}
		url := scheme + "://" + d.domain + "/" + p.head.dn
		if p.head.class.isA("domainDNS") {
			url = scheme + "://" + hostOf(p.head.dn) + "/" + p.head.dn
		}
		at := a.enc.open(tagSequence)
		a.enc.num(tagInteger, m.id)
		ref := a.enc.open(application | opSearchReference)
		a.enc.str(tagOctets, url)
		a.enc.close(ref)
		a.enc.close(at)
		a.mark()
	}
}

// above returns the partition that the partition's name stands in.
func (p *partition) above(d *directory) *partition {
	var up *partition
	for _, q := range d.partitions {
		if len(q.path) < len(p.path) && slices.Equal(q.path, p.path[:len(q.path)]) && (up == nil || len(q.path) > len(up.path)) {
			up = q
		}
	}
	return up
}
