package entratest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	softDeleteWindow = 30 * 24 * time.Hour
	deltaTokenLife   = 7 * 24 * time.Hour
)

// state is the directory: objects, links, indexes and the change log. Writers
// hold mu exclusively for a whole request, so a request applies whole or not
// at all and readers never see half of one.
type state struct {
	mu sync.RWMutex // guards everything below

	cat        *catalog
	byID       map[string]*object
	live       map[*kind]*ordered
	deleted    map[*kind]*ordered
	upns       map[string]*object // lower case, live users
	anchors    map[string]*object // onPremisesImmutableId, soft-deleted users included
	addresses  map[string]*object // lower case without smtp:, live objects
	appIDs     map[string]*object // kind name, slash, lower-case appId
	grants     []roleGrant
	extensions []extension
	eligible   []eligibility

	syncFeatures map[string]bool // nil: nobody may read them

	rev   uint64   // number of the latest change
	floor uint64   // changes up to this one are forgotten
	log   []change // log[i] has revision floor+1+i

	domains   []Domain
	nextPurge time.Time // no soft-deleted object expires before; zero: none
}

// roleGrant is one app role assignment.
type roleGrant struct {
	ID        string    `json:"id"`
	Principal string    `json:"principal"`
	Resource  string    `json:"resource"`
	Role      string    `json:"role"`
	Created   time.Time `json:"created"`
}

type changeKind uint8

const (
	updated changeKind = iota
	created
	removed // soft-deleted
	restored
	purged
	linked // a link appeared or disappeared: relation and target say which
)

// change is one entry of the log from which delta answers are made.
type change struct {
	o        *object
	at       time.Time
	what     changeKind
	props    []*property
	relation string
	target   *object
}

func newState(domains []Domain) *state {
	s := &state{cat: newCatalog(), domains: domains}
	s.reset()
	return s
}

func (s *state) reset() {
	s.byID = make(map[string]*object)
	s.live = make(map[*kind]*ordered)
	s.deleted = make(map[*kind]*ordered)
	s.upns = make(map[string]*object)
	s.anchors = make(map[string]*object)
	s.addresses = make(map[string]*object)
	s.appIDs = make(map[string]*object)
	for _, k := range s.cat.kinds {
		s.live[k] = new(ordered)
		s.deleted[k] = new(ordered)
	}
}

// record appends a change to the log.
func (s *state) record(c change) {
	s.rev++
	s.log = append(s.log, c)
	c.o.changes = append(c.o.changes, s.rev)
}

// at returns the change with that revision.
func (s *state) at(rev uint64) *change { return &s.log[rev-s.floor-1] }

// insert adds a new object whose values are set and free of conflicts.
func (s *state) insert(o *object, now time.Time) {
	s.byID[o.id] = o
	s.live[o.kind].add(o)
	s.index(o)
	s.record(change{o: o, at: now, what: created})
	o.born = s.rev
}

// update stores values and notes which ones differed. It reports whether any did.
func (s *state) update(o *object, vals []value, now time.Time) bool {
	var props []*property
	for _, v := range vals {
		if !sameValue(o.get(v.p), v.v) {
			props = append(props, v.p)
		}
	}
	if len(props) == 0 {
		return false
	}
	if o.live() {
		s.unindex(o)
	}
	for _, v := range vals {
		o.set(v.p, v.v)
	}
	if o.live() {
		s.index(o)
	}
	s.record(change{o: o, at: now, what: updated, props: props})
	return true
}

func (s *state) index(o *object) {
	if upn := o.str("userPrincipalName"); upn != "" {
		s.upns[strings.ToLower(upn)] = o
	}
	if a := o.str("onPremisesImmutableId"); a != "" {
		s.anchors[a] = o
	}
	for _, a := range addressesOf(o) {
		s.addresses[a] = o
	}
	if id := o.str("appId"); id != "" {
		s.appIDs[o.kind.name+"/"+strings.ToLower(id)] = o
	}
}

func (s *state) unindex(o *object) {
	drop := func(m map[string]*object, key string) {
		if m[key] == o {
			delete(m, key)
		}
	}
	drop(s.upns, strings.ToLower(o.str("userPrincipalName")))
	drop(s.anchors, o.str("onPremisesImmutableId"))
	for _, a := range addressesOf(o) {
		drop(s.addresses, a)
	}
	drop(s.appIDs, o.kind.name+"/"+strings.ToLower(o.str("appId")))
}

// addressesOf returns the object's addresses as keys of the index.
func addressesOf(o *object) []string {
	proxies, mail := o.list("proxyAddresses"), o.str("mail")
	if len(proxies) == 0 && mail == "" {
		return nil
	}
	out := make([]string, 0, len(proxies)+1)
	for _, p := range proxies {
		out = append(out, addressKey(p))
	}
	if key := strings.ToLower(mail); mail != "" && !slices.Contains(out, key) {
		out = append(out, key)
	}
	return out
}

func addressKey(proxy string) string {
	lower := strings.ToLower(proxy)
	return strings.TrimPrefix(lower, "smtp:")
}

// clash returns a refusal when a value that must be unique is held by an
// object other than self.
func (s *state) clash(self *object, vals []value) *failure {
	for _, v := range vals {
		switch v.p.name {
		case "userPrincipalName":
			upn, _ := v.v.(string)
			if other := s.upns[strings.ToLower(upn)]; other != nil && other != self {
				return conflict("userPrincipalName", other)
			}
		case "onPremisesImmutableId":
			anchor, _ := v.v.(string)
			if other := s.anchors[anchor]; anchor != "" && other != nil && other != self {
				return conflict("onPremisesImmutableId", other)
			}
		case "mail":
			mail, _ := v.v.(string)
			if other := s.addresses[strings.ToLower(mail)]; mail != "" && other != nil && other != self {
				return conflict("proxyAddresses", other)
			}
		case "proxyAddresses":
			list, _ := v.v.([]string)
			for _, p := range list {
				if other := s.addresses[addressKey(p)]; other != nil && other != self {
					return conflict("proxyAddresses", other)
				}
			}
		}
	}
	return nil
}

// find returns the live object that has replicated by now.
func (s *state) find(id string, now time.Time) *object {
	o := s.byID[strings.ToLower(id)]
	if o == nil || !seen(o, now) {
		return nil
	}
	return o
}

// seen reports whether reads answer with the object.
func seen(o *object, now time.Time) bool { return o.live() && !now.Before(o.visible) }

func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return true
}
