package adtest

import (
	"github.com/go-ldap/ldap/v3"
)

// dirSync answers a search with the DirSync control: the objects of a partition that
// changed since the cookie, in the order of their changes, with what changed of them.
func (c *conn) dirSync(m *message, r searchRequest, cs controlSet, q *query, a *answer) {
	if c.srv.faults.refusesDirSync() {
		a.err = badControl()
		return
	}
	d, ds := c.srv.dir, cs.dirSync
	secure := ds.flags&dirSyncObjectSecurity != 0
	if q.base.parent != nil {
		a.err = error(accessDenied())
		if secure {
			a.err = unwilling(0x20F7)
		}
		return
	}
	if !secure {
		if !q.v.replicates(q.base.nc) {
			a.err = refuse(ldap.LDAPResultInsufficientAccessRights,
				"00002105: LdapErr: DSID-0C0909A2, comment: Error processing control, data 0, %s\x00", build)
			return
		}
		// With the right to replicate, rights on objects do not count.
		q.v = d.systemViewer()
	}
	cookie, err := c.srv.readCookie(ds.cookie)
	if err != nil {
		a.err = err
		return
	}
	s := &dirSyncRound{d: d, q: q, since: cookie.complete, seen: map[*entry]bool{},
		incremental: ds.flags&dirSyncIncremental != 0, ancestors: ds.flags&dirSyncAncestorsFirst != 0,
		rd: &renderer{d: d, v: q.v, sel: d.selectAttributes(r.attrs), extended: cs.extended, maxValues: c.srv.opts.MaxValRange}}
	s.rd.sel.typesOnly = r.typesOnly
	if len(r.attrs) > 0 && len(s.rd.sel.items) == 0 && !s.rd.sel.all {
		s.nothing = true
	}
	q.scope = ldap.ScopeWholeSubtree
	bytes := int(min(max(ds.max, int64(c.srv.opts.DirSyncBytes)), 1<<30))
	more := false
	for _, item := range q.base.nc.since(cookie.position) {
		if item.stale() {
			continue
		}
		if a.entries >= c.srv.opts.MaxPageSize || len(a.enc.b) >= bytes {
			more = true
			break
		}
		s.object(m, item.e, a)
		cookie.position = item.usn
	}
	if !more {
		cookie.position, cookie.complete = d.usn, d.usn
	}
	a.controls = append(a.controls, dirSyncResponse(more, c.srv.issueCookie(cookie)))
}

// A dirSyncRound makes one answer.
type dirSyncRound struct {
	d           *directory
	q           *query
	rd          *renderer
	since       int64
	incremental bool
	ancestors   bool
	nothing     bool // nothing that changes is asked for
	seen        map[*entry]bool
}

// object writes an object's changes, after its parents' if those are to come first.
func (s *dirSyncRound) object(m *message, e *entry, a *answer) {
	if s.nothing || s.seen[e] {
		return
	}
	s.seen[e] = true
	if s.ancestors && e.parent != nil && e.parent.usnChanged > s.since {
		s.object(m, e.parent, a)
	}
	if !s.q.sees(e) {
		return
	}
	start := len(a.enc.b)
	at, parts := s.rd.begin(&a.enc, m.id, e)
	empty := len(a.enc.b)
	s.changes(&a.enc, e)
	if len(a.enc.b) == empty {
		a.enc.b = a.enc.b[:start]
		return
	}
	s.rd.attribute(&a.enc, e, s.d.s.objectGUID)
	s.rd.attribute(&a.enc, e, s.d.s.instanceType)
	s.rd.end(&a.enc, at, parts)
	a.entries++
	a.mark()
}

// changes writes the attributes that changed and are asked for.
func (s *dirSyncRound) changes(enc *encoder, e *entry) {
	sch := s.d.s
	wants := func(def *attrDef) bool { return s.rd.sel.wants(def) && s.q.v.readsAttr(e, def) }
	for i := range e.attrs {
		at := &e.attrs[i]
		if at.usn > s.since && at.def != e.rdnDef && !at.def.has(flagNotReplicated|flagSecret) && wants(at.def) {
			s.full(enc, at.def.name, s.rd.values(e, at.def))
		}
	}
	if e.usnCreated > s.since {
		for _, def := range []*attrDef{sch.whenCreated, sch.objectSid, sch.objectCategory} {
			if v := s.rd.values(e, def); len(v) > 0 && wants(def) {
				s.full(enc, def.name, v)
			}
		}
	}
	if e.rdnUSN > s.since && wants(sch.name) {
		s.full(enc, sch.name.name, []string{e.rdnValue})
	}
	if e.rdnUSN > s.since && e.parent != nil && wants(sch.parentGUID) {
		s.full(enc, sch.parentGUID.name, []string{string(e.parent.guid[:])})
	}
	for _, la := range e.links {
		if la.usn > s.since && wants(la.def) {
			s.links(enc, e, la)
		}
	}
}

// full writes an attribute whole, an empty one too: that is one that was cleared.
func (s *dirSyncRound) full(enc *encoder, name string, values []string) {
	s.rd.list(enc, name, values)
}

// links writes the values of a linked attribute that came and went, or all of them.
func (s *dirSyncRound) links(enc *encoder, e *entry, la *linkAttr) {
	if !s.incremental {
		values := s.rd.values(e, la.def)
		if len(values) == 0 {
			s.full(enc, la.def.name, nil)
			return
		}
		s.rd.named(enc, la.def.name, la.def, values)
		return
	}
	var added, removed []string
	for _, l := range la.list {
		switch {
		case l.usn <= s.since:
		case l.visible():
			added = append(added, l.data+s.rd.name(l.target))
		case !l.present && !l.target.isTombstone():
			removed = append(removed, l.data+s.rd.name(l.target))
		}
	}
	if len(added) > 0 {
		s.full(enc, la.def.name+";range=1-1", added)
	}
	if len(removed) > 0 {
		s.full(enc, la.def.name+";range=0-0", removed)
	}
}

// readCookie decodes a client's cookie. One of another domain controller is good for what
// its vector says of the changes here; of a stranger's nothing is known, and everything
// comes again.
func (s *Server) readCookie(text string) (dirSyncCookie, error) {
	start := dirSyncCookie{invocation: s.self.invocation}
	if text == "" {
		return start, nil
	}
	c, ok := decodeDirSyncCookie(text)
	if !ok {
		return c, badCookie()
	}
	foreign := c.invocation != s.self.invocation
	if err := s.faults.rejectsCookie(c, foreign); err != nil {
		return c, err
	}
	if foreign {
		for _, r := range s.dir.replicas {
			if r.invocation == c.invocation && c.complete <= s.dir.usn {
				start.position, start.complete = c.complete, c.complete
			}
		}
		return start, nil
	}
	if c.position > s.dir.usn {
		return c, badCookie()
	}
	return c, nil
}

// issueCookie encodes what the client now has.
func (s *Server) issueCookie(c dirSyncCookie) string {
	c.serial = s.faults.nextSerial()
	c.time = filetime(s.dir.clock())
	return c.encode()
}
