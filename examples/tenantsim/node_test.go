package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Graph client in another language: Microsoft's own for JavaScript creates a user, lists,
// follows a delta, is throttled and recovers. It comes from the npm registry, so that the
// test is skipped where npm or the registry is missing, unless HYBRIDSYNC_NODE=all asks for
// it; HYBRIDSYNC_REQUIRE does not, since Debian's npm would be most of what CI installs.
func TestClientInJavaScript(t *testing.T) {
	t.Parallel()
	missing := func(format string, args ...any) {
		if os.Getenv("HYBRIDSYNC_NODE") == "all" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if testing.Short() {
		t.Skip("installs a package")
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		missing("no npm: %v", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("no node: %v", err)
	}
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join("testdata", "graph.mjs"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "graph.mjs"), script, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"private":true,"type":"module"}`), 0o600))
	install := exec.CommandContext(t.Context(), npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1",
		"@microsoft/microsoft-graph-client@3.0.7")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		missing("npm cannot install the client: %v\n%s", err, out)
	}

	s := start(t, "-users", "12", "-throttle", "0.01") // 35 resource units in ten seconds
	line, err := json.Marshal(s.line)
	require.NoError(t, err)
	run := exec.CommandContext(t.Context(), node, "graph.mjs")
	run.Dir = dir
	run.Env = append(os.Environ(), "SIM="+string(line), "NODE_EXTRA_CA_CERTS="+s.line["ca_file"])
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, s.stderr)
	t.Logf("%s", out)
	s.stop(os.Interrupt)
	require.Empty(t, s.stderr.String(), "nothing that no correct client sends")
}
