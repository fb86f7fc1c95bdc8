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

// Open opens a store: in a SQLite database file, by its path, or on a PostgreSQL server, by
// a URL that begins with postgres:// or postgresql://.
//
// A file is made if there is none; its folder must exist. A database on a server must exist; its
// tables are made. Open fails with an error matching [metaverse.ErrNewerSchema],
// [metaverse.ErrStoreBusy], [metaverse.ErrCorrupt] or [ErrNotStore], and for servers [ErrAccess], where that is the reason.
// opts nil means the defaults.
func Open(ctx context.Context, name string, opts *Options) (*Store, error) {
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	switch name {
	case Memory:
		return openMemory(ctx, o)
	case "":
		return nil, errors.New("sqlstore: no path given")
	}
	if IsURL(name) {
		db, err := openPostgres(ctx, name, o, migrations())
		if err != nil {
			return nil, err
		}
		s := newStore(db, o)
		s.leasing = make(chan conn, 1)
		s.leasing <- nil // connected when first needed
		return s, nil
	}
	if err := prepareFile(name, &o); err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	return openPath(ctx, name, o)
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
	db, err := openSQLite(ctx, path, o, migrations())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	s := newStore(db, o)
	if s.writer, err = db.connect(ctx, forUpdates); err != nil {
		return nil, errors.Join(err, db.close(nil))
	}
	return s, nil
}
