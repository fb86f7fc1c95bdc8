package rules_test

import (
	"bytes"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/rules"
)

var update = flag.Bool("update", false, "write the export in testdata anew")

// stockFolder holds an export of our own making, in Entra Connect's format.
const stockFolder = "testdata/export"

// It is not parallel: with -update others must not read what it writes.
func TestStockExportIsCurrent(t *testing.T) {
	want := stockExport(t)
	if *update {
		require.NoError(t, os.RemoveAll(stockFolder))
		for name, text := range want {
			file := filepath.Join(stockFolder, filepath.FromSlash(name))
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, text, 0o644))
		}
	}
	dir := os.DirFS(stockFolder)
	seen := make(map[string]bool)
	require.NoError(t, fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got, err := fs.ReadFile(dir, name)
		seen[name] = true
		require.True(t, bytes.Equal(want[name], got), "%s is not what the generator writes; run the test with -update", name)
		return err
	}))
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(seen)))
}

func readStock(t *testing.T) *rules.Export {
	t.Helper()
	e, err := rules.ReadExport(os.DirFS(stockFolder))
	require.NoError(t, err)
	return e
}

func TestStockExportSaysWhatWasWritten(t *testing.T) {
	t.Parallel()
	e := readStock(t)
	want := stockRules()
	require.Len(t, e.Rules, 62)
	require.Empty(t, rules.Diff(want, e.Rules))
	for i := range want { // Diff compares meaning; the text must survive, too
		at := slices.IndexFunc(e.Rules, func(r rules.Rule) bool { return r.ID == want[i].ID })
		for k, f := range want[i].Flows {
			require.Equal(t, f.Expression, e.Rules[at].Flows[k].Expression, want[i].Name)
		}
		require.Equal(t, want[i].Tag, e.Rules[at].Tag)
	}
	require.Equal(t, rules.StandardMetaverse(stockOptions), e.Metaverse)
	require.Equal(t, "500", e.Settings["Microsoft.OptionalFeature.ExportDeletionThresholdValue"])
	require.NotContains(t, e.Settings, "Microsoft.Secret")
	ad := e.Connector(stockConnectors[0].id)
	require.Equal(t, []string{"OU=Old,DC=corp,DC=example"}, ad.Partitions[0].Exclusions)
	require.Equal(t, "CORP", ad.Partitions[0].Parameters["Domain.Netbios"])
	require.True(t, e.Connector(stockConnectors[1].id).IsEntra())
}

func TestStockExportLeavesNothingUnexplained(t *testing.T) {
	t.Parallel()
	for _, i := range readStock(t).Ignored {
		require.NotContains(t, i.Reason, "not known", i.String())
		require.NotContains(t, i.String(), "svc-sync")
		require.NotContains(t, i.String(), "c2VjcmV0")
	}
}

func TestStockExportCompilesWithoutErrors(t *testing.T) {
	t.Parallel()
	e := readStock(t)
	set, err := rules.Compile(e.Rules, e.CompileOptions())
	require.NoError(t, err)
	require.Len(t, set.Rules(), 61, "one is disabled")
	require.Empty(t, set.Warnings())
}

func TestStockExportToYAMLAndBack(t *testing.T) {
	t.Parallel()
	e := readStock(t)
	out, err := rules.MarshalYAML(e.File())
	require.NoError(t, err)
	f, err := rules.ParseYAML(bytes.NewReader(out))
	require.NoError(t, err)
	require.Equal(t, e.Rules, f.Rules)
	require.Equal(t, e.Metaverse, f.Metaverse)
	require.Empty(t, rules.Diff(e.Rules, f.Rules))
	a, err := rules.Compile(e.Rules, e.CompileOptions())
	require.NoError(t, err)
	b, err := rules.Compile(f.Rules, f.CompileOptions())
	require.NoError(t, err)
	require.Equal(t, len(a.Rules()), len(b.Rules()))
	again, err := rules.MarshalYAML(f)
	require.NoError(t, err)
	require.Equal(t, string(out), string(again))
}
