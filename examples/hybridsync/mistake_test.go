package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// peopleEnv is how many people TestMistakenFilter drops; 120 by default.
const peopleEnv = "HYBRIDSYNC_TEST_PEOPLE"

// An administrator's mistake, an OU filter that drops people, is stopped, explained by name
// and undone without loss, at the import and, should somebody wave that through, at the
// export. HYBRIDSYNC_TEST_PEOPLE=2000 tries it at size.
func TestMistakenFilter(t *testing.T) {
	t.Parallel()
	dropped := 120
	if n, err := strconv.Atoi(os.Getenv(peopleEnv)); err == nil {
		dropped = n
	}
	b := newBench(t)
	kept, err := b.dc.Populate(adtest.PopulationOptions{Users: 30, Groups: 1, OU: "Kept"})
	require.NoError(t, err)
	ou, err := b.dc.AddOU("Dropped")
	require.NoError(t, err)
	for i := range dropped {
		dn := b.dc.Must(b.dc.AddUser(fmt.Sprintf("CN=Person %d,%s", i, ou), nil))
		require.NoError(t, b.dc.AddMember(kept.Groups[0], dn))
	}
	_, err = b.cycle()
	require.NoError(t, err)
	accounts := make(map[string]string) // ids by name
	for _, u := range b.tenant.Users() {
		accounts[u.UserPrincipalName] = u.ID
	}
	require.Len(t, accounts, dropped+30)
	group := b.tenant.Groups()[0].ID
	members := b.tenant.Members(group)
	b.tenant.ResetLog()
	good := b.values["more"]
	mistake := fmt.Sprintf("safety:\n  deletion_threshold: %d\n", dropped/2)
	excluding := fmt.Sprintf("    exchange: true\n    allow_administrator: true\n    exclude: [%q]\n", ou)
	b.values["more"], b.values["keys"] = mistake, excluding

	// The next cycle stops at the import.
	out, err := b.run("cycle")
	require.ErrorIs(t, err, metaverse.ErrHeld)
	require.Contains(t, out, string(metaverse.ResultStoppedImportHeld))
	text := err.Error()
	require.Contains(t, text, fmt.Sprintf("%d of the ", dropped))
	require.Contains(t, text, "CN=Person 0,"+ou, "some are named")
	require.Contains(t, text, "more")
	require.Contains(t, text, "hybridsync whatif -read")
	require.Contains(t, text, "hybridsync import -full -accept-run ")
	require.Zero(t, b.tenant.Writes())

	// What it would mean is told by name.
	report, err := decode[metaverse.Report](b, "whatif", "-read", "-max-deletes", "-1")
	require.NoError(t, err)
	require.Len(t, report.Connectors[1].Deletes, min(dropped, len(report.Connectors[1].Deletes)))
	require.NotEmpty(t, report.Connectors[1].Deletes[0].Name)
	require.EqualValues(t, dropped, int64(len(report.Connectors[1].Deletes))+report.Connectors[1].MoreDeletes)

	// Undone here: nothing was lost, nothing is written.
	b.values["keys"] = ""
	_, err = b.cycle()
	require.NoError(t, err)
	require.Zero(t, b.tenant.Writes())

	// Waved through, it stops again before the first deletion.
	b.values["keys"] = excluding
	_, err = b.run("import", "contoso.test")
	require.ErrorIs(t, err, metaverse.ErrHeld)
	_, advice, ok := strings.Cut(err.Error(), "as it should be? hybridsync ")
	require.True(t, ok)
	_, err = b.run(strings.Fields(advice)...)
	require.NoError(t, err, "the advice works")
	_, err = b.run("sync")
	require.NoError(t, err)
	out, err = b.run("export", "tenant")
	require.ErrorIs(t, err, metaverse.ErrHeld)
	require.Contains(t, out, string(metaverse.ResultStoppedDeletionThreshold))
	text = err.Error()
	require.Contains(t, text, fmt.Sprintf("%d deletes are pending for tenant, more than the threshold of %d", dropped, dropped/2))
	require.Contains(t, text, "@contoso.test", "some are named")
	require.Contains(t, text, "hybridsync search -connector tenant -to-export delete")
	require.Contains(t, text, "hybridsync export -accept-run ")
	require.Zero(t, b.tenant.Writes())
	found, err := b.run("search", "-connector", "tenant", "-to-export", "delete", "-n", strconv.Itoa(dropped))
	require.NoError(t, err)
	require.GreaterOrEqual(t, strings.Count(found, "\n"), dropped)

	// The daemon stops there as well, and tells whoever is on call, without a name.
	heard := newReceiver(t)
	b.values["more"] = mistake + fmt.Sprintf("alerts: {webhook: %q}\n", heard.URL+"/alerts")
	said, err := os.Create(filepath.Join(b.dir, "said"))
	require.NoError(t, err)
	ctx, terminate := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	_, err = b.run("start")
	require.NoError(t, err)
	config := b.configure()
	go func() { ended <- run(ctx, []string{"run", "-config", config}, io.Discard, said) }()
	b.eventually("the alert", func() bool { return heard.has(scheduler.EventDeletionThreshold) })
	terminate()
	require.NoError(t, <-ended)
	require.NoError(t, said.Close())
	logged, err := os.ReadFile(said.Name())
	require.NoError(t, err)
	require.Contains(t, string(logged), "event_id=116 event=deletion-threshold")
	heard.mu.Lock()
	require.NotContains(t, strings.Join(heard.raw, "\n"), "Person")
	heard.mu.Unlock()
	require.Zero(t, b.tenant.Writes())

	// Undone here as well: the same accounts with the same members, and no write at all.
	b.values["more"], b.values["keys"] = good, ""
	for range 2 {
		_, err = b.cycle()
		require.NoError(t, err)
	}
	require.Zero(t, b.tenant.Writes())
	after := make(map[string]string)
	for _, u := range b.tenant.Users() {
		after[u.UserPrincipalName] = u.ID
	}
	require.Equal(t, accounts, after)
	require.ElementsMatch(t, members, b.tenant.Members(group))
}
