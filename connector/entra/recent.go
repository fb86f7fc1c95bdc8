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

	mu  sync.Mutex // guards ids
	ids map[guid]time.Time
}

func newRecent(clock func() time.Time) *recent {
	return &recent{clock: clock, ids: make(map[guid]time.Time)}
}

func (r *recent) add(id guid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	if len(r.ids) >= maxRecent {
		for id, at := range r.ids {
			if now.Sub(at) > settleTime {
				delete(r.ids, id)
			}
		}
		if len(r.ids) >= maxRecent {
			return // a 404 is then final; the next run tries again
		}
	}
	r.ids[id] = now
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
