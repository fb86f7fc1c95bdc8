package ad

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// byUSN is a delta import without DirSync: it asks for objects whose uSNChanged is higher
// than the highest one that the domain controller had committed before the last import
// began. It needs no right but that of reading. What it costs and cannot see:
//
//   - The numbers are one domain controller's own. At another one, or after a restore, a
//     full import is due.
//   - Changed objects come whole: one new member of a group is the whole group.
//   - Of a changed container it cannot be told whether it was renamed; all beneath it is
//     read again.
//   - Deletions are seen only by who may list deleted objects.
//   - What the account could not read before and now can, or the other way round, is not
//     seen. Nor is it in DirSync's object-security mode.
func (s *session) byUSN(ctx context.Context, l *link, m *emitter, mark watermark, pageSize int) (watermark, error) {
	next := mark
	root, err := l.readRoot(ctx)
	if err != nil {
		return next, err
	}
	next.Narrowed, next.USNs = s.plan.narrowed, map[string]int64{}
	for _, p := range s.parts {
		next.USNs[p.id] = root.usn
		if err := s.newRun(l, m, p, pageSize).changedObjects(ctx, mark.USNs[p.id]); err != nil {
			return next, err
		}
	}
	return next, s.stamp(ctx, l, &next)
}

// sameMembers checks that the group of the filter has not changed: members that left it
// cannot be told.
func (s *session) sameMembers(ctx context.Context, l *link, mark watermark) error {
	if s.scope.group == "" {
		return nil
	}
	e, err := l.read(ctx, s.scope.head.dn(), anything, "uSNChanged")
	if err != nil {
		return err
	}
	if e != nil {
		now, err := strconv.ParseInt(single(e, "uSNChanged"), 10, 64)
		if err == nil && !slices.ContainsFunc(s.parts, func(p partition) bool { return now > mark.USNs[p.id] }) {
			return nil
		}
	}
	return expired("the members of %s may have changed", s.scope.group)
}

func (r *deltaRun) changedObjects(ctx context.Context, usn int64) error {
	sent := newTally()
	err := r.since(ctx, r.link, r.partition, r.plan.changeFilter, usn, r.requested(), func(e *entry) error {
		return r.changedObject(ctx, e, sent)
	})
	if err != nil {
		return fmt.Errorf("changes of %s: %w", r.partition.dn, err)
	}
	if err := r.descend(ctx); err != nil {
		return err
	}
	if err := r.welcome(ctx); err != nil {
		return err
	}
	return r.deletedSince(ctx, r.link, r.partition, usn, func(g guid) error { return r.out.gone(connector.NewAnchor(g[:])) })
}

// deletedSince finds objects that were deleted after a number, where the account may see
// these.
func (s *session) deletedSince(ctx context.Context, l *link, p partition, usn int64, each func(guid) error) error {
	visible, err := l.seesDeleted(ctx, p.dn)
	if err != nil || !visible {
		return err
	}
	deleted := since("(&(isDeleted=TRUE)"+s.plan.filter+")", usn)
	for entries, err := range l.pages(ctx, &ldap.SearchRequest{
		BaseDN: deletedObjects(p.dn), Scope: ldap.ScopeSingleLevel, Filter: deleted, Attributes: []string{"objectGUID"},
		Controls: []ldap.Control{showDeleted(), domainScope()},
	}, s.d.opts.PageSize) {
		if err != nil {
			return fmt.Errorf("deletions of %s: %w", p.dn, err)
		}
		for _, e := range entries {
			g, ok := parseGUID(single(e, "objectGUID"))
			if !ok {
				continue
			}
			if err := each(g); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *deltaRun) changedObject(ctx context.Context, e *entry, sent *tally) error {
	g, o, imported, err := r.plan.identity(e)
	switch {
	case err != nil:
		return r.out.trouble(o, err)
	case !imported:
		if g != r.partition.head { // which cannot be renamed
			r.moved[g] = struct{}{}
		}
		return nil
	case !r.scope.holdsObject(g, e.DN): // it may have left
		return r.out.gone(o.Anchor)
	}
	r.entered[g], r.told[g] = struct{}{}, struct{}{}
	return r.importEntry(ctx, r.link, r.out, r.partition, e, sent)
}

// since finds objects that changed after a number. One that changes again meanwhile may
// come twice.
func (s *session) since(ctx context.Context, l *link, p partition, filter string, usn int64, attributes []string, each func(*entry) error) error {
	for entries, err := range l.pages(ctx, &ldap.SearchRequest{
		BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree, Filter: since(filter, usn), Attributes: attributes, Controls: []ldap.Control{domainScope()},
	}, s.d.opts.PageSize) {
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := each(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func since(filter string, usn int64) string {
	return "(&" + filter + "(uSNChanged>=" + strconv.FormatInt(usn+1, 10) + "))"
}

// startNumbers takes the numbers from which changes can be asked for later.
func (s *session) startNumbers(ctx context.Context, l *link) (watermark, error) {
	w := watermark{Selection: s.fingerprint(), Narrowed: s.plan.narrowed, USNs: map[string]int64{}}
	root, err := l.readRoot(ctx)
	if err != nil {
		return w, err
	}
	if root.usn == 0 {
		return w, fmt.Errorf("%w: the domain controller does not tell highestCommittedUSN", connector.ErrProtocol)
	}
	for _, p := range s.parts {
		w.USNs[p.id] = root.usn
	}
	if err := s.stamp(ctx, l, &w); err != nil {
		return w, err
	}
	if w.Invocation == "" {
		return w, fmt.Errorf("%w: the invocationId of the domain controller cannot be read, without which its numbers mean nothing", connector.ErrPermission)
	}
	return w, nil
}

// missedByUSN finds objects that were moved while a full import went on.
func (s *session) missedByUSN(ctx context.Context, l *link, p partition, usn int64, sent *tally) ([]guid, error) {
	var missed []guid
	err := s.since(ctx, l, p, s.plan.filter, usn, []string{"objectGUID"}, func(e *entry) error {
		g, ok := parseGUID(single(e, "objectGUID"))
		if ok && !sent.has(g) && !slices.Contains(missed, g) && s.scope.holdsObject(g, e.DN) {
			missed = append(missed, g)
		}
		return nil
	})
	return missed, err
}

// deletedObjects is the DN of the partition's container of deleted objects.
func deletedObjects(domain string) string { return "<WKGUID=" + wellKnownDeleted + "," + domain + ">" }

func showDeleted() ldap.Control {
	return &ldap.ControlString{ControlType: ldap.ControlTypeMicrosoftShowDeleted, Criticality: true}
}
