package adtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

func modify(dn string, f func(*ldap.ModifyRequest)) *ldap.ModifyRequest {
	m := ldap.NewModifyRequest(dn, nil)
	f(m)
	return m
}

func addRequest(dn string, parts ...string) *ldap.AddRequest {
	a := ldap.NewAddRequest(dn, nil)
	for i := 0; i < len(parts); i += 2 {
		a.Attribute(parts[i], []string{parts[i+1]})
	}
	return a
}

// TestResultCodes checks refusals one by one: the codes are AD's.
func TestResultCodes(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	user := dc.Must(dc.AddUser("joe", adtest.Attrs{"givenName": {"J"}, "proxyAddresses": {"smtp:a"}}))
	guest := "CN=Guest," + dc.UsersDN()
	group := dc.Must(dc.AddGroup("team", adtest.Attrs{"member": {guest}}))
	ou := dc.Must(dc.AddOU("O"))
	dc.Must(dc.AddUser("CN=in,"+ou, nil))
	c := admin(t, dc)
	mod := func(dn string, f func(*ldap.ModifyRequest)) error { return c.Modify(modify(dn, f)) }
	usn := dc.HighestUSN()
	for name, test := range map[string]struct {
		err  error
		code uint16
		text string
	}{
		"member twice":        {mod(group, func(m *ldap.ModifyRequest) { m.Add("member", []string{guest}) }), 68, "00000562"},
		"no member":           {mod(group, func(m *ldap.ModifyRequest) { m.Delete("member", []string{user}) }), 53, "00000561"},
		"absent value":        {mod(user, func(m *ldap.ModifyRequest) { m.Delete("proxyAddresses", []string{"x"}) }), 16, "00002085"},
		"absent attribute":    {mod(user, func(m *ldap.ModifyRequest) { m.Delete("title", nil) }), 16, "00002085"},
		"value twice":         {mod(user, func(m *ldap.ModifyRequest) { m.Add("proxyAddresses", []string{"SMTP:A"}) }), 20, "00002083"},
		"second single":       {mod(user, func(m *ldap.ModifyRequest) { m.Add("givenName", []string{"K"}) }), 20, ""},
		"two single":          {mod(user, func(m *ldap.ModifyRequest) { m.Replace("givenName", []string{"K", "L"}) }), 19, "00002081"},
		"two managers":        {mod(user, func(m *ldap.ModifyRequest) { m.Replace("manager", []string{guest, user}) }), 19, "00002081"},
		"too long":            {mod(user, func(m *ldap.ModifyRequest) { m.Replace("givenName", []string{strings.Repeat("x", 65)}) }), 19, "00002082"},
		"unknown attribute":   {mod(user, func(m *ldap.ModifyRequest) { m.Replace("nonsense", []string{"1"}) }), 16, "00000057"},
		"not of the class":    {mod(user, func(m *ldap.ModifyRequest) { m.Replace("groupType", []string{"2"}) }), 65, "0000207D"},
		"not a number":        {mod(user, func(m *ldap.ModifyRequest) { m.Replace("countryCode", []string{"x"}) }), 21, ""},
		"not UTF-8":           {mod(user, func(m *ldap.ModifyRequest) { m.Replace("title", []string{"\xff"}) }), 21, ""},
		"name":                {mod(user, func(m *ldap.ModifyRequest) { m.Replace("cn", []string{"x"}) }), 67, "00002016"},
		"objectGUID":          {mod(user, func(m *ldap.ModifyRequest) { m.Replace("objectGUID", []string{strings.Repeat("x", 16)}) }), 19, ""},
		"objectSid":           {mod(user, func(m *ldap.ModifyRequest) { m.Replace("objectSid", []string{"x"}) }), 53, "0000209A"},
		"memberOf":            {mod(user, func(m *ldap.ModifyRequest) { m.Add("memberOf", []string{group}) }), 53, ""},
		"no logon name":       {mod(user, func(m *ldap.ModifyRequest) { m.Replace("sAMAccountName", nil) }), 53, ""},
		"logon name taken":    {mod(user, func(m *ldap.ModifyRequest) { m.Replace("sAMAccountName", []string{"GUEST"}) }), 68, "00000524"},
		"member that is not":  {mod(group, func(m *ldap.ModifyRequest) { m.Add("member", []string{"CN=no," + dc.BaseDN()}) }), 32, ""},
		"all or nothing":      {mod(user, func(m *ldap.ModifyRequest) { m.Replace("title", []string{"x"}); m.Replace("nonsense", nil) }), 16, ""},
		"no object":           {mod("CN=no,"+dc.BaseDN(), func(m *ldap.ModifyRequest) { m.Replace("title", []string{"x"}) }), 32, ""},
		"bad DN":              {mod("nonsense", func(m *ldap.ModifyRequest) { m.Replace("title", []string{"x"}) }), 34, ""},
		"add existing":        {c.Add(addRequest(user, "objectClass", "user")), 68, "00002071"},
		"add below nothing":   {c.Add(addRequest("CN=x,CN=no,"+dc.BaseDN(), "objectClass", "user")), 32, ""},
		"add without class":   {c.Add(addRequest("CN=x,"+dc.BaseDN(), "cn", "x")), 65, ""},
		"add unknown class":   {c.Add(addRequest("CN=x,"+dc.BaseDN(), "objectClass", "nonsense")), 16, ""},
		"add under a user":    {c.Add(addRequest("CN=x,"+user, "objectClass", "user")), 64, ""},
		"add by a wrong name": {c.Add(addRequest("OU=x,"+dc.BaseDN(), "objectClass", "user")), 64, ""},
		"add enabled without password": {c.Add(addRequest("CN=x,"+dc.BaseDN(), "objectClass", "user", "sAMAccountName", "x",
			"userAccountControl", "512")), 53, "0000052D"},
		"UPN taken": {c.Add(addRequest("CN=x,"+dc.BaseDN(), "objectClass", "user", "sAMAccountName", "x",
			"userPrincipalName", "JOE@contoso.test")), 19, "000021C8"},
		"delete a tree":       {c.Del(ldap.NewDelRequest(ou, nil)), 66, "00002015"},
		"delete a critical":   {c.Del(ldap.NewDelRequest(dc.AdminDN(), nil)), 53, ""},
		"rename to another's": {c.ModifyDN(ldap.NewModifyDNRequest(user, "CN=Guest", true, "")), 68, "00002071"},
		"move to nothing":     {c.ModifyDN(ldap.NewModifyDNRequest(user, "CN=joe", true, "CN=no,"+dc.BaseDN())), 80, ""},
		"move into itself":    {c.ModifyDN(ldap.NewModifyDNRequest(ou, "OU=O", true, ou)), 53, ""},
	} {
		require.Equal(t, test.code, code(t, test.err), "%s: %v", name, test.err)
		require.ErrorContains(t, test.err, test.text, name)
	}
	require.Equal(t, usn, dc.HighestUSN(), "a refused change leaves no trace")
	o, err := dc.Get(user)
	require.NoError(t, err)
	require.Empty(t, o.First("title"))
}

func TestWrites(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	c := admin(t, dc)
	ou := "OU=People," + dc.BaseDN()
	require.NoError(t, c.Add(addRequest(ou, "objectClass", "organizationalUnit")))
	dn := "CN=Jo\\, the first," + ou
	require.NoError(t, c.Add(addRequest(dn, "objectClass", "user", "sAMAccountName", "jo", "manager", dc.AdminDN(),
		"mS-DS-ConsistencyGuid", "\x00\x01\xff", "objectCategory", "CN=Person,CN=Schema,CN=Configuration,"+dc.BaseDN())))
	e := read(t, c, dn)
	require.Equal(t, "Jo, the first", e.GetAttributeValue("cn"))
	require.Equal(t, []byte("\x00\x01\xff"), e.GetRawAttributeValue("mS-DS-ConsistencyGuid"))
	require.Equal(t, "546", e.GetAttributeValue("userAccountControl"))
	require.Equal(t, []string{dn}, read(t, c, dc.AdminDN(), "directReports").GetAttributeValues("directReports"))

	group := "CN=Team," + ou
	require.NoError(t, c.Add(addRequest(group, "objectClass", "group", "sAMAccountName", "team", "member", dn)))
	require.NoError(t, c.ModifyDN(ldap.NewModifyDNRequest(dn, "CN=Jo2", true, dc.UsersDN())))
	dn = "CN=Jo2," + dc.UsersDN()
	require.Equal(t, dn, read(t, c, group, "member").GetAttributeValue("member"))
	require.Equal(t, group, read(t, c, dn, "memberOf").GetAttributeValue("memberOf"))

	permissive := modify(group, func(m *ldap.ModifyRequest) { m.Add("member", []string{dn}) })
	permissive.Controls = []ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.1413", true, "")}
	usn := dc.HighestUSN()
	require.NoError(t, c.Modify(permissive))
	require.NoError(t, c.Modify(modify(dn, func(m *ldap.ModifyRequest) { m.Replace("sAMAccountName", []string{"jo"}) })))
	require.Equal(t, usn, dc.HighestUSN(), "nothing changed, no sequence number")

	require.NoError(t, c.Modify(modify(group, func(m *ldap.ModifyRequest) { m.Add("member", []string{"<SID=S-1-5-21-1-2-3-1104>"}) })))
	require.Len(t, search(t, c, "CN=ForeignSecurityPrincipals,"+dc.BaseDN(), 1, "(cn=S-1-5-21-1-2-3-1104)"), 1)

	require.NoError(t, c.Modify(modify(group, func(m *ldap.ModifyRequest) { m.Replace("groupType", []string{"8"}) })))
	require.Equal(t, "268435457", read(t, c, group).GetAttributeValue("sAMAccountType"))

	require.NoError(t, c.Del(ldap.NewDelRequest(ou, []ldap.Control{ldap.NewControlSubtreeDelete()})))
	require.Empty(t, read(t, c, dn, "memberOf").GetAttributeValues("memberOf"))
	ok, err := c.Compare(dn, "sAMAccountName", "JO")
	require.NoError(t, err)
	require.True(t, ok)
}

func TestBinds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	dc := adtest.NewServer(t, &adtest.Options{Clock: func() time.Time { return now }})
	dn := dc.Must(dc.AddUser("joe", adtest.Attrs{"userPrincipalName": {"joe.doe@corp.example"}}))
	require.NoError(t, dc.SetPassword(dn, "Secret-123"))
	c := dial(t, dc)
	for _, name := range []string{dn, `CONTOSO\JOE`, "joe.doe@corp.example", "joe@contoso.test", strings.ToLower(dn)} {
		require.NoError(t, c.Bind(name, "Secret-123"), name)
	}
	who, err := c.WhoAmI(nil)
	require.NoError(t, err)
	require.Equal(t, `u:CONTOSO\joe`, who.AuthzID)
	refused := func(name, password, data string) {
		t.Helper()
		err := c.Bind(name, password)
		require.EqualValues(t, 49, code(t, err))
		require.ErrorContains(t, err, "data "+data+", v")
	}
	refused(dn, "wrong", "52e")
	refused("nobody@contoso.test", "x", "525")
	require.NoError(t, dc.SetEnabled(dn, false))
	refused(dn, "Secret-123", "533")
	require.NoError(t, dc.SetEnabled(dn, true))
	require.NoError(t, dc.Modify(dn, adtest.Replace("lockoutTime", "1")))
	refused(dn, "Secret-123", "775")
	require.NoError(t, dc.Modify(dn, adtest.Replace("lockoutTime", "0"), adtest.Replace("accountExpires", "116444736000000000")))
	refused(dn, "Secret-123", "701")

	plain, err := ldap.DialURL(dc.LDAPURL())
	require.NoError(t, err)
	defer func() { _ = plain.Close() }()
	require.EqualValues(t, 8, code(t, plain.Bind(dc.AdminDN(), dc.AdminPassword())))
	require.NoError(t, plain.StartTLS(dc.ClientTLS()))
	require.NoError(t, plain.Bind(dc.AdminDN(), dc.AdminPassword()))
	require.NotEmpty(t, read(t, plain, dc.BaseDN()))
	_, err = ldap.DialURL(dc.URL())
	require.ErrorContains(t, err, "certificate")
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	c := admin(t, dc)
	dn := dc.Must(dc.AddUser("joe", adtest.Attrs{"userAccountControl": {"514"}}))
	utf16 := func(s string) string {
		var b strings.Builder
		for _, r := range `"` + s + `"` {
			b.WriteByte(byte(r))
			b.WriteByte(0)
		}
		return b.String()
	}
	set := func(v string) uint16 {
		return code(t, c.Modify(modify(dn, func(m *ldap.ModifyRequest) { m.Replace("unicodePwd", []string{v}) })))
	}
	require.EqualValues(t, 19, set("plain"))
	require.EqualValues(t, 19, set(utf16("short")))
	require.EqualValues(t, 0, set(utf16("Long-enough-1")))
	require.Empty(t, read(t, c, dn, "unicodePwd").Attributes)
	require.NoError(t, c.Modify(modify(dn, func(m *ldap.ModifyRequest) { m.Replace("userAccountControl", []string{"512"}) })))
	require.NoError(t, dial(t, dc).Bind(dn, "Long-enough-1"))
}

func TestRights(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	ou := dc.Must(dc.AddOU("People"))
	secret := dc.Must(dc.AddOU("Secret"))
	dn := dc.Must(dc.AddUser("CN=Joe,"+ou, adtest.Attrs{"title": {"t"}}))
	protected := dc.Must(dc.AddUser("CN=Admin,"+ou, adtest.Attrs{"adminCount": {"1"}}))
	dc.Must(dc.AddUser("CN=Hidden,"+secret, nil))
	svc := dc.Must(dc.AddUser("svc", nil))
	require.NoError(t, dc.SetPassword(svc, "Secret-123"))
	c := dial(t, dc)
	require.NoError(t, c.Bind(svc, "Secret-123"))
	write := func(dn, attr string) uint16 {
		err := c.Modify(modify(dn, func(m *ldap.ModifyRequest) { m.Replace(attr, []string{fmt.Sprint(dc.HighestUSN())}) }))
		if err != nil {
			require.ErrorContains(t, err, "00002098: SecErr")
		}
		return code(t, err)
	}
	require.EqualValues(t, 50, write(dn, "mS-DS-ConsistencyGuid"))
	require.Empty(t, read(t, c, dn, "allowedAttributesEffective").Attributes)
	require.NoError(t, dc.Delegate(adtest.Delegation{Account: svc, Under: ou, Write: []string{"mS-DS-ConsistencyGuid"}}))
	require.EqualValues(t, 0, write(dn, "mS-DS-ConsistencyGuid"))
	require.Equal(t, []string{"mS-DS-ConsistencyGuid"},
		read(t, c, dn, "allowedAttributesEffective").GetAttributeValues("allowedAttributesEffective"))
	require.EqualValues(t, 50, write(dn, "title"))
	require.EqualValues(t, 50, write(protected, "mS-DS-ConsistencyGuid"))
	require.EqualValues(t, 50, write(svc, "mS-DS-ConsistencyGuid"))
	require.EqualValues(t, 50, code(t, c.Del(ldap.NewDelRequest(dn, nil))))
	require.EqualValues(t, 50, code(t, c.Add(addRequest("CN=n,"+ou, "objectClass", "contact"))))

	require.Len(t, search(t, c, dc.BaseDN(), 2, "(cn=Hidden)"), 1)
	require.NoError(t, dc.Hide(adtest.Hiding{Account: svc, Under: secret}))
	require.NoError(t, dc.Hide(adtest.Hiding{Account: svc, Under: ou, Attributes: []string{"title"}}))
	require.Empty(t, search(t, c, dc.BaseDN(), 2, "(cn=Hidden)"))
	require.Empty(t, search(t, c, dc.BaseDN(), 2, "(title=t)"))
	require.Empty(t, read(t, c, dn, "title").Attributes)
	require.NoError(t, dc.RevokeAll(svc))
	require.EqualValues(t, 50, write(dn, "mS-DS-ConsistencyGuid"))
	require.Len(t, search(t, c, dc.BaseDN(), 2, "(cn=Hidden)"), 1)
}
