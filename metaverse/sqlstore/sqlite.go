package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/hybridsync/hybridsync/metaverse"
)

const (
	driverName     = "sqlite"
	fileMode       = fs.FileMode(0o600)
	autoCheckpoint = 4000 // pages; fewer would write pages of busy tables more often
	pageSize       = 8192 // octets; records of 0.5 to 2 kB leave a fifth of pages of 4096 empty
	writerPatience = 100 * time.Millisecond
)

// Batch sizes. Reading many keys in one statement costs a quarter of a statement for each;
// writing narrow rows is twice as fast in small groups, and wide rows are best written one
// by one.
const (
	readRows  = 64
	someRows  = 8
	writeRows = 16
)

// A sqliteFile is a database in a file.
type sqliteFile struct {
	path            string
	opts            Options
	writeDB, readDB *sql.DB
	steps           []string
	temporary       string // folder to remove when closed
}

func openSQLite(ctx context.Context, path string, o Options, steps []string) (_ *sqliteFile, err error) {
	d := &sqliteFile{path: path, opts: o, steps: steps}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close(nil))
		}
	}()
	if d.writeDB, err = sql.Open(driverName, dsn(path, &o, true)); err != nil {
		return nil, classify(err)
	}
	if d.readDB, err = sql.Open(driverName, dsn(path, &o, false)); err != nil {
		return nil, classify(err)
	}
	d.readDB.SetMaxIdleConns(o.ReadConnections)
	c, err := d.writeDB.Conn(ctx)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if !o.ReadOnly {
		// Whose file it is comes first: a foreign one is left exactly as it was.
		if _, err := identify(ctx, c); err != nil {
			return nil, err
		}
		if err := enableWAL(ctx, c); err != nil {
			return nil, err
		}
	}
	return d, migrate(ctx, c, steps, &o)
}

// prepareFile makes the file with the mode that it shall have: SQLite gives its side files
// the same one. It reports files and folders that others can read.
func prepareFile(path string, o *Options) error {
	if o.ReadOnly {
		_, err := os.Stat(path)
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("%s is a folder", path)
	}
	if runtime.GOOS == "windows" { // access is by inherited lists there
		return nil
	}
	if m := info.Mode().Perm(); m&0o077 != 0 {
		o.Logger.Warn("store file is accessible to other accounts", "path", path, "mode", m.String())
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if m := dir.Mode().Perm(); m&0o007 != 0 {
		o.Logger.Info("folder of the store is accessible to everyone", "path", filepath.Dir(path), "mode", m.String())
	}
	return nil
}

// enableWAL sets what is kept in the file itself. The size of pages, and that pages can be given
// back ([Store.Optimize]), can be said only of a file that holds nothing yet.
func enableWAL(ctx context.Context, c *sql.Conn) error {
	var pages int
	if err := c.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return classify(err)
	}
	if pages == 0 {
		for _, set := range []string{"page_size = " + strconv.Itoa(pageSize), "auto_vacuum = INCREMENTAL"} {
			if _, err := c.ExecContext(ctx, "PRAGMA "+set); err != nil {
				return classify(err)
			}
		}
	}
	var mode string
	if err := c.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return classify(err)
	}
	if mode != "wal" {
		return fmt.Errorf("sqlstore: the file system does not support write-ahead logging (journal mode is %s)", mode)
	}
	return nil
}

// dsn names the database with the settings of a connection. A writer waits a short while
// only: begin does the rest of the waiting, so that it can be cancelled.
func dsn(path string, o *Options, writer bool) string {
	q := url.Values{}
	pragma := func(name, value string) { q.Add("_pragma", name+"("+value+")") }
	wait, cache := o.BusyTimeout, o.CacheSize/4
	if writer {
		wait, cache = min(wait, writerPatience), o.CacheSize
	}
	pragma("busy_timeout", strconv.FormatInt(wait.Milliseconds(), 10))
	pragma("cache_size", strconv.FormatInt(-max(cache, minCacheSize)/1024, 10))
	pragma("temp_store", "MEMORY")
	pragma("trusted_schema", "0")
	if o.ReadOnly {
		q.Set("mode", "ro")
	} else {
		q.Set("mode", "rw")
		pragma("synchronous", strings.ToUpper(string(o.Synchronous)))
		pragma("wal_autocheckpoint", strconv.Itoa(autoCheckpoint))
	}
	if !writer {
		pragma("query_only", "1")
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/...
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// analyze is not needed: joins have their order in the statements.
func (d *sqliteFile) analyze(context.Context) error { return nil }

// endWriter is not possible: the file is locked as long as the other process lives.
func (d *sqliteFile) endWriter(context.Context) error { return metaverse.ErrStoreBusy }

func (d *sqliteFile) name() string { return d.path }

func (d *sqliteFile) connect(ctx context.Context, p purpose) (conn, error) {
	db := d.readDB
	if p == forUpdates {
		db = d.writeDB
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, classify(err)
	}
	return &sqliteConn{c: c, writer: p == forUpdates, patience: d.opts.BusyTimeout, version: len(d.steps), stmts: make(map[stmtKey]*sql.Stmt)}, nil
}

// close writes the log back into the database file.
func (d *sqliteFile) close(writer conn) error {
	var errs []error
	if w, ok := writer.(*sqliteConn); ok {
		if !d.opts.ReadOnly {
			_, err := w.c.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
			if !isBusy(err) { // another process reads; the log stays for the next one
				errs = append(errs, classify(err))
			}
		}
		errs = append(errs, w.close())
	}
	for _, db := range []*sql.DB{d.readDB, d.writeDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if d.temporary != "" {
		errs = append(errs, os.RemoveAll(d.temporary))
	}
	return errors.Join(errs...)
}

// A sqliteConn is a connection with the statements that were prepared on it.
type sqliteConn struct {
	c        *sql.Conn
	writer   bool
	version  int           // of the schema that this program knows
	patience time.Duration // to wait for another process that writes
	stmts    map[stmtKey]*sql.Stmt
}

// A stmtKey is a statement text and the number of rows for its {values} part.
type stmtKey struct {
	text string
	rows int
}

func (c *sqliteConn) prepared(ctx context.Context, q string, n, width int) (*sql.Stmt, error) {
	key := stmtKey{q, n}
	if s, ok := c.stmts[key]; ok {
		return s, nil
	}
	text := sqliteWords.Replace(q)
	if n > 0 {
		text = strings.Replace(text, "{values}", placeholders(n, width), 1)
	}
	s, err := c.c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.stmts[key] = s
	return s, nil
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
	deadline := time.Now().Add(c.patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		_, err := c.exec(ctx, sqlBeginWrite, 0, 0, nil)
		if err == nil {
			return c.sameVersion(ctx)
		}
		if !isBusy(err) || !time.Now().Before(deadline) {
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
	found, err := c.query(ctx, "PRAGMA user_version", 0, 0, nil)
	if err != nil {
		return classify(err)
	}
	defer found.Close()
	var version int
	for found.Next() {
		if err := found.Scan(&version); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return classify(err)
	}
	return stillVersion(version, c.version)
}

func (c *sqliteConn) commit(ctx context.Context) error {
	_, err := c.exec(ctx, sqlCommit, 0, 0, nil)
	return err
}

func (c *sqliteConn) rollback() error {
	_, err := c.c.ExecContext(context.Background(), sqlRollback)
	return err
}

// query does not let the context interrupt the statement, which would cost a goroutine each
// time; callers look at it between statements.
func (c *sqliteConn) query(ctx context.Context, q string, n, width int, args []any) (rows, error) {
	ctx = context.WithoutCancel(ctx)
	stmt, err := c.prepared(ctx, q, n, width)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (c *sqliteConn) exec(ctx context.Context, q string, n, width int, args []any) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	stmt, err := c.prepared(ctx, q, n, width)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
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
	result, err := c.c.QueryContext(ctx, "PRAGMA integrity_check")
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

func (c *sqliteConn) forget() {
	for _, s := range c.stmts {
		_ = s.Close() // nothing is lost with it
	}
	clear(c.stmts)
}

func (c *sqliteConn) close() error {
	c.forget()
	return c.c.Close()
}

// discard closes the connection for good instead of handing it back to its pool. Statements
// go first: the driver must not see one whose connection is gone.
func (c *sqliteConn) discard() {
	c.forget()
	_ = c.c.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.c.Close()
}

var (
	_ database = (*sqliteFile)(nil)
	_ conn     = (*sqliteConn)(nil)
)
