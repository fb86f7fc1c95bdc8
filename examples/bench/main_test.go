package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Tiny populations go through every scenario that needs no other program.
func TestBench(t *testing.T) {
	t.Parallel()
	var out, log strings.Builder
	args := []string{"-short", "-json", "-runs", "1", "-scale", "0.01", "-scenario", "sync,memory,group,entra,million"}
	dir := t.TempDir()
	profiles := []string{"cpuprofile", "memprofile", "blockprofile", "mutexprofile", "trace"}
	for _, name := range profiles {
		args = append(args, "-"+name, filepath.Join(dir, name))
	}
	require.NoError(t, run(t.Context(), args, &out, &log), log.String())
	for _, name := range profiles {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NotZero(t, info.Size(), name)
	}
	var r report
	require.NoError(t, json.Unmarshal([]byte(out.String()), &r))
	require.NotEmpty(t, r.Machine)
	seen := make(map[string]bool)
	for _, x := range r.Results {
		seen[x.Scenario] = true
		require.Empty(t, x.Skipped)
		require.LessOrEqual(t, x.Low, x.Median)
		require.LessOrEqual(t, x.Median, x.High)
		if x.Unit == "objects" && x.Target != "" { // counts hold whatever the machine
			require.True(t, *x.Met, "%+v", x)
		}
	}
	require.Len(t, seen, 5)
	var table strings.Builder
	require.NoError(t, r.markdown(&table))
	require.Contains(t, table.String(), "| group | one member joins a group of")
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-scenario", "none"}, {"-runs", "-1"}, {"-scale", "0"}, {"more"}, {"-trace", t.TempDir()}} {
		var out strings.Builder
		require.Error(t, run(t.Context(), args, &out, &out), "%q", args)
	}
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-help"}, &out, &out))
	require.Contains(t, out.String(), "-scenario")
}

// The same numbers give the same objects, and users are about as large as real ones.
func TestCompany(t *testing.T) {
	t.Parallel()
	c := &company{users: 100}
	a, b := c.user(42), c.user(42)
	require.True(t, a.Attributes.Equal(&b.Attributes))
	size, values := 0, 0
	for name, vs := range a.Attributes.All() {
		size += len(name)
		values += len(vs)
		for _, v := range vs {
			size += len(v.Text())
		}
	}
	require.InDelta(t, 1600, size, 400)
	require.GreaterOrEqual(t, values, 22)
	c.year = 1
	require.Len(t, c.news(), 7)
	require.Empty(t, c.news(), "news are told once")
}
