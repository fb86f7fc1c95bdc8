package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Memory is the path of a store that lives no longer than its [Store]; see [OpenMemory].
const Memory = ":memory:"

// Open opens the store in the database file at path and makes the file if there is none. The
// folder must exist. It fails with an error matching [metaverse.ErrNewerSchema],
// [metaverse.ErrStoreBusy], [metaverse.ErrCorrupt] or [ErrNotStore] where that is the reason.
// opts nil means the defaults.
func Open(ctx context.Context, path string, opts *Options) (*Store, error) {
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	switch {
	case path == Memory:
		return openMemory(ctx, o)
	case path == "":
		return nil, errors.New("sqlstore: no path given")
	}
	if err := prepareFile(path, &o); err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	return openPath(ctx, path, o)
}

// OpenMemory opens an empty store for tests and experiments. It lives in a temporary folder,
// behaves in everything as one opened by path and is gone when it is closed.
func OpenMemory(ctx context.Context) (*Store, error) { return Open(ctx, Memory, nil) }

func openMemory(ctx context.Context, o Options) (*Store, error) {
	if o.ReadOnly {
		return nil, errors.New("sqlstore: a store in memory cannot be read-only")
	}
	dir, err := os.MkdirTemp("", "hybridsync-store-")
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	o.Synchronous = synchronousOff
	path := filepath.Join(dir, "store.db")
	if err := prepareFile(path, &o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s, err := openPath(ctx, path, o)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.db.(*sqliteFile).temporary = dir
	return s, nil
}

func openPath(ctx context.Context, path string, o Options) (*Store, error) {
	db, err := openSQLite(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	s := newStore(db, o)
	if s.writer, err = db.connect(ctx, true); err != nil {
		return nil, errors.Join(err, db.close(nil))
	}
	return s, nil
}
