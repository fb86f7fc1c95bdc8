package entratest

import "time"

// slot returns where the relation's set of o is kept.
func slot(o *object, relation string) **ordered {
	if relation == "owners" {
		return &o.owners
	}
	return &o.members
}

func backSlot(target *object, relation string) **ordered {
	if relation == "owners" {
		return &target.ownerOf
	}
	return &target.memberOf
}

func addTo(set **ordered, o *object) bool {
	if *set == nil {
		*set = new(ordered)
	}
	return (*set).add(o)
}

// link adds target to o's members or owners and reports whether it was absent.
func (s *state) link(o *object, relation string, target *object, now time.Time) bool {
	if !addTo(slot(o, relation), target) {
		return false
	}
	addTo(backSlot(target, relation), o)
	s.record(change{o: o, at: now, what: linked, relation: relation, target: target})
	return true
}

// unlink is the opposite of link.
func (s *state) unlink(o *object, relation string, target *object, now time.Time) bool {
	if !(*slot(o, relation)).remove(target) {
		return false
	}
	(*backSlot(target, relation)).remove(o)
	s.record(change{o: o, at: now, what: linked, relation: relation, target: target})
	return true
}

// setManager replaces the manager; nil clears it.
func (s *state) setManager(o, manager *object, now time.Time) {
	old := o.manager
	if old == manager {
		return
	}
	if old != nil {
		old.reports.remove(o)
		s.record(change{o: o, at: now, what: linked, relation: "manager", target: old})
	}
	o.manager = manager
	if manager != nil {
		addTo(&manager.reports, o)
		s.record(change{o: o, at: now, what: linked, relation: "manager", target: manager})
	}
}

// touchLinks notes in the log that every link that points at o appeared or
// disappeared, because o did.
func (s *state) touchLinks(o *object, now time.Time) {
	for _, g := range o.memberOf.all() {
		s.record(change{o: g, at: now, what: linked, relation: "members", target: o})
	}
	for _, g := range o.ownerOf.all() {
		s.record(change{o: g, at: now, what: linked, relation: "owners", target: o})
	}
	for _, r := range o.reports.all() {
		s.record(change{o: r, at: now, what: linked, relation: "manager", target: o})
	}
}

// dropLinks removes every link from and to o.
func (s *state) dropLinks(o *object, now time.Time) {
	for _, relation := range []string{"members", "owners"} {
		for _, t := range (*slot(o, relation)).all() {
			s.unlink(o, relation, t, now)
		}
		for _, g := range (*backSlot(o, relation)).all() {
			s.unlink(g, relation, o, now)
		}
	}
	s.setManager(o, nil, now)
	for _, r := range o.reports.all() {
		s.setManager(r, nil, now)
	}
}

// remove soft-deletes o, or purges it at once when its kind is not kept.
func (s *state) remove(o *object, now time.Time) {
	s.unindex(o)
	s.live[o.kind].remove(o)
	if !o.kind.soft || isDistribution(o) {
		s.finish(o, now)
		return
	}
	o.deleted = now
	if upn := o.str("userPrincipalName"); upn != "" {
		o.set(o.kind.byName["userPrincipalName"], mangle(o.id)+upn)
	}
	if a := o.str("onPremisesImmutableId"); a != "" {
		s.anchors[a] = o // the recycle bin keeps the anchor taken
	}
	s.deleted[o.kind].add(o)
	if due := now.Add(softDeleteWindow); s.nextPurge.IsZero() || due.Before(s.nextPurge) {
		s.nextPurge = due
	}
	s.record(change{o: o, at: now, what: removed})
	s.touchLinks(o, now)
}

// restore brings a soft-deleted object back.
func (s *state) restore(o *object, now time.Time) {
	o.deleted = time.Time{}
	if upn := o.str("userPrincipalName"); upn != "" {
		o.set(o.kind.byName["userPrincipalName"], unmangle(o))
	}
	s.deleted[o.kind].remove(o)
	s.live[o.kind].add(o)
	s.index(o)
	s.record(change{o: o, at: now, what: restored})
	s.touchLinks(o, now)
}

// finish removes o for good.
func (s *state) finish(o *object, now time.Time) {
	s.dropLinks(o, now)
	s.unindex(o)
	s.deleted[o.kind].remove(o)
	o.purged = true
	delete(s.byID, o.id)
	s.record(change{o: o, at: now, what: purged})
}

// expire purges what has been deleted for thirty days and forgets changes that
// no delta token can ask for any more.
func (s *state) expire(now time.Time) {
	if s.nextPurge.IsZero() || now.Before(s.nextPurge) {
		return
	}
	s.nextPurge = time.Time{}
	for _, k := range s.cat.kinds {
		for _, o := range s.deleted[k].all() {
			due := o.deleted.Add(softDeleteWindow)
			if !now.Before(due) {
				s.finish(o, now)
			} else if s.nextPurge.IsZero() || due.Before(s.nextPurge) {
				s.nextPurge = due
			}
		}
	}
	keep := 0
	for keep < len(s.log) && now.Sub(s.log[keep].at) > deltaTokenLife {
		keep++
	}
	s.floor += uint64(keep)
	s.log = append([]change(nil), s.log[keep:]...)
}
