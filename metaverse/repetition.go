package metaverse

import (
	"fmt"
	"hash/maphash"

	"github.com/hybridsync/hybridsync/connector"
)

const (
	// sampleEvery is how many objects of an import come between two that are remembered, so
	// that memory does not grow with the directory to speak of.
	sampleEvery = 100
	// maxRepeats is how many remembered objects in a row may have been shown before: pages
	// shown twice are an accident, more is a directory that never ends. A delta may tell of
	// one object many times.
	maxRepeats      = 64
	maxRepeatsDelta = 1000
)

// repetition notices an import that goes in circles, as one does whose directory gives out
// the same pages again and again: without it such an import would never end.
type repetition struct {
	most  int // repeats in a row
	seed  maphash.Seed
	shown int64
	seen  map[uint64]struct{}
	again int
}

func newRepetition(full bool) *repetition {
	most := maxRepeatsDelta
	if full {
		most = maxRepeats
	}
	return &repetition{most: most, seed: maphash.MakeSeed(), seen: make(map[uint64]struct{})}
}

// note takes an item in and fails when the import goes in circles.
func (r *repetition) note(item connector.Item) error {
	r.shown++
	if item.Object == nil || r.shown%sampleEvery != 1 {
		return nil
	}
	sum := maphash.Comparable(r.seed, item.Object.Key())
	if _, ok := r.seen[sum]; !ok {
		r.seen[sum] = struct{}{}
		r.again = 0
		return nil
	}
	if r.again++; r.again < r.most {
		return nil
	}
	return fmt.Errorf("%w: the import shows the same objects again and again; it was stopped after %d, nothing was deleted",
		connector.ErrProtocol, r.shown)
}
