package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/examples/internal/console"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// stepResult is a run step as -json prints it.
type stepResult struct {
	ID        int64               `json:"id"`
	Connector string              `json:"connector"`
	Profile   metaverse.StepKind  `json:"profile"`
	Result    metaverse.RunResult `json:"result"`
	Counters  metaverse.Counters  `json:"counters"`
	Objects   int64               `json:"objects"`
	Duration  int64               `json:"durationMs"`
	Started   time.Time           `json:"started"`
	Error     string              `json:"error,omitempty"`
	Notes     []string            `json:"notes,omitempty"`
}

type cycleResult struct {
	Result  metaverse.RunResult `json:"result"`
	Steps   []stepResult        `json:"steps"`
	Skipped []skippedResult     `json:"skipped,omitempty"`
}

type skippedResult struct {
	Connector string             `json:"connector"`
	Profile   metaverse.StepKind `json:"profile"`
	Reason    string             `json:"reason"`
}

func stepResults(steps []*metaverse.RunRecord) []stepResult {
	out := make([]stepResult, 0, len(steps))
	for _, s := range steps {
		r := stepResult{
			ID: s.ID, Connector: s.Connector, Profile: s.Step, Result: s.Result, Counters: s.Counters, Objects: s.Objects,
			Started: s.Started, Error: s.Error, Notes: s.Notes,
		}
		if !s.Ended.IsZero() {
			r.Duration = s.Ended.Sub(s.Started).Milliseconds()
		}
		out = append(out, r)
	}
	return out
}

func (i *invocation) printJSON(v any) error { return json.NewEncoder(i.out).Encode(v) }

// showCycle prints the steps of a cycle.
func (i *invocation) showCycle(c *scheduler.Cycle) error {
	if i.json {
		out := cycleResult{Result: c.Result(), Steps: stepResults(c.Steps)}
		for _, s := range c.Skipped {
			out.Skipped = append(out.Skipped, skippedResult{s.Connector, s.Kind, s.Why})
		}
		return i.printJSON(out)
	}
	if err := console.Steps(i.out, c.Steps); err != nil {
		return err
	}
	for _, s := range c.Skipped {
		fmt.Fprintf(i.out, "%s %s did not run: %s\n", s.Connector, s.Kind, s.Why)
	}
	var notes []string
	for _, s := range c.Steps {
		notes = append(notes, s.Notes...)
	}
	slices.Sort(notes)
	for _, n := range slices.Compact(notes) {
		fmt.Fprintln(i.out, "note:", n)
	}
	return nil
}

func (i *invocation) trouble(errs []metaverse.ObjectError) { console.Trouble(i.out, errs) }

func history(ctx context.Context, i *invocation) error {
	return i.look(ctx, func(a *app) error { return i.history(ctx, a) })
}

func (i *invocation) history(ctx context.Context, a *app) (err error) {
	var runs []*metaverse.RunRecord
	err = a.store.View(ctx, func(rd metaverse.Reader) error {
		list, err := rd.Runs(i.connector, 0, i.limit)
		for _, r := range list {
			runs = append(runs, &r)
		}
		return err
	})
	if err != nil {
		return err
	}
	if i.json {
		return i.printJSON(stepResults(runs))
	}
	t := tabwriter.NewWriter(i.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "STARTED\tCONNECTOR\tSTEP\tRESULT\tADDS\tUPDATES\tDELETES\tERRORS\tOBJECTS\tTIME")
	for _, r := range runs {
		c := r.Counters
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", r.Started.Local().Format(time.DateTime), r.Connector, r.Step,
			r.Result, c.Adds, c.Updates, c.Deletes, c.Errors, r.Objects, console.Took(r))
	}
	return t.Flush()
}

func (a *app) errors(ctx context.Context, name string, limit int) (errs []metaverse.ObjectError, err error) {
	err = a.store.View(ctx, func(rd metaverse.Reader) error {
		errs, err = rd.ObjectErrors(name, -1, limit)
		return err
	})
	return errs, err
}

// errorResult is an object error as -json prints it.
type errorResult struct {
	Connector string    `json:"connector"`
	Object    string    `json:"object"`
	Step      string    `json:"step"`
	Code      string    `json:"code"`
	Attribute string    `json:"attribute,omitempty"`
	Rule      string    `json:"rule,omitempty"`
	Message   string    `json:"message"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Count     int       `json:"count"`
	// NextAttempt is when a failed export is tried again, nil for in the next run.
	NextAttempt *time.Time `json:"nextAttempt,omitempty"`
}

func objectErrors(ctx context.Context, i *invocation) error {
	return i.look(ctx, func(a *app) error { return i.objectErrors(ctx, a) })
}

func (i *invocation) objectErrors(ctx context.Context, a *app) (err error) {
	errs, err := a.errors(ctx, i.connector, i.limit)
	if err != nil {
		return err
	}
	if !i.json {
		if len(errs) == 0 {
			fmt.Fprintln(i.out, "no object is in trouble")
		}
		i.trouble(errs)
		return nil
	}
	out := make([]errorResult, 0, len(errs))
	for _, e := range errs {
		out = append(out, errorResult{e.Connector, e.Object.String(), e.Step, e.Code, e.Attribute, e.Rule, e.Message, e.First, e.Last, e.Count, nil})
	}
	if err := a.nextAttempts(ctx, errs, out); err != nil {
		return err
	}
	return i.printJSON(out)
}

// nextAttempts adds when failed exports are tried again.
func (a *app) nextAttempts(ctx context.Context, errs []metaverse.ObjectError, out []errorResult) error {
	ids := make([]metaverse.CSID, len(errs))
	for k, e := range errs {
		ids[k] = e.CS
	}
	return a.store.View(ctx, func(rd metaverse.Reader) error {
		exports, err := rd.PendingExport(ids)
		for k, p := range exports {
			if p != nil && errs[k].Step == "export" && !p.NotBefore.IsZero() {
				at := p.NotBefore.UTC()
				out[k].NextAttempt = &at
			}
		}
		return err
	})
}

// statusResult is what status prints for one connector.
type statusResult struct {
	Connector string              `json:"connector"`
	Counts    metaverse.CSCounts  `json:"counts"`
	LastStep  metaverse.StepKind  `json:"lastStep,omitempty"`
	Result    metaverse.RunResult `json:"lastResult,omitempty"`
	LastRun   *time.Time          `json:"lastRun,omitempty"`
}

func status(ctx context.Context, i *invocation) error {
	return i.look(ctx, func(a *app) error { return i.status(ctx, a) })
}

func (i *invocation) status(ctx context.Context, a *app) (err error) {
	var list []statusResult
	var mv map[string]int64
	err = a.store.View(ctx, func(rd metaverse.Reader) error {
		list = nil
		for _, name := range a.names {
			s, err := connectorStatus(rd, name)
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		mv, err = rd.CountMV()
		return err
	})
	if err != nil {
		return err
	}
	sched, err := scheduler.NewControl(a.store).Status(ctx)
	if err != nil {
		return err
	}
	shared, err := clusterOf(ctx, a)
	if err != nil {
		return err
	}
	if i.json {
		return i.printJSON(map[string]any{"connectors": list, "metaverse": mv, "scheduler": sched, "cluster": shared})
	}
	i.showScheduler(&sched, time.Now())
	if err := i.showCluster(&shared, time.Now()); err != nil {
		return err
	}
	t := tabwriter.NewWriter(i.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "CONNECTOR\tOBJECTS\tCONNECTED\tDISCONNECTORS\tTO SYNC\tTO EXPORT\tUNCONFIRMED\tERRORS\tLAST STEP\tRESULT\tIMPORTED")
	for _, s := range list {
		c := s.Counts
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", s.Connector, c.Objects, c.Connected, c.Disconnectors,
			c.PendingImport, c.PendingExport, c.Unconfirmed, c.Errors, s.LastStep, s.Result, ago(sched.State.Connectors[s.Connector].Imported))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, class := range slices.Sorted(maps.Keys(mv)) {
		fmt.Fprintf(i.out, "metaverse: %d %s\n", mv[class], class)
	}
	return nil
}

// ago is the age of a connector's data, which is that of its watermark.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never by the daemon or a cycle"
	}
	return max(time.Since(t), 0).Round(time.Second).String() + " ago"
}

func connectorStatus(rd metaverse.Reader, name string) (s statusResult, err error) {
	s.Connector = name
	if s.Counts, err = rd.CountCS(name); err != nil {
		return s, err
	}
	runs, err := rd.Runs(name, 0, 1)
	if err == nil && len(runs) > 0 {
		s.LastStep, s.Result, s.LastRun = runs[0].Step, runs[0].Result, &runs[0].Started
	}
	return s, err
}

// findingResult is a finding of a check as -json prints it.
type findingResult struct {
	Connector string         `json:"connector"`
	Severity  string         `json:"severity"`
	Code      connector.Code `json:"code,omitempty"`
	Object    string         `json:"object,omitempty"`
	Message   string         `json:"message"`
	Remedy    string         `json:"remedy,omitempty"`
	Commands  string         `json:"commands,omitempty"` // one on each line
}

// check tries everything that a cycle needs and changes nothing.
func check(ctx context.Context, i *invocation) (err error) {
	a, err := i.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	var findings []findingResult
	bad := false
	list, wrong, err := a.preflightIdentity(ctx)
	if err != nil {
		return err
	}
	findings, bad = append(findings, list...), wrong
	for _, name := range a.names {
		found, err := a.engine.Preflight(ctx, name)
		if err != nil {
			bad = true
			findings = append(findings, findingResult{Connector: name, Severity: "error", Code: connector.CodeOf(err), Message: err.Error()})
		}
		for _, f := range found {
			bad = bad || f.Severity == connector.Failure
			findings = append(findings, findingResult{name, f.Severity.String(), f.Code, f.Object, f.Message, f.Remedy, strings.Join(f.Commands, "\n")})
		}
	}
	if err := i.showFindings(a, findings, bad); err != nil {
		return err
	}
	if bad {
		return errors.New("the check found errors")
	}
	return nil
}

func (i *invocation) showFindings(a *app, findings []findingResult, bad bool) error {
	if i.json {
		if findings == nil {
			findings = []findingResult{}
		}
		return i.printJSON(map[string]any{"ok": !bad, "rules": len(a.engine.Rules().Rules()), "findings": findings})
	}
	fmt.Fprintf(i.out, "%d rules compiled, store %s opened\n", len(a.engine.Rules().Rules()), withoutPassword(a.config.Store))
	for _, f := range grouped(findings) {
		about := ""
		if f.Object != "" {
			about = " (" + f.Object + ")"
		}
		fmt.Fprintf(i.out, "%s: %s: %s%s\n", f.Connector, f.Severity, f.Message, about)
		if f.Remedy != "" {
			fmt.Fprintf(i.out, "    %s\n", f.Remedy)
		}
		for line := range strings.SplitSeq(f.Commands, "\n") {
			if line != "" {
				fmt.Fprintf(i.out, "      %s\n", line)
			}
		}
	}
	if len(findings) == 0 {
		fmt.Fprintln(i.out, "every connector can do what is asked of it")
	}
	return nil
}

// grouped brings findings that differ only in their object together.
func grouped(findings []findingResult) []findingResult {
	var out []findingResult
	at := make(map[findingResult]int)
	for _, f := range findings {
		kind := f
		kind.Object = ""
		if i, ok := at[kind]; ok {
			out[i].Object += ", " + f.Object
			continue
		}
		at[kind] = len(out)
		out = append(out, f)
	}
	return out
}
