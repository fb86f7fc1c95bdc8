package ad

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// References are DNs as they were when their object was read. Where the target is renamed
// after that and read later, a full import has sent a name under which nobody was shown, and
// of which no delta import will tell. So what was renamed while a full import went on is sent
// again at its end, and then what refers to it: each pass sends the targets first, so that
// whatever is renamed during the last one has been sent under every name that was told, or
// gets it with the next delta import.

// renamePasses is how often a full import looks for renames before it leaves the rest to the
// next delta import.
const renamePasses = 4

// A renaming is one domain in which renames are looked for.
type renaming struct {
	s    *session
	l    *link
	mark watermark // up to which renames are known
}

// followRenames is for imports of a single domain.
func (s *session) followRenames(ctx context.Context, l *link, m *emitter, mark watermark) error {
	n := &renaming{s, l, mark}
	return followRenames(ctx, m, s.log, func(do func(*renaming) error) error { return do(n) })
}

// followRenames is for imports of several domains, which may refer to each other's objects.
func (s *forestSession) followRenames(ctx context.Context, m *emitter) error {
	all := make([]*renaming, len(s.domains))
	for i, x := range s.domains {
		all[i] = &renaming{x.s, x.link, x.mark}
	}
	return followRenames(ctx, m, s.log, func(do func(*renaming) error) error {
		return s.each(ctx, func(x *domain) error { return do(all[x.index]) })
	})
}

func followRenames(ctx context.Context, m *emitter, log *slog.Logger, each func(func(*renaming) error) error) error {
	for range renamePasses {
		var names []string
		err := each(func(n *renaming) error {
			renamed, err := n.renamed(ctx)
			if err != nil {
				return fmt.Errorf("what was renamed meanwhile: %w", err)
			}
			names = slices.AppendSeq(names, maps.Values(renamed))
			return n.send(ctx, m, slices.Collect(maps.Keys(renamed)))
		})
		if err != nil || len(names) == 0 {
			return err
		}
		log.LogAttrs(ctx, slog.LevelInfo, "objects were renamed during the import, what refers to them is read again", slog.Int("objects", len(names)))
		slices.Sort(names)
		err = each(func(n *renaming) error {
			referrers, err := n.referrers(ctx, names)
			if err != nil {
				return fmt.Errorf("what refers to renamed objects: %w", err)
			}
			return n.send(ctx, m, referrers)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// renamed finds the objects in scope that got another DN since the mark, or a first one, with
// their DNs.
func (n *renaming) renamed(ctx context.Context) (map[guid]string, error) {
	if len(n.s.plan.links()) == 0 {
		return nil, nil
	}
	root, err := n.l.readRoot(ctx)
	if err != nil || root.usn != 0 && root.usn == n.mark.USN {
		return nil, err // nothing has changed at all
	}
	suspects, err := n.suspects(ctx, root.usn)
	if err != nil {
		return nil, err
	}
	found := map[guid]string{}
	var containers []string
	take := func(e *entry) error {
		g, _, imported, err := n.s.plan.identity(e)
		switch {
		case err != nil: // it was sent as trouble
		case !imported:
			containers = append(containers, e.DN)
		case n.s.scope.holdsObject(g, e.DN):
			found[g] = e.DN
		}
		return nil
	}
	naming := []string{"objectGUID", "objectClass"}
	if err := n.s.readGUIDs(ctx, n.l, suspects, naming, take, n.s.parts...); err != nil {
		return nil, err
	}
	for _, dn := range outermost(containers) {
		search := n.s.wholeObjects(dn)
		search.Attributes = naming
		for entries, err := range n.l.pages(ctx, search, n.s.d.opts.PageSize) {
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if err := take(e); err != nil {
					return nil, err
				}
			}
		}
	}
	return found, nil
}

// suspects finds the objects and containers that were renamed since the mark; by uSNChanged,
// all that were changed. It moves the mark, to a number that was the last one before.
func (n *renaming) suspects(ctx context.Context, last int64) ([]guid, error) {
	all := map[guid]struct{}{}
	next := watermark{ObjectSecurity: n.mark.ObjectSecurity, USN: last, USNs: map[string]int64{}, Cookies: map[string][]byte{}}
	for _, p := range n.s.parts {
		take := func(e *entry) error {
			if g, ok := parseGUID(single(e, "objectGUID")); ok && g != p.head {
				all[g] = struct{}{}
			}
			return nil
		}
		if len(n.mark.USNs) > 0 {
			next.USNs[p.id] = last
			if err := n.s.since(ctx, n.l, p, n.s.plan.changeFilter, n.mark.USNs[p.id], []string{"objectGUID"}, take); err != nil {
				return nil, err
			}
			continue
		}
		q := dirSync{partition: p, filter: n.s.plan.changeFilter, attributes: []string{"name", "parentGUID", "isDeleted"},
			objectSecurity: n.mark.ObjectSecurity, cookie: n.mark.Cookies[p.id]}
		cookie, err := q.run(ctx, n.l, func(e *entry) error {
			if deleted(e) || !present(e, "name") {
				return nil
			}
			return take(e)
		}, nil)
		if err != nil {
			return nil, err
		}
		next.Cookies[p.id] = cookie
	}
	n.mark = next
	return sorted(all), nil
}

// links are the names of the linked attributes that are imported: those whose values follow
// their targets.
func (p *plan) links() []string {
	var names []string
	for _, a := range p.wanted {
		if a.linked && a.syntax == syntaxDN {
			names = append(names, a.name)
		}
	}
	slices.Sort(names)
	return names
}

// referrers finds the objects in scope that refer to any of the names.
func (n *renaming) referrers(ctx context.Context, names []string) ([]guid, error) {
	links, found := n.s.plan.links(), map[guid]struct{}{}
	for chunk := range slices.Chunk(names, max(1, readBatch/len(links))) {
		var filter strings.Builder
		filter.WriteString("(&" + n.s.scope.filter(n.s.plan.filter) + "(|")
		for _, dn := range chunk {
			for _, link := range links {
				filter.WriteString("(" + link + "=" + ldap.EscapeFilter(dn) + ")")
			}
		}
		filter.WriteString("))")
		for _, p := range n.s.parts {
			for entries, err := range n.l.pages(ctx, &ldap.SearchRequest{
				BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree, Filter: filter.String(), Attributes: []string{"objectGUID"},
				Controls: []ldap.Control{domainScope()},
			}, n.s.d.opts.PageSize) {
				if err != nil {
					return nil, err
				}
				for _, e := range entries {
					if g, ok := parseGUID(single(e, "objectGUID")); ok {
						found[g] = struct{}{}
					}
				}
			}
		}
	}
	return sorted(found), nil
}

// send sends those of the objects that are in scope, as they are now.
func (n *renaming) send(ctx context.Context, m *emitter, guids []guid) error {
	for _, p := range n.s.parts {
		err := n.s.readGUIDs(ctx, n.l, guids, n.s.requested(), func(e *entry) error {
			return n.s.importEntry(ctx, n.l, m, p, e, nil)
		}, p)
		if err != nil {
			return err
		}
	}
	return nil
}
