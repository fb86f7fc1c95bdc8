package ad

import (
	"context"
	"fmt"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// groupChanges sends what came into scope and what left it because the members of the
// filter's group changed. It comes after the changes of the objects themselves.
func (r *deltaRun) groupChanges(ctx context.Context, mark watermark) error {
	if r.scope.group == "" || !within(r.scope.group, r.partition.dn) {
		return nil
	}
	var added, removed []string
	q := dirSync{partition: r.partition, filter: r.scope.head.filter(), attributes: []string{"member"},
		objectSecurity: mark.ObjectSecurity, cookie: mark.Cookies[r.partition.id]}
	_, err := q.run(ctx, r.link, func(e *entry) error {
		for _, a := range e.Attributes {
			name, change, ranged, ok := parseDescription(a.Name)
			switch {
			case !attr.EqualName(name, "member") || len(a.Values) == 0:
			case !ok || !ranged || !change.added() && !change.removed():
				return fmt.Errorf("%w: the members of %s came whole, not their changes", connector.ErrProtocol, r.scope.group)
			case change.added():
				added = append(added, a.Values...)
			default:
				removed = append(removed, a.Values...)
			}
		}
		return nil
	}, nil)
	if err != nil {
		return fmt.Errorf("members of %s: %w", r.scope.group, err)
	}
	for _, dn := range removed {
		if err := r.memberLeft(ctx, plainDN(dn)); err != nil {
			return err
		}
	}
	for _, dn := range added {
		if err := r.memberCame(ctx, plainDN(dn)); err != nil {
			return err
		}
	}
	return nil
}

func (r *deltaRun) memberLeft(ctx context.Context, dn string) error {
	e, err := r.link.read(ctx, dn, anything, "objectGUID")
	if err != nil || e == nil { // deleted, or of another domain
		return err
	}
	g, ok := parseGUID(single(e, "objectGUID"))
	if _, again := r.scope.members[g]; !ok || again {
		return nil
	}
	anchor := connector.NewAnchor(g[:])
	r.forget(anchor)
	return r.out.gone(anchor)
}

func (r *deltaRun) memberCame(ctx context.Context, dn string) error {
	e, err := r.link.read(ctx, dn, r.plan.filter, r.requested()...)
	if err != nil || e == nil || !strings.EqualFold(e.DN, dn) && !sameDN(e.DN, dn) {
		return err
	}
	g, ok := parseGUID(single(e, "objectGUID"))
	if !ok {
		return nil
	}
	r.scope.members[g], r.entered[g], r.told[g] = struct{}{}, struct{}{}, struct{}{}
	r.forget(connector.NewAnchor(g[:]))
	return r.importEntry(ctx, r.link, r.out, r.partition, e, nil)
}
