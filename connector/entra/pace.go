package entra

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	batchLimit = 20
	// pressureFrom is the share of the quota from which we slow down. Below it is where our
	// own pace leads; above it somebody else uses the quota, too, or counts otherwise.
	pressureFrom = 0.97
	// pressureFull is the share at which we go at the slowest.
	pressureFull = 1.03
	pressureHold = 10 * time.Second
	slowest      = 0.1
)

// A pacer keeps the tenant's requests within what the service takes: writes and resource
// units flow through a token bucket each; when the service says that the quota is nearly
// used, they flow slower; when it says to wait, everything waits. It is safe for concurrent
// use.
type pacer struct {
	o             *Options
	writes, units *bucket // nil means unlimited
	meter         meter

	mu    sync.Mutex // guards until
	until time.Time  // no request before
}

// A bucket is a token bucket that can be slowed down for a while.
type bucket struct {
	limiter *rate.Limiter

	mu     sync.Mutex // guards everything below
	base   rate.Limit
	calm   time.Time // full speed again from then on
	slowed bool
	window window
}

func newBucket(perSecond float64, burst int) *bucket {
	if perSecond < 0 {
		return nil
	}
	return &bucket{limiter: rate.NewLimiter(rate.Limit(perSecond), burst), base: rate.Limit(perSecond)}
}

// pace changes the speed for good.
func (b *bucket) pace(now time.Time, perSecond float64, burst int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.base = rate.Limit(perSecond)
	b.limiter.SetBurstAt(now, burst)
	if !b.slowed {
		b.limiter.SetLimitAt(now, b.base)
	}
}

// slow goes at a share of the speed for a while.
func (b *bucket) slow(now time.Time, share float64, hold time.Duration) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slowed, b.calm = true, now.Add(hold)
	b.limiter.SetLimitAt(now, b.base*rate.Limit(share))
}

// limit is the speed at the moment.
func (b *bucket) limit(now time.Time) rate.Limit {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.slowed && !now.Before(b.calm) {
		b.slowed = false
		b.limiter.SetLimitAt(now, b.base)
	}
	return b.limiter.Limit()
}

// take waits for n tokens.
func (b *bucket) take(ctx context.Context, o *Options, n int) error {
	for b != nil && n > 0 {
		now := o.Clock()
		b.limit(now)
		some := min(n, b.limiter.Burst())
		r := b.limiter.ReserveN(now, some)
		if wait := r.DelayFrom(now); wait > 0 {
			o.sleep(ctx.Done(), wait)
			if ctx.Err() != nil {
				r.CancelAt(o.Clock())
				return context.Cause(ctx)
			}
		}
		b.took(o.Clock(), some)
		n -= some
	}
	return nil
}

// Published quotas of one application in one tenant. Ours are a little lower, since what is
// on its way is not counted when it is sent.
const (
	writeBurst   = 2.25 // seconds' worth: what reading takes is made up for
	unitWindow   = 10   // seconds
	unitShare    = 0.93
	unitBurst    = 0.05
	smallTenant  = 3500
	mediumTenant = 5000
	largeTenant  = 8000
	mediumFrom   = 50
	largeFrom    = 500
)

func newPacer(o *Options) *pacer {
	p := &pacer{o: o, writes: newBucket(o.WritesPerSecond, max(2*batchLimit, int(writeBurst*o.WritesPerSecond)))}
	switch {
	case o.UnitsPerSecond > 0:
		p.units = newBucket(o.UnitsPerSecond, max(2*batchLimit, int(o.UnitsPerSecond/2)))
	case o.UnitsPerSecond == 0 && o.WritesPerSecond >= 0:
		p.units = newBucket(unitShare*smallTenant/unitWindow, unitBurst*smallTenant)
	}
	return p
}

// size tells how many users the tenant has: the quota of resource units depends on it.
func (p *pacer) size(users int64) {
	if p.units == nil || p.o.UnitsPerSecond != 0 {
		return
	}
	quota := smallTenant
	switch {
	case users > largeFrom:
		quota = largeTenant
	case users >= mediumFrom:
		quota = mediumTenant
	}
	p.units.pace(p.o.Clock(), unitShare*float64(quota)/unitWindow, int(unitBurst*float64(quota)))
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

// spend waits until requests of that many writes and resource units may be sent.
func (p *pacer) spend(ctx context.Context, writes, units int) error {
	defer p.meter.waits(p.o.Clock)()
	if err := p.writes.take(ctx, p.o, writes); err != nil {
		return err
	}
	if err := p.units.take(ctx, p.o, units); err != nil {
		return err
	}
	return p.ready(ctx)
}

// observe learns from the headers of any answer, an item of a batch included.
func (p *pacer) observe(status int, h http.Header) {
	p.meter.answered(status)
	share, err := strconv.ParseFloat(h.Get("x-ms-throttle-limit-percentage"), 64)
	hold := pressureHold
	if status == http.StatusTooManyRequests {
		// Whoever comes next will be refused as well.
		share, err = pressureFull, nil
		hold = max(hold, min(retryAfter(h.Get("Retry-After"), p.o.Clock()), longestWait))
	}
	if err != nil {
		return
	}
	p.meter.pressed(share, p.o.Clock())
	if share < pressureFrom {
		return
	}
	speed := max(slowest, (pressureFull-share)/(pressureFull-pressureFrom))
	now := p.o.Clock()
	p.writes.slow(now, speed, hold)
	p.units.slow(now, speed, hold)
}

// correct takes what an answer says that it has cost beyond what was expected.
func (p *pacer) correct(expected int, h http.Header) {
	cost, err := strconv.Atoi(h.Get("x-ms-resource-unit"))
	if more := cost - expected; err == nil && more > 0 && p.units != nil {
		p.units.took(p.o.Clock(), more)
		p.units.limiter.ReserveN(p.o.Clock(), min(more, p.units.limiter.Burst()))
	}
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

// unitsOf is what Graph charges for an operation, in resource units.
func unitsOf(method, path string) int {
	if method != http.MethodGet {
		return 1
	}
	path, query, _ := strings.Cut(path, "?")
	n := 1
	switch {
	case path == "/users" || strings.HasPrefix(path, "/users/delta"):
		n = 2
	case strings.HasSuffix(path, "/members"):
		n = 3
	}
	if strings.Contains(query, "$select") {
		n--
	}
	return max(n, 1)
}
