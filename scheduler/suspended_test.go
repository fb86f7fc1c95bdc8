package scheduler_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hybridsync/hybridsync/scheduler"
)

// stretch is a time in which a scheduler is suspended, runs, or is down.
type stretch struct {
	what string
	long time.Duration
}

// span is a time from one moment to another.
type span struct{ from, to time.Time }

// However often a scheduler is suspended, resumed and restarted over months: whenever it has
// been suspended for some hours in the last 30 days of a certificate, the alarm was raised within
// the day, and it is raised at no other time.
func TestSuspendedSchedulerAlarmsBeforeCertificatesExpire(t *testing.T) {
	t.Parallel()
	most := 12
	if testing.Short() {
		most = 4
	}
	rapid.Check(t, func(rt *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stretch {
			return stretch{
				rapid.SampledFrom([]string{"suspended", "suspended", "running", "down"}).Draw(t, "what"),
				time.Duration(rapid.IntRange(1, 20*24).Draw(t, "hours")) * time.Hour,
			}
		}), 1, most).Draw(rt, "stretches")
		lifetime := time.Duration(rapid.IntRange(1, 120).Draw(rt, "days")) * 24 * time.Hour
		due := time.Duration(rapid.IntRange(0, 60).Draw(rt, "due")) * 24 * time.Hour // before it expires; 0 for not told
		synctest.Test(t, func(t *testing.T) { suspendedFor(t, list, lifetime, due) })
	})
}

func suspendedFor(t *testing.T, list []stretch, lifetime, due time.Duration) {
	const day, grace = 24 * time.Hour, 2 * time.Hour
	cert := scheduler.Certificate{Name: "app", Expires: time.Now().Add(lifetime)}
	warned := span{cert.Expires.Add(-30 * day), cert.Expires}
	if due > 0 {
		cert.Due = cert.Expires.Add(-due)
		if due > 30*day {
			warned.from = cert.Due
		}
	}
	engine, events := newFake(), &recorder{}
	engine.now = time.Now
	opts := &scheduler.Options{
		Interval: 6 * time.Hour, Poll: 30 * time.Minute, Now: time.Now, OnEvent: events.on,
		Certificates: func(context.Context) ([]scheduler.Certificate, error) { return []scheduler.Certificate{cert}, nil },
	}
	control := scheduler.NewControl(engine.store)
	var suspended []span
	for _, x := range list {
		from := time.Now()
		switch x.what {
		case "down":
			time.Sleep(x.long)
			continue
		case "suspended":
			_, err := control.Suspend(t.Context(), "operator", "test")
			require.NoError(t, err)
		default:
			_, err := control.Resume(t.Context())
			require.NoError(t, err)
		}
		s, err := scheduler.New(engine, connectors, opts)
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- s.Run(t.Context()) }()
		time.Sleep(x.long)
		s.Stop()
		require.NoError(t, <-done)
		if x.what == "suspended" {
			suspended = append(suspended, span{from, time.Now()})
		}
	}
	raised := events.times(scheduler.EventSuspendedExpiry)
	for _, at := range raised {
		require.True(t, warned.has(at), "the alarm at %s, %s before it expires", at, cert.Expires.Sub(at))
		require.True(t, slices.ContainsFunc(suspended, func(s span) bool { return s.has(at) }), "the alarm at %s, when nothing was suspended", at)
	}
	for _, x := range suspended {
		x.from, x.to = later(x.from, warned.from), earlier(x.to, warned.to)
		for at := x.from.Add(grace); at.Before(x.to); at = at.Add(5 * time.Hour) {
			recent := span{later(x.from, at.Add(-day-grace)), at}
			require.True(t, slices.ContainsFunc(raised, recent.has), "no alarm in the day before %s, suspended since %s", at, x.from)
		}
	}
}

func (r *recorder) times(id scheduler.EventID) (at []time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.ID == id {
			at = append(at, e.Time)
		}
	}
	return at
}

func (s span) has(at time.Time) bool { return !at.Before(s.from) && !at.After(s.to) }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
