package ad

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// A scope is the part of the partitions that is imported. DNs are spelled as the server
// spells them, so that membership is a comparison of suffixes.
type scope struct {
	include, exclude []string
	restricted       bool
}

// holds reports whether an object with that DN is in scope.
func (s *scope) holds(dn string) bool {
	if !s.restricted {
		return true
	}
	under := func(base string) bool { return within(dn, base) }
	return (len(s.include) == 0 || slices.ContainsFunc(s.include, under)) && !slices.ContainsFunc(s.exclude, under)
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

// fold returns the DNs in the form of a fingerprint: order and case do not matter.
func (s *scope) fold(dns []string) []string {
	out := make([]string, len(dns))
	for i, dn := range dns {
		out[i] = strings.ToLower(dn)
	}
	slices.Sort(out)
	return out
}

// readScope looks the configured containers up. A missing one is an error: without an
// included container everything in it would seem deleted, without an excluded one what
// was to stay out would come in.
func (d *Directory) readScope(ctx context.Context, l *link, parts []partition) (*scope, error) {
	s := &scope{restricted: len(d.opts.Include)+len(d.opts.Exclude) > 0}
	for _, list := range []struct {
		field string
		dns   []string
		out   *[]string
	}{{"Include", d.opts.Include, &s.include}, {"Exclude", d.opts.Exclude, &s.exclude}} {
		for _, dn := range list.dns {
			e, err := l.read(ctx, dn, anything, "1.1")
			if err != nil {
				return nil, err
			}
			if e == nil || !slices.ContainsFunc(parts, func(p partition) bool { return within(e.DN, p.dn) }) {
				return nil, &connector.Error{Op: "open", Connector: d.name, Object: connector.Key{DN: dn}, Code: connector.CodeInvalidDN,
					Err: fmt.Errorf("%w: no such container in the partitions; renamed or moved? correct Options.%s", connector.ErrInvalid, list.field)}
			}
			*list.out = append(*list.out, e.DN)
		}
	}
	return s, nil
}
