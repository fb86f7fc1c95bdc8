package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

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
func migrate(ctx context.Context, c *sql.Conn, steps []string, readOnly bool) (err error) {
	version, err := identify(ctx, c)
	if err != nil {
		return err
	}
	if done, err := checkVersion(version, len(steps), true, readOnly); done || err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return classify(err)
	}
	defer func() {
		if err != nil {
			// Not under ctx: it may be the reason for giving up.
			_, _ = c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if version, err = identify(ctx, c); err != nil {
		return err
	}
	for i := version; i < len(steps); i++ {
		if _, err := c.ExecContext(ctx, steps[i]); err != nil {
			return fmt.Errorf("sqlstore: migration to schema version %d: %w", i+1, classify(err))
		}
	}
	pragmas := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, max(version, len(steps)))
	if _, err := c.ExecContext(ctx, pragmas); err != nil {
		return classify(err)
	}
	_, err = c.ExecContext(ctx, "COMMIT")
	return classify(err)
}

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
		return false, fmt.Errorf("sqlstore: schema version is %d and has to be brought to %d, which a read-only store does not allow",
			version, known)
	}
	return false, nil
}
