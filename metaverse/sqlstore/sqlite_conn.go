package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

// A sqliteConn is a connection with the statements that were prepared on it. It uses the driver as
// package database/sql would, and nothing else does: that saves a lock, conversions and several allocations for
// each statement.
type sqliteConn struct {
	c        driver.Conn
	writer   bool
	version  int           // of the schema that this program knows
	patience time.Duration // to wait for another process that writes
	stmts    map[stmtKey]sqliteStmt
	args     []driver.NamedValue // of the current statement
}

// A stmtKey is a statement text and the number of rows for its {values} part.
type stmtKey struct {
	text string
	rows int
}

// A sqliteStmt is a prepared statement.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func (c *sqliteConn) prepared(q string, n, width int) (sqliteStmt, error) {
	key := stmtKey{q, n}
	if s, ok := c.stmts[key]; ok {
		return s, nil
	}
	text := sqliteWords.Replace(q)
	if n > 0 {
		text = strings.Replace(text, "{values}", placeholders(n, width), 1)
	}
	s, err := c.c.Prepare(text)
	if err != nil {
		return nil, err
	}
	stmt := s.(sqliteStmt) //nolint:forcetypeassert // the driver has one type of statements
	c.stmts[key] = stmt
	return stmt, nil
}

// sqliteWords are the words that statements have for what databases spell differently. The writer
// of a file is alone: nothing needs to be locked.
var sqliteWords = strings.NewReplacer("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)", "{locked}", "", "{held}", "")

// placeholders returns "(?,?),(?,?)" for two rows of width two.
func placeholders(rows, width int) string {
	row := "(" + strings.Repeat("?,", width-1) + "?)"
	return strings.Repeat(row+",", rows-1) + row
}

// begin takes the write lock of the database for an Update, waiting for other processes.
func (c *sqliteConn) begin(ctx context.Context) error {
	if !c.writer {
		if _, err := c.exec(ctx, sqlBegin, 0, 0, nil); err != nil {
			return classify(err)
		}
		return c.sameVersion(ctx)
	}
	err := whenFree(ctx, c.patience, func() error {
		_, err := c.exec(ctx, sqlBeginWrite, 0, 0, nil)
		return err
	})
	if err != nil {
		return err
	}
	return c.sameVersion(ctx)
}

// whenFree begins to write, waiting for other processes that do.
func whenFree(ctx context.Context, patience time.Duration, begin func() error) error {
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := begin()
		if err == nil || !isBusy(err) || !time.Now().Before(deadline) {
			return classify(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// sameVersion fails when a newer program has brought the schema forward since the store was opened.
func (c *sqliteConn) sameVersion(ctx context.Context) error {
	var version int
	if err := c.queryOne(ctx, "PRAGMA user_version", &version); err != nil {
		return classify(err)
	}
	return stillVersion(version, c.version)
}

// queryOne reads the one column of the first row, if there is one.
func (c *sqliteConn) queryOne(ctx context.Context, q string, dest any) error {
	found, err := c.query(ctx, q, 0, 0, nil)
	if err != nil {
		return err
	}
	defer found.Close()
	if found.Next() {
		if err := found.Scan(dest); err != nil {
			return err
		}
	}
	return found.Err()
}

func (c *sqliteConn) commit(ctx context.Context) error {
	_, err := c.exec(ctx, sqlCommit, 0, 0, nil)
	return err
}

func (c *sqliteConn) rollback() error {
	return c.write(context.Background(), sqlRollback, 0, 0, nil)
}

// query does not let the context interrupt the statement, which would cost a goroutine each
// time; callers look at it between statements.
func (c *sqliteConn) query(ctx context.Context, q string, n, width int, args []any) (rows, error) {
	stmt, err := c.prepared(q, n, width)
	if err != nil {
		return nil, err
	}
	named, err := c.named(args)
	if err != nil {
		return nil, err
	}
	found, err := stmt.QueryContext(context.WithoutCancel(ctx), named)
	if err != nil {
		return nil, err
	}
	return &sqliteRows{rows: found, values: make([]driver.Value, len(found.Columns()))}, nil
}

func (c *sqliteConn) exec(ctx context.Context, q string, n, width int, args []any) (int64, error) {
	stmt, err := c.prepared(q, n, width)
	if err != nil {
		return 0, err
	}
	named, err := c.named(args)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(context.WithoutCancel(ctx), named)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// named returns the arguments as the driver takes them, which copies what it keeps.
func (c *sqliteConn) named(args []any) ([]driver.NamedValue, error) {
	c.args = c.args[:0]
	for i, a := range args {
		switch v := a.(type) {
		case int64, string, []byte, nil:
		case driver.Valuer:
			value, err := v.Value()
			if err != nil {
				return nil, err
			}
			a = value
		default:
			return nil, fmt.Errorf("sqlstore: argument %d of a statement is a %T", i+1, a)
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args, nil
}

func (c *sqliteConn) write(ctx context.Context, q string, n, width int, args []any) error {
	_, err := c.exec(ctx, q, n, width, args)
	return err
}

func (c *sqliteConn) group(left int, write bool) int {
	largest := readRows
	if write {
		largest = writeRows
	}
	switch {
	case left >= largest:
		return largest
	case left >= someRows:
		return someRows
	default:
		return 1
	}
}

// adopt has nothing to do: the next id is larger than those there are.
func (c *sqliteConn) adopt(context.Context) error { return nil }

func (c *sqliteConn) deferring() bool { return false }

func (c *sqliteConn) integrity(ctx context.Context, found func(text string) error) error {
	result, err := c.query(ctx, "PRAGMA integrity_check", 0, 0, nil)
	if err != nil {
		return classify(err)
	}
	defer result.Close()
	for result.Next() {
		var text string
		if err := result.Scan(&text); err != nil {
			return err
		}
		if text == "ok" {
			continue
		}
		if err := found(text); err != nil {
			return err
		}
	}
	return classify(result.Err())
}

func (c *sqliteConn) close() error {
	for _, s := range c.stmts {
		_ = s.Close() // nothing is lost with it; the driver must not see one whose connection is gone
	}
	clear(c.stmts)
	return c.c.Close()
}

func (c *sqliteConn) discard() { _ = c.close() }

// sqliteRows are the rows that a query has found.
type sqliteRows struct {
	rows   driver.Rows
	values []driver.Value // of the current row
	err    error
}

func (r *sqliteRows) Next() bool {
	if r.err != nil {
		return false
	}
	r.err = r.rows.Next(r.values)
	return r.err == nil
}

func (r *sqliteRows) Err() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}

func (r *sqliteRows) Close() error { return r.rows.Close() }

// Scan takes the destinations that this package has. Octets are the caller's to keep.
func (r *sqliteRows) Scan(dest ...any) error {
	if len(dest) != len(r.values) {
		return fmt.Errorf("sqlstore: %d destinations for %d columns", len(dest), len(r.values))
	}
	for i, d := range dest {
		if err := scan(d, r.values[i]); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

// errColumn says that a column holds another kind of value than the schema says.
var errColumn = errors.New("value of a wrong kind")

func scan(dest any, v driver.Value) error {
	switch d := dest.(type) {
	case *int64:
		return scanNumber(d, v)
	case *int:
		return scanNumber(d, v)
	case *metaverse.CSID:
		return scanNumber(d, v)
	case *metaverse.MVID:
		return scanNumber(d, v)
	case *metaverse.CSState:
		return scanNumber(d, v)
	case *metaverse.ImportOp:
		return scanNumber(d, v)
	case *metaverse.LinkKind:
		return scanNumber(d, v)
	case *metaverse.RefWorkKind:
		return scanNumber(d, v)
	case *connector.ChangeOp:
		return scanNumber(d, v)
	case *bool:
		var n uint8
		err := scanNumber(&n, v)
		*d = n != 0
		return err
	case *string:
		return scanText(d, v)
	case *[]byte:
		return scanOctets(d, v)
	case *sql.RawBytes:
		return scanOctets(d, v)
	case *any:
		*d = v
		return nil
	default:
		return fmt.Errorf("%w: no %T can hold it", errColumn, dest)
	}
}

func scanNumber[T ~int | ~int64 | ~uint8](dest *T, v driver.Value) error {
	n, ok := v.(int64)
	if *dest = T(n); !ok || int64(*dest) != n {
		return errColumn
	}
	return nil
}

func scanText(dest *string, v driver.Value) error {
	switch v := v.(type) {
	case string:
		*dest = v
	case []byte:
		*dest = string(v)
	default:
		return errColumn
	}
	return nil
}

func scanOctets[T ~[]byte](dest *T, v driver.Value) error {
	switch v := v.(type) {
	case nil:
		*dest = nil
	case []byte:
		*dest = v
	case string:
		*dest = T(v)
	default:
		return errColumn
	}
	return nil
}

var _ conn = (*sqliteConn)(nil)
