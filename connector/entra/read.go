package entra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// readChunk is how many keys are read at a time.
const readChunk = 200

// ReadObjects reads single objects, by anchor or, without one, by the source anchor that
// the DN holds. Objects are read side by side, twenty to a request.
func (s *session) ReadObjects(ctx context.Context, keys []connector.Key) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		if err := s.usable(ctx); err != nil {
			yield(connector.Item{}, s.t.failure("read", err))
			return
		}
		for item, err := range s.readObjects(ctx, keys) {
			if err != nil {
				yield(connector.Item{}, s.t.failure("read", err))
				return
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (s *session) readObjects(ctx context.Context, keys []connector.Key) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		for len(keys) > 0 {
			n := min(len(keys), readChunk)
			items, err := s.readMany(ctx, keys[:n])
			if err != nil {
				yield(connector.Item{}, err)
				return
			}
			for i := range items {
				if ctx.Err() != nil {
					yield(connector.Item{}, context.Cause(ctx))
					return
				}
				if !yield(items[i], nil) {
					return
				}
			}
			keys = keys[n:]
		}
	}
}

func (s *session) readMany(ctx context.Context, keys []connector.Key) ([]connector.Item, error) {
	items, errs := make([]connector.Item, len(keys)), make([]error, len(keys))
	d := newDispatcher(ctx, s.t.client, s.log)
	d.run(len(keys), func(i int) {
		items[i], errs[i] = (&reader{s: s, d: d}).read(keys[i])
	})
	for i, err := range errs {
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !errors.Is(err, errUnreadable) {
			return nil, err
		}
		items[i] = connector.Item{
			Kind: connector.ItemObject, Object: &connector.Object{Anchor: keys[i].Anchor, DN: keys[i].DN},
			Err: s.t.objectFailure("read", keys[i], "", err),
		}
	}
	return items, nil
}

// errUnreadable marks an answer about one object that makes no sense.
var errUnreadable = errors.New("unreadable object")

// A reader reads objects as a task of a dispatcher.
type reader struct {
	s *session
	d *dispatcher
}

// gone is the item for a key that names nothing.
func gone(key connector.Key, class string) connector.Item {
	return connector.Item{Kind: connector.ItemDelete, Object: &connector.Object{Class: class, Anchor: key.Anchor, DN: key.DN}}
}

func (r *reader) read(key connector.Key) (connector.Item, error) {
	if key.Anchor.IsZero() {
		return r.readByDN(key)
	}
	target, err := parseRef(key.Anchor.Raw())
	if err != nil {
		return gone(key, ""), nil
	}
	for _, c := range r.s.classes {
		if c.rank != target.kind {
			continue
		}
		e, err := r.byID(r.s.decoders[c.name], target.id)
		if err != nil || e == nil {
			return gone(key, c.name), err
		}
		return r.s.decoders[c.name].item(r.s.t, e), nil
	}
	return gone(key, ""), nil
}

// readByDN looks for the object with the source anchor of the DN: a user, or a group that
// was linked when it was created.
func (r *reader) readByDN(key connector.Key) (connector.Item, error) {
	anchor, ok := anchorOfDN(key.DN)
	if !ok {
		return gone(key, ""), nil
	}
	for _, c := range r.s.classes {
		if c.anchorProperty() == "" {
			continue
		}
		d := r.s.decoders[c.name]
		e, err := r.byAnchor(d, anchor)
		if err != nil {
			return connector.Item{}, err
		}
		if e == nil {
			continue
		}
		if err := r.relationships(d, e); err != nil {
			return connector.Item{}, err
		}
		return d.item(r.s.t, e), nil
	}
	return gone(key, ""), nil
}

// byID reads an object with its relationships, nil if there is none. An object that was
// created a moment ago is given time to appear.
func (r *reader) byID(d *decoder, id guid) (*entry, error) {
	path := "/" + d.class.set + "/" + id.String() + "?$select=" + strings.Join(d.class.selection(d.wanted, false), ",")
	a, err := r.patiently(id, operation{method: http.MethodGet, path: path})
	if isStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := d.single(a.body)
	if err != nil {
		return nil, err
	}
	return e, r.relationships(d, e)
}

// patiently sends an operation on an object and repeats it while the object, having just
// been created, is not yet known everywhere.
func (r *reader) patiently(id guid, op operation) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := r.d.send(op)
		if !isStatus(err, http.StatusNotFound) || attempt >= r.s.t.o.Attempts || !r.s.t.recent.has(id) {
			return a, err
		}
		if err := r.d.pause(backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

// byAnchor finds the object with a source anchor, without its relationships.
func (r *reader) byAnchor(d *decoder, anchor string) (*entry, error) {
	if d.class.name == classUser {
		return r.find(d, "onPremisesImmutableId", anchor)
	}
	link := linkName(anchor)
	if link == "" || r.s.t.o.NoGroupLink {
		return nil, nil
	}
	return r.find(d, "uniqueName", link)
}

// find reads the object whose property has the value, nil if there is none.
func (r *reader) find(d *decoder, property, value string) (*entry, error) {
	found, err := r.filtered(d, property+" eq "+quote(value))
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	}
	return nil, fmt.Errorf("%w: more than one object has the same %s", connector.ErrProtocol, property)
}

// quote makes text a literal of a filter.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// escape escapes text for a query.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// single reads the text of an answer that is one object.
func (d *decoder) single(text []byte) (*entry, error) {
	s, err := newScanner(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	e, err := d.entry(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return &e, nil
}

// relationships reads those of the object that are wanted.
func (r *reader) relationships(d *decoder, e *entry) error {
	for _, m := range d.class.fields {
		if m.shape != shapeRefs || !d.wants(m) {
			continue
		}
		refs, err := r.related(d.class, e.id, m)
		if err != nil {
			return err
		}
		if len(refs) > 0 {
			e.refs = append(e.refs, refChange{m: m, adds: uniqueRefs(refs)})
		}
	}
	return nil
}

// related reads one relationship whole.
func (r *reader) related(c *class, id guid, m *Mapping) ([]ref, error) {
	path := "/" + c.set + "/" + id.String() + "/" + m.Property + "?$select=id"
	if !m.MultiValued {
		a, err := r.d.send(operation{method: http.MethodGet, path: path})
		if isStatus(err, http.StatusNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		s, err := newScanner(a.body)
		if err != nil {
			return nil, err
		}
		one, _, err := readRef(s)
		return []ref{one}, err
	}
	return r.refList(path + "&$top=" + strconv.Itoa(maxPage))
}

// refList reads a list of directory objects to its end.
func (r *reader) refList(path string) ([]ref, error) {
	var all []ref
	for seen := map[string]bool{}; path != ""; {
		a, err := r.d.send(operation{method: http.MethodGet, path: path})
		if err != nil {
			return nil, err
		}
		refs, next, err := readRefList(a.body)
		if err != nil {
			return nil, err
		}
		all = append(all, refs...)
		if path, err = r.relative(next); err != nil {
			return nil, err
		}
		if seen[path] {
			return nil, errRepeated
		}
		seen[path] = path != ""
	}
	return all, nil
}

// relative makes a path for a batch of a page link, which must be on the configured host.
func (r *reader) relative(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	c := r.s.t.client
	if _, err := c.link(link); err != nil {
		return "", fmt.Errorf("%w: %w", connector.ErrProtocol, err)
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("%w: %w", connector.ErrProtocol, err)
	}
	path, ok := strings.CutPrefix(u.RequestURI(), c.base.EscapedPath())
	if !ok {
		return "", fmt.Errorf("%w: a page link leads out of the API's version", connector.ErrProtocol)
	}
	return path, nil
}

// isStatus reports whether Graph answered with the status.
func isStatus(err error, status int) bool {
	var g *GraphError
	return errors.As(err, &g) && g.Status == status
}
