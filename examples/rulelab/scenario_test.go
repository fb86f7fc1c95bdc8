package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// TestOverLongGroups plays three groups against a limit of five members: one below it, one
// above it, and one above it that Entra ID has already.
func TestOverLongGroups(t *testing.T) {
	t.Parallel()
	members := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"reference":"CN=Member %d,DC=x,DC=test"}`, i))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	group := func(name string, n int) string {
		return fmt.Sprintf(`{"class":"group","anchor":"%s","dn":"CN=%[1]s,DC=x,DC=test","attributes":{"cn":"%[1]s","sAMAccountName":"%[1]s",
			"groupType":-2147483646,"objectGUID":{"binary":"%[3]s"},"member":%[2]s}}`, name, members(n), anchorOf[name])
	}
	scenario := write(t, "groups.json", fmt.Sprintf(`{"connectors":[{"name":"x.test","type":"ad","domain":{"fqdn":"x.test"},"objects":[%s,%s,%s]},
		{"name":"cloud","type":"entra","objects":[{"class":"group","anchor":"Group_1","attributes":{"sourceAnchor":"%s","displayName":"Old"}}]}]}`,
		group("Small", 3), group("New", 7), group("Old", 7), anchorOf["Old"]))
	export := write(t, "rules.yaml", strings.ReplaceAll(must(t, "convert", exportFolder), "50000", "5"))
	for name, args := range map[string][]string{
		"standard": {"-rules", "standard", "-member-limit", "5"},
		"export":   {"-rules", export},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := simulated(t, append(args, "-scenario", scenario)...)
			require.NotNil(t, r.export("Small", "cloud"))
			require.Equal(t, "add", r.export("Small", "cloud").Operation)
			require.Nil(t, r.export("New", "cloud"), "too large to be made")
			require.Nil(t, r.export("Old", "cloud"), "neither changed nor deleted")
			require.NotEmpty(t, r.Errors)
			for _, e := range r.Errors {
				require.Contains(t, e.Message, "Maximum Group member count exceeded")
				require.Equal(t, "sync-rule-error-function-triggered", e.Code)
				require.Equal(t, "Out to AAD - Group Join", e.Rule)
			}
			require.Equal(t, float64(7), r.object("New").Attributes["memberCount"])
		})
	}
}

var anchorOf = map[string]string{
	"Small": "AAAAAAAAAAAAAAAAAAAAAA==", "New": "AQEBAQEBAQEBAQEBAQEBAQ==", "Old": "AgICAgICAgICAgICAgICAg==",
}

// TestLinkedMailboxMeetsItsAccount plays an account forest and a resource forest: what signs
// in comes from the account, what address lists show from the mailbox.
func TestLinkedMailboxMeetsItsAccount(t *testing.T) {
	t.Parallel()
	const sid = "AQUAAAAAAAUVAAAAGVWQrqoIwssoOgM1DAAAAA=="
	account := `{"name":"account.test","type":"ad","objects":[{"class":"user","anchor":"a","dn":"CN=Ann,DC=account,DC=test","attributes":{
		"cn":"Ann","sAMAccountName":"ann","userPrincipalName":"ann@account.test","userAccountControl":512,"objectSid":{"binary":"` + sid + `"},"department":"HR"}}]}`
	mailbox := `{"name":"resource.test","type":"ad","objects":[{"class":"user","anchor":"m","dn":"CN=Ann,DC=resource,DC=test","attributes":{
		"cn":"Ann (mailbox)","sAMAccountName":"ann","userPrincipalName":"ann@resource.test","userAccountControl":514,"mailNickname":"ann","mail":"ann@resource.test",
		"department":"Sales","msExchRecipientTypeDetails":2,"msExchMasterAccountSid":{"binary":"` + sid + `"},"objectSid":{"binary":"AQUAAAAAAAUVAAAAAQIDBAUGBwgJCgsMDQAAAA=="}}}]}`
	cloud := `{"name":"cloud","type":"entra","objects":[]}`
	var results []map[string]any
	for i, order := range [][]string{{account, mailbox, cloud}, {mailbox, account, cloud}, {cloud, mailbox, account}} {
		r := simulated(t, "-matching", "sid", "-scenario", write(t, fmt.Sprintf("%d.json", i), `{"connectors":[`+strings.Join(order, ",")+`]}`))
		require.Empty(t, r.Errors)
		require.Len(t, r.Metaverse, 1, "one person")
		require.Len(t, r.Links, 3)
		require.Len(t, r.Exports, 1)
		m := r.Metaverse[0].Attributes
		require.Equal(t, "ann@account.test", m["userPrincipalName"])
		require.Equal(t, true, m["accountEnabled"])
		require.Equal(t, "Sales", m["department"], "the mailbox's")
		require.Equal(t, "account.test", r.Metaverse[0].Provenance["sourceAnchor"][0].Connector)
		require.Equal(t, "resource.test", r.Metaverse[0].Provenance["mail"][0].Connector)
		results = append(results, r.Exports[0].Attributes)
	}
	for _, other := range results[1:] {
		require.Equal(t, results[0]["sourceAnchor"], other["sourceAnchor"], "the order of connectors does not matter")
		require.Equal(t, results[0]["userPrincipalName"], other["userPrincipalName"])
		require.Equal(t, results[0]["mail"], other["mail"])
	}
}

func TestScenarioIsChecked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ src, want string }{
		"no JSON":       {`{`, "unexpected end"},
		"empty":         {`{}`, "no connectors"},
		"no name":       {`{"connectors":[{"type":"ad"}]}`, "is empty or not unique"},
		"twice":         {`{"connectors":[{"name":"a","type":"ad"},{"name":"A","type":"entra"}]}`, "is empty or not unique"},
		"type":          {`{"connectors":[{"name":"a","type":"ldap"}]}`, `the type is "ldap", want ad or entra`},
		"no class":      {`{"connectors":[{"name":"a","type":"ad","objects":[{"dn":"CN=x"}]}]}`, "object 1: want a class"},
		"no dn":         {`{"connectors":[{"name":"a","type":"ad","objects":[{"class":"user"}]}]}`, "object 1: want a class, and a dn"},
		"value":         {`{"connectors":[{"name":"a","type":"ad","objects":[{"class":"user","dn":"CN=x","attributes":{"a":1.5}}]}]}`, "no whole number"},
		"kind":          {`{"connectors":[{"name":"a","type":"ad","objects":[{"class":"user","dn":"CN=x","attributes":{"userAccountControl":"many"}}]}]}`, "attribute userAccountControl: the value is no integer"},
		"same DN twice": {`{"connectors":[{"name":"a","type":"ad","objects":[{"class":"user","dn":"CN=x"},{"class":"user","dn":"cn=X"}]}]}`, "CN=x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, message, ok := rulelab(t, tt.src, "simulate", "-scenario", "-")
			require.False(t, ok)
			require.Contains(t, message, tt.want)
			require.NotContains(t, message, "many")
		})
	}
}

func TestGUIDs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"00112233-4455-6677-8899-aabbccddeeff":   "33221100-5544-7766-8899-aabbccddeeff",
		"{00112233-4455-6677-8899-AABBCCDDEEFF}": "33221100-5544-7766-8899-aabbccddeeff",
		"00112233445566778899aabbccddeeff":       "00112233-4455-6677-8899-aabbccddeeff",
		"ABEiM0RVZneImaq7zN3u/w==":               "00112233-4455-6677-8899-aabbccddeeff",
	} {
		b, ok := parseGUID(text)
		require.True(t, ok, text)
		require.Equal(t, want, fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
	}
	_, ok := parseGUID("ann")
	require.False(t, ok)
}

// TestConvertTo gives text the kinds that attributes of Active Directory have.
func TestConvertTo(t *testing.T) {
	t.Parallel()
	sid := attr.Binary([]byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0})
	for _, tt := range []struct {
		text string
		want attr.Value
	}{
		{"S-1-5-32-544", sid}, {"s-1-5-32-544", sid}, {sid.Text(), sid}, {"512", attr.Int(512)}, {"TRUE", attr.Bool(true)},
		{"CN=x", attr.Reference("CN=x")}, {"x", attr.String("x")},
	} {
		got, ok := convertTo(tt.want.Kind(), attr.String(tt.text))
		require.True(t, ok, tt.text)
		require.Equal(t, tt.want, got)
	}
	for text, kind := range map[string]attr.Kind{
		"S-1-5-x": attr.KindBinary, "S-1-5-4294967296": attr.KindBinary, "S-1-": attr.KindBinary, "many": attr.KindInt, "yes": attr.KindBool,
	} {
		_, ok := convertTo(kind, attr.String(text))
		require.False(t, ok, text)
	}
}

// TestReferencesTakeEitherName holds that references may be written as DN or as anchor.
func TestReferencesTakeEitherName(t *testing.T) {
	t.Parallel()
	var r report
	out := must(t, "simulate", fixed, "-scenario", "testdata/small.json")
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, []any{
		map[string]any{"reference": "contoso.test/CN=Ann,OU=Staff,DC=contoso,DC=test"},
		map[string]any{"reference": "contoso.test/CN=Bob,OU=Staff,DC=contoso,DC=test"},
	}, r.object("All").Attributes["member"])
}
