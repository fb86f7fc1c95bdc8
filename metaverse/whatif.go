package metaverse

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// WhatIfOptions are the options of [Engine.WhatIf]. The zero value, or nil, is good.
type WhatIfOptions struct {
	// Import names connectors to import in full before synchronising. That is how a changed
	// setting of a connector, such as another filter, shows. Directories are read, never
	// written.
	Import []string
	// Samples is the number of objects shown for each connector, class and operation; 0
	// means 5, negative means none.
	Samples int
	// MaxNames is the number of objects to be deleted that are named for each connector;
	// 0 means 10,000.
	MaxNames int
	// Thresholds are what the change may cause: see [Report.Exceeded].
	Thresholds []Threshold
}

var errSameStore = errors.New("metaverse: what-if needs a copy of the store, not the store itself")

// WhatIf reports what the engine's rules and settings would change, over the whole
// population. The engine must be over a scratch copy of base, as [Store.Backup] makes it:
// it synchronises there in full, and compares the outcome with base. What is pending in base
// already is not part of the report, except for what the copy had not synchronised yet;
// [Engine.SyncAll] on the copy that serves as base sees to that. Base is only read.
//
// Connectors are asked for their schemas and, with o.Import, for their objects; nothing is
// exported.
func (e *Engine) WhatIf(ctx context.Context, base Store, o *WhatIfOptions) (*Report, error) {
	if base == e.store {
		return nil, errSameStore
	}
	var opts WhatIfOptions
	if o != nil {
		opts = *o
	}
	opts.Samples, opts.MaxNames = orDefault(opts.Samples, 5), orDefault(opts.MaxNames, 10_000)
	if err := validThresholds(opts.Thresholds); err != nil {
		return nil, fmt.Errorf("metaverse: what-if: %w", err)
	}
	for _, name := range opts.Import {
		if _, err := e.Run(ctx, name, FullImport, &RunOptions{AcceptDeletions: true}); err != nil {
			return nil, err
		}
	}
	if err := e.SyncAll(ctx); err != nil {
		return nil, err
	}
	return e.compare(ctx, base, &opts)
}

// SyncAll synchronises every connector in full, and what follows from that until nothing is
// left but objects in trouble. It is meant for scratch copies of a store.
func (e *Engine) SyncAll(ctx context.Context) error {
	kind := FullSync
	for range maxRounds {
		for _, name := range e.names {
			if _, err := e.Run(ctx, name, kind, nil); err != nil {
				return err
			}
		}
		done, err := e.synchronised(ctx)
		if err != nil || done {
			return err
		}
		kind = DeltaSync
	}
	return nil
}

// synchronised reports whether nothing waits for synchronisation but objects in trouble.
func (e *Engine) synchronised(ctx context.Context) (done bool, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		done = false
		work, err := rd.RefWork(1)
		if err != nil || len(work) > 0 {
			return err
		}
		for _, name := range e.names {
			waiting, err := waits(rd, name)
			if err != nil || waiting {
				return err
			}
		}
		done = true
		return nil
	})
	return done, err
}

func waits(rd Reader, name string) (bool, error) {
	var after CSID
	for {
		ids, err := rd.PendingImports(name, after, searchChunk)
		if err != nil || len(ids) == 0 {
			return false, err
		}
		for _, id := range ids {
			errs, err := rd.ObjectErrors(name, id-1, 1)
			if err != nil {
				return false, err
			}
			if !slices.ContainsFunc(errs, func(oe ObjectError) bool { return oe.CS == id && oe.Step == stepSync }) {
				return true, nil
			}
		}
		after = ids[len(ids)-1]
	}
}
