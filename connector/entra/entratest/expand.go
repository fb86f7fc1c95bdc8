package entratest

import (
	"slices"
	"strings"
)

// expandLimit is how many links $expand shows; Graph has no paging there.
const expandLimit = 20

// expansion is a parsed $expand; the zero value expands nothing.
type expansion struct {
	relation string
	columns  map[*kind][]*property
}

// parseExpand parses $expand=relation($select=a,b). k is nil for lists of
// mixed types, which cannot expand.
func (s *state) parseExpand(r *request, k *kind) (expansion, *failure) {
	text := r.opts.expand
	if text == "" {
		return expansion{}, nil
	}
	name, inner, nested := strings.Cut(text, "(")
	if k == nil || !k.has(name) {
		return expansion{}, misused(codeParse, "Parsing OData Select and Expand failed: Could not find a navigation property named '%s'.", name)
	}
	var selected []string
	if nested {
		list, ok := strings.CutPrefix(strings.TrimSuffix(inner, ")"), "$select=")
		if !ok || !strings.HasSuffix(inner, ")") {
			return expansion{}, misused(codeParse, "Parsing OData Select and Expand failed: only a nested $select is supported.")
		}
		selected = strings.Split(list, ",")
	}
	cols, f := mixedColumns(s.cat, selected)
	return expansion{name, cols}, f
}

func (x expansion) append(b []byte, o *object, r *request) []byte {
	if x.relation == "" {
		return b
	}
	b = append(b, ',')
	b = append(appendString(b, x.relation), ':')
	if x.relation == "manager" {
		if o.manager == nil || !seen(o.manager, r.now) {
			return append(b, "null"...)
		}
		return appendTyped(b, o.manager, x.columns[o.manager.kind])
	}
	b = append(b, '[')
	n := 0
	for _, t := range o.links(x.relation).all() {
		if !seen(t, r.now) {
			continue
		}
		if n++; n > expandLimit {
			break
		}
		if n > 1 {
			b = append(b, ',')
		}
		b = appendTyped(b, t, x.columns[t.kind])
	}
	return append(b, ']')
}

// transitive returns everything reachable over a relation, each once.
func transitive(step func(*object) *ordered) func(*object) *ordered {
	return func(start *object) *ordered {
		out := new(ordered)
		queue := []*object{start}
		for len(queue) > 0 {
			o := queue[0]
			queue = queue[1:]
			for _, t := range step(o).all() {
				if t != start && t.live() && out.add(t) {
					queue = append(queue, t)
				}
			}
		}
		return out
	}
}

// getByIDs answers POST /directoryObjects/getByIds.
func getByIDs(s *state, r *request) (*answer, *failure) {
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	var ids, types []string
	for _, m := range ms {
		list, ok := stringsOf(m.raw)
		switch {
		case !ok:
			return nil, wrongType(m.name, "Collection(Edm.String)")
		case m.name == "ids":
			ids = list
		case m.name == "types":
			types = list
		default:
			return nil, misused(codeBadRequest, "The parameter '%s' is not expected.", m.name)
		}
	}
	if len(ids) == 0 || len(ids) > 1000 || slices.ContainsFunc(ids, func(id string) bool { return !isGUID(id) }) {
		return nil, misused(codeBadRequest, "Invalid value specified for property 'ids' of resource 'DirectoryObject'.")
	}
	for _, t := range types {
		if s.cat.kind(t) == nil && t != "directoryObject" {
			return nil, misused(codeBadRequest, "Invalid value specified for property 'types'.")
		}
	}
	columns, f := mixedColumns(s.cat, r.opts.selected)
	if f != nil {
		return nil, f
	}
	b := append(r.open("directoryObjects"), `,"value":[`...)
	first := true
	for _, id := range ids {
		o := s.find(id, r.now)
		if o == nil || len(types) > 0 && !slices.Contains(types, o.kind.name) && !slices.Contains(types, "directoryObject") {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendTyped(b, o, columns[o.kind])
	}
	return jsonAnswer(200, append(b, "]}"...)), nil
}

// getAny answers GET /directoryObjects/{id}.
func getAny(s *state, r *request) (*answer, *failure) {
	o := s.find(r.vars[0], r.now)
	if o == nil {
		return nil, notFound(r.vars[0])
	}
	columns, f := mixedColumns(s.cat, r.opts.selected)
	if f != nil {
		return nil, f
	}
	b := append(r.open("directoryObjects/$entity"), ',')
	return jsonAnswer(200, append(b, appendTyped(nil, o, columns[o.kind])[1:]...)), nil
}
