package sqlstore

import (
	"context"
	"database/sql"
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
	path      string
	opts      Options
	db        *sql.DB // to open and migrate it
	steps     []string
	temporary string // folder to remove when closed
}

func openSQLite(ctx context.Context, path string, o Options, steps []string) (_ *sqliteFile, err error) {
	d := &sqliteFile{path: path, opts: o, steps: steps}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close(nil))
		}
	}()
	if d.db, err = sql.Open(driverName, dsn(path, &o, true)); err != nil {
		return nil, classify(err)
	}
	c, err := d.db.Conn(ctx)
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

func (d *sqliteFile) connect(_ context.Context, p purpose) (conn, error) {
	c, err := d.db.Driver().Open(dsn(d.path, &d.opts, p == forUpdates))
	if err != nil {
		return nil, classify(err)
	}
	return &sqliteConn{c: c, writer: p == forUpdates, patience: d.opts.BusyTimeout, version: len(d.steps), stmts: make(map[stmtKey]sqliteStmt)}, nil
}

// close writes the log back into the database file.
func (d *sqliteFile) close(writer conn) error {
	var errs []error
	if w, ok := writer.(*sqliteConn); ok {
		if !d.opts.ReadOnly {
			err := w.write(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)", 0, 0, nil)
			if !isBusy(err) { // another process reads; the log stays for the next one
				errs = append(errs, classify(err))
			}
		}
		errs = append(errs, w.close())
	}
	if d.db != nil {
		errs = append(errs, d.db.Close())
	}
	if d.temporary != "" {
		errs = append(errs, os.RemoveAll(d.temporary))
	}
	return errors.Join(errs...)
}

var _ database = (*sqliteFile)(nil)
