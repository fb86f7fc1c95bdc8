package metaverse

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the preview as text for people. It shows attribute values.
func (p *Preview) WriteText(w io.Writer) error {
	t := &textWriter{w: bufio.NewWriter(w)}
	t.line(0, "%s: %s (%s, %s)", p.Object.Connector, p.Object.DN, p.Object.Class, p.Object.State)
	kept := "nothing was kept"
	if p.Committed {
		kept = "committed"
	}
	t.line(0, "outcome: %s (%s)", p.Outcome, kept)
	t.rules("inbound rules", p.Rules)
	t.joins(p.Joins)
	for i := range p.Metaverse {
		t.mvChange(&p.Metaverse[i])
	}
	for _, l := range p.Links {
		t.line(0, "link: %s", linkText(&l))
	}
	for i := range p.Exports {
		t.export(&p.Exports[i])
	}
	for _, e := range p.Errors {
		t.line(0, "error: %s: %s %s %s: %s", e.Object, e.Code, e.Rule, e.Attribute, e.Message)
	}
	for _, n := range p.Notes {
		t.line(0, "note: %s", n)
	}
	return t.w.Flush()
}

// WriteText writes the explanation as text for people. It shows attribute values.
func (x *Explained) WriteText(w io.Writer) error {
	t := &textWriter{w: bufio.NewWriter(w)}
	if x.Object != nil {
		t.object("object", x.Object)
	}
	if x.Metaverse != nil {
		t.line(0, "metaverse: %s %d %s", x.Metaverse.Class, x.Metaverse.ID, x.Metaverse.Name)
	}
	for i := range x.Linked {
		t.object("  linked", &x.Linked[i])
	}
	t.rules("inbound rules", x.Rules)
	t.joins(x.Joins)
	t.attributes("metaverse attributes", x.Attributes)
	for i := range x.Outbound {
		o := &x.Outbound[i]
		t.line(0, "to %s", o.Connector)
		if o.Object != nil {
			t.object("  object", o.Object)
		}
		t.rules("outbound rules", o.Rules)
		t.attributes("attributes", o.Attributes)
	}
	return t.w.Flush()
}

// textWriter writes indented lines. Its writer remembers the first error.
type textWriter struct{ w *bufio.Writer }

func (t *textWriter) line(indent int, format string, args ...any) {
	fmt.Fprintf(t.w, "%s%s\n", strings.Repeat("  ", indent), strings.TrimRight(fmt.Sprintf(format, args...), " :"))
}

func (t *textWriter) object(title string, v *ObjectView) {
	t.line(0, "%s: %s %s %s, %s%s%s", title, v.Connector, v.Class, v.DN, v.State,
		optional(", linked by ", v.Link+" "+v.Rule, v.Link != ""), optional(", pending export: ", v.PendingExport, v.PendingExport != ""))
}

func optional(prefix, text string, show bool) string {
	if !show {
		return ""
	}
	return prefix + strings.TrimSpace(text)
}

func (t *textWriter) rules(title string, lines []RuleLine) {
	if len(lines) > 0 {
		t.line(0, "%s:", title)
	}
	for _, r := range lines {
		if r.InScope {
			t.line(1, "+ %d %s (%s)", r.Precedence, r.Rule, r.Link)
		} else {
			t.line(1, "- %d %s: %s", r.Precedence, r.Rule, r.Reason)
		}
	}
}

func (t *textWriter) joins(lines []JoinLine) {
	for _, j := range lines {
		switch {
		case j.Error != "":
			t.line(0, "join: %s", j.Error)
		case j.Rule == "":
			t.line(0, "join: no rule in scope joins or projects")
		case len(j.Groups) == 0:
			t.line(0, "join: rule %s decides; it looks for nothing", j.Rule)
		default:
			t.line(0, "join: rule %s decides", j.Rule)
		}
		for _, g := range j.Groups {
			t.line(1, "%s: finds %d%s", strings.Join(g.Criteria, " and "), len(g.Found), foundText(g.Found))
		}
	}
}

func foundText(found []MVView) string {
	if len(found) == 0 {
		return ""
	}
	names := make([]string, len(found))
	for i, m := range found {
		names[i] = strings.TrimSpace(fmt.Sprintf("%s %d %s", m.Class, m.ID, m.Name))
	}
	return " (" + strings.Join(names, "; ") + ")"
}

func (t *textWriter) mvChange(c *MVChange) {
	t.line(0, "metaverse %s: %s %d %s", c.Change, c.Object.Class, c.Object.ID, c.Object.Name)
	for _, a := range c.Attributes {
		t.line(1, "%s: %s -> %s%s", a.Attribute, list(a.Before), list(a.After), optional("  from ", strings.Join(a.Is, ", "), len(a.Is) > 0))
	}
	t.references(c.References)
	if c.More > 0 {
		t.line(1, "and %d more references", c.More)
	}
}

func (t *textWriter) references(refs []ReferenceChange) {
	for _, r := range refs {
		sign := "+"
		if r.Delete {
			sign = "-"
		}
		t.line(1, "%s %s %s", sign, r.Attribute, r.Target)
	}
}

func linkText(l *LinkChange) string {
	switch {
	case l.Before == nil:
		return fmt.Sprintf("%s: %s is made by rule %s", l.After.Connector, l.After.DN, l.After.Rule)
	case l.After == nil:
		return fmt.Sprintf("%s: %s is removed", l.Before.Connector, l.Before.DN)
	case l.After.Metaverse != 0 && l.Before.Metaverse != l.After.Metaverse:
		return fmt.Sprintf("%s: %s is linked by rule %s", l.After.Connector, l.After.DN, l.After.Rule)
	default:
		return fmt.Sprintf("%s: %s is %s now", l.After.Connector, l.After.DN, l.After.State)
	}
}

func (t *textWriter) export(c *ExportChange) {
	t.line(0, "export to %s: %s: %s -> %s", c.Object.Connector, c.Object.DN, stateText(c.Before), stateText(c.After))
	if c.After == nil {
		return
	}
	if c.After.NewDN != "" {
		t.line(1, "move to %s", c.After.NewDN)
	}
	for _, m := range c.After.Attributes {
		if m.Replace {
			t.line(1, "%s: %s -> %s", m.Attribute, list(m.Old), list(m.Adds))
			continue
		}
		t.line(1, "%s:%s%s", m.Attribute, optional(" add ", list(m.Adds), len(m.Adds) > 0), optional(" delete ", list(m.Deletes), len(m.Deletes) > 0))
	}
	t.references(c.After.References)
}

func stateText(s *ExportState) string {
	if s == nil {
		return "nothing"
	}
	return s.Op
}

func list(values []string) string {
	if len(values) == 0 {
		return "(none)"
	}
	return strings.Join(values, "; ")
}

func (t *textWriter) attributes(title string, lines []AttributeLine) {
	if len(lines) > 0 {
		t.line(0, "%s:", title)
	}
	for _, a := range lines {
		values := list(a.Values)
		if a.Count > 0 {
			values = fmt.Sprintf("%d references", a.Count)
		}
		t.line(1, "%s = %s", a.Attribute, values)
		for _, f := range a.Attempts {
			mark := "-"
			if f.Won {
				mark = "+"
			}
			t.line(2, "%s %d %s: %s%s: %s", mark, f.Precedence, f.Rule, f.Flow, optional(" of ", f.Object, f.Object != ""), f.Reason)
			if f.Error != "" {
				t.line(3, "%s", f.Error)
			}
		}
	}
}
