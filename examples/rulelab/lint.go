package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/hybridsync/hybridsync/rules"
)

// tally is the last line of lint. Joins and scopes are conditions.
type tally struct {
	rules, flows, expressions, joins, scopes, errors, warnings int
}

func (t *tally) String() string {
	return fmt.Sprintf("rules=%d flows=%d expressions=%d joins=%d scopes=%d errors=%d warnings=%d",
		t.rules, t.flows, t.expressions, t.joins, t.scopes, t.errors, t.warnings)
}

func lint(_ context.Context, i *invocation) error {
	if err := i.want(1, "one PATH"); err != nil {
		return err
	}
	var t tally
	s, err := load(i.args[0], i.load)
	if err != nil {
		for _, p := range problems(err) {
			fmt.Fprintln(i.out, "error:", p)
			t.errors++
		}
	}
	if s != nil { // the rest of a directory is looked at in any case
		if err := s.lint(i.out, &t); err != nil {
			return err
		}
	}
	fmt.Fprintln(i.out, t.String())
	if t.errors > 0 {
		return errSilent
	}
	return nil
}

// lint prints the table of rules and all findings.
func (s *ruleSource) lint(w io.Writer, t *tally) error {
	if err := s.table(w, t); err != nil {
		return err
	}
	s.ignoredTable(w)
	var found []rules.Diagnostic
	set, err := rules.Compile(s.file.Rules, s.options)
	var refused *rules.CompileError
	switch {
	case err == nil:
		found = set.Warnings()
	case errors.As(err, &refused):
		found = refused.Diagnostics
	default:
		return err
	}
	for _, d := range found {
		if d.Severity == rules.SeverityError {
			t.errors++
		} else {
			t.warnings++
		}
		fmt.Fprintln(w, d)
		if d.Snippet != "" {
			fmt.Fprintln(w, "    "+strings.ReplaceAll(d.Snippet, "\n", "\n    "))
		}
	}
	return nil
}

func (s *ruleSource) table(w io.Writer, t *tally) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "PRECEDENCE\tDIRECTION\tCONNECTOR\tNAME\tFROM\tTO\tLINK\tSCOPES\tJOINS\tFLOWS\tSTATE")
	for k := range s.file.Rules {
		r := &s.file.Rules[k]
		scopes, joins, state := 0, 0, "enabled"
		for _, g := range r.Scope {
			scopes += len(g)
		}
		for _, g := range r.Join {
			joins += len(g)
		}
		if r.Disabled {
			state = "disabled"
		}
		for _, f := range r.Flows {
			if f.Type == rules.Expression {
				t.expressions++
			}
		}
		t.rules, t.flows, t.scopes, t.joins = t.rules+1, t.flows+len(r.Flows), t.scopes+scopes, t.joins+joins
		fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", r.Precedence, r.Direction, r.Connector, r.Name,
			r.SourceType, r.TargetType, r.LinkType, scopes, joins, len(r.Flows), state)
	}
	return tw.Flush()
}

// ignoredTable lists what of the input was not used, the same thing in several files once.
func (s *ruleSource) ignoredTable(w io.Writer) {
	type line struct {
		path, reason string
		count, files int
		first        rules.Ignored
	}
	var lines []line
	for _, x := range s.ignored {
		at := slices.IndexFunc(lines, func(l line) bool { return l.path == x.Path && l.reason == x.Reason })
		if at < 0 {
			at = len(lines)
			lines = append(lines, line{path: x.Path, reason: x.Reason, first: x})
		}
		lines[at].count += x.Count
		lines[at].files++
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.reason, b.reason)) })
	for _, l := range lines {
		where := fmt.Sprintf("%s:%d", l.first.File, l.first.Line)
		if l.files > 1 {
			where += fmt.Sprintf(" and %d more files", l.files-1)
		}
		fmt.Fprintf(w, "ignored: %s, %d times (%s): %s\n", l.path, l.count, where, l.reason)
	}
}
