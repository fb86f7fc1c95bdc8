package memdir

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// version is reported by [Directory.Info].
const version = "1"

// A Directory holds objects in memory and is a connector to them. Make one with [New].
type Directory struct {
	name   string
	opts   Options
	epoch  string          // tells watermarks of one Directory from those of another
	unique map[string]bool // folded names of Options.Unique
	faults faultBox

	mu       sync.RWMutex // guards what follows
	schema   *connector.Schema
	catalog  *catalog
	byAnchor map[connector.Anchor]*entry
	byDN     map[string]*entry
	children map[string]int // number of objects below a DN key
	order    []*entry       // by creation; entries that are gone stay until there are many
	gone     int            // of them
	created  uint64         // number of objects ever created
	anchors  uint64         // number of anchors ever assigned
	values   map[uniqueKey]*entry
	sources  map[connector.Anchor]map[source]struct{} // who refers to an object
	log      history
}

// An entry is one stored object.
type entry struct {
	number    uint64 // in order of creation
	class     string
	anchor    connector.Anchor
	dn        string
	partition string // as put; "" means by DN
	// attrs holds references in inner form: the anchor's octets. With loose references it
	// holds them as given.
	attrs attr.Set
	gone  bool
}

func (e *entry) key() connector.Key { return connector.Key{Anchor: e.anchor, DN: e.dn} }

// A source is an object and one of its attributes, by folded name, that refers to another.
type source struct {
	from      *entry
	attribute string
}

type uniqueKey struct{ attribute, value string }

// New returns an empty directory. The name is that of the connector; nil options mean the
// defaults. The error lists every option that makes no sense.
func New(name string, opts *Options) (*Directory, error) {
	o := opts.withDefaults()
	if err := o.validate(name); err != nil {
		return nil, err
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	d := &Directory{
		name: name, opts: o, epoch: hex.EncodeToString(id[:]), unique: make(map[string]bool),
		schema:   configuredSchema(&o),
		byAnchor: make(map[connector.Anchor]*entry),
		byDN:     make(map[string]*entry),
		children: make(map[string]int),
		values:   make(map[uniqueKey]*entry),
		sources:  make(map[connector.Anchor]map[source]struct{}),
		log:      history{limit: o.History},
	}
	d.catalog = newCatalog(d.schema)
	for _, u := range o.Unique {
		d.unique[attr.Fold(u)] = true
	}
	return d, nil
}

// Info implements [connector.Connector].
func (d *Directory) Info() connector.Info {
	return connector.Info{Type: d.opts.Type, Version: version, Name: d.name}
}

// Capabilities implements [connector.Connector].
func (d *Directory) Capabilities() connector.Capabilities {
	c := connector.Capabilities{
		FullImport:      true,
		DeltaImport:     !d.opts.FullOnly,
		ReadObjects:     !d.opts.NoRead,
		Export:          !d.opts.ReadOnly,
		Preflight:       true,
		References:      d.opts.References,
		Resume:          true,
		CaseSensitiveDN: d.opts.CaseSensitiveDN,
		ReferencesLast:  d.opts.ReferencesLast,
	}
	if c.Export {
		c.Rename = true
		c.ExportBatch = d.opts.ExportBatch
		c.ExportConcurrency = 4
	}
	return c
}

// dnKey is the form under which DNs are compared.
func (d *Directory) dnKey(dn string) string {
	if d.opts.CaseSensitiveDN {
		return dn
	}
	return strings.ToLower(dn)
}

// lookup finds an object by anchor, or by DN when the key has no anchor.
func (d *Directory) lookup(k connector.Key) *entry {
	if !k.Anchor.IsZero() {
		return d.byAnchor[k.Anchor]
	}
	if k.DN == "" {
		return nil
	}
	return d.byDN[d.dnKey(k.DN)]
}

// parentOf returns what follows the first comma of a DN that is not escaped.
func parentOf(dn string) string {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return dn[i+1:]
		}
	}
	return ""
}

// partitionOf returns the partition that an object belongs to.
func (d *Directory) partitionOf(e *entry) string {
	if e.partition != "" {
		return e.partition
	}
	best := ""
	length := -1
	for _, p := range d.schema.Partitions {
		if len(p.DN) > length && d.within(e.dn, p.DN) {
			best, length = p.ID, len(p.DN)
		}
	}
	return best
}

// within reports whether a DN is the other one or lies below it.
func (d *Directory) within(dn, top string) bool {
	topKey := d.dnKey(top)
	for rest := d.dnKey(dn); rest != ""; rest = parentOf(rest) {
		if rest == topKey {
			return true
		}
	}
	return false
}

func (d *Directory) newAnchor() connector.Anchor {
	for {
		d.anchors++
		a := connector.TextAnchor("object-" + strconv.FormatUint(d.anchors, 10))
		if d.byAnchor[a] == nil {
			return a
		}
	}
}

// failure wraps an error with the name of the directory and what was tried.
func (d *Directory) failure(op string, err error) error {
	return &connector.Error{Op: op, Connector: d.name, Err: err}
}
