package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// change holds the flags of whatif.
type change struct {
	rules, config, out              string
	read                            bool
	samples                         int
	maxAdds, maxUpdates, maxDeletes int64
	maxPercent                      float64
}

func whatIfFlags(f *flag.FlagSet, i *invocation) {
	c := &i.change
	f.StringVar(&c.rules, "rules", "", "the changed rules: a YAML `file`")
	f.StringVar(&c.config, "with", "", "the changed configuration `file`; its store is not used")
	f.BoolVar(&c.read, "read", false, "read the directories anew, for changed filters; needed with changed OUs; alone, what a full import that is held would mean")
	f.StringVar(&c.out, "o", "", "write the report as JSON to this `file`")
	f.IntVar(&c.samples, "samples", 5, "objects to show for each kind of change")
	f.Int64Var(&c.maxAdds, "max-adds", 0, "end with status 2 above so many new adds; negative: any")
	f.Int64Var(&c.maxUpdates, "max-updates", 0, "the same for updates")
	f.Int64Var(&c.maxDeletes, "max-deletes", 0, "the same for deletes")
	f.Float64Var(&c.maxPercent, "max-percent", 0, "the same for deletes in percent of the directory's objects")
}

// errBeyondLimits ends whatif when the change goes beyond what the flags allow.
var errBeyondLimits = errors.New("the change goes beyond the limits")

// whatIf reports what changed rules or settings would do, on copies of the store.
func whatIf(ctx context.Context, i *invocation) (err error) {
	now, changed, err := i.configurations()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hybridsync-whatif-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	base, err := i.base(ctx, now, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	report, err := i.report(ctx, base, changed, dir)
	i.reporter.Done()
	if err != nil {
		return err
	}
	if err := i.saveReport(report); err != nil {
		return err
	}
	if err := i.show(report); err != nil {
		return err
	}
	if len(report.Exceeded) > 0 {
		return errBeyondLimits
	}
	return nil
}

// configurations returns that in force and the changed one.
func (i *invocation) configurations() (now, changed *config, err error) {
	if now, err = loadConfig(i.path); err != nil {
		return nil, nil, err
	}
	path := i.path
	if i.change.config != "" {
		path = i.change.config
	}
	if changed, err = loadConfig(path); err != nil {
		return nil, nil, err
	}
	if i.change.rules != "" {
		changed.Rules = i.change.rules
	}
	return now, changed, nil
}

// base makes a copy of the store in which nothing waits any more, so that the report holds
// nothing but the change.
func (i *invocation) base(ctx context.Context, c *config, dir string) (*sqlstore.Store, error) {
	live, err := sqlstore.Open(ctx, c.Store, &sqlstore.Options{Logger: i.log, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "base.db")
	if err := errors.Join(i.copyTo(ctx, live, path), live.Close()); err != nil {
		return nil, err
	}
	base, engine, err := i.scratch(ctx, c, path)
	if err != nil {
		return nil, err
	}
	if i.change.config != "" || i.change.rules != "" {
		// Otherwise it is reading anew that the report is about.
		err = i.readAnew(ctx, engine, c)
	}
	if err == nil {
		err = engine.SyncAll(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, base.Close())
	}
	return base, nil
}

// readAnew imports the directories in full, when asked to.
func (i *invocation) readAnew(ctx context.Context, engine *metaverse.Engine, c *config) error {
	for _, name := range i.directories(c) {
		if _, err := engine.Run(ctx, name, metaverse.FullImport, &metaverse.RunOptions{AcceptDeletions: true}); err != nil {
			return err
		}
	}
	return nil
}

func (i *invocation) directories(c *config) (names []string) {
	if !i.change.read {
		return nil
	}
	for _, d := range c.Directories {
		names = append(names, d.Name)
	}
	return names
}

// scratch opens a copy of the store and an engine over it.
func (i *invocation) scratch(ctx context.Context, c *config, path string) (*sqlstore.Store, *metaverse.Engine, error) {
	connectors, _, err := connect(c, nil, i.log)
	if err != nil {
		return nil, nil, err
	}
	set, err := loadRules(c)
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(ctx, path, &sqlstore.Options{Logger: i.log, Synchronous: sqlstore.SynchronousNormal})
	if err != nil {
		return nil, nil, err
	}
	options, err := c.engine(i.log, i.reporter.Report)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	options.ErrorLimit = -1
	engine, err := metaverse.New(store, set, connectors, options)
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, engine, nil
}

func (i *invocation) report(ctx context.Context, base *sqlstore.Store, c *config, dir string) (r *metaverse.Report, err error) {
	path := filepath.Join(dir, "changed.db")
	if err := base.Backup(ctx, path); err != nil {
		return nil, err
	}
	store, engine, err := i.scratch(ctx, c, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return engine.WhatIf(ctx, base, &metaverse.WhatIfOptions{
		Import: i.directories(c), Samples: i.change.samples, Thresholds: i.change.thresholds(c),
	})
}

// thresholds are those of the flags; for deletes, that of the configuration stands in.
func (c *change) thresholds(cfg *config) (list []metaverse.Threshold) {
	limit := func(op connector.ChangeOp, n int64) {
		if n > 0 {
			list = append(list, metaverse.Threshold{Op: op, Count: n})
		}
	}
	if c.maxDeletes == 0 {
		c.maxDeletes = 500
		if n := cfg.Safety.DeletionThreshold; n != 0 {
			c.maxDeletes = int64(n)
		}
	}
	limit(connector.OpAdd, c.maxAdds)
	limit(connector.OpUpdate, c.maxUpdates)
	limit(connector.OpDelete, c.maxDeletes)
	if c.maxPercent > 0 {
		list = append(list, metaverse.Threshold{Op: connector.OpDelete, Percent: c.maxPercent})
	}
	return list
}

func (i *invocation) saveReport(r *metaverse.Report) error {
	if i.change.out == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(i.change.out, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("the report was not saved: %w", err)
	}
	return nil
}
