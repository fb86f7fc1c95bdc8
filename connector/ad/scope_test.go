package ad_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

// openLast opens a session of a new process that knows the last watermark, and what it has
// to say.
func openLast(t *testing.T, o ad.Options, mark connector.Watermark) (connector.Session, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	s, err := directory(t, o).Open(t.Context(), connector.OpenOptions{Last: mark, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s, &log
}

func unit(t *testing.T, dc *adtest.Server, dn string, users ...string) {
	t.Helper()
	require.NoError(t, dc.Add(dn, adtest.Attrs{"objectClass": {"organizationalUnit"}}))
	for _, name := range users {
		require.NoError(t, dc.Add("CN="+name+","+dn, adtest.Attrs{"objectClass": {"user"}, "sAMAccountName": {name}}))
	}
}

// move gives an object a new DN.
func move(t *testing.T, dc *adtest.Server, from, to string) {
	t.Helper()
	rdn, parent, _ := strings.Cut(to, ",")
	moved, err := dc.Move(from, parent)
	require.NoError(t, err)
	if !strings.HasPrefix(moved, rdn+",") {
		_, err = dc.Rename(moved, strings.SplitN(rdn, "=", 2)[1])
		require.NoError(t, err)
	}
}

func names(v *view) []string {
	var out []string
	for _, o := range v.byAnchor {
		out = append(out, o.Attributes.Text("sAMAccountName"))
	}
	return out
}

// Entra Connect keeps included containers by DN: one that is renamed takes all accounts in
// it out of scope. Here it stays.
func TestMockRenamedContainerStays(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	base := dc.BaseDN()
	unit(t, dc, "OU=Firm,"+base)
	unit(t, dc, "OU=People,OU=Firm,"+base, "anna", "bert")
	unit(t, dc, "OU=Leavers,OU=People,OU=Firm,"+base, "carl")
	unit(t, dc, "OU=Back,OU=Leavers,OU=People,OU=Firm,"+base, "dora")
	o := mockOptions(dc)
	o.Include = []string{"ou=people,ou=firm," + base, "OU=Back,OU=Leavers,OU=People,OU=Firm," + base}
	o.Exclude = []string{"OU=Leavers,OU=People,OU=Firm," + base}
	s := open(t, directory(t, o))
	v := full(t, s)
	require.ElementsMatch(t, []string{"anna", "bert", "dora"}, names(v), "of nested containers the innermost decides")

	move(t, dc, "OU=People,OU=Firm,"+base, "OU=Staff,"+base)
	move(t, dc, "OU=Leavers,OU=Staff,"+base, "OU=Gone,OU=Staff,"+base)
	unit(t, dc, "OU=People,OU=Firm,"+base, "eve") // another one of the old name

	later, log := openLast(t, o, v.mark)
	again := full(t, later)
	require.ElementsMatch(t, []string{"anna", "bert", "dora"}, names(again))
	require.Contains(t, log.String(), "renamed or moved")
	require.Contains(t, log.String(), "OU=Staff")

	v.delta(t, later)
	v.equal(t, again)
	require.True(t, v.has("CN=anna,OU=Staff,"+base))

	// A session that has known the container all the time does as well.
	move(t, dc, "OU=Staff,"+base, "OU=Team,"+base)
	v.delta(t, s)
	require.True(t, v.has("CN=dora,OU=Back,OU=Gone,OU=Team,"+base))
	v.equal(t, full(t, s))

	// One that was deleted is an error, unless another one has its name.
	require.NoError(t, dc.DeleteTree("OU=Team,"+base))
	gone, _ := openLast(t, mustOptions(o, func(o *ad.Options) { o.Include, o.Exclude = o.Include[:1], nil }), v.mark)
	require.Equal(t, []string{"eve"}, names(full(t, gone)))
	require.NoError(t, dc.DeleteTree("OU=Firm,"+base))
	_, err := directory(t, o).Open(t.Context(), connector.OpenOptions{Last: v.mark})
	require.ErrorIs(t, err, connector.ErrInvalid)
	require.ErrorContains(t, err, "Options.Include")
}

func mustOptions(o ad.Options, change func(*ad.Options)) ad.Options {
	change(&o)
	return o
}

func TestMockContainerByGUID(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	unit(t, dc, "OU=People,"+dc.BaseDN(), "anna")
	object, err := dc.Get("OU=People," + dc.BaseDN())
	require.NoError(t, err)
	o := mockOptions(dc)
	o.Include = []string{fmt.Sprintf("<GUID=%x>", object.GUID[:])}
	require.Equal(t, []string{"anna"}, names(full(t, open(t, directory(t, o)))))
	o.Include = []string{"<GUID=00>"}
	_, err = ad.New("x", o)
	require.ErrorContains(t, err, "Include")
}

func TestMockNewContainers(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	base := "OU=People," + dc.BaseDN()
	unit(t, dc, base, "anna")
	unit(t, dc, "OU=Old,"+base, "bert")
	o := mockOptions(dc)
	o.Include, o.HoldNewContainers = []string{base}, true
	v := full(t, open(t, directory(t, o)))
	require.ElementsMatch(t, []string{"anna", "bert"}, names(v))

	unit(t, dc, "OU=New,"+base, "carl")
	unit(t, dc, "OU=Newer,OU=New,"+base, "dora")
	move(t, dc, "CN=bert,OU=Old,"+base, "CN=bert,OU=New,"+base)
	s, log := openLast(t, o, v.mark)
	v.delta(t, s)
	require.Equal(t, []string{"anna"}, names(v))
	require.Contains(t, log.String(), "OU=New,")
	move(t, dc, "CN=dora,OU=Newer,OU=New,"+base, "CN=dora,OU=Old,"+base)
	v.delta(t, s)
	require.ElementsMatch(t, []string{"anna", "dora"}, names(v))
	s, _ = openLast(t, o, v.mark)
	v.equal(t, full(t, s))

	o.Include = append(o.Include, "OU=New,"+base)
	s, _ = openLast(t, o, v.mark)
	require.ErrorIs(t, tryDelta(t, s, v), connector.ErrWatermarkExpired)
	require.ElementsMatch(t, []string{"anna", "bert", "carl", "dora"}, names(full(t, s)))
}

func TestMockGroupFilter(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	base := dc.BaseDN()
	unit(t, dc, "OU=People,"+base, "anna", "bert", "carl")
	unit(t, dc, "OU=Other,"+base, "eve")
	dn := func(name string) string { return "CN=" + name + ",OU=People," + base }
	pilot := dc.Must(dc.AddGroup("pilot", nil))
	inner := dc.Must(dc.AddGroup("inner", nil))
	require.NoError(t, dc.AddMember(inner, dn("carl")))
	require.NoError(t, dc.AddMember(pilot, dn("anna"), inner, "CN=eve,OU=Other,"+base))
	o := mockOptions(dc)
	o.GroupFilter, o.Exclude = pilot, []string{"OU=Other," + base}
	s := open(t, directory(t, o))
	v := full(t, s)
	require.ElementsMatch(t, []string{"anna", "inner"}, names(v), "direct members alone, and of them those in scope")

	require.NoError(t, dc.Modify(dn("bert"), adtest.Replace("title", "x"))) // not yet a member
	v.delta(t, s)
	require.Empty(t, v.updates)
	require.NoError(t, dc.AddMember(pilot, dn("bert")))
	require.NoError(t, dc.RemoveMember(pilot, dn("anna")))
	move(t, dc, pilot, "CN=renamed,CN=Users,"+base)
	require.NoError(t, dc.Modify(inner, adtest.Replace("description", "y")))
	v.delta(t, s)
	require.ElementsMatch(t, []string{"bert", "inner"}, names(v))
	require.Equal(t, "x", v.at(t, dn("bert")).Attributes.Text("title"))
	v.partial = true
	v.equal(t, full(t, s))
	later, log := openLast(t, o, v.mark)
	v.equal(t, full(t, later))
	require.Contains(t, log.String(), "GroupFilter")

	require.NoError(t, dc.Delete("CN=renamed,CN=Users,"+base))
	require.ErrorContains(t, tryDelta(t, s, v), "Options.GroupFilter", "no group is no reason to delete anybody")
}

// Who comes into scope was a member, and a manager, all the time: by another name, that of
// where she was. Of small groups all values are sent then, of large ones those in question.
func TestMockEnteringKeepsMemberships(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ad.Options){
		"DirSync":        func(*ad.Options) {},
		"WithoutDirSync": func(o *ad.Options) { o.DirSync = ad.DirSyncNever },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dc := adtest.NewServer(t, &adtest.Options{MaxValRange: 10})
			staff, outside := "OU=Staff,"+dc.BaseDN(), "OU=Outside,"+dc.BaseDN()
			unit(t, dc, staff, "bert", "many1", "many2", "many3", "many4", "many5", "many6", "many7", "many8", "many9", "many10", "many11")
			unit(t, dc, outside, "anna")
			unit(t, dc, "OU=Team,"+outside, "carl")
			anna, carl := "CN=anna,"+outside, "CN=carl,OU=Team,"+outside
			team, all := "CN=team,"+staff, "CN=all,"+staff
			for _, dn := range []string{team, all} {
				require.NoError(t, dc.Add(dn, adtest.Attrs{"objectClass": {"group"}, "sAMAccountName": {dn[3:7]}}))
				require.NoError(t, dc.AddMember(dn, anna, carl))
			}
			for i := range 11 {
				require.NoError(t, dc.AddMember(all, fmt.Sprintf("CN=many%d,%s", i+1, staff)))
			}
			require.NoError(t, dc.Modify("CN=bert,"+staff, adtest.Replace("manager", anna)))
			o := mockOptions(dc)
			o.Include = []string{staff}
			change(&o)
			s := open(t, directory(t, o))
			v := full(t, s)

			move(t, dc, anna, "CN=anna,"+staff)
			move(t, dc, "OU=Team,"+outside, "OU=Team,"+staff)
			v.delta(t, s)
			fresh := full(t, s)
			for _, dn := range []string{team, all, "CN=bert," + staff} {
				for name, values := range fresh.at(t, dn).Attributes.All() {
					for _, want := range values {
						require.Contains(t, v.at(t, dn).Attributes.Values(name), want, dn)
					}
				}
			}
			require.Len(t, v.at(t, team).Attributes.Values("member"), 2, "not by the former names, too")
			require.Len(t, v.at(t, "CN=bert,"+staff).Attributes.Values("manager"), 1)
			for _, o := range v.objects {
				require.NotEqual(t, all, o.DN, "one member of a large group is not all of it")
			}
			v.delta(t, s)
			require.Empty(t, v.updates)
			require.Empty(t, v.objects)
		})
	}
}
