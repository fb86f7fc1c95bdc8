package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/hybridsync/hybridsync/scheduler"
)

// operation holds the flags of the commands that give orders to the daemon.
type operation struct {
	by, reason           string
	initial              bool
	fullImport, fullSync bool
	csv, out             string
	samples              int
}

func operateCommands() []command {
	by := func(f *flag.FlagSet, i *invocation) {
		f.StringVar(&i.operate.by, "by", operator(), "who asks")
	}
	reason := func(f *flag.FlagSet, i *invocation) {
		by(f, i)
		f.StringVar(&i.operate.reason, "reason", "", "why, for those who wonder")
	}
	return []command{
		{"start", "", "have the daemon run a cycle now", func(f *flag.FlagSet, i *invocation) {
			by(f, i)
			f.BoolVar(&i.operate.initial, "initial", false, "that reads and evaluates everything")
		}, startCycle},
		{"stop", "", "have the daemon end its cycle at the next safe point", by, stopCycle},
		{"suspend", "", "have the daemon start no cycles until it is resumed", reason, suspend},
		{"resume", "", "have the daemon start cycles again", by, resume},
		{"require", "CONNECTOR", "make the next steps of a connector full ones", func(f *flag.FlagSet, i *invocation) {
			by(f, i)
			f.BoolVar(&i.operate.fullImport, "full-import", false, "read everything")
			f.BoolVar(&i.operate.fullSync, "full-sync", false, "evaluate everything")
		}, requireFull},
		{"staging", "[status | enter | leave | report | compare FILE FILE]", "staging mode: synchronise, export nothing", func(f *flag.FlagSet, i *invocation) {
			reason(f, i)
			f.StringVar(&i.operate.csv, "csv", "", "write every pending change of every object to this `file`")
			f.StringVar(&i.operate.out, "o", "", "write the report as JSON to this `file`")
			f.IntVar(&i.operate.samples, "samples", 5, "objects to show for each kind of change")
		}, stagingCommand},
		{"config", "check | diff [FILE] | export | schema | publish | history", "look after the configuration", func(f *flag.FlagSet, i *invocation) {
			by(f, i)
			f.IntVar(&i.limit, "n", 20, "how many versions")
		}, configCommand},
	}
}

// operator is who runs the program.
func operator() string {
	name := envOr("SUDO_USER", "")
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	if name == "" { // accounts of containers and services may have none
		name = fmt.Sprint("uid ", os.Getuid())
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// control opens the store to give orders.
func (i *invocation) control(ctx context.Context, fn func(*config, *scheduler.Control) error) (err error) {
	c, err := readConfig(i.path)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c, i.log, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(c, scheduler.NewControl(store))
}

// said prints what an order did.
func (i *invocation) said(ctx context.Context, ctl *scheduler.Control, text string) error {
	st, err := ctl.Status(ctx)
	if err != nil {
		return err
	}
	running := alive(st.State.Process, time.Now())
	if i.json {
		return i.printJSON(map[string]any{"result": text, "daemon": running})
	}
	fmt.Fprintln(i.out, text)
	if !running {
		fmt.Fprintln(i.out, "no daemon runs at the moment: the order waits for one")
	}
	return nil
}

// alive reports whether a daemon has given a sign of life lately.
func alive(p *scheduler.Process, now time.Time) bool {
	return p != nil && now.Sub(p.Seen) < 3*time.Minute
}

func startCycle(ctx context.Context, i *invocation) error {
	return i.control(ctx, func(_ *config, ctl *scheduler.Control) error {
		policy := pick(i.operate.initial, scheduler.Initial, "")
		if err := ctl.Start(ctx, i.operate.by, policy); err != nil {
			return err
		}
		return i.said(ctx, ctl, "a cycle was asked for")
	})
}

func stopCycle(ctx context.Context, i *invocation) error {
	return i.control(ctx, func(_ *config, ctl *scheduler.Control) error {
		if err := ctl.Stop(ctx, i.operate.by); err != nil {
			return err
		}
		return i.said(ctx, ctl, "the cycle was asked to stop")
	})
}

func suspend(ctx context.Context, i *invocation) error {
	return i.control(ctx, func(_ *config, ctl *scheduler.Control) error {
		changed, err := ctl.Suspend(ctx, i.operate.by, i.operate.reason)
		if err != nil {
			return err
		}
		return i.said(ctx, ctl, pick(changed, "the scheduler is suspended", "the scheduler was suspended already"))
	})
}

func resume(ctx context.Context, i *invocation) error {
	return i.control(ctx, func(_ *config, ctl *scheduler.Control) error {
		changed, err := ctl.Resume(ctx)
		if err != nil {
			return err
		}
		return i.said(ctx, ctl, pick(changed, "the scheduler is resumed", "the scheduler was not suspended"))
	})
}

func requireFull(ctx context.Context, i *invocation) error {
	o := &i.operate
	if len(i.args) != 1 || !o.fullImport && !o.fullSync {
		return errors.New("name one connector, and -full-import, -full-sync or both")
	}
	return i.control(ctx, func(c *config, ctl *scheduler.Control) error {
		if !slices.Contains(c.names(), i.args[0]) {
			return fmt.Errorf("there is no connector %q; there are %q", i.args[0], c.names())
		}
		if err := ctl.Require(ctx, i.args[0], scheduler.Override{FullImport: o.fullImport, FullSync: o.fullSync, By: o.by}); err != nil {
			return err
		}
		return i.said(ctx, ctl, "the next cycle does so")
	})
}
