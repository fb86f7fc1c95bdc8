package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/examples/internal/identity"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// Names of fields are promised: JSON.md lists them. Objects whose keys are data are no fields.
var (
	fieldName = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`)
	quoted    = regexp.MustCompile("`([^`]+)`")
	dataKeys  = []string{"metaverse", "scheduler.state.connectors", "scheduler.state.overrides", "scheduler.state.maintained"}
)

// A jsonWalk collects the fields that commands print.
type jsonWalk struct {
	b      *bench
	fields map[string]map[string]bool // by command
	walked map[string]bool            // commands, with their verbs
}

// run runs a command with -json and takes its output in. fails says that it is to end unsuccessfully.
func (w *jsonWalk) run(fails bool, name string, args ...string) {
	w.b.t.Helper()
	out, err := w.b.run(append(strings.Fields(name), append(args, "-json")...)...)
	if fails {
		require.Error(w.b.t, err, name)
	} else {
		require.NoError(w.b.t, err, name)
	}
	w.printed(name, out)
}

// printed takes the output of a command in.
func (w *jsonWalk) printed(name, out string) {
	w.b.t.Helper()
	w.walked[name] = true
	if w.fields[name] == nil {
		w.fields[name] = make(map[string]bool)
	}
	d := json.NewDecoder(strings.NewReader(out))
	for n := 0; ; n++ {
		var v any
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			require.Positive(w.b.t, n, "%s prints nothing", name)
			require.True(w.b.t, n == 1 || name == "store dump", "%s prints %d documents", name, n)
			return
		}
		require.NoError(w.b.t, err, "%s printed %q", name, out)
		if name != "config schema" && name != "config export" && name != "store dump" {
			w.take(name, "", v)
		}
	}
}

func (w *jsonWalk) take(name, path string, v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			w.take(name, path, one)
		}
	case map[string]any:
		for key, one := range v {
			at := strings.TrimPrefix(path+"."+key, ".")
			if slices.Contains(dataKeys, path) {
				at = path + ".*"
			} else {
				require.Regexp(w.b.t, fieldName, key, "%s: %s", name, at)
			}
			w.fields[name][at] = true
			w.take(name, at, one)
		}
	}
}

// Every command prints JSON when asked to, and nothing else; what its fields are called is listed in
// JSON.md.
func TestEveryCommandPrintsJSON(t *testing.T) {
	b := newBench(t)
	w := &jsonWalk{b: b, fields: make(map[string]map[string]bool), walked: make(map[string]bool)}
	p := b.populate(12, 2)
	require.NoError(t, b.dc.Modify(p.Users[5], adtest.Replace("userPrincipalName", "five@elsewhere.test")))
	w.run(false, "check")
	w.run(true, "cycle") // one user's name is of a domain that the tenant does not have
	require.NoError(t, b.dc.Modify(p.Users[0], adtest.Replace("title", "Director")))
	w.run(false, "preview", p.Users[0])
	w.run(false, "object", p.Users[0])
	for _, step := range []string{"import", "sync"} {
		w.run(false, step)
	}
	w.run(true, "export", "tenant")
	for _, show := range []string{"status", "history", "errors", "whatif", "config check", "config export", "config schema", "config history"} {
		w.run(false, show)
	}
	w.run(false, "search", "-mv")
	w.run(false, "search", "-connector", "contoso.test")
	w.run(false, "search", "-connector", "tenant", "-errors")
	w.run(false, "search", "-connector", "tenant", "-error", "some-code")
	w.run(false, "explain", p.Users[0])
	w.run(false, "explain", p.Users[0], "-attribute", "title")
	w.run(false, "object", p.Users[1], "-disconnect")
	w.run(false, "object", p.Users[1], "-release")

	w.run(false, "start") // it waits for a daemon
	w.daemon()
	w.run(false, "suspend", "-reason", "holidays")
	w.run(false, "status")
	w.run(false, "resume")
	w.run(false, "require", "contoso.test", "-full-sync")
	w.run(false, "staging enter")
	w.run(false, "staging status")
	report := filepath.Join(b.dir, "report.json")
	w.run(false, "staging report", "-o", report)
	w.run(false, "staging compare", report, report)
	w.run(false, "staging leave")

	w.run(false, "config diff", b.configure())
	w.run(false, "store check")
	w.run(false, "store repair", filepath.Join(b.dir, "before.db"))
	w.run(false, "store dump")
	w.run(false, "store backup", filepath.Join(b.dir, "copy.db"))
	w.run(false, "store copy", filepath.Join(b.dir, "other.db"))
	s, err := sqlstore.Open(t.Context(), filepath.Join(b.dir, "store.db"), nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	t.Setenv(adminPassword, b.dc.AdminPassword())
	admin := []string{"-admin", b.dc.AdminUPN()}
	w.run(false, "account plan", admin...)
	w.run(false, "account create", append(admin, "-password-file", filepath.Join(b.dir, "password"))...)
	w.run(false, "account undo", admin...)
	w.run(false, "account grant", append(admin, "-name", "u00003")...)
	w.run(false, "account undo", admin...)

	elsewhere := map[string]string{"config publish": "TestSharedConfigurationPrintsJSON: it takes a store that servers share"}
	for _, c := range identity.Commands() {
		elsewhere["identity "+c.Name] = "TestIdentityPrintsJSON: it takes an identity"
	}
	w.mentions(t, elsewhere)
	w.documented(t)
}

// daemon runs the daemon until the end of a cycle, which is stopped on its way.
func (w *jsonWalk) daemon() {
	w.b.t.Helper()
	w.b.dc.Faults().Delay(time.Second) // so that there is time to stop it
	ctx, cancel := context.WithTimeout(w.b.t.Context(), patience)
	defer cancel()
	out, ended := &firstOutput{then: cancel}, make(chan error, 1)
	devNull, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(w.b.t, err)
	defer devNull.Close()
	path := w.b.configure()
	go func() { ended <- run(ctx, []string{"run", "-json", "-config", path}, out, devNull) }()
	w.b.eventually("a cycle", func() bool { return w.b.status().State.Running != nil })
	w.run(false, "stop")
	w.b.dc.Faults().Delay(0)
	require.NoError(w.b.t, <-ended)
	d := json.NewDecoder(&out.Buffer)
	d.DisallowUnknownFields()
	var cycle cycleResult
	require.NoError(w.b.t, d.Decode(&cycle), "as the command cycle")
	require.NotEmpty(w.b.t, cycle.Result)
	w.walked["run"] = true
}

// firstOutput keeps what is written and calls then.
type firstOutput struct {
	bytes.Buffer
	then func()
}

func (o *firstOutput) Write(p []byte) (int, error) {
	defer o.then()
	return o.Buffer.Write(p)
}

// mentions requires that every command, and every verb in its usage, was run, but for those that
// another test runs.
func (w *jsonWalk) mentions(t *testing.T, elsewhere map[string]string) {
	t.Helper()
	found := make(map[string]bool)
	for _, c := range commands() {
		verbs := regexp.MustCompile(`\b[a-z]+\b`).FindAllString(c.args, -1)
		if len(verbs) == 0 {
			verbs = []string{""}
		}
		for _, verb := range verbs {
			name := strings.TrimSpace(c.name + " " + verb)
			found[name] = true
			require.True(t, w.walked[name] != (elsewhere[name] != ""), "%s is run here, or another test runs it", name)
		}
	}
	for name := range w.walked {
		require.True(t, found[name], "%s is no command in the usage", name)
	}
	for name := range elsewhere {
		require.True(t, found[name], "%s is no command in the usage", name)
	}
}

// documented requires that JSON.md lists every field; -update adds what it lacks.
func (w *jsonWalk) documented(t *testing.T) {
	t.Helper()
	const name = "JSON.md"
	old, err := os.ReadFile(name)
	if !*update {
		require.NoError(t, err)
	}
	intro, _, _ := strings.Cut(string(old), "\n## ")
	listed := make(map[string]map[string]bool)
	command := ""
	for line := range strings.Lines(string(old)) {
		if c, ok := strings.CutPrefix(line, "## "); ok {
			command = strings.Trim(strings.TrimSpace(c), "`")
			listed[command] = make(map[string]bool)
		} else if command != "" {
			for _, f := range quoted.FindAllStringSubmatch(line, -1) {
				listed[command][f[1]] = true
			}
		}
	}
	for command, fields := range w.fields {
		for f := range fields {
			if !*update {
				require.True(t, listed[command][f], "JSON.md does not list field %s of %s: go test -run JSON -update", f, command)
			}
			if listed[command] == nil {
				listed[command] = make(map[string]bool)
			}
			listed[command][f] = true
		}
	}
	if !*update {
		return
	}
	var out bytes.Buffer
	fmt.Fprint(&out, strings.TrimRight(intro, "\n"), "\n")
	for _, command := range slices.Sorted(maps.Keys(listed)) {
		if len(listed[command]) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n## `%s`\n\n", command)
		width := 0
		for _, f := range slices.Sorted(maps.Keys(listed[command])) {
			if width += len(f) + 3; width > 120 {
				fmt.Fprintln(&out)
				width = len(f) + 3
			} else if width > len(f)+3 {
				fmt.Fprint(&out, " ")
			}
			fmt.Fprintf(&out, "`%s`", f)
		}
		fmt.Fprintln(&out)
	}
	require.NoError(t, os.WriteFile(name, out.Bytes(), 0o644)) //nolint:gosec // it is published
}

// The commands of servers that share a store do so as well.
func TestIdentityPrintsJSON(t *testing.T) {
	b := managed(t)
	walked := make(map[string]bool)
	show := func(verb string, args ...string) {
		t.Helper()
		v, err := decode[any](b, append([]string{"identity", verb, "-admin", "secret"}, args...)...)
		require.NoError(t, err, verb)
		require.NotNil(t, v, verb)
		walked[verb] = true
	}
	for _, verb := range []string{"create", "show", "rotate", "check", "maintain"} {
		show(verb)
	}
	show("revoke", b.identityStatus().Previous.Thumbprint)
	show("rotate")
	show("rollback")
	show("remove")
	for _, c := range identity.Commands() {
		require.True(t, walked[c.Name], "%s is not tried", c.Name)
	}
}

func TestSharedConfigurationPrintsJSON(t *testing.T) {
	t.Parallel()
	pg := postgrestest.Start(t, nil)
	b := newBench(t)
	b.values["store"] = pg.URL()
	for _, args := range [][]string{{"config", "publish"}, {"config", "diff"}, {"config", "history"}} {
		v, err := decode[any](b, args...)
		require.NoError(t, err, args)
		require.NotNil(t, v, args)
	}
}
