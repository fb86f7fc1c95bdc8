package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules/expr"
)

// A Difference is one thing in which two rule sets differ in meaning.
type Difference struct {
	Rule  string // name of the rule
	Flow  string // target attribute, "" when it is not about a flow
	Field string // what differs: "rule" or "flow" when only one set has it, else such as "precedence"
	Old   string // "" when the old set does not have it
	New   string // "" when the new set does not have it
}

// String returns the difference in one line.
func (d Difference) String() string {
	where := fmt.Sprintf("rule %q", d.Rule)
	if d.Flow != "" {
		where += ", flow " + d.Flow
	}
	switch {
	case (d.Field == "rule" || d.Field == "flow") && d.New == "":
		return where + ": removed"
	case (d.Field == "rule" || d.Field == "flow") && d.Old == "":
		return where + ": added"
	}
	return fmt.Sprintf("%s: %s: %q is now %q", where, d.Field, d.Old, d.New)
}

// Diff compares two rule sets by meaning: white space and redundant brackets in
// expressions, the order of rules, flows and conditions, the case of names, and texts that
// only people read do not count. Rules are the same when their ids are, or else direction,
// connector and name. The result is ordered by rule, as in a and then as in b.
func Diff(a, b []Rule) []Difference {
	var out []Difference
	taken := make([]bool, len(b))
	for i := range a {
		j := counterpart(&a[i], b, taken)
		if j < 0 {
			out = append(out, Difference{Rule: a[i].Name, Field: "rule", Old: a[i].Name})
			continue
		}
		taken[j] = true
		out = append(out, diffRule(&a[i], &b[j])...)
	}
	for j := range b {
		if !taken[j] {
			out = append(out, Difference{Rule: b[j].Name, Field: "rule", New: b[j].Name})
		}
	}
	return out
}

func counterpart(r *Rule, among []Rule, taken []bool) int {
	for j := range among {
		if !taken[j] && r.ID != "" && attr.EqualName(r.ID, among[j].ID) {
			return j
		}
	}
	for j := range among {
		o := &among[j]
		if !taken[j] && r.Direction == o.Direction && attr.EqualName(r.Connector, o.Connector) && strings.EqualFold(r.Name, o.Name) {
			return j
		}
	}
	return -1
}

func diffRule(a, b *Rule) []Difference {
	var out []Difference
	add := func(field, old, now string) {
		if old != now {
			out = append(out, Difference{Rule: a.Name, Field: field, Old: old, New: now})
		}
	}
	add("name", a.Name, b.Name)
	add("direction", a.Direction.String(), b.Direction.String())
	add("connector", attr.Fold(a.Connector), attr.Fold(b.Connector))
	add("source", attr.Fold(a.SourceType), attr.Fold(b.SourceType))
	add("target", attr.Fold(a.TargetType), attr.Fold(b.TargetType))
	add("link", a.LinkType.String(), b.LinkType.String())
	add("precedence", strconv.Itoa(a.Precedence), strconv.Itoa(b.Precedence))
	add("disabled", strconv.FormatBool(a.Disabled), strconv.FormatBool(b.Disabled))
	add("passwordSync", strconv.FormatBool(a.PasswordSync), strconv.FormatBool(b.PasswordSync))
	add("softDeleteExpiry", a.SoftDeleteExpiry.String(), b.SoftDeleteExpiry.String())
	add("scope", scopeText(a.Scope), scopeText(b.Scope))
	add("join", joinText(a.Join), joinText(b.Join))
	return append(out, diffFlows(a, b)...)
}

// scopeText writes a scope in an order of its own: neither that of groups nor that of
// conditions means anything.
func scopeText(scope []ScopeGroup) string {
	var groups []string
	for _, g := range scope {
		var conditions []string
		for _, c := range g {
			op, err := ParseOperator(string(c.Operator))
			if err != nil {
				op = c.Operator
			}
			known := operators[op]
			value := c.Value
			switch {
			case known.compare == cmpNull:
				value = ""
			case !strings.Contains(value, "%"):
				value = strings.ToLower(value)
			}
			conditions = append(conditions, ScopeCondition{attr.Fold(c.Attribute), op, value}.String())
		}
		slices.Sort(conditions)
		if conditions != nil {
			groups = append(groups, strings.Join(slices.Compact(conditions), " AND "))
		}
	}
	slices.Sort(groups)
	return strings.Join(slices.Compact(groups), " OR ")
}

// joinText writes join criteria. Their groups are tried in order.
func joinText(join []JoinGroup) string {
	var groups []string
	for _, g := range join {
		var conditions []string
		for _, c := range g {
			text := attr.Fold(c.CS) + " = " + attr.Fold(c.MV)
			if c.CaseSensitive {
				text += " (case-sensitive)"
			}
			conditions = append(conditions, text)
		}
		slices.Sort(conditions)
		groups = append(groups, strings.Join(conditions, " AND "))
	}
	return strings.Join(groups, " THEN ")
}

func diffFlows(a, b *Rule) []Difference {
	type pair struct{ old, now []string }
	byTarget := make(map[string]*pair)
	spelled := make(map[string]string)
	collect := func(r *Rule, into func(*pair) *[]string) {
		for i := range r.Flows {
			key := attr.Fold(r.Flows[i].Target)
			if byTarget[key] == nil {
				byTarget[key], spelled[key] = &pair{}, r.Flows[i].Target
			}
			list := into(byTarget[key])
			*list = append(*list, flowText(&r.Flows[i]))
		}
	}
	collect(a, func(p *pair) *[]string { return &p.old })
	collect(b, func(p *pair) *[]string { return &p.now })
	var out []Difference
	for key, p := range byTarget {
		slices.Sort(p.old)
		slices.Sort(p.now)
		if slices.Equal(p.old, p.now) {
			continue
		}
		field := "value"
		if p.old == nil || p.now == nil {
			field = "flow"
		}
		out = append(out, Difference{Rule: a.Name, Flow: spelled[key], Field: field, Old: strings.Join(p.old, "; "), New: strings.Join(p.now, "; ")})
	}
	slices.SortFunc(out, func(x, y Difference) int {
		return cmp.Or(attr.CompareNames(x.Flow, y.Flow), strings.Compare(x.Field, y.Field))
	})
	return out
}

// flowText writes what a flow does.
func flowText(f *Flow) string {
	var text string
	switch f.Type {
	case Direct:
		text = "[" + attr.Fold(strings.Join(f.Source, ",")) + "]"
	case Constant:
		text = strconv.Quote(f.Constant)
	default:
		text = strings.Join(strings.Fields(f.Expression), " ")
		if p, err := expr.Compile(f.Expression, nil); err == nil {
			text = p.Normalized()
		}
	}
	if f.Merge > Update {
		text += " (" + f.Merge.String() + ")"
	}
	if f.ExecuteOnce {
		text += " (once)"
	}
	return f.Type.String() + " " + text
}
