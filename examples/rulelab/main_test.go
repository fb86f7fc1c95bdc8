package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// exportFolder is the export that package rules keeps for its tests.
const exportFolder = "../../rules/testdata/export"

// fixed makes results independent of the clock.
const fixed = "-now=2026-01-02T03:04:05Z"

var fixedNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// rulelab runs the program and reports whether it was successful.
func rulelab(t testing.TB, stdin string, args ...string) (stdout, message string, ok bool) {
	t.Helper()
	var out, errs bytes.Buffer
	err := run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	if err != nil {
		return out.String(), errs.String() + err.Error(), false
	}
	return out.String(), errs.String(), true
}

// must runs the program, which must succeed.
func must(t testing.TB, args ...string) string {
	t.Helper()
	out, message, ok := rulelab(t, "", args...)
	require.True(t, ok, message)
	return out
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run the test with -update if this is right")
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"lint-standard.txt":   {"lint", "standard"},
		"lint-export.txt":     {"lint", exportFolder},
		"simulate-small.json": {"simulate", fixed, "-scenario", "testdata/small.json"},
		"explain-small.txt":   {"explain", fixed, "-scenario", "testdata/small.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, must(t, args...))
		})
	}
}

func TestLintCountsAndFails(t *testing.T) {
	t.Parallel()
	last := func(out string) string {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		return lines[len(lines)-1]
	}
	require.Regexp(t, `^rules=62 flows=12\d\d expressions=\d+ joins=\d+ scopes=\d+ errors=0 warnings=0$`, last(must(t, "lint", exportFolder)))

	bad := write(t, "bad.yaml", `version: 1
rules:
  - id: a
    name: Broken
    direction: inbound
    connector: ad
    source: user
    target: person
    link: provision
    precedence: 1
    flows:
      - target: displayName
        expression: Lefft([cn], 3)
      - target: nickname
        source: cn
`)
	out, _, ok := rulelab(t, "", "lint", bad)
	require.False(t, ok)
	require.Contains(t, out, "Left")
	require.Contains(t, out, "^")
	require.Equal(t, "rules=1 flows=2 expressions=1 joins=0 scopes=0 errors=2 warnings=0", last(out))
	out, _, ok = rulelab(t, "", "lint", "-allow-unknown", bad)
	require.False(t, ok)
	require.Contains(t, last(out), "errors=1 warnings=1")

	out, _, ok = rulelab(t, "", "lint", write(t, "none.yaml", "version: 1\nrulez: []\n"))
	require.False(t, ok)
	require.Equal(t, "rules=0 flows=0 expressions=0 joins=0 scopes=0 errors=1 warnings=0", last(out))
	_, _, ok = rulelab(t, "", "lint", filepath.Join(t.TempDir(), "nothing"))
	require.False(t, ok)
}

func TestConvertAndDiff(t *testing.T) {
	t.Parallel()
	yaml := filepath.Join(t.TempDir(), "rules.yaml")
	must(t, "convert", exportFolder, "-o", yaml)
	require.Equal(t, "differences=0\n", must(t, "diff", exportFolder, yaml))
	out, _, ok := rulelab(t, "", "diff", "standard", exportFolder)
	require.False(t, ok)
	require.Contains(t, out, `rule "In from AD - User Example Badge": added`)
	last := func(s string) string { return s[strings.LastIndex(strings.TrimSpace(s), "\n")+1:] }
	require.Equal(t, last(must(t, "lint", exportFolder)), last(must(t, "lint", yaml)))
}

func TestExplainJSON(t *testing.T) {
	t.Parallel()
	var got []explanation
	require.NoError(t, json.Unmarshal([]byte(must(t, "explain", fixed, "-json", "-scenario", "testdata/small.json", "b", "cn=KRBTGT,CN=Users,DC=contoso,DC=test")), &got))
	require.Len(t, got, 2)
	bob, krbtgt := got[0], got[1]
	require.Equal(t, "contoso.test/CN=Bob,OU=Staff,DC=contoso,DC=test", bob.ID)
	require.Len(t, bob.Links, 2)
	require.Len(t, bob.Outbound, 2)
	require.Equal(t, "CN={4D4445794D7A51314E6A63344F5746695932526C5A673D3D}", bob.Outbound[1].DN)
	require.Empty(t, krbtgt.Links)
	require.False(t, krbtgt.Inbound.Rules[0].InScope)
	require.Equal(t, "isCriticalSystemObject NOTEQUAL True does not hold", krbtgt.Inbound.Rules[0].Reason)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	require.Contains(t, must(t), "usage: rulelab")
	require.Contains(t, must(t, "help"), "simulate")
	for _, args := range [][]string{
		{"nonsense"}, {"lint"}, {"lint", "a", "b"}, {"eval"}, {"eval", "-lines", "1"}, {"eval", "-nonsense", "1"}, {"diff", "standard"},
		{"simulate"}, {"simulate", "-scenario", "testdata/none.json"}, {"simulate", "-rules", "none", "-scenario", "testdata/small.json"},
		{"convert"}, {"explain", "-scenario", "testdata/small.json", "CN=nobody"},
	} {
		_, message, ok := rulelab(t, "", args...)
		require.False(t, ok, args)
		require.NotEmpty(t, message, args)
	}
}

func TestEveryAnswerIsJSON(t *testing.T) {
	t.Parallel()
	out := must(t, "simulate", fixed, "-scenario", "testdata/population.json")
	require.True(t, json.Valid([]byte(out)))
	require.Equal(t, out, must(t, "simulate", fixed, "-scenario", "testdata/population.json"), "the output is stable")
}

// One file that cannot be read is reported with its line; all the others are looked at.
func TestLintLooksAtTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(exportFolder)))
	files, err := filepath.Glob(filepath.Join(dir, "SynchronizationRules", "*.xml"))
	require.NoError(t, err)
	whole, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], whole[:len(whole)/2], 0o600))
	out, _, ok := rulelab(t, "", "lint", dir)
	require.False(t, ok)
	require.Regexp(t, `(?m)^error: SynchronizationRules/`+regexp.QuoteMeta(filepath.Base(files[0]))+`:\d+`, out)
	require.Regexp(t, `\nrules=61 flows=\d{4} expressions=\d+ joins=\d+ scopes=\d+ errors=1 warnings=0\n$`, out)
	_, message, ok := rulelab(t, "", "convert", dir)
	require.False(t, ok, "half of the rules are not taken for all of them")
	require.Contains(t, message, filepath.Base(files[0]))
}

// What the Sync Rules Editor exports as PowerShell is read wherever rules are.
func TestPowerShell(t *testing.T) {
	t.Parallel()
	script := write(t, "rule.ps1", `New-ADSyncRule `+"`"+`
-Name 'In from AD - Mail' `+"`"+`
-Identifier '9d41063c-1713-425f-b097-cac31120ac0e' `+"`"+`
-Direction 'Inbound' `+"`"+`
-Precedence 88 `+"`"+`
-SourceObjectType 'user' `+"`"+`
-TargetObjectType 'person' `+"`"+`
-Connector '4f1cdd9e-00fa-4379-be83-4cf471f7c829' `+"`"+`
-LinkType 'Join' `+"`"+`
-OutVariable syncRule

Add-ADSyncAttributeFlowMapping -SynchronizationRule $syncRule[0] -Source @('mail') -Destination 'mail' -FlowType 'Direct' -ValueMergeType 'Update' -OutVariable syncRule
Add-ADSyncRule -SynchronizationRule $syncRule[0]
`)
	require.Contains(t, must(t, "lint", script), "rules=1 flows=1 expressions=0 joins=0 scopes=0 errors=0 warnings=0")
	yaml := filepath.Join(t.TempDir(), "rules.yaml")
	must(t, "convert", script, "-o", yaml)
	require.Equal(t, "differences=0\n", must(t, "diff", script, yaml))
	out, _, ok := rulelab(t, "", "lint", write(t, "bad.ps1", "New-ADSyncRule `\n-Name $env:NAME\n"))
	require.False(t, ok)
	require.Regexp(t, `error: .*bad\.ps1:\d+`, out)
}
