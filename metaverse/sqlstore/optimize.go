package sqlstore

import (
	"context"
	"fmt"
	"time"
)

// Optimize does upkeep, in steps that are short for whoever wants to write meanwhile: call it
// now and then, when little else is going on. It ends early, with nothing lost, when ctx does.
//
// In a SQLite file it gives pages that are free back to the file system, all but some that the
// next changes need, and empties the write-ahead log into the file. Files of older versions of
// this package keep their size; [Copy] makes one that does not. Statistics are not collected:
// queries have their order in the statements, and figures of a moment, such as that of an empty
// queue, would do harm later.
//
// On a PostgreSQL server it collects statistics of the store's tables. VACUUM is left to the
// server's autovacuum, which must not be switched off.
func (s *Store) Optimize(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	f, ok := s.db.(*sqliteFile)
	if !ok {
		return s.db.analyze(ctx)
	}
	if f.opts.ReadOnly {
		return nil
	}
	for more := true; more; {
		var err error
		if more, err = s.giveBack(ctx); err != nil {
			return err
		}
	}
	return s.alone(ctx, func(c *sqliteConn) error {
		// Where somebody reads, the log stays for the next time.
		if err := c.write(ctx, "PRAGMA wal_checkpoint(TRUNCATE)", 0, 0, nil); !isBusy(err) {
			return classify(err)
		}
		return nil
	})
}

// What of a file is given back.
const (
	pagesAtOnce = 2048 // a few milliseconds
	keepFree    = 8    // one page in so many stays for what comes
	breath      = 5 * time.Millisecond
)

// giveBack gives some free pages back, and reports whether there are more.
func (s *Store) giveBack(ctx context.Context) (more bool, err error) {
	err = s.alone(ctx, func(c *sqliteConn) error {
		var pages, free, mode int
		for name, to := range map[string]*int{"page_count": &pages, "freelist_count": &free, "auto_vacuum": &mode} {
			if err := c.queryOne(ctx, "PRAGMA "+name, to); err != nil {
				return classify(err)
			}
		}
		spare := free - pages/keepFree
		if spare <= 0 || mode == 0 {
			return nil
		}
		more = spare > pagesAtOnce
		return c.vacuum(ctx, min(spare, pagesAtOnce))
	})
	if err != nil || !more {
		return false, err
	}
	select { // others have their turn
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-time.After(breath):
		return true, nil
	}
}

// vacuum takes pages off the end of the file.
func (c *sqliteConn) vacuum(ctx context.Context, pages int) error {
	found, err := c.query(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", pages), 0, 0, nil)
	if err != nil {
		return classify(err)
	}
	defer found.Close()
	for found.Next() { // each is a page
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return classify(found.Err())
}

// alone calls fn with the writing connection outside of a transaction.
func (s *Store) alone(ctx context.Context, fn func(*sqliteConn) error) (err error) {
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return ErrClosed
	}
	defer func() { <-s.writing }()
	// A transaction shows that the connection works and that the schema is ours.
	if s.writer, err = s.begin(ctx, s.writer, forUpdates); err != nil {
		return err
	}
	if s.writer = end(s.writer); s.writer == nil {
		return nil // it broke; the next one is whole
	}
	return fn(s.writer.(*sqliteConn))
}
