package rules

import "slices"

// The scopes of inbound rules of Active Directory.
const (
	notCritical      = "isCriticalSystemObject NOTEQUAL True"
	notUserWriteback = "adminDescription NOTSTARTSWITH User_"
	notGroupMade     = "adminDescription NOTSTARTSWITH Group_"
	accountIsEnabled = "userAccountControl ISBITNOTSET 2"
	hasMailbox       = "mailNickname ISNOTNULL"
)

// fromAD adds the inbound rules of Active Directory, in groups: for each rule one per
// forest.
func (s *standard) fromAD() {
	s.filterGroups()
	s.userJoins()
	s.userAccounts()
	s.userLists()
	s.userTechnical()
	s.groups()
	s.contacts()
	s.addAD(Rule{
		Name: "In from AD - ForeignSecurityPrincipal Join User", Direction: Inbound,
		Description: "Lets members of groups of other forests be found.",
		SourceType:  "foreignSecurityPrincipal", TargetType: anyType,
		Join: joinOn("cn=objectSidString"),
	})
	if s.Devices {
		s.computers()
	}
	s.extensions()
}

// userClasses are the classes of accounts with the name that rules call them by.
var userClasses = []struct{ class, name string }{{"user", "User"}, {"inetOrgPerson", "InetOrgPerson"}}

// filterGroups keeps everything but the members of a group from Entra ID.
func (s *standard) filterGroups() {
	classes := []struct{ class, target, name string }{
		{"user", "person", "User"}, {"inetOrgPerson", "person", "InetOrgPerson"}, {"contact", "person", "Contact"},
		{"group", "group", "Group"}, {"computer", "device", "Computer"},
	}
	for _, k := range classes {
		for _, c := range s.AD {
			if c.FilterGroup == "" || k.class == "computer" && !s.Devices {
				continue
			}
			s.addFor(c, Rule{
				Name: "In from AD - " + k.name + " Filter Group", Direction: Inbound, SourceType: k.class, TargetType: k.target,
				Description: "Keeps objects that are no direct members of the chosen group from Entra ID.",
				Scope:       []ScopeGroup{{{Attribute: "memberOf", Operator: IsNotMemberOf, Value: c.FilterGroup}}},
				Flows:       []Flow{constant("cloudFiltered", "True")},
			})
		}
	}
}

// userMatching returns the join criteria of accounts.
func (s *standard) userMatching() []JoinGroup {
	switch s.Matching {
	case MatchMail:
		return joinOn("mail=mail")
	case MatchSID:
		return joinOn("objectSid=objectSid", "msExchMasterAccountSid=objectSid", "objectSid=msExchMasterAccountSid",
			"msRTCSIP-OriginatorSid=objectSid", "objectSid=msRTCSIP-OriginatorSid")
	case MatchAccountName:
		return joinOn("sAMAccountName=accountName", "mailNickname=accountName")
	case MatchAttribute:
		return joinOn(s.MatchingAttribute + "=" + s.MatchingAttribute)
	}
	if s.usesConsistencyGUID() {
		return joinOn("mS-DS-ConsistencyGuid=sourceAnchorBinary", "objectGUID=sourceAnchorBinary")
	}
	return nil
}

func (s *standard) userJoins() {
	flows := []Flow{formula("cloudFiltered", userFiltered())}
	if s.usesConsistencyGUID() {
		flows = append(flows, formula("sourceAnchorBinary", "IIF("+linkedMailbox+", NULL, "+s.rawAnchor()+")"))
	}
	for _, k := range userClasses {
		s.addAD(Rule{
			Name: "In from AD - " + k.name + " Join", Direction: Inbound, SourceType: k.class, TargetType: "person",
			Description: "Joins accounts of several forests, makes persons of them, and keeps system accounts from Entra ID.",
			LinkType:    Provision, Scope: all(notCritical, notUserWriteback), Join: s.userMatching(), Flows: flows,
		})
	}
}

func (s *standard) userAccounts() {
	flows := append([]Flow{constant("accountEnabled", "True"), formula("contributingConnectorUser", "%Connector.ID%")}, direct("cn")...)
	flows = append(flows, s.accountFlows()...)
	for _, k := range userClasses {
		s.addAD(Rule{
			Name: "In from AD - " + k.name + " AccountEnabled", Direction: Inbound, SourceType: k.class, TargetType: "person",
			Description:  "An enabled account supplies what identifies it before any disabled one does.",
			PasswordSync: k.class == "user", Scope: all(accountIsEnabled, notUserWriteback), Flows: flows,
		})
	}
}

func (s *standard) userLists() {
	shared := append(listFlows(),
		formula("sourceObjectType", "IIF("+linkedMailbox+", NULL, \"User\")"),
		formula("accountEnabled", enabled),
	)
	shared = append(shared, direct("accountName<-sAMAccountName")...)
	for _, k := range userClasses {
		s.addAD(Rule{
			Name: "In from AD - " + k.name + " Common from Exchange", Direction: Inbound, SourceType: k.class, TargetType: "person",
			Description: "The forest that holds the mailbox supplies what address lists show.",
			Scope:       all(hasMailbox, notUserWriteback), Flows: append(slices.Clone(shared), each("mailNickname", trim)...),
		})
	}
	common := slices.Concat(shared, s.accountFlows(), each("employeeID employeeType", trim),
		[]Flow{formula("onPremisesDistinguishedName", dnText), formula("onPremisesObjectIdentifier", "StringFromGuid([objectGUID])")})
	common = append(common, each("mailNickname", trim)...)
	if s.Matching == MatchAttribute && !slices.ContainsFunc(common, func(f Flow) bool { return f.Target == s.MatchingAttribute }) {
		common = append(common, direct(s.MatchingAttribute)...)
	}
	for _, k := range userClasses {
		s.addAD(Rule{
			Name: "In from AD - " + k.name + " Common", Direction: Inbound, SourceType: k.class, TargetType: "person",
			Description: "Whatever no forest with a better claim has supplied.",
			Scope:       all(notUserWriteback), Flows: common,
		})
	}
}

// userTechnical adds what only exists where the forest's schema has been extended.
func (s *standard) userTechnical() {
	exchange := slices.Concat(direct(mailboxNames), each("telephoneAssistant", trim),
		[]Flow{formula("contributingConnectorExchange", "%Connector.ID%")})
	for _, k := range userClasses {
		for _, c := range s.AD {
			if c.Exchange {
				s.addFor(c, Rule{
					Name: "In from AD - " + k.name + " Exchange", Direction: Inbound, SourceType: k.class, TargetType: "person",
					Description: "Exchange's own attributes.", Scope: all(hasMailbox), Flows: exchange,
				})
			}
		}
	}
	for _, k := range userClasses {
		flows := direct(userLyncNames)
		if k.class == "user" {
			flows = append(flows, direct("msRTCSIP-OriginatorSid")...)
		}
		for _, c := range s.AD {
			if c.Lync {
				s.addFor(c, Rule{
					Name: "In from AD - " + k.name + " Lync", Direction: Inbound, SourceType: k.class, TargetType: "person",
					Description: "Attributes of Skype for Business.", Flows: flows,
				})
			}
		}
	}
}

func (s *standard) groups() {
	scope := all(notCritical, notGroupMade)
	join := joinOn("objectGUID=sourceAnchorBinary")
	anchor := guidAnchor
	if s.usesConsistencyGUID() {
		join = joinOn("mS-DS-ConsistencyGuid=sourceAnchorBinary", "objectGUID=sourceAnchorBinary")
		anchor = "ConvertToBase64(" + s.rawAnchor() + ")"
	}
	s.addAD(Rule{
		Name: "In from AD - Group Join", Direction: Inbound, SourceType: "group", TargetType: "group",
		Description: "Makes groups and keeps system groups from Entra ID.",
		LinkType:    Provision, Scope: scope, Join: join,
		Flows: []Flow{formula("cloudFiltered", groupFiltered()), formula("mailEnabled", mailEnabled)},
	})
	for _, c := range s.AD {
		if c.Exchange {
			s.addFor(c, Rule{
				Name: "In from AD - Group Exchange", Direction: Inbound, SourceType: "group", TargetType: "group",
				Description: "Exchange's own attributes.", Scope: scope,
				Flows: append(direct(groupMailNames), formula("contributingConnectorExchange", "%Connector.ID%")),
			})
		}
	}
	flows := slices.Concat(
		direct("cn managedBy member objectSid accountName<-sAMAccountName"), domainFlows(),
		each("mail mailNickname", trim), each(extensionNames, trim), each("description", first), each("info", short), each("displayName", nameOrCN),
		[]Flow{
			formula("proxyAddresses", addresses), formula("objectSidString", sidText),
			formula("memberCount", `ValueCount("member")`),
			formula("securityEnabled", "IIF(IsPresent([groupType]), BitAnd([groupType], -2147483648) <> 0, NULL)"),
			formula("sourceAnchor", anchor), formula("sourceAnchorBinary", s.rawAnchor()), constant("sourceObjectType", "Group"),
		})
	s.addAD(Rule{
		Name: "In from AD - Group Common", Direction: Inbound, SourceType: "group", TargetType: "group",
		Description: "Names, members and kind of groups.", Scope: scope, Flows: flows,
	})
}

func (s *standard) contacts() {
	s.addAD(Rule{
		Name: "In from AD - Contact Join", Direction: Inbound, SourceType: "contact", TargetType: "person",
		Description: "Joins contacts to persons with the same mail and makes persons of the others.",
		LinkType:    Provision, Join: joinOn("mail=mail"),
		Flows: []Flow{formula("cloudFiltered", contactFiltered()), formula("mailEnabled", mailEnabled)},
	})
	flows := slices.Concat(listFlows(), each("mailNickname", nameOrCN),
		[]Flow{constant("sourceObjectType", "Contact"), formula("sourceAnchor", guidAnchor)})
	s.addAD(Rule{
		Name: "In from AD - Contact Common", Direction: Inbound, SourceType: "contact", TargetType: "person",
		Description: "What address lists show of contacts.", Flows: flows,
	})
	for _, c := range s.AD {
		if c.Exchange {
			s.addFor(c, Rule{
				Name: "In from AD - Contact Exchange", Direction: Inbound, SourceType: "contact", TargetType: "person",
				Description: "Exchange's own attributes.", Flows: direct(contactMailNames),
			})
		}
	}
	for _, c := range s.AD {
		if c.Lync {
			s.addFor(c, Rule{
				Name: "In from AD - Contact Lync", Direction: Inbound, SourceType: "contact", TargetType: "person",
				Description: "Attributes of Skype for Business.", Flows: direct(contactLyncNames),
			})
		}
	}
}

// computers adds the rule for hybrid joined computers. Whether one is sent at all depends
// on its certificates.
func (s *standard) computers() {
	once := constant("cloudCreated", "False")
	once.ExecuteOnce = true
	s.addAD(Rule{
		Name: "In from AD - Computer Join", Direction: Inbound, SourceType: "computer", TargetType: "device",
		Description: "Makes devices of computers that have a certificate to register with.",
		LinkType:    Provision, Join: joinOn("objectGUID=deviceId"),
		Flows: slices.Concat([]Flow{
			formula("accountEnabled", enabled), formula("sourceAnchor", guidAnchor), formula("displayName", "IIF(IsNullOrEmpty([displayName]), [cn], [displayName])"),
			constant("sourceObjectType", "Computer"), constant("deviceTrustType", "ServerAd"), once,
			formula("userCertificate", joinCertificates),
			formula("cloudFiltered", "IIF(Count("+joinCertificates+") = 0, True, NULL)"),
		}, direct("deviceId<-objectGUID deviceOSType<-operatingSystem deviceOSVersion<-operatingSystemVersion objectSid cn")),
	})
}

// extensions adds directory extensions.
func (s *standard) extensions() {
	add := func(name, class, target string, wanted func(*DirectoryExtension) bool) {
		var flows []Flow
		for i := range s.Extensions {
			if e := &s.Extensions[i]; wanted(e) {
				flows = append(flows, direct(e.Name()+"<-"+e.Attribute)...)
			}
		}
		if flows != nil {
			s.addAD(Rule{
				Name: "In from AD - " + name + " DirectoryExtension", Direction: Inbound, SourceType: class, TargetType: target,
				Description: "Directory extensions.", Flows: flows,
			})
		}
	}
	for _, k := range userClasses {
		add(k.name, k.class, "person", func(e *DirectoryExtension) bool { return e.Users })
	}
	add("Group", "group", "group", func(e *DirectoryExtension) bool { return e.Groups })
}
