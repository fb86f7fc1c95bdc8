package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A conn is one connection with the statements that were prepared on it.
type conn struct {
	c              *sql.Conn
	stmts          map[stmtKey]*sql.Stmt
	csRefs, mvRefs refTable
}

// A stmtKey is a statement text and the number of rows for its {values} part.
type stmtKey struct {
	text string
	rows int
}

func newConn(c *sql.Conn) *conn {
	return &conn{
		c: c, stmts: make(map[stmtKey]*sql.Stmt),
		csRefs: refStatements("cs_ref", int64(metaverse.WorkCS)),
		mvRefs: refStatements("mv_ref", int64(metaverse.WorkMV)),
	}
}

func (c *conn) prepared(ctx context.Context, q string, rows, width int) (*sql.Stmt, error) {
	key := stmtKey{q, rows}
	if s, ok := c.stmts[key]; ok {
		return s, nil
	}
	text := q
	if rows > 0 {
		text = strings.Replace(q, "{values}", placeholders(rows, width), 1)
	}
	s, err := c.c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.stmts[key] = s
	return s, nil
}

// placeholders returns "(?,?),(?,?)" for two rows of width two.
func placeholders(rows, width int) string {
	row := "(" + strings.Repeat("?,", width-1) + "?)"
	return strings.Repeat(row+",", rows-1) + row
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		_ = s.Close() // nothing is lost with it
	}
	clear(c.stmts)
	return c.c.Close()
}

// discard closes the connection for good instead of handing it back to its pool. Statements
// go first: the driver must not see one whose connection is gone.
func (c *conn) discard() {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	clear(c.stmts)
	_ = c.c.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.c.Close()
}

// Batch sizes. Reading many keys in one statement costs a quarter of a statement for each;
// writing narrow rows is twice as fast in small groups, and wide rows are best written one
// by one.
const (
	readRows  = 64
	someRows  = 8
	writeRows = 16
)

// A reader is metaverse.Reader on one connection within one transaction.
type reader struct {
	ctx  context.Context // looked at between statements; a Reader's methods have none
	run  context.Context // never ends: interrupting a statement costs a goroutine each
	conn *conn
	dict *dictionary
	// err is the first failure of the database. After it nothing works any more, because
	// the database may have rolled the transaction back by itself.
	err error
}

func newReader(ctx context.Context, c *conn) reader {
	return reader{ctx: ctx, run: context.WithoutCancel(ctx), conn: c}
}

func (r *reader) ready() error {
	if r.err != nil {
		return r.err
	}
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return nil
}

func (r *reader) fail(err error) error {
	err = classify(err)
	if r.err == nil {
		r.err = err
	}
	return err
}

// query runs a statement and calls each for every row.
func (r *reader) query(q string, each func(*sql.Rows) error, args ...any) error {
	return r.queryRows(q, 0, 0, each, args)
}

func (r *reader) queryRows(q string, n, width int, each func(*sql.Rows) error, args []any) error {
	if err := r.ready(); err != nil {
		return err
	}
	stmt, err := r.conn.prepared(r.run, q, n, width)
	if err != nil {
		return r.fail(err)
	}
	rows, err := stmt.QueryContext(r.run, args...)
	if err != nil {
		return r.fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return r.fail(err)
	}
	return nil
}

// queryInt returns the number in the first row, 0 where there is none.
func (r *reader) queryInt(q string, args ...any) (n int64, err error) {
	err = r.query(q, func(rows *sql.Rows) error { return rows.Scan(&n) }, args...)
	return n, err
}

// queryIDs returns the numbers in the rows.
func queryIDs[T ~int64](r *reader, q string, args ...any) ([]T, error) {
	var out []T
	err := r.query(q, func(rows *sql.Rows) error {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		out = append(out, T(id))
		return nil
	}, args...)
	return out, err
}

// each calls one for every id of a table. The statement returns ids above its argument, in
// order, a page at a time.
func (r *reader) each(q string, one func(id int64) error) error {
	for after := int64(0); ; {
		ids, err := queryIDs[int64](r, q, after)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := one(id); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

// lookup runs a statement over n rows of arguments, a group at a time. The statement has
// {values} where the rows go; fill appends the arguments of row i, of which there are width; tail
// follows the rows.
func (r *reader) lookup(q string, n, width int, fill func(args []any, i int) []any, each func(*sql.Rows) error, tail ...any) error {
	var args []any
	for i := 0; i < n; {
		size := groupSize(n-i, readRows)
		args = args[:0]
		for end := i + size; i < end; i++ {
			args = fill(args, i)
		}
		if err := r.queryRows(q, size, width, each, append(args, tail...)); err != nil {
			return err
		}
	}
	return nil
}

func groupSize(left, largest int) int {
	switch {
	case left >= largest:
		return largest
	case left >= someRows:
		return someRows
	default:
		return 1
	}
}

// exec runs a statement and returns how many rows it changed.
func (r *reader) exec(q string, args ...any) (int64, error) { return r.execRows(q, 0, 0, args) }

func (r *reader) execRows(q string, n, width int, args []any) (int64, error) {
	if err := r.ready(); err != nil {
		return 0, err
	}
	stmt, err := r.conn.prepared(r.run, q, n, width)
	if err != nil {
		return 0, r.fail(err)
	}
	res, err := stmt.ExecContext(r.run, args...)
	if err != nil {
		return 0, r.fail(err)
	}
	return res.RowsAffected()
}

// insert writes n narrow rows in groups.
func (r *reader) insert(q string, n, width int, fill func(args []any, i int) []any) error {
	args := make([]any, 0, writeRows*width)
	for i := 0; i < n; {
		size := groupSize(n-i, writeRows)
		args = args[:0]
		for end := i + size; i < end; i++ {
			args = fill(args, i)
		}
		if _, err := r.execRows(q, size, width, args); err != nil {
			return err
		}
	}
	return nil
}

// idList is a list of ids as the one argument that statements take it in.
func idList[T ~int64](ids []T) string {
	b := make([]byte, 0, 2+8*len(ids))
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(append(b, ']'))
}

// flag is a boolean as the database has it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
