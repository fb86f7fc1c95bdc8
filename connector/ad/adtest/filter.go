package adtest

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// A truth is the outcome of a filter: RFC 4511 has three.
type truth uint8

const (
	no truth = iota
	yes
	undefined
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// Matching rules of AD.
const (
	ruleBitAnd = "1.2.840.113556.1.4.803"
	ruleBitOr  = "1.2.840.113556.1.4.804"
	ruleChain  = "1.2.840.113556.1.4.1941"
)

const maxFilterDepth = 200

// A filter is a compiled search filter.
type filter struct {
	op     ber.Tag
	kids   []*filter
	def    *attrDef // nil: not in the schema, undefined
	key    string   // the value in the form to compare
	number int64
	isNum  bool
	target *entry // of a DN value; nil if there is none
	rule   string

	initial, final string
	middle         []string
}

// compileFilter reads a filter from a request. Undefined parts are legal.
func (d *directory) compileFilter(p *ber.Packet, depth int) (*filter, bool) {
	if depth > maxFilterDepth || p.ClassType != ber.ClassContext {
		return nil, false
	}
	f := &filter{op: p.Tag}
	switch p.Tag {
	case ldap.FilterAnd, ldap.FilterOr:
		for _, c := range p.Children {
			k, ok := d.compileFilter(c, depth+1)
			if !ok {
				return nil, false
			}
			f.kids = append(f.kids, k)
		}
		return f, true
	case ldap.FilterNot:
		if len(p.Children) != 1 {
			return nil, false
		}
		k, ok := d.compileFilter(p.Children[0], depth+1)
		f.kids = []*filter{k}
		return f, ok
	case ldap.FilterPresent:
		f.def = d.s.attr(text(p))
		return f, true
	case ldap.FilterEqualityMatch, ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual, ldap.FilterApproxMatch:
		if len(p.Children) != 2 {
			return nil, false
		}
		f.def = d.s.attr(text(p.Children[0]))
		d.assertion(f, text(p.Children[1]))
		return f, true
	case ldap.FilterSubstrings:
		return f, d.compileSubstrings(f, p)
	case ldap.FilterExtensibleMatch:
		return f, d.compileExtensible(f, p)
	}
	return nil, false
}

func (d *directory) compileSubstrings(f *filter, p *ber.Packet) bool {
	if len(p.Children) != 2 || len(p.Children[1].Children) == 0 {
		return false
	}
	if f.def = d.s.attr(text(p.Children[0])); f.def == nil || !f.def.syn.text() {
		f.def = nil
		return true
	}
	for _, c := range p.Children[1].Children {
		part := f.def.syn.key(text(c))
		switch c.Tag {
		case ldap.FilterSubstringsInitial:
			f.initial = part
		case ldap.FilterSubstringsAny:
			f.middle = append(f.middle, part)
		case ldap.FilterSubstringsFinal:
			f.final = part
		default:
			return false
		}
	}
	return true
}

func (d *directory) compileExtensible(f *filter, p *ber.Packet) bool {
	var value string
	for _, c := range p.Children {
		switch c.Tag {
		case ldap.MatchingRuleAssertionMatchingRule:
			f.rule = text(c)
		case ldap.MatchingRuleAssertionType:
			f.def = d.s.attr(text(c))
		case ldap.MatchingRuleAssertionMatchValue:
			value = text(c)
		case ldap.MatchingRuleAssertionDNAttributes:
		default:
			return false
		}
	}
	if f.def != nil {
		d.assertion(f, value)
	}
	return true
}

// assertion brings the value of an assertion into the form to compare; one that cannot be a
// value makes the filter undefined.
func (d *directory) assertion(f *filter, v string) {
	if f.def == nil {
		return
	}
	switch {
	case f.def == d.s.objectCategory && d.s.class(v) != nil:
		f.target = d.s.class(d.s.class(v).category).entry
	case f.def.syn.isDN():
		_, name, ok := splitDNData(f.def.syn, v)
		if !ok {
			name = v
		}
		f.target, _ = d.resolve(name)
	case f.def.syn.number():
		n, err := strconv.ParseInt(v, 10, 64)
		f.number, f.isNum = n, err == nil
		if err != nil {
			f.def = nil
		}
	case f.def.syn == synSID:
		if sid, ok := parseSID(v); ok {
			v = sid
		}
		f.key = v
	case f.def == d.s.objectGUID:
		if g, ok := parseGUID(v); ok && len(v) == 36 {
			v = string(g[:])
		}
		f.key = v
	case f.def.syn == synBool:
		f.key = strings.ToUpper(v)
	default:
		f.key = f.def.syn.key(v)
	}
}

// matches evaluates the filter for an object as the viewer sees it.
func (f *filter) matches(v *viewer, e *entry) truth {
	switch f.op {
	case ldap.FilterAnd, ldap.FilterOr:
		// An undefined part leaves the rest to decide: false decides And, true decides Or.
		deciding, out := no, yes
		if f.op == ldap.FilterOr {
			deciding, out = yes, no
		}
		for _, k := range f.kids {
			switch t := k.matches(v, e); t {
			case deciding:
				return deciding
			case undefined:
				out = undefined
			}
		}
		return out
	case ldap.FilterNot:
		switch f.kids[0].matches(v, e) {
		case yes:
			return no
		case no:
			return yes
		}
		return undefined
	}
	if f.def == nil {
		return undefined
	}
	return f.compare(v, e)
}

func (f *filter) compare(v *viewer, e *entry) truth {
	d := v.d
	if f.op == ldap.FilterExtensibleMatch {
		return f.extensible(v, e)
	}
	if f.op == ldap.FilterPresent {
		if f.def == d.s.objectClass {
			return yes
		}
		return truthOf(len(d.values(v, e, f.def)) > 0)
	}
	if f.def.syn.isDN() {
		return f.compareDN(v, e)
	}
	return truthOf(slices.ContainsFunc(d.values(v, e, f.def), f.holds))
}

// holds compares one value.
func (f *filter) holds(val string) bool {
	if f.op == ldap.FilterSubstrings {
		return f.substring(f.def.syn.key(val))
	}
	if f.isNum {
		n, err := strconv.ParseInt(val, 10, 64)
		if err != nil {
			return false
		}
		switch f.op {
		case ldap.FilterGreaterOrEqual:
			return n >= f.number
		case ldap.FilterLessOrEqual:
			return n <= f.number
		}
		return n == f.number
	}
	k := f.def.syn.key(val)
	switch f.op {
	case ldap.FilterGreaterOrEqual:
		return k >= f.key
	case ldap.FilterLessOrEqual:
		return k <= f.key
	}
	return k == f.key
}

func (f *filter) substring(s string) bool {
	if !strings.HasPrefix(s, f.initial) {
		return false
	}
	s = s[len(f.initial):]
	for _, m := range f.middle {
		i := strings.Index(s, m)
		if i < 0 {
			return false
		}
		s = s[i+len(m):]
	}
	return strings.HasSuffix(s, f.final)
}

// compareDN compares references by the object that they name.
func (f *filter) compareDN(v *viewer, e *entry) truth {
	d := v.d
	if f.op != ldap.FilterEqualityMatch && f.op != ldap.FilterApproxMatch {
		return undefined
	}
	if f.target == nil || !v.readsAttr(e, f.def) {
		return no
	}
	switch {
	case f.def == d.s.dn:
		return truthOf(e == f.target)
	case f.def.linkID != 0:
		return truthOf(e.hasLink(f.def, f.target))
	case f.def == d.s.objectCategory:
		c := d.s.class(e.class.category)
		return truthOf(c != nil && c.entry == f.target && !e.isTombstone())
	}
	a := e.stored(f.def)
	return truthOf(a != nil && slices.ContainsFunc(a.values, func(val string) bool {
		return strings.HasSuffix(val, storedRef("", f.target))
	}))
}

func (f *filter) extensible(v *viewer, e *entry) truth {
	if f.rule == ruleChain {
		if f.def.linkID == 0 {
			return undefined
		}
		return truthOf(f.target != nil && v.readsAttr(e, f.def) && e.reaches(f.def, f.target))
	}
	if !f.isNum || f.rule != ruleBitAnd && f.rule != ruleBitOr {
		return undefined
	}
	for _, val := range v.d.values(v, e, f.def) {
		n, _ := strconv.ParseInt(val, 10, 64)
		if f.rule == ruleBitAnd && n&f.number == f.number || f.rule == ruleBitOr && n&f.number != 0 {
			return yes
		}
	}
	return no
}

// candidates returns the only objects that can match, if an index tells.
func (f *filter) candidates(d *directory) ([]*entry, bool) {
	switch f.op {
	case ldap.FilterAnd:
		for _, k := range f.kids {
			if c, ok := k.candidates(d); ok {
				return c, true
			}
		}
	case ldap.FilterOr:
		var out []*entry
		for _, k := range f.kids {
			c, ok := k.candidates(d)
			if !ok {
				return nil, false
			}
			out = append(out, c...)
		}
		return out, true
	case ldap.FilterEqualityMatch:
		return f.indexed(d)
	}
	return nil, false
}

func (f *filter) indexed(d *directory) ([]*entry, bool) {
	one := func(e *entry) ([]*entry, bool) {
		if e == nil {
			return nil, true
		}
		return []*entry{e}, true
	}
	switch f.def {
	case nil:
		return nil, true
	case d.s.objectGUID:
		if len(f.key) != len(GUID{}) {
			return nil, true
		}
		return one(d.byGUID[GUID([]byte(f.key))])
	case d.s.objectSid:
		return one(d.bySID[f.key])
	case d.s.dn:
		return one(f.target)
	}
	return nil, false
}

func decodeHex(s string) (string, bool) {
	b, err := hex.DecodeString(s)
	return string(b), err == nil
}
