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
)

// Memory is the path of a store that lives no longer than its [Store]; see [OpenMemory].
const Memory = ":memory:"

const (
	driverName     = "sqlite"
	fileMode       = fs.FileMode(0o600)
	autoCheckpoint = 8000 // pages; fewer would write pages of busy tables more often
	writerPatience = 100 * time.Millisecond
)

// Open opens the store in the database file at path and makes the file if there is none. The
// folder must exist. It fails with an error matching [metaverse.ErrNewerSchema],
// [metaverse.ErrStoreBusy], [metaverse.ErrCorrupt] or [ErrNotStore] where that is the reason.
// opts nil means the defaults.
func Open(ctx context.Context, path string, opts *Options) (*Store, error) {
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if path == Memory {
		return openMemory(ctx, o)
	}
	if path == "" {
		return nil, errors.New("sqlstore: no path given")
	}
	if err := prepareFile(path, &o); err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	s, err := openFile(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return s, nil
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
	s, err := openFile(ctx, path, o)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.temporary = dir
	return s, nil
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

func openFile(ctx context.Context, path string, o Options) (_ *Store, err error) {
	s := &Store{
		opts: o, path: path,
		writing: make(chan struct{}, 1),
		readers: make(chan *conn, o.ReadConnections),
		closed:  make(chan struct{}),
	}
	defer func() {
		if err != nil {
			_ = s.release()
		}
	}()
	if s.writeDB, err = sql.Open(driverName, dsn(path, &o, true)); err != nil {
		return nil, classify(err)
	}
	if s.readDB, err = sql.Open(driverName, dsn(path, &o, false)); err != nil {
		return nil, classify(err)
	}
	s.readDB.SetMaxIdleConns(o.ReadConnections)
	if s.writer, err = s.connect(ctx, s.writeDB); err != nil {
		return nil, err
	}
	if !o.ReadOnly {
		// Whose file it is comes first: a foreign one is left exactly as it was.
		if _, err = identify(ctx, s.writer.c); err != nil {
			return nil, err
		}
		if err = enableWAL(ctx, s.writer.c); err != nil {
			return nil, err
		}
	}
	if err = migrate(ctx, s.writer.c, migrations(), o.ReadOnly); err != nil {
		return nil, err
	}
	s.names.Store(&dictionary{})
	for range o.ReadConnections {
		s.readers <- nil // connected when first needed
	}
	return s, nil
}

func enableWAL(ctx context.Context, c *sql.Conn) error {
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
// only: [Store.Update] does the rest of the waiting, so that it can be cancelled.
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

func (s *Store) connect(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, classify(err)
	}
	return newConn(c), nil
}
