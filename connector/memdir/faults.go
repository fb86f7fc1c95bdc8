package memdir

import (
	"sync"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// Faults say how the connector misbehaves. They touch its sessions only; the
// administrator's side always works. The zero value is no fault. See [Directory.SetFaults].
type Faults struct {
	// Open is the error of Open and Schema.
	Open error

	// Import ends every import with this error once After items were yielded.
	Import error
	// Truncate ends every import after After items with neither an error nor Complete.
	Truncate bool
	// After is the number of items that Import and Truncate let pass.
	After int
	// RepeatToken makes the server answer every page of an import with the same token.
	RepeatToken bool
	// ExpireWatermark makes delta imports, and full imports that resume, fail with
	// [connector.ErrWatermarkExpired].
	ExpireWatermark bool
	// Item, when not nil, is asked about every object of an import and of ReadObjects; its
	// error becomes [connector.Item.Err].
	Item func(k connector.Key) error
	// Page, when not nil, is called before each page of an import is fetched, with the
	// number of pages before it. It may edit the directory.
	Page func(n int)

	// Read is the error of ReadObjects, before the first item.
	Read error

	// ExportBatch is the error of every Export call. Nothing of the batch is carried out.
	ExportBatch error
	// Export, when not nil, is asked for the fate of every change.
	Export func(c connector.Change) Fate
}

// A Fate is what happens to one exported change. The zero Fate lets it take its course.
type Fate struct {
	// Outcome: Unknown carries the change out and loses the answer; any other one is
	// reported without carrying it out.
	Outcome connector.Outcome
	// Drop, with Unknown, loses the change as well as the answer.
	Drop bool
	// RetryAfter goes into the result.
	RetryAfter time.Duration
	// Err goes into the result; nil means a plain one that fits the outcome.
	Err error
}

// SetFaults replaces the faults, at any time; running imports and exports notice at the
// next item. The zero Faults ends all trouble.
func (d *Directory) SetFaults(f Faults) { d.faults.set(f) }

// faultBox holds the faults of a directory.
type faultBox struct {
	mu sync.RWMutex
	f  Faults
}

func (b *faultBox) set(f Faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.f = f
}

func (b *faultBox) get() Faults {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.f
}

// result is what the fate reports for a change.
func (f Fate) result(c connector.Change) connector.Result {
	r := connector.Result{ID: c.ID, Outcome: f.Outcome, RetryAfter: f.RetryAfter, Err: f.Err}
	if r.Err != nil {
		return r
	}
	switch f.Outcome {
	case connector.Rejected:
		r.Err = connector.ErrInvalid
	case connector.Retry:
		r.Err = &connector.ThrottledError{RetryAfter: f.RetryAfter}
	case connector.Conflict:
		r.Err = connector.ErrConflict
	case connector.Unknown:
		r.Err = connector.ErrUnavailable
	}
	return r
}
