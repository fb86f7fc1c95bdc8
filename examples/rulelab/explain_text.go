package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// print writes the explanation for people.
func (x *explanation) print(w io.Writer) {
	fmt.Fprintf(w, "%s\n", strings.TrimSpace(x.ID+" "+x.Class))
	for _, l := range x.Links {
		fmt.Fprintf(w, "  linked: %s %s (%s, rule %q)\n", l.Connector, nameOf(&l.csReport), l.Kind, l.Rule)
	}
	if len(x.Links) == 0 {
		fmt.Fprintln(w, "  not linked")
	}
	fmt.Fprintln(w, "  inbound")
	x.Inbound.print(w)
	for _, o := range x.Outbound {
		fmt.Fprintf(w, "  outbound to %s\n", strings.TrimSpace(o.Connector+" "+o.DN))
		o.print(w)
	}
	fmt.Fprintln(w)
}

func nameOf(c *csReport) string {
	if c.DN != "" {
		return c.DN
	}
	return c.Anchor
}

func (v *verdictReport) print(w io.Writer) {
	for _, r := range v.Rules {
		state := "in scope"
		if !r.InScope {
			state = "not in scope: " + r.Reason
		}
		fmt.Fprintf(w, "    rule %d %s (%s): %s\n", r.Precedence, r.Rule, place(r.Object), state)
	}
	for _, j := range v.Joins {
		j.print(w)
	}
	var silent []string
	for _, a := range v.Attributes {
		if a.silent() {
			silent = append(silent, a.Attribute)
			continue
		}
		fmt.Fprintf(w, "    %s\n", a.Attribute)
		for _, t := range a.Attempts {
			t.print(w)
		}
	}
	if silent != nil {
		fmt.Fprintf(w, "    no rule in scope has a value for: %s\n", strings.Join(silent, " "))
	}
}

// silent reports whether no rule gave or refused the attribute a value.
func (a *attributeVerdict) silent() bool {
	return !slices.ContainsFunc(a.Attempts, func(t attemptVerdict) bool {
		return t.Won || len(t.Values) > 0 || t.Error != "" || !strings.Contains(t.Reason, "no value to give")
	})
}

// place cuts the name of an object to its connector: there is one of each at most.
func place(object string) string {
	name, _, _ := strings.Cut(object, "/")
	return name
}

func (j *joinVerdict) print(w io.Writer) {
	switch {
	case j.Error != "":
		fmt.Fprintf(w, "    join (%s): %s\n", place(j.Object), j.Error)
	case j.Rule == "":
		fmt.Fprintf(w, "    join (%s): no rule in scope joins\n", place(j.Object))
	default:
		var groups []string
		for _, g := range j.Looks {
			groups = append(groups, strings.Join(g, " and "))
		}
		fmt.Fprintf(w, "    join (%s): %s by %q", place(j.Object), j.Link, j.Rule)
		if groups != nil {
			fmt.Fprintf(w, ", looks for %s", strings.Join(groups, ", then "))
		}
		fmt.Fprintln(w)
	}
}

func (t *attemptVerdict) print(w io.Writer) {
	mark := "lost"
	if t.Won {
		mark = "won "
	}
	var values []string
	for _, v := range t.Values {
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte("?")
		}
		values = append(values, string(text))
	}
	text := strings.Join(values, ", ")
	if text != "" {
		text += ": "
	}
	fmt.Fprintf(w, "      %s %d %s (%s): %s%s\n", mark, t.Precedence, t.Rule, place(t.Object), text, t.Reason)
	if t.Error != "" {
		fmt.Fprintf(w, "           %s\n", t.Error)
	}
}
