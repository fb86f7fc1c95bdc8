package ad_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// Where DirSync is refused altogether, changes are found by uSNChanged.
func TestMockWithoutDirSync(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	base := dc.BaseDN()
	unit(t, dc, "OU=People,"+base, "anna", "bert", "carl")
	unit(t, dc, "OU=Out,"+base, "eve")
	group := dc.Must(dc.AddGroup("team", nil))
	require.NoError(t, dc.AddMember(group, "CN=anna,OU=People,"+base, "CN=bert,OU=People,"+base))
	dc.Faults().RefuseDirSync(true)
	o := mockOptions(dc)
	o.Exclude = []string{"OU=Out," + base}
	s := open(t, directory(t, o))
	v := full(t, s)

	require.NoError(t, dc.Modify("CN=anna,OU=People,"+base, adtest.Replace("title", "x")))
	require.NoError(t, dc.RemoveMember(group, "CN=bert,OU=People,"+base))
	require.NoError(t, dc.Delete("CN=bert,OU=People,"+base))
	move(t, dc, "CN=eve,OU=Out,"+base, "CN=eve,OU=People,"+base)
	move(t, dc, "CN=carl,OU=People,"+base, "CN=carl,OU=Out,"+base)
	v.delta(t, s)
	require.Len(t, v.deletes, 2)
	require.Len(t, v.objects, 3, "anna, eve and the group come whole")
	v.equal(t, full(t, s))

	move(t, dc, "OU=People,"+base, "OU=Staff,"+base)
	v.delta(t, s)
	v.equal(t, full(t, s))
	v.delta(t, s)
	require.Empty(t, v.objects)
	require.Empty(t, v.updates)

	dc.Faults().NewInvocation()
	require.ErrorIs(t, tryDelta(t, s, v), connector.ErrWatermarkExpired)
}

// The numbers of one domain controller mean nothing to another.
func TestMockNumbersAreLocal(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.options.DirSync = ad.DirSyncNever
	con := directory(t, p.options)
	v := full(t, open(t, con))
	p.cut(t, true)
	require.ErrorIs(t, tryDelta(t, open(t, con), v), connector.ErrWatermarkExpired)
	p.cut(t, false)
	v.delta(t, open(t, con))
}

// Only what changed travels, however large the directory is.
func TestMockDeltaTransfersOnlyChanges(t *testing.T) {
	t.Parallel()
	users, changes := 50_000, 100
	if testing.Short() {
		users, changes = 2_000, 20
	}
	dc := adtest.NewServer(t, nil)
	population, err := dc.Populate(adtest.PopulationOptions{Users: users, Groups: 5})
	require.NoError(t, err)
	s := open(t, directory(t, mockOptions(dc)))
	importer, _ := connector.As[connector.FullImporter](s)
	var v view
	for item, err := range importer.FullImport(t.Context(), connector.ImportRequest{}) {
		require.NoError(t, err)
		if item.Kind == connector.ItemComplete {
			v.mark = item.Complete.Watermark
		} else if item.Object.DN == population.Everyone {
			require.Len(t, item.Object.Attributes.Values("member"), users, "ranges are read to their end")
		}
	}
	for i := range changes {
		require.NoError(t, dc.Modify(population.Users[i*7], adtest.Replace("title", fmt.Sprint(i))))
	}
	dc.ResetLog()
	fresh := newView()
	delta, _ := connector.As[connector.DeltaImporter](s)
	require.NoError(t, fresh.take(delta.DeltaImport(t.Context(), v.mark, connector.ImportRequest{})))
	require.Len(t, fresh.updates, changes)
	entries := 0
	for _, r := range dc.Requests() {
		entries += r.Entries
	}
	// Each changed object comes once with its changes and once with its class.
	require.LessOrEqual(t, entries, 2*changes+10)
	require.LessOrEqual(t, dc.Count(adtest.OpSearch), 12)
}

// A real domain controller, by an account that may not replicate changes.
func TestSambaWithoutDirSync(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 60, Groups: 3, Delegate: true})
	p := d.Population
	o := adminOptions(d)
	o.DirSync = ad.DirSyncNever
	s := open(t, directory(t, o))
	v := full(t, s)
	edit := fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: title\ntitle: changed\n\ndn: %s\nchangetype: delete\n\n"+
		"dn: %s\nchangetype: modrdn\nnewrdn: OU=Team\ndeleteoldrdn: 1\n", p.UserDN(1), p.UserDN(2), p.PeopleDN())
	o.BindName = d.ReaderUPN
	blind := open(t, directory(t, o))
	w := full(t, blind)
	d.MustEdit(t, edit)
	v.delta(t, s)
	require.Len(t, v.deletes, 1)
	v.equal(t, full(t, s))

	w.delta(t, blind)
	require.Empty(t, w.deletes, "who may not list deleted objects misses deletions")
	preflight, _ := connector.As[connector.Preflighter](blind)
	findings, err := preflight.Preflight(t.Context(), connector.Needs{Import: true, Delta: true})
	require.NoError(t, err)
	var said []string
	for _, f := range findings {
		said = append(said, f.Message, f.Remedy)
	}
	require.Contains(t, strings.Join(said, "\n"), `CONTOSO\svc-reader:LCRP`, "commands name the account")
	require.Contains(t, strings.Join(said, "\n"), "cannot list deleted objects", "and Preflight says so")
	require.Contains(t, strings.Join(said, "\n"), "found by uSNChanged")
}
