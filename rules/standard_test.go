package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// standardVariants are the options that change the shape of the rule set.
var standardVariants = map[string]rules.StandardOptions{
	"one forest": {AD: []rules.ADConnector{{Name: "corp"}}, Entra: "cloud"},
	"everything": {
		AD: []rules.ADConnector{
			{Name: "corp", Exchange: true, Lync: true, FilterGroup: "CN=pilot,DC=corp,DC=example"},
			{Name: "branch", Exchange: true},
		},
		Entra: "cloud", AnchorAttribute: "mS-DS-ConsistencyGuid", UPNAttribute: "mail", Matching: rules.MatchSID,
		MemberLimit: 10, Devices: true, ExchangeHybrid: true, ExcludedAttributes: []string{"homePhone"},
		Extensions: []rules.DirectoryExtension{
			{Attribute: "costCenter", AppID: "0123-45", Kind: attr.KindString, Users: true},
			{Attribute: "level", AppID: "0123-45", Kind: attr.KindInt, Users: true, Groups: true},
		},
	},
	"mail":         {AD: []rules.ADConnector{{Name: "corp"}}, Entra: "cloud", Matching: rules.MatchMail, AnchorAttribute: "employeeID"},
	"account name": {AD: []rules.ADConnector{{Name: "corp"}}, Entra: "cloud", Matching: rules.MatchAccountName},
	"attribute": {
		AD: []rules.ADConnector{{Name: "corp"}}, Entra: "cloud", Matching: rules.MatchAttribute, MatchingAttribute: "badgeNumber",
	},
	"no cloud": {AD: []rules.ADConnector{{Name: "corp"}}},
}

func compileStandard(t testing.TB, opts rules.StandardOptions) *rules.Set {
	t.Helper()
	set, err := rules.Compile(rules.Standard(opts), &rules.CompileOptions{Metaverse: rules.StandardMetaverse(opts)})
	require.NoError(t, err)
	return set
}

func TestStandardCompilesWithoutFindings(t *testing.T) {
	t.Parallel()
	for name, opts := range standardVariants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := compileStandard(t, opts)
			require.Empty(t, set.Warnings())
			require.NotEmpty(t, set.Rules())
			require.Equal(t, 100, set.Rules()[0].Precedence)
		})
	}
}

var (
	guid     = attr.BinaryString("0123456789abcdef")
	sid      = attr.BinaryString("\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\xc7\xf7\xfe\xd7\x7c\x77\x55\xc8\x94\x5a\xce\x01\xf5\x03\x00\x00")
	now      = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	forestOf = rules.MapParameters{
		"Domain.FQDN": "corp.example", "Domain.Netbios": "CORP", "Forest.FQDN": "corp.example", "Forest.Netbios": "CORP",
		"Connector.ID": "corp",
	}
)

func text(values ...string) (out []attr.Value) {
	for _, v := range values {
		out = append(out, attr.String(v))
	}
	return out
}

func number(n int64) []attr.Value { return []attr.Value{attr.Int(n)} }

func adUser(more map[string][]attr.Value) *rules.Subject {
	set := attr.NewSet(map[string][]attr.Value{
		"objectGUID": {guid}, "objectSid": {sid}, "cn": text("Ann Lee"), "displayName": text(" Ann Lee "), "givenName": text("Ann"), "sn": text("Lee"),
		"sAMAccountName": text("ann"), "userPrincipalName": text("ann@corp.example"), "userAccountControl": number(512),
		"mail": text("ann@corp.example"), "proxyAddresses": text("SMTP:ann@corp.example", "smtp:a.lee@corp.example "),
		"description": text("first", "second"), "department": text("Sales"), "title": text("Manager"),
		"telephoneNumber": text("+1 555 0100"), "l": text("Rome"), "co": text("Italy"), "c": text("IT"),
		"countryCode": number(380), "company": text("Contoso"), "pwdLastSet": number(130543784930000000), "employeeID": text("4711"),
	})
	for name, values := range more {
		set.Put(name, values...)
	}
	return &rules.Subject{Class: "user", Attributes: &set, DN: "CN=Ann Lee,OU=Staff,DC=corp,DC=example", Parameters: forestOf}
}

// inbound evaluates one object alone.
func inbound(t testing.TB, set *rules.Set, connector, class string, s *rules.Subject) *rules.Decision {
	t.Helper()
	scope, err := set.InScope(t.Context(), rules.Inbound, connector, s)
	require.NoError(t, err)
	return set.Inbound(t.Context(), class, []rules.Contribution{{Connector: connector, Subject: s, Rules: scope}}, &attr.Set{}, now)
}

// outbound evaluates the metaverse object that an inbound decision made. It returns nil
// when no rule provisions it.
func outbound(t testing.TB, set *rules.Set, mvClass, class string, in *rules.Decision) *rules.Decision {
	t.Helper()
	s := &rules.Subject{Class: mvClass, Attributes: &in.Values, New: true, Parameters: rules.MapParameters{"Connector.ID": "cloud"}}
	scope, err := set.InScope(t.Context(), rules.Outbound, "cloud", s)
	require.NoError(t, err)
	for _, r := range scope {
		if r.LinkType == rules.Provision {
			return set.Outbound(t.Context(), "cloud", class, scope, s, &attr.Set{}, now)
		}
	}
	return nil
}

func TestStandardUser(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, standardVariants["one forest"])
	in := inbound(t, set, "corp", "person", adUser(nil))
	require.Empty(t, in.Errors)
	v := &in.Values
	require.True(t, v.Values("accountEnabled")[0].Bool())
	require.Equal(t, "MDEyMzQ1Njc4OWFiY2RlZg==", v.Text("sourceAnchor"))
	require.Equal(t, "User", v.Text("sourceObjectType"))
	require.Equal(t, "first", v.Text("description"))
	require.Equal(t, "corp.example", v.Text("domainFQDN"))
	require.Equal(t, "20140905081453.0Z", v.Text("pwdLastSet"))
	require.Equal(t, text("SMTP:ann@corp.example", "smtp:a.lee@corp.example"), v.Values("proxyAddresses"))
	require.False(t, v.Has("cloudFiltered"))
	require.False(t, v.Has("mobile"))
	out := outbound(t, set, "person", "user", in)
	require.NotNil(t, out)
	require.Empty(t, out.Errors)
	v = &out.Values
	require.Equal(t, "CN={4D4445794D7A51314E6A63344F5746695932526C5A673D3D}", v.Text("dn"))
	require.Equal(t, "Lee", v.Text("surname"))
	require.Equal(t, "ann", v.Text("onPremisesSamAccountName"))
	require.Equal(t, "Ann Lee", v.Text("commonName"))
	require.NotContains(t, out.Managed, "usageLocation")
	require.Contains(t, out.Managed, "mobile")
}
