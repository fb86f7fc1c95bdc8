package adtest_test

import (
	"fmt"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/ad/secdesc"
)

// sdParts asks for parts of descriptors, and writes them.
func sdParts(parts byte) ldap.Control {
	return ldap.NewControlString("1.2.840.113556.1.4.801", true, string([]byte{0x30, 3, 2, 1, parts}))
}

func descriptor(t *testing.T, c *ldap.Conn, dn string, parts byte) *secdesc.Descriptor {
	t.Helper()
	controls := []ldap.Control{sdParts(parts), ldap.NewControlString("1.2.840.113556.1.4.417", true, "")}
	r, err := c.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"nTSecurityDescriptor"}, controls))
	require.NoError(t, err)
	if len(r.Entries) == 0 || len(r.Entries[0].Attributes) == 0 {
		return nil
	}
	sd, err := secdesc.Parse(r.Entries[0].GetRawAttributeValue("nTSecurityDescriptor"))
	require.NoError(t, err)
	return sd
}

func write(c *ldap.Conn, dn string, sd *secdesc.Descriptor, parts byte) error {
	b, err := sd.Bytes()
	if err != nil {
		return err
	}
	r := modify(dn, func(m *ldap.ModifyRequest) { m.Replace("nTSecurityDescriptor", []string{string(b)}) })
	r.Controls = []ldap.Control{sdParts(parts), ldap.NewControlString("1.2.840.113556.1.4.417", true, "")}
	return c.Modify(r)
}

// account makes one that can sign in, and signs it in.
func account(t *testing.T, dc *adtest.Server, name string) (dn string, sid secdesc.SID, c *ldap.Conn) {
	t.Helper()
	dn = dc.Must(dc.AddUser(name, nil))
	require.NoError(t, dc.SetPassword(dn, "Secret-123"))
	sid, err := dc.SID(dn)
	require.NoError(t, err)
	c = dial(t, dc)
	require.NoError(t, c.Bind(dn, "Secret-123"))
	return dn, sid, c
}

func TestDescriptorsAreInherited(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	ou := dc.Must(dc.AddOU("People"))
	inner := dc.Must(dc.AddOU("OU=Inner," + ou))
	user := dc.Must(dc.AddUser("CN=Joe,"+inner, nil))
	group := dc.Must(dc.AddGroup("CN=Team,"+inner, nil))
	_, sid, c := account(t, dc, "svc")
	entry := fmt.Sprintf("(OA;CIIO;WP;bf967a06-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;%s)", sid)
	has := func(dn string) bool {
		sd, err := dc.Descriptor(dn)
		require.NoError(t, err)
		for _, a := range sd.DACL {
			if a.SID == sid && a.Flags.Has(secdesc.Inherited) && !a.Flags.Has(secdesc.InheritOnly) {
				return true
			}
		}
		return false
	}
	require.False(t, has(user))
	require.NoError(t, dc.AddEntry(ou, entry))
	require.True(t, has(user), "through a container")
	require.False(t, has(group), "which is of another class")
	require.NoError(t, c.Modify(modify(user, func(m *ldap.ModifyRequest) { m.Add("proxyAddresses", []string{"smtp:x@y"}) })))
	require.True(t, has(dc.Must(dc.AddUser("CN=New,"+inner, nil))))

	moved := dc.Must(dc.Move(user, dc.UsersDN()))
	require.False(t, has(moved), "rights stay behind")
	moved = dc.Must(dc.Move(moved, inner))
	require.True(t, has(moved))
	sd, err := dc.Descriptor(inner)
	require.NoError(t, err)
	sd.Control |= secdesc.DACLProtected
	require.NoError(t, dc.SetDescriptor(inner, sd))
	require.False(t, has(moved), "a container that does not inherit passes nothing on")
	require.EqualValues(t, 50, code(t, c.Modify(modify(moved, func(m *ldap.ModifyRequest) { m.Add("proxyAddresses", []string{"smtp:z@y"}) }))))
}

func TestAdministratorsAreProtected(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	ou := dc.Must(dc.AddOU("People"))
	user := dc.Must(dc.AddUser("CN=Joe,"+ou, nil))
	nested := dc.Must(dc.AddGroup("CN=Helpers,"+ou, adtest.Attrs{"member": {user}}))
	_, sid, c := account(t, dc, "svc")
	require.NoError(t, dc.Delegate(adtest.Delegation{Account: "CN=svc," + dc.UsersDN(), Under: ou, Write: []string{"title"}, ResetPassword: true}))
	title := func() uint16 {
		return code(t, c.Modify(modify(user, func(m *ldap.ModifyRequest) { m.Replace("title", []string{fmt.Sprint(dc.HighestUSN())}) })))
	}
	require.Zero(t, title())
	require.Zero(t, dc.ProtectAdministrators(), "nobody new")
	require.NoError(t, dc.AddMember("CN=Domain Admins,"+dc.UsersDN(), nested))
	require.Zero(t, title(), "not before the process has run")
	require.Equal(t, 2, dc.ProtectAdministrators(), "the group and whom it holds")
	require.EqualValues(t, 50, title())
	o, err := dc.Get(user)
	require.NoError(t, err)
	require.Equal(t, "1", o.First("adminCount"))

	require.NoError(t, dc.RemoveMember("CN=Domain Admins,"+dc.UsersDN(), nested))
	require.Zero(t, dc.ProtectAdministrators())
	require.EqualValues(t, 50, title(), "who is no administrator any more stays protected")
	sd, err := dc.Descriptor(ou)
	require.NoError(t, err)
	require.NoError(t, dc.SetDescriptor(user, &secdesc.Descriptor{DACL: []secdesc.ACE{}}))
	require.Contains(t, sd.SDDL(), sid.String())
	require.Zero(t, title(), "until somebody lets it inherit again")
}

func TestDescriptorsOverLDAP(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	user := dc.Must(dc.AddUser("joe", nil))
	dn, sid, c := account(t, dc, "svc")
	boss := admin(t, dc)
	require.NotNil(t, descriptor(t, c, user, 7))
	require.Nil(t, descriptor(t, c, user, 15), "the audit list is for administrators")
	require.NotNil(t, descriptor(t, boss, user, 15))
	require.Empty(t, read(t, boss, user, "*").GetRawAttributeValue("nTSecurityDescriptor"), "not unless it is asked for")
	require.Zero(t, descriptor(t, c, user, 4).Owner)

	sd := descriptor(t, boss, user, 4)
	ace, err := secdesc.ParseACE(fmt.Sprintf("(A;;WD;;;%s)", sid), sid.Domain())
	require.NoError(t, err)
	sd.Add(ace)
	require.EqualValues(t, 50, code(t, write(c, user, sd, 4)))
	require.NoError(t, write(boss, user, sd, 4))
	require.NoError(t, write(c, user, sd, 4), "it may now")
	require.Equal(t, "4", read(t, c, user, "sDRightsEffective").GetAttributeValue("sDRightsEffective"))
	require.EqualValues(t, 50, code(t, write(c, user, &secdesc.Descriptor{Owner: sid}, 1)))

	// The container of deleted objects is for the system; administrators take it first.
	deleted := "CN=Deleted Objects," + dc.BaseDN()
	require.Nil(t, descriptor(t, boss, deleted, 4))
	require.NoError(t, write(boss, deleted, &secdesc.Descriptor{Owner: secdesc.Administrators}, 1))
	list := descriptor(t, boss, deleted, 4)
	require.NotNil(t, list)
	require.True(t, list.Protected())

	// Passwords: everybody changes an own one, only who has the right sets another's.
	set := modify(user, func(m *ldap.ModifyRequest) {
		m.Replace("unicodePwd", []string{"\"\x00n\x00e\x00w\x00p\x00a\x00s\x00s\x00\"\x00"})
	})
	require.EqualValues(t, 50, code(t, c.Modify(set)))
	require.NoError(t, dc.Delegate(adtest.Delegation{Account: dn, ResetPassword: true}))
	require.NoError(t, c.Modify(set))

	// Deleted objects come back by a right of its own.
	group := dc.Must(dc.AddGroup("team", nil))
	o, err := dc.Get(group)
	require.NoError(t, err)
	require.NoError(t, dc.Delete(group))
	require.NoError(t, dc.Delegate(adtest.Delegation{Account: dn, ReadDeleted: true}))
	back := modify("<GUID="+o.GUID.String()+">", func(m *ldap.ModifyRequest) {
		m.Delete("isDeleted", nil)
		m.Replace("distinguishedName", []string{group})
	})
	back.Controls = []ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.417", true, "")}
	require.EqualValues(t, 50, code(t, c.Modify(back)))
	require.NoError(t, dc.AddEntry(dc.BaseDN(), fmt.Sprintf("(OA;;CR;45ec5156-db7e-47bb-b53f-dbeb2d03c40f;;%s)", sid)))
	require.NoError(t, c.Modify(back))
}

func TestWhoAnAccountIs(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	dn, sid, c := account(t, dc, "svc")
	local := dc.Must(dc.AddGroup("local", adtest.Attrs{"groupType": {"-2147483644"}, "member": {dn}}))
	root := read(t, c, "", "tokenGroups").GetRawAttributeValues("tokenGroups")
	require.Contains(t, root, sid.Bytes())
	require.Contains(t, root, secdesc.AuthenticatedUsers.Bytes())
	inLocal, err := dc.SID(local)
	require.NoError(t, err)
	require.Contains(t, root, inLocal.Bytes())
	require.Contains(t, read(t, c, dn, "tokenGroups").GetRawAttributeValues("tokenGroups"), inLocal.Bytes())
	require.NotContains(t, read(t, c, dn, "tokenGroupsGlobalAndUniversal").GetRawAttributeValues("tokenGroupsGlobalAndUniversal"), inLocal.Bytes())

	// What an account may make, and where.
	ou := dc.Must(dc.AddOU("Groups"))
	require.Empty(t, read(t, c, ou, "allowedChildClassesEffective").Attributes)
	require.NoError(t, dc.AddEntry(ou, fmt.Sprintf("(OA;;CCDC;bf967a9c-0de6-11d0-a285-00aa003049e2;;%s)", sid)))
	require.Equal(t, []string{"group"}, read(t, c, ou, "allowedChildClassesEffective").GetAttributeValues("allowedChildClassesEffective"))
	require.NoError(t, c.Add(addRequest("CN=g,"+ou, "objectClass", "group", "sAMAccountName", "g")))
	require.EqualValues(t, 50, code(t, c.Add(addRequest("CN=c,"+ou, "objectClass", "contact"))))
	require.NoError(t, c.Del(ldap.NewDelRequest("CN=g,"+ou, nil)))
}
