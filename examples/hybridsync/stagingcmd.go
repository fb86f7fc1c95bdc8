package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// errDifferent ends a comparison that found differences.
var errDifferent = errors.New("the reports differ")

// stagingCommand looks after staging mode: staging status, enter, leave, report, compare A B.
func stagingCommand(ctx context.Context, i *invocation) error {
	switch {
	case len(i.args) == 0, len(i.args) == 1 && i.args[0] == "status":
		return i.look(ctx, func(a *app) error { return i.stagingStatus(ctx, a) })
	case len(i.args) == 1 && i.args[0] == "enter":
		return i.setStaging(ctx, true)
	case len(i.args) == 1 && i.args[0] == "leave":
		return i.setStaging(ctx, false)
	case len(i.args) == 1 && i.args[0] == "report":
		return i.look(ctx, func(a *app) error { return i.stagingReport(ctx, a) })
	case len(i.args) == 3 && i.args[0] == "compare":
		return i.stagingCompare(i.args[1], i.args[2])
	}
	return errors.New("staging what? status, enter, leave, report or compare FILE FILE")
}

func (i *invocation) stagingStatus(ctx context.Context, a *app) error {
	st, err := metaverse.StagingOf(ctx, a.store)
	if err != nil {
		return err
	}
	left, err := metaverse.StagingLeft(ctx, a.store)
	if err != nil {
		return err
	}
	if i.json {
		return i.printJSON(map[string]any{"staging": st, "left": left})
	}
	switch {
	case st != nil:
		_, err = fmt.Fprintf(i.out, "staging mode since %s: nothing is exported\n", by(st))
	case left != nil:
		_, err = fmt.Fprintf(i.out, "not in staging mode, since %s: changes are exported\n", by(left))
	default:
		_, err = fmt.Fprintln(i.out, "not in staging mode: changes are exported")
	}
	return err
}

// by tells when who changed the staging mode, and why.
func by(st *metaverse.Staging) string {
	return fmt.Sprintf("%s, by %s%s", st.Since.Local().Format(time.DateTime), st.By, pick(st.Reason == "", "", " ("+st.Reason+")"))
}

func (i *invocation) setStaging(ctx context.Context, on bool) (err error) {
	c, err := readConfig(i.path)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c, i.log, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	who := metaverse.Staging{Since: time.Now().UTC(), By: i.operate.by, Reason: i.operate.reason}
	changed, err := metaverse.SetStaging(ctx, store, on, who)
	if err != nil {
		return err
	}
	waiting, err := pendingExports(ctx, store, c.names())
	if err != nil {
		return err
	}
	text := "it is not in staging mode"
	switch {
	case changed && on:
		text = "staging mode: from now on nothing is exported"
	case on:
		text = "it is in staging mode already"
	case changed:
		text = fmt.Sprintf("left staging mode: the next cycle exports what is pending then, %d objects at the moment", waiting)
	}
	if i.json {
		staging, left := &who, (*metaverse.Staging)(nil)
		if !on {
			staging, left = nil, &who
		}
		return i.printJSON(map[string]any{"changed": changed, "staging": staging, "left": left, "pending": waiting})
	}
	_, err = fmt.Fprintln(i.out, text)
	return err
}

// pendingExports counts the objects that wait to be exported.
func pendingExports(ctx context.Context, store metaverse.Store, names []string) (n int64, err error) {
	err = store.View(ctx, func(rd metaverse.Reader) error {
		n = 0
		for _, name := range names {
			c, err := rd.CountCS(name)
			if err != nil {
				return err
			}
			n += c.PendingExport
		}
		return nil
	})
	return n, err
}

// stagingReport shows what the next exports would send.
func (i *invocation) stagingReport(ctx context.Context, a *app) (err error) {
	opts := &scheduler.PendingOptions{Samples: i.operate.samples, Progress: i.reporter.Report}
	if opts.Samples == 0 {
		opts.Samples = -1
	}
	var table *os.File
	if i.operate.csv != "" {
		if table, err = private(i.operate.csv); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, table.Close()) }()
		opts.CSV = table
	}
	r, err := scheduler.Pending(ctx, a.store, a.names, opts)
	i.reporter.Done()
	if err != nil {
		return err
	}
	if i.operate.out != "" {
		if err := save(i.operate.out, r.WriteJSON); err != nil {
			return err
		}
	}
	if i.json {
		r.Objects = nil // they are for files
	}
	return i.show(r)
}

func (i *invocation) stagingCompare(first, second string) error {
	a, err := readReport(first)
	if err != nil {
		return err
	}
	b, err := readReport(second)
	if err != nil {
		return err
	}
	c := scheduler.Compare(a, b)
	if err := i.show(c); err != nil {
		return err
	}
	if !c.Equal() {
		return errDifferent
	}
	return nil
}

func readReport(path string) (*scheduler.PendingReport, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := scheduler.ReadPending(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// private makes a file that nobody else can read: it holds names and values of people.
func private(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

func save(path string, write func(io.Writer) error) (err error) {
	f, err := private(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
