package ad

import (
	"context"
	"log/slog"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// smallSchema is a directory's schema with the classes that matter.
func smallSchema() *schema {
	s := &schema{attributes: map[string]*attribute{}, classes: map[string]*class{}}
	for _, c := range []*class{
		{name: "top", parent: "top", attributes: []string{"objectClass", "objectGUID", "distinguishedName", "memberOf", "nTSecurityDescriptor", "name"}},
		{name: "person", parent: "top", attributes: []string{"sn"}, superiors: []string{"organizationalUnit"}},
		{name: "user", parent: "person", auxiliary: []string{"mailRecipient"}, attributes: []string{"manager", "unicodePwd", "lastLogon"}},
		{name: "inetOrgPerson", parent: "user"},
		{name: "computer", parent: "user", superiors: []string{"container"}},
		{name: "msDS-GroupManagedServiceAccount", parent: "computer"},
		{name: "contosoPerson", parent: "user"},
		{name: "contact", parent: "person"},
		{name: "group", parent: "top", attributes: []string{"member"}},
		{name: "foreignSecurityPrincipal", parent: "top"},
		{name: "mailRecipient", parent: "top", attributes: []string{"mail"}},
		{name: "organizationalUnit", parent: "top"},
		{name: "container", parent: "top"},
		{name: "loop", parent: "pool"},
		{name: "pool", parent: "loop"},
	} {
		s.classes[attr.Fold(c.name)] = c
	}
	for _, a := range []*attribute{
		{name: "objectClass", multi: true, replicated: true}, {name: "objectGUID", syntax: syntaxOctets, replicated: true, systemOnly: true},
		{name: "distinguishedName", syntax: syntaxDN}, {name: "memberOf", syntax: syntaxDN, multi: true, replicated: true, backLink: true},
		{name: "nTSecurityDescriptor", syntax: syntaxOctets, replicated: true}, {name: "sn", replicated: true}, {name: "name", replicated: true},
		{name: "manager", syntax: syntaxDN, replicated: true}, {name: "unicodePwd", syntax: syntaxOctets, replicated: true},
		{name: "lastLogon", syntax: syntaxInteger}, {name: "member", syntax: syntaxDN, multi: true, replicated: true}, {name: "mail", replicated: true},
		{name: "cn", replicated: true}, {name: "uSNChanged"}, {name: "parentGUID", constructed: true}, {name: "isDeleted", replicated: true},
	} {
		s.attributes[attr.Fold(a.name)] = a
	}
	return s
}

func planFor(t *testing.T, o Options, open connector.OpenOptions) *plan {
	t.Helper()
	o.URLs, o.BindName, o.Password = []string{"ldaps://dc"}, "x", func(context.Context) (string, error) { return "", nil }
	d, err := New("x", o)
	require.NoError(t, err)
	p, err := d.plan(smallSchema(), open, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	for _, filter := range []string{p.filter, p.changeFilter} {
		_, err = ldap.CompileFilter(filter)
		require.NoError(t, err)
	}
	return p
}

func TestClassFilter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		classes []string
		want    string
	}{
		"users alone": {[]string{"user"}, "(|(&(objectClass=user)(!(objectClass=inetOrgPerson))(!(objectClass=computer))(!(objectClass=msDS-GroupManagedServiceAccount))))"},
		"all":         {nil, "(|(objectClass=contact)(objectClass=foreignSecurityPrincipal)(objectClass=group)(&(objectClass=user)(!(objectClass=msDS-GroupManagedServiceAccount))))"},
		"computers":   {[]string{"computer"}, "(|(&(objectClass=computer)(!(objectClass=msDS-GroupManagedServiceAccount))))"},
		"below what is left out": {[]string{"user", "inetOrgPerson", "msDS-GroupManagedServiceAccount"},
			"(|(objectClass=user))"},
	} {
		require.Equal(t, c.want, planFor(t, Options{Classes: c.classes}, connector.OpenOptions{}).filter, name)
	}
	require.Contains(t, planFor(t, Options{Classes: []string{"computer"}}, connector.OpenOptions{}).changeFilter, "(objectClass=container)")
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	user := []string{"top", "person", "user"}
	for name, c := range map[string]struct {
		classes  []string
		of       []string
		want     string
		imported bool
	}{
		"user":                 {[]string{"user"}, user, "user", true},
		"computer is no user":  {[]string{"user"}, append(user[:3:3], "computer"), "computer", false},
		"computer":             {[]string{"user", "computer"}, append(user[:3:3], "computer"), "computer", true},
		"service account":      {[]string{"user", "computer"}, append(user[:3:3], "computer", "msDS-GroupManagedServiceAccount"), "msDS-GroupManagedServiceAccount", false},
		"derived and unknown":  {[]string{"user"}, append(user[:3:3], "contosoPerson"), "user", true},
		"derived and asked":    {[]string{"user", "contosoPerson"}, append(user[:3:3], "contosoPerson"), "contosoPerson", true},
		"any case":             {[]string{"USER"}, []string{"TOP", "User"}, "user", true},
		"nothing that we know": {[]string{"user"}, []string{"top", "organizationalUnit"}, "", false},
	} {
		got, imported := planFor(t, Options{Classes: c.classes}, connector.OpenOptions{}).classOf(c.of)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.imported, imported, name)
	}
}

func TestAttributeChoice(t *testing.T) {
	t.Parallel()
	all := planFor(t, Options{Classes: []string{"user"}}, connector.OpenOptions{})
	require.True(t, all.all)
	require.Equal(t, []string{"distinguishedName", "mail", "manager", "name", "objectClass", "objectGUID", "sn"}, all.list(nil, false),
		"no back links, secrets, security descriptors or what is not replicated")
	some := planFor(t, Options{Classes: []string{"user"}, Attributes: []string{"MAIL", "memberOf", "unicodePwd", "unknown"}}, connector.OpenOptions{})
	require.Equal(t, []string{"mail", "memberOf", "objectClass", "objectGUID", "uSNChanged"}, some.request)
	require.Equal(t, []string{"isDeleted", "mail", "name", "objectClass", "objectGUID", "parentGUID"}, some.changes)
	narrow := planFor(t, Options{Classes: []string{"user"}, Attributes: []string{"mail", "sn"}}, connector.OpenOptions{Attributes: []string{"SN"}})
	require.Equal(t, []string{"objectClass", "objectGUID", "sn", "uSNChanged"}, narrow.request)
	require.Equal(t, planFor(t, Options{Classes: []string{"user"}, Attributes: []string{"sn", "mail"}}, connector.OpenOptions{}).configured, narrow.configured)
	require.NotEqual(t, all.configured, narrow.configured)
	require.True(t, narrowing{}.covers(narrow.narrowed))
	require.False(t, narrow.narrowed.covers(narrowing{}))
	require.True(t, narrow.narrowed.covers(narrow.narrowed))
}

func TestClassLoopsEnd(t *testing.T) {
	t.Parallel()
	s := smallSchema()
	require.False(t, s.isA("loop", "user"))
	require.Empty(t, s.attributesOf("loop"))
}

func TestScopeBases(t *testing.T) {
	t.Parallel()
	p := partition{dn: "DC=c"}
	require.Equal(t, []string{"DC=c"}, (&scope{}).bases(p))
	s := &scope{restricted: true, include: []string{"OU=a,DC=c", "OU=b,OU=a,DC=c", "OU=a,DC=d", "OU=e,DC=c", "OU=E,DC=c"}, exclude: []string{"OU=x,OU=a,DC=c"}}
	require.Equal(t, []string{"OU=a,DC=c", "OU=e,DC=c"}, s.bases(p), "nothing is searched twice")
	require.True(t, s.holds("CN=1,OU=a,DC=c"))
	require.False(t, s.holds("CN=1,OU=x,OU=a,DC=c"))
	require.False(t, s.holds("CN=1,DC=c"))
	require.True(t, s.touches("DC=c"))
	require.False(t, s.touches("OU=f,DC=c"))
}
