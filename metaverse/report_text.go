package metaverse

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxTextNames is the number of deletions that the text of a report names for a connector.
// The JSON form has all.
const maxTextNames = 200

// WriteText writes the report as text for people. It shows attribute values.
func (r *Report) WriteText(w io.Writer) error {
	t := &textWriter{w: bufio.NewWriter(w)}
	if r.Empty() {
		t.line(0, "the change has no effect")
	}
	for i := range r.Connectors {
		t.connector(&r.Connectors[i])
	}
	for _, m := range r.Metaverse {
		if m.New+m.Gone+m.Changed == 0 {
			continue
		}
		t.line(0, "metaverse %s: %d before, %d after; %d new, %d gone, %d changed", m.Class, m.Before, m.After, m.New, m.Gone, m.Changed)
		for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
			t.line(1, "%s changes on %d", name, m.Attributes[name])
		}
	}
	for _, e := range r.Errors {
		t.line(0, "new errors: %d %s at %s %s", e.Count, e.Code, e.Connector, strings.TrimSpace(e.Rule+" "+e.Attribute))
		for _, s := range e.Samples {
			t.line(1, "%s", s)
		}
	}
	for _, x := range r.Exceeded {
		t.line(0, "too many: %s", x)
	}
	return t.w.Flush()
}

func (t *textWriter) connector(c *ConnectorReport) {
	if len(c.Changes) == 0 && c.Links == (LinkCounts{}) {
		return
	}
	t.line(0, "%s (%d objects)", c.Connector, c.Objects)
	for _, n := range c.Changes {
		t.line(1, "%-8s %-10s %6d new, %d no longer pending (%d before, %d after)", n.Op, n.Class, n.New, n.Gone, n.Before, n.After)
	}
	if l := c.Links; l != (LinkCounts{}) {
		t.line(1, "objects: %d new, %d gone, %d joined, %d disconnected, %d moved to another identity", l.New, l.Gone, l.Joined, l.Disconnected, l.Moved)
	}
	for _, a := range c.Attributes {
		t.line(1, "%s of %s: %s", a.Attribute, a.Class, a.text())
	}
	for i, d := range c.Deletes {
		if i == maxTextNames {
			break
		}
		t.line(1, "delete %s%s%s", d.DN, optional(" ", "("+d.Name+")", d.Name != ""), optional(": ", d.Cause, d.Cause != ""))
	}
	if more := c.MoreDeletes + int64(max(len(c.Deletes)-maxTextNames, 0)); more > 0 {
		t.line(1, "and %d more", more)
	}
	for i := range c.Samples {
		s := &c.Samples[i]
		t.export(&ExportChange{Object: ObjectView{Connector: c.Connector, DN: s.DN}, After: &s.State})
	}
}

func (a *AttributeCount) text() string {
	var parts []string
	for _, p := range []struct {
		n    int64
		text string
	}{{a.Set, "set on %d"}, {a.Cleared, "cleared on %d"}, {a.Adds, "%d values added"}, {a.Deletes, "%d values deleted"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf(p.text, p.n))
		}
	}
	return strings.Join(parts, ", ")
}
