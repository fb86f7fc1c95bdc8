package sqlstore

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/hybridsync/hybridsync/metaverse"
)

var (
	// ErrClosed is the error of every call after Close.
	ErrClosed = errors.New("sqlstore: store is closed")
	// ErrNotStore says that the file is not a database, or one of another program.
	ErrNotStore = errors.New("not a hybridsync store")
	// errFinished is what a Reader or Tx kept beyond its function answers.
	errFinished = errors.New("sqlstore: reader used after its View or Update has ended")
	// errStop ends the reading of rows early.
	errStop = errors.New("sqlstore: enough rows")
)

// classify adds the condition of package metaverse that an error of the database stands
// for. Messages of SQLite name tables and columns, never values.
func classify(err error) error {
	var se *sqlite.Error
	if err == nil || !errors.As(err, &se) {
		return err
	}
	var condition error
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		condition = metaverse.ErrStoreBusy
	case sqlite3.SQLITE_FULL:
		condition = metaverse.ErrStoreFull
	case sqlite3.SQLITE_CORRUPT:
		condition = metaverse.ErrCorrupt
	case sqlite3.SQLITE_NOTADB:
		condition = ErrNotStore
	default:
		return fmt.Errorf("sqlstore: %w", err)
	}
	return fmt.Errorf("sqlstore: %w: %w", condition, err)
}

func isBusy(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_BUSY
}

// isUnique reports whether a value is taken that must be unique.
func isUnique(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

// corrupt reports a record that cannot be understood.
func corrupt(table string, id int64, err error) error {
	return fmt.Errorf("sqlstore: %w: %s %d: %w", metaverse.ErrCorrupt, table, id, err)
}
