package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/rules/expr"
)

// noGUID is what an export writes for "none".
const noGUID = "00000000-0000-0000-0000-000000000000"

// readRule reads one <synchronizationRule>.
func (r *exportReader) readRule(n *xmlNode) {
	out := Rule{
		ID: plainGUID(n.field("id")), Name: n.field("name"), Description: n.field("description"), Tag: n.field("immutable-tag"),
		Connector: plainGUID(n.field("connector")), SourceType: n.field("sourceObjectType"), TargetType: n.field("targetObjectType"),
	}
	fail := func(of *xmlNode, err error) {
		line := n.line
		if of != nil {
			line = of.line
		}
		r.fail(line, "rule %q: %w", out.Name, err)
	}
	var err error
	if out.Direction, err = ParseDirection(n.field("direction")); err != nil {
		fail(n.child("direction"), err)
	}
	if out.LinkType, err = ParseLinkType(n.field("linkType")); err != nil {
		fail(n.child("linkType"), err)
	}
	if out.Precedence, err = strconv.Atoi(n.field("precedence")); err != nil {
		fail(n.child("precedence"), fmt.Errorf("the precedence is no number"))
	}
	if out.Disabled, err = exportBool(n.field("disabled")); err != nil {
		fail(n.child("disabled"), err)
	}
	if out.PasswordSync, err = exportBool(n.field("EnablePasswordSync")); err != nil {
		fail(n.child("EnablePasswordSync"), err)
	}
	if out.SoftDeleteExpiry, err = exportInterval(n.field("softDeleteExpiryInterval")); err != nil {
		fail(n.child("softDeleteExpiryInterval"), err)
	}
	if out.ID == "" || out.Name == "" {
		fail(nil, fmt.Errorf("the rule has no id or no name"))
	}
	for _, name := range []string{"precedence-after", "precedence-before"} {
		if c := n.child(name); c != nil {
			c.entered = false
			if plainGUID(c.text) == noGUID {
				c.take() // says nothing
			}
		}
	}
	for _, g := range n.child("synchronizationCriteria").all("conditions") {
		out.Scope = append(out.Scope, r.readScope(&out, g)...)
	}
	for _, g := range n.child("relationshipCriteria").all("conditions") {
		out.Join = append(out.Join, r.readJoin(&out, g)...)
	}
	for _, m := range n.child("attribute-mappings").all("mapping") {
		if f, err := readMapping(m); err != nil {
			fail(m, err)
		} else {
			out.Flows = append(out.Flows, f)
		}
	}
	r.rules = append(r.rules, exportedRule{out, r.file, n.line})
}

// readScope returns the group, none if it is empty.
func (r *exportReader) readScope(rule *Rule, n *xmlNode) []ScopeGroup {
	var g ScopeGroup
	for _, c := range n.all("scope") {
		op, err := ParseOperator(c.field("csOperator"))
		if err != nil {
			r.fail(c.line, "rule %q: %w", rule.Name, err)
			continue
		}
		g = append(g, ScopeCondition{Attribute: c.field("csAttribute"), Operator: op, Value: c.field("csValue")})
	}
	if g == nil {
		return nil
	}
	return []ScopeGroup{g}
}

func (r *exportReader) readJoin(rule *Rule, n *xmlNode) []JoinGroup {
	var g JoinGroup
	for _, c := range n.all("condition") {
		sensitive, err := exportBool(c.field("caseSensitive"))
		if err != nil {
			r.fail(c.line, "rule %q: %w", rule.Name, err)
		}
		g = append(g, JoinCondition{CS: c.field("csAttribute"), MV: c.field("ilmAttribute"), CaseSensitive: sensitive})
	}
	if g == nil {
		return nil
	}
	return []JoinGroup{g}
}

// readMapping reads one flow. An expression makes it one, whatever sources it lists; a
// source without attributes is a constant.
func readMapping(n *xmlNode) (Flow, error) {
	f := Flow{Target: n.field("dest"), Merge: Update}
	var err error
	once := n.attribute("execute-once")
	if once == "" {
		once = n.field("execute-once")
	}
	if f.ExecuteOnce, err = exportBool(once); err != nil {
		return f, err
	}
	if m := n.field("valueMergeType"); m != "" {
		if f.Merge, err = ParseMergeType(m); err != nil {
			return f, fmt.Errorf("flow %s: %w", f.Target, err)
		}
	}
	src := n.child("src")
	for _, a := range src.all("attr") {
		f.Source = append(f.Source, a.value())
	}
	expression := n.field("expression")
	switch {
	case expression != "":
		f.Type, f.Expression = Expression, unescaped(expression)
		src.value()
	case len(f.Source) == 1:
		f.Type = Direct
	case len(f.Source) > 1:
		return f, fmt.Errorf("flow %s has several sources and no expression", f.Target)
	case src != nil:
		f.Type, f.Constant = Constant, src.value()
	default:
		return f, fmt.Errorf("flow %s has no source", f.Target)
	}
	return f, nil
}

// escapes are what remains in expressions that were escaped for XML twice.
var escapes = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&#39;", "'", "&#34;", `"`,
	"&#xD;", "", "&#xA;", "\n", "&#13;", "", "&#10;", "\n")

// unescaped undoes escaping that is left over, unless the text is an expression as it is.
func unescaped(s string) string {
	plain := escapes.Replace(s)
	if plain == s {
		return s
	}
	if _, err := expr.Compile(s, nil); err == nil {
		return s
	}
	return plain
}

func exportBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "1":
		return true, nil
	case "", "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither True nor False", s)
}

// exportInterval reads [d.]hh:mm:ss.
func exportInterval(s string) (time.Duration, error) {
	if s == "" || s == "0" {
		return 0, nil
	}
	days, clock, found := strings.Cut(s, ".")
	if !found || strings.Contains(days, ":") {
		days, clock = "0", s
	}
	clock, _, _ = strings.Cut(clock, ".")
	parts := strings.Split(clock, ":")
	d, err := strconv.Atoi(days)
	if err != nil || len(parts) != 3 || d < 0 || d > 36500 {
		return 0, fmt.Errorf("%q is no interval", s)
	}
	total := time.Duration(d) * 24 * time.Hour
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second} {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 || n > 59 {
			return 0, fmt.Errorf("%q is no interval", s)
		}
		total += time.Duration(n) * unit
	}
	return total, nil
}
