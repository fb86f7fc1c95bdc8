package entratest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// deltaToken is the content of a delta or skip token of a delta answer.
// Everything the first request fixed travels in it.
type deltaToken struct {
	Set      string    `json:"k"`
	Selected []string  `json:"c,omitempty"`
	IDs      []string  `json:"f,omitempty"`
	From     uint64    `json:"a"`           // changes up to here are known to the client
	To       uint64    `json:"b,omitempty"` // the round covers changes up to here; 0 in delta tokens
	Initial  bool      `json:"n,omitempty"` // the round lists everything
	Seq      uint64    `json:"s,omitempty"` // initial: last object shown; otherwise last revision shown
	Relation int       `json:"r,omitempty"` // relation of the next object that the page ended in
	Link     uint64    `json:"l,omitempty"` // links of that relation that have been shown
	Empty    bool      `json:"e,omitempty"` // the empty page before this one was sent
	Issued   time.Time `json:"t"`
}

// minimalReturn reports whether the client wants changed properties only.
func (r *request) minimalReturn() bool {
	for _, v := range r.header.Values("Prefer") {
		if strings.Contains(strings.ReplaceAll(strings.ToLower(v), " ", ""), "return=minimal") {
			return true
		}
	}
	return false
}

// deltaKind answers GET /{set}/delta.
func deltaKind(k *kind) handler {
	return func(s *state, r *request) (*answer, *failure) {
		t, f := s.deltaStart(k, r)
		if f != nil {
			return nil, f
		}
		view, f := s.deltaView(k, t.Selected)
		if f != nil {
			return nil, f
		}
		if r.opts.delta == "latest" {
			return s.deltaAnswer(r, t, nil, deltaToken{}, true), nil
		}
		odd, _ := r.srv.faults.takeDelta(false)
		if odd.EmptyPages && r.opts.given["$skiptoken"] && !t.Empty {
			t.Empty = true
			return s.deltaAnswer(r, t, nil, t, false), nil
		}
		t.Empty = false
		w := &deltaWriter{s: s, r: r, t: t, view: view, minimal: r.minimalReturn(), twice: odd.Duplicates}
		var next deltaToken
		var done bool
		if t.Initial {
			next, done = w.initial(k)
		} else {
			next, done = w.changes(k)
		}
		if !done {
			if _, repeat := r.srv.faults.takeDelta(true); repeat {
				next = t
			}
		}
		return s.deltaAnswer(r, t, w.items, next, done), nil
	}
}

// deltaStart reads the token, or the options of a first request.
func (s *state) deltaStart(k *kind, r *request) (deltaToken, *failure) {
	q := &r.opts
	if q.given["$skiptoken"] || (q.given["$deltatoken"] && q.delta != "latest") {
		if len(q.given) != 1 {
			return deltaToken{}, misused(codeBadRequest, "The delta token holds all parameters; no other query option may be given with it.")
		}
		return s.deltaResume(k, r)
	}
	t := deltaToken{Set: k.set, Selected: q.selected, To: s.rev, Initial: true, Issued: r.now}
	if q.filter != "" {
		ids, f := deltaFilter(q.filter)
		if f != nil {
			return t, f
		}
		t.IDs = ids
	}
	return t, nil
}

func (s *state) deltaResume(k *kind, r *request) (deltaToken, *failure) {
	purpose, text := "delta", r.opts.delta
	if r.opts.given["$skiptoken"] {
		purpose, text = "deltaskip", r.opts.skip
	}
	var t deltaToken
	if !r.srv.unseal(purpose, text, &t) || t.Set != k.set {
		return t, misused(codeBadRequest, "Badly formed token.")
	}
	if r.now.Sub(t.Issued) > deltaTokenLife {
		return t, refuse(http.StatusBadRequest, "syncStateNotFound", "The sync state generation is not found.")
	}
	if !t.Initial && t.From < s.floor {
		return t, s.resync(k, t, r)
	}
	if purpose == "delta" {
		t.To = s.rev
	}
	return t, nil
}

// resync tells the client to start over at an address that is in the answer.
func (s *state) resync(k *kind, t deltaToken, r *request) *failure {
	fresh := deltaToken{Set: k.set, Selected: t.Selected, IDs: t.IDs, To: s.rev, Initial: true, Issued: r.now}
	f := refuse(http.StatusGone, "resyncRequired", "Resync required.")
	return f.with("Location", r.deltaLink("$skiptoken", r.srv.seal("deltaskip", fresh)))
}

func (r *request) deltaLink(option, token string) string {
	return r.srv.GraphURL + "/" + strings.Split(strings.Trim(r.path, "/"), "/")[0] + "/delta?" + url.Values{option: {token}}.Encode()
}

// deltaFilter takes the only filter that delta knows: up to fifty ids.
func deltaFilter(text string) ([]string, *failure) {
	e, err := parseFilter(text)
	if err != nil {
		return nil, misused(codeParse, "Invalid filter clause.")
	}
	alternatives := []*expr{e}
	if e.op == "or" {
		alternatives = e.args
	}
	var ids []string
	for _, a := range alternatives {
		if a.op != "eq" || a.path != "id" {
			return nil, misused(codeUnsupportedQuery, "Only 'id eq' is supported in the filter of a delta query.")
		}
		id, _ := a.vals[0].(string)
		ids = append(ids, strings.ToLower(id))
	}
	if len(ids) > 50 {
		return nil, misused(codeUnsupportedQuery, "The filter of a delta query holds more than 50 ids.")
	}
	return ids, nil
}

// deltaView is what a delta query shows and watches.
type deltaView struct {
	columns   []*property
	relations []string
}

func (s *state) deltaView(k *kind, selected []string) (deltaView, *failure) {
	var v deltaView
	var plain []string
	for _, name := range selected {
		if k.has(name) {
			v.relations = append(v.relations, name)
		} else {
			plain = append(plain, name)
		}
	}
	if len(selected) > 0 && len(plain) == 0 {
		return v, nil
	}
	columns, f := columnsFor(k, plain)
	v.columns = slices.DeleteFunc(slices.Clone(columns), func(p *property) bool { return p.name == "id" })
	return v, f
}

// watches reports whether a change is one that the query shows.
func (v *deltaView) watches(c *change) bool {
	switch c.what {
	case updated:
		return slices.ContainsFunc(c.props, func(p *property) bool { return slices.Contains(v.columns, p) })
	case linked:
		return slices.Contains(v.relations, c.relation)
	}
	return true
}

func (s *state) deltaAnswer(r *request, t deltaToken, items [][]byte, next deltaToken, done bool) *answer {
	b := r.open(contextOf(t.Set, t.Selected))
	if done {
		end := deltaToken{Set: t.Set, Selected: t.Selected, IDs: t.IDs, From: t.To, Issued: r.now}
		b = appendString(append(b, `,"@odata.deltaLink":`...), r.deltaLink("$deltatoken", r.srv.seal("delta", end)))
	} else {
		b = appendString(append(b, `,"@odata.nextLink":`...), r.deltaLink("$skiptoken", r.srv.seal("deltaskip", next)))
	}
	b = append(b, `,"value":[`...)
	for i, it := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, it...)
	}
	return jsonAnswer(http.StatusOK, append(b, "]}"...))
}

// ExpireDeltaTokens makes every delta and skip token of delta answers issued so far
// useless: the next use of one is answered with 410 and the address of a new round.
func (s *Server) ExpireDeltaTokens() {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	// A revision that no token knows goes in front of everything forgotten.
	s.state.rev++
	s.state.floor, s.state.log = s.state.rev, nil
	for _, o := range s.state.byID {
		o.changes = nil
	}
}
