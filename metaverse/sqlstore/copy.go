package sqlstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// CopyOptions adjust [Copy]. The zero value, or nil, is good.
type CopyOptions struct {
	// Progress, when not nil, is called about ten times a second, on the goroutine of Copy.
	Progress func(CopyProgress)
}

// CopyProgress tells how far a copy is.
type CopyProgress struct {
	Phase string // "copy" or "verify"
	Table string
	Done  int64 // rows of all tables done in this phase
	Total int64 // rows of all tables
}

// A CopiedTable is what a copy holds of one table.
type CopiedTable struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	// Hash is the sum of the SHA-256 of the rows, in hexadecimal digits. It is the same on
	// every database, in whatever order it sorts.
	Hash string `json:"hash"`
}

// ErrNotEmpty says that the target of a copy holds something.
var ErrNotEmpty = errors.New("sqlstore: the target of the copy is not empty")

// Copy copies everything that a store holds into an empty one, of the same kind or the other:
// a way from SQLite to PostgreSQL and back. Rows are streamed, so that memory does not grow with
// the store. What has arrived is read back and compared with what was read, by number and hash,
// before the one transaction in which all of it is written ends: the target holds everything
// afterwards, or nothing.
//
// Copy holds the lease of the source, so that no step changes it meanwhile; while one runs, the
// error matches [metaverse.ErrRunning]. The source is left as it is: whoever starts a program on it
// again has two of them at work.
func Copy(ctx context.Context, from, to *Store, o *CopyOptions) (_ []CopiedTable, err error) {
	c := &copying{}
	if o != nil {
		c.progress = o.Progress
	}
	ctx, release, err := holdSource(ctx, from)
	if err != nil {
		return nil, err
	}
	defer release()
	err = from.view(ctx, func(r *reader) error {
		c.from = r
		return to.Update(ctx, func(t metaverse.Tx) error { return c.run(t.(*tx)) })
	})
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = errors.Join(cause, err)
	}
	if err != nil {
		return nil, err
	}
	return c.tables, to.db.analyze(ctx)
}

// Times of the lease of the source.
const (
	copyLease   = time.Minute
	copyRenewal = 20 * time.Second
)

// holdSource keeps others from changing the source. The context ends when that fails.
func holdSource(ctx context.Context, from *Store) (context.Context, func(), error) {
	if from.opts.ReadOnly {
		return ctx, func() {}, nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	id := rand.Text()
	lease, err := from.AcquireLease(ctx, metaverse.Holder{Host: host, PID: os.Getpid(), Program: id, Hold: id}, copyLease, nil)
	if err != nil {
		return ctx, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(copyRenewal)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := from.RenewLease(ctx, lease.Token, copyLease); err != nil {
				cancel(err)
				return
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
		if err := from.ReleaseLease(context.WithoutCancel(ctx), lease.Token); err != nil {
			from.opts.Logger.Warn("the lease of the source could not be given back; it ends by itself", "err", err)
		}
	}, nil
}

// A copyTable says what a table consists of: kinds has a letter for each column: i for numbers, t
// for texts, b for octets, n for octets or NULL.
type copyTable struct{ name, columns, kinds, order string }

func copyTables() []copyTable {
	return []copyTable{
		{"name", "seq, kind, id, name", "iiit", "seq"},
		{"sequence", "name, next", "ti", "name"},
		{"cs", "id, conn, class, part, state, imported, anchor, dn, dn_key, image", "iiiiiintnb", "id"},
		{"pending_import", "conn, cs, op", "iii", "conn, cs"},
		{"seen", "conn, cs", "ii", "conn, cs"},
		{"link", "cs, mv, kind, rule, sticky, outbound", "iiiiin", "cs"},
		{"cs_value", "attr, key, cs", "ibi", "attr, key, cs"},
		{"cs_ref", "src, attr, dst", "iii", "src, attr, dst"},
		{"mv", "id, class, attributes, origins", "iibb", "id"},
		{"mv_value", "attr, key, mv", "ibi", "attr, key, mv"},
		{"mv_ref", "src, attr, dst", "iii", "src, attr, dst"},
		{"ref_work", "kind, src, attr, dst", "iiii", "kind, src, attr, dst"},
		{"pending_export", "cs, conn, op, flags, new_dn, not_before, attempts, pending, sent", "iiiitiibb", "cs"},
		{"export_ref", "src, attr, dst, del, sent", "iiiii", "src, attr, dst"},
		{"setting", "key, value", "tb", "key"},
		{"run", "id, conn, ended, data", "iiit", "id"},
		{"object_error", "id, cs, conn, step, code, attr, rule, message, first, last, count, anchor, dn", "iiitttttiiibt", "id"},
		{"configuration", "version, hash, author, at, content", "ittib", "version"},
	}
}

// copying is the state of a copy.
type copying struct {
	from     *reader
	progress func(CopyProgress)
	tables   []CopiedTable
	total    int64
	done     int64
	reported time.Time
}

func (c *copying) run(t *tx) error {
	c.tables, c.total, c.done = nil, 0, 0
	if err := c.prepare(t); err != nil {
		return err
	}
	for _, table := range copyTables() {
		copied, err := c.table(t, table)
		if err != nil {
			return fmt.Errorf("table %s: %w", table.name, err)
		}
		c.tables = append(c.tables, copied)
	}
	if err := t.conn.adopt(t.ctx); err != nil {
		return t.fail(err)
	}
	c.done = 0
	for i, table := range copyTables() {
		arrived, err := c.read(&t.reader, table, "verify", nil)
		if err != nil {
			return fmt.Errorf("table %s: %w", table.name, err)
		}
		if arrived != c.tables[i] {
			return t.fail(fmt.Errorf("sqlstore: table %s did not arrive as it was: %d rows became %d, or their content differs", table.name, c.tables[i].Rows, arrived.Rows))
		}
	}
	return nil
}

// prepare makes sure that the target is empty, and gives it the source's fencing token.
func (c *copying) prepare(t *tx) error {
	for _, table := range copyTables() {
		n, err := c.from.queryInt("SELECT count(*) FROM " + table.name)
		if err != nil {
			return err
		}
		c.total += n
		there := "SELECT count(*) FROM (SELECT 1 FROM " + table.name + " LIMIT 1) q"
		if table.name == "sequence" {
			there = "SELECT count(*) FROM sequence WHERE next <> 1"
		}
		if n, err = t.queryInt(there); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: table %s has rows", ErrNotEmpty, table.name)
		}
	}
	if _, err := t.exec("DELETE FROM sequence"); err != nil {
		return err
	}
	l, err := c.from.lease(sqlLease)
	if err != nil {
		return err
	}
	_, err = t.exec("UPDATE lease SET token = ?", l.Token)
	return err
}

// table copies one table.
func (c *copying) table(t *tx, table copyTable) (CopiedTable, error) {
	width := len(table.kinds)
	insert := "INSERT INTO " + table.name + " (" + table.columns + ") VALUES {values}"
	var args []any
	flush := func() error {
		defer func() { args = args[:0] }()
		return t.insert(insert, len(args)/width, width, func(to []any, i int) []any { return append(to, args[i*width:(i+1)*width]...) })
	}
	copied, err := c.read(c.from, table, "copy", func(row []any) error {
		if args = append(args, row...); len(args) < copyRows*width {
			return nil
		}
		return flush()
	})
	if err != nil {
		return copied, err
	}
	return copied, flush()
}

// copyRows is how many rows are written at once.
const copyRows = 256

// read reads a table in the order of its key, and hands its rows on as arguments.
func (c *copying) read(r *reader, table copyTable, phase string, each func(row []any) error) (CopiedTable, error) {
	out := CopiedTable{Table: table.name}
	var sum rowSum
	var buf []byte
	dest, arguments := destinations(table.kinds)
	err := r.query("SELECT "+table.columns+" FROM "+table.name+" ORDER BY "+table.order, func(rows row) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		buf = buf[:0]
		values := arguments()
		for _, v := range values {
			buf = appendValue(buf, v)
		}
		sum.add(sha256.Sum256(buf))
		out.Rows++
		c.done++
		c.report(phase, table.name)
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		if each == nil {
			return nil
		}
		return each(values)
	})
	out.Hash = sum.String()
	return out, err
}

// A rowSum adds up hashes of rows.
type rowSum [sha256.Size]byte

func (s *rowSum) add(row [sha256.Size]byte) {
	carry := 0
	for i := len(s) - 1; i >= 0; i-- {
		carry += int(s[i]) + int(row[i])
		s[i] = byte(carry)
		carry >>= 8
	}
}

func (s *rowSum) String() string { return hex.EncodeToString(s[:]) }

// destinations returns where the columns of a row are scanned to, and a function that returns them
// as arguments of a statement.
func destinations(kinds string) (dest []any, row func() []any) {
	dest = make([]any, len(kinds))
	for i, k := range kinds {
		switch k {
		case 'i':
			dest[i] = new(int64)
		case 't':
			dest[i] = new(string)
		default:
			dest[i] = new([]byte)
		}
	}
	return dest, func() []any {
		out := make([]any, len(dest))
		for i, d := range dest {
			switch d := d.(type) {
			case *int64:
				out[i] = *d
			case *string:
				out[i] = strings.Clone(*d)
			case *[]byte:
				switch {
				case *d == nil && kinds[i] == 'n':
					out[i] = nil
				case *d == nil:
					out[i] = []byte{} // drivers do not agree about what is empty
				default:
					out[i] = append([]byte{}, *d...)
				}
			}
		}
		return out
	}
}

// appendValue writes a value in the form that is hashed.
func appendValue(buf []byte, v any) []byte {
	switch v := v.(type) {
	case int64:
		return binary.BigEndian.AppendUint64(append(buf, 'i'), uint64(v))
	case string:
		return append(binary.AppendUvarint(append(buf, 't'), uint64(len(v))), v...)
	case []byte:
		return append(binary.AppendUvarint(append(buf, 'b'), uint64(len(v))), v...)
	}
	return append(buf, 'n')
}

func (c *copying) report(phase, table string) {
	if c.progress == nil || c.done < c.total && time.Since(c.reported) < reportEvery {
		return
	}
	c.reported = time.Now()
	c.progress(CopyProgress{phase, table, c.done, c.total})
}
