package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// decode runs a command with -json and reads what it printed.
func decode[T any](b *bench, args ...string) (v T, err error) {
	b.t.Helper()
	out, err := b.run(append(args, "-json")...)
	if out != "" {
		require.NoError(b.t, json.Unmarshal([]byte(out), &v), out)
	}
	return v, err
}

func TestInspectObjects(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.populate(12, 2)
	_, err := b.cycle()
	require.NoError(t, err)
	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("title", "Director")))
	_, err = b.run("import", "contoso.test")
	require.NoError(t, err)
	b.tenant.ResetLog()

	changed, err := decode[metaverse.CSPage](b, "search", "-connector", "contoso.test", "-to-sync", "any")
	require.NoError(t, err)
	require.Len(t, changed.Objects, 1)
	require.Equal(t, p.Users[0], changed.Objects[0].DN)

	pre, err := decode[metaverse.Preview](b, "preview", p.Users[0])
	require.NoError(t, err)
	require.Len(t, pre.Exports, 1)
	require.Equal(t, "update", pre.Exports[0].After.Op)
	require.False(t, pre.Committed)
	byAnchor, err := decode[metaverse.Preview](b, "preview", "-connector", "contoso.test", "-anchor", changed.Objects[0].Anchor)
	require.NoError(t, err)
	require.Equal(t, pre, byAnchor)
	require.Zero(t, b.tenant.Writes())

	x, err := decode[metaverse.Explained](b, "explain", p.Users[0])
	require.NoError(t, err)
	require.Len(t, x.Linked, 2)
	people, err := decode[metaverse.MVPage](b, "search", "-mv", "-attribute", "displayName", "-value", x.Metaverse.Name)
	require.NoError(t, err)
	require.NotEmpty(t, people.Objects)
	lineage, err := decode[[]metaverse.Lineage](b, "explain", "-mv", fmt.Sprint(x.Metaverse.ID), "-attribute", "displayName")
	require.NoError(t, err)
	require.Equal(t, []string{x.Metaverse.Name}, lineage[0].Values)
	require.NotEmpty(t, lineage[0].From)

	one, err := decode[metaverse.ObjectResult](b, "object", p.Users[0])
	require.NoError(t, err)
	require.Equal(t, metaverse.ResultSuccess, one.Result)
	require.Equal(t, 1, b.tenant.Writes())
	u, ok := b.tenant.User(upnOf(t, b, p.Users[0]))
	require.True(t, ok)
	require.Equal(t, "Director", u.JobTitle)

	for _, args := range [][]string{{"search", "-connector", "tenant"}, {"search", "-mv"}, {"preview", p.Users[1]}, {"explain", p.Users[1]},
		{"explain", "-attribute", "mail", p.Users[1]}, {"object", p.Users[1]}} {
		out, err := b.run(args...)
		require.NoError(t, err, args)
		require.NotEmpty(t, out, args)
	}
	for _, args := range [][]string{{"preview"}, {"preview", "CN=Nobody"}, {"search"}, {"search", "-connector", "tenant", "-state", "x"},
		{"explain", "-mv", "4711"}, {"object", "-connect", "1", "-release", p.Users[0]}} {
		_, err := b.run(args...)
		require.Error(t, err, args)
	}
	_, err = b.run("object", "-disconnect", p.Groups[0])
	require.NoError(t, err)
	_, err = b.run("object", "-release", p.Groups[0])
	require.NoError(t, err)
	result, err := b.cycle()
	require.NoError(t, err)
	require.Zero(t, result.Steps[4].Counters.Deletes, "released in time")
}

// excluding configures the bench with an OU left out, beside the configuration in force.
func (b *bench) excluding(base string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.configure())
	require.NoError(b.t, err)
	text := strings.Replace(string(data), "    exchange: true\n", fmt.Sprintf("    exchange: true\n    exclude: [%q]\n", base), 1)
	path := filepath.Join(b.dir, "changed.yaml")
	require.NoError(b.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestWhatIfCommand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.populate(30, 2)
	_, err := b.cycle()
	require.NoError(t, err)
	b.tenant.ResetLog()

	same, err := decode[metaverse.Report](b, "whatif")
	require.NoError(t, err)
	require.True(t, same.Empty())

	_, ou, _ := strings.Cut(p.Users[0], ",")
	inOU := 0
	for _, dn := range p.Users {
		if strings.HasSuffix(dn, ou) {
			inOU++
		}
	}
	changed := b.excluding(ou)
	saved := filepath.Join(b.dir, "report.json")
	report, err := decode[metaverse.Report](b, "whatif", "-with", changed, "-read", "-max-deletes", "1", "-o", saved)
	require.ErrorIs(t, err, errBeyondLimits)
	require.Len(t, report.Exceeded, 1)
	require.GreaterOrEqual(t, len(report.Connectors[1].Deletes), inOU)
	require.Contains(t, report.Connectors[1].Deletes[0].Cause, "is not there any more")
	require.Zero(t, b.tenant.Writes())
	data, err := os.ReadFile(saved)
	require.NoError(t, err)
	var back metaverse.Report
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, report, back)

	out, err := b.run("whatif", "-with", changed, "-read", "-max-deletes", "-1")
	require.NoError(t, err)
	require.Contains(t, out, "delete ")
	_, err = b.run("whatif", "-rules", "missing.yaml")
	require.Error(t, err)
	result, err := b.cycle()
	require.NoError(t, err)
	require.Zero(t, result.Steps[4].Objects, "the live store is left alone")
}

func TestStoreCommands(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.populate(5, 1)
	_, err := b.cycle()
	require.NoError(t, err)
	check, err := decode[map[string]any](b, "store", "check")
	require.NoError(t, err)
	require.Equal(t, true, check["ok"])
	backup := filepath.Join(b.dir, "backup.db")
	_, err = b.run("store", "backup", backup)
	require.NoError(t, err)
	_, err = b.run("store", "backup", backup)
	require.Error(t, err, "nothing is overwritten")
	s, err := sqlstore.Open(t.Context(), backup, nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	out, err := b.run("store", "dump")
	require.NoError(t, err)
	for line := range strings.Lines(out) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	dump := filepath.Join(b.dir, "dump.jsonl")
	_, err = b.run("store", "dump", dump)
	require.NoError(t, err)
	data, err := os.ReadFile(dump)
	require.NoError(t, err)
	require.Equal(t, out, string(data))
	for _, args := range [][]string{{"store"}, {"store", "mend"}, {"store", "backup"}} {
		_, err := b.run(args...)
		require.Error(t, err, args)
	}
}

// A preview is kept when asked to, and an anchor names an object as well as a DN.
func TestPreviewIsCommittedAndAnchorsName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.populate(4, 1)
	_, err := b.cycle()
	require.NoError(t, err)
	page, err := decode[metaverse.CSPage](b, "search", "-connector", "contoso.test", p.Users[0])
	require.NoError(t, err)
	require.Len(t, page.Objects, 1)
	anchor := []string{"-connector", "contoso.test", "-anchor", page.Objects[0].Anchor}
	title := func() (out []string) {
		for _, u := range b.tenant.Users() {
			out = append(out, u.JobTitle)
		}
		return out
	}

	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("title", "Director")))
	_, err = b.run("import", "contoso.test")
	require.NoError(t, err)
	shown, err := decode[metaverse.Preview](b, append([]string{"preview"}, anchor...)...)
	require.NoError(t, err)
	require.False(t, shown.Committed)
	waiting := func() int {
		page, err := decode[metaverse.CSPage](b, "search", "-connector", "tenant", "-to-export", "any")
		require.NoError(t, err)
		return len(page.Objects)
	}
	require.Zero(t, waiting(), "nothing was written")
	kept, err := decode[metaverse.Preview](b, append([]string{"preview", "-commit"}, anchor...)...)
	require.NoError(t, err)
	require.True(t, kept.Committed)
	require.Equal(t, shown.Exports, kept.Exports)
	require.Equal(t, 1, waiting())
	_, err = b.run("export", "tenant")
	require.NoError(t, err)
	require.Contains(t, title(), "Director")

	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("title", "President")))
	done, err := decode[metaverse.ObjectResult](b, append([]string{"object"}, anchor...)...)
	require.NoError(t, err)
	require.Equal(t, metaverse.ResultSuccess, done.Result)
	require.Contains(t, title(), "President")
}
