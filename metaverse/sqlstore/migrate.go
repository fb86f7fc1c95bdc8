package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// identify reads whose file it is and at which schema version. An empty database has
// version 0 and no owner.
func identify(ctx context.Context, c *sql.Conn) (version int, err error) {
	var app, tables int
	if err := c.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return 0, classify(err)
	}
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, classify(err)
	}
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return 0, classify(err)
	}
	switch {
	case app == applicationID:
		return version, nil
	case app == 0 && version == 0 && tables == 0:
		return 0, nil
	default:
		return 0, fmt.Errorf("sqlstore: %w: it is a SQLite database of another program", ErrNotStore)
	}
}

// migrate brings the schema forward in one transaction. Two processes may try at the same
// time: the second one finds the work done.
func migrate(ctx context.Context, c *sql.Conn, steps []string, o *Options) (err error) {
	version, err := identify(ctx, c)
	if err != nil {
		return err
	}
	if done, err := checkVersion(version, len(steps), true, o.ReadOnly); done || err != nil {
		return err
	}
	for {
		if err := handOver(ctx, o, func() (metaverse.Lease, error) { return sqliteLease(ctx, c, version) }); err != nil {
			return err
		}
		err := whenFree(ctx, o.BusyTimeout, func() error {
			_, err := c.ExecContext(ctx, "BEGIN IMMEDIATE")
			return err
		})
		if err != nil {
			return err
		}
		done, err := migrateFree(ctx, c, steps)
		if err == nil {
			_, err = c.ExecContext(ctx, "COMMIT")
		}
		if err != nil {
			// Not under ctx: it may be the reason for giving up.
			_, _ = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
		if done || err != nil {
			return classify(err)
		}
	}
}

// migrateFree does the work within a transaction. It does nothing, and returns false, when somebody
// holds the lease.
func migrateFree(ctx context.Context, c *sql.Conn, steps []string) (bool, error) {
	version, err := identify(ctx, c)
	if err != nil {
		return false, err
	}
	l, err := sqliteLease(ctx, c, version)
	if err != nil || l.Held() {
		return false, err
	}
	for i := version; i < len(steps); i++ {
		if _, err := c.ExecContext(ctx, steps[i]); err != nil {
			return false, fmt.Errorf("sqlstore: migration to schema version %d: %w", i+1, classify(err))
		}
	}
	pragmas := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, max(version, len(steps)))
	_, err = c.ExecContext(ctx, pragmas)
	return true, classify(err)
}

// leaseVersion is the schema version from which on there is a lease.
const leaseVersion = 2

func sqliteLease(ctx context.Context, c *sql.Conn, version int) (l metaverse.Lease, err error) {
	if version < leaseVersion {
		return l, nil
	}
	var holder string
	var left int64
	if err := c.QueryRowContext(ctx, sqliteWords.Replace(sqlLease)).Scan(&l.Token, &holder, &left); err != nil {
		return l, classify(err)
	}
	return leaseOf(l.Token, holder, left)
}

// handOver waits until nobody holds the lease: the schema is not brought forward under a process
// of an older version that is at work.
func handOver(ctx context.Context, o *Options, read func() (metaverse.Lease, error)) error {
	for told := false; ; {
		l, err := read()
		if err != nil || !l.Held() {
			return err
		}
		if !told {
			told = true
			o.waiting(l.Holder)
		}
		select {
		case <-time.After(min(l.Left, handOverPause)):
		case <-ctx.Done():
			return fmt.Errorf("sqlstore: waiting for %v to hand over, so that the schema can be brought forward: %w", l.Holder, context.Cause(ctx))
		}
	}
}

// waiting tells that Open waits for a holder of the lease.
func (o *Options) waiting(h metaverse.Holder) {
	if o.Logger != nil {
		o.Logger.Info("the store has an older schema and is in use: waiting for its user to hand over", "holder", h.String())
	}
	if o.Waiting != nil {
		o.Waiting(h)
	}
}

// handOverPause is the time between two looks at the lease.
const handOverPause = 500 * time.Millisecond

// checkVersion says whether a schema is good as it is, has to be brought forward, or cannot be
// used.
func checkVersion(version, known int, owned, readOnly bool) (good bool, err error) {
	switch {
	case version > known:
		return false, fmt.Errorf("sqlstore: %w: its schema version is %d, this program knows versions up to %d",
			metaverse.ErrNewerSchema, version, known)
	case version == known && owned:
		return true, nil
	case readOnly && version == 0:
		return false, fmt.Errorf("sqlstore: %w: the database is empty", ErrNotStore)
	case readOnly:
		return false, fmt.Errorf("sqlstore: schema version is %d and has to be brought to %d, which a store that is opened for reading only does not allow: a program that writes does it, as soon as the old version has ended",
			version, known)
	}
	return false, nil
}

// stillVersion fails when a newer program has brought the schema forward while the store was open:
// this one must not touch it any more.
func stillVersion(version, known int) error {
	if version == known {
		return nil
	}
	return fmt.Errorf("sqlstore: %w while this program had it open: its schema version is %d now, not %d any more; start the new version of the program",
		metaverse.ErrNewerSchema, version, known)
}
