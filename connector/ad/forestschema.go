package ad

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// Schema reads classes and attributes, which are the same in the whole forest, from the
// first domain that can be reached, and the names of all domains. A domain that cannot be
// reached is known to the others.
func (f *Forest) Schema(ctx context.Context) (*connector.Schema, error) {
	var out *connector.Schema
	var errs []error
	unknown := 0
	for _, d := range f.domains {
		s, crossRefs, err := d.readForest(ctx)
		if ctx.Err() != nil {
			return nil, f.failure("schema", context.Cause(ctx))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("domain %s: %w", d.place(), err))
			unknown++
			continue
		}
		if out == nil {
			out = s
			out.Partitions = append(out.Partitions, crossRefs...)
		} else {
			out.Partitions = append(s.Partitions, out.Partitions...)
		}
	}
	if out == nil {
		return nil, f.failure("schema", errors.Join(errs...))
	}
	for i := range out.Classes {
		out.Classes[i].Export = f.writable() // whichever domain was asked
	}
	// What a domain tells of itself comes first.
	var known []connector.Partition
	for _, p := range out.Partitions {
		if !slices.ContainsFunc(known, func(k connector.Partition) bool { return k.ID == p.ID }) {
			known = append(known, p)
		}
	}
	out.Partitions = known
	if unknown > 0 && !f.covers(known, unknown) {
		return nil, f.failure("schema", errors.Join(errs...))
	}
	slices.SortFunc(out.Partitions, func(a, b connector.Partition) int {
		return strings.Compare(strings.ToLower(a.DN), strings.ToLower(b.DN))
	})
	return out, nil
}

// covers reports whether the names of the domains that cannot be reached are known: they
// must be among the partitions, whichever these are.
func (f *Forest) covers(known []connector.Partition, unknown int) bool {
	others := 0
	for _, p := range known {
		if !slices.ContainsFunc(f.domains, func(d *Directory) bool { return d.knows(p.ID) }) {
			others++
		}
	}
	return others >= unknown
}

// knows reports whether a partition is among those that the domain had when its names
// were last read.
func (d *Directory) knows(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Contains(d.held, id)
}

// readForest reads what one domain knows of the forest: its schema and partitions, and
// those of all domains by their cross-references.
func (d *Directory) readForest(ctx context.Context) (*connector.Schema, []connector.Partition, error) {
	d.remember(nil)
	l, err := d.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer l.close()
	s, err := d.readSchema(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	for _, p := range s.Partitions {
		ids = append(ids, p.ID)
	}
	d.remember(ids)
	others, err := l.readCrossRefs(ctx)
	return s, others, err
}

func (d *Directory) remember(ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = ids
}

// readCrossRefs reads the names of all domains of the forest, as far as the domain
// controller tells their GUIDs.
func (l *link) readCrossRefs(ctx context.Context) ([]connector.Partition, error) {
	const domains = "(&(objectClass=crossRef)(systemFlags:1.2.840.113556.1.4.803:=3))" // naming contexts of domains
	found, err := l.search(ctx, &ldap.SearchRequest{
		BaseDN: "CN=Partitions," + l.root.configNC, Scope: ldap.ScopeSingleLevel, Filter: domains,
		Attributes: []string{"nETBIOSName", "dnsRoot", "nCName"}, Controls: []ldap.Control{&ldap.ControlString{ControlType: ldap.ControlTypeMicrosoftExtendedDN, Criticality: true}},
	})
	if resultCode(err) != 0 {
		return nil, nil //nolint:nilerr // not told; who needs it says so
	}
	if err != nil {
		return nil, err
	}
	var out []connector.Partition
	for _, e := range found.entries {
		name := single(e, "nCName")
		digits, _, ok := strings.Cut(strings.TrimPrefix(name, "<GUID="), ">")
		raw, err := hex.DecodeString(digits)
		g, valid := parseGUID(string(raw))
		if !ok || err != nil || !valid {
			continue
		}
		p := partition{dn: plainDN(name), fqdn: single(e, "dnsRoot"), netbios: single(e, "nETBIOSName")}
		out = append(out, connector.Partition{ID: g.String(), DN: p.dn, Parameters: p.parameters("Domain")})
	}
	return out, nil
}
