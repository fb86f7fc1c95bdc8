package ad

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// References are DNs as they were when their object was read. One whose target got another name
// between that and the moment at which the target's own domain was asked names nobody: the
// receiver has heard of the new name already, or will never hear of the old one. Objects
// with such references are sent again, whole, when all names were sent. What they say then may
// be overtaken in the same way; they are sent once more by the next import, until one finds
// that nothing has moved between what it told of names and what it told of references.

// A hearsay is what a delta import has told of references. Nil takes no notes.
type hearsay struct {
	domain    int // that is being asked, the number of domains when all were
	referrers map[guid]*referrer
	renamed   int // the last domain that gave an object a name, -1 for none
}

// A referrer is an object that has told of references.
type referrer struct {
	domain int               // when it was asked
	names  map[string]string // with the attribute that holds each
}

func newHearsay() *hearsay { return &hearsay{referrers: map[guid]*referrer{}, renamed: -1} }

// note keeps what an item says of references and of names.
func (h *hearsay) note(item connector.Item) {
	if h == nil || item.Object == nil || item.Err != nil || item.Kind == connector.ItemDelete {
		return
	}
	if item.Kind == connector.ItemObject || item.Object.DN != "" && len(item.Mods) == 0 || namesItself(item.Mods) {
		h.renamed = h.domain
	}
	for _, m := range item.Mods {
		h.refers(item.Object, m.Name, m.Adds)
		h.refers(item.Object, m.Name, m.Deletes)
	}
	if item.Kind == connector.ItemObject { // which is all that is true of it
		delete(h.referrers, guidOf(item.Object.Anchor))
		for name, values := range item.Object.Attributes.All() {
			h.refers(item.Object, name, values)
		}
	}
}

func namesItself(mods []attr.Mod) bool {
	for _, m := range mods {
		if attr.EqualName(m.Name, "distinguishedName") {
			return true
		}
	}
	return false
}

func (h *hearsay) refers(o *connector.Object, name string, values []attr.Value) {
	if len(values) == 0 || values[0].Kind() != attr.KindReference || attr.EqualName(name, "distinguishedName") {
		return
	}
	g := guidOf(o.Anchor)
	r := h.referrers[g]
	if r == nil {
		r = &referrer{names: map[string]string{}}
		h.referrers[g] = r
	}
	r.domain = h.domain
	for _, v := range values {
		r.names[v.Str()] = name
	}
}

// Whereabouts say who is at a name now.
type whereabouts uint8

const (
	atNobody whereabouts = iota // whom the account can see
	atKnown                     // somebody who was there when the domain was asked, or it cannot be told
	atLate                      // somebody who may not have been there then
)

// A doubt is why references of an object may name what is not known by that name.
type doubt struct {
	vacant map[string]string // where nobody is, with the attributes
	late   bool              // somebody came late
}

// doubtful finds the objects with such references. A name in a domain that was asked before, or
// at the same time, is good if nothing has moved since; one in another domain always has to be
// looked at: who was there may have come after her old domain was asked, and left before this one
// was, and neither tells.
//
// Latecomers are looked for first. Whoever is found at a name then, is none of them and was made
// in the domain before it was asked has been there, by that name, ever since: a move to another
// domain and back would have made her anew. quiet says that there are no latecomers.
func (s *forestSession) doubtful(ctx context.Context, h *hearsay) (found map[guid]*doubt, quiet bool, err error) {
	found = map[guid]*doubt{}
	if len(h.referrers) == 0 {
		return found, true, nil
	}
	came, err := s.latecomers(ctx)
	if err != nil {
		return nil, false, err
	}
	quiet = len(came.objects) == 0
	at := map[string]whereabouts{}
	for _, r := range h.referrers {
		moved := !quiet || r.domain <= h.renamed || r.domain == len(s.domains)
		for name := range r.names {
			if moved || s.domainOf(name) != s.domains[r.domain] {
				at[name] = atNobody
			}
		}
	}
	if err := s.standing(ctx, at, came); err != nil {
		return nil, false, err
	}
	for g, r := range h.referrers {
		d := &doubt{vacant: map[string]string{}}
		for name, attribute := range r.names {
			switch who, asked := at[name]; {
			case asked && who == atNobody:
				d.vacant[name] = attribute
			case asked && who == atLate:
				d.late = true
			}
		}
		if d.late || len(d.vacant) > 0 {
			found[g] = d
		}
	}
	return found, quiet, nil
}

// lasting finds, of what was read again, what the next import has to read once more. Names at
// which nobody is are no reason for ever: the account may not see who is there, and domain
// controllers learn late of renames in other domains.
func (s *forestSession) lasting(ctx context.Context, h *hearsay) (map[guid]struct{}, error) {
	out := map[guid]struct{}{}
	found, quiet, err := s.doubtful(ctx, h)
	if err != nil {
		return nil, err
	}
	for g, d := range found {
		out[g] = struct{}{}
		if d.late || !quiet {
			continue
		}
		err := s.each(ctx, func(x *domain) error {
			insists, err := x.insists(ctx, g, d.vacant)
			if insists {
				delete(out, g)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// insists reports whether an object of the domain has all these references now.
func (x *domain) insists(ctx context.Context, g guid, names map[string]string) (bool, error) {
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(names)), readBatch) {
		var filter strings.Builder
		filter.WriteString("(&" + g.filter())
		for _, name := range chunk {
			filter.WriteString("(" + names[name] + "=" + ldap.EscapeFilter(name) + ")")
		}
		filter.WriteString(")")
		found := false
		for _, p := range x.s.parts {
			for entries, err := range x.link.pages(ctx, &ldap.SearchRequest{BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree,
				Filter: filter.String(), Attributes: []string{"objectGUID"}, Controls: []ldap.Control{domainScope()}}, readBatch) {
				if err != nil {
					return false, fmt.Errorf("what is referred to in %s: %w", p.dn, err)
				}
				found = found || len(entries) > 0
			}
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}

// Latecomers have got a name in a domain after it was asked.
type latecomers struct {
	objects    map[guid]struct{}
	containers []string
}

func (l latecomers) has(g guid, dn string) bool {
	_, late := l.objects[g]
	return late || slices.ContainsFunc(l.containers, func(c string) bool { return within(dn, c) })
}

func (s *forestSession) latecomers(ctx context.Context) (latecomers, error) {
	came := latecomers{objects: map[guid]struct{}{}}
	err := s.each(ctx, func(x *domain) error {
		suspects, err := (&renaming{x.s, x.link, x.next}).suspects(ctx, 0)
		if err != nil {
			return fmt.Errorf("what was renamed meanwhile: %w", err)
		}
		for _, g := range suspects {
			came.objects[g] = struct{}{}
		}
		return x.s.readGUIDs(ctx, x.link, suspects, []string{"objectGUID", "objectClass"}, func(e *entry) error {
			if _, imported := x.s.plan.classOf(values(e, "objectClass")); !imported {
				came.containers = append(came.containers, e.DN)
			}
			return nil
		}, x.s.parts...)
	})
	return came, err
}

// otherContext reports whether a DN is in a naming context beneath the domain's, such as the
// configuration, that is not imported.
func (x *domain) otherContext(dn string) bool {
	p := x.partition(dn)
	return slices.ContainsFunc(x.link.root.namingContext, func(nc string) bool { return len(nc) > len(p.dn) && within(dn, nc) })
}

// standing finds out who is at the names.
func (s *forestSession) standing(ctx context.Context, names map[string]whereabouts, came latecomers) error {
	own := map[*domain][]string{}
	for name := range names {
		if x := s.domainOf(name); x != nil && x.err == nil && !x.otherContext(name) {
			own[x] = append(own[x], name)
		} else {
			names[name] = atKnown
		}
	}
	return s.each(ctx, func(x *domain) error {
		there := map[string]whereabouts{}
		for chunk := range slices.Chunk(own[x], readBatch) {
			var filter strings.Builder
			filter.WriteString("(|")
			for _, name := range chunk {
				filter.WriteString("(distinguishedName=" + ldap.EscapeFilter(name) + ")")
			}
			filter.WriteString(")")
			for _, p := range x.s.parts {
				for entries, err := range x.link.pages(ctx, &ldap.SearchRequest{BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree,
					Filter: filter.String(), Attributes: []string{"objectGUID", "uSNCreated"}, Controls: []ldap.Control{domainScope()}}, readBatch) {
					if err != nil {
						return fmt.Errorf("what is referred to in %s: %w", p.dn, err)
					}
					for _, e := range entries {
						there[strings.ToLower(e.DN)] = x.whereabouts(e, came)
					}
				}
			}
		}
		for _, name := range own[x] {
			names[name] = there[strings.ToLower(name)]
		}
		return nil
	})
}

func (x *domain) whereabouts(e *entry, came latecomers) whereabouts {
	g, _ := parseGUID(single(e, "objectGUID"))
	made, err := strconv.ParseInt(single(e, "uSNCreated"), 10, 64)
	if came.has(g, e.DN) || err == nil && x.asked > 0 && made > x.asked {
		return atLate
	}
	return atKnown
}
