package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

func (d *sqliteFile) backup(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return fmt.Errorf("sqlstore: backup: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if err := d.copyTo(ctx, path); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("sqlstore: backup: %w", classify(err))
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sqlstore: backup: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// copyTo fills an empty file. It has a connection of its own: a copy may take long, and
// connections that only query refuse to make one.
func (d *sqliteFile) copyTo(ctx context.Context, path string) error {
	o := d.opts
	db, err := sql.Open(driverName, dsn(d.path, &o, true))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", path)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return freeLease(ctx, path)
}

// freeLease makes the copy of a store nobody's.
func freeLease(ctx context.Context, path string) error {
	db, err := sql.Open(driverName, path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "UPDATE lease SET until = 0")
	return errors.Join(err, db.Close())
}

// syncFolder makes sure that a new file is found after a power cut.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // folders cannot be synchronised there
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sqlstore: backup: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
