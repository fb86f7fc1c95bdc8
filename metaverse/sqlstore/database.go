package sqlstore

import "context"

// A database is where the tables of a store are: a file of SQLite, or a PostgreSQL server. Both
// have the same tables and the same statements, but for what pgTranslate rewrites.
type database interface {
	// connect opens a connection.
	connect(ctx context.Context, p purpose) (conn, error)
	// name is what messages call the database. It holds no secrets.
	name() string
	backup(ctx context.Context, path string) error
	// analyze tells the planner what the tables hold after a bulk load.
	analyze(ctx context.Context) error
	// endWriter undoes the Update of whatever process has one under way.
	endWriter(ctx context.Context) error
	// close releases the database. writer is an open connection for Updates, or nil.
	close(writer conn) error
}

// A purpose is what a connection is for.
type purpose uint8

const (
	forViews purpose = iota
	forUpdates
	forLease // PostgreSQL only
)

// A conn is one connection. Between begin and commit or rollback it is in a transaction.
type conn interface {
	begin(ctx context.Context) error
	commit(ctx context.Context) error
	// rollback ends what has begun. After an error the connection is of no further use.
	rollback() error

	// query runs a statement. n groups of width arguments replace {values} in it; n 0 means
	// that it has no such part.
	query(ctx context.Context, q string, n, width int, args []any) (rows, error)
	// exec runs a statement and returns how many rows it changed.
	exec(ctx context.Context, q string, n, width int, args []any) (int64, error)
	// write is exec that nobody waits for: it may take place at any time before the next
	// statement that could tell the difference. Arguments may be used again afterwards. An error
	// may be that of an earlier write.
	write(ctx context.Context, q string, n, width int, args []any) error
	// group is how many of so many rows left to read or to write go into one statement.
	group(left int, write bool) int
	// deferring reports whether writes are put off. Such a connection finds out about conflicts
	// later, and lets objects swap unique keys without further ado.
	deferring() bool
	// adopt makes the database go on from rows that were copied with their ids.
	adopt(ctx context.Context) error
	// integrity lets the database check itself. It calls found for each problem.
	integrity(ctx context.Context, found func(text string) error) error

	close() error
	// discard closes a connection in an unknown state.
	discard()
}

// A row is what a statement has found, one at a time.
type row interface{ Scan(dest ...any) error }

type rows interface {
	row
	Next() bool
	Err() error
	Close() error
}
