package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Health tells three things apart. A process that is not live is to be restarted. One that is
// not ready cannot do its work now, for a reason outside of it. Data that are stale tell that
// the work is not getting done, whatever the reason.
type Health struct {
	Live  bool `json:"live"`  // the scheduler looks at the clock
	Ready bool `json:"ready"` // the store answers
	Stale bool `json:"stale"` // directories were not imported for too long
	// Role is "active", "standby", "staging" or "suspended".
	Role string `json:"role"`
	// Since is when the connector that is furthest behind was imported last.
	Since time.Time `json:"since,omitzero"`
	// Reasons say what is wrong.
	Reasons []string `json:"reasons,omitempty"`
}

// beatLimit is how long the scheduler may not have looked at the clock.
const beatLimit = 2 * time.Minute

// staleLimit is the least age of data that counts as stale.
const staleLimit = 2 * time.Hour

// Health tells how the scheduler fares. Data are stale when a connector was not imported for
// three intervals of the schedule, and at least for two hours; on standby they never are.
func (s *Scheduler) Health(ctx context.Context) Health {
	now := s.now()
	h := Health{Live: true, Role: "standby"}
	why := func(format string, args ...any) { h.Reasons = append(h.Reasons, fmt.Sprintf(format, args...)) }
	if beat := time.Unix(0, s.beat.Load()); now.Sub(beat) > beatLimit+s.opts.Poll {
		h.Live = false
		why("the scheduler does not run")
	}
	st, err := s.read(ctx)
	if err != nil {
		why("the store does not answer: %v", err)
		return h
	}
	h.Ready = h.Live
	if !s.active.Load() {
		return h
	}
	switch {
	case st.Orders.Suspended != nil:
		h.Role = "suspended"
		why("the scheduler is suspended since %s", st.Orders.Suspended.Since.Format(time.RFC3339))
	case st.Staging != nil:
		h.Role = "staging"
	default:
		h.Role = "active"
	}
	limit := max(3*s.schedule.Next(now).Sub(now), staleLimit)
	for _, c := range s.connectors {
		last := st.State.Connectors[c.Name].Imported
		if h.Since.IsZero() || last.Before(h.Since) {
			h.Since = last
		}
		switch age := now.Sub(last); {
		case last.IsZero() && st.State.LastEnd.IsZero(): // the first cycle is not over
		case last.IsZero():
			h.Stale = true
			why("%s was never imported", c.Name)
		case age > limit:
			h.Stale = true
			why("%s was imported last %s ago", c.Name, age.Round(time.Minute))
		}
	}
	return h
}

// Role returns "active" or "standby": whether this process is the active one. It asks nobody.
func (s *Scheduler) Role() string {
	if s.active.Load() {
		return "active"
	}
	return "standby"
}

// HealthHandler serves the scheduler's health: /livez for restarts, /readyz for what depends
// on the store, /freshz for alerts about stale data, and /healthz for all of it. Each answers
// 200 when it is well and 503 otherwise, with the same JSON. health is called for each
// request.
func HealthHandler(health func(context.Context) Health) http.Handler {
	mux := http.NewServeMux()
	serve := func(path string, well func(Health) bool) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
			defer cancel()
			h := health(ctx)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			if !well(h) {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_ = json.NewEncoder(w).Encode(h) // whoever asks may be gone
		})
	}
	serve("/livez", func(h Health) bool { return h.Live })
	serve("/readyz", func(h Health) bool { return h.Ready })
	serve("/freshz", func(h Health) bool { return !h.Stale })
	serve("/healthz", func(h Health) bool { return h.Live && h.Ready && !h.Stale })
	return mux
}
