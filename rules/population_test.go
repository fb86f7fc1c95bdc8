package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

func truth(b bool) []attr.Value { return []attr.Value{attr.Bool(b)} }

type values map[string][]attr.Value

func adObject(class string, base, more values) *rules.Subject {
	set := attr.NewSet(base)
	for name, v := range more {
		set.Put(name, v...)
	}
	return &rules.Subject{Class: class, Attributes: &set, DN: "CN=x,OU=Staff,DC=corp,DC=example", Parameters: forestOf}
}

func adGroup(members int, more values) *rules.Subject {
	s := adObject("group", values{
		"objectGUID": {guid}, "objectSid": {sid}, "cn": text("staff"), "sAMAccountName": text("staff"), "groupType": number(-2147483646),
		"description": text("All", "staff"),
	}, more)
	s.References = &counting{values: map[string][]attr.Value{"member": make([]attr.Value, members)}}
	return s
}

func adContact(more values) *rules.Subject {
	return adObject("contact", values{
		"objectGUID": {guid}, "cn": text("Eve"), "mail": text("eve@else.example"), "displayName": text("Eve"),
		"proxyAddresses": text("SMTP:eve@else.example"),
	}, more)
}

// population is who is synchronised to Entra ID and who is not.
var population = map[string]struct {
	object *rules.Subject
	sent   bool
	want   map[string]string // of the object in Entra ID
	never  bool              // not even a metaverse object is made
}{
	"enabled":       {object: adUser(nil), sent: true, want: map[string]string{"accountEnabled": "True", "userPrincipalName": "ann@corp.example"}},
	"disabled":      {object: adUser(values{"userAccountControl": number(514)}), sent: true, want: map[string]string{"accountEnabled": "False"}},
	"no UPN":        {object: adUser(values{"userPrincipalName": nil}), sent: true, want: map[string]string{"userPrincipalName": "ann@corp.example"}},
	"no name":       {object: adUser(values{"displayName": nil}), sent: true, want: map[string]string{"displayName": "Ann Lee"}},
	"mailbox":       {object: adUser(values{"msExchRecipientTypeDetails": number(1), "mailNickname": text("ann")}), sent: true, want: map[string]string{"alias": "ann"}},
	"inetOrgPerson": {object: asClass("inetOrgPerson", adUser(nil)), sent: true},

	"linked mailbox":     {object: adUser(values{"msExchRecipientTypeDetails": number(2), "mailNickname": text("ann"), "userAccountControl": number(514)})},
	"arbitration":        {object: adUser(values{"msExchRecipientTypeDetails": number(0x800000)})},
	"discovery mailbox":  {object: adUser(values{"msExchRecipientTypeDetails": number(0x20000000)})},
	"system mailbox":     {object: adUser(values{"mailNickname": text("SystemMailbox{1}")})},
	"MSOL_":              {object: adUser(values{"sAMAccountName": text("MSOL_0123456789ab")})},
	"AAD_":               {object: adUser(values{"sAMAccountName": text("AAD_0123456789ab")})},
	"CAS_ account":       {object: adUser(values{"sAMAccountName": text("CAS_{0123}")})},
	"CAS_ mailbox":       {object: adUser(values{"mailNickname": text("CAS_{0123}")})},
	"CAS_ without brace": {object: adUser(values{"sAMAccountName": text("CAS_bob")}), sent: true},
	"support account":    {object: adUser(values{"sAMAccountName": text("SUPPORT_388945a0")})},
	"no account name":    {object: adUser(values{"sAMAccountName": nil})},
	"critical":           {object: adUser(values{"isCriticalSystemObject": truth(true)}), never: true},
	"not so critical":    {object: adUser(values{"isCriticalSystemObject": truth(false)})},
	"made by write-back": {object: adUser(values{"adminDescription": text("User_1")}), never: true},
	"conflict":           {object: withDN(`CN=Ann\0ACNF:4a1e4dd5,OU=x,DC=y`, adUser(nil))},

	"security group":     {object: adGroup(3, nil), sent: true, want: map[string]string{"securityEnabled": "True", "displayName": "staff", "description": "All"}},
	"distribution group": {object: adGroup(3, values{"groupType": number(2), "mail": text("g@corp.example")}), sent: true, want: map[string]string{"securityEnabled": "False"}},
	"not mail-enabled":   {object: adGroup(3, values{"groupType": number(2)})},
	"only x500":          {object: adGroup(3, values{"groupType": number(2), "proxyAddresses": text("x500:/o=x")})},
	"secondary address":  {object: adGroup(3, values{"groupType": number(2), "proxyAddresses": text("smtp:g@corp.example")})},
	"largest group":      {object: adGroup(10, nil), sent: true},
	"too large group":    {object: adGroup(11, nil)},
	"role group":         {object: adGroup(3, values{"msExchRecipientTypeDetails": number(0x40000000)})},
	"coexistence group":  {object: adGroup(3, values{"sAMAccountName": text("MSOL_AD_Sync_RichCoexistence")})},
	"critical group":     {object: adGroup(3, values{"isCriticalSystemObject": truth(true)}), never: true},
	"written-back group": {object: adGroup(3, values{"adminDescription": text("Group_1")}), never: true},

	"contact":          {object: adContact(nil), sent: true, want: map[string]string{"mail": "eve@else.example", "alias": "Eve"}},
	"hidden MSOL":      {object: adContact(values{"displayName": text("x (MSOL)"), "msExchHideFromAddressLists": truth(true)})},
	"shown MSOL":       {object: adContact(values{"displayName": text("x (MSOL)")}), sent: true},
	"unusable address": {object: adContact(values{"mail": text("eve"), "proxyAddresses": nil})},
}

func asClass(class string, s *rules.Subject) *rules.Subject {
	s.Class = class
	return s
}

func withDN(dn string, s *rules.Subject) *rules.Subject {
	s.DN = dn
	return s
}

func TestPopulation(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, rules.StandardOptions{AD: []rules.ADConnector{{Name: "corp", Exchange: true}}, Entra: "cloud", MemberLimit: 10})
	mvClass := map[string]string{"user": "person", "inetOrgPerson": "person", "contact": "person", "group": "group"}
	target := map[string]string{"user": "user", "inetOrgPerson": "user", "contact": "contact", "group": "group"}
	for name, tt := range population {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scope, err := set.InScope(t.Context(), rules.Inbound, "corp", tt.object)
			require.NoError(t, err)
			decider, err := set.JoinRule(scope)
			require.NoError(t, err)
			require.Equal(t, tt.never, decider == nil)
			in := inbound(t, set, "corp", mvClass[tt.object.Class], tt.object)
			require.Empty(t, in.Errors)
			if in.Values.Has("cloudFiltered") {
				require.True(t, in.Values.Values("cloudFiltered")[0].Bool())
			}
			if tt.never {
				return
			}
			out := outbound(t, set, mvClass[tt.object.Class], target[tt.object.Class], in)
			require.Equal(t, tt.sent, out != nil)
			if !tt.sent {
				return
			}
			require.Empty(t, out.Errors)
			for name, want := range tt.want {
				require.Equal(t, want, out.Values.Text(name), name)
			}
		})
	}
}

func TestUserWithoutAnyName(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, standardVariants["one forest"])
	d := inbound(t, set, "corp", "person", adUser(values{"sAMAccountName": nil, "userPrincipalName": nil}))
	require.NotEmpty(t, d.Errors)
	require.ErrorContains(t, d.Errors[0], "AccountName is not present")
	require.Equal(t, "userPrincipalName", d.Errors[0].Attribute)
}

func TestGrownGroupStaysAndStops(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, rules.StandardOptions{AD: []rules.ADConnector{{Name: "corp"}}, Entra: "cloud", MemberLimit: 10})
	in := inbound(t, set, "corp", "group", adGroup(11, nil))
	in.Values.Put("cloudAnchor", attr.String("Group_1"))
	out := outbound(t, set, "group", "group", in)
	require.NotNil(t, out, "a group that is there already is not deprovisioned")
	require.Len(t, out.Errors, 1)
	require.Equal(t, "member", out.Errors[0].Attribute)
	require.ErrorContains(t, out.Errors[0], "Maximum Group member count exceeded")
	in.Values.Put("memberCount", attr.Int(10))
	out = outbound(t, set, "group", "group", in)
	require.Empty(t, out.Errors)
	require.True(t, len(out.Copies) > 0 && out.Copies[len(out.Copies)-1].Target != "")
}

func TestSourceAnchorGuard(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, standardVariants["one forest"])
	tests := []struct {
		name, confirmed, cloudAnchor string
		refused                      bool
	}{
		{"not confirmed yet", "", "", false},
		{"same", "MDEyMzQ1Njc4OWFiY2RlZg==", "User_1", false},
		{"changed", "other", "User_1", true},
		{"changed in case", "mDEyMzQ1Njc4OWFiY2RlZg==", "User_1", true},
		{"was a contact", "other", "Contact_1", false},
		{"anchor without class", "other", "0b0f", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := inbound(t, set, "corp", "person", adUser(nil))
			for name, v := range map[string]string{"cloudSourceAnchor": tt.confirmed, "cloudAnchor": tt.cloudAnchor} {
				if v != "" {
					in.Values.Put(name, attr.String(v))
				}
			}
			out := outbound(t, set, "person", "user", in)
			require.NotNil(t, out)
			require.Equal(t, tt.refused, len(out.Errors) == 1)
			if tt.refused {
				require.ErrorContains(t, out.Errors[0], "SourceAnchor attribute has changed.")
			}
		})
	}
}

func TestAnchorAttributes(t *testing.T) {
	t.Parallel()
	own := attr.BinaryString("fedcba9876543210")
	tests := []struct {
		name, attribute string
		more            values
		anchor          string
		binary          string
	}{
		{"objectGUID", "", nil, "MDEyMzQ1Njc4OWFiY2RlZg==", ""},
		{"consistency GUID", "mS-DS-ConsistencyGuid", values{"mS-DS-ConsistencyGuid": {own}}, "ZmVkY2JhOTg3NjU0MzIxMA==", own.Str()},
		{"consistency GUID not set", "mS-DS-ConsistencyGuid", nil, "MDEyMzQ1Njc4OWFiY2RlZg==", guid.Str()},
		{"text", "employeeID", nil, "4711", ""},
		{"text not set", "employeeID", values{"employeeID": nil}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := compileStandard(t, rules.StandardOptions{AD: []rules.ADConnector{{Name: "corp"}}, Entra: "cloud", AnchorAttribute: tt.attribute})
			in := inbound(t, set, "corp", "person", adUser(tt.more))
			require.Empty(t, in.Errors)
			require.Equal(t, tt.anchor, in.Values.Text("sourceAnchor"))
			b, _ := in.Values.First("sourceAnchorBinary")
			require.Equal(t, tt.binary, b.Str())
			require.Equal(t, tt.anchor == "", outbound(t, set, "person", "user", in) == nil)
		})
	}
}

func TestTwoForests(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, rules.StandardOptions{
		AD: []rules.ADConnector{{Name: "accounts"}, {Name: "resources", Exchange: true}}, Entra: "cloud", Matching: rules.MatchSID,
	})
	contribution := func(connector string, s *rules.Subject) rules.Contribution {
		scope, err := set.InScope(t.Context(), rules.Inbound, connector, s)
		require.NoError(t, err)
		return rules.Contribution{Connector: connector, Subject: s, Rules: scope}
	}
	account := contribution("accounts", adUser(values{"telephoneNumber": text("account")}))
	mailbox := contribution("resources", adUser(values{
		"objectGUID": {attr.BinaryString("fedcba9876543210")}, "objectSid": {attr.BinaryString("other")}, "msExchMasterAccountSid": {sid},
		"msExchRecipientTypeDetails": number(2), "mailNickname": text("annie"), "userAccountControl": number(514),
		"userPrincipalName": text("ann@resource.example"), "telephoneNumber": text("mailbox"),
	}))
	for _, in := range [][]rules.Contribution{{account, mailbox}, {mailbox, account}} {
		d := set.Inbound(t.Context(), "person", in, nil, now)
		require.Empty(t, d.Errors)
		require.Equal(t, "MDEyMzQ1Njc4OWFiY2RlZg==", d.Values.Text("sourceAnchor"), "the account is the identity")
		require.Equal(t, "ann@corp.example", d.Values.Text("userPrincipalName"))
		require.Equal(t, "True", d.Values.Text("accountEnabled"))
		require.Equal(t, "mailbox", d.Values.Text("telephoneNumber"), "the mailbox's forest supplies what address lists show")
		require.Equal(t, "annie", d.Values.Text("mailNickname"))
		require.Equal(t, "User", d.Values.Text("sourceObjectType"))
		require.NotNil(t, outbound(t, set, "person", "user", d))
	}
}

func TestFilterGroup(t *testing.T) {
	t.Parallel()
	set := compileStandard(t, rules.StandardOptions{AD: []rules.ADConnector{{Name: "corp", FilterGroup: "CN=pilot"}}, Entra: "cloud"})
	for _, member := range []bool{true, false} {
		s := adUser(nil)
		s.References = memberships{"CN=pilot": member}
		require.Equal(t, member, outbound(t, set, "person", "user", inbound(t, set, "corp", "person", s)) != nil)
	}
}

func TestChoicesOfAttributes(t *testing.T) {
	t.Parallel()
	opts := rules.StandardOptions{
		AD: []rules.ADConnector{{Name: "corp"}}, Entra: "cloud", UPNAttribute: "mail", ExcludedAttributes: []string{"title", "proxyAddresses"},
		Services:   []rules.Service{rules.DynamicsCRM},
		Extensions: []rules.DirectoryExtension{{Attribute: "badge", AppID: "12-34", Kind: attr.KindString, Users: true}},
	}
	set := compileStandard(t, opts)
	in := inbound(t, set, "corp", "person", adUser(values{"mail": text("alias@corp.example"), "badge": text("b7"), "wWWHomePage": text("w")}))
	out := outbound(t, set, "person", "user", in)
	require.Equal(t, "alias@corp.example", out.Values.Text("userPrincipalName"))
	require.Equal(t, "ann@corp.example", out.Values.Text("onPremisesUserPrincipalName"))
	require.Equal(t, "b7", out.Values.Text("extension_1234_badge"))
	require.NotContains(t, out.Managed, "title")
	require.NotContains(t, out.Managed, "wWWHomePage")
	require.Contains(t, out.Managed, "proxyAddresses")
	require.Contains(t, out.Managed, "company")
	require.Contains(t, set.ImportAttributes("corp"), "badge")
	require.Contains(t, set.ExportAttributes("cloud"), "extension_1234_badge")
}
