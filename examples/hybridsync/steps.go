package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// options are those of the scheduler.
func (s scheduleConfig) options() (*scheduler.Options, error) {
	o := &scheduler.Options{
		Interval: time.Duration(s.Interval), Jitter: time.Duration(s.Jitter), Parallel: s.Parallel,
		SlowAfter: time.Duration(s.SlowAfter), HangAfter: time.Duration(s.HangAfter), KeepHistory: time.Duration(s.History),
	}
	if s.Cron == "" {
		return o, nil
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, err
	}
	if s.Zone == "" {
		zone = time.Local
	}
	o.Schedule, err = scheduler.Cron(s.Cron, zone)
	return o, err
}

// start opens the program for a command.
func (i *invocation) start(ctx context.Context) (*app, error) {
	c, err := loadConfig(i.path)
	if err != nil {
		return nil, err
	}
	return open(ctx, c, i.log, i.reporter.Report)
}

func cycle(ctx context.Context, i *invocation) (err error) {
	a, err := i.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.lead(ctx); err != nil {
		return err
	}
	policy := scheduler.Delta
	if i.initial {
		policy = scheduler.Initial
	}
	c, err := a.scheduler.Cycle(ctx, policy)
	i.reporter.Done()
	if err := i.showCycle(c); err != nil {
		return err
	}
	return i.verdict(ctx, a, c.Steps, err)
}

func importStep(ctx context.Context, i *invocation) error {
	return steps(ctx, i, pick(i.full, metaverse.FullImport, metaverse.DeltaImport))
}

func syncStep(ctx context.Context, i *invocation) error {
	return steps(ctx, i, pick(i.full, metaverse.FullSync, metaverse.DeltaSync))
}

func exportStep(ctx context.Context, i *invocation) error { return steps(ctx, i, metaverse.Export) }

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// steps runs one step for each connector named, or for all.
func steps(ctx context.Context, i *invocation, kind metaverse.StepKind) (err error) {
	a, err := i.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	names := i.args
	if len(names) == 0 {
		names = a.names
	}
	for _, n := range names {
		if !slices.Contains(a.names, n) {
			return fmt.Errorf("there is no connector %q; there are %q", n, a.names)
		}
	}
	if err := a.lead(ctx); err != nil {
		return err
	}
	c := &scheduler.Cycle{Started: time.Now()}
	var failed []error
	for _, n := range names {
		rec, err := a.engine.Run(ctx, n, kind, &metaverse.RunOptions{AcceptDeletions: i.accept, AcceptRun: i.acceptRun, RetryNow: i.retryNow})
		c.Steps = append(c.Steps, rec)
		failed = append(failed, err)
	}
	i.reporter.Done()
	if err := i.showCycle(c); err != nil {
		return err
	}
	return i.verdict(ctx, a, c.Steps, errors.Join(failed...))
}

// verdict turns what happened into the program's end: success only when all is well.
func (i *invocation) verdict(ctx context.Context, a *app, steps []*metaverse.RunRecord, failed error) error {
	if errors.Is(failed, metaverse.ErrHeld) {
		return fmt.Errorf("%w\n%s", failed, heldAdvice(steps))
	}
	if failed != nil {
		return failed
	}
	for _, s := range steps {
		if s.Counters.Errors == 0 {
			continue
		}
		if !i.json {
			errs, err := a.errors(ctx, "", 10)
			if err != nil {
				return err
			}
			i.trouble(errs)
		}
		return fmt.Errorf("some objects are in trouble; all others went through. See: hybridsync errors")
	}
	return nil
}

// heldAdvice says how to look at what was held, how to undo it and how to let it pass.
func heldAdvice(steps []*metaverse.RunRecord) string {
	var lines []string
	for _, s := range steps {
		if len(s.Held) == 0 {
			continue
		}
		lines = append(lines, s.Notes...)
		if s.Step == metaverse.Export {
			lines = append(lines,
				fmt.Sprintf("all of them: hybridsync search -connector %s -to-export %s", s.Connector, s.Held[0].Op),
				"a mistake? put the configuration or the directory right and run a cycle: nothing was sent, nothing is lost",
				fmt.Sprintf("as it should be? hybridsync export -accept-run %d %s", s.ID, s.Connector))
			continue
		}
		lines = append(lines,
			"what it would mean, all of them by name: hybridsync whatif -read -max-deletes -1",
			"a mistake? put the configuration or the directory right and run a cycle: nothing was deleted, nothing is lost",
			fmt.Sprintf("as it should be? hybridsync import %s-accept-run %d %s", pick(s.Step == metaverse.FullImport, "-full ", ""), s.ID, s.Connector))
	}
	return strings.Join(lines, "\n")
}
