package adtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// A forest is what domains have in common. They share a lock, the schema and the
// configuration; changes are counted by each alone.
type forest struct {
	domains []*directory // the root first
	epochs  map[GUID]int // how often objects moved between them
}

// NewDomain starts the domain controller of another domain in the forest of root, for a
// test. The options' Domain is required.
func NewDomain(t testing.TB, root *Server, opts *Options) *Server {
	t.Helper()
	o := opts.withDefaults()
	if o.OnMisuse == nil {
		o.OnMisuse = func(message string) { t.Error(message) }
	}
	s, err := root.AddDomain(&o)
	return s.until(t, err)
}

// AddDomain starts the domain controller of another domain in the forest of s, a child of
// its domain or the root of a tree of its own. It has objects, accounts, change numbers,
// certificates, faults and a log of its own; the configuration, the schema, the clock and
// the recycle bin are the forest's. Domains trust each other in that groups may hold
// members of all of them; an account signs in to its own domain only. Names of members in
// other domains are always up to date, which takes AD a while. There is no global
// catalogue. [Server.MoveTo] moves objects between domains.
func (s *Server) AddDomain(opts *Options) (*Server, error) {
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	root := s.dir.forest.domains[0]
	o.Clock, o.RecycleBin = root.clock, root.recycleBin
	d := newDomain(&o, root)
	s.mu.Unlock()
	certs, err := newCertificates(d.dnsHost, o.Domain, "*."+o.Domain)
	if err != nil {
		return nil, err
	}
	return (&Server{opts: o, mu: s.mu, dir: d, self: d.replicas[0], certs: certs}).start()
}

// join makes the domain part of a forest and known there.
func (p *provisioner) join(o *Options, root *directory) {
	p.forest = root.forest
	p.forest.domains = append(p.forest.domains, p.directory)
	p.config, p.schemaNC = root.config, root.schemaNC
	p.partitions = append(p.partitions, p.config, p.schemaNC)
	for nc, e := range root.deletedObjects {
		if nc == p.config || nc == p.schemaNC {
			p.deletedObjects[nc] = e
		}
	}
	at := &provisioner{directory: root, w: root.begin()}
	const isNC, isDomain = 1, 2
	ref := at.object(root.crossRefs, "crossRef", o.NetBIOS, "nCName", storedRef("", p.partitions[0].head),
		"systemFlags", text10(isNC|isDomain), "showInAdvancedViewOnly", "TRUE")
	at.attrs(ref, "dnsRoot", o.Domain, "nETBIOSName", o.NetBIOS, "msDS-Behavior-Version", "7")
	at.settings(root.replicas[0].service.parent.parent, p.serverName("DC1"), p.replicas[0])
}

// serverName names a domain controller among those of the forest.
func (d *directory) serverName(name string) string {
	if d.forest.domains[0] == d {
		return name
	}
	return d.netbios + "-" + name
}

// byAnyGUID finds an object in the whole forest, one that is not deleted where there is one:
// an object that moved may have left a tombstone.
func (d *directory) byAnyGUID(g GUID) *entry {
	e := d.byGUID[g]
	for _, other := range d.forest.domains {
		if e != nil && !e.isTombstone() {
			return e
		}
		if o := other.byGUID[g]; o != nil && (e == nil || !o.isTombstone()) {
			e = o
		}
	}
	return e
}

// resolve finds the object that a reference names, in whatever domain.
func (d *directory) resolve(name string) (*entry, error) {
	e, err := d.find(name)
	for _, other := range d.forest.domains {
		if err == nil && !e.isTombstone() {
			break
		}
		if o, oerr := other.find(name); other != d && oerr == nil {
			e, err = o, nil
		}
	}
	return e, err
}

// elsewhere reports whether a DN is in another domain of the forest.
func (d *directory) elsewhere(names []rdn) bool {
	own := len(d.partitions[0].path)
	return slices.ContainsFunc(d.forest.domains, func(other *directory) bool {
		path := other.partitions[0].path
		if other == d || len(path) < own || len(names) < len(path) {
			return false
		}
		for i, key := range path {
			if names[len(names)-1-i].key() != key {
				return false
			}
		}
		return true
	})
}

// MoveTo moves an object to another domain of the forest, under a parent there, as movetree
// does, and returns its new DN. It keeps its GUID, attributes, password and links at both
// ends and gets a new SID. What it leaves behind is said by [Options.SilentMoves]. Objects
// with others below them do not move, nor do members of global groups.
func (s *Server) MoveTo(dn string, to *Server, parent string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.dir.find(dn)
	if err != nil {
		return "", err
	}
	under, err := to.dir.find(parent)
	if err != nil {
		return "", err
	}
	if to.dir.forest != s.dir.forest || to.dir == s.dir || under.deleted || e.deleted || len(e.children) > 0 ||
		e.nc != s.dir.partitions[0] || under.nc != to.dir.partitions[0] {
		return "", unwilling(0x2035)
	}
	if slices.ContainsFunc(e.back, func(l *link) bool {
		const global = 2
		return l.attr.def == s.dir.s.member && l.visible() && number(l.source.first(s.dir.s.groupType))&global != 0
	}) {
		return "", unwilling(0x212D)
	}
	if under.children[e.name().key()] != nil || to.dir.bySam[fold(e.first(s.dir.s.samName))] != nil && e.first(s.dir.s.samName) != "" {
		return "", exists(0x2071)
	}
	p := pack(e)
	s.dir.proxy(e, formatRDN(strings.ToUpper(e.rdnDef.name), e.rdnValue)+","+under.dn)
	if s.opts.SilentMoves {
		s.dir.unindex(e)
		s.dir.purge(e)
	} else {
		s.dir.tombstone(e)
	}
	if to.faults.holdsArrivals() {
		to.dir.transit = append(to.dir.transit, func() { to.dir.unpack(p, under) })
		return p.rdn(under), nil
	}
	return to.dir.unpack(p, under).dn, nil
}

// A parcel is an object on its way from one domain to another.
type parcel struct {
	class    *classDef
	guid     GUID
	rdnDef   *attrDef
	name     string
	password string
	account  bool
	attrs    []attrVal
	links    []link // its own
	back     []link // those to it
}

func (p *parcel) rdn(parent *entry) string {
	return formatRDN(strings.ToUpper(p.rdnDef.name), p.name) + "," + parent.dn
}

func pack(e *entry) *parcel {
	p := &parcel{class: e.class, guid: e.guid, rdnDef: e.rdnDef, name: e.rdnValue, password: e.password, account: e.sid != ""}
	for _, a := range e.attrs {
		if len(a.values) > 0 {
			p.attrs = append(p.attrs, attrVal{def: a.def, values: slices.Clone(a.values)})
		}
	}
	for _, la := range e.links {
		for _, l := range la.list {
			if l.visible() {
				p.links = append(p.links, *l)
			}
		}
	}
	for _, l := range e.back { // values that were taken away too: they are still to be told
		if !l.source.isTombstone() {
			p.back = append(p.back, *l)
		}
	}
	return p
}

// unpack makes the object in its new domain.
func (d *directory) unpack(p *parcel, parent *entry) *entry {
	if old := d.byGUID[p.guid]; old != nil {
		d.purge(old) // it has been here before
	}
	made := d.insert(d.begin(), parent.nc, parent, p.class, p.name)
	delete(d.byGUID, made.guid)
	made.guid, made.password = p.guid, p.password
	d.byGUID[made.guid] = made
	if p.account {
		d.setSID(made, sidWithRID(d.domainSID, d.nextRID))
		d.nextRID++
	}
	for _, a := range p.attrs {
		if a.def != d.s.objectClass && a.def != p.rdnDef {
			d.reindex(made, a.def, a.values)
			made.set(a.def, a.values, made.usnChanged)
		}
	}
	for _, l := range p.links {
		if !l.target.isTombstone() && !l.target.purged {
			made.setLink(l.attr.def, l.linkKey, true, made.usnChanged)
		}
	}
	for _, l := range p.back {
		if l.source.isTombstone() || l.source.purged {
			continue
		}
		// Who follows changes is not told: the reference names what it named before.
		before := int64(0)
		if la := l.source.linkAttr(l.attr.def); la != nil {
			before = la.usn
		}
		l.source.setLink(l.attr.def, linkKey{made, l.data}, l.present, l.usn)
		la := l.source.linkAttr(l.attr.def)
		la.usn = max(before, l.usn)
	}
	return made
}

// proxy leaves what tells the other domain controllers of the domain where an object went:
// a deleted object that names it.
func (d *directory) proxy(e *entry, to string) {
	infrastructure := d.wellKnown["2FBAC1870ADE11D297C400C04FD8D5CD"]
	w := d.begin()
	p := d.insert(w, e.nc, infrastructure, d.s.class("infrastructureUpdate"), d.guids.next().String())
	d.forest.epochs[e.guid]++
	data := fmt.Sprintf("B:16:%016X:", d.forest.epochs[e.guid])
	p.set(d.s.mustAttr("proxiedObjectName"), []string{data + "\x00" + string(e.guid[:]) + to}, p.usnChanged)
	d.tombstone(p)
}

// referral sends a client to the domain that a name belongs to.
func referral(name string, names []rdn) error {
	var labels []string
	for _, n := range names {
		if strings.EqualFold(n.typ, "DC") {
			labels = append(labels, n.value)
		}
	}
	host := strings.Join(labels, ".")
	return &Error{Code: ldap.LDAPResultReferral, Referral: []string{"ldap://" + host + "/" + name},
		Message: "0000202B: RefErr: DSID-031007F9, data 0, 1 access points\n\tref 1: '" + host + "'\n\x00"}
}
