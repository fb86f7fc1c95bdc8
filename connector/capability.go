package connector

import (
	"context"
	"iter"
	"time"
)

// Capabilities are facts about a connector that the engine plans with. The booleans named
// after interfaces must agree with the methods that its sessions have.
type Capabilities struct {
	FullImport  bool // sessions implement [FullImporter]
	DeltaImport bool // sessions implement [DeltaImporter]
	ReadObjects bool // sessions implement [ObjectReader]
	Export      bool // sessions implement [Exporter]
	Preflight   bool // sessions implement [Preflighter]

	// References says what the text of a reference value names.
	References ReferenceForm
	// Resume says that imports yield checkpoints and accept [ImportRequest.Resume].
	Resume bool
	// Rename says that an object's DN can be changed by export ([Change.NewDN]).
	Rename bool
	// CaseSensitiveDN says that DNs which differ only in case name different objects.
	CaseSensitiveDN bool
	// ReferencesLast says that an object must exist, with an anchor, before another can
	// refer to it, so that references to objects created in the same run are exported in
	// a second pass.
	ReferencesLast bool
	// Restore says that adding an object whose anchor of origin was deleted lately brings
	// the deleted object back instead of creating a new one.
	Restore bool
	// TakeOver says that adding an object whose anchor of origin another object holds takes
	// that object over and overwrites it, instead of being in conflict with it.
	TakeOver bool

	// ExportBatch is the largest number of changes that one Export call takes; 0 means 1.
	ExportBatch int
	// ExportConcurrency is how many sessions may export side by side; 0 means 1.
	ExportConcurrency int
	// WatermarkLife is how long a watermark is good for; 0 means it is not limited.
	WatermarkLife time.Duration
}

// A ReferenceForm says what the text of reference values names.
type ReferenceForm uint8

// The forms of reference text.
const (
	ReferenceByDN     ReferenceForm = iota // the target's DN
	ReferenceByAnchor                      // the target's anchor, as [Anchor.Text] gives it
)

// A FullImporter reads the whole directory. The engine calls it in full-import steps, and
// when a watermark has expired. Without it a connector can only be exported to.
type FullImporter interface {
	// FullImport streams every object in scope, in any order, and then Complete with
	// the watermark at which a delta import may start so that no change is missed.
	// Objects come once, but for one thing: where references name DNs, an object that is
	// renamed while the import goes on comes again at the end, and after it what refers to
	// it, lest a reference is left with a name under which nobody was shown.
	// The iterator is single use. It stops promptly when the loop ends or ctx is done.
	FullImport(ctx context.Context, r ImportRequest) iter.Seq2[Item, error]
}

// A DeltaImporter reads what changed since a watermark. Without it every import is full.
type DeltaImporter interface {
	// DeltaImport streams changes made after w, oldest first as far as the directory
	// knows, and then Complete with the next watermark. The same change may come twice.
	// Attributes may come partially, see [ItemUpdate]. When the directory no longer takes
	// w the error matches [ErrWatermarkExpired] and comes before any item.
	DeltaImport(ctx context.Context, w Watermark, r ImportRequest) iter.Seq2[Item, error]
}

// An ObjectReader reads single objects. The engine uses it to settle exports whose answer
// was lost, to complete updates of objects that it does not know, and for single-object
// runs. Without it those wait for the next full import.
type ObjectReader interface {
	// ReadObjects yields, in the order of keys, one item for each: [ItemObject] with all
	// attributes in scope, or [ItemDelete] for an object that does not exist. There is no
	// Complete.
	ReadObjects(ctx context.Context, keys []Key) iter.Seq2[Item, error]
}

// An Exporter changes the directory. Without it a connector is read-only.
type Exporter interface {
	// Export carries out the changes in order and returns one result for each, in order.
	// Its error means that none of the batch was sent, or that nothing is known of any of
	// it; then the results are nil and the engine treats all as Unknown. Exporting a
	// change again that has been applied is harmless: it reports NoChange or Applied. Right
	// before each request that changes the directory it asks [MayWrite]; what may not be sent
	// any more is to be retried.
	Export(ctx context.Context, batch []Change) ([]Result, error)
}

// A Preflighter checks, before the first cycle, whether the directory and the account
// allow what is going to be asked of them.
type Preflighter interface {
	// Preflight reports everything worth knowing; no findings means all is well. Its
	// error means that the check itself could not be made.
	Preflight(ctx context.Context, n Needs) ([]Finding, error)
}

// As finds a capability: it returns v, or the first value on v's Unwrap chain, that is a
// T. Decorators implement Unwrap() of the type that they wrap.
func As[T any](v any) (T, bool) {
	for v != nil {
		if t, ok := v.(T); ok {
			return t, true
		}
		switch u := v.(type) {
		case interface{ Unwrap() Session }:
			v = u.Unwrap()
		case interface{ Unwrap() Connector }:
			v = u.Unwrap()
		default:
			v = nil
		}
	}
	var none T
	return none, false
}
