package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// simulated runs a scenario.
func simulated(t testing.TB, args ...string) *report {
	t.Helper()
	r := &report{}
	require.NoError(t, json.Unmarshal([]byte(must(t, append([]string{"simulate", fixed}, args...)...)), r))
	return r
}

// object finds a metaverse object by the name in its DN, nil if there is none.
func (r *report) object(name string) *mvReport {
	for i := range r.Metaverse {
		if strings.Contains(r.Metaverse[i].ID, "/CN="+name+",") {
			return &r.Metaverse[i]
		}
	}
	return nil
}

// export finds what a connector gets for a metaverse object, nil for nothing.
func (r *report) export(name, connector string) *exportReport {
	for i := range r.Exports {
		if e := &r.Exports[i]; e.Connector == connector && strings.Contains(e.Metaverse, "/CN="+name+",") {
			return e
		}
	}
	return nil
}

// The fates of objects.
const (
	sent     = "sent"     // exported to Entra ID
	filtered = "filtered" // in the metaverse with cloudFiltered, not exported
	kept     = "kept"     // in the metaverse without it, not exported for another reason
	outside  = "outside"  // not in the metaverse: no rule that projects is in scope
)

const conflictMark = `\0ACNF:0c3b6b2a-6c2e-4f0c-9a2e-2a1a5d7f4c1`

// fates says what happens to whom, whatever the rules.
var fates = map[string]string{
	"Ann Lee": sent, "Ines Org": sent, "No UPN": sent, "Żołędna 😀": sent,
	"Bob Disabled": sent, // disabled accounts are synchronised
	"Room 1":       sent,
	"CAS_person":   sent, // the name only begins like that of a probe
	"Eve External": sent, "Long Nick": sent,
	"Staff": sent, "Mail Security": sent, "Distribution": sent, "No Display": sent,

	"MSOL_0123456789ab": filtered, "AAD_0123456789ab": filtered, "CAS_probe": filtered, "SUPPORT": filtered, "SystemMailbox": filtered,
	"Discovery": filtered, "No Account": filtered, "Ann Lee" + conflictMark + "1": filtered,
	"Hidden MSOL": filtered, "Cas Contact": filtered,
	"RichCoexistence": filtered, "Role Group": filtered, "Staff" + conflictMark + "2": filtered,
	"PC1": filtered, // without a certificate

	"Linked Mailbox":            kept, // its account is elsewhere and it has no source anchor of its own
	"X500 only":                 kept, // not mail-enabled
	"Distribution without mail": kept,
	"X500 group":                kept,

	"Administrator": outside, "Domain Admins": outside, // critical
	"Written Back": outside, "Written Back Group": outside,
	"No Mail": outside, // contacts join by mail and need one to be projected
}

// ruleSets are the rules whose results must agree.
var ruleSets = map[string][]string{
	"standard": {"-rules", "standard", "-member-limit", "50000"},
	"export":   {"-rules", exportFolder},
}

func TestFates(t *testing.T) {
	t.Parallel()
	for name, args := range ruleSets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := simulated(t, append(args, "-scenario", "testdata/population.json")...)
			require.Empty(t, r.Errors)
			require.Empty(t, r.Notes)
			for who, want := range fates {
				require.Equal(t, want, r.fate(who), who)
			}
			require.Len(t, r.Exports, 13)
		})
	}
}

func (r *report) fate(name string) string {
	o := r.object(name)
	switch {
	case o == nil:
		return outside
	case r.export(name, "tenant") != nil:
		return sent
	case o.Attributes["cloudFiltered"] == true:
		return filtered
	case o.Attributes["cloudFiltered"] == nil:
		return kept
	}
	return fmt.Sprint("cloudFiltered is ", o.Attributes["cloudFiltered"])
}

func TestValues(t *testing.T) {
	t.Parallel()
	for name, args := range ruleSets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := simulated(t, append(args, "-scenario", "testdata/population.json")...)
			value := func(who, attribute string) any { return r.object(who).Attributes[attribute] }
			require.Equal(t, true, value("Ann Lee", "accountEnabled"))
			require.Equal(t, false, value("Bob Disabled", "accountEnabled"))
			require.Equal(t, "noupn@contoso.test", value("No UPN", "userPrincipalName"), "made of account and domain")
			require.Equal(t, []any{"SMTP:ann@contoso.test", "smtp:ann.lee@contoso.test"}, value("Ann Lee", "proxyAddresses"))
			require.Equal(t, "Sales", value("Ann Lee", "department"))
			require.Equal(t, "first line", value("Ann Lee", "description"))
			require.Equal(t, "20220618042640.0Z", value("Ann Lee", "pwdLastSet"))
			require.Len(t, value("Żołędna 😀", "info"), 448)
			require.Len(t, value("Żołędna 😀", "description"), 448)
			require.Equal(t, "http://a", value("Żołędna 😀", "url"))
			require.Equal(t, "No Display", value("No Display", "displayName"))
			require.Equal(t, "Long Nick", value("Long Nick", "mailNickname"))
			require.Nil(t, value("Linked Mailbox", "sourceAnchor"))
			require.Equal(t, false, value("X500 group", "mailEnabled"))
			require.Equal(t, []originReport{{"In from AD - User Common from Exchange", "contoso.test", "CN=Ann Lee,OU=Staff,DC=contoso,DC=test"}},
				r.object("Ann Lee").Provenance["displayName"])

			ann := r.export("Ann Lee", "tenant")
			require.Equal(t, "add", ann.Operation)
			require.Equal(t, "Lee", ann.Attributes["surname"])
			require.Equal(t, "Italy", ann.Attributes["country"])
			require.Equal(t, "ann", ann.Attributes["alias"])
			require.Equal(t, "CONTOSO", ann.Attributes["netBiosName"])
			bob := r.export("Bob Disabled", "tenant")
			require.Equal(t, "update", bob.Operation, "joined to what is there already")
			require.Equal(t, "User_aaaaaaaa-0000-0000-0000-000000000001", bob.Anchor)
			require.Equal(t, &[]any{false}, bob.Changes["accountEnabled"].Replace)
			require.NotContains(t, bob.Changes, "usageLocation", "what the cloud set stays")
			require.Equal(t, []any{map[string]any{"reference": ann.DN}}, bob.Changes["manager"].Add)
			staff := r.export("Staff", "tenant")
			require.Len(t, staff.Changes["member"].Add, 4)
			require.Empty(t, staff.Changes["member"].Delete, "who is none of the metaverse's is left alone")
			require.Equal(t, float64(5), value("Staff", "memberCount"))
		})
	}
}

// differences are the attributes that the older server treats otherwise, with the reason.
var differences = map[string]string{
	"onPremisesDistinguishedName": "sent since version 2.2.8",
	"onPremisesObjectIdentifier":  "sent since version 2.2.8",
	"employeeID":                  "sent since version 2.2.1",
	"employeeType":                "sent since version 2.2.1",
	"userPrincipalName":           "the export lets linked mailboxes keep theirs, which nothing reads; the standard rules do not, as documented",
	"extensionAttribute14":        "the administrators' own rule",
	"extensionAttribute15":        "the administrators' own rule",
}

func TestExportEqualsStandard(t *testing.T) {
	t.Parallel()
	results := make(map[string]map[string]string)
	for name, args := range ruleSets {
		results[name] = simulated(t, append(args, "-scenario", "testdata/population.json")...).facts()
	}
	met := make(map[string]bool)
	for key, got := range results["export"] {
		want, attribute := results["standard"][key], key[strings.LastIndex(key, " ")+1:]
		if want != got {
			require.Contains(t, differences, attribute, "%s: %s with the export, %s with the standard rules", key, got, want)
			met[attribute] = true
		}
	}
	for key, want := range results["standard"] {
		if _, ok := results["export"][key]; !ok {
			attribute := key[strings.LastIndex(key, " ")+1:]
			require.Contains(t, differences, attribute, "%s: nothing with the export, %s with the standard rules", key, want)
			met[attribute] = true
		}
	}
	require.Contains(t, met, "employeeID")
	require.Contains(t, met, "userPrincipalName")
	require.Contains(t, met, "extensionAttribute15")
}

// facts flattens a report: what is linked to what, and each attribute of the metaverse and
// of the exports. Ids of rules differ by design.
func (r *report) facts() map[string]string {
	facts := make(map[string]string)
	put := func(key string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		facts[key] = string(text)
	}
	for _, m := range r.Metaverse {
		for name, value := range m.Attributes {
			put("metaverse "+m.ID+" "+name, value)
		}
	}
	for _, l := range r.Links {
		facts["link "+l.Metaverse+" "+l.Connector+" "+l.DN+" kind"] = l.Kind + " by " + l.Rule
	}
	for _, e := range r.Exports {
		for name, value := range e.Attributes {
			put(e.Operation+" "+e.Connector+" "+e.Metaverse+" "+name, value)
		}
		for name, change := range e.Changes {
			put(e.Operation+" "+e.Connector+" "+e.Metaverse+" "+name, change)
		}
	}
	for _, d := range r.Disconnectors {
		facts["disconnector "+d.Connector+" "+d.DN+" state"] = d.State
	}
	for _, e := range r.Errors {
		facts["error "+e.DN+" "+e.Step+" code"] = e.Code
	}
	return facts
}

// TestMatchesConnectors plays the export's rules with connectors of other names, in the
// other order, and as YAML.
func TestMatchesConnectors(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/population.json")
	require.NoError(t, err)
	var s map[string][]any
	require.NoError(t, json.Unmarshal(src, &s))
	s["connectors"][0], s["connectors"][1] = s["connectors"][1], s["connectors"][0]
	turned, err := json.Marshal(s)
	require.NoError(t, err)
	want := simulated(t, "-rules", exportFolder, "-scenario", "testdata/population.json")
	got := simulated(t, "-rules", exportFolder, "-scenario", write(t, "turned.json", string(turned)))
	require.Equal(t, len(want.Metaverse), len(got.Metaverse), "the order of connectors does not matter")
	require.Equal(t, len(want.Exports), len(got.Exports))

	yaml := write(t, "rules.yaml", must(t, "convert", exportFolder))
	require.Equal(t, want, simulated(t, "-rules", yaml, "-scenario", "testdata/population.json"))

	_, message, ok := rulelab(t, `{"connectors":[{"name":"a","type":"ad"},{"name":"b","type":"ad"}]}`, "simulate", "-rules", exportFolder, "-scenario", "-")
	require.False(t, ok)
	require.Contains(t, message, "no connector for b of type ad; they have corp.example (ad), example.onmicrosoft.test - AAD (entra)")
	out, message, ok := rulelab(t, `{"connectors":[{"name":"a","type":"ad"}]}`, "simulate", "-rules", exportFolder, "-scenario", "-")
	require.True(t, ok, message)
	require.Contains(t, out, "the rules for connector example.onmicrosoft.test - AAD are left out")
}
