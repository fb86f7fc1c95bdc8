package ad

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// References to what is out of scope are DNs that nobody keeps up to date: when such an object
// moves into the scope, groups that she has been a member of all the time name her by where she
// was, and DirSync does not mention them, because nothing has changed of them. So objects that
// may have entered the scope are asked who refers to them.

// welcome sends what refers to the objects that may have entered the scope: whole where it is
// of ordinary size, else the values in question. What was sent whole has told already.
func (r *deltaRun) welcome(ctx context.Context) error {
	if len(r.entered) == 0 || !r.scope.restricted {
		return nil
	}
	referrers, err := r.referrersOf(ctx, sorted(r.entered))
	if err != nil {
		return fmt.Errorf("what refers to objects that came into scope: %w", err)
	}
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(referrers)), readBatch) {
		var filter strings.Builder
		filter.WriteString("(|")
		for _, dn := range chunk {
			filter.WriteString("(distinguishedName=" + ldap.EscapeFilter(dn) + ")")
		}
		filter.WriteString(")")
		for entries, err := range r.link.pages(ctx, &ldap.SearchRequest{
			BaseDN: r.partition.dn, Scope: ldap.ScopeWholeSubtree, Filter: filter.String(), Attributes: r.requested(),
			Controls: []ldap.Control{domainScope()},
		}, readBatch) {
			if err != nil {
				return fmt.Errorf("what refers to objects that came into scope: %w", err)
			}
			for _, e := range entries {
				if err := r.greet(ctx, e, referrers[e.DN]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// referrersOf returns by DN what refers to the objects, and by which attributes to which.
func (r *deltaRun) referrersOf(ctx context.Context, guids []guid) (map[string]map[string][]attr.Value, error) {
	request, linkOf := []string{"objectGUID"}, map[string]string{}
	for _, name := range r.plan.links() {
		if back := r.plan.schema.backLink(r.plan.find(name)); back != nil {
			request, linkOf[back.name] = append(request, back.name), name
		}
	}
	found := map[string]map[string][]attr.Value{}
	if len(linkOf) == 0 {
		return found, nil
	}
	return found, r.readGUIDs(ctx, r.link, guids, request, func(e *entry) error {
		if err := r.link.completeEntry(ctx, e); err != nil {
			return err
		}
		for back, link := range linkOf {
			for _, raw := range values(e, back) {
				dn := plainDN(raw)
				if found[dn] == nil {
					found[dn] = map[string][]attr.Value{}
				}
				found[dn][link] = append(found[dn][link], attr.Reference(e.DN))
			}
		}
		return nil
	}, r.partition)
}

// greet sends one object that refers to others which may have entered the scope.
func (r *deltaRun) greet(ctx context.Context, e *entry, refs map[string][]attr.Value) error {
	d, err := r.plan.draft(e)
	g, _ := parseGUID(d.object.Anchor.Raw())
	if _, told := r.told[g]; err != nil || told || !d.imported || !r.scope.holdsObject(g, e.DN) {
		return nil // trouble with it is told when it changes
	}
	if len(d.incomplete) == 0 {
		r.forget(d.object.Anchor)
		return r.importEntry(ctx, r.link, r.out, r.partition, e, nil)
	}
	item := connector.Item{Kind: connector.ItemUpdate, Object: &connector.Object{
		Class: d.object.Class, Anchor: d.object.Anchor, DN: e.DN, Partition: r.partitionOf(r.partition)}}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		item.Mods = append(item.Mods, attr.Mod{Name: name, Replace: !r.plan.find(name).multi, Adds: refs[name]})
	}
	return r.out.send(item)
}
