package entra

import (
	"sync"
	"time"
)

const (
	// settleTime is how long after its creation an object may still be unknown to some
	// replica of the directory.
	settleTime = 5 * time.Minute
	maxRecent  = 50_000
)

// A recent remembers objects that the connector has created or restored lately: a 404
// for one of them means not yet, not gone. It is safe for concurrent use.
type recent struct {
	clock func() time.Time

	mu    sync.Mutex // guards everything below
	ids   map[guid]time.Time
	order []birth // oldest first; of those forgotten since, too
}

type birth struct {
	id guid
	at time.Time
}

func newRecent(clock func() time.Time) *recent {
	return &recent{clock: clock, ids: make(map[guid]time.Time)}
}

// add remembers one. Of more than there is room for the oldest are forgotten: a 404 is then
// final, and the next run tries again.
func (r *recent) add(id guid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	r.ids[id] = now
	r.order = append(r.order, birth{id, now})
	for len(r.order) > maxRecent || now.Sub(r.order[0].at) > settleTime {
		if first := r.order[0]; r.ids[first.id].Equal(first.at) {
			delete(r.ids, first.id)
		}
		r.order = r.order[1:]
	}
}

func (r *recent) has(id guid) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.ids[id]
	return ok && r.clock().Sub(at) <= settleTime
}

func (r *recent) forget(id guid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ids, id)
}
