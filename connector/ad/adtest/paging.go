package adtest

import (
	"strconv"
	"strings"
)

// maxResultSets is how many paged searches a connection may have open.
const maxResultSets = 10

// A resultSet is a paged search in progress.
type resultSet struct {
	id      int
	q       *query
	entries []*entry
}

// page answers one page and reports whether it was the last.
func (c *conn) page(m *message, cs controlSet, q *query, rd *renderer, a *answer) (last bool) {
	set, pos := c.resultSet(cs, q, rd, a)
	if set == nil {
		a.err = badCookie()
		return false
	}
	size := min(cs.paged.size, c.srv.opts.MaxPageSize)
	if size == 0 && cs.paged.cookie != "" {
		c.forget(set)
		a.controls = append(a.controls, pagedResponse(""))
		return false
	}
	if size == 0 {
		size = c.srv.opts.MaxPageSize
	}
	var found []*entry
	next := pos
	for ; next < len(set.entries) && len(found) < size; next++ {
		// The object may have gone, or changed, since the search began.
		if e := set.entries[next]; set.q.inScope(e) && q.sees(e) {
			found = append(found, e)
		}
	}
	a.render(m, rd, found)
	if next == len(set.entries) {
		c.forget(set)
		a.controls = append(a.controls, pagedResponse(""))
		return true
	}
	if c.srv.faults.repeatsPage() {
		next = pos
	}
	a.controls = append(a.controls, pagedResponse(strconv.Itoa(set.id)+":"+strconv.Itoa(next)))
	return false
}

// resultSet starts a search or finds the one that a cookie belongs to.
func (c *conn) resultSet(cs controlSet, q *query, rd *renderer, a *answer) (*resultSet, int) {
	if cs.paged.cookie == "" {
		c.lastSet++
		set := &resultSet{id: c.lastSet, q: q, entries: q.run(rd.d)}
		c.sorted(cs, rd, set.entries, a)
		c.sets = append(c.sets, set)
		if len(c.sets) > maxResultSets {
			c.sets = c.sets[1:]
		}
		return set, 0
	}
	id, at, ok := strings.Cut(cs.paged.cookie, ":")
	n, err1 := strconv.Atoi(id)
	pos, err2 := strconv.Atoi(at)
	if !ok || err1 != nil || err2 != nil || c.srv.faults.rejectsPages() {
		return nil, 0
	}
	for _, s := range c.sets {
		if s.id == n && pos >= 0 && pos <= len(s.entries) && s.q.base == q.base {
			return s, pos
		}
	}
	return nil, 0
}

func (c *conn) forget(set *resultSet) {
	for i, s := range c.sets {
		if s == set {
			c.sets = append(c.sets[:i], c.sets[i+1:]...)
			return
		}
	}
}
