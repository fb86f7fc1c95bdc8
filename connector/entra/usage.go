package entra

import (
	"net/http"
	"sync"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// Usage implements [connector.Metered]: requests to Graph, and how much of the published quotas,
// or of the pace that the options set, they use.
func (t *Tenant) Usage() connector.Usage {
	p, now := t.client.pace, t.o.Clock()
	u := p.meter.read(now)
	for _, b := range []*bucket{p.writes, p.units} {
		if b != nil {
			u.Share = max(u.Share, b.share(now))
		}
	}
	return u
}

// meterWindow is the time that a share is of, in slots.
const (
	meterWindow = time.Minute
	meterSlots  = 12
	meterSlot   = meterWindow / meterSlots
)

// A meter counts requests. It is safe for concurrent use.
type meter struct {
	mu    sync.Mutex // guards everything below
	usage connector.Usage
	told  float64 // share of the quota that the service has told of
	until time.Time
}

// answered counts an answer.
func (m *meter) answered(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.usage.Requests++
	if status == http.StatusTooManyRequests {
		m.usage.Throttled++
	}
}

// pressed notes what the service says is used of the quota.
func (m *meter) pressed(share float64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if share >= m.told || now.After(m.until) {
		m.told, m.until = share, now.Add(meterWindow)
	}
}

// waits counts a request that is held back; the function returned ends that.
func (m *meter) waits(clock func() time.Time) func() {
	begin := clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.usage.Waiting++
	return func() {
		waited := clock().Sub(begin)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.usage.Waiting--
		m.usage.Waited += max(waited, 0)
	}
}

func (m *meter) read(now time.Time) connector.Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.usage
	if !now.After(m.until) {
		u.Share = m.told
	}
	return u
}

// A window counts what was spent in the last minute. Its bucket guards it.
type window struct {
	spent [meterSlots]int
	slot  int64 // number of the newest slot
}

// at moves the window to a moment and returns the slot for it.
func (w *window) at(now time.Time) *int {
	slot := now.UnixNano() / int64(meterSlot)
	for n := max(w.slot+1, slot-meterSlots+1); n <= slot; n++ {
		w.spent[n%meterSlots] = 0
	}
	w.slot = max(w.slot, slot)
	return &w.spent[w.slot%meterSlots]
}

// share is how much of what the bucket lets through in a minute was taken.
func (b *bucket) share(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.window.at(now)
	sum := 0
	for _, n := range b.window.spent {
		sum += n
	}
	return float64(sum) / (float64(b.base) * meterWindow.Seconds())
}

// took notes what was taken.
func (b *bucket) took(now time.Time, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.window.at(now) += n
}

var _ connector.Metered = (*Tenant)(nil)
