package entratest

import (
	"math"
	"strconv"
	"sync"
	"time"
)

// throttle counts resource units and writes in sliding windows, as Graph's
// published limits for one application in one tenant do.
type throttle struct {
	scale float64

	mu     sync.Mutex // guards everything below
	units  window
	writes window
}

const (
	unitWindow  = 10 * time.Second
	writeWindow = 150 * time.Second
	writeLimit  = 3000
	windowSlots = 100
)

func newThrottle(scale float64) *throttle {
	return &throttle{scale: scale, units: window{span: unitWindow}, writes: window{span: writeWindow}}
}

// unitLimit is the published number of units per window for a tenant of that size.
func unitLimit(users int) float64 {
	switch {
	case users < 50:
		return 3500
	case users <= 500:
		return 5000
	default:
		return 8000
	}
}

// charge admits a request or says how long to wait. load is the share of the
// fuller quota that is used, the request included; limit names the one that is exceeded.
func (t *throttle) charge(now time.Time, units int, write bool, users int) (load float64, wait time.Duration, limit string) {
	if t.scale == 0 {
		return 0, 0, ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	unitCap := unitLimit(users) * t.scale
	load = (t.units.sum(now) + float64(units)) / unitCap
	if load > 1 {
		return load, t.units.relief(now), "ResourceUnitLimitExceeded"
	}
	if write {
		if w := (t.writes.sum(now) + 1) / (writeLimit * t.scale); w > 1 {
			return w, t.writes.relief(now), "WriteLimitExceeded"
		} else if w > load {
			load = w
		}
		t.writes.add(now, 1)
	}
	t.units.add(now, float64(units))
	return load, 0, ""
}

// window sums what was added during the last span, in slots.
type window struct {
	span  time.Duration
	slots [windowSlots]float64
	total float64
	head  int64 // number of the latest slot since the epoch
}

func (w *window) width() int64 { return int64(w.span) / windowSlots }

func (w *window) move(now time.Time) {
	slot := now.UnixNano() / w.width()
	if slot-w.head >= windowSlots || slot < w.head-windowSlots {
		w.slots, w.total, w.head = [windowSlots]float64{}, 0, slot
	}
	for w.head < slot {
		w.head++
		i := w.head % windowSlots
		w.total -= w.slots[i]
		w.slots[i] = 0
	}
}

func (w *window) sum(now time.Time) float64 {
	w.move(now)
	return w.total
}

func (w *window) add(now time.Time, n float64) {
	w.move(now)
	w.slots[w.head%windowSlots] += n
	w.total += n
}

// relief is the time until the oldest charge leaves the window.
func (w *window) relief(now time.Time) time.Duration {
	for i := w.head - windowSlots + 1; i <= w.head; i++ {
		if i >= 0 && w.slots[i%windowSlots] > 0 {
			return time.Duration((i+windowSlots)*w.width() - now.UnixNano())
		}
	}
	return time.Second
}

// units is what a request costs: the route's price and Graph's modifiers.
func (r *request) units() int {
	n := r.route.units
	if n == 0 {
		n = 1
	}
	if len(r.opts.selected) > 0 {
		n--
	}
	if r.opts.expand != "" {
		n++
	}
	if r.opts.top > 0 && r.opts.top < 20 {
		n--
	}
	return max(n, 1)
}

func throttled(wait time.Duration) *failure {
	f := refuse(429, codeThrottled, "Too many requests.")
	if wait < 0 {
		return f // the real service, too, sometimes says nothing about how long
	}
	secs := max(1, int(math.Ceil(wait.Seconds())))
	return f.with("Retry-After", strconv.Itoa(secs))
}
