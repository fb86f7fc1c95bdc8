package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules"
)

func TestExplainInbound(t *testing.T) {
	t.Parallel()
	closed := in(3, direct("sn", "sn"))
	closed.Scope = []rules.ScopeGroup{{{Attribute: "mail", Operator: rules.IsNotNull}, {Attribute: "l", Operator: rules.Equal, Value: "Rome"}}}
	off := in(4, direct("sn", "sn"))
	off.Disabled = true
	r := joining(in(2, direct("title", "t2"), direct("department", "d2"), formula("company", `Error("no company")`)), rules.Provision,
		rules.JoinGroup{{CS: "mail", MV: "mail"}})
	set := compile(t, in(1, direct("title", "t1"), formula("department", "NULL"), once(formula("company", `"c"`))), r, closed, off)
	s := &rules.Subject{Class: "user", Attributes: object("t1=first", "t2=second", "d2=dept", "mail=x")}
	x, err := set.ExplainInbound(t.Context(), "person", []rules.Contribution{{Connector: "ad", Subject: s}}, nil, now)
	require.NoError(t, err)

	require.Len(t, x.Rules, 4)
	require.True(t, x.Rules[0].InScope)
	require.Equal(t, "l EQUAL Rome does not hold", x.Rules[2].Reason)
	require.Equal(t, "it is disabled", x.Rules[3].Reason)

	require.Equal(t, "inc", x.Joins[0].Rule.Name)
	require.True(t, x.Joins[0].AnyValue)
	require.Len(t, x.Joins[0].Lookups, 1)

	require.Len(t, x.Attributes, 3)
	company, department, title := x.Attributes[0].Attempts, x.Attributes[1].Attempts, x.Attributes[2].Attempts
	require.Equal(t, "it only runs when the object is made", company[0].Reason)
	require.Equal(t, "it failed", company[1].Reason)
	require.ErrorContains(t, company[1].Err, "no company")
	require.Equal(t, "it has no value to give", department[0].Reason)
	require.True(t, department[1].Won)
	require.True(t, title[0].Won)
	require.Equal(t, text("first"), title[0].Values)
	require.False(t, title[1].Won)
	require.Equal(t, text("second"), title[1].Values, "a loser tells what it would have given")
	require.Equal(t, `rule "inb" has precedence 1`, title[1].Reason)
	require.Equal(t, "first", x.Decision.Values.Text("title"))
}

func TestExplainOutbound(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, standardVariants["one forest"])
	in := inbound(t, set, "corp", "person", adUser(nil))
	s := &rules.Subject{Class: "person", Attributes: &in.Values, New: true}
	x, err := set.ExplainOutbound(t.Context(), "cloud", "user", s, nil, now)
	require.NoError(t, err)
	scope, err := set.InScope(t.Context(), rules.Outbound, "cloud", s)
	require.NoError(t, err)
	require.Equal(t, set.Outbound(t.Context(), "cloud", "user", scope, s, nil, now), x.Decision)
	winners := 0
	for _, a := range x.Attributes {
		for _, attempt := range a.Attempts {
			if attempt.Won {
				winners++
			}
			require.NotEmpty(t, attempt.Reason)
		}
	}
	require.NotEmpty(t, x.Decision.Copies)
	require.Equal(t, len(x.Decision.Origins)-len(x.Decision.Copies), winners, "the object refers to nobody")
	_, err = set.ExplainOutbound(t.Context(), "nowhere", "user", s, nil, now)
	require.ErrorContains(t, err, "no outbound rules for connector nowhere")
}

func TestDiff(t *testing.T) {
	t.Parallel()
	old := rules.Standard(standardVariants["one forest"])
	require.Empty(t, rules.Diff(old, old))
	// Differences without meaning.
	same := rules.Standard(standardVariants["one forest"])
	for i := range same {
		same[i].Description = "other words"
		for j := range same[i].Flows {
			f := &same[i].Flows[j]
			if f.Type == rules.Expression {
				f.Expression = "\n  " + f.Expression + "\n"
			}
		}
		for k, l := 0, len(same[i].Flows)-1; k < l; k, l = k+1, l-1 {
			same[i].Flows[k], same[i].Flows[l] = same[i].Flows[l], same[i].Flows[k]
		}
	}
	same[0], same[1] = same[1], same[0]
	require.Empty(t, rules.Diff(old, same))
	// Differences with one.
	a := in(1, direct("title", "title"), formula("sn", "Trim([sn])"), direct("cn", "cn"))
	b := in(1, direct("title", "jobTitle"), formula("sn", "( Trim( [sn] ) )"), once(direct("mail", "mail")))
	b.ID, b.Precedence, b.LinkType = "new id", 5, rules.Provision
	b.Scope = []rules.ScopeGroup{{{Attribute: "l", Operator: rules.Equal, Value: "Rome"}}}
	gone, come := in(7), in(8)
	var got []string
	for _, d := range rules.Diff([]rules.Rule{a, gone}, []rules.Rule{b, come}) {
		got = append(got, d.String())
	}
	require.Equal(t, []string{
		`rule "inb": link: "Join" is now "Provision"`,
		`rule "inb": precedence: "1" is now "5"`,
		`rule "inb": scope: "" is now "l EQUAL rome"`,
		`rule "inb", flow cn: removed`,
		`rule "inb", flow mail: added`,
		`rule "inb", flow title: value: "Direct [title]" is now "Direct [jobtitle]"`,
		`rule "inh": removed`,
		`rule "ini": added`,
	}, got)
}
