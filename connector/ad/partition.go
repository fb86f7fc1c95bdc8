package ad

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
)

// A partition is one naming context that is imported.
type partition struct {
	id      string // GUID of its head
	dn      string
	head    guid
	fqdn    string
	netbios string
}

// partitions finds the configured naming contexts on the domain controller.
func (d *Directory) partitions(ctx context.Context, l *link) ([]partition, error) {
	wanted := d.opts.Partitions
	if len(wanted) == 0 {
		wanted = []string{l.root.defaultNC}
	}
	out := make([]partition, 0, len(wanted))
	for _, dn := range wanted {
		spelled, ok := l.root.holds(dn)
		if !ok {
			return nil, &connector.Error{Op: "open", Connector: d.name, Object: connector.Key{DN: dn}, Code: connector.CodeInvalidDN,
				Err: fmt.Errorf("%w: %s does not hold this partition", connector.ErrInvalid, l.server.addr)}
		}
		p, err := l.readPartition(ctx, spelled)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (l *link) readPartition(ctx context.Context, dn string) (partition, error) {
	p := partition{dn: dn, fqdn: dnsName(dn)}
	head, err := l.read(ctx, dn, anything, "objectGUID")
	if err != nil {
		return p, err
	}
	if head == nil {
		return p, fmt.Errorf("%w: the head of partition %s cannot be read", connector.ErrPermission, dn)
	}
	var ok bool
	if p.head, ok = parseGUID(single(head, "objectGUID")); !ok {
		return p, fmt.Errorf("%w: partition %s has no objectGUID", connector.ErrProtocol, dn)
	}
	p.id = p.head.String()
	return p, l.readCrossRef(ctx, &p)
}

// readCrossRef completes the names of a domain; other partitions have none, nor does a
// directory without the object.
func (l *link) readCrossRef(ctx context.Context, p *partition) error {
	result, err := l.search(ctx, &ldap.SearchRequest{
		BaseDN: "CN=Partitions," + l.root.configNC, Scope: ldap.ScopeSingleLevel,
		Filter:     "(&(objectClass=crossRef)(nCName=" + ldap.EscapeFilter(p.dn) + "))",
		Attributes: []string{"nETBIOSName", "dnsRoot"},
	})
	if err != nil || len(result.entries) == 0 {
		if resultCode(err) != 0 {
			return nil
		}
		return err
	}
	e := result.entries[0]
	p.netbios = single(e, "nETBIOSName")
	if root := single(e, "dnsRoot"); root != "" {
		p.fqdn = root
	}
	return nil
}

// dnsName derives a DNS name from the DC components of a DN.
func dnsName(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return ""
	}
	var labels []string
	for _, rdn := range parsed.RDNs {
		if a := rdn.Attributes[0]; strings.EqualFold(a.Type, "DC") {
			labels = append(labels, a.Value)
		}
	}
	return strings.Join(labels, ".")
}

func (p partition) parameters(prefix string) map[string]string {
	return map[string]string{prefix + ".FQDN": p.fqdn, prefix + ".Netbios": p.netbios, prefix + ".LDAP": p.dn}
}

// Schema reads classes, attributes and partitions from the directory. Attributes are those
// that objects of the configured classes may have. The directory's own schema is kept in
// memory and read again only after it has changed.
func (d *Directory) Schema(ctx context.Context) (*connector.Schema, error) {
	l, err := d.connect(ctx)
	if err != nil {
		return nil, d.failure("schema", err)
	}
	defer l.close()
	out, err := d.readSchema(ctx, l)
	return out, d.failure("schema", err)
}

func (d *Directory) readSchema(ctx context.Context, l *link) (*connector.Schema, error) {
	s, err := d.schema(ctx, l)
	if err != nil {
		return nil, err
	}
	out, err := d.describe(s)
	if err != nil {
		return nil, err
	}
	forest, err := l.readPartition(ctx, l.root.rootNC)
	switch {
	case err == nil:
		out.Parameters = forest.parameters("Forest")
	case l.root.rootNC != l.root.defaultNC && l.alive() && ctx.Err() == nil:
		// The forest's root domain is elsewhere; its names are known all the same.
		forest = partition{dn: l.root.rootNC, fqdn: dnsName(l.root.rootNC)}
		if err := l.readCrossRef(ctx, &forest); err != nil {
			return nil, err
		}
		out.Parameters = forest.parameters("Forest")
	default:
		return nil, err
	}
	parts, err := d.partitions(ctx, l)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		out.Partitions = append(out.Partitions, connector.Partition{ID: p.id, DN: p.dn, Parameters: p.parameters("Domain")})
	}
	return out, nil
}

// describe lists the configured classes with their attributes.
func (d *Directory) describe(s *schema) (*connector.Schema, error) {
	out := &connector.Schema{}
	listed := map[string]bool{}
	for _, name := range d.opts.Classes {
		c := s.class(name)
		if c == nil {
			return nil, &connector.Error{Op: "schema", Connector: d.name, Code: connector.CodeMissingClass,
				Err: fmt.Errorf("%w: the directory has no class %s", connector.ErrInvalid, name)}
		}
		pub := connector.Class{Name: c.name, Export: !d.opts.ReadOnly}
		for _, a := range s.attributesOf(c.name) {
			known := s.attribute(a)
			pub.Attributes = append(pub.Attributes, known.name)
			if !listed[known.name] {
				listed[known.name] = true
				out.Attributes = append(out.Attributes, known.public())
			}
		}
		out.Classes = append(out.Classes, pub)
	}
	return out, nil
}
