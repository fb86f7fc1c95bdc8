package entratest

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// predicate decides about one object.
type predicate func(o *object) bool

// filterFor compiles a $filter for a kind and checks that its operators are
// allowed for the properties and for the kind of query.
func filterFor(k *kind, text string, advancedQuery bool) (predicate, *expr, *failure) {
	e, err := parseFilter(text)
	if err != nil {
		return nil, nil, misused(codeParse, "Invalid filter clause: %v.", err)
	}
	if n := e.clauses(); n > maxClauses && !advancedQuery {
		return nil, nil, unsupportedQuery("Too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d.", n, maxClauses)
	}
	c := &filterCompiler{kind: k, advanced: advancedQuery}
	p, f := c.compile(e)
	return p, e, f
}

type filterCompiler struct {
	kind     *kind
	advanced bool
}

func (c *filterCompiler) needAdvanced(what string) *failure {
	if c.advanced {
		return nil
	}
	return unsupportedQuery("%s is not supported without the header ConsistencyLevel: eventual and the query option $count=true.", what)
}

func (c *filterCompiler) compile(e *expr) (predicate, *failure) {
	switch e.op {
	case "and", "or":
		return c.junction(e)
	case "not":
		if f := c.needAdvanced("The operator not"); f != nil {
			return nil, f
		}
		p, f := c.compile(e.args[0])
		return func(o *object) bool { return !p(o) }, f
	case "any":
		return c.any(e)
	}
	if path, ok := strings.CutSuffix(e.path, "/$count"); ok {
		return c.countOf(path, e)
	}
	get, p, f := c.resolve(e.path)
	if f != nil {
		return nil, f
	}
	if p.typ == typeStrings || p.typ == typeRawList {
		return nil, misused(codeParse, "The collection '%s' needs the operator any.", e.path)
	}
	if f := c.checkOperator(e, p); f != nil {
		return nil, f
	}
	test, f := comparison(e, p)
	if f != nil {
		return nil, f
	}
	return func(o *object) bool { return test(get(o)) }, nil
}

func (c *filterCompiler) junction(e *expr) (predicate, *failure) {
	ps := make([]predicate, len(e.args))
	for i, a := range e.args {
		var f *failure
		if ps[i], f = c.compile(a); f != nil {
			return nil, f
		}
	}
	want := e.op == "or"
	return func(o *object) bool {
		for _, p := range ps {
			if p(o) == want {
				return want
			}
		}
		return !want
	}, nil
}

// resolve finds the property that a path names; a member of a complex
// property is written property/member.
func (c *filterCompiler) resolve(path string) (func(*object) any, *property, *failure) {
	name, field, nested := strings.Cut(path, "/")
	p := c.kind.byName[name]
	if p == nil || (nested && !slices.Contains(p.fields, field)) || (!nested && p.typ == typeComplex) {
		return nil, nil, misused(codeParse, "Could not find a property named '%s' on type 'microsoft.graph.%s'.", path, c.kind.name)
	}
	if p.is(noFilter) {
		return nil, nil, unsupportedQuery("Unsupported or invalid query filter clause specified for property '%s' of resource '%s'.", name, c.kind.name)
	}
	if nested {
		return func(o *object) any {
			if m, ok := o.get(p).(map[string]string); ok {
				if v, ok := m[field]; ok {
					return v
				}
			}
			return nil
		}, p, nil
	}
	return func(o *object) any { return o.get(p) }, p, nil
}

func (c *filterCompiler) checkOperator(e *expr, p *property) *failure {
	if p.is(advanced) {
		if f := c.needAdvanced("Filtering on the property '" + p.name + "'"); f != nil {
			return f
		}
	}
	if e.op == "ne" || e.op == "endswith" {
		return c.needAdvanced("The operator " + e.op)
	}
	return nil
}

// any compiles collection/any(x:condition on x).
func (c *filterCompiler) any(e *expr) (predicate, *failure) {
	p := c.kind.byName[e.path]
	if p == nil || p.typ != typeStrings {
		return nil, misused(codeParse, "Could not find a collection of strings named '%s' on type 'microsoft.graph.%s'.", e.path, c.kind.name)
	}
	if p.is(noFilter) {
		return nil, unsupportedQuery("Unsupported or invalid query filter clause specified for property '%s' of resource '%s'.", p.name, c.kind.name)
	}
	test, f := c.element(e.args[0], e.name, p)
	if f != nil {
		return nil, f
	}
	return func(o *object) bool {
		list, _ := o.get(p).([]string)
		return slices.ContainsFunc(list, func(s string) bool { return test(s) })
	}, nil
}

func (c *filterCompiler) element(e *expr, name string, p *property) (func(any) bool, *failure) {
	if e.op == "or" {
		var tests []func(any) bool
		for _, a := range e.args {
			t, f := c.element(a, name, p)
			if f != nil {
				return nil, f
			}
			tests = append(tests, t)
		}
		return func(v any) bool { return slices.ContainsFunc(tests, func(t func(any) bool) bool { return t(v) }) }, nil
	}
	if e.path != name || len(e.vals) == 0 {
		return nil, misused(codeParse, "The condition inside any has to be about its variable '%s'.", name)
	}
	if f := c.checkOperator(e, p); f != nil {
		return nil, f
	}
	return comparison(e, &property{name: p.name, flags: p.flags})
}

func (c *filterCompiler) countOf(path string, e *expr) (predicate, *failure) {
	p := c.kind.byName[path]
	if p == nil || p.typ != typeStrings || len(e.vals) == 0 {
		return nil, misused(codeParse, "Could not find a collection named '%s' on type 'microsoft.graph.%s'.", path, c.kind.name)
	}
	if f := c.needAdvanced("$count in a filter"); f != nil {
		return nil, f
	}
	test, f := comparison(e, &property{name: path, typ: typeInt})
	if f != nil {
		return nil, f
	}
	return func(o *object) bool {
		list, _ := o.get(p).([]string)
		return test(int64(len(list)))
	}, nil
}

// comparison makes the test of one value; literals have to be of its type.
func comparison(e *expr, p *property) (func(any) bool, *failure) {
	if e.op == "true" {
		if p.typ != typeBool {
			return nil, misused(codeParse, "The property '%s' is not a condition.", p.name)
		}
		return func(v any) bool { return v == true }, nil
	}
	for _, l := range e.vals {
		ok := l == nil
		switch l.(type) {
		case string:
			ok = p.typ == typeString || p.typ == typeTime || p.typ == typeComplex
		case bool:
			ok = p.typ == typeBool
		case int64:
			ok = p.typ == typeInt
		}
		if !ok {
			return nil, misused(codeParse, "The literal compared with '%s' is not of type '%s'.", p.name, p.typ.edm())
		}
	}
	exact := p.is(caseExact)
	switch e.op {
	case "in", "eq":
		return func(v any) bool {
			return slices.ContainsFunc(e.vals, func(l literal) bool { return equalLiteral(v, l, exact) })
		}, nil
	case "ne":
		return func(v any) bool { return !equalLiteral(v, e.vals[0], exact) }, nil
	case "startswith", "endswith":
		want := strings.ToLower(e.vals[0].(string))
		match := strings.HasPrefix
		if e.op == "endswith" {
			match = strings.HasSuffix
		}
		return func(v any) bool {
			s, ok := v.(string)
			return ok && match(strings.ToLower(s), want)
		}, nil
	}
	return func(v any) bool {
		n, ok := order(v, e.vals[0])
		switch {
		case !ok:
			return false
		case e.op == "gt":
			return n > 0
		case e.op == "ge":
			return n >= 0
		case e.op == "lt":
			return n < 0
		}
		return n <= 0
	}, nil
}

func equalLiteral(v any, l literal, exact bool) bool {
	s, isString := v.(string)
	t, wantString := l.(string)
	if isString && wantString && !exact {
		return strings.EqualFold(s, t)
	}
	return v == l
}

func order(v any, l literal) (int, bool) {
	switch v := v.(type) {
	case string:
		t, ok := l.(string)
		return strings.Compare(strings.ToLower(v), strings.ToLower(t)), ok
	case int64:
		t, ok := l.(int64)
		return cmp.Compare(v, t), ok
	}
	return 0, false
}

// candidates narrows a filter to few objects by an index, when it can.
func (s *state) candidates(k *kind, e *expr) ([]*object, bool) {
	var out []*object
	take := func(o *object) {
		if o != nil && o.kind == k && o.live() && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	switch {
	case e.op == "or":
		for _, a := range e.args {
			some, ok := s.candidates(k, a)
			if !ok {
				return nil, false
			}
			for _, o := range some {
				take(o)
			}
		}
		return out, true
	case e.op == "and":
		for _, a := range e.args {
			if some, ok := s.candidates(k, a); ok {
				return some, true
			}
		}
		return nil, false
	case e.op == "any" && e.path == "proxyAddresses" && e.args[0].op == "eq":
		if v, ok := e.args[0].vals[0].(string); ok {
			take(s.addresses[addressKey(v)])
		}
		return out, true
	case e.op == "eq" || e.op == "in":
		index := s.indexOf(e.path)
		if index == nil {
			return nil, false
		}
		for _, l := range e.vals {
			v, ok := l.(string)
			if !ok {
				return nil, false
			}
			take(index(v))
		}
		return out, true
	}
	return nil, false
}

func (s *state) indexOf(path string) func(string) *object {
	switch path {
	case "id":
		return func(v string) *object { return s.byID[strings.ToLower(v)] }
	case "userPrincipalName":
		return func(v string) *object { return s.upns[strings.ToLower(v)] }
	case "onPremisesImmutableId":
		return func(v string) *object { return s.anchors[v] }
	}
	return nil
}

// sorter parses $orderby: one property, ascending or descending.
func sorter(k *kind, text string) (func(a, b *object) int, *failure) {
	name, dir, _ := strings.Cut(strings.TrimSpace(text), " ")
	p := k.byName[name]
	if p == nil || p.typ != typeString && p.typ != typeTime || (dir != "" && dir != "asc" && dir != "desc") {
		return nil, misused(codeParse, "Invalid orderby clause.")
	}
	sign := 1
	if dir == "desc" {
		sign = -1
	}
	return func(a, b *object) int {
		x, _ := a.get(p).(string)
		y, _ := b.get(p).(string)
		return sign * cmp.Or(strings.Compare(strings.ToLower(x), strings.ToLower(y)), strings.Compare(a.id, b.id))
	}, nil
}

// nextLink is the address of the next page: the same options and a token.
func (r *request) nextLink(token string) string {
	q := make(url.Values)
	for name, vals := range r.opts.raw {
		if name != "$skiptoken" {
			q[name] = vals
		}
	}
	q.Set("$skiptoken", token)
	return r.srv.GraphURL + r.path + "?" + q.Encode()
}
