package entratest

import (
	"slices"
	"strconv"
	"strings"
)

// cursor is the content of a skip token: where the page before ended.
type cursor struct {
	Seq   uint64 `json:"s,omitempty"` // last entry of the set
	Index int    `json:"i,omitempty"` // entries shown of a sorted or filtered list
}

// listing is one list that is to be answered in pages.
type listing struct {
	context string
	source  *ordered
	kind    *kind // nil for a mix of directory objects
	typed   bool  // items carry @odata.type
}

func (r *request) pageSize() int {
	if r.opts.top > 0 {
		return r.opts.top
	}
	return r.srv.opts.PageSize
}

// list answers one page.
func (s *state) list(r *request, l listing) (*answer, *failure) {
	cur, f := r.cursor()
	if f != nil {
		return nil, f
	}
	columns, f := s.columns(r, l)
	if f != nil {
		return nil, f
	}
	expand, f := s.parseExpand(r, l.kind)
	if f != nil {
		return nil, f
	}
	pick, f := s.selection(r, l)
	if f != nil {
		return nil, f
	}
	items, next, total := pick(cur)
	b := r.open(l.context)
	if r.opts.count && r.eventual() {
		b = strconv.AppendInt(append(b, `,"@odata.count":`...), int64(total), 10)
	}
	if next != (cursor{}) {
		b = appendString(append(b, `,"@odata.nextLink":`...), r.nextLink(r.srv.seal("skip"+r.path, next)))
	}
	b = append(b, `,"value":[`...)
	for i, o := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		if l.typed {
			b = appendString(append(b, `"@odata.type":`...), o.kind.odata())
		}
		b = appendProps(b, o, columns[o.kind], false)
		b = expand.append(b, o, r)
		b = append(b, '}')
	}
	return jsonAnswer(200, append(b, "]}"...)), nil
}

func (r *request) cursor() (cursor, *failure) {
	var c cursor
	if r.opts.given["$skiptoken"] && !r.srv.unseal("skip"+r.path, r.opts.skip, &c) {
		return c, misused(codeBadRequest, "The value of the $skiptoken is not valid here.")
	}
	return c, nil
}

func (s *state) columns(r *request, l listing) (map[*kind][]*property, *failure) {
	if l.kind == nil {
		return mixedColumns(s.cat, r.opts.selected)
	}
	cols, f := columnsFor(l.kind, r.opts.selected)
	return map[*kind][]*property{l.kind: cols}, f
}

// picker returns the objects of a page, where the next one starts and how
// many objects the list has. The total is only counted when it is shown.
type picker func(c cursor) (items []*object, next cursor, total int)

func (s *state) selection(r *request, l listing) (picker, *failure) {
	fits := func(o *object) bool { return seen(o, r.now) && (l.kind == nil || o.kind == l.kind) }
	var e *expr
	if r.opts.filter != "" {
		if l.kind == nil {
			return nil, unsupportedQuery("$filter on directory objects of mixed types is not supported; cast the list first.")
		}
		p, parsed, f := filterFor(l.kind, r.opts.filter, r.advancedQuery())
		if f != nil {
			return nil, f
		}
		e, fits = parsed, func(o *object) bool { return seen(o, r.now) && o.kind == l.kind && p(o) }
	}
	if r.opts.orderby != "" {
		return s.sorted(r, l, fits, e != nil)
	}
	if e != nil && l.source == s.live[l.kind] {
		if some, ok := s.candidates(l.kind, e); ok {
			return fixed(r, slices.DeleteFunc(some, func(o *object) bool { return !fits(o) })), nil
		}
	}
	return func(c cursor) ([]*object, cursor, int) {
		total := 0
		if r.opts.count && r.eventual() {
			l.source.after(0, func(_ uint64, o *object) bool {
				if fits(o) {
					total++
				}
				return true
			})
		}
		size := r.pageSize()
		items := make([]*object, 0, size)
		var next, last cursor
		l.source.after(c.Seq, func(seq uint64, o *object) bool {
			if !fits(o) {
				return true
			}
			if len(items) == size {
				next = last
				return false
			}
			items, last = append(items, o), cursor{Seq: seq}
			return true
		})
		return items, next, total
	}, nil
}

func (s *state) sorted(r *request, l listing, fits predicate, filtered bool) (picker, *failure) {
	if l.kind == nil {
		return nil, unsupportedQuery("Sorting is not supported for this resource.")
	}
	if filtered && !r.advancedQuery() {
		return nil, unsupportedQuery("Sorting with a filter is not supported without ConsistencyLevel: eventual and $count=true.")
	}
	by, f := sorter(l.kind, r.opts.orderby)
	if f != nil {
		return nil, f
	}
	all := slices.DeleteFunc(l.source.all(), func(o *object) bool { return !fits(o) })
	slices.SortFunc(all, by)
	return fixed(r, all), nil
}

// fixed pages through a list by position.
func fixed(r *request, all []*object) picker {
	return func(c cursor) ([]*object, cursor, int) {
		from := min(c.Index, len(all))
		to := min(from+r.pageSize(), len(all))
		var next cursor
		if to < len(all) {
			next.Index = to
		}
		return all[from:to], next, len(all)
	}
}

// listKind answers GET /{set}.
func listKind(k *kind) handler {
	return func(s *state, r *request) (*answer, *failure) {
		return s.list(r, listing{context: contextOf(k.set, r.opts.selected), source: s.live[k], kind: k})
	}
}

func contextOf(set string, selected []string) string {
	if len(selected) == 0 {
		return set
	}
	return set + "(" + strings.Join(selected, ",") + ")"
}

// countKind answers GET /{set}/$count with a plain number.
func countKind(k *kind) handler {
	return func(s *state, r *request) (*answer, *failure) {
		return s.countList(r, listing{source: s.live[k], kind: k})
	}
}

func (s *state) countList(r *request, l listing) (*answer, *failure) {
	if !r.eventual() {
		return nil, unsupportedQuery("$count is not supported without the header ConsistencyLevel: eventual.")
	}
	if accept := r.header.Get("Accept"); accept != "" && !strings.Contains(accept, "text/plain") && !strings.Contains(accept, "*/*") {
		return nil, misused(codeParse, "A supported MIME type could not be found that matches the acceptable MIME types for the request. The supported type is 'text/plain'.")
	}
	r.opts.count = true
	pick, f := s.selection(r, l)
	if f != nil {
		return nil, f
	}
	_, _, total := pick(cursor{})
	a := jsonAnswer(200, strconv.AppendInt(nil, int64(total), 10))
	a.set("Content-Type", "text/plain")
	return a, nil
}

// getOne answers GET /{set}/{id}.
func getOne(k *kind) handler {
	return func(s *state, r *request) (*answer, *failure) {
		o, f := s.get(k, r.vars[0], r.now)
		if f != nil {
			return nil, f
		}
		columns, f := columnsFor(k, r.opts.selected)
		if f != nil {
			return nil, f
		}
		expand, f := s.parseExpand(r, k)
		if f != nil {
			return nil, f
		}
		b := r.open(contextOf(k.set, r.opts.selected) + "/$entity")
		keys := k.byName["keyCredentials"]
		if keys != nil && slices.Contains(r.opts.selected, keys.name) {
			columns = slices.DeleteFunc(slices.Clone(columns), func(p *property) bool { return p == keys })
			b = appendValue(append(b, `,"keyCredentials":`...), keys, keysJSON(o.keys, true))
		}
		b = appendProps(b, o, columns, false)
		b = expand.append(b, o, r)
		return jsonAnswer(200, append(b, '}')), nil
	}
}

// listLinks answers GET /{set}/{id}/{relation}, cast to a kind when the path
// says so; counting answers its $count.
func listLinks(k *kind, source func(*object) *ordered, cast *kind, counting bool) handler {
	return func(s *state, r *request) (*answer, *failure) {
		o, f := s.get(k, r.vars[0], r.now)
		if f != nil {
			return nil, f
		}
		l := listing{context: "directoryObjects", source: source(o), kind: cast, typed: cast == nil}
		if cast != nil {
			l.context = contextOf(cast.set, r.opts.selected)
		}
		if cast != nil && (r.opts.filter != "" || r.opts.orderby != "") && !r.advancedQuery() {
			return nil, unsupportedQuery("Filtering and sorting of links needs ConsistencyLevel: eventual and $count=true.")
		}
		if counting {
			return s.countList(r, l)
		}
		return s.list(r, l)
	}
}
