package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/hybridsync/hybridsync/metaverse"
)

var (
	// ErrClosed is the error of every call after Close.
	ErrClosed = errors.New("sqlstore: store is closed")
	// ErrNotStore says that the file is not a database, or one of another program.
	ErrNotStore = errors.New("not a hybridsync store")
	// ErrAccess says that the database server does not let the store in: the user, the
	// password, the database or a privilege is missing.
	ErrAccess = errors.New("no access to the database")
	// errFinished is what a Reader or Tx kept beyond its function answers.
	errFinished = errors.New("sqlstore: reader used after its View or Update has ended")
	// errStop ends the reading of rows early.
	errStop = errors.New("sqlstore: enough rows")
)

// classify adds the condition of package metaverse that an error of the database stands
// for. Messages of SQLite name tables and columns, never values.
func classify(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) && !strings.HasPrefix(err.Error(), "sqlstore: ") {
		return classifyPostgres(err, pe)
	}
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

// errUnreachable is a failure of the server or of the way to it: what was not committed is
// undone, and it may be tried again.
var errUnreachable = errors.New("the database server cannot be reached")

// errOutcome says that a commit was not answered, and that nobody could be asked for its fate.
var errOutcome = errors.New("sqlstore: the connection to the database was lost during a commit; whether it took place is not known")

func classifyPostgres(err error, pe *pgconn.PgError) error {
	var condition error
	switch {
	case pe.Code == "53100":
		condition = metaverse.ErrStoreFull
	case pe.Code == "55P03":
		condition = metaverse.ErrStoreBusy
	case pe.Code == "XX001" || pe.Code == "XX002":
		condition = metaverse.ErrCorrupt
	case pe.Code == "25P03":
		return fmt.Errorf("sqlstore: the server has ended an Update that was idle for too long: %w", err)
	case pe.Code == "42501":
		condition = ErrAccess
	case isLost(err):
		condition = errUnreachable
	default:
		return fmt.Errorf("sqlstore: %w", err)
	}
	return fmt.Errorf("sqlstore: %w: %w", condition, err)
}

// isLost reports whether the connection to the server is gone.
func isLost(err error) bool {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pe.Code {
		case "57P01", "57P02", "57P03", "25P03", "53300": // shutdown, crash, starting, idle, too many connections
			return true
		}
		return strings.HasPrefix(pe.Code, "08")
	}
	var op *net.OpError
	return errors.Is(err, errUnreachable) || errors.As(err, &op) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.Timeout(err) || isClosedConn(err)
}

// isClosedConn knows the driver's own word for a connection that it has given up.
func isClosedConn(err error) bool { return err != nil && strings.Contains(err.Error(), "conn closed") }

// isConflict reports whether the server has undone a transaction because of another one.
func isConflict(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
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
