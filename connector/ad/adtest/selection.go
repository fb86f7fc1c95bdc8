package adtest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// A selection is which attributes a search returns.
type selection struct {
	all       bool // everything that is not constructed
	items     []selected
	typesOnly bool
}

// A selected attribute, perhaps a range of its values.
type selected struct {
	def    *attrDef
	ranged bool
	lo, hi int    // hi -1: to the end
	suffix string // an option, such as ;binary
}

// selectAttributes reads a request's attribute list. Unknown names are ignored, as by AD.
func (d *directory) selectAttributes(names []string) selection {
	sel := selection{all: len(names) == 0}
	seen := map[string]bool{}
	for _, n := range names {
		if n == "*" {
			sel.all = true
			continue
		}
		def := d.s.attr(n)
		if def == nil || seen[fold(n)] {
			continue
		}
		seen[fold(n)] = true
		item := selected{def: def}
		if _, option, ok := strings.Cut(n, ";"); ok {
			if r, isRange := strings.CutPrefix(fold(option), "range="); isRange {
				if item.lo, item.hi, isRange = parseRange(r); !isRange {
					continue
				}
				item.ranged = true
			} else {
				item.suffix = ";" + option
			}
		}
		sel.items = append(sel.items, item)
	}
	return sel
}

func parseRange(s string) (lo, hi int, ok bool) {
	from, to, found := strings.Cut(s, "-")
	lo, err := strconv.Atoi(from)
	if !found || err != nil || lo < 0 {
		return 0, 0, false
	}
	if to == "*" {
		return lo, -1, true
	}
	hi, err = strconv.Atoi(to)
	return lo, hi, err == nil && hi >= lo
}

// wants reports whether an attribute is asked for by name; with no names, all are.
func (s selection) wants(def *attrDef) bool {
	if len(s.items) == 0 {
		return s.all
	}
	for _, i := range s.items {
		if i.def == def {
			return true
		}
	}
	return false
}

// everything lists what "*" stands for.
func (d *directory) everything(e *entry) []*attrDef {
	s := d.s
	out := []*attrDef{s.objectClass, e.rdnDef, s.dn, s.instanceType, s.whenCreated, s.whenChanged, s.usnCreated, s.usnChanged,
		s.name, s.objectGUID, s.objectSid, s.objectCategory}
	for i := range e.attrs {
		if a := e.attrs[i].def; a != s.objectClass && a != e.rdnDef {
			out = append(out, a)
		}
	}
	for _, la := range e.links {
		out = append(out, la.def)
	}
	var last *attrDef
	seen := map[*attrDef]bool{}
	for _, l := range e.back {
		if p := l.attr.def.partner; p != nil && p != last && !seen[p] {
			last, seen[p] = p, true
			out = append(out, p)
		}
	}
	return out
}

// A renderer writes the entries of one search.
type renderer struct {
	d          *directory
	self       *replica
	v          *viewer
	sel        selection
	extended   int
	maxValues  int
	rangeNoErr bool
}

// entry writes a search entry. It fails where a client asks for a range past the end.
func (r *renderer) entry(enc *encoder, id int64, e *entry) error {
	at, parts := r.begin(enc, id, e)
	if r.sel.all {
		for _, def := range r.d.everything(e) {
			r.attribute(enc, e, def)
		}
	}
	var err error
	for _, item := range r.sel.items {
		if r.sel.all && !item.ranged && !item.def.has(flagConstructed) && item.def != r.d.s.descriptor {
			continue
		}
		if item.ranged {
			err = r.valueRange(enc, e, item)
			if err != nil {
				break
			}
			continue
		}
		r.named(enc, item.def.name+item.suffix, item.def, r.values(e, item.def))
	}
	r.end(enc, at, parts)
	return err
}

// begin opens the message; end closes it.
func (r *renderer) begin(enc *encoder, id int64, e *entry) (at [2]int, parts int) {
	at[0] = enc.open(tagSequence)
	enc.num(tagInteger, id)
	at[1] = enc.open(application | opSearchEntry)
	enc.str(tagOctets, r.name(e))
	return at, enc.open(tagSequence)
}

func (r *renderer) end(enc *encoder, at [2]int, parts int) {
	enc.close(parts)
	enc.close(at[1])
	enc.close(at[0])
}

func (r *renderer) attribute(enc *encoder, e *entry, def *attrDef) {
	r.named(enc, def.name, def, r.values(e, def))
}

// named writes an attribute unless it has no values; of very many only the first ones, as a
// range.
func (r *renderer) named(enc *encoder, name string, def *attrDef, values []string) {
	if len(values) == 0 {
		return
	}
	if len(values) > r.maxValues && !def.single {
		r.list(enc, name, nil)
		name, values = fmt.Sprintf("%s;range=0-%d", name, r.maxValues-1), values[:r.maxValues]
	}
	r.list(enc, name, values)
}

// list writes an attribute as it is given.
func (r *renderer) list(enc *encoder, name string, values []string) {
	at := enc.open(tagSequence)
	enc.str(tagOctets, name)
	set := enc.open(tagSet)
	if !r.sel.typesOnly {
		for _, v := range values {
			enc.str(tagOctets, v)
		}
	}
	enc.close(set)
	enc.close(at)
}

func (r *renderer) valueRange(enc *encoder, e *entry, item selected) error {
	values := r.values(e, item.def)
	n := len(values)
	if n == 0 {
		return nil
	}
	if item.lo >= n {
		if r.rangeNoErr {
			return nil
		}
		return svcErr(ldap.LDAPResultOperationsError, 0x2121, "5012 (DIR_ERROR)")
	}
	last := min(n, item.lo+r.maxValues) - 1
	if item.hi >= 0 {
		last = min(last, item.hi)
	}
	end := "*"
	if last < n-1 {
		end = strconv.Itoa(last)
	}
	r.list(enc, fmt.Sprintf("%s;range=%d-%s", item.def.name, item.lo, end), values[item.lo:last+1])
	return nil
}

// values returns an attribute's values, with extended DNs if they are asked for.
func (r *renderer) values(e *entry, def *attrDef) []string {
	if def.name == "replUpToDateVector" && e.parent == nil && r.self != nil && len(r.d.replicas) > 1 {
		return []string{r.self.vector(r.d)}
	}
	values := r.d.values(r.v, e, def)
	if r.extended < 0 || !def.syn.isDN() || def == r.d.s.dn {
		return values
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v
		if data, name, ok := splitDNData(def.syn, v); ok {
			if target, err := r.d.resolve(name); err == nil {
				out[i] = data + r.name(target)
			} else if a := e.stored(def); a != nil && len(a.values) == len(values) { // a phantom
				_, g, _ := strings.Cut(a.values[i], "\x00")
				out[i] = data + r.name(&entry{guid: GUID([]byte(g)), dn: name})
			}
		}
	}
	return out
}

// name writes the DN of an entry, extended if that is asked for.
func (r *renderer) name(e *entry) string {
	switch {
	case r.extended < 0:
		return e.dn
	case r.extended == 0:
		s := fmt.Sprintf("<GUID=%x>;", e.guid[:])
		if e.sid != "" {
			s += fmt.Sprintf("<SID=%x>;", e.sid)
		}
		return s + e.dn
	}
	s := "<GUID=" + e.guid.String() + ">;"
	if e.sid != "" {
		s += "<SID=" + sidString(e.sid) + ">;"
	}
	return s + e.dn
}
