package rules

import (
	"slices"
	"strings"
)

// escaper makes text the inside of a string literal of the expression language.
var escaper = strings.NewReplacer(`\`, `\\`, `"`, `""`)

func takesGroups(c ADConnector) bool { return c.GroupContainer != "" }

// groupsFromEntra adds the rule that takes in security groups of the cloud for forests that
// get them: those without a source anchor, which no other rule joins then.
func (s *standard) groupsFromEntra() {
	if !slices.ContainsFunc(s.AD, takesGroups) {
		return
	}
	s.add(s.Entra, Rule{
		Name: "In from AAD - Group Write-back", Direction: Inbound, SourceType: "group", TargetType: "group",
		Description: "Takes in security groups that were made in the cloud.",
		LinkType:    Provision, Join: joinOn("cloudAnchor=cloudAnchor"),
		Scope: all("sourceAnchor ISNULL", "securityEnabled EQUAL True", "mailEnabled NOTEQUAL True", "onPremisesSyncEnabled NOTEQUAL True"),
		Flows: append(direct("cloudAnchor displayName description member securityEnabled"), constant("cloudMastered", "True")),
	})
}

// groupsToAD adds the rules that bring these groups to Active Directory. They are the
// cloud's for good: what is changed in Active Directory is overwritten.
func (s *standard) groupsToAD() {
	for _, c := range s.AD {
		if !takesGroups(c) {
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
