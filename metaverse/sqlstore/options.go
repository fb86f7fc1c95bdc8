package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// Synchronous says how hard a commit makes sure that its data are on the disk.
type Synchronous string

// The modes of durability.
const (
	// SynchronousFull waits for the disk at each commit.
	SynchronousFull Synchronous = "full"
	// SynchronousNormal waits at checkpoints only: a power cut may take back the last
	// commits, the death of the process does not. The store is never damaged by it.
	SynchronousNormal Synchronous = "normal"
	// synchronousOff is for stores that live no longer than the process.
	synchronousOff Synchronous = "off"
)

// Options adjust a store. The zero value is the default.
type Options struct {
	// CacheSize is the page cache of the writing connection in bytes. Reading connections
	// have a quarter of it each. 0 means 64 MiB; the least is 1 MiB.
	CacheSize int64
	// ReadConnections is the number of Views that run at the same time; further ones wait.
	// 0 means one for each CPU, at least 2 and at most 8.
	ReadConnections int
	// BusyTimeout is how long an Update waits for another process that writes to the
	// store. 0 means 5 seconds; a negative value means not to wait.
	BusyTimeout time.Duration
	// ReadOnly opens an existing store without ever writing to it. Updates fail, and so
	// does opening a store whose schema would have to be brought forward.
	ReadOnly bool
	// Synchronous is the durability of commits. "" means [SynchronousFull].
	Synchronous Synchronous
	// StatementTimeout bounds each statement on a PostgreSQL server. 0 means 10 minutes, a
	// negative value means no limit.
	StatementTimeout time.Duration
	// Reconnect is how long an Update or a View tries to reach a PostgreSQL server that is
	// away, for example while it restarts. 0 means 30 seconds; a negative value means not to
	// try again.
	Reconnect time.Duration
	// Password, when not nil, is asked for the password each time a connection to a PostgreSQL
	// server is made, so that it may change. It stands above the URL's, PGPASSWORD and
	// the password file.
	Password func(context.Context) (string, error)
	// Progress, when not nil, hears how far [Store.Check] and [Store.Backup] are, about ten
	// times a second. The connector of what it hears is "store", the step "check" or "backup".
	Progress func(metaverse.Progress)
	// Waiting, when not nil, is called by [Open] when the store has an older schema and is in use: it
	// waits for the holder of the lease to hand over, which may take as long as that one runs.
	Waiting func(holder metaverse.Holder)
	// Logger receives what an administrator should know, such as files that others can
	// read. Nil discards it.
	Logger *slog.Logger
}

const (
	minCacheSize     = 1 << 20
	defaultCacheSize = 64 << 20
	defaultBusy      = 5 * time.Second
	maxReaders       = 64
)

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.CacheSize == 0 {
		out.CacheSize = defaultCacheSize
	}
	if out.ReadConnections == 0 {
		out.ReadConnections = min(max(runtime.GOMAXPROCS(0), 2), 8)
	}
	switch {
	case out.BusyTimeout == 0:
		out.BusyTimeout = defaultBusy
	case out.BusyTimeout < 0:
		out.BusyTimeout = 0
	}
	if out.StatementTimeout == 0 {
		out.StatementTimeout = 10 * time.Minute
	}
	out.StatementTimeout = max(out.StatementTimeout, 0)
	if out.Reconnect == 0 {
		out.Reconnect = 30 * time.Second
	}
	if out.Synchronous == "" {
		out.Synchronous = SynchronousFull
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	return out
}

func (o *Options) validate() error {
	var errs []error
	if o.CacheSize < minCacheSize {
		errs = append(errs, fmt.Errorf("CacheSize is %d, the least is %d", o.CacheSize, minCacheSize))
	}
	if o.ReadConnections < 1 || o.ReadConnections > maxReaders {
		errs = append(errs, fmt.Errorf("ReadConnections is %d, not 1 to %d", o.ReadConnections, maxReaders))
	}
	switch o.Synchronous {
	case SynchronousFull, SynchronousNormal, synchronousOff:
	default:
		errs = append(errs, fmt.Errorf("Synchronous is %q, not %q or %q", o.Synchronous, SynchronousFull, SynchronousNormal))
	}
	if len(errs) > 0 {
		return fmt.Errorf("sqlstore: options: %w", errors.Join(errs...))
	}
	return nil
}
