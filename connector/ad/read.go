package ad

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// readBatch is the number of objects to ask for by GUID in one filter.
const readBatch = 200

// readGUIDs finds objects by GUID, wherever in the partitions they are, and passes them on
// in no particular order. Missing ones are left out.
func (s *session) readGUIDs(ctx context.Context, l *link, guids []guid, attributes []string, each func(*entry) error, parts ...partition) error {
	for chunk := range slices.Chunk(guids, readBatch) {
		var filter strings.Builder
		filter.WriteString("(|")
		for _, g := range chunk {
			filter.WriteString(g.filter())
		}
		filter.WriteString(")")
		for _, p := range parts {
			for entries, err := range l.pages(ctx, &ldap.SearchRequest{
				BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree, Filter: filter.String(), Attributes: attributes,
				Controls: []ldap.Control{domainScope()},
			}, readBatch) {
				if err != nil {
					return err
				}
				for _, e := range entries {
					if err := each(e); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// ReadObjects implements [connector.ObjectReader]. An object that is not in scope, or of a
// class that is not imported, does not exist.
func (s *session) ReadObjects(ctx context.Context, keys []connector.Key) iter.Seq2[connector.Item, error] {
	return s.stream(ctx, "read", func(l *link, m *emitter) error {
		for chunk := range slices.Chunk(keys, readBatch) {
			if err := s.readKeys(ctx, l, m, chunk); err != nil {
				return err
			}
		}
		return nil
	})
}

// find reads the objects of keys with anchors.
func (s *session) find(ctx context.Context, l *link, keys []connector.Key) (map[guid]*entry, error) {
	var guids []guid
	for _, k := range keys {
		if g, ok := parseGUID(k.Anchor.Raw()); ok {
			guids = append(guids, g)
		}
	}
	found := map[guid]*entry{}
	err := s.readGUIDs(ctx, l, guids, s.requested(), func(e *entry) error {
		if g, ok := parseGUID(single(e, "objectGUID")); ok {
			found[g] = e
		}
		return nil
	}, s.parts...)
	return found, err
}

func (s *session) readKeys(ctx context.Context, l *link, m *emitter, keys []connector.Key) error {
	found, err := s.find(ctx, l, keys)
	if err != nil {
		return err
	}
	for _, k := range keys {
		var e *entry
		switch g, ok := parseGUID(k.Anchor.Raw()); {
		case ok:
			e = found[g]
		case k.Anchor.IsZero() && k.DN != "":
			if e, err = s.readDN(ctx, l, k.DN); err != nil {
				return err
			}
		}
		if err := s.sendRead(ctx, l, m, k, e); err != nil {
			return err
		}
	}
	return nil
}

// readDN reads by DN; one that is no DN names nothing.
func (s *session) readDN(ctx context.Context, l *link, dn string) (*entry, error) {
	e, err := l.read(ctx, dn, anything, s.requested()...)
	if resultCode(err) == ldap.LDAPResultInvalidDNSyntax {
		return nil, nil
	}
	return e, err
}

// sendRead sends the item for one key; e is nil where nothing was found.
func (s *session) sendRead(ctx context.Context, l *link, m *emitter, k connector.Key, e *entry) error {
	missing := connector.Item{Kind: connector.ItemDelete, Object: &connector.Object{Anchor: k.Anchor, DN: k.DN}}
	if e == nil {
		return m.send(missing)
	}
	if g, _ := parseGUID(single(e, "objectGUID")); !s.scope.holdsObject(g, e.DN) {
		return m.send(missing)
	}
	d, err := s.plan.draft(e)
	i := slices.IndexFunc(s.parts, func(p partition) bool { return within(e.DN, p.dn) })
	if err == nil && !d.imported || i < 0 {
		return m.send(missing)
	}
	d.object.Partition = s.partitionOf(s.parts[i])
	if err == nil && len(d.incomplete) > 0 {
		var exists bool
		if exists, err = s.complete(ctx, l, &d); err == nil && !exists {
			return m.send(missing)
		}
	}
	if err != nil {
		return m.trouble(d.object, err)
	}
	return m.send(connector.Item{Kind: connector.ItemObject, Object: d.object})
}

// errUnexpectedEntry is an entry of DirSync that names no object.
var errUnexpectedEntry = fmt.Errorf("%w: a change without objectGUID", connector.ErrProtocol)
