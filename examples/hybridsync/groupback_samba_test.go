package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/entra/entratest"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// Security groups of the cloud appear in the chosen container, with the members that the
// directory knows, and follow the cloud; nothing else is written.
func TestSambaGroupWriteBack(t *testing.T) {
	t.Parallel()
	d := sambatest.Start(t, &sambatest.Options{Users: 8, Groups: 1, Delegate: true})
	p := d.Population
	container := "OU=Cloud\\, written back," + d.BaseDN
	d.MustEdit(t, "dn: "+container+"\nchangetype: add\nobjectClass: organizationalUnit\n")
	b := sambaBench(t, d, d.ConnectorUPN, fmt.Sprintf("    write_back: {groups: %q}\n", container))
	out, err := b.run("check", "-json")
	require.Error(t, err)
	lines := dsaclsLines(t, out)
	require.Len(t, lines, 2, "to make and delete groups there, and to write them")
	sid := sidOf(t, d, "CN=svc-sync,CN=Users,"+d.BaseDN)
	for _, line := range lines {
		dn, sddl := sddlOf(t, line, sid)
		require.NoError(t, d.Tool(t.Context(), "dsacl", "set", "--action=allow", "--objectdn="+dn, "--sddl="+sddl))
	}
	_, err = b.run("check")
	require.NoError(t, err)

	_, err = b.cycle()
	require.NoError(t, err)
	member := func(i int) string {
		u, ok := b.tenant.User(address(p, i))
		require.True(t, ok)
		return u.ID
	}
	cloudOnly := b.tenant.AddUser(entratest.User{UserPrincipalName: "cloud@contoso.test", DisplayName: "Cloud"})
	inner := b.tenant.AddGroup(entratest.Group{DisplayName: "Inner, \"quoted\"", MailNickname: "inner"})
	outer := b.tenant.AddGroup(entratest.Group{DisplayName: "Outer", MailNickname: "outer", Description: "all of them", Members: []string{member(1), member(2), inner, cloudOnly}})
	b.tenant.AddGroup(entratest.Group{DisplayName: "Mail", MailNickname: "mail", MailEnabled: true, GroupTypes: []string{"Unified"}, NotSecurity: true})
	b.twoCycles()
	groups := func() string {
		found, err := d.Search(t.Context(), "-b", container, "(objectClass=group)", "cn", "member", "description", "groupType", "adminDescription")
		require.NoError(t, err)
		return found
	}
	found := groups()
	require.Equal(t, 2, strings.Count(found, "objectClass")+strings.Count(found, "\ncn: ")+strings.Count(found, "\ncn:: "), found)
	require.Contains(t, found, "cn: Outer_"+outer[24:])
	require.Contains(t, found, "adminDescription: Group_"+outer)
	require.Contains(t, found, "description: all of them")
	require.Equal(t, 2, strings.Count(found, "groupType: -2147483640"))
	require.Equal(t, 3, strings.Count(found, "member: "), "two users and a group; who is in the cloud alone is left out")
	require.Contains(t, found, "member: "+p.UserDN(1)+"\n")

	require.NoError(t, b.tenant.AddMembers(outer, member(3)))
	b.tenant.RemoveMember(outer, member(1))
	b.twoCycles()
	found = groups()
	require.Contains(t, found, "member: "+p.UserDN(3)+"\n")
	require.NotContains(t, found, "member: "+p.UserDN(1)+"\n")
	require.NoError(t, b.tenant.Delete(inner))
	b.twoCycles()
	require.NotContains(t, groups(), "Group_"+inner)
	require.Contains(t, groups(), "Group_"+outer)
	require.Len(t, b.tenant.Groups(), 3, "what was written back does not come again as a group of its own")
}
