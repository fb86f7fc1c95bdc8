package hybridsync_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/hybridsync/hybridsync"

// allowed holds which of our packages a package may import. A folder stands for all
// packages beneath it that have no entry of their own. Arrows go one way: a new one needs
// a reason here.
var allowed = map[string][]string{
	"":                    {},
	"connector/attr":      {},
	"sourceanchor":        {},
	"credential":          {},
	"credential/internal": {"credential"},
	// Tests of every key store share it; nothing else can import it.
	"credential/internal/lifecycletest": {"credential", "connector/entra/entratest"},
	"credential/software":               {"credential"},
	"credential/tpm":                    {"credential"},
	"credential/cng":                    {"credential"},
	"credential/pkcs11":                 {"credential"},
	"credential/credentialtest":         {"credential"},
	"connector":                         {"connector/attr", "sourceanchor"},
	"connector/memdir":                  {"connector", "connector/attr", "sourceanchor"},
	"connector/ad/secdesc":              {},
	"connector/ad":                      {"connector", "connector/attr", "connector/ad/secdesc", "sourceanchor", "internal/ldapwire"},
	"connector/entra":                   {"connector", "connector/attr", "sourceanchor"},
	"connector/connectortest":           {"connector", "connector/attr"},
	"connector/ad/adtest":               {"connector", "connector/attr", "connector/ad/secdesc"},
	"connector/entra/entratest":         {"connector", "connector/attr"},
	"rules":                             {"connector/attr", "sourceanchor", "rules"},
	"metaverse":                         {"connector", "connector/attr", "rules", "sourceanchor"},
	"metaverse/sqlstore":                {"metaverse", "rules", "connector", "connector/attr", "metaverse/sqlstore"},
	"metaverse/metaversetest":           {"metaverse", "connector", "connector/attr", "rules"},
	"scheduler":                         {"metaverse"},
	"scheduler/telemetry":               {"scheduler", "metaverse", "connector"},
	"internal":                          {"internal"},
	"internal/ldapwire":                 {}, // what reads directories in connector/ad and in measurements
	"examples":                          {"*"},
}

// reach holds which packages may reach code that costs their users something: time and
// memory to compile, or a database driver.
var reach = map[string][]string{
	// OpenTelemetry's API is small; programs choose the SDK and the exporters.
	"go.opentelemetry.io/otel/sdk":       {"examples"},
	"go.opentelemetry.io/otel/exporters": {"examples"},
	"github.com/prometheus":              {"examples"},
	"github.com/microsoftgraph":          {"connector/entra", "examples"},
	"github.com/microsoft/kiota":         {"connector/entra", "examples"},
	"github.com/Azure/azure-sdk-for-go":  {"connector/entra", "credential", "credential/internal", "credential/internal/lifecycletest", "credential/software", "credential/tpm", "credential/cng", "credential/pkcs11", "credential/credentialtest", "examples"},
	"github.com/AzureAD":                 {"credential", "credential/internal", "credential/internal/lifecycletest", "credential/software", "credential/tpm", "credential/cng", "credential/pkcs11", "credential/credentialtest", "examples"},
	"github.com/google/go-tpm":           {"credential/tpm", "examples"},
	"github.com/ThalesGroup/crypto11":    {"credential/pkcs11"},
	"github.com/miekg/pkcs11":            {"credential/pkcs11"},
	"github.com/go-ldap":                 {"connector/ad", "connector/ad/adtest", "internal", "examples"},
	"github.com/jcmturner":               {"connector/ad", "examples"},
	"modernc.org/sqlite":                 {"metaverse/sqlstore", "examples"},
	"github.com/jackc/pgx":               {"metaverse/sqlstore", "examples"},
	"github.com/stretchr/testify":        {"connector/connectortest", "metaverse/metaversetest", "credential/credentialtest", "credential/internal/lifecycletest", "internal"},
}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportGraph(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		home, ok := entry(path)
		require.True(t, ok, "package %q has no entry in the import graph", path)
		for _, imp := range p.Imports {
			ours, ok := strings.CutPrefix(imp, module)
			if !ok {
				continue
			}
			ours = strings.TrimPrefix(ours, "/")
			if slices.Contains(allowed[home], "*") || under(ours, path) || internalTo(ours, path) {
				continue
			}
			its, _ := entry(ours)
			require.True(t, slices.Contains(allowed[home], ours) || slices.Contains(allowed[home], its),
				"%s imports %s, which the graph does not allow", path, ours)
		}
		for dep, homes := range reach {
			if !slices.ContainsFunc(p.Deps, func(d string) bool { return strings.HasPrefix(d, dep) }) {
				continue
			}
			require.True(t, slices.ContainsFunc(homes, func(h string) bool { return h == home }),
				"%s reaches %s", path, dep)
		}
	}
}

// The leaves cost their users nothing: they are made of the standard library alone.
func TestLeavesNeedTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	leaves := map[string]bool{module + "/sourceanchor": false, module + "/connector/attr": false}
	for _, p := range list(t) {
		if _, leaf := leaves[p.ImportPath]; !leaf {
			continue
		}
		leaves[p.ImportPath] = true
		for _, d := range p.Deps {
			first, _, _ := strings.Cut(d, "/")
			require.False(t, strings.Contains(first, "."), "%s reaches %s", p.ImportPath, d)
		}
	}
	for path, found := range leaves {
		require.True(t, found, path)
	}
}

// Nothing under a *test folder is part of a program.
func TestTestPackagesStayOutOfShippedCode(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if strings.HasPrefix(path, "examples") || strings.Contains(path, "test") {
			continue
		}
		for _, d := range p.Deps {
			ours, ok := strings.CutPrefix(d, module+"/")
			require.False(t, ok && strings.HasSuffix(ours, "test"), "%s reaches %s", path, ours)
		}
	}
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", "./...")
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		require.NoError(t, dec.Decode(&p))
		all = append(all, p)
	}
	require.NotEmpty(t, all)
	return all
}

// entry returns the longest folder of the graph that a package is in.
func entry(path string) (string, bool) {
	for home := path; ; {
		if _, ok := allowed[home]; ok {
			return home, home != "" || path == ""
		}
		i := strings.LastIndexByte(home, '/')
		if i < 0 {
			return "", path == ""
		}
		home = home[:i]
	}
}

// internalTo reports whether ours is an internal package of a folder that path is in.
func internalTo(ours, path string) bool {
	folder, _, ok := strings.Cut(ours, "/internal")
	return ok && under(path, folder)
}

func under(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }
