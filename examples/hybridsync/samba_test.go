package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
	"github.com/hybridsync/hybridsync/metaverse"
)

// A real domain controller to a tenant: everything comes over, a second cycle writes
// nothing, and changes made by LDAP arrive exactly.
func TestSambaToTenant(t *testing.T) {
	t.Parallel()
	const users, groups = 300, 20
	d := sambatest.Start(t, &sambatest.Options{Users: users, Groups: groups})
	b := sambaBench(t, d, d.AdminUPN, "")
	b.values["more"] = ""
	_, err := b.cycle()
	require.NoError(t, err)
	require.Len(t, b.tenant.Users(), users)
	require.Len(t, b.tenant.Groups(), groups)

	_, err = b.cycle()
	require.NoError(t, err)
	b.tenant.ResetLog()
	_, err = b.cycle()
	require.NoError(t, err)
	require.Zero(t, b.tenant.Writes(), "a cycle without changes writes nothing")

	p := d.Population
	user := p.UserDN
	rdn := func(dn string) string { first, _, _ := strings.Cut(dn, ","); return first }
	members := func(i int) int { return len(b.tenant.Members(b.group(fmt.Sprintf("Group %05d", i)).ID)) }
	require.NotContains(t, p.DirectUsers(2), 20)
	before2, before3 := members(2), members(3)
	d.MustEdit(t, fmt.Sprintf(`
dn: %[1]s
changetype: modify
replace: title
title: Special Envoy

dn: %[2]s
changetype: modrdn
newrdn: CN=Another Name
deleteoldrdn: 1

dn: %[3]s
changetype: modrdn
newrdn: %[4]s
deleteoldrdn: 1
newsuperior: CN=Users,%%BASE%%

dn: %[5]s
changetype: modify
replace: userAccountControl
userAccountControl: 546

dn: %[6]s
changetype: delete

dn: %[7]s
changetype: modify
add: member
member: %[8]s

dn: %[9]s
changetype: modify
delete: member
member: %[10]s
`, user(11), user(12), user(13), rdn(user(13)), user(14), user(15),
		p.GroupDN(2), user(20), p.GroupDN(3), user(p.DirectUsers(3)[2])))

	result, err := b.cycle()
	require.NoError(t, err)
	c := result.Steps[4].Counters
	require.Equal(t, [4]int64{4, 1, 1, 1}, [4]int64{c.Updates, c.Deletes, c.RefAdds, c.RefDeletes})
	require.Zero(t, c.Adds)
	require.Equal(t, 5, b.tenant.Writes(), "exactly the changes, and nothing else: the cloud knows neither common names nor places")
	require.Len(t, b.tenant.Users(), users-1)
	require.Equal(t, before2+1, members(2))
	require.Equal(t, before3-1, members(3))
}

// The daemon over a real domain controller: a cycle, a change that a delta brings, a stop in order
// while people still change things.
func TestDaemonOverSamba(t *testing.T) {
	t.Parallel()
	const users, groups = 40, 4
	d := sambatest.Start(t, &sambatest.Options{Users: users, Groups: groups})
	b := sambaBench(t, d, d.AdminUPN, "")
	b.values["more"] = ""
	s := b.server("daemon", "")
	s.said("event=cycle-ended", 1)
	require.Len(t, b.tenant.Users(), users)
	require.Len(t, b.tenant.Groups(), groups)

	d.MustEdit(t, fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: title\ntitle: Special Envoy\n", d.Population.UserDN(7)))
	b.tenant.ResetLog()
	_, err := b.run("start")
	require.NoError(t, err)
	s.said("event=cycle-ended", 2)
	require.Equal(t, 1, b.tenant.Writes(), "the change and nothing else")
	runs, err := decode[[]stepResult](b, "history", "-connector", "contoso.test", "-n", "5")
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(runs, func(r stepResult) bool { return r.Profile == metaverse.DeltaImport && r.Counters.Updates == 1 }))

	d.MustEdit(t, fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: title\ntitle: Envoy\n", d.Population.UserDN(8)))
	_, err = b.run("start")
	require.NoError(t, err)
	s.said("event=cycle-started", 3)
	s.signal(syscall.SIGTERM)
	require.NoError(t, s.cmd.Wait())
	require.Nil(t, b.status().State.Process)
	_, err = b.cycle() // goes on where the daemon stopped
	require.NoError(t, err)
	titles := 0
	for _, u := range b.tenant.Users() {
		if u.JobTitle == "Envoy" || u.JobTitle == "Special Envoy" {
			titles++
		}
	}
	require.Equal(t, 2, titles)
}

func (b *bench) group(name string) entratest.Group {
	b.t.Helper()
	for _, g := range b.tenant.Groups() {
		if g.DisplayName == name {
			return g
		}
	}
	b.t.Fatalf("the tenant has no group %s", name)
	return entratest.Group{}
}
