package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/metaverse"
)

const benchKeys = "    exchange: true\n    allow_administrator: true\n"

// A filter of the configuration keeps people out, is foretold by whatif, takes out who was in, and
// lets them back when it is gone.
func TestFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.populate(12, 1)
	for _, dn := range p.Users[:3] {
		require.NoError(t, b.dc.Modify(dn, adtest.Replace("department", "Contractors"), adtest.Replace("title", "Temp")))
	}
	_, err := b.cycle()
	require.NoError(t, err)
	require.Len(t, b.tenant.Users(), 12)
	without := b.configure()
	old, err := os.ReadFile(without)
	require.NoError(t, err)

	b.values["keys"] = benchKeys + `    filters:
      - name: contractors
        class: user
        all:
          - {attribute: department, operator: STARTSWITH, value: Contract}
          - {attribute: title, operator: ISNOTNULL}
      - {class: group, all: [{attribute: description, operator: EQUAL, value: none such}]}
`
	text := b.configure()
	changed := filepath.Join(b.dir, "changed.yaml")
	require.NoError(t, os.Rename(text, changed))
	b.values["keys"] = ""
	report, err := decode[metaverse.Report](b, "whatif", "-with", changed, "-max-deletes", "2")
	require.ErrorIs(t, err, errBeyondLimits)
	require.Len(t, report.Connectors[1].Deletes, 3)
	require.Len(t, b.tenant.Users(), 12, "nothing was done")
	out, err := b.run("config", "diff", changed)
	require.NoError(t, err)
	require.Contains(t, out, "+ directories[contoso.test].filters[0].all[0].operator: STARTSWITH")
	require.Contains(t, out, "contoso.test has other filters")

	with, err := os.ReadFile(changed)
	require.NoError(t, err)
	_, b.values["keys"], _ = strings.Cut(string(with), "ca_file: \""+b.values["ca"]+"\"\n")
	b.values["keys"], _, _ = strings.Cut(b.values["keys"], "tenant:\n")
	_, err = b.run("config", "check")
	require.NoError(t, err)
	_, err = b.cycle()
	require.NoError(t, err)
	require.Len(t, b.tenant.Users(), 9)
	page, err := decode[metaverse.CSPage](b, "search", "-connector", "contoso.test", "-state", "filtered-disconnector")
	require.NoError(t, err)
	require.Len(t, page.Objects, 3)

	b.values["keys"] = ""
	back, err := os.ReadFile(b.configure())
	require.NoError(t, err)
	require.Equal(t, string(old), string(back))
	_, err = b.cycle()
	require.NoError(t, err)
	require.Len(t, b.tenant.Users(), 12)
}

// What is wrong with a filter is told by its place, all of it at once.
func TestBadFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.values["keys"] = benchKeys + `    filters:
      - {class: user, all: [{attribute: department, operator: LIKE, value: x}]}
      - {class: user}
      - {all: [{attribute: department, operator: EQUAL, value: x}]}
      - {class: user, all: [{operator: EQUAL, value: x}]}
      - {class: user, all: [{attribute: userAccountControl, operator: ISBITSET, value: two}]}
`
	_, err := b.run("config", "check")
	require.Error(t, err)
	for _, text := range []string{
		`directories[0].filters[0].all[0].operator`, "LIKE", "directories[0].filters[1].all: is missing", "directories[0].filters[2].class: is missing",
		"directories[0].filters[3].all[0].attribute: is missing", "directories[0].filters[4]: ",
	} {
		require.ErrorContains(t, err, text)
	}
	b.values["keys"] = benchKeys + "    filters: [{class: user, any: []}]\n"
	_, err = b.run("config", "check")
	require.ErrorContains(t, err, "any", "unknown keys are errors")
	require.False(t, errors.Is(err, errSilent))
}
