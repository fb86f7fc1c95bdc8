package metaverse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// Bounds of searches.
const (
	defaultPage = 100
	maxPage     = 10_000
	// maxSearched is the number of objects that one page of a search looks at. A page that
	// ends because of it may hold fewer objects than asked for, or none, and still have a
	// next one.
	maxSearched = 50_000
)

// A CSQuery selects connector-space objects. All conditions that are given must hold.
type CSQuery struct {
	Connector string // must be given
	DN        string // exactly this DN
	Under     string // the DN ends in this text, without regard to case: a sub-tree
	Contains  string // the DN contains this text, without regard to case
	Anchor    connector.Anchor
	Class     string
	// State is the name of a state, such as "normal-disconnector".
	State string
	// PendingImport is the name of an operation, such as "delete", or "any".
	PendingImport string
	// PendingExport is the name of an operation, such as "delete", or "any".
	PendingExport string
	// Errors selects objects in trouble.
	Errors bool
	// Error selects objects that have the error with this code, such as "permission-issue",
	// without regard to case.
	Error string
	After CSID // 0 for the first page, [CSPage.Next] for the following ones
	Limit int  // objects in a page; 0 means 100, at most 10,000
}

// A CSPage is one page of a search.
type CSPage struct {
	Objects []ObjectView `json:"objects"`
	Next    CSID         `json:"next,omitempty"` // 0 when there is no further page
}

// SearchCS finds connector-space objects, in id order, a page at a time. Conditions for which
// the store has an index (DN, anchor, pending imports and exports, errors) cost what they
// find; the others cost a look at every object.
func (e *Engine) SearchCS(ctx context.Context, q CSQuery) (*CSPage, error) {
	s, err := e.newSearch(&q)
	if err != nil {
		return nil, err
	}
	var page *CSPage
	err = e.store.View(ctx, func(rd Reader) error {
		s.rd, s.page = rd, &CSPage{Objects: []ObjectView{}}
		page = s.page
		return s.run(ctx)
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

func (e *Engine) newSearch(q *CSQuery) (*csSearch, error) {
	t := e.connectors[q.Connector]
	if t == nil {
		return nil, fmt.Errorf("metaverse: search: %w %q", errNoConnector, q.Connector)
	}
	s := &csSearch{e: e, q: *q, caps: t.caps, limit: pageSize(q.Limit), state: -1}
	if q.State != "" {
		if s.state = slices.Index(csStateNames[:], q.State); s.state < 0 {
			return nil, fmt.Errorf("metaverse: search: state %q is none of %s", q.State, strings.Join(csStateNames[:], ", "))
		}
	}
	if op := q.PendingImport; op != "" && op != "any" && slices.Index(importOpNames[:], op) < 1 {
		return nil, fmt.Errorf("metaverse: search: pending import %q is not any, %s", op, strings.Join(importOpNames[1:], ", "))
	}
	switch q.PendingExport {
	case "", "any", connector.OpAdd.String(), connector.OpUpdate.String(), connector.OpDelete.String():
	default:
		return nil, fmt.Errorf("metaverse: search: pending export %q is not any, add, update, delete", q.PendingExport)
	}
	return s, nil
}

func pageSize(limit int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

// csSearch is a search of connector-space objects under way.
type csSearch struct {
	e     *Engine
	q     CSQuery
	caps  connector.Capabilities
	limit int
	state int // -1 for any
	rd    Reader
	page  *CSPage
}

// chunk is how many objects a search fetches at a time.
const searchChunk = 1000

func (s *csSearch) run(ctx context.Context) error {
	if s.q.DN != "" || !s.q.Anchor.IsZero() {
		return s.exact()
	}
	after := s.q.After
	for looked := 0; ; {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		objects, last, err := s.next(after)
		if err != nil || last == 0 {
			return err
		}
		full, err := s.add(objects)
		if err != nil || full {
			return err
		}
		after = last
		if looked += searchChunk; looked >= maxSearched {
			s.page.Next = after
			return nil
		}
	}
}

// exact finds the one object that a DN or an anchor names.
func (s *csSearch) exact() error {
	ref := ObjectRef{Connector: s.q.Connector, DN: s.q.DN, Anchor: s.q.Anchor}
	ids, err := s.e.lookUp(s.rd, ref)
	if err != nil || len(ids) == 0 || ids[0] <= s.q.After {
		return err
	}
	objects, err := s.rd.CS(ids)
	if err != nil {
		return err
	}
	if s.q.DN != "" && dnKey(s.caps, s.q.DN) != objects[0].DNKey {
		return nil // the anchor is that of another object
	}
	if s.q.Errors || s.q.Error != "" {
		errs, err := s.rd.ObjectErrors(s.q.Connector, ids[0]-1, 1) // all of one object, at least
		if err != nil || !slices.Contains(s.inTrouble(errs), ids[0]) {
			return err
		}
	}
	_, err = s.add(objects)
	return err
}

// next returns the next objects of the cheapest order that the query allows, and the last id
// looked at, 0 at the end.
func (s *csSearch) next(after CSID) (objects []*CSObject, last CSID, err error) {
	var ids []CSID
	switch {
	case s.q.Errors || s.q.Error != "":
		var errs []ObjectError
		if errs, err = s.rd.ObjectErrors(s.q.Connector, after, searchChunk); len(errs) > 0 {
			ids, last = s.inTrouble(errs), errs[len(errs)-1].CS
		}
		if err != nil || len(ids) == 0 {
			return nil, last, err
		}
		objects, err = s.rd.CS(ids)
		return objects, last, err
	case s.q.PendingImport != "":
		ids, err = s.rd.PendingImports(s.q.Connector, after, searchChunk)
	case s.q.PendingExport != "":
		var exports []*PendingExport
		exports, err = s.rd.ScanPendingExports(s.q.Connector, after, searchChunk)
		for _, p := range exports {
			ids = append(ids, p.CS)
		}
	default:
		objects, err = s.rd.ScanCS(s.q.Connector, after, searchChunk)
		if len(objects) > 0 {
			last = objects[len(objects)-1].ID
		}
		return objects, last, err
	}
	if err != nil || len(ids) == 0 {
		return nil, 0, err
	}
	objects, err = s.rd.CS(ids)
	return objects, ids[len(ids)-1], err
}

// add takes the objects that match into the page. It reports whether the page is full.
func (s *csSearch) add(objects []*CSObject) (bool, error) {
	objects = slices.DeleteFunc(objects, func(o *CSObject) bool { return o == nil || !s.matches(o) })
	ids := make([]CSID, len(objects))
	for i, o := range objects {
		ids[i] = o.ID
	}
	exports, err := s.rd.PendingExport(ids)
	if err != nil {
		return false, err
	}
	for i, o := range objects {
		if s.q.PendingExport != "" && !matchesExport(s.q.PendingExport, exports[i]) {
			continue
		}
		if len(s.page.Objects) == s.limit {
			s.page.Next = s.page.Objects[s.limit-1].ID
			return true, nil
		}
		s.page.Objects = append(s.page.Objects, s.e.viewCS(o, exports[i]))
	}
	return false, nil
}

// inTrouble returns the objects that have the errors which are looked for, each once.
func (s *csSearch) inTrouble(errs []ObjectError) (ids []CSID) {
	for _, oe := range errs {
		if oe.CS == 0 || s.q.Error != "" && !strings.EqualFold(s.q.Error, oe.Code) {
			continue
		}
		if len(ids) == 0 || ids[len(ids)-1] != oe.CS {
			ids = append(ids, oe.CS)
		}
	}
	return ids
}

func (s *csSearch) matches(o *CSObject) bool {
	q := &s.q
	switch {
	case q.Class != "" && !attr.EqualName(q.Class, o.Class):
		return false
	case s.state >= 0 && o.State != CSState(s.state):
		return false
	case q.PendingImport == "any" && o.Pending == ImportNone:
		return false
	case q.PendingImport != "" && q.PendingImport != "any" && o.Pending.String() != q.PendingImport:
		return false
	case q.Under != "" && !strings.HasSuffix(strings.ToLower(o.DN), strings.ToLower(q.Under)):
		return false
	}
	return strings.Contains(strings.ToLower(o.DN), strings.ToLower(q.Contains))
}

func matchesExport(op string, p *PendingExport) bool {
	if p == nil || p.Op == 0 {
		return false
	}
	return op == "any" || p.Op.String() == op
}

// An MVQuery selects metaverse objects.
type MVQuery struct {
	Class string // "" for any
	// Attribute and Value select objects that have the value, without regard to case. With
	// an empty Value the attribute must have any.
	Attribute, Value string
	After            MVID // 0 for the first page
	Limit            int  // objects in a page; 0 means 100, at most 10,000
}

// An MVPage is one page of a search.
type MVPage struct {
	Objects []MVView `json:"objects"`
	Next    MVID     `json:"next,omitempty"` // 0 when there is no further page
}

// SearchMV finds metaverse objects, in id order, a page at a time. Attributes by which rules
// join are indexed; others cost a look at every object.
func (e *Engine) SearchMV(ctx context.Context, q MVQuery) (*MVPage, error) {
	var page *MVPage
	err := e.store.View(ctx, func(rd Reader) error {
		page = &MVPage{Objects: []MVView{}}
		if q.Value != "" && slices.Contains(e.joins.mv, attr.Fold(q.Attribute)) {
			return e.searchIndexed(rd, &q, page)
		}
		return searchScan(ctx, rd, &q, page)
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

func (e *Engine) searchIndexed(rd Reader, q *MVQuery, page *MVPage) error {
	lists, err := rd.MVByValue([]ValueKey{{attr.Fold(q.Attribute), rules.JoinKey(attr.String(q.Value))}})
	if err != nil {
		return err
	}
	ids := slices.DeleteFunc(lists[0], func(id MVID) bool { return id <= q.After })
	for chunk := range slices.Chunk(ids, searchChunk) {
		objects, err := rd.MV(chunk)
		if err != nil || page.add(q, objects) {
			return err
		}
	}
	return nil
}

func searchScan(ctx context.Context, rd Reader, q *MVQuery, page *MVPage) error {
	after := q.After
	for looked := 0; looked < maxSearched; looked += searchChunk {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		objects, err := rd.ScanMV(after, searchChunk)
		if err != nil || len(objects) == 0 {
			return err
		}
		after = objects[len(objects)-1].ID
		if page.add(q, objects) {
			return nil
		}
	}
	page.Next = after
	return nil
}

// add takes the objects that match into the page. It reports whether the page is full.
func (p *MVPage) add(q *MVQuery, objects []*MVObject) bool {
	for _, o := range objects {
		if o == nil || !q.matches(o) {
			continue
		}
		if n := len(p.Objects); n == pageSize(q.Limit) {
			p.Next = p.Objects[n-1].ID
			return true
		}
		p.Objects = append(p.Objects, viewMV(o))
	}
	return false
}

func (q *MVQuery) matches(o *MVObject) bool {
	if q.Class != "" && !attr.EqualName(q.Class, o.Class) {
		return false
	}
	if q.Attribute == "" {
		return true
	}
	values := o.Attributes.Values(q.Attribute)
	if q.Value == "" {
		return len(values) > 0
	}
	return slices.ContainsFunc(values, func(v attr.Value) bool { return strings.EqualFold(v.Text(), q.Value) })
}
