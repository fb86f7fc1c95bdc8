package entratest

import (
	"net/http"
	"strings"
)

// listDeleted answers GET /directory/deletedItems/{cast}.
func listDeleted(k *kind) handler {
	return func(s *state, r *request) (*answer, *failure) {
		l := listing{context: contextOf(k.set, r.opts.selected), source: s.deleted[k], kind: k}
		cur, f := r.cursor()
		if f != nil {
			return nil, f
		}
		columns, f := columnsFor(k, r.opts.selected)
		if f != nil {
			return nil, f
		}
		fits := func(*object) bool { return true }
		if r.opts.filter != "" {
			if fits, _, f = filterFor(k, r.opts.filter, r.advancedQuery()); f != nil {
				return nil, f
			}
		}
		b := r.open(l.context)
		if r.opts.count && r.eventual() {
			return nil, unsupportedQuery("$count is not supported for deleted items.")
		}
		values, next, n := []byte(nil), cursor{}, 0
		last := cur
		s.deleted[k].after(cur.Seq, func(seq uint64, o *object) bool {
			if !fits(o) {
				return true
			}
			if n == r.pageSize() {
				next = last
				return false
			}
			if n > 0 {
				values = append(values, ',')
			}
			values = append(appendProps(append(values, '{'), o, columns, false), '}')
			n, last = n+1, cursor{Seq: seq}
			return true
		})
		if next != (cursor{}) {
			b = appendString(append(b, `,"@odata.nextLink":`...), r.nextLink(r.srv.seal("skip"+r.path, next)))
		}
		return jsonAnswer(http.StatusOK, append(append(append(b, `,"value":[`...), values...), "]}"...)), nil
	}
}

// deletedWithoutCast answers GET /directory/deletedItems, which needs a type.
func deletedWithoutCast(*state, *request) (*answer, *failure) {
	return nil, misused(codeBadRequest, "Listing deleted items needs a type cast, such as microsoft.graph.user.")
}

func (s *state) findDeleted(id string) (*object, *failure) {
	o := s.byID[strings.ToLower(id)]
	if o == nil || o.deleted.IsZero() {
		return nil, notFound(id)
	}
	return o, nil
}

func getDeleted(s *state, r *request) (*answer, *failure) {
	o, f := s.findDeleted(r.vars[0])
	if f != nil {
		return nil, f
	}
	columns, f := mixedColumns(s.cat, r.opts.selected)
	if f != nil {
		return nil, f
	}
	b := append(r.open("directoryObjects/$entity"), ',')
	return jsonAnswer(http.StatusOK, append(b, appendTyped(nil, o, columns[o.kind])[1:]...)), nil
}

// restoreDeleted answers POST /directory/deletedItems/{id}/restore. A name or address
// that a live object holds by now is a conflict.
func restoreDeleted(s *state, r *request) (*answer, *failure) {
	o, f := s.findDeleted(r.vars[0])
	if f != nil {
		return nil, f
	}
	reconcile := false
	if len(r.body) > 0 {
		ms, f := r.decode()
		if f != nil {
			return nil, f
		}
		for _, m := range ms {
			v, ok := boolOf(m.raw)
			if m.name != "autoReconcileProxyConflict" || !ok {
				return nil, misused(codeBadRequest, "The parameter '%s' is not expected.", m.name)
			}
			reconcile = v
		}
	}
	if s.privileged(o) && !s.trusted(r) {
		return nil, denied()
	}
	if f := s.restoreClash(o, reconcile); f != nil {
		return nil, f
	}
	s.restore(o, r.now)
	b := append(r.open("directoryObjects/$entity"), ',')
	return jsonAnswer(http.StatusOK, append(b, appendTyped(nil, o, o.kind.defaults)[1:]...)), nil
}

// restoreClash finds what stands in the way of a restore. With reconcile,
// addresses that are taken are dropped instead.
func (s *state) restoreClash(o *object, reconcile bool) *failure {
	vals := append([]value(nil), o.vals...)
	for i, v := range vals {
		if v.p.name == "userPrincipalName" {
			vals[i].v = unmangle(o)
		}
	}
	f := s.clash(o, vals)
	if f == nil || !reconcile || f.details[0].Target != "proxyAddresses" {
		return f
	}
	var keep []string
	for _, p := range o.list("proxyAddresses") {
		if s.addresses[addressKey(p)] == nil {
			keep = append(keep, p)
		}
	}
	o.set(o.kind.byName["proxyAddresses"], keep)
	if s.addresses[strings.ToLower(o.str("mail"))] != nil {
		o.set(o.kind.byName["mail"], nil)
	}
	return nil
}

func purgeDeleted(s *state, r *request) (*answer, *failure) {
	o, f := s.findDeleted(r.vars[0])
	if f != nil {
		return nil, f
	}
	if s.privileged(o) && !s.trusted(r) {
		return nil, denied()
	}
	s.finish(o, r.now)
	return noContent(), nil
}
