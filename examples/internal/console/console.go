// Package console shows people what the example programs are doing: progress of long steps
// on a terminal or in the log, and tables of results.
package console

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// Steps writes a table of run steps.
func Steps(w io.Writer, steps []*metaverse.RunRecord) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "CONNECTOR\tSTEP\tRESULT\tADDS\tUPDATES\tDELETES\tUNCHANGED\tERRORS\tOBJECTS\tTIME")
	for _, s := range steps {
		c := s.Counters
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", s.Connector, s.Step, s.Result,
			c.Adds, c.Updates, c.Deletes, c.Unchanged, c.Errors, s.Objects, Took(s))
	}
	return t.Flush()
}

// Took returns how long a step took, for people.
func Took(s *metaverse.RunRecord) string {
	if s.Ended.IsZero() {
		return "running"
	}
	d := s.Ended.Sub(s.Started)
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// Trouble writes object errors, one paragraph each.
func Trouble(w io.Writer, errs []metaverse.ObjectError) {
	for _, e := range errs {
		var where []string
		if e.Attribute != "" {
			where = append(where, "attribute "+e.Attribute)
		}
		if e.Rule != "" {
			where = append(where, "rule "+e.Rule)
		}
		detail := ""
		if len(where) > 0 {
			detail = " (" + strings.Join(where, ", ") + ")"
		}
		fmt.Fprintf(w, "%s, %s: %s%s\n    %s\n", e.Connector, e.Object, e.Code, detail, e.Message)
		if e.Count > 1 {
			fmt.Fprintf(w, "    in %d runs since %s\n", e.Count, e.First.Local().Format(time.DateTime))
		}
	}
}
