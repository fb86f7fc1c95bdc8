package sqlstore

import (
	"context"
	"database/sql/driver"
	"slices"
	"strconv"
	"sync/atomic"
)

// A reader is metaverse.Reader on one connection within one transaction.
type reader struct {
	ctx  context.Context // a Reader's methods have none
	conn conn
	dict *dictionary
	refs *refTables
	ran  *atomic.Int64 // statements
	// err is the first failure of the database. After it nothing works any more, because
	// the database may have rolled the transaction back by itself.
	err error
}

func (s *Store) newReader(ctx context.Context, c conn) reader {
	return reader{ctx: ctx, conn: c, refs: &s.refs, ran: &s.ran}
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
func (r *reader) query(q string, each func(row) error, args ...any) error {
	return r.queryRows(q, 0, 0, each, args)
}

func (r *reader) queryRows(q string, n, width int, each func(row) error, args []any) error {
	if err := r.ready(); err != nil {
		return err
	}
	r.ran.Add(1)
	found, err := r.conn.query(r.ctx, q, n, width, args)
	if err != nil {
		return r.fail(err)
	}
	defer found.Close()
	for found.Next() {
		if err := each(found); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return r.fail(err)
	}
	return nil
}

// queryInt returns the number in the first row, 0 where there is none.
func (r *reader) queryInt(q string, args ...any) (n int64, err error) {
	err = r.query(q, func(rows row) error { return rows.Scan(&n) }, args...)
	return n, err
}

// queryIDs returns the numbers in the rows.
func queryIDs[T ~int64](r *reader, q string, args ...any) ([]T, error) {
	var out []T
	err := r.query(q, func(rows row) error {
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
func (r *reader) lookup(q string, n, width int, fill func(args []any, i int) []any, each func(row) error, tail ...any) error {
	var args []any
	for i := 0; i < n; {
		size := r.conn.group(n-i, false)
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

// exec runs a statement and returns how many rows it changed.
func (r *reader) exec(q string, args ...any) (int64, error) {
	if err := r.ready(); err != nil {
		return 0, err
	}
	r.ran.Add(1)
	n, err := r.conn.exec(r.ctx, q, 0, 0, args)
	if err != nil {
		return 0, r.fail(err)
	}
	return n, nil
}

// write runs a statement whose outcome is of interest only when it fails, be it later.
func (r *reader) write(q string, args ...any) error { return r.writeRows(q, 0, 0, args) }

func (r *reader) writeRows(q string, n, width int, args []any) error {
	if err := r.ready(); err != nil {
		return err
	}
	r.ran.Add(1)
	if err := r.conn.write(r.ctx, q, n, width, args); err != nil {
		return r.fail(err)
	}
	return nil
}

// insert runs a statement that inserts or deletes over n narrow rows, in groups.
func (r *reader) insert(q string, n, width int, fill func(args []any, i int) []any) error {
	var args []any
	for i := 0; i < n; {
		size := r.conn.group(n-i, true)
		args = args[:0]
		for end := i + size; i < end; i++ {
			args = fill(args, i)
		}
		if err := r.writeRows(q, size, width, args); err != nil {
			return err
		}
	}
	return nil
}

// A list is a list of ids as one argument of a statement: JSON in SQLite, an array in
// PostgreSQL.
type list []int64

// Value implements driver.Valuer.
func (l list) Value() (driver.Value, error) {
	b := make([]byte, 0, 2+8*len(l))
	b = append(b, '[')
	for i, id := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(append(b, ']')), nil
}

// distinct returns the ids in order, each once.
func (l list) distinct() list {
	out := slices.Clone(l)
	slices.Sort(out)
	return slices.Compact(out)
}

func idList[T ~int64](ids []T) list {
	out := make(list, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}

// flag is a boolean as the database has it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
