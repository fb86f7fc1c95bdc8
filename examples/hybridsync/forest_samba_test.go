package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
	"github.com/hybridsync/hybridsync/internal/sambatest"
)

// forests starts two forests and a deployment that reads both.
func forests(t *testing.T, o sambatest.Options, more, keys string) (a, b *sambatest.Domain, bn *bench) {
	t.Helper()
	second := o
	second.Realm = "FABRIKAM.TEST"
	a, b = sambatest.Start(t, &o), sambatest.Start(t, &second)
	bn = sambaBench(t, a, a.ConnectorUPN, fmt.Sprintf("%s  - name: fabrikam.test\n    urls: [%q]\n    user: %q\n    password: %q\n    ca_file: %q\n%s",
		keys, b.URL, b.ConnectorUPN, b.Password, b.CAFile, keys))
	bn.values["more"] += more
	return a, b, bn
}

// read returns a binary attribute of one object.
func read(t *testing.T, d *sambatest.Domain, dn, attribute string) []byte {
	t.Helper()
	out, err := d.Search(t.Context(), "-s", "base", "-b", dn, "(objectClass=*)", attribute)
	require.NoError(t, err)
	_, text, ok := strings.Cut(out, attribute+":: ")
	require.True(t, ok, out)
	text, _, _ = strings.Cut(text, "\n")
	raw, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return raw
}

func sidOf(t *testing.T, d *sambatest.Domain, dn string) string {
	t.Helper()
	sid, err := secdesc.SIDFromBytes(read(t, d, dn, "objectSid"))
	require.NoError(t, err)
	return sid.String()
}

// forestUsers is the number of users in each of two forests, a tenth of which are in both.
// HYBRIDSYNC_FOREST_USERS=5000 is the size of the promise; it takes some minutes.
func forestUsers(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("HYBRIDSYNC_FOREST_USERS"))
	switch {
	case err == nil:
		return n
	case testing.Short():
		return 30
	}
	return 100
}

// Two forests with a tenth of their users in common make one tenant, in which groups of
// each forest hold people of both.
func TestSambaForestsJoinedByMail(t *testing.T) {
	t.Parallel()
	users := forestUsers(t)
	common := users / 10
	a, b, bn := forests(t, sambatest.Options{Users: users, Groups: 3, Delegate: true}, "matching: mail\n", "")
	var edit strings.Builder
	for i := 1; i <= common; i++ {
		out := address(a.Population, i)
		fmt.Fprintf(&edit, "dn: %s\nchangetype: modify\nreplace: mail\nmail: %s\n-\nreplace: proxyAddresses\nproxyAddresses: SMTP:%[2]s\n\n", b.Population.UserDN(i), out)
	}
	for k := 1; k <= 3; k++ {
		fmt.Fprintf(&edit, "dn: %s\nchangetype: modify\nreplace: displayName\ndisplayName: Fabrikam %d\n\n", b.Population.GroupDN(k), k)
	}
	b.MustEdit(t, edit.String())
	// A user of fabrikam is a member of a group of contoso, as a foreign security principal.
	stranger := users - 1
	a.MustEdit(t, fmt.Sprintf("dn: %s\nchangetype: modify\nadd: member\nmember: <SID=%s>\n", a.Population.GroupDN(2), sidOf(t, b, b.Population.UserDN(stranger))))

	for range 2 {
		_, err := bn.cycle()
		require.NoError(t, err)
	}
	require.Len(t, bn.tenant.Users(), 2*users-common)
	require.Len(t, bn.tenant.Groups(), 6)
	everyoneA, everyoneB := bn.tenant.Members(bn.group("Group 00001").ID), bn.tenant.Members(bn.group("Fabrikam 1").ID)
	require.Len(t, everyoneA, users)
	require.Len(t, everyoneB, users)
	both := 0
	for _, m := range everyoneA {
		if slices.Contains(everyoneB, m) {
			both++
		}
	}
	require.Equal(t, common, both, "who is in both forests is one person in the groups of both")
	second := bn.tenant.Members(bn.group("Group 00002").ID)
	require.Len(t, second, len(a.Population.DirectUsers(2))+2, "its users, the group within it, and the stranger")
	found := 0
	for _, m := range second {
		if u, ok := bn.tenant.User(m); ok && u.Mail == address(b.Population, stranger) {
			found++
		}
	}
	require.Equal(t, 1, found)
	bn.tenant.ResetLog()
	_, err := bn.cycle()
	require.NoError(t, err)
	require.Zero(t, bn.tenant.Writes())
}

// address is the mail address of user i.
func address(p sambatest.Population, i int) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(p.UserDN(i), "CN="), ",")
	parts := strings.Fields(name)
	return strings.ToLower(fmt.Sprintf("%s.%s%d@%s", parts[0], parts[1], i, p.DNSDomain))
}

// The account is in one forest, the mailbox in the other: together they are one person,
// whose identity comes from the account.
func TestSambaLinkedAccounts(t *testing.T) {
	t.Parallel()
	accounts, resources, bn := forests(t, sambatest.Options{Users: 4, Groups: 1, Delegate: true, ExchangeSchema: true}, "matching: sid\n", "    exchange: true\n")
	p, r := accounts.Population, resources.Population
	sid := base64.StdEncoding.EncodeToString(read(t, accounts, p.UserDN(1), "objectSid"))
	resources.MustEdit(t, fmt.Sprintf("dn: %s\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 546\n-\nreplace: msExchMasterAccountSid\nmsExchMasterAccountSid:: %s\n-\n"+
		"replace: msExchRecipientTypeDetails\nmsExchRecipientTypeDetails: 2\n-\nreplace: mailNickname\nmailNickname: linked\n", r.UserDN(1), sid))
	_, err := bn.cycle()
	require.NoError(t, err)
	require.Len(t, bn.tenant.Users(), 11, "six in each forest, two of them one person")
	upn := address(p, 1)
	u, ok := bn.tenant.User(upn)
	require.True(t, ok, "the account supplies the name to sign in with")
	require.Equal(t, base64.StdEncoding.EncodeToString(read(t, accounts, p.UserDN(1), "objectGUID")), u.OnPremisesImmutableID)
	require.False(t, u.Disabled)
}

// A user who moves to the other forest with the source anchor stays the same cloud user.
func TestSambaMigrationBetweenForests(t *testing.T) {
	t.Parallel()
	a, b, bn := forests(t, sambatest.Options{Users: 5, Groups: 1, Delegate: true}, "", "    write_back: {consistency_guid: true}\n")
	_, err := bn.cycle()
	require.NoError(t, err)
	require.Len(t, bn.tenant.Users(), 14)
	dn := a.Population.UserDN(3)
	before, ok := bn.tenant.User(address(a.Population, 3))
	require.True(t, ok)
	anchor := base64.StdEncoding.EncodeToString(read(t, a, dn, "mS-DS-ConsistencyGuid"))
	b.MustEdit(t, fmt.Sprintf("dn: CN=Moved,%s\nchangetype: add\nobjectClass: user\nsAMAccountName: moved\nuserPrincipalName: moved@%s\nuserAccountControl: 544\n"+
		"displayName: Moved\nmS-DS-ConsistencyGuid:: %s\n", b.Population.PeopleDN(), b.DNSDomain, anchor))
	a.MustEdit(t, "dn: "+dn+"\nchangetype: delete\n")
	for range 2 {
		_, err = bn.cycle()
		require.NoError(t, err)
	}
	require.Len(t, bn.tenant.Users(), 14)
	after, ok := bn.tenant.User("moved@" + b.DNSDomain)
	require.True(t, ok)
	require.Equal(t, before.ID, after.ID)
	require.Equal(t, anchor, after.OnPremisesImmutableID)
}
