package ad

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// A scope is the part of the partitions that is imported. DNs are spelled as the server
// spells them, so that membership is a comparison of suffixes.
type scope struct {
	include, exclude []string
	restricted       bool

	// group is the DN of the group whose direct members alone are imported, "" for none;
	// members are these as of now.
	group   string
	head    guid // of the group
	members map[guid]struct{}

	identity string // of what is selected, whatever it is called now
	memory   memory // to be kept for the next time
}

// A memory is what has to be known of the configured containers between imports. They are
// configured by DN and kept by GUID: who renames an organizational unit does not want to
// delete all accounts in it.
type memory struct {
	// Containers are the GUIDs of containers and groups by how they are configured, in
	// lower case.
	Containers map[string]string `json:"containers,omitempty"`
	// Inside are the GUIDs of the containers beneath included ones, where ones that come
	// later are to stay out.
	Inside []string `json:"inside,omitempty"`
}

// holds reports whether an object with that DN is in scope: the nearest of the configured
// containers above it decides.
func (s *scope) holds(dn string) bool {
	if !s.restricted {
		return true
	}
	in, nearest := len(s.include) == 0, -1
	for _, base := range s.include {
		if len(base) > nearest && within(dn, base) {
			in, nearest = true, len(base)
		}
	}
	for _, base := range s.exclude {
		if len(base) >= nearest && within(dn, base) {
			in, nearest = false, len(base)
		}
	}
	return in
}

// holdsObject reports whether that object is in scope.
func (s *scope) holdsObject(g guid, dn string) bool {
	if s.group != "" {
		if _, ok := s.members[g]; !ok {
			return false
		}
	}
	return s.holds(dn)
}

// touches reports whether something beneath the container could be in scope.
func (s *scope) touches(container string) bool {
	return s.holds(container) || slices.ContainsFunc(s.include, func(i string) bool { return within(i, container) })
}

// bases are the DNs to search for all objects of a partition, none beneath another.
func (s *scope) bases(p partition) []string {
	if len(s.include) == 0 {
		return []string{p.dn}
	}
	var out []string
	for i, dn := range s.include {
		if !within(dn, p.dn) {
			continue
		}
		nested := false
		for j, other := range s.include {
			nested = nested || i != j && within(dn, other) && (!within(other, dn) || j < i)
		}
		if !nested {
			out = append(out, dn)
		}
	}
	return out
}

// filter narrows a search to what the scope can hold.
func (s *scope) filter(classes string) string {
	if s.group == "" {
		return classes
	}
	return "(&" + classes + "(memberOf=" + ldap.EscapeFilter(s.group) + "))"
}

// readScope looks the configured containers up, by GUID where they are known already. A
// missing one is an error: without an included container everything in it would seem
// deleted, without an excluded one what was to stay out would come in.
func (s *session) readScope(ctx context.Context, l *link, known memory) (*scope, error) {
	o := &s.d.opts
	out := &scope{restricted: len(o.Include)+len(o.Exclude) > 0 || o.GroupFilter != "" || o.HoldNewContainers,
		memory: memory{Containers: map[string]string{}}}
	var ids []string
	for _, list := range []struct {
		field string
		dns   []string
		take  func(*entry)
	}{
		{"Include", o.Include, func(e *entry) { out.include = append(out.include, e.DN) }},
		{"Exclude", o.Exclude, func(e *entry) { out.exclude = append(out.exclude, e.DN) }},
		{"GroupFilter", one(o.GroupFilter), func(e *entry) { out.group = e.DN }},
	} {
		for _, dn := range list.dns {
			e, g, err := s.container(ctx, l, list.field, dn, known)
			if err != nil {
				return nil, err
			}
			out.memory.Containers[strings.ToLower(dn)] = g.String()
			ids = append(ids, list.field+" "+g.String())
			list.take(e)
			if list.field == "GroupFilter" {
				out.head = g
			}
		}
	}
	slices.Sort(ids)
	out.identity = fmt.Sprintf("%q %v", slices.Compact(ids), o.HoldNewContainers)
	if o.HoldNewContainers {
		if err := s.holdNew(ctx, l, out, known.Inside); err != nil {
			return nil, err
		}
	}
	if out.group != "" {
		if err := s.readMembers(ctx, l, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func one(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// container finds one configured container or group.
func (s *session) container(ctx context.Context, l *link, field, dn string, known memory) (*entry, guid, error) {
	find := func(at string) (*entry, guid, error) {
		e, err := l.read(ctx, at, anything, "objectGUID")
		if err != nil || e == nil || !slices.ContainsFunc(s.parts, func(p partition) bool { return within(e.DN, p.dn) }) {
			return nil, guid{}, err
		}
		g, ok := parseGUID(single(e, "objectGUID"))
		if !ok {
			return nil, g, fmt.Errorf("%w: %s has no objectGUID that can be read", connector.ErrPermission, e.DN)
		}
		return e, g, nil
	}
	if g, ok := readableGUID(known.Containers[strings.ToLower(dn)]); ok {
		e, g, err := find(g.dn())
		if err != nil {
			return nil, g, err
		}
		if e != nil {
			if !sameDN(e.DN, dn) && !strings.HasPrefix(dn, "<") {
				s.log.LogAttrs(ctx, slog.LevelWarn, "a configured container was renamed or moved, it is still the one that is meant; correct the configuration",
					slog.String("option", field), slog.String("configured", dn), slog.String("now", e.DN))
			}
			return e, g, nil
		}
	}
	e, g, err := find(dn)
	if err == nil && e == nil {
		err = &connector.Error{Op: "open", Connector: s.d.name, Object: connector.Key{DN: dn}, Code: connector.CodeInvalidDN,
			Err: fmt.Errorf("%w: no such object in the partitions; renamed or moved? correct Options.%s", connector.ErrInvalid, field)}
	}
	return e, g, err
}

// holdNew excludes containers beneath included ones that were not there the first time.
func (s *session) holdNew(ctx context.Context, l *link, out *scope, inside []string) error {
	first := inside == nil
	out.memory.Inside = []string{}
	var fresh []string
	for _, p := range s.parts {
		for _, base := range out.bases(p) {
			for entries, err := range l.pages(ctx, &ldap.SearchRequest{
				BaseDN: base, Scope: ldap.ScopeWholeSubtree, Filter: "(|(objectClass=organizationalUnit)(objectClass=container))",
				Attributes: []string{"objectGUID"}, Controls: []ldap.Control{domainScope()},
			}, s.d.opts.PageSize) {
				if err != nil {
					return err
				}
				for _, e := range entries {
					g, ok := parseGUID(single(e, "objectGUID"))
					switch {
					case !ok || slices.ContainsFunc(out.include, func(dn string) bool { return strings.EqualFold(dn, e.DN) }):
					case first || slices.Contains(inside, g.String()):
						out.memory.Inside = append(out.memory.Inside, g.String())
					default:
						fresh = append(fresh, e.DN)
					}
				}
			}
		}
	}
	slices.Sort(out.memory.Inside)
	for _, dn := range fresh {
		out.exclude = append(out.exclude, dn)
		s.log.LogAttrs(ctx, slog.LevelInfo, "a new container is not imported; add it to Include to have it", slog.String("dn", dn))
	}
	return nil
}

// readMembers finds the direct members of the group.
func (s *session) readMembers(ctx context.Context, l *link, out *scope) error {
	out.members = map[guid]struct{}{}
	for _, p := range s.parts {
		for entries, err := range l.pages(ctx, &ldap.SearchRequest{
			BaseDN: p.dn, Scope: ldap.ScopeWholeSubtree, Filter: out.filter(s.plan.filter),
			Attributes: []string{"objectGUID"}, Controls: []ldap.Control{domainScope()},
		}, s.d.opts.PageSize) {
			if err != nil {
				return fmt.Errorf("members of %s: %w", out.group, err)
			}
			for _, e := range entries {
				if g, ok := parseGUID(single(e, "objectGUID")); ok {
					out.members[g] = struct{}{}
				}
			}
		}
	}
	return nil
}

// domainScope is the control that keeps referrals to other domains out of answers.
func domainScope() ldap.Control {
	return &ldap.ControlString{ControlType: ldap.ControlTypeMicrosoftDomainScope}
}

// readableGUID is the inverse of [guid.String].
func readableGUID(text string) (guid, bool) {
	var g guid
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != len(g) {
		return g, false
	}
	for i, from := range [...]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		g[i] = raw[from]
	}
	return g, true
}

// excluded reports whether an object is in a container that is taken out of the scope.
func (s *scope) excluded(dn string) bool {
	return slices.ContainsFunc(s.exclude, func(base string) bool { return within(dn, base) })
}
