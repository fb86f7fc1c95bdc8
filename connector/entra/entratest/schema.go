package entratest

import "slices"

// valueType is the JSON shape that a property takes and returns.
type valueType uint8

const (
	typeString  valueType = iota
	typeBool              // true or false
	typeInt               // whole number
	typeTime              // RFC 3339 in UTC
	typeStrings           // collection of strings, never null in answers
	typeComplex           // object whose members are nullable strings, listed in property.fields
	typeRaw               // any JSON; only seeds and the server itself write it
	typeRawList           // any JSON array; empty when unset
)

// edm is the name of the type in OData's words, as Graph's messages use it.
func (t valueType) edm() string {
	switch t {
	case typeBool:
		return "Edm.Boolean"
	case typeInt:
		return "Edm.Int32"
	case typeTime:
		return "Edm.DateTimeOffset"
	case typeStrings:
		return "Collection(Edm.String)"
	case typeComplex, typeRaw, typeRawList:
		return "Edm.ComplexType"
	default:
		return "Edm.String"
	}
}

type flags uint16

const (
	inDefault  flags = 1 << iota // returned without $select
	readOnly                     // refused in every body
	createOnly                   // refused in PATCH
	sensitive                    // refused on role holders
	whenSynced                   // writable although the object is mastered on-premises
	noClear                      // null is refused
	advanced                     // $filter needs ConsistencyLevel: eventual, even with eq
	noFilter                     // $filter is refused
	writeOnly                    // reads return null
	caseExact                    // compared byte for byte
	noPost                       // refused in POST, accepted in PATCH
)

// property describes one property of a kind.
type property struct {
	name     string
	typ      valueType
	max      int      // characters of a string, of each element of a collection, of each member; 0: unlimited
	maxItems int      // elements of a collection; 0: unlimited
	fields   []string // members of a complex property
	flags    flags
}

func (p *property) is(f flags) bool { return p.flags&f != 0 }

// kind is one class of directory objects.
type kind struct {
	name      string // user
	set       string // users
	relations []string
	props     []*property
	byName    map[string]*property
	defaults  []*property
	soft      bool // deletion keeps the object for thirty days
	deltas    bool
	writable  bool // POST, PATCH and DELETE exist
}

func (k *kind) odata() string { return "#microsoft.graph." + k.name }

func (k *kind) has(relation string) bool {
	return slices.Contains(k.relations, relation)
}

func (k *kind) add(ps ...property) {
	if k.byName == nil {
		k.byName = make(map[string]*property)
	}
	for i := range ps {
		p := &ps[i]
		k.props = append(k.props, p)
		k.byName[p.name] = p
		if p.is(inDefault) {
			k.defaults = append(k.defaults, p)
		}
	}
}

// catalog holds the kinds of one tenant. Directory extensions add properties
// while the server runs, so every server has a catalog of its own; the state's
// lock guards it.
type catalog struct {
	kinds []*kind
	byKey map[string]*kind // by name and by set
}

func newCatalog() *catalog {
	c := &catalog{byKey: make(map[string]*kind)}
	for _, k := range []*kind{
		userKind(), groupKind(), contactKind(), deviceKind(), applicationKind(), servicePrincipalKind(),
		roleKind(), domainKind(), organizationKind(),
	} {
		c.kinds = append(c.kinds, k)
		c.byKey[k.name] = k
		c.byKey[k.set] = k
	}
	return c
}

func (c *catalog) kind(key string) *kind { return c.byKey[key] }

// extensionFields are the names of the fifteen extension attributes.
func extensionFields() []string {
	return []string{
		"extensionAttribute1", "extensionAttribute2", "extensionAttribute3", "extensionAttribute4", "extensionAttribute5",
		"extensionAttribute6", "extensionAttribute7", "extensionAttribute8", "extensionAttribute9", "extensionAttribute10",
		"extensionAttribute11", "extensionAttribute12", "extensionAttribute13", "extensionAttribute14", "extensionAttribute15",
	}
}
