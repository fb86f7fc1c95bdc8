package rules_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	with := func(change func(*rules.Rule)) []rules.Rule {
		r := in(1, direct("title", "title"))
		change(&r)
		return []rules.Rule{r}
	}
	constant := func(target, text string) rules.Flow {
		return rules.Flow{Target: target, Type: rules.Constant, Constant: text}
	}
	scoped := func(c rules.ScopeCondition) []rules.Rule {
		return with(func(r *rules.Rule) { r.Scope = []rules.ScopeGroup{{c}} })
	}
	flows := func(f ...rules.Flow) []rules.Rule { return []rules.Rule{in(1, f...)} }
	outFlows := func(f ...rules.Flow) []rules.Rule { return []rules.Rule{out(1, f...)} }
	join := func(groups ...rules.JoinGroup) []rules.Rule {
		return with(func(r *rules.Rule) { r.Join = groups })
	}
	tests := []struct {
		name, code, suggestion string
		severity               rules.Severity
		rules                  []rules.Rule
	}{
		{"no id", "missing-id", "", rules.SeverityError, with(func(r *rules.Rule) { r.ID = "" })},
		{"no name", "missing-name", "", rules.SeverityError, with(func(r *rules.Rule) { r.Name = "" })},
		{"no direction", "direction", "", rules.SeverityError, with(func(r *rules.Rule) { r.Direction = 0 })},
		{"no link", "link-type", "", rules.SeverityError, with(func(r *rules.Rule) { r.LinkType = 9 })},
		{"negative precedence", "precedence", "", rules.SeverityError, with(func(r *rules.Rule) { r.Precedence = -1 })},
		{"no connector", "missing-connector", "", rules.SeverityError, with(func(r *rules.Rule) { r.Connector = "" })},
		{"unknown connector", "unknown-connector", "ad", rules.SeverityError, with(func(r *rules.Rule) { r.Connector = "adx" })},
		{"no type", "missing-type", "", rules.SeverityError, with(func(r *rules.Rule) { r.SourceType = "" })},
		{"unknown class", "unknown-class", "person", rules.SeverityError, with(func(r *rules.Rule) { r.TargetType = "persons" })},
		{"unknown class of connector", "unknown-class", "user", rules.SeverityWarning, with(func(r *rules.Rule) { r.SourceType = "users" })},
		{"any type provisions", "any-type", "", rules.SeverityError, with(func(r *rules.Rule) { r.TargetType, r.LinkType = "*", rules.Provision })},
		{"does nothing", "empty-rule", "", rules.SeverityWarning, with(func(r *rules.Rule) { r.Flows = nil })},
		{"provisions nothing", "empty-provision", "", rules.SeverityError, with(func(r *rules.Rule) { r.Flows, r.LinkType = nil, rules.Provision })},
		{"sticky without join", "sticky-without-join", "", rules.SeverityWarning, with(func(r *rules.Rule) { r.LinkType = rules.StickyJoin })},
		{"operator", "operator", "ISNOTNULL", rules.SeverityError, scoped(rules.ScopeCondition{Attribute: "title", Operator: "ISNOTNUL"})},
		{"mask", "bit-mask", "", rules.SeverityError, scoped(rules.ScopeCondition{Attribute: "title", Operator: rules.IsBitSet, Value: "two"})},
		{"parameter", "unknown-parameter", "Connector.ID", rules.SeverityError, scoped(rules.ScopeCondition{Attribute: "title", Operator: rules.Equal, Value: "%Connector.I%"})},
		{"scope attribute", "unknown-attribute", "title", rules.SeverityWarning, scoped(rules.ScopeCondition{Attribute: "titel", Operator: rules.Equal, Value: "x"})},
		{"empty value", "empty-value", "", rules.SeverityWarning, scoped(rules.ScopeCondition{Attribute: "title", Operator: rules.Contains})},
		{"empty group", "empty-scope-group", "", rules.SeverityWarning, with(func(r *rules.Rule) { r.Scope = []rules.ScopeGroup{{}} })},
		{"empty join", "empty-join-group", "", rules.SeverityError, join(rules.JoinGroup{})},
		{"join without attribute", "missing-attribute", "", rules.SeverityError, join(rules.JoinGroup{{CS: "mail"}})},
		{"join to unknown", "unknown-attribute", "mail", rules.SeverityError, join(rules.JoinGroup{{CS: "mail", MV: "mial"}})},
		{"join to reference", "join-reference", "", rules.SeverityError, join(rules.JoinGroup{{CS: "manager", MV: "manager"}})},
		{"no target", "missing-target", "", rules.SeverityError, flows(direct("", "title"))},
		{"target dn", "target-dn", "", rules.SeverityError, flows(direct("dn", "title"))},
		{"unknown target", "unknown-attribute", "displayName", rules.SeverityError, flows(direct("displayNam", "title"))},
		{"unknown outbound source", "unknown-attribute", "displayName", rules.SeverityError, outFlows(direct("title", "displayNam"))},
		{"no source", "direct-source", "", rules.SeverityError, flows(rules.Flow{Target: "title", Type: rules.Direct})},
		{"no type of flow", "flow-type", "", rules.SeverityError, flows(rules.Flow{Target: "title"})},
		{"merge", "merge-type", "", rules.SeverityError, flows(merged(9, direct("title", "title")))},
		{"constant bool", "constant", "", rules.SeverityError, flows(constant("accountEnabled", "maybe"))},
		{"constant number", "constant", "", rules.SeverityError, flows(constant("countryCode", "x"))},
		{"constant binary", "constant", "", rules.SeverityError, flows(constant("deviceId", "!"))},
		{"constant nothing", "constant", "", rules.SeverityError, flows(constant("title", ""))},
		{"kinds", "kind-mismatch", "", rules.SeverityError, flows(direct("title", "userAccountControl"))},
		{"several into one", "multi-to-single", "", rules.SeverityWarning, flows(direct("title", "description"))},
		{"several into one outbound", "multi-to-single", "", rules.SeverityError, outFlows(direct("title", "proxyAddresses"))},
		{"constant too long", "constant", "", rules.SeverityError, flows(constant("title", strings.Repeat("x", 449)))},
		{"two join", "join-conflict", "", rules.SeverityWarning, []rules.Rule{
			joining(in(1, direct("title", "title")), rules.Join, rules.JoinGroup{{CS: "mail", MV: "mail"}}),
			joining(in(2, direct("sn", "sn")), rules.Join, rules.JoinGroup{{CS: "mail", MV: "mail"}}),
		}},
		{"empty expression", "expression", "", rules.SeverityError, flows(formula("title", " "))},
		{"unknown function", "expression", "Trim", rules.SeverityError, flows(formula("title", "Trimm([title])"))},
		{"unknown attribute in expression", "expression", "[displayName]", rules.SeverityError, outFlows(formula("title", "[displayNam]"))},
		{"duplicate id", "duplicate-id", "", rules.SeverityError, []rules.Rule{in(1, direct("title", "title")), func() rules.Rule { r := in(2, direct("sn", "sn")); r.ID = "INB"; return r }()}},
		{"duplicate precedence", "duplicate-precedence", "", rules.SeverityError, []rules.Rule{in(1, direct("title", "title")), func() rules.Rule { r := in(2, direct("sn", "sn")); r.Precedence = 1; return r }()}},
		{"duplicate precedence elsewhere", "duplicate-precedence", "", rules.SeverityWarning, []rules.Rule{in(1, direct("title", "title")), func() rules.Rule {
			r := in(2, direct("sn", "sn"))
			r.Precedence, r.Connector = 1, "other"
			return r
		}()}},
		{"mixed merge", "mixed-merge", "", rules.SeverityError, []rules.Rule{in(1, direct("proxyAddresses", "proxyAddresses")), in(2, merged(rules.Merge, direct("proxyAddresses", "proxyAddresses")))}},
		{"two flows", "duplicate-flow", "", rules.SeverityError, flows(direct("title", "title"), formula("Title", `"x"`))},
		{"unreachable", "unreachable-flow", "", rules.SeverityWarning, []rules.Rule{in(1, constant("title", "x")), in(2, direct("title", "title"))}},
	}
	schema := []rules.ConnectorSchema{{Name: "ad", Classes: []string{"user"}, Attributes: []rules.MetaverseAttribute{
		{Name: "title", Kind: attr.KindString}, {Name: "sn", Kind: attr.KindString}, {Name: "mail", Kind: attr.KindString},
		{Name: "manager", Kind: attr.KindReference}, {Name: "userAccountControl", Kind: attr.KindInt},
		{Name: "description", Kind: attr.KindString, MultiValued: true}, {Name: "proxyAddresses", Kind: attr.KindString, MultiValued: true},
	}}, {Name: "other"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, err := rules.Compile(tt.rules, &rules.CompileOptions{Connectors: schema})
			var found []rules.Diagnostic
			if tt.severity == rules.SeverityError {
				var ce *rules.CompileError
				require.ErrorAs(t, err, &ce)
				found = ce.Diagnostics
			} else {
				require.NoError(t, err)
				found = set.Warnings()
			}
			for _, d := range found {
				if d.Code == tt.code && d.Severity == tt.severity {
					require.Equal(t, tt.suggestion, d.Suggestion)
					require.NotEmpty(t, d.Rule)
					return
				}
			}
			t.Fatalf("no %s in %v", tt.code, found)
		})
	}
}

func TestCompileReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	a := in(1, formula("title", "IIF(IsPresent([title]),\n  Trimm([title]), Lft([cn],1))"), direct("nonsense", "x"))
	b := in(2, formula("sn", "[sn"))
	_, err := rules.Compile([]rules.Rule{b, a}, nil)
	var ce *rules.CompileError
	require.ErrorAs(t, err, &ce)
	require.Len(t, ce.Diagnostics, 4)
	require.Equal(t, "inc", ce.Diagnostics[0].Rule, "in the order in which the rules were given")
	text := err.Error()
	require.Contains(t, text, `rule "inb", flow title at 2:3: `)
	require.Contains(t, text, "did you mean Trim?")
	require.Contains(t, text, "did you mean Left?")
	require.Contains(t, text, "^")
	require.Equal(t, 4, strings.Count(text, `rule "`))
}

func TestDisabledRulesOnlyWarn(t *testing.T) {
	t.Parallel()
	bad := in(2, formula("nonsense", "Trimm([x])"))
	bad.Disabled = true
	set := compile(t, in(1, direct("title", "title")), bad)
	require.Len(t, set.Warnings(), 2)
	require.Len(t, set.Rules(), 1)
}

func TestAllowUnknown(t *testing.T) {
	t.Parallel()
	r := in(1, direct("nonsense", "x"), formula("title", "%Own%"))
	r.TargetType = "thing"
	_, err := rules.Compile([]rules.Rule{r}, nil)
	require.Error(t, err)
	set, err := rules.Compile([]rules.Rule{r}, &rules.CompileOptions{AllowUnknown: true})
	require.NoError(t, err)
	require.NotEmpty(t, set.Warnings())
	r.TargetType, r.Flows = "person", r.Flows[1:]
	_, err = rules.Compile([]rules.Rule{r}, &rules.CompileOptions{Parameters: []string{"Own"}})
	require.NoError(t, err)
}

func TestHashFollowsMeaning(t *testing.T) {
	t.Parallel()
	base := func() []rules.Rule { return rules.Standard(standardVariants["one forest"]) }
	hash := func(rs []rules.Rule) string { return compile(t, rs...).Hash() }
	want := hash(base())
	require.Equal(t, want, hash(base()))
	same := base()
	same[0].Name, same[0].Description = "renamed", "described"
	same[0].Flows[0].Expression = " ( " + same[0].Flows[0].Expression + " ) "
	same[0], same[3] = same[3], same[0]
	require.Equal(t, want, hash(same))
	for name, change := range map[string]func(*rules.Rule){
		"precedence": func(r *rules.Rule) { r.Precedence = 1 },
		"scope":      func(r *rules.Rule) { r.Scope[0][0].Value = "x" },
		"link":       func(r *rules.Rule) { r.LinkType = rules.Join },
		"disabled":   func(r *rules.Rule) { r.Disabled = true },
		"flow":       func(r *rules.Rule) { r.Flows[0].Expression = "True" },
		"once":       func(r *rules.Rule) { r.Flows[0].ExecuteOnce = true },
	} {
		other := base()
		change(&other[0])
		require.NotEqual(t, want, hash(other), name)
	}
}

func TestDefaultMetaverse(t *testing.T) {
	t.Parallel()
	m := rules.DefaultMetaverse()
	require.Equal(t, []string{"person", "group", "device"}, m.Classes)
	for i := range m.Attributes {
		a := &m.Attributes[i]
		if i > 0 {
			require.Negative(t, attr.CompareNames(m.Attributes[i-1].Name, a.Name), a.Name)
		}
		found, ok := m.Attribute(strings.ToUpper(a.Name))
		require.True(t, ok)
		require.Equal(t, a, found)
	}
	for name, want := range map[string]rules.MetaverseAttribute{
		"proxyaddresses":      {Name: "proxyAddresses", Kind: attr.KindString, MultiValued: true, Indexed: true},
		"description":         {Name: "description", Kind: attr.KindString, Indexed: true},
		"member":              {Name: "member", Kind: attr.KindReference, MultiValued: true},
		"manager":             {Name: "manager", Kind: attr.KindReference},
		"objectSid":           {Name: "objectSid", Kind: attr.KindBinary},
		"pwdLastSet":          {Name: "pwdLastSet", Kind: attr.KindString, Indexed: true},
		"memberCount":         {Name: "memberCount", Kind: attr.KindInt},
		"extensionAttribute7": {Name: "extensionAttribute7", Kind: attr.KindString, Indexed: true},
	} {
		got, ok := m.Attribute(name)
		require.True(t, ok, name)
		require.Equal(t, want, *got)
	}
	more := m.With(rules.MetaverseAttribute{Name: "zzz", Kind: attr.KindInt})
	require.Len(t, more.Attributes, len(m.Attributes)+1)
}
