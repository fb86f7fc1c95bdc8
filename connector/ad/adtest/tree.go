package adtest

import (
	"slices"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// A directory is the content of the domain controller. Its user holds a lock: shared to
// read, exclusive to write.
type directory struct {
	s          *schema
	domain     string // DNS name
	netbios    string
	dnsHost    string
	clock      func() time.Time
	recycleBin bool
	guids      guidSource
	forest     *forest

	usn       int64
	replicas  []*replica // of this directory, the first domain controller's first
	domainSID string
	nextRID   uint32
	nextSeq   int

	partitions []*partition // the domain first
	byGUID     map[GUID]*entry
	bySID      map[string]*entry
	bySam      map[string]*entry // folded; of objects that are not deleted
	byUPN      map[string]*entry
	wellKnown  map[string]*entry // by upper-case WKGUID, in the domain

	config, schemaNC *partition
	deletedObjects   map[*partition]*entry
	fsps             *entry
	transit          []func() // arrivals that are held, see [Faults.HoldArrivals]
	crossRefs        *entry   // the container of the forest's cross-references, in its root

	holder      *entry // AdminSDHolder, whose descriptor administrators have
	defaults    map[ownKey]*secdesc.Descriptor
	descriptors map[descriptorKey]*secdesc.Descriptor // that objects have in common
}

// A partition is a naming context.
type partition struct {
	head    *entry
	path    []string // RDN keys from the root of the name to the head
	entries []*entry // in order of creation, deleted ones too; purged ones are dropped at times
	purged  int
	log     []logItem
}

// An entry is an object.
type entry struct {
	seq      int
	guid     GUID
	sid      string
	nc       *partition
	parent   *entry // nil for the head of a partition
	children map[string]*entry
	rdnDef   *attrDef
	rdnValue string
	rdnUSN   int64 // when the name or the place last changed
	dn       string
	class    *classDef
	attrs    []attrVal
	links    []*linkAttr
	back     []*link // links of others to this object

	usnCreated, usnChanged int64
	created, changed       time.Time
	deleted, purged        bool
	keeper                 bool // a container of deleted objects
	password               string

	own, sd *secdesc.Descriptor // its own entries; these and the inherited ones
}

// An attrVal is a stored attribute; without values, one that was cleared.
type attrVal struct {
	def    *attrDef
	values []string
	usn    int64
}

// stored returns the attribute's record, or nil.
func (e *entry) stored(def *attrDef) *attrVal {
	for i := range e.attrs {
		if e.attrs[i].def == def {
			return &e.attrs[i]
		}
	}
	return nil
}

// first returns the first stored value, or "".
func (e *entry) first(def *attrDef) string {
	if a := e.stored(def); a != nil && len(a.values) > 0 {
		return a.values[0]
	}
	return ""
}

// under reports whether the object is base or stands below it.
func (e *entry) under(base *entry) bool {
	for ; e != nil; e = e.parent {
		if e == base {
			return true
		}
	}
	return false
}

// isTombstone reports whether the object was deleted. The container of deleted objects has
// isDeleted too, but is not one.
func (e *entry) isTombstone() bool { return e.deleted && !e.keeper }

// name returns the object's own part of its DN.
func (e *entry) name() rdn { return rdn{e.rdnDef.name, e.rdnValue} }

func (e *entry) formatDN() string {
	own := formatRDN(strings.ToUpper(e.rdnDef.name), e.rdnValue)
	if e.parent == nil {
		return own
	}
	return own + "," + e.parent.dn
}

// place puts the entry under a parent, with a name, and renames what is below it.
func (e *entry) place(parent *entry, value string) {
	if e.parent != nil {
		delete(e.parent.children, e.name().key())
	}
	e.parent, e.rdnValue = parent, value
	if parent.children == nil {
		parent.children = map[string]*entry{}
	}
	parent.children[e.name().key()] = e
	e.renamed()
}

func (e *entry) renamed() {
	e.dn = e.formatDN()
	for _, c := range e.children {
		c.renamed()
	}
}

// lookup finds the object of a DN. found is the nearest one, nil outside all partitions.
func (d *directory) lookup(names []rdn) (e, found *entry) {
	keys := make([]string, len(names))
	for i, n := range names {
		keys[len(names)-1-i] = n.key()
	}
	var nc *partition
	for _, p := range d.partitions {
		if len(p.path) <= len(keys) && (nc == nil || len(p.path) > len(nc.path)) && slices.Equal(p.path, keys[:len(p.path)]) {
			nc = p
		}
	}
	if nc == nil {
		return nil, nil
	}
	found = nc.head
	for _, k := range keys[len(nc.path):] {
		next := found.children[k]
		if next == nil {
			return nil, found
		}
		found = next
	}
	return found, found
}

// find resolves a name as clients write it: a DN, or one of the <GUID=>, <SID=> and
// <WKGUID=> forms. Deleted objects are found too.
func (d *directory) find(name string) (*entry, error) {
	if strings.HasPrefix(name, "<") {
		return d.findExtended(name)
	}
	names, ok := parseDN(name)
	if !ok {
		return nil, badName()
	}
	e, nearest := d.lookup(names)
	if e == nil {
		return nil, d.missing(name, names, nearest)
	}
	return e, nil
}

func (d *directory) findExtended(name string) (*entry, error) {
	inner, _, ok := strings.Cut(name[1:], ">")
	kind, value, ok2 := strings.Cut(inner, "=")
	if !ok || !ok2 {
		return nil, badName()
	}
	switch strings.ToUpper(kind) {
	case "GUID":
		if g, ok := parseGUID(value); ok {
			if e := d.byGUID[g]; e != nil {
				return e, nil
			}
			if e := d.byAnyGUID(g); e != nil && slices.Contains(d.partitions, e.nc) {
				return e, nil
			}
			return nil, noObject(0x208D, "")
		}
	case "SID":
		sid, ok := parseSID(value)
		if !ok {
			sid, ok = decodeHex(value)
		}
		if ok {
			if e := d.bySID[sid]; e != nil {
				return e, nil
			}
			return nil, noObject(0x208D, "")
		}
	case "WKGUID":
		guid, dn, ok := strings.Cut(value, ",")
		if ok && strings.EqualFold(dn, d.partitions[0].head.dn) {
			if e := d.wellKnown[strings.ToUpper(guid)]; e != nil {
				return e, nil
			}
		}
		return nil, noObject(0x208D, "")
	}
	return nil, badName()
}

// missing tells that a name leads nowhere: a referral where another domain may know.
func (d *directory) missing(name string, names []rdn, nearest *entry) error {
	if nearest != nil && !d.elsewhere(names) {
		return noObject(0x208D, nearest.dn)
	}
	if !slices.ContainsFunc(names, func(n rdn) bool { return strings.EqualFold(n.typ, "DC") }) {
		return noObject(0x208D, "")
	}
	return referral(name, names)
}

// insert makes a new object with nothing but a name.
func (d *directory) insert(w *writeUSN, nc *partition, parent *entry, class *classDef, value string) *entry {
	e := &entry{seq: d.nextSeq, guid: d.guids.next(), nc: nc, class: class, rdnDef: class.rdn, rdnValue: value}
	d.nextSeq++
	if parent != nil {
		e.place(parent, value)
	} else {
		e.dn = e.formatDN()
	}
	w.touch(e)
	e.usnCreated, e.created, e.rdnUSN = e.usnChanged, e.changed, e.usnChanged
	e.set(d.s.objectClass, class.chain, e.usnCreated)
	nc.entries = append(nc.entries, e)
	d.byGUID[e.guid] = e
	d.secure(e, d.defaultFor(class, d.sid().WithRID(512)))
	return e
}

// set stores values, none of which clears the attribute but leaves its stamp.
func (e *entry) set(def *attrDef, values []string, usn int64) {
	if a := e.stored(def); a != nil {
		a.values, a.usn = values, usn
		return
	}
	e.attrs = append(e.attrs, attrVal{def, values, usn})
}

// setSID gives the object a SID.
func (d *directory) setSID(e *entry, sid string) {
	e.sid = sid
	d.bySID[sid] = e
}

// purge forgets a deleted object.
func (d *directory) purge(e *entry) {
	for len(e.back) > 0 {
		e.back[0].remove()
	}
	for _, la := range e.links {
		for _, l := range slices.Clone(la.list) {
			l.remove()
		}
	}
	delete(e.parent.children, e.name().key())
	delete(d.byGUID, e.guid)
	if d.bySID[e.sid] == e {
		delete(d.bySID, e.sid)
	}
	e.purged = true
	e.nc.purged++
	if e.nc.purged > len(e.nc.entries)/2 {
		e.nc.entries = slices.DeleteFunc(e.nc.entries, func(e *entry) bool { return e.purged })
		e.nc.purged = 0
	}
}
