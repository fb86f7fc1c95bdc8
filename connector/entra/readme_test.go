package entra_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra"
)

var update = flag.Bool("update", false, "rewrite the table in README.md")

const tableMark = "<!-- table: go test ./connector/entra -run TestReadme -update -->\n"

func TestReadmeShowsTheTable(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	head, table, found := strings.Cut(string(text), tableMark)
	require.True(t, found)
	want := "\n" + mappingTable()
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(head+tableMark+want), 0o644))
		return
	}
	require.Equal(t, want, table, "README.md is not up to date: run with -update")
}

func mappingTable() string {
	var b strings.Builder
	b.WriteString("| attribute | Graph property | kind | limit | users | groups | devices |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, m := range entra.Mappings() {
		kind, limit, property := m.Kind.String(), "", m.Property
		if m.MultiValued {
			kind += ", many"
		}
		if m.MaxLength > 0 {
			limit = fmt.Sprint(m.MaxLength)
		}
		if m.Attribute == "sourceAnchor" {
			property += ", of groups uniqueName (encoded)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %v | %v | %v |\n", m.Attribute, property, kind, limit, m.User, m.Group, m.Device)
	}
	return b.String()
}
