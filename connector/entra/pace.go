package entra

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	batchLimit = 20
	// pressureFrom is the share of the quota from which the service tells how much of it
	// is used, and from which we slow down.
	pressureFrom = 0.8
	pressureHold = 10 * time.Second
	slowest      = 0.1
)

// A pacer keeps the tenant's requests within what the service takes: writes flow through a
// token bucket; when the service says that the quota is nearly used, they flow slower; when
// it says to wait, everything waits. It is safe for concurrent use.
type pacer struct {
	o      *Options
	writes *rate.Limiter // nil means unlimited
	base   rate.Limit

	mu     sync.Mutex // guards everything below
	until  time.Time  // no request before
	calm   time.Time  // full speed again from then on
	slowed bool
}

func newPacer(o *Options) *pacer {
	p := &pacer{o: o, base: rate.Limit(o.WritesPerSecond)}
	if o.WritesPerSecond > 0 {
		p.writes = rate.NewLimiter(p.base, max(2*batchLimit, int(o.WritesPerSecond)))
	}
	return p
}

// ready waits until requests may be sent.
func (p *pacer) ready(ctx context.Context) error {
	p.mu.Lock()
	wait := p.until.Sub(p.o.Clock())
	p.mu.Unlock()
	if wait > 0 {
		p.o.sleep(ctx.Done(), wait)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// write waits until n changes may be sent.
func (p *pacer) write(ctx context.Context, n int) error {
	if p.writes == nil || n == 0 {
		return nil
	}
	p.mu.Lock()
	if p.slowed && !p.o.Clock().Before(p.calm) {
		p.slowed = false
		p.writes.SetLimit(p.base)
	}
	p.mu.Unlock()
	return p.writes.WaitN(ctx, n)
}

// observe learns from the headers of any answer, an item of a batch included.
func (p *pacer) observe(h http.Header) {
	share, err := strconv.ParseFloat(h.Get("x-ms-throttle-limit-percentage"), 64)
	if err != nil || share < pressureFrom || p.writes == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slowed = true
	p.calm = p.o.Clock().Add(pressureHold)
	p.writes.SetLimit(p.base * rate.Limit(max(slowest, min(1, 1.8-share))))
}

// hold keeps back all requests for d.
func (p *pacer) hold(d time.Duration) {
	if d <= 0 || d > longestWait {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.o.Clock().Add(d); t.After(p.until) {
		p.until = t
	}
}
