package adtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

func TestFilters(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	ou := dc.Must(dc.AddOU("O"))
	boss := dc.Must(dc.AddUser("CN=Boss,"+ou, adtest.Attrs{"sAMAccountName": {"boss"}, "title": {"Head of All"}}))
	joe := dc.Must(dc.AddUser("CN=Joe,"+ou, adtest.Attrs{"manager": {boss}, "userAccountControl": {"514"}, "employeeID": {"7"}}))
	inner := dc.Must(dc.AddGroup("CN=Inner,"+ou, adtest.Attrs{"member": {joe}}))
	outer := dc.Must(dc.AddGroup("CN=Outer,"+ou, adtest.Attrs{"member": {inner, boss}}))
	dc.Must(dc.AddContact("CN=Con (tact),"+ou, adtest.Attrs{"mail": {"c@x.example"}}))
	j, err := dc.Get(joe)
	require.NoError(t, err)
	c := admin(t, dc)
	for filter, want := range map[string]string{
		"(objectClass=user)":                                                      "Boss Joe",
		"(objectCategory=person)":                                                 "Boss Con (tact) Joe",
		"(objectCategory=group)":                                                  "Inner Outer",
		"(title=head OF all)":                                                     "Boss",
		"(title=h*d o*f*)":                                                        "Boss",
		"(title=head*x)":                                                          "",
		"(&(title=*)(cn=boss))":                                                   "Boss",
		"(!(objectClass=person))":                                                 "Inner O Outer",
		"(!(noSuchAttribute=1))":                                                  "",
		"(|(noSuchAttribute=1)(cn=joe))":                                          "Joe",
		"(manager=" + boss + ")":                                                  "Joe",
		"(directReports=" + joe + ")":                                             "Boss",
		"(memberOf=" + outer + ")":                                                "Boss Inner",
		"(memberOf:1.2.840.113556.1.4.1941:=" + outer + ")":                       "Boss Inner Joe",
		"(member:1.2.840.113556.1.4.1941:=" + joe + ")":                           "Inner Outer",
		"(userAccountControl:1.2.840.113556.1.4.803:=2)":                          "Joe",
		"(userAccountControl:1.2.840.113556.1.4.804:=514)":                        "Boss Joe",
		"(groupType:1.2.840.113556.1.4.803:=2147483648)":                          "Inner Outer",
		"(groupType:1.2.840.113556.1.4.803:=-2147483648)":                         "Inner Outer",
		"(&(employeeID>=7)(employeeID<=7))":                                       "Joe",
		"(objectGUID=" + ldap.EscapeFilter(string(j.GUID[:])) + ")":               "Joe",
		"(objectGUID=" + j.GUID.String() + ")":                                    "Joe",
		"(|(objectGUID=" + j.GUID.String() + ")(distinguishedName=" + boss + "))": "Boss Joe",
		"(uSNChanged>=" + j.First("uSNCreated") + ")":                             "Con (tact) Inner Joe Outer",
		`(cn=con \28tact\29)`:                                                     "Con (tact)",
		"(isDeleted=TRUE)":                                                        "",
		"(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2))(title=he*))": "Boss",
	} {
		var got []string
		for _, e := range search(t, c, ou, ldap.ScopeWholeSubtree, filter, "name") {
			got = append(got, e.GetAttributeValue("name"))
		}
		slices.Sort(got)
		require.Equal(t, want, strings.Join(got, " "), filter)
	}
	require.Len(t, search(t, c, dc.BaseDN(), ldap.ScopeSingleLevel, "(objectClass=organizationalUnit)"), 2)
}

func TestAttributeSelection(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	dn := dc.Must(dc.AddUser("joe", nil))
	dc.Must(dc.AddGroup("Team", adtest.Attrs{"member": {dn}}))
	c := admin(t, dc)
	names := func(attrs ...string) string {
		var out []string
		for _, a := range read(t, c, dn, attrs...).Attributes {
			out = append(out, a.Name)
		}
		return strings.Join(out, " ")
	}
	require.Equal(t, "sAMAccountName cn", names("SAMACCOUNTNAME", "cn", "nonsense", "Cn"))
	require.Equal(t, "", names("1.1"))
	require.NotContains(t, names(), "canonicalName")
	require.Contains(t, names("*", "canonicalName"), "canonicalName")
	require.Contains(t, names("*"), "memberOf")
	require.Equal(t, "contoso.test/Users/joe", read(t, c, dn, "canonicalName").GetAttributeValue("canonicalName"))
	require.Len(t, read(t, c, dn, "tokenGroups").GetRawAttributeValues("tokenGroups"), 2)
	require.Contains(t, read(t, c, dn, "allowedAttributesEffective").GetAttributeValues("allowedAttributesEffective"), "title")

	o, err := dc.Get(dn)
	require.NoError(t, err)
	for _, base := range []string{fmt.Sprintf("<GUID=%x>", o.GUID[:]), "<GUID=" + o.GUID.String() + ">",
		fmt.Sprintf("<SID=%x>", o.First("objectSid")), strings.ToUpper(dn)} {
		require.Equal(t, dn, read(t, c, base).DN)
	}
	require.Equal(t, dc.UsersDN(), read(t, c, "<WKGUID=A9D1CA15768811D1ADED00C04FD8D5CD,"+dc.BaseDN()+">").DN)
	r, err := c.Search(ldap.NewSearchRequest(dn, 0, 0, 0, 0, false, "(objectClass=*)", []string{"memberOf"},
		[]ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.529", true, "0\x03\x02\x01\x01")}))
	require.NoError(t, err)
	require.Contains(t, r.Entries[0].DN, "<GUID="+o.GUID.String()+">;<SID=S-1-5-21-")
	require.Contains(t, r.Entries[0].GetAttributeValue("memberOf"), ">;CN=Team,")
}

func TestPaging(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	pop, err := dc.Populate(adtest.PopulationOptions{Users: 2100, Groups: 3, Contacts: 10})
	require.NoError(t, err)
	c := admin(t, dc)
	req := func(controls ...ldap.Control) *ldap.SearchRequest {
		return ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 0, 0, false, "(&(objectClass=user)(employeeID=*))", []string{"cn"}, controls)
	}
	r, err := c.Search(req())
	require.EqualValues(t, 4, code(t, err), "MaxPageSize holds without paging")
	require.Len(t, r.Entries, 1000)

	r, err = c.SearchWithPaging(req(), 5000)
	require.NoError(t, err)
	require.Len(t, r.Entries, len(pop.Users))
	require.Equal(t, 4, dc.Count(adtest.OpSearch), "pages of 1000 whatever is asked for")
	seen := map[string]bool{}
	for _, e := range r.Entries {
		seen[e.DN] = true
	}
	require.Len(t, seen, len(pop.Users))

	one := ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 5, 0, false, "(objectClass=user)", nil, nil)
	r, err = c.Search(one)
	require.EqualValues(t, 4, code(t, err))
	require.Len(t, r.Entries, 5)

	_, err = c.Search(req(&ldap.ControlPaging{PagingSize: 10, Cookie: []byte("12:7")}))
	require.Error(t, err)

	dc.Faults().RepeatPages(true)
	p := ldap.NewControlPaging(10)
	r1, err := c.Search(req(p))
	require.NoError(t, err)
	p.SetCookie(ldap.FindControl(r1.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging).Cookie)
	r2, err := c.Search(req(p))
	require.NoError(t, err)
	require.Equal(t, r1.Entries[0].DN, r2.Entries[0].DN)
	require.Equal(t, p.Cookie, ldap.FindControl(r2.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging).Cookie)
}

func TestRanges(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	pop, err := dc.Populate(adtest.PopulationOptions{Users: 3200, Groups: 1})
	require.NoError(t, err)
	c := admin(t, dc)
	e := read(t, c, pop.Everyone, "member")
	require.Empty(t, e.GetAttributeValues("member"))
	got := e.GetAttributeValues("member;range=0-1499")
	require.Len(t, got, 1500)
	e = read(t, c, pop.Everyone, "member;range=1500-*")
	got = append(got, e.GetAttributeValues("member;range=1500-2999")...)
	e = read(t, c, pop.Everyone, "member;range=3000-*")
	got = append(got, e.GetAttributeValues("member;range=3000-*")...)
	slices.Sort(got)
	want := slices.Clone(pop.Users)
	slices.Sort(want)
	require.Equal(t, want, got)
	_, err = c.Search(ldap.NewSearchRequest(pop.Everyone, 0, 0, 0, 0, false, "(objectClass=*)", []string{"member;range=9000-*"}, nil))
	require.EqualValues(t, 1, code(t, err))
	require.Len(t, read(t, c, pop.Everyone, "member;range=5-9").GetAttributeValues("member;range=5-9"), 5)
}

func TestReferences(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	c := admin(t, dc)
	r, err := c.Search(ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 0, 0, false, "(cn=Administrator)", nil, nil))
	require.NoError(t, err)
	require.Len(t, r.Referrals, 3)
	require.Contains(t, r.Referrals, "ldaps://contoso.test/CN=Configuration,DC=contoso,DC=test")
	r, err = c.Search(ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 0, 0, false, "(cn=Administrator)", nil,
		[]ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.1339", true, "")}))
	require.NoError(t, err)
	require.Empty(t, r.Referrals)
	_, err = c.Search(ldap.NewSearchRequest("DC=fabrikam,DC=test", 2, 0, 0, 0, false, "(cn=x)", nil, nil))
	require.EqualValues(t, 10, code(t, err))
	_, err = c.Search(ldap.NewSearchRequest("CN=none,"+dc.UsersDN(), 0, 0, 0, 0, false, "(cn=x)", nil, nil))
	require.EqualValues(t, 32, code(t, err))
	require.ErrorContains(t, err, "best match of:\n\t'CN=Users,DC=contoso,DC=test'")
}

func TestRootAndSchema(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	anonymous := dial(t, dc)
	root := read(t, anonymous, "")
	require.Equal(t, dc.BaseDN(), root.GetAttributeValue("defaultNamingContext"))
	require.Len(t, root.GetAttributeValues("namingContexts"), 5)
	require.Equal(t, fmt.Sprint(dc.HighestUSN()), root.GetAttributeValue("highestCommittedUSN"))
	_, err := anonymous.Search(ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 0, 0, false, "(cn=x)", nil, nil))
	require.EqualValues(t, 1, code(t, err))
	require.ErrorContains(t, err, "000004DC")

	c := admin(t, dc)
	id := dc.InvocationID()
	require.Equal(t, id[:], read(t, c, root.GetAttributeValue("dsServiceName")).GetRawAttributeValue("invocationId"))
	schema := root.GetAttributeValue("schemaNamingContext")
	e := search(t, c, schema, 1, "(&(objectClass=attributeSchema)(lDAPDisplayName=member))")
	require.Len(t, e, 1)
	require.Equal(t, "2", e[0].GetAttributeValue("linkID"))
	require.Equal(t, "FALSE", e[0].GetAttributeValue("isSingleValued"))
	require.Equal(t, "2.5.5.1", e[0].GetAttributeValue("attributeSyntax"))
	class := search(t, c, schema, 1, "(&(objectClass=classSchema)(lDAPDisplayName=inetOrgPerson))")
	require.Equal(t, "user", class[0].GetAttributeValue("subClassOf"))
	ref := search(t, c, "CN=Partitions,"+root.GetAttributeValue("configurationNamingContext"), 1, "(nETBIOSName=*)")
	require.Len(t, ref, 1)
	require.Equal(t, "CONTOSO", ref[0].GetAttributeValue("nETBIOSName"))
	require.Equal(t, dc.BaseDN(), ref[0].GetAttributeValue("nCName"))

	require.NoError(t, dc.ExtendSchema(adtest.Extension{Name: "contosoBadge", Classes: []string{"user"}}))
	dc.Must(dc.AddUser("badged", adtest.Attrs{"contosoBadge": {"42"}}))
	require.Len(t, search(t, c, dc.BaseDN(), 2, "(contosoBadge=42)"), 1)
	require.Error(t, func() error { _, err := dc.AddGroup("g", adtest.Attrs{"contosoBadge": {"1"}}); return err }())

	plain := adtest.NewServer(t, &adtest.Options{NoExchangeSchema: true})
	_, err = plain.AddUser("x", adtest.Attrs{"mailNickname": {"x"}})
	require.Error(t, err)
}

func TestSorted(t *testing.T) {
	t.Parallel()
	dc := adtest.NewServer(t, nil)
	for _, n := range []string{"b", "C", "a"} {
		dc.Must(dc.AddContact(n, nil))
	}
	c := admin(t, dc)
	r, err := c.Search(ldap.NewSearchRequest(dc.UsersDN(), 2, 0, 0, 0, false, "(objectClass=contact)", []string{"cn"},
		[]ldap.Control{ldap.NewControlServerSideSortingWithSortKeys([]*ldap.SortKey{{AttributeType: "cn", Reverse: true}})}))
	require.NoError(t, err)
	var got string
	for _, e := range r.Entries {
		got += e.GetAttributeValue("cn")
	}
	require.Equal(t, "Cba", got)
}
