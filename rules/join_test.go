package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

func joining(r rules.Rule, link rules.LinkType, groups ...rules.JoinGroup) rules.Rule {
	r.LinkType, r.Join = link, groups
	return r
}

func TestJoinRule(t *testing.T) {
	t.Parallel()
	byMail := rules.JoinGroup{{CS: "mail", MV: "mail"}}
	byName := rules.JoinGroup{{CS: "cn", MV: "cn"}}
	flow := direct("title", "title")
	tests := []struct {
		name  string
		rules []rules.Rule
		want  string // name, "" for none
		fails bool
	}{
		{"none", []rules.Rule{in(1, flow)}, "", false},
		{"provision", []rules.Rule{in(1, flow), joining(in(2, flow), rules.Provision), joining(in(3, flow), rules.Provision)}, "inc", false},
		{"criteria before provision", []rules.Rule{joining(in(1, flow), rules.Provision), joining(in(2, flow), rules.Join, byMail)}, "inc", false},
		{"two inbound", []rules.Rule{joining(in(1, flow), rules.Join, byMail), joining(in(2, flow), rules.Join, byMail)}, "", true},
		{"same outbound", []rules.Rule{joining(out(1, flow), rules.Join, byMail), joining(out(2, flow), rules.Provision, byMail), joining(out(3, flow), rules.Provision, byMail)}, "outinc", false},
		{"different outbound", []rules.Rule{joining(out(1, flow), rules.Join, byMail), joining(out(2, flow), rules.Join, byName)}, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := compile(t, tt.rules...)
			r, err := set.JoinRule(set.Rules())
			if tt.fails {
				var fe *rules.FlowError
				require.ErrorAs(t, err, &fe)
				require.Equal(t, rules.CodeJoinRules, fe.Code)
				return
			}
			require.NoError(t, err)
			if tt.want == "" {
				require.Nil(t, r)
				return
			}
			require.Equal(t, tt.want, r.Name)
		})
	}
}

func TestJoinLookups(t *testing.T) {
	t.Parallel()
	set := compile(t, joining(in(1), rules.Provision,
		rules.JoinGroup{{CS: "a", MV: "title"}, {CS: "b", MV: "department", CaseSensitive: true}},
		rules.JoinGroup{{CS: "absent", MV: "title"}},
		rules.JoinGroup{{CS: "n", MV: "employeeID"}},
		rules.JoinGroup{{CS: "a", MV: "title"}, {CS: "absent", MV: "cn"}}))
	rule := set.Rules()[0]
	s := &rules.Subject{Attributes: object("a=X", "b=Y")}
	s.Attributes.Put("n", attr.Int(7))
	lookups, anyValue, err := set.JoinLookups(rule, rules.Inbound, s)
	require.NoError(t, err)
	require.True(t, anyValue)
	require.Equal(t, []rules.JoinLookup{
		{Clauses: []rules.JoinClause{{Attribute: "title", Value: attr.String("X")}, {Attribute: "department", Value: attr.String("Y"), CaseSensitive: true}}},
		{Clauses: []rules.JoinClause{{Attribute: "employeeID", Value: attr.String("7")}}},
	}, lookups)
	require.True(t, lookups[0].Match(object("title=x", "department=Y")))
	require.False(t, lookups[0].Match(object("title=x", "department=y")))
	require.False(t, lookups[0].Match(object("title=x")))

	_, anyValue, err = set.JoinLookups(rule, rules.Inbound, &rules.Subject{Attributes: object("a=")})
	require.NoError(t, err)
	require.False(t, anyValue, "empty text is no value")

	_, _, err = set.JoinLookups(rule, rules.Inbound, &rules.Subject{Attributes: object("a=1", "a=2")})
	var fe *rules.FlowError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, rules.CodeJoinMulti, fe.Code)
	require.Equal(t, "a", fe.Attribute)

	set = compile(t, joining(out(1), rules.Provision, rules.JoinGroup{{CS: "anchor", MV: "sourceAnchor"}}))
	lookups, _, err = set.JoinLookups(set.Rules()[0], rules.Outbound, &rules.Subject{Attributes: object("sourceAnchor=x")})
	require.NoError(t, err)
	require.Equal(t, "anchor", lookups[0].Clauses[0].Attribute)
}

func TestAttributeLists(t *testing.T) {
	t.Parallel()
	r := joining(in(1, formula("title", `IIF([dn] = "x",[b],ImportedValue("c"))`), formula("memberCount", `ValueCount("member")`)), rules.Provision,
		rules.JoinGroup{{CS: "j", MV: "mail"}})
	r.Scope = []rules.ScopeGroup{{{Attribute: "s", Operator: rules.IsNotNull}, {Attribute: "memberOf", Operator: rules.IsMemberOf, Value: "CN=g"}}}
	o := joining(out(1, formula("dn", `"x"`), formula("written", `[title]`)), rules.Provision, rules.JoinGroup{{CS: "k", MV: "mail"}})
	o.TargetType = "contact"
	set := compile(t, r, o)
	require.Equal(t, []string{"mail"}, set.MVJoinAttributes())
	require.Equal(t, []string{"k"}, set.CSJoinAttributes("AD"))
	require.Equal(t, []string{"b", "c", "j", "k", "member", "s", "written"}, set.ImportAttributes("ad"))
	require.Equal(t, []string{"written"}, set.ExportAttributes("ad"))
	require.Equal(t, []string{"contact", "user"}, set.Classes("ad"))
	require.Empty(t, set.ImportAttributes("other"))
	require.Equal(t, []string{"CN=g"}, set.MemberGroups("AD"))
	require.Empty(t, set.MemberGroups("other"))
}
