package ad

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// References are DNs as they were when their object was read. One whose target was renamed
// between that and the moment at which the target's own domain was asked names nobody: the
// receiver has heard of the new name already, or will never hear of the old one. Objects
// with such references are sent again, whole, when all names were sent.

// A referrer is an object that has told of references.
type referrer struct {
	domain int // when it was asked
	names  map[string]struct{}
}

// note keeps what an item says of references and of names.
func (h *holding) note(item connector.Item) {
	if item.Object == nil || item.Err != nil || item.Kind == connector.ItemDelete {
		return
	}
	if item.Kind == connector.ItemObject || item.Object.DN != "" && len(item.Mods) == 0 || namesItself(item.Mods) {
		h.renamed = h.domain
	}
	for _, m := range item.Mods {
		h.refers(item.Object, m.Name, m.Adds)
		h.refers(item.Object, m.Name, m.Deletes)
	}
	if item.Kind == connector.ItemObject {
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

func (h *holding) refers(o *connector.Object, name string, values []attr.Value) {
	if len(values) == 0 || values[0].Kind() != attr.KindReference || attr.EqualName(name, "distinguishedName") {
		return
	}
	r := h.referrers[o.Anchor]
	if r == nil {
		r = &referrer{domain: h.domain, names: map[string]struct{}{}}
		h.referrers[o.Anchor] = r
	}
	for _, v := range values {
		r.names[v.Str()] = struct{}{}
	}
}

// doubtful finds the objects with references to what is not where it was. A name in a domain
// that was asked before, or at the same time, is good if that domain has given no name since;
// one in another domain always has to be looked at: who was there may have come after her old
// domain was asked, and left before this one was, and neither tells.
func (s *forestSession) doubtful(ctx context.Context, hold *holding, moved bool) (map[guid]struct{}, error) {
	ask := map[string]bool{} // names: whether something is there
	for _, r := range hold.referrers {
		own := s.domains[r.domain]
		for name := range r.names {
			if moved || r.domain <= hold.renamed || s.domainOf(name) != own {
				ask[name] = false
			}
		}
	}
	if err := s.standing(ctx, ask); err != nil {
		return nil, err
	}
	out := map[guid]struct{}{}
	for anchor, r := range hold.referrers {
		for name := range r.names {
			there, asked := ask[name]
			if g, ok := parseGUID(anchor.Raw()); ok && asked && !there {
				out[g] = struct{}{}
				break
			}
		}
	}
	return out, nil
}

// otherContext reports whether a DN is in a naming context beneath the domain's, such as the
// configuration, that is not imported.
func (x *domain) otherContext(dn string) bool {
	p := x.partition(dn)
	return slices.ContainsFunc(x.link.root.namingContext, func(nc string) bool { return len(nc) > len(p.dn) && within(dn, nc) })
}

// standing marks the names at which an object is now, and those of which it cannot be told.
func (s *forestSession) standing(ctx context.Context, names map[string]bool) error {
	own := map[*domain][]string{}
	for name := range names {
		if x := s.domainOf(name); x != nil && x.err == nil && !x.otherContext(name) {
			own[x] = append(own[x], name)
		} else {
			names[name] = true
		}
	}
	return s.each(ctx, func(x *domain) error {
		there := map[string]bool{}
		for i := 0; i < len(own[x]); i += readBatch {
			var filter strings.Builder
			filter.WriteString("(|")
			for _, name := range own[x][i:min(i+readBatch, len(own[x]))] {
				filter.WriteString("(distinguishedName=" + ldap.EscapeFilter(name) + ")")
			}
			filter.WriteString(")")
			for _, p := range x.s.parts {
				for entries, err := range x.link.pages(ctx, &ldap.SearchRequest{BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree,
					Filter: filter.String(), Attributes: []string{"objectGUID"}, Controls: []ldap.Control{domainScope()}}, readBatch) {
					if err != nil {
						return fmt.Errorf("what is referred to in %s: %w", p.dn, err)
					}
					for _, e := range entries {
						there[strings.ToLower(e.DN)] = true
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
