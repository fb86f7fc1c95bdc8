package ad_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// update returns the one update that a delta import had for an object.
func (v *view) updateOf(t testing.TB, o *connector.Object) connector.Item {
	t.Helper()
	var found []connector.Item
	for _, u := range v.updates {
		if u.Object.Anchor == o.Anchor {
			found = append(found, u)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

func TestSambaDelta(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 100, Groups: 5})
	s := open(t, directory(t, adminOptions(d)))
	v := full(t, s)
	p := d.Population
	disabled, cleared, group := v.at(t, p.UserDN(1)), v.at(t, p.UserDN(2)), v.at(t, p.GroupDN(1))
	removed, renamed, moved := v.at(t, p.UserDN(3)), v.at(t, p.UserDN(4)), v.at(t, p.UserDN(5))
	movedDN := "CN=" + moved.Attributes.Text("cn") + "," + p.GroupsDN()

	d.MustEdit(t, fmt.Sprintf(`dn: %[1]s
changetype: modify
replace: userAccountControl
userAccountControl: 546

dn: %[2]s
changetype: modify
delete: title
-
delete: manager
-
add: proxyAddresses
proxyAddresses: smtp:more@contoso.test

dn: %[3]s
changetype: modify
delete: member
member: %[1]s
member: %[2]s

dn: CN=Neu\, Anna \+ \"Bö\" \<x\>\;#,%[7]s
changetype: add
objectClass: user
sAMAccountName: neu

dn: %[3]s
changetype: modify
add: member
member: CN=Neu\, Anna \+ \"Bö\" \<x\>\;#,%[7]s

dn: %[4]s
changetype: delete

dn: %[5]s
changetype: modrdn
newrdn: CN=Renamed \\ Person
deleteoldrdn: 1

dn: %[6]s
changetype: modrdn
newrdn: CN=%[8]s
deleteoldrdn: 1
newsuperior: %[9]s
`, disabled.DN, cleared.DN, group.DN, removed.DN, renamed.DN, moved.DN, p.DepartmentDN(1), moved.Attributes.Text("cn"), p.GroupsDN()))
	v.delta(t, s)

	require.Equal(t, []connector.Anchor{removed.Anchor}, v.deletes)
	mods := v.updateOf(t, disabled).Mods
	require.Equal(t, []attr.Mod{{Name: "userAccountControl", Replace: true, Adds: []attr.Value{attr.Int(546)}}}, mods)

	u := v.updateOf(t, cleared)
	require.Equal(t, "user", u.Object.Class)
	require.Equal(t, []string{"manager", "proxyAddresses", "title"}, []string{u.Mods[0].Name, u.Mods[1].Name, u.Mods[2].Name})
	require.Empty(t, u.Mods[0].Adds)
	require.Len(t, u.Mods[1].Adds, 4)
	require.Empty(t, u.Mods[2].Adds)

	g := v.updateOf(t, group)
	require.Len(t, g.Mods, 1)
	require.False(t, g.Mods[0].Replace, "members travel by value")
	require.Len(t, g.Mods[0].Adds, 1)
	require.ElementsMatch(t, []attr.Value{attr.Reference(disabled.DN), attr.Reference(cleared.DN)}, g.Mods[0].Deletes)

	r := v.updateOf(t, renamed)
	require.Equal(t, `CN=Renamed \\ Person,`+p.DepartmentDN(4), r.Object.DN)
	require.Equal(t, `Renamed \ Person`, renamed.Attributes.Text("cn"))
	require.Equal(t, movedDN, v.updateOf(t, moved).Object.DN)
	require.Len(t, v.objects, 1)
	require.Equal(t, "neu", v.objects[0].Attributes.Text("sAMAccountName"))

	v.equal(t, full(t, open(t, directory(t, adminOptions(d)))))
	v.delta(t, s)
	require.Empty(t, v.updates)
}

func TestSambaContainerRename(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 80, Groups: 2})
	s := open(t, directory(t, adminOptions(d)))
	v := full(t, s)
	p := d.Population
	d.MustEdit(t, fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: OU=All People\ndeleteoldrdn: 1\n\n"+
		"dn: OU=Sales,OU=All People,%%BASE%%\nchangetype: modrdn\nnewrdn: OU=Sellers\ndeleteoldrdn: 1\n", p.PeopleDN()))
	v.delta(t, s)
	require.Len(t, v.updates, 80, "every object beneath has a new DN, once")
	require.Empty(t, v.objects)
	for _, u := range v.updates {
		require.Len(t, u.Mods, 1)
		require.Equal(t, attr.Mod{Name: "distinguishedName", Replace: true, Adds: []attr.Value{attr.Reference(u.Object.DN)}}, u.Mods[0])
	}
	v.equal(t, full(t, s))

	// A member that is removed in the same run as its container is renamed comes with a DN
	// that only the rename explains.
	group := v.at(t, p.GroupDN(1))
	d.MustEdit(t, fmt.Sprintf("dn: OU=Sellers,OU=All People,%%BASE%%\nchangetype: modrdn\nnewrdn: OU=Vendors\ndeleteoldrdn: 1\n\n"+
		"dn: %s\nchangetype: modify\nreplace: displayName\ndisplayName: x\n-\ndelete: member\nmember: %s\n",
		group.DN, strings.Replace(p.UserDN(8), "OU=Sales,OU=People", "OU=Vendors,OU=All People", 1)))
	v.delta(t, s)
	require.Equal(t, group.Anchor, v.updates[len(v.updates)-1].Object.Anchor, "removed references come last")
	require.Len(t, group.Attributes.Values("member"), 79)
	v.equal(t, full(t, s))
}

func TestSambaScope(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 80, Groups: 2})
	p := d.Population
	o := adminOptions(d)
	o.Include = []string{"ou=sales, " + p.PeopleDN(), p.GroupsDN(), "OU=Legal," + p.PeopleDN(), "CN=Users," + d.BaseDN}
	o.Exclude = []string{"OU=Legal," + p.PeopleDN()}
	con := directory(t, o)
	s := open(t, con)
	v := full(t, s)
	v.partial = true
	require.True(t, v.has(p.UserDN(8)), "Sales")
	require.False(t, v.has(p.UserDN(3)), "Legal is excluded")
	require.False(t, v.has(p.UserDN(1)), "Engineering is not included")
	sales := v.at(t, p.UserDN(8))

	move := func(dn, rdn, parent string) string {
		return fmt.Sprintf("dn: %s\nchangetype: modrdn\nnewrdn: %s\ndeleteoldrdn: 1\nnewsuperior: %s\n\n", dn, rdn, parent)
	}
	d.MustEdit(t, move(p.UserDN(8), "CN=Out", "OU=Finance,"+p.PeopleDN())+move(p.UserDN(1), "CN=In", p.GroupsDN())+
		"dn: "+p.UserDN(9)+"\nchangetype: modify\nreplace: title\ntitle: out of scope\n")
	v.delta(t, s)
	require.Equal(t, []connector.Anchor{sales.Anchor}, v.deletes)
	came := v.at(t, "CN=In,"+p.GroupsDN())
	require.Equal(t, "u000001", came.Attributes.Text("sAMAccountName"))
	require.Contains(t, v.at(t, p.GroupDN(1)).Attributes.Values("member"), attr.Reference(came.DN), "she has been a member all the time")
	for _, o := range v.objects {
		require.True(t, o == came || refersBeneath(o, came.DN), "%s", o.DN)
	}
	require.Empty(t, v.updates)
	v.equal(t, full(t, s))

	// A container enters with all that is beneath it, and leaves again.
	d.MustEdit(t, move("OU=Research,"+p.PeopleDN(), "OU=Research", "OU=Sales,"+p.PeopleDN()))
	v.delta(t, s)
	research, people := ",OU=Research,OU=Sales,"+p.PeopleDN(), 0
	for _, o := range v.objects {
		if strings.HasSuffix(o.DN, research) {
			people++
		} else {
			require.True(t, refersBeneath(o, research), "%s", o.DN)
		}
	}
	require.Equal(t, 10, people)
	v.equal(t, full(t, s))
	d.MustEdit(t, move("OU=Research,OU=Sales,"+p.PeopleDN(), "OU=Research", "OU=Legal,"+p.PeopleDN()))
	v.delta(t, s)
	require.Len(t, v.deletes, 10)
	v.equal(t, full(t, s))

	// An included container that is renamed stays in scope, for a session that knew it
	// before and for one that has only the watermark.
	d.MustEdit(t, "dn: OU=Sales,"+p.PeopleDN()+"\nchangetype: modrdn\nnewrdn: OU=Sellers\ndeleteoldrdn: 1\n")
	v.delta(t, s)
	require.Empty(t, v.deletes)
	v.equal(t, full(t, s))
	later, err := con.Open(t.Context(), connector.OpenOptions{Last: v.mark})
	require.NoError(t, err)
	defer later.Close(t.Context())
	v.equal(t, full(t, later))
	_, err = con.Open(t.Context(), connector.OpenOptions{})
	require.ErrorContains(t, err, "Options.Include", "without either it is an error, not an empty import")
}

// refersBeneath reports whether an object refers to something whose DN ends so.
func refersBeneath(o *connector.Object, suffix string) bool {
	for name, values := range o.Attributes.All() {
		if !attr.EqualName(name, "distinguishedName") && slices.ContainsFunc(values, func(v attr.Value) bool {
			return v.Kind() == attr.KindReference && strings.HasSuffix(v.Str(), suffix)
		}) {
			return true
		}
	}
	return false
}

func TestSambaWatermark(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 5})
	s := open(t, directory(t, adminOptions(d)))
	v := full(t, s)
	importer, _ := connector.As[connector.DeltaImporter](s)
	for name, w := range map[string]connector.Watermark{
		"none":      nil,
		"garbage":   connector.Watermark("garbage"),
		"truncated": v.mark[:len(v.mark)-5],
	} {
		err := newView().take(importer.DeltaImport(t.Context(), w, connector.ImportRequest{}))
		require.ErrorIs(t, err, connector.ErrWatermarkExpired, name)
	}
	o := adminOptions(d)
	o.Attributes = []string{"mail"}
	other, _ := connector.As[connector.DeltaImporter](open(t, directory(t, o)))
	require.ErrorIs(t, newView().take(other.DeltaImport(t.Context(), v.mark, connector.ImportRequest{})), connector.ErrWatermarkExpired)
	err := newView().take(importer.DeltaImport(t.Context(), v.mark, connector.ImportRequest{Resume: connector.Checkpoint("x")}))
	require.ErrorIs(t, err, connector.ErrWatermarkExpired)

	stranger := sambatest.Start(t, &sambatest.Options{Users: 5, Realm: "FABRIKAM.TEST"})
	far, _ := connector.As[connector.DeltaImporter](open(t, directory(t, adminOptions(stranger))))
	require.ErrorIs(t, newView().take(far.DeltaImport(t.Context(), v.mark, connector.ImportRequest{})), connector.ErrWatermarkExpired)
}

func TestSambaLargeDelta(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, nil)
	s := open(t, directory(t, adminOptions(d)))
	v := full(t, s)
	require.NoError(t, d.Stop())
	p := d.Population
	p.Users, p.Groups = 2500, 3
	require.NoError(t, d.Populate(t.Context(), p))
	require.NoError(t, d.Restart(t.Context()))
	v.delta(t, s) // over a new connection, and over a second one beside it
	require.Len(t, v.objects, 2503)
	require.Len(t, v.at(t, p.GroupDN(1)).Attributes.Values("member"), 2500)
	v.equal(t, full(t, s))
}

func TestSambaDelegation(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 30, Groups: 2, Delegate: true})
	p := d.Population
	o := adminOptions(d)
	o.BindName = d.ConnectorUPN
	delegated := directory(t, o)
	o.BindName = d.ReaderUPN
	reader := directory(t, o)
	o.DirSync = ad.DirSyncReplication
	strict := directory(t, o)

	check := func(con *ad.Directory) []connector.Finding {
		preflight, ok := connector.As[connector.Preflighter](open(t, con))
		require.True(t, ok)
		findings, err := preflight.Preflight(t.Context(), connector.Needs{Import: true, Delta: true, Attributes: []string{"mail", "memberOf", "nothing"},
			Write: []string{"mail", "objectSid", "nothing"}, Classes: []string{"user", "device"}})
		require.NoError(t, err)
		return findings
	}
	has := func(findings []connector.Finding, severity connector.Severity, message string) bool {
		for _, f := range findings {
			if f.Severity == severity && f.Message == message && f.Remedy != "" {
				return true
			}
		}
		return false
	}
	names := check(delegated)
	require.Len(t, names, 5, "an unknown class, an unknown and an unreported attribute to read, two that cannot be written")
	findings := check(reader)
	require.True(t, has(findings, connector.Warning, "the account has no right to replicate directory changes; imports use object security and see only what it can read"))
	require.Len(t, findings, 7)
	require.True(t, has(check(strict), connector.Failure, "the account has no right to replicate directory changes"))

	a, b := open(t, delegated), open(t, reader)
	va, vb := full(t, a), full(t, b)
	require.Len(t, vb.byAnchor, len(va.byAnchor))
	d.MustEdit(t, "dn: "+p.UserDN(1)+"\nchangetype: modify\nreplace: title\ntitle: changed\n\ndn: "+p.UserDN(2)+"\nchangetype: delete\n")
	va.delta(t, a)
	require.Len(t, va.updates, 1)
	require.Len(t, va.deletes, 1)
	vb.delta(t, b)
	require.Len(t, vb.updates, 1, "object security shows changes to ordinary readers")
	require.Empty(t, vb.deletes, "but no deletions, as Preflight says")

	importer, _ := connector.As[connector.FullImporter](open(t, strict))
	require.ErrorIs(t, newView().take(importer.FullImport(t.Context(), connector.ImportRequest{})), connector.ErrPermission)
}
