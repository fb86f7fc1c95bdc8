package entra

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// linkWindow is how many operations on one object's references are under way at a time.
const linkWindow = 20

// A referenceError says how many of a change's references the directory did not take. The
// others are in place.
type referenceError struct {
	attribute      string
	refused, total int
	first          error
}

func (e *referenceError) Error() string {
	return fmt.Sprintf("%d of %d references refused, the first because: %v", e.refused, e.total, describeError(e.first))
}

func (e *referenceError) Unwrap() error { return e.first }

// relate changes relationships and reports whether something changed.
func (t *task) relate(id guid, wishes []refWish) (changed bool, err error) {
	for _, w := range wishes {
		var one bool
		if w.m.MultiValued {
			one, err = t.links(id, w)
		} else {
			one, err = t.single(id, w)
		}
		changed = changed || one
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// single sets or clears a relationship that has one target.
func (t *task) single(id guid, w refWish) (bool, error) {
	path := t.path(id) + "/" + w.m.Property + "/$ref"
	if len(w.mod.Adds) == 0 {
		_, err := t.write(operation{method: http.MethodDelete, path: path})
		if isStatus(err, http.StatusNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	target, err := parseRef(w.mod.Adds[len(w.mod.Adds)-1].Str())
	if err != nil {
		return false, &referenceError{w.m.Attribute, 1, 1, err}
	}
	op := operation{method: http.MethodPut, path: path, body: t.reference(target)}
	_, err = t.untilKnown(op, id, target.id)
	if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusBadRequest) {
		return false, &referenceError{w.m.Attribute, 1, 1, err}
	}
	return err == nil, err
}

// reference is the body that names a target.
func (t *task) reference(target ref) map[string]any {
	set := "directoryObjects"
	if target.kind == refUser {
		set = "users"
	}
	return map[string]any{"@odata.id": t.s.t.o.BaseURL + "/" + set + "/" + target.id.String()}
}

// untilKnown sends a write and repeats it while one of the objects concerned, having just
// been created, may not be known everywhere. To add the same reference twice is harmless,
// so that a lost answer is no reason to stop either.
func (t *task) untilKnown(op operation, ids ...guid) (*answer, error) {
	t.wrote.Store(true)
	for attempt := 1; ; attempt++ {
		a, err := t.d.send(op)
		var lost *unansweredError
		again := errors.As(err, &lost) && t.d.ctx.Err() == nil ||
			isStatus(err, http.StatusNotFound) && slices.ContainsFunc(ids, t.s.t.recent.has)
		if !again || attempt >= t.s.t.o.Attempts {
			return a, err
		}
		if err := t.d.pause(backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

// A linking is the change of one relationship with many targets.
type linking struct {
	t        *task
	id       guid
	m        *Mapping
	changed  atomic.Bool
	existing func() (map[ref]bool, error) // the targets there are, read when first asked for

	mu      sync.Mutex // guards refused and err
	refused []error
	err     error
}

// links adds and removes targets.
func (t *task) links(id guid, w refWish) (bool, error) {
	l := &linking{t: t, id: id, m: w.m}
	l.existing = sync.OnceValues(l.readExisting)
	adds, deletes := l.parse(w.mod.Adds), l.parse(w.mod.Deletes)
	if w.mod.Replace {
		have, err := l.current()
		if err != nil {
			return false, err
		}
		adds, deletes = difference(have, adds)
	}
	chunks := slices.Collect(slices.Chunk(adds, batchLimit))
	t.d.fan(len(chunks), linkWindow, func(i int) { l.add(chunks[i]) })
	t.d.fan(len(deletes), linkWindow, func(i int) { l.remove(deletes[i]) })
	if l.err != nil {
		return l.changed.Load(), l.err
	}
	if len(l.refused) > 0 {
		return l.changed.Load(), &referenceError{w.m.Attribute, len(l.refused), len(adds) + len(deletes), l.refused[0]}
	}
	return l.changed.Load(), nil
}

// parse reads reference values. One that is not of this directory is refused.
func (l *linking) parse(values []attr.Value) []ref {
	out := make([]ref, 0, len(values))
	for _, v := range values {
		r, err := parseRef(v.Str())
		if err != nil {
			l.refuse(err)
			continue
		}
		out = append(out, r)
	}
	return uniqueRefs(out)
}

func difference(have map[ref]bool, want []ref) (adds, deletes []ref) {
	for _, r := range want {
		if !have[r] {
			adds = append(adds, r)
		}
	}
	for r := range have {
		if !slices.Contains(want, r) {
			deletes = append(deletes, r)
		}
	}
	return adds, uniqueRefs(deletes)
}

// current returns the targets that there are. Who waits for another to read them must not
// keep the batch from being sent in which that other asks.
func (l *linking) current() (map[ref]bool, error) {
	l.t.d.rest()
	defer l.t.d.wake()
	return l.existing()
}

func (l *linking) readExisting() (map[ref]bool, error) {
	l.t.d.wake()
	defer l.t.d.rest()
	refs, err := l.t.related(l.t.c, l.id, l.m)
	out := make(map[ref]bool, len(refs))
	for _, r := range refs {
		out[r] = true
	}
	return out, err
}

func (l *linking) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = append(l.refused, err)
}

// stop notes an error that is not about a single target.
func (l *linking) stop(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

func (l *linking) stopped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// add adds up to twenty targets with one request, which takes all or none. When one of them
// is at fault they are added one by one.
func (l *linking) add(targets []ref) {
	if l.stopped() {
		return
	}
	links := make([]string, len(targets))
	for i, r := range targets {
		links[i] = l.t.s.t.o.BaseURL + "/directoryObjects/" + r.id.String()
	}
	_, err := l.t.untilKnown(operation{
		method: http.MethodPatch, path: l.t.path(l.id), body: map[string]any{l.m.Property + "@odata.bind": links},
	}, l.id)
	switch {
	case err == nil:
		l.changed.Store(true)
	case isStatus(err, http.StatusBadRequest), isStatus(err, http.StatusNotFound):
		l.t.d.fan(len(targets), linkWindow, func(i int) { l.addOne(targets[i]) })
	default:
		l.stop(err)
	}
}

// addOne adds a target by itself. A refusal is success if the target is there already.
func (l *linking) addOne(r ref) {
	if l.stopped() {
		return
	}
	_, err := l.t.untilKnown(operation{
		method: http.MethodPost, path: l.t.path(l.id) + "/" + l.m.Property + "/$ref",
		body: map[string]any{"@odata.id": l.t.s.t.o.BaseURL + "/directoryObjects/" + r.id.String()},
	}, l.id, r.id)
	switch {
	case err == nil:
		l.changed.Store(true)
	case isStatus(err, http.StatusNotFound):
		l.refuse(err)
	case isStatus(err, http.StatusBadRequest):
		have, readErr := l.current()
		if readErr != nil {
			l.stop(readErr)
		} else if !have[r] {
			l.refuse(err)
		}
	default:
		l.stop(err)
	}
}

// remove removes a target. The path ends in /$ref: without it the request would delete the
// target itself.
func (l *linking) remove(r ref) {
	if l.stopped() {
		return
	}
	_, err := l.t.untilKnown(operation{
		method: http.MethodDelete, path: l.t.path(l.id) + "/" + l.m.Property + "/" + r.id.String() + "/$ref",
	})
	switch {
	case err == nil:
		l.changed.Store(true)
	case isStatus(err, http.StatusNotFound): // not there any more
	case isStatus(err, http.StatusBadRequest):
		l.refuse(err)
	default:
		l.stop(err)
	}
}
