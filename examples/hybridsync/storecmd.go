package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// storeCommand looks after the store: store check, store repair BACKUP, store backup FILE, store
// dump [FILE], store copy TARGET.
func storeCommand(ctx context.Context, i *invocation) (err error) {
	if len(i.args) == 0 {
		return errors.New("store what? check, repair BACKUP, backup FILE, dump [FILE] or copy TARGET")
	}
	c, err := loadConfig(i.path)
	if err != nil {
		return err
	}
	// A copy keeps others from changing the store meanwhile.
	readOnly := i.args[0] != "copy" && i.args[0] != "repair"
	s, err := sqlstore.Open(ctx, c.Store, &sqlstore.Options{Logger: i.log, ReadOnly: readOnly, Progress: i.reporter.Report})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	switch what, rest := i.args[0], i.args[1:]; {
	case what == "check" && len(rest) == 0:
		return i.storeCheck(ctx, s)
	case what == "repair" && len(rest) == 1:
		return i.storeRepair(ctx, s, rest[0])
	case what == "backup" && len(rest) == 1:
		return i.storeBackup(ctx, s, rest[0])
	case what == "dump" && len(rest) <= 1:
		return i.storeDump(ctx, s, rest)
	case what == "copy" && len(rest) == 1:
		return i.storeCopy(ctx, s, rest[0])
	}
	return errors.New("store takes check, repair BACKUP, backup FILE, dump [FILE] or copy TARGET")
}

// storeCopy copies the store into an empty one, named by the path of a file or the URL of a server,
// in which ${NAME} stands for an environment variable.
func (i *invocation) storeCopy(ctx context.Context, from *sqlstore.Store, target string) (err error) {
	if target, err = expand(target, filepath.Dir(i.path)); err != nil {
		return err
	}
	to, err := sqlstore.Open(ctx, target, &sqlstore.Options{Logger: i.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	tables, err := sqlstore.Copy(ctx, from, to, &sqlstore.CopyOptions{Progress: func(p sqlstore.CopyProgress) {
		i.reporter.Report(metaverse.Progress{Connector: "store", Step: "copy", Phase: p.Phase, Done: p.Done, Total: p.Total})
	}})
	i.reporter.Done()
	if err != nil {
		return err
	}
	if i.json {
		return i.printJSON(map[string]any{"from": from.Name(), "to": to.Name(), "tables": tables})
	}
	rows := int64(0)
	for _, t := range tables {
		rows += t.Rows
	}
	_, err = fmt.Fprintf(i.out, "%d rows copied to %s and verified. Name it as store in the configuration, and start nothing on %s any more.\n",
		rows, to.Name(), from.Name())
	return err
}

// copyTo makes a file that is a copy of a store of either kind.
func (i *invocation) copyTo(ctx context.Context, from *sqlstore.Store, path string) error {
	err := from.Backup(ctx, path)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	to, err := sqlstore.Open(ctx, path, &sqlstore.Options{Logger: i.log})
	if err != nil {
		return err
	}
	_, err = sqlstore.Copy(ctx, from, to, nil)
	return errors.Join(err, to.Close())
}

// storeRepair repairs the store after it has made a copy of it, and checks it again.
func (i *invocation) storeRepair(ctx context.Context, s *sqlstore.Store, backup string) error {
	before, err := s.Check(ctx)
	if err != nil {
		return err
	}
	if len(before) == 0 {
		return i.showProblems(nil)
	}
	if err := i.copyTo(ctx, s, backup); err != nil {
		return fmt.Errorf("nothing was changed: the backup: %w", err)
	}
	if err := s.Repair(ctx); err != nil {
		return err
	}
	if !i.json {
		fmt.Fprintf(i.out, "%d problems before; the store as it was is in %s. The next cycle reads and evaluates everything.\n", len(before), backup)
	}
	return i.storeCheck(ctx, s)
}

// maxShownProblems bounds what a person has to read; -json shows all.
const maxShownProblems = 100

func (i *invocation) storeCheck(ctx context.Context, s *sqlstore.Store) error {
	problems, err := s.Check(ctx)
	i.reporter.Done()
	if err != nil {
		return err
	}
	return i.showProblems(problems)
}

func (i *invocation) showProblems(problems []sqlstore.Problem) (err error) {
	if i.json {
		if problems == nil {
			problems = []sqlstore.Problem{}
		}
		err = i.printJSON(map[string]any{"ok": len(problems) == 0, "invariants": len(sqlstore.Rules()), "problems": problems})
	} else {
		for n, p := range problems {
			if n == maxShownProblems {
				fmt.Fprintf(i.out, "and %d more\n", len(problems)-n)
				break
			}
			fmt.Fprintf(i.out, "%s\n    %s\n", p, p.Advice)
		}
		if len(problems) == 0 {
			_, err = fmt.Fprintf(i.out, "the store keeps all %d invariants\n", len(sqlstore.Rules()))
		}
	}
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("the store has %d problems", len(problems))
	}
	return err
}

func (i *invocation) storeBackup(ctx context.Context, s *sqlstore.Store, path string) error {
	err := s.Backup(ctx, path)
	i.reporter.Done()
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if i.json {
		return i.printJSON(map[string]any{"backup": path, "bytes": info.Size()})
	}
	_, err = fmt.Fprintf(i.out, "%s: %d bytes\n", path, info.Size())
	return err
}

// storeDump writes what the store holds, one JSON document in each line.
func (i *invocation) storeDump(ctx context.Context, s *sqlstore.Store, to []string) (err error) {
	if len(to) == 0 {
		return s.Dump(ctx, i.out)
	}
	f, err := os.OpenFile(to[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	return errors.Join(s.Dump(ctx, w), w.Flush())
}
