package ad

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A plan is what one session imports: classes, attributes and the searches for them.
type plan struct {
	schema  *schema
	classes map[string]string     // folded name: as the schema spells it
	all     bool                  // all attributes, rather than wanted ones
	wanted  map[string]*attribute // by folded name
	exact   map[string]*attribute // by the name that the schema and so the server spells
	// request is the attribute list of searches for whole objects, changes that of DirSync.
	request, changes []string
	filter           string // objects of the classes
	changeFilter     string // these and the containers whose renames matter

	configured string    // fingerprint of what the connector is configured for
	narrowed   narrowing // by the session
}

// A narrowing is what a session leaves out of what is configured: folded and sorted names
// of what is left, nil for all.
type narrowing struct {
	Classes    []string `json:"classes,omitempty"`
	Attributes []string `json:"attributes,omitempty"`
}

// covers reports whether all that other selects is selected by n.
func (n narrowing) covers(other narrowing) bool {
	return subset(other.Classes, n.Classes) && subset(other.Attributes, n.Attributes)
}

func subset(part, of []string) bool {
	if of == nil {
		return true
	}
	return part != nil && !slices.ContainsFunc(part, func(p string) bool { return !slices.Contains(of, p) })
}

func folded(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = attr.Fold(n)
	}
	slices.Sort(out)
	return out
}

// bookkeeping are the attributes that imports need themselves.
var bookkeeping = [...]string{"objectGUID", "objectClass", "uSNChanged"}

// changeBookkeeping are those that delta imports need.
var changeBookkeeping = [...]string{"objectGUID", "objectClass", "name", "parentGUID", "isDeleted"}

// plan decides what a session with these options imports.
func (d *Directory) plan(s *schema, o connector.OpenOptions, log *slog.Logger) (*plan, error) {
	whole, err := d.selection(s, connector.OpenOptions{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	p, err := d.selection(s, o, log)
	if err != nil {
		return nil, err
	}
	p.configured = whole.fingerprint()
	p.narrowed = narrowing{Classes: folded(o.Classes), Attributes: folded(o.Attributes)}
	return p, nil
}

func (d *Directory) selection(s *schema, o connector.OpenOptions, log *slog.Logger) (*plan, error) {
	p := &plan{schema: s, classes: map[string]string{}, wanted: map[string]*attribute{}}
	for _, name := range d.opts.Classes {
		if len(o.Classes) > 0 && !slices.ContainsFunc(o.Classes, func(c string) bool { return attr.EqualName(c, name) }) {
			continue
		}
		c := s.class(name)
		if c == nil {
			return nil, &connector.Error{Op: "open", Connector: d.name, Code: connector.CodeMissingClass,
				Err: fmt.Errorf("%w: the directory has no class %s", connector.ErrInvalid, name)}
		}
		p.classes[attr.Fold(c.name)] = c.name
	}
	if len(p.classes) == 0 {
		return nil, fmt.Errorf("%w: none of the classes asked for is configured", connector.ErrInvalid)
	}
	p.chooseAttributes(d, o, log)
	p.exact = make(map[string]*attribute, len(p.wanted))
	for _, a := range p.wanted {
		p.exact[a.name] = a
	}
	p.filter = p.classFilter()
	p.changeFilter = "(|" + p.filter + p.containerFilter() + ")"
	return p, nil
}

// chooseAttributes intersects what is configured with what is asked for.
func (p *plan) chooseAttributes(d *Directory, o connector.OpenOptions, log *slog.Logger) {
	names, other := d.opts.Attributes, o.Attributes
	if len(names) == 0 {
		names, other = other, nil
	}
	if len(names) == 0 {
		p.all = true
		p.chooseAll()
		return
	}
	var unknown, stale []string
	for _, name := range names {
		if len(other) > 0 && !slices.ContainsFunc(other, func(n string) bool { return attr.EqualName(n, name) }) {
			continue
		}
		a := p.schema.attribute(name)
		switch {
		case a == nil:
			unknown = append(unknown, name)
			continue
		case a.hidden() || a.secret():
			continue
		case !a.reported() && !attr.EqualName(a.name, "distinguishedName"):
			stale = append(stale, a.name)
		}
		p.wanted[attr.Fold(a.name)] = a
	}
	p.want("objectGUID")
	if len(unknown) > 0 {
		log.Info("attributes not in the schema of the directory are not imported", "attributes", unknown)
	}
	if len(stale) > 0 {
		log.Info("delta imports do not report these attributes, they are refreshed with the whole object only", "attributes", stale)
	}
	p.request, p.changes = p.list(bookkeeping[:], false), p.list(changeBookkeeping[:], true)
}

// find returns the wanted attribute with that name, nil if it is not wanted.
func (p *plan) find(name string) *attribute {
	if a := p.exact[name]; a != nil {
		return a
	}
	return p.wanted[attr.Fold(name)]
}

func (p *plan) want(name string) {
	if a := p.schema.attribute(name); a != nil {
		p.wanted[attr.Fold(a.name)] = a
	}
}

// chooseAll wants what the classes may have and DirSync reports. Security descriptors are
// large and nobody synchronises them; they come when they are named.
func (p *plan) chooseAll() {
	for _, name := range p.classes {
		for _, n := range p.schema.attributesOf(name) {
			a := p.schema.attribute(n)
			if a.reported() && !a.hidden() && !a.secret() && !attr.EqualName(n, "nTSecurityDescriptor") {
				p.wanted[attr.Fold(n)] = a
			}
		}
	}
	p.want("distinguishedName")
	p.want("objectGUID")
	p.request = []string{"*"}
	p.changes = nil
}

// list is the sorted list of wanted attributes together with others.
func (p *plan) list(others []string, reported bool) []string {
	names := slices.Clone(others)
	for _, a := range p.wanted {
		if !reported || a.reported() {
			names = append(names, a.name)
		}
	}
	slices.SortFunc(names, attr.CompareNames)
	return slices.CompactFunc(names, attr.EqualName)
}

// relatives are classes that this package tells apart though one may derive from another.
func relatives() []string {
	return append(DefaultClasses(), "msDS-ManagedServiceAccount", "msDS-GroupManagedServiceAccount")
}

// classFilter finds objects of the classes. It leaves out what only derives from them and
// is a class of its own, as computers derive from users.
func (p *plan) classFilter() string {
	var b strings.Builder
	b.WriteString("(|")
	for _, name := range p.sorted() {
		if p.covered(name) {
			continue
		}
		var not strings.Builder
		for _, r := range relatives() {
			if p.classes[attr.Fold(r)] == "" && !attr.EqualName(r, name) && p.schema.isA(r, name) && !p.insideAnother(r, name) {
				not.WriteString("(!(objectClass=" + r + "))")
			}
		}
		if not.Len() > 0 {
			b.WriteString("(&(objectClass=" + name + ")" + not.String() + ")")
		} else {
			b.WriteString("(objectClass=" + name + ")")
		}
	}
	return b.String() + ")"
}

// insideAnother reports whether relative r of class base derives from something that is
// imported itself, so that leaving r out would not do.
func (p *plan) insideAnother(r, base string) bool {
	for _, name := range p.classes {
		if name != base && p.schema.isA(name, r) {
			return true
		}
	}
	return false
}

// covered reports whether another class of the plan finds objects of this one too.
func (p *plan) covered(name string) bool {
	for _, other := range p.classes {
		if other != name && p.schema.isA(name, other) {
			return true
		}
	}
	return false
}

func (p *plan) sorted() []string {
	names := make([]string, 0, len(p.classes))
	for _, n := range p.classes {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// containerFilter finds whatever objects of the plan may be beneath.
func (p *plan) containerFilter() string {
	names := []string{"organizationalUnit", "container", "domainDNS", "builtinDomain", "organization", "locality", "country"}
	for _, c := range p.classes {
		p.schema.lineage(c, func(c *class) { names = append(names, c.superiors...) })
	}
	slices.SortFunc(names, attr.CompareNames)
	var b strings.Builder
	for _, n := range slices.CompactFunc(names, attr.EqualName) {
		if p.schema.class(n) != nil && p.classes[attr.Fold(n)] == "" {
			b.WriteString("(objectClass=" + n + ")")
		}
	}
	return b.String()
}

// classOf names the class of an object from its object classes, most general first as
// servers send them: the last one that is known decides. imported is false for a class
// that is known but not part of the plan, and where none is known.
func (p *plan) classOf(objectClasses []string) (name string, imported bool) {
	for _, c := range slices.Backward(objectClasses) {
		if n, ok := p.classes[attr.Fold(c)]; ok {
			return n, true
		}
		if slices.ContainsFunc(relatives(), func(r string) bool { return attr.EqualName(r, c) }) {
			return c, false
		}
	}
	return "", false
}

// fingerprint identifies classes and attributes.
func (p *plan) fingerprint() string {
	attributes := p.request
	if p.all {
		attributes = p.list(nil, false)
	}
	return fmt.Sprintf("%q %q", p.sorted(), attributes)
}

// fingerprint identifies what the connector is configured to import: a watermark is good
// for that alone.
func (s *session) fingerprint() string {
	text := fmt.Sprintf("%s %s %d", s.plan.configured, s.scope.identity, s.d.opts.DirSync)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:32]
}
