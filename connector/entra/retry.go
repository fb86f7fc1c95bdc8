package entra

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	backoffBase = 500 * time.Millisecond
	backoffMax  = 30 * time.Second
	// longestWait is the longest Retry-After that is waited for within a call. What takes
	// longer is the scheduler's to wait for.
	longestWait = 3 * time.Minute
)

// again decides whether the request whose attempt-th attempt failed is worth another, and
// when. It is for requests that can be repeated without harm.
func (c *client) again(err error, attempt int) (wait time.Duration, ok bool) {
	var g *GraphError
	switch {
	case errors.As(err, &g):
		if !transientStatus(g) || g.RetryAfter > longestWait {
			return 0, false
		}
		wait = g.RetryAfter
	case isNetwork(err):
	default:
		return 0, false
	}
	if attempt >= c.o.Attempts {
		return 0, false
	}
	return max(wait, backoff(attempt)), true
}

// transientStatus reports whether the same request may be answered otherwise later.
func transientStatus(g *GraphError) bool {
	switch g.Status {
	case http.StatusTooManyRequests:
		return !g.has("Request_ThrottledPermanently")
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusConflict:
		return g.has("Directory_ConcurrencyViolation")
	case http.StatusRequestTimeout, http.StatusFailedDependency:
		return true
	case http.StatusBadRequest:
		return g.has("NoBackingApplicationObject")
	}
	return false
}

// backoff grows with the attempts and is spread, so that clients that failed together do
// not come back together.
func backoff(attempt int) time.Duration {
	d := min(backoffBase<<min(attempt-1, 10), backoffMax)
	return d/2 + rand.N(d/2)
}

// pause waits, or returns why it did not.
func (c *client) pause(ctx context.Context, d time.Duration) error {
	if d > 0 {
		c.o.sleep(ctx.Done(), d)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
