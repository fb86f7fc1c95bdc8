package rules_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules"
)

const smallYAML = `# rules of the example company
version: 1
rules:
  # everyone
  - id: r1
    name: In from AD - Example
    direction: Inbound
    connector: corp
    source: user
    target: person
    link: Provision
    precedence: 50 # before the standard rules
    scope:
      - all:
          - attribute: department
            operator: ISNOTBITSET
            value: 1
    join:
      - all:
          - {cs: mail, mv: mail, caseSensitive: true}
    flows:
      - target: title
        source: title
      - target: displayName
        expression: |-
          IIF(IsPresent([displayName]),
            [displayName], [cn])
        merge: Replace
      - {target: accountEnabled, constant: true, once: true}
`

func TestParseYAML(t *testing.T) {
	t.Parallel()
	f, err := rules.ParseYAML(strings.NewReader(smallYAML))
	require.NoError(t, err)
	require.Equal(t, []rules.Rule{{
		ID: "r1", Name: "In from AD - Example", Direction: rules.Inbound, Connector: "corp", SourceType: "user", TargetType: "person",
		LinkType: rules.Provision, Precedence: 50,
		Scope: []rules.ScopeGroup{{{Attribute: "department", Operator: rules.IsBitNotSet, Value: "1"}}},
		Join:  []rules.JoinGroup{{{CS: "mail", MV: "mail", CaseSensitive: true}}},
		Flows: []rules.Flow{
			{Target: "title", Type: rules.Direct, Source: []string{"title"}, Merge: rules.Update},
			{Target: "displayName", Type: rules.Expression, Expression: "IIF(IsPresent([displayName]),\n  [displayName], [cn])", Merge: rules.Update},
			{Target: "accountEnabled", Type: rules.Constant, Constant: "true", ExecuteOnce: true, Merge: rules.Update},
		},
	}}, f.Rules)
	_, err = rules.Compile(f.Rules, f.CompileOptions())
	require.NoError(t, err)
	// What is written again has the same meaning and keeps the comments.
	out, err := rules.MarshalYAML(f)
	require.NoError(t, err)
	for _, comment := range []string{"rules of the example company", "everyone", "before the standard rules"} {
		require.Contains(t, string(out), comment)
	}
	again, err := rules.ParseYAML(bytes.NewReader(out))
	require.NoError(t, err)
	require.Equal(t, f.Rules, again.Rules)
}

func TestYAMLRoundTripOfStandardRules(t *testing.T) {
	t.Parallel()
	for name, opts := range standardVariants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &rules.File{Rules: rules.Standard(opts), Metaverse: rules.StandardMetaverse(opts), Parameters: []string{"Own"}}
			f.Rules[0].SoftDeleteExpiry = time.Hour
			out, err := rules.MarshalYAML(f)
			require.NoError(t, err)
			again, err := rules.ParseYAML(bytes.NewReader(out))
			require.NoError(t, err)
			require.Equal(t, f.Rules, again.Rules)
			require.Equal(t, f.Metaverse, again.Metaverse)
			require.Equal(t, f.Parameters, again.Parameters)
		})
	}
}

func TestYAMLKeepsStrangeText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "\n", "\n\n  IIF(\n    True, 1, 2)\n  ", "a: b # c", "- x", "'", `"`, "\t[x]\n\t", "yes", "null", "~", "1", "0x1", "%p%", "a\r\nb", "é😀",
		"\\\\0ACNF:", "[cn]", "{x}", "| x", "trailing \n", "\ttab", "&a", "*a", "!x", "@", "`", "a\n\n\nb", "#x",
	} {
		f := &rules.File{Rules: []rules.Rule{in(1, formula("title", text), rules.Flow{Target: "sn", Type: rules.Constant, Constant: text, Merge: rules.Update})}}
		f.Rules[0].Description = text
		out, err := rules.MarshalYAML(f)
		require.NoError(t, err, "%q", text)
		again, err := rules.ParseYAML(bytes.NewReader(out))
		require.NoError(t, err)
		require.Equal(t, f.Rules, again.Rules, "%q", text)
	}
}

func TestYAMLErrorsNameThePlace(t *testing.T) {
	t.Parallel()
	replace := func(old, with string) string { return strings.Replace(smallYAML, old, with, 1) }
	tests := []struct{ name, src, want string }{
		{"empty", "", "empty"},
		{"version", replace("version: 1", "version: 2"), "version is 2"},
		{"unknown key", replace("    source: user", "    sauce: user"), `[9:5] unknown field "sauce"`},
		{"unknown key in flow", replace("merge: Replace", "merg: Replace"), `unknown field "merg"`},
		{"key twice", replace("    source: user", "    source: user\n    source: user"), "already defined"},
		{"direction", replace("Inbound", "Sideways"), `7:16: rule "In from AD - Example": unknown direction "Sideways"`},
		{"link", replace("Provision", "Glue"), `unknown link type "Glue"`},
		{"operator", replace("ISNOTBITSET", "LIKE"), `16:23: rule "In from AD - Example": scope on department: unknown operator "LIKE"`},
		{"merge", replace("merge: Replace", "merge: Blend"), `unknown merge type "Blend"`},
		{"two kinds", replace("        source: title", "        source: title\n        constant: x"), `22:17: rule "In from AD - Example", flow title: wants one of`},
		{"no kind", replace("        source: title\n", ""), "has 0 of them"},
		{"not a number", replace("precedence: 50", "precedence: soon"), "12:"},
		{"missing direction", replace("    direction: Inbound\n", ""), `rule "In from AD - Example": unknown direction`},
		{"alias", "version: 1\nrules: &a\n  - *a\n", "2:8: anchors"},
		{"two documents", smallYAML + "---\nversion: 1\n", "more than one document"},
		{"deep", "version: " + strings.Repeat("[", 100), "nested too deeply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := rules.ParseYAML(strings.NewReader(tt.src))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzParseYAML(f *testing.F) {
	f.Add(smallYAML)
	f.Add("version: 1\nrules: []\nmetaverse: {classes: [person], attributes: [{name: x, kind: string}]}\n")
	f.Add("version: 1\nrules:\n - {id: a, name: [}")
	f.Fuzz(func(t *testing.T, src string) {
		file, err := rules.ParseYAML(strings.NewReader(src))
		if err != nil {
			return
		}
		if out, err := rules.MarshalYAML(file); err == nil {
			again, err := rules.ParseYAML(bytes.NewReader(out))
			require.NoError(t, err)
			require.Len(t, again.Rules, len(file.Rules))
		}
		_, _ = rules.Compile(file.Rules, file.CompileOptions())
	})
}
