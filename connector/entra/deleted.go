package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/hybridsync/hybridsync/connector"
)

// A deletedIndex finds deleted objects by source anchor. Graph cannot be asked for them by
// anchor: they are listed once a session. It is safe for concurrent use.
type deletedIndex struct {
	mu      sync.Mutex                          // guards classes; held while listing
	classes map[string]map[string]deletedObject // by class and source anchor
}

type deletedObject struct {
	id     guid
	synced bool   // mastered by another directory
	at     string // time of deletion, as Graph writes it
}

// load lists the deleted objects of a class, unless that was done and fresh is false. An
// application that may not list them restores nothing.
func (x *deletedIndex) load(ctx context.Context, s *session, c *class, fresh bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.classes == nil {
		x.classes = make(map[string]map[string]deletedObject)
	}
	if x.classes[c.name] != nil && !fresh {
		return nil
	}
	found, err := listDeleted(ctx, s, c)
	if isStatus(err, http.StatusForbidden) {
		s.log.WarnContext(ctx, "deleted objects cannot be listed and will not be restored",
			"connector", s.t.name, "class", c.name, "err", describeError(err))
		err = nil
	}
	if err != nil {
		return err
	}
	x.classes[c.name] = found
	return nil
}

func listDeleted(ctx context.Context, s *session, c *class) (map[string]deletedObject, error) {
	out := make(map[string]deletedObject)
	property := c.anchorProperty()
	fetch := func(ctx context.Context, token string) ([]map[string]json.RawMessage, string, error) {
		build := s.t.client.get("/directory/deletedItems/microsoft.graph." + c.name +
			"?$select=id,deletedDateTime,onPremisesSyncEnabled," + property + "&$top=" + strconv.Itoa(maxPage))
		if token != "" {
			var err error
			if build, err = s.t.client.link(token); err != nil {
				return nil, "", fmt.Errorf("%w: %w", connector.ErrProtocol, err)
			}
		}
		a, err := s.t.client.do(ctx, s.log, build, nil)
		if err != nil {
			return nil, "", err
		}
		var page struct {
			Next  string                       `json:"@odata.nextLink"`
			Value []map[string]json.RawMessage `json:"value"`
		}
		if json.Unmarshal(a.body, &page) != nil {
			return nil, "", errJSON
		}
		return page.Value, page.Next, nil
	}
	for objects, err := range connector.Pages(ctx, fetch, nil) {
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			add(out, c, o)
		}
	}
	return out, nil
}

// add keeps the object that was deleted last, where several had the same anchor.
func add(out map[string]deletedObject, c *class, o map[string]json.RawMessage) {
	text := func(name string) (s string) {
		_ = json.Unmarshal(o[name], &s) // null and other types are no text
		return s
	}
	anchor := text(c.anchorProperty())
	if c.name == classGroup {
		anchor = anchorOfLink(anchor)
	}
	id, ok := parseGUID(text("id"))
	if anchor == "" || !ok {
		return
	}
	d := deletedObject{id: id, at: text("deletedDateTime"), synced: string(o["onPremisesSyncEnabled"]) == "true"}
	if have, again := out[anchor]; !again || have.at < d.at {
		out[anchor] = d
	}
}

// find returns the deleted object with the anchor.
func (x *deletedIndex) find(c *class, anchor string) (deletedObject, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d, ok := x.classes[c.name][anchor]
	return d, ok
}

// forget takes the object with the anchor out.
func (x *deletedIndex) forget(c *class, anchor string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.classes[c.name], anchor)
}

// note adds an object that the session itself has deleted.
func (x *deletedIndex) note(c *class, anchor string, id guid) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if m := x.classes[c.name]; m != nil && anchor != "" {
		m[anchor] = deletedObject{id: id, at: "~"} // later than every other
	}
}

// restore brings a deleted object back and gives it what the change asks for. It reports
// false when the object is not there any more.
func (t *task) restore(d deletedObject, p *plan) (connector.Result, bool) {
	t.s.deleted.forget(t.c, p.anchor)
	_, err := t.write(operation{method: http.MethodPost, path: "/directory/deletedItems/" + d.id.String() + "/restore"})
	var lost *unansweredError
	switch {
	case isStatus(err, http.StatusNotFound):
		return connector.Result{}, false
	case errors.As(err, &lost):
		// Restored or not, the object has kept its id: see where it is.
		e, readErr := t.byID(t.bare(), d.id)
		if readErr != nil || e == nil {
			return t.fail(err), true
		}
	case err != nil:
		return t.fail(err), true
	}
	t.s.t.recent.add(d.id)
	return t.converge(d.id, p, true), true
}
