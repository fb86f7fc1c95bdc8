package expr_test

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules/expr"
)

var update = flag.Bool("update", false, "write the function chapter of LANGUAGE.md anew")

const (
	languageFile = "../LANGUAGE.md"
	heading      = "## Functions\n"
)

// TestDocumentIsUpToDate holds the function chapter of LANGUAGE.md equal to the table.
func TestDocumentIsUpToDate(t *testing.T) {
	page, err := os.ReadFile(languageFile)
	require.NoError(t, err)
	before, _, ok := strings.Cut(string(page), heading)
	require.True(t, ok, "the heading of the functions is gone")
	want := before + heading + functionChapter()
	if *update {
		require.NoError(t, os.WriteFile(languageFile, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(page), "run: go test ./rules/expr -run TestDocumentIsUpToDate -update")
}

func functionChapter() string {
	var b strings.Builder
	b.WriteString("\nThis chapter is generated from the table of functions. Characters, items, words and components are counted from 1, and\n" +
		"0 means that something was not found. Arguments in square brackets may be left out.\n")
	chapter := ""
	for _, f := range expr.Functions() {
		if f.Chapter != chapter {
			chapter = f.Chapter
			b.WriteString("\n### " + chapter + "\n")
		}
		b.WriteString("\n#### " + f.Name + "\n\n```\n" + f.Signature() + "\n```\n\n" + f.Doc + "\n\n")
		b.WriteString("| example | result |\n| --- | --- |\n")
		for _, e := range f.Examples {
			b.WriteString("| " + code(e.Expr) + givenText(e) + " | " + code(e.Want) + " |\n")
		}
	}
	return b.String()
}

func code(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }

// givenText writes the attributes of an example. Certificates are too long to be read.
func givenText(e expr.Example) string {
	names := make([]string, 0, len(e.Given))
	for name := range e.Given {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		r := expr.Result{Kind: expr.Values, Multi: len(e.Given[name]) > 1, Values: e.Given[name], Single: e.Given[name][0]}
		s := r.Text()
		if len(s) > 200 {
			names[i] = "a certificate in " + code("["+name+"]")
			continue
		}
		names[i] = code("["+name+"]") + " = " + code(strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(s))
	}
	if len(names) == 0 {
		return ""
	}
	return " with " + strings.Join(names, ", ")
}

// TestTablesOfTheDocument runs the examples in the tables that people wrote.
func TestTablesOfTheDocument(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(languageFile)
	require.NoError(t, err)
	before, _, _ := strings.Cut(string(page), heading)
	row := regexp.MustCompile("^\\| `(.+)` \\| `(.+)` \\|$")
	given := values{"p": strs("smtp:a@x", "SIP:b@x")}
	tables := 0
	examples := false
	for line := range strings.Lines(before) {
		line = strings.TrimSpace(line)
		switch m := row.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "| expression"):
			examples = true
			tables++
		case !strings.HasPrefix(line, "|"):
			examples = false
		case examples && m != nil:
			require.Equal(t, m[2], text(strings.ReplaceAll(m[1], `\|`, "|"), given), m[1])
		}
	}
	require.Equal(t, 3, tables)
}
