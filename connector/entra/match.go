package entra

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/sourceanchor"
)

const (
	// inLimit is how many values Graph takes in one filter.
	inLimit = 15
	// filterText bounds a filter's values, before they are escaped.
	filterText = 1500
	primary    = "SMTP:"
)

// A subject is what of an addition existing objects are matched by.
type subject struct {
	anchor, upn, address string
	mailEnabled          bool
}

// subjectOf reads the addition. Its primary address is the SMTP: value of proxyAddresses,
// which Graph does not let be written, or else mail.
func (s *session) subjectOf(c *class, ch *connector.Change) subject {
	var sub subject
	mail := ""
	for _, mod := range ch.Mods {
		if len(mod.Adds) == 0 {
			continue
		}
		first := mod.Adds[0].Text()
		switch attr.Fold(mod.Name) {
		case attr.Fold(attrSourceAnchor):
			sub.anchor = first
		case attr.Fold(attrUPN):
			sub.upn = first
		case attr.Fold(attrMail):
			mail = first
		case attr.Fold(attrMailEnabled):
			sub.mailEnabled = strings.EqualFold(first, "true")
		case attr.Fold(attrProxies):
			for _, v := range mod.Adds {
				if address, ok := strings.CutPrefix(v.Text(), primary); ok {
					sub.address = address
				}
			}
		}
	}
	if sub.anchor == "" {
		sub.anchor, _ = anchorOfDN(ch.Key.DN)
	}
	if sub.address == "" {
		sub.address = mail
	}
	if c.name == classGroup {
		sub.upn = ""
		sub.mailEnabled = sub.mailEnabled || sub.address != ""
	}
	return sub
}

// A catch is what was found for the additions of one batch. It is written before the
// additions are carried out, but for claims.
type catch struct {
	names, addresses, anchors map[string][]*entry // of users by folded name, of all by class and folded address, of users by anchor

	mu      sync.Mutex // guards claimed
	claimed map[guid]string
}

// claim reserves an object for the addition with the anchor: two of a batch may match the
// same object, and only one can have it.
func (k *catch) claim(id guid, anchor string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if by, taken := k.claimed[id]; taken {
		return by == anchor
	}
	k.claimed[id] = anchor
	return true
}

// A question is one filter: it finds objects of a class by fifteen values of a property.
type question struct {
	c      *class
	build  func(quoted []string) string
	values []string
	file   func(e *entry)
}

// cast looks for existing objects that the additions among the changes may be: by address and
// user name first, and by source anchor where that found something, since the source anchor
// goes first. An addition whose source anchor alone is taken shows it when it is sent.
func (s *session) cast(d *dispatcher, batch []connector.Change, indexes []int) (*catch, error) {
	k := &catch{
		names: make(map[string][]*entry), addresses: make(map[string][]*entry), anchors: make(map[string][]*entry),
		claimed: make(map[guid]string),
	}
	if s.t.o.BlockSoftMatch {
		return k, nil
	}
	var questions []question
	subjects := make(map[*class][]subject)
	for _, c := range s.t.classes {
		for _, i := range indexes {
			if batch[i].Op == connector.OpAdd && attr.EqualName(batch[i].Class, c.name) && c.name != classDevice {
				if sub := s.subjectOf(c, &batch[i]); sub.anchor != "" && (c.name == classUser || sub.mailEnabled) {
					subjects[c] = append(subjects[c], sub)
				}
			}
		}
		questions = append(questions, s.softQuestions(k, c, subjects[c])...)
	}
	if err := s.ask(d, questions); err != nil {
		return nil, err
	}
	questions = nil
	for c, list := range subjects {
		if c.name == classUser {
			questions = append(questions, s.hardQuestions(k, c, list)...)
		}
	}
	return k, s.ask(d, questions)
}

func (s *session) softQuestions(k *catch, c *class, subjects []subject) []question {
	names := questions(c, subjects, func(sub subject) string {
		if s.t.o.NoUPNMatch {
			return ""
		}
		return sub.upn
	}, inFilter("userPrincipalName"), func(e *entry) { file(k.names, attr.Fold(e.text(attrUPN)), e) })
	addresses := questions(c, subjects, func(sub subject) string { return sub.address }, addressFilter, func(e *entry) {
		for _, v := range e.values(attrProxies) {
			if address, ok := strings.CutPrefix(v.Text(), primary); ok {
				file(k.addresses, c.name+" "+attr.Fold(address), e)
			}
		}
	})
	return append(names, addresses...)
}

func (s *session) hardQuestions(k *catch, c *class, subjects []subject) []question {
	return questions(c, subjects, func(sub subject) string {
		if len(k.names[attr.Fold(sub.upn)]) == 0 && len(k.addresses[c.name+" "+attr.Fold(sub.address)]) == 0 {
			return ""
		}
		return sub.anchor
	}, inFilter(c.anchorProperty()), func(e *entry) { file(k.anchors, e.sourceAnchor, e) })
}

func file(in map[string][]*entry, key string, e *entry) {
	if !slices.ContainsFunc(in[key], func(have *entry) bool { return have.id == e.id }) {
		in[key] = append(in[key], e)
	}
}

func inFilter(property string) func(quoted []string) string {
	return func(quoted []string) string { return property + " in (" + strings.Join(quoted, ",") + ")" }
}

// addressFilter finds the holders of addresses. Graph compares them without regard to case,
// so that secondary ones are found as well.
func addressFilter(quoted []string) string {
	tests := make([]string, len(quoted))
	for i, q := range quoted {
		tests[i] = "proxyAddresses/any(p:p eq '" + primary + q[1:] + ")"
	}
	return strings.Join(tests, " or ")
}

// questions cuts the subjects' values into filters.
func questions(c *class, subjects []subject, value func(subject) string, build func([]string) string, file func(*entry)) []question {
	var out []question
	var current []string
	size := 0
	seen := make(map[string]bool)
	flush := func() {
		if len(current) > 0 {
			out = append(out, question{c, build, current, file})
		}
		current, size = nil, 0
	}
	for _, sub := range subjects {
		v := value(sub)
		if v == "" || seen[v] {
			continue
		}
		seen[v] = true
		if len(current) == inLimit || size+len(v) > filterText {
			flush()
		}
		current, size = append(current, quote(v)), size+len(v)
	}
	flush()
	return out
}

// ask sends the questions side by side and files the answers.
func (s *session) ask(d *dispatcher, questions []question) error {
	found, errs := make([][]entry, len(questions)), make([]error, len(questions))
	d.run(len(questions), func(i int) {
		q := questions[i]
		found[i], errs[i] = (&reader{s, d}).filtered(&decoder{class: q.c}, q.build(q.values))
	})
	for i := range questions {
		if errs[i] != nil {
			return errs[i]
		}
		for j := range found[i] {
			questions[i].file(&found[i][j])
		}
	}
	return nil
}

// A match is an existing object that an addition may be.
type match struct {
	sourceanchor.Candidate
	live    *entry
	deleted deletedObject
}

// matches collects what was found for the addition.
func (t *task) matches(p *plan) []*match {
	sub := t.s.subjectOf(t.c, t.ch)
	sub.anchor = p.anchor
	var out []*match
	add := func(entries []*entry, mark func(*match)) {
		for _, e := range entries {
			i := slices.IndexFunc(out, func(m *match) bool { return m.live.id == e.id })
			if i < 0 {
				i = len(out)
				out = append(out, t.candidate(e))
			}
			mark(out[i])
		}
	}
	if p.anchor == "" {
		return nil // without one the link could not be stamped
	}
	add(t.found.anchors[p.anchor], func(m *match) { m.MatchesAnchor = true })
	add(t.found.addresses[t.c.name+" "+attr.Fold(sub.address)], func(m *match) { m.MatchesSMTP = sub.address != "" })
	add(t.found.names[attr.Fold(sub.upn)], func(m *match) { m.MatchesUPN = sub.upn != "" })
	return append(out, t.binned(p)...)
}

// binned is the deleted object with the source anchor, if there is one.
func (t *task) binned(p *plan) []*match {
	d, ok := t.s.deleted.find(t.c, p.anchor)
	if !ok {
		return nil
	}
	return []*match{{deleted: d, Candidate: sourceanchor.Candidate{
		ID: t.c.anchorFor(d.id).Raw(), Type: t.c.label, MatchesAnchor: true, Deleted: true, Synced: d.synced,
	}}}
}

// candidate describes a live object.
func (t *task) candidate(e *entry) *match {
	m := &match{live: e, Candidate: sourceanchor.Candidate{ID: t.c.anchorFor(e.id).Raw(), Type: t.c.label, Synced: e.isSynced}}
	if e.anchor == present {
		m.Anchor = sourceanchor.FromBytes([]byte(e.sourceAnchor)) // which one it is does not matter, only that there is one
	}
	return m
}

// follow does with the addition what the decision table says of the objects that were
// found. It reports false when the object is to be created.
func (t *task) follow(p *plan, found []*match) (connector.Result, bool) {
	for _, m := range found {
		if m.MatchesAnchor && m.live != nil && t.mayWrite(m.live) == nil && p.holds(t.c, m.live) {
			p.drop(t.c, m.live)
			return t.converge(m.live.id, p, false), true // a repetition
		}
	}
	if err := t.vet(found); err != nil {
		return t.fail(err), true
	}
	candidates := make([]sourceanchor.Candidate, len(found))
	for i, m := range found {
		candidates[i] = m.Candidate
	}
	d := sourceanchor.Match(
		sourceanchor.Subject{Anchor: sourceanchor.FromBytes([]byte(p.anchor)), Type: t.c.label, MailEnabled: t.s.subjectOf(t.c, t.ch).mailEnabled},
		candidates, t.s.policy(t.c))
	i := slices.IndexFunc(found, func(m *match) bool { return m.ID == d.Candidate })
	switch d.Verdict {
	case sourceanchor.Take:
		return t.takeOver(found[i].live, p, d), true
	case sourceanchor.Restore:
		return t.restore(found[i].deleted, p)
	case sourceanchor.Refuse:
		return t.unmatched(d), true
	}
	return t.result, false
}

// policy is the operator's. Groups have no hard match in Entra ID: what links them is this
// connector's own mark.
func (s *session) policy(c *class) sourceanchor.Policy {
	return sourceanchor.Policy{
		BlockHardMatch: s.t.o.BlockHardMatch && c.name == classUser,
		BlockSoftMatch: s.t.o.BlockSoftMatch, NoUPNMatch: s.t.o.NoUPNMatch,
	}
}

// vet finds out which of the objects hold roles. One that cannot be vetted is not taken
// over. A group with our own mark has been vetted when it got it.
func (t *task) vet(found []*match) error {
	doubtful := func(m *match) bool { return t.c.name == classUser || !m.MatchesAnchor }
	if !slices.ContainsFunc(found, doubtful) {
		return nil
	}
	// Who waits here for another to list them must not keep that other's batch from going.
	t.d.rest()
	err := t.s.roles.load(t)
	t.d.wake()
	if err != nil {
		return err
	}
	for _, m := range found {
		if !doubtful(m) {
			continue
		}
		id := m.deleted.id
		if m.live != nil {
			id = m.live.id
		}
		m.Privileged = t.s.roles.holds(id)
	}
	return nil
}

// takeOver makes an existing object the one to create: it is given what the addition asks
// for, the source anchor included.
func (t *task) takeOver(e *entry, p *plan, d sourceanchor.Decision) connector.Result {
	if err := t.mayWrite(e); err != nil {
		return t.refuse("", connector.CodePermissionIssue, err)
	}
	if !t.found.claim(e.id, p.anchor) {
		d.Code, d.Reason = string(connector.CodeInvalidSoftMatch), "another new object of the same run matches the same cloud object"
		return t.unmatched(d)
	}
	t.s.log.InfoContext(t.d.ctx, "an existing object is taken over", "connector", t.connectorName(), "object", d.Candidate, "match", d.How)
	link := p.body[t.c.anchorProperty()]
	p.drop(t.c, e)
	p.existing()
	switch {
	case t.c.name == classUser || link == nil || e.anchor == present:
	case e.foreign:
		t.skip(attrSourceAnchor) // somebody else has named the group, for good
	default:
		p.body[t.c.anchorProperty()] = link
	}
	return t.converge(e.id, p, false)
}

// unmatched finishes an addition that must not become an object of its own.
func (t *task) unmatched(d sourceanchor.Decision) connector.Result {
	t.result.Outcome = connector.Conflict
	t.result.ConflictWith = connector.Key{Anchor: connector.TextAnchor(d.Candidate)}
	t.result.Err = &connector.Error{
		Op: "export", Connector: t.connectorName(), Object: t.ch.Key, Code: connector.Code(d.Code),
		Attribute: map[string]string{"hard": attrSourceAnchor, "soft-smtp": attrProxies, "soft-upn": attrUPN}[d.How],
		Err:       fmt.Errorf("%w: %s", connector.ErrConflict, d.Reason),
	}
	return t.result
}

// mistyped looks for the holder of an address that the directory says is taken among the
// other types of objects.
func (t *task) mistyped(g *GraphError) (label string, id guid, ok bool) {
	address := t.s.subjectOf(t.c, t.ch).address
	if address == "" || !g.hasTarget("proxyAddresses") && !g.hasTarget("mail") {
		return "", id, false
	}
	for _, set := range [...]struct{ name, label string }{{"users", "User"}, {"groups", "Group"}, {"contacts", "Contact"}} {
		if set.name == t.c.set {
			continue
		}
		a, err := t.d.send(operation{method: http.MethodGet, path: "/" + set.name + "?$filter=" +
			escape(addressFilter([]string{quote(address)})) + "&$select=id"})
		if err != nil {
			continue // it may not be read; the conflict is one all the same
		}
		if found, _, err := readRefList(a.body); err == nil && len(found) > 0 {
			return set.label, found[0].id, true
		}
	}
	return "", id, false
}

// filtered reads the objects that a filter finds, without their relationships.
func (r *reader) filtered(d *decoder, filter string) ([]entry, error) {
	path := "/" + d.class.set + "?$filter=" + escape(filter) + "&$select=" + strings.Join(d.class.selection(d.wanted, false), ",")
	var out []entry
	for seen := map[string]bool{}; path != ""; {
		a, err := r.d.send(operation{method: http.MethodGet, path: path})
		if err != nil {
			return nil, err
		}
		pg, err := d.page(a.body)
		if err != nil {
			return nil, err
		}
		out = append(out, pg.entries...)
		seen[path] = true
		if path, err = r.relative(pg.next); err != nil {
			return nil, err
		}
		if seen[path] {
			return nil, errRepeated
		}
	}
	return out, nil
}

var errRepeated = fmt.Errorf("%w: a page link came twice", connector.ErrProtocol)

// values returns the values of an attribute.
func (e *entry) values(attribute string) []attr.Value {
	for _, f := range e.fields {
		if f.m.Attribute == attribute {
			return f.values
		}
	}
	return nil
}

// text returns the only value of an attribute as text.
func (e *entry) text(attribute string) string {
	if v := e.values(attribute); len(v) == 1 {
		return v[0].Text()
	}
	return ""
}

// holds reports whether the object holds all that the plan would write.
func (p *plan) holds(c *class, e *entry) bool {
	trial := &plan{body: make(map[string]any, len(p.body)), asked: p.asked, only: p.only}
	for name, value := range p.body {
		if nested, ok := value.(map[string]any); ok {
			value = maps.Clone(nested)
		}
		trial.body[name] = value
	}
	trial.drop(c, e)
	trial.existing()
	return len(trial.body) == 0
}
