package connectortest

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// Chaos decides by chance which faults happen. The same seed over the same calls gives the
// same faults: what a run found can be run again.
type Chaos struct {
	Seed uint64
	// Rates are the probabilities of the kinds: of [Duplicate], [Reorder], [Malformed],
	// [ItemTrouble] and [LoseAnswer] for each object, of the others for each call.
	Rates map[FaultKind]float64
	// Within bounds where in a call Cut, Truncate and PartialBatch strike: before one of the
	// first so many objects. 0 means 20.
	Within int
	// Delay is how long Slow and Stuck last; 0 means a millisecond.
	Delay time.Duration
}

// Storms are scenarios of chaos, by name, from which to start: their rates make sure that
// work gets done between the faults.
func Storms() map[string]map[FaultKind]float64 {
	return map[string]map[FaultKind]float64{
		"lines":   {Refuse: 0.05, Slow: 0.05, Stuck: 0.05, Cut: 0.15, Truncate: 0.10, DropComplete: 0.10},
		"pages":   {Duplicate: 0.05, Reorder: 0.10, RepeatPage: 0.15, EndlessPages: 0.08},
		"items":   {Malformed: 0.02, ItemTrouble: 0.02},
		"marks":   {Expire: 0.25},
		"answers": {LoseAnswer: 0.05, LoseBatch: 0.10, PartialBatch: 0.10},
		"all": {
			Refuse: 0.03, Slow: 0.05, Stuck: 0.03, Cut: 0.10, Truncate: 0.10, DropComplete: 0.06,
			Duplicate: 0.02, Reorder: 0.05, RepeatPage: 0.08, EndlessPages: 0.08,
			Malformed: 0.005, ItemTrouble: 0.005, Expire: 0.10,
			LoseAnswer: 0.03, LoseBatch: 0.10, PartialBatch: 0.10,
		},
	}
}

// perObject are the kinds that are drawn for each object.
var perObject = map[FaultKind]bool{Duplicate: true, Reorder: true, Malformed: true, ItemTrouble: true, LoseAnswer: true}

// draw decides whether a fault happens. A nil Chaos has none.
func (c *Chaos) draw(kind FaultKind, on Operation, call, item int) (Fault, bool) {
	if c == nil || c.Rates[kind] == 0 {
		return Fault{}, false
	}
	within, delay := c.Within, c.Delay
	if within == 0 {
		within = 20
	}
	if delay == 0 {
		delay = time.Millisecond
	}
	at := 0
	if perObject[kind] {
		at = item
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, kind, " ", on, " ", call, " ", at)
	rnd := rand.New(rand.NewPCG(c.Seed, h.Sum64()))
	if rnd.Float64() >= c.Rates[kind] {
		return Fault{}, false
	}
	f := Fault{Kind: kind, On: on, Call: call, Delay: delay, After: rnd.IntN(within)}
	if (kind == Cut || kind == Truncate) && item != f.After {
		return Fault{}, false
	}
	return f, true
}

// mentions reports whether a kind can happen at all.
func (p *FaultPlan) mentions(kind FaultKind) bool {
	return p.Chaos != nil && p.Chaos.Rates[kind] > 0 ||
		slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind == kind })
}

// RequireFired fails the test unless every kind that the plans of the connectors mention has
// fired at least so many times, over all of them: a storm that did not blow proves nothing.
func RequireFired(t testing.TB, times int, connectors ...*Faulty) {
	t.Helper()
	fired, wanted := make(map[FaultKind]int), make(map[FaultKind]bool)
	for _, f := range connectors {
		for kind, n := range f.Fired() {
			fired[kind] += n
		}
		for _, p := range f.plan.Faults {
			wanted[p.Kind] = true
		}
		if f.plan.Chaos != nil {
			for kind, rate := range f.plan.Chaos.Rates {
				if rate > 0 {
					wanted[kind] = true
				}
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(wanted)) {
		if fired[kind] < times {
			t.Errorf("fault %s fired %d times, fewer than %d: the run does not count", kind, fired[kind], times)
		}
	}
}

// JumpingClock returns a clock that jumps: with the given probability a call sets it to up to
// so much before or after the base clock. The same seed over the same calls gives the same
// jumps. It is safe for concurrent use.
func JumpingClock(base func() time.Time, seed uint64, rate float64, most time.Duration) func() time.Time {
	var mu sync.Mutex // guards rnd and offset
	rnd := rand.New(rand.NewPCG(seed, 0))
	var offset time.Duration
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		if rnd.Float64() < rate {
			offset = time.Duration((2*rnd.Float64() - 1) * float64(most))
		}
		return base().Add(offset)
	}
}
