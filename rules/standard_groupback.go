package rules

import "strings"

// escaper makes text the inside of a string literal of the expression language.
var escaper = strings.NewReplacer(`\`, `\\`, `"`, `""`)

// groupsBack adds the rules that bring security groups of the cloud to Active Directory.
// They are the cloud's for good: what is changed in Active Directory is overwritten.
func (s *standard) groupsBack() {
	wanted := func(c ADConnector) bool { return c.GroupContainer != "" }
	some := false
	for _, c := range s.AD {
		some = some || wanted(c)
	}
	if !some {
		return
	}
	s.add(s.Entra, Rule{
		Name: "In from AAD - Group Write-back", Direction: Inbound, SourceType: "group", TargetType: "group",
		Description: "Takes in security groups that were made in the cloud.",
		LinkType:    Provision,
		Scope:       all("sourceAnchor ISNULL", "securityEnabled EQUAL True", "mailEnabled NOTEQUAL True", "onPremisesSyncEnabled NOTEQUAL True"),
		Flows:       append(direct("cloudAnchor displayName description member securityEnabled"), constant("cloudMastered", "True")),
	})
	for _, c := range s.AD {
		if !wanted(c) {
			continue
		}
		// The name is unique by the last digits of the object's id; the whole is at most 64
		// characters.
		const name = `EscapeDNComponent("CN=" & Left(Trim([displayName]), 51) & "_" & Right([cloudAnchor], 12))`
		flows := append(direct("adminDescription<-cloudAnchor sAMAccountName<-cloudAnchor displayName member"),
			formula(dnName, name+` & ",`+escaper.Replace(c.GroupContainer)+`"`),
			formula("description", "IIF(IsNullOrEmpty([description]), NULL, Left([description], 448))"),
			formula("groupType", "-2147483640")) // universal security
		if c.Exchange {
			flows = append(flows, direct("msDS-ExternalDirectoryObjectId<-cloudAnchor")...)
		}
		s.addFor(c, Rule{
			Name: "Out to AD - Group Write-back", Direction: Outbound, SourceType: "group", TargetType: "group",
			Description: "Makes security groups of the cloud in Active Directory, where applications know no other.",
			LinkType:    Provision, Join: joinOn("adminDescription=cloudAnchor"),
			Scope: all("cloudMastered EQUAL True", "cloudAnchor STARTSWITH Group_"), Flows: flows,
		})
	}
}
