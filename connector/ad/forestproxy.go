package ad

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// What leaves a domain for another one leaves a deleted object there that names it, for the
// domain controllers of the domain that is left to learn of the move. It is the only trace
// while the domain controller of the other domain has not heard of the move: the object is
// nowhere then, and would seem deleted.

// underway fails while an object of concern is known to have moved, lately, to a domain
// whose domain controller does not have it yet. Who may not list deleted objects does not
// find out.
func (s *forestSession) underway(ctx context.Context, concerns func(guid) bool) error {
	last := map[guid]proxied{} // moves of concern, the last one of each object
	err := s.each(ctx, func(x *domain) error {
		moved, err := x.s.movedAway(ctx, x.link)
		for _, m := range moved {
			if concerns(m.guid) && m.epoch >= last[m.guid].epoch {
				last[m.guid] = m
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.each(ctx, func(x *domain) error {
		for g, m := range last {
			if s.domainOf(m.dn) != x {
				continue
			}
			arrived, err := x.link.exists(ctx, g)
			if err != nil {
				return err
			}
			if !arrived {
				return fmt.Errorf("%w: %s has moved here from another domain, and the domain controller does not have it yet; wait until that has been replicated", connector.ErrUnavailable, m.dn)
			}
		}
		return nil
	})
}

// A proxied is an object that left a domain.
type proxied struct {
	guid  guid
	epoch string // which of its moves it was, in digits
	dn    string // that it was given
}

// movedAway finds the objects that left the domain lately.
func (s *session) movedAway(ctx context.Context, l *link) ([]proxied, error) {
	var out []proxied
	patience := s.d.patience()
	root, err := l.readRoot(ctx)
	if err != nil || root.now.IsZero() || patience < 0 {
		return out, err
	}
	for _, p := range s.parts {
		visible, err := l.seesDeleted(ctx, p.dn)
		if err != nil {
			return nil, err
		}
		if !visible {
			continue
		}
		filter := "(&(objectClass=infrastructureUpdate)(proxiedObjectName=*)(whenChanged>=" + root.now.Add(-patience).UTC().Format("20060102150405.0Z") + "))"
		for entries, err := range l.pages(ctx, &ldap.SearchRequest{
			BaseDN: deletedObjects(p.dn), Scope: ldap.ScopeSingleLevel, Filter: filter, Attributes: []string{"proxiedObjectName"},
			Controls: []ldap.Control{showDeleted(), domainScope(), &ldap.ControlString{ControlType: ldap.ControlTypeMicrosoftExtendedDN, Criticality: true}},
		}, s.d.opts.PageSize) {
			if err != nil {
				return nil, fmt.Errorf("moves out of %s: %w", p.dn, err)
			}
			for _, e := range entries {
				if m, ok := parseProxied(single(e, "proxiedObjectName")); ok {
					out = append(out, m)
				}
			}
		}
	}
	return out, nil
}

// parseProxied reads B:16:<type and epoch>:<GUID=...>;<SID=...>;DN.
func parseProxied(value string) (proxied, bool) {
	parts := strings.SplitN(value, ":", 4)
	const moved = "00000000" // the type of an object that moved
	if len(parts) != 4 || parts[0] != "B" || len(parts[2]) != 16 || !strings.HasPrefix(parts[2], moved) {
		return proxied{}, false
	}
	digits, rest, _ := strings.Cut(strings.TrimPrefix(parts[3], "<GUID="), ">")
	raw, err := hex.DecodeString(digits)
	g, ok := parseGUID(string(raw))
	return proxied{g, strings.ToUpper(parts[2]), plainDN(strings.TrimPrefix(rest, ";"))}, ok && err == nil
}

// exists reports whether a domain controller has an object, be it deleted.
func (l *link) exists(ctx context.Context, g guid) (bool, error) {
	found, err := l.search(ctx, &ldap.SearchRequest{BaseDN: g.dn(), Scope: ldap.ScopeBaseObject, Filter: anything,
		Attributes: []string{"1.1"}, Controls: []ldap.Control{showDeleted()}})
	if resultCode(err) != 0 {
		return false, nil //nolint:nilerr // it is not there
	}
	if err != nil {
		return false, err
	}
	return len(found.entries) > 0, nil
}

// patience is how long replication is waited for, negative for not at all.
func (d *Directory) patience() time.Duration {
	if d.opts.FailoverWait == 0 {
		return failoverWait
	}
	return d.opts.FailoverWait
}
