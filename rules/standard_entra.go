package rules

import (
	"slices"
	"strconv"
	"strings"
)

// Conditions of outbound rules.
const (
	notCloudMastered = "cloudMastered NOTEQUAL True"
	notCloudFiltered = "cloudFiltered NOTEQUAL True"
	isUser           = "sourceObjectType EQUAL User"
	isContact        = "sourceObjectType EQUAL Contact"
	hasAnchor        = "sourceAnchor ISNOTNULL"
)

// entraDN is where an object stands in the connector space of Entra ID.
const entraDN = `"CN={" & ConvertToUTF8Hex([sourceAnchor]) & "}"`

// sourceAnchorGuard refuses a source anchor other than the one that Entra ID has confirmed
// for the same object. A contact that becomes a user is another object and may change it.
const sourceAnchorGuard = `IIF(
    IsPresent([cloudSourceAnchor]) &&
    (InStr([cloudAnchor], "_") = 0 || Word([cloudAnchor], 1, "_") = [sourceObjectType]) &&
    [cloudSourceAnchor] <> [sourceAnchor],
  Error("SourceAnchor attribute has changed."), [sourceAnchor])`

// anchorJoin finds the object that carries the same source anchor.
func anchorJoin() []JoinGroup {
	return []JoinGroup{{{CS: "sourceAnchor", MV: "sourceAnchor", CaseSensitive: true}}}
}

// fromEntra adds the inbound rules of Entra ID: what it has confirmed, and what only it
// knows.
func (s *standard) fromEntra() {
	back := append(direct("cloudAnchor"), formula("cloudSourceAnchor", `ImportedValue("sourceAnchor")`))
	add := func(name, class, target, scope, extra string, hybrid bool) {
		r := Rule{
			Name: "In from AAD - " + name, Direction: Inbound, SourceType: class, TargetType: target,
			Flows: append(slices.Clone(back), direct(extra)...),
		}
		if hybrid {
			r.Flows = direct(extra)
			if class == "user" {
				r.Flows = append(r.Flows, formula("cloudSOAExchMailbox", cloudMailbox()))
			}
		} else {
			r.Join = anchorJoin()
		}
		if scope != "" {
			r.Scope = all(scope)
		}
		if class == "group" && !hybrid && slices.ContainsFunc(s.AD, takesGroups) {
			r.Scope = all(scope, hasAnchor) // the others are taken in by a rule of their own
		}
		s.add(s.Entra, r)
	}
	add("User Join", "user", "person", notCloudMastered, "accountEnabled countryCode usageLocation", false)
	add("Contact Join", "contact", "person", "", "", false)
	add("Group Join", "group", "group", notCloudMastered, "", false)
	if s.Devices {
		s.add(s.Entra, Rule{
			Name: "In from AAD - Device Common", Direction: Inbound, SourceType: "device", TargetType: "device",
			Join:  joinOn("deviceId=deviceId"),
			Flows: append(direct("cloudAnchor isCompliant isManaged"), formula("cloudUserCertificate", `ImportedValue("userCertificate")`)),
		})
	}
	if s.ExchangeHybrid && s.GraphAddresses {
		s.addressesFromEntra()
		return
	}
	if s.ExchangeHybrid {
		add("Contact Exchange Hybrid", "contact", "person", "", "cloudLegacyExchangeDN", true)
		add("Group Exchange Hybrid", "group", "group", "", "cloudLegacyExchangeDN", true)
		add("User Exchange Hybrid", "user", "person", notCloudMastered, `
			cloudLegacyExchangeDN cloudPublicDelegates cloudMSExchArchiveStatus cloudMSExchBlockedSendersHash
			cloudMSExchRecipientDisplayType cloudMSExchSafeRecipientsHash cloudMSExchSafeSendersHash
			cloudMSExchUCVoiceMailSettings cloudMSExchUserHoldPolicies`, true)
	}
}

// addressesFromEntra adds the rules that take in the addresses by which Exchange Online
// knows its own mailboxes, as far as public Graph shows them: among the proxy addresses.
func (s *standard) addressesFromEntra() {
	flow := formula(cloudX500, `Where($address, [proxyAddresses], LCase(Left($address, 5)) = "x500:")`)
	s.add(s.Entra, Rule{
		Name: "In from AAD - User Exchange Online Addresses", Direction: Inbound, SourceType: "user", TargetType: "person",
		Scope: all(notCloudMastered), Flows: []Flow{flow},
	})
	s.add(s.Entra, Rule{
		Name: "In from AAD - Group Exchange Online Addresses", Direction: Inbound, SourceType: "group", TargetType: "group",
		Scope: all(notCloudMastered), Flows: []Flow{flow},
	})
}

// cloudMailbox is True for the kinds of recipients whose mailbox is in the cloud.
func cloudMailbox() string {
	var tests []string
	for _, kind := range []int{0, 2, 7, 8, 10, 16, 17, 18, 1073741824, 1073741840} {
		tests = append(tests, "[cloudMSExchRecipientDisplayType] = "+strconv.Itoa(kind))
	}
	return "IIF(" + strings.Join(tests, " || ") + ", True, NULL)"
}

// toEntra adds the outbound rules to Entra ID.
func (s *standard) toEntra() {
	s.sendUsers()
	s.sendContacts()
	s.sendGroups()
	if s.Devices {
		s.sendDevices()
	}
}

// made are the flows of rules that make objects in Entra ID.
func made() []Flow {
	return []Flow{formula(dnName, entraDN), formula("sourceAnchor", sourceAnchorGuard)}
}

func (s *standard) sendUsers() {
	flows := append(made(), direct(`
		accountEnabled commonName<-cn dnsDomainName<-domainFQDN lastPasswordChangeTimestamp<-pwdLastSet
		netBiosName<-domainNetBios onPremiseSecurityIdentifier<-objectSid onPremisesDistinguishedName
		onPremisesObjectIdentifier onPremisesSamAccountName<-accountName`)...)
	s.add(s.Entra, Rule{
		Name: "Out to AAD - User Join", Direction: Outbound, SourceType: "person", TargetType: "user",
		Description: "Makes users of persons that have an account.",
		LinkType:    Provision, PasswordSync: true, Join: anchorJoin(),
		Scope: all(isUser, notCloudMastered, notCloudFiltered, hasAnchor, "accountEnabled ISNOTNULL"),
		Flows: append(flows, sentFlow("usageLocation")),
	})
	s.send("User", "person", "user", "U", all(isUser, notCloudMastered), nil)
	s.sendExtensions("User", "person", "user", all(isUser, notCloudMastered), func(e *DirectoryExtension) bool { return e.Users })
}

func (s *standard) sendContacts() {
	s.add(s.Entra, Rule{
		Name: "Out to AAD - Contact Join", Direction: Outbound, SourceType: "person", TargetType: "contact",
		Description: "Makes contacts of persons that have an address and no account.",
		LinkType:    Provision, Join: anchorJoin(),
		Scope: all(isContact, notCloudFiltered, "mailEnabled EQUAL True", hasAnchor), Flows: made(),
	})
	s.send("Contact", "person", "contact", "C", all(isContact), nil)
}

func (s *standard) sendGroups() {
	limit := strconv.Itoa(s.MemberLimit)
	var scope []ScopeGroup
	for _, kind := range []string{"securityEnabled EQUAL True", "mailEnabled EQUAL True"} {
		// One that is there already stays, however many members it gets.
		for _, size := range []string{"cloudAnchor ISNOTNULL", "memberCount LESSTHAN_OR_EQUAL " + limit} {
			scope = append(scope, scopeGroup(notCloudFiltered, hasAnchor, notCloudMastered, kind, size))
		}
	}
	tooMany := formula("member", `IIF([memberCount] > `+limit+`, Error("Maximum Group member count exceeded"), IgnoreThisFlow)`)
	s.add(s.Entra, Rule{
		Name: "Out to AAD - Group Join", Direction: Outbound, SourceType: "group", TargetType: "group",
		Description: "Makes groups and stops at the largest number of members.",
		LinkType:    Provision, Scope: scope, Join: anchorJoin(),
		Flows: slices.Concat(made(), []Flow{tooMany}, direct("commonName<-cn onPremiseSecurityIdentifier<-objectSid securityEnabled")),
	})
	s.send("Group", "group", "group", "G", all(hasAnchor, notCloudMastered), anchorJoin)
	s.sendExtensions("Group", "group", "group", all(hasAnchor, notCloudMastered), func(e *DirectoryExtension) bool { return e.Groups })
}

// send adds the rule of what is always sent and one for each service.
func (s *standard) send(name, source, target, class string, scope []ScopeGroup, join func() []JoinGroup) {
	add := func(what, list string) {
		flows := s.sent(list, class)
		if len(flows) == 0 {
			return
		}
		r := Rule{
			Name: "Out to AAD - " + name + " " + what, Direction: Outbound, SourceType: source, TargetType: target,
			Scope: scope, Flows: flows,
		}
		if join != nil {
			r.Join = join()
		}
		s.add(s.Entra, r)
	}
	add("Identity", identityAttributes)
	for _, service := range s.Services {
		add(string(service), serviceAttributes[service])
	}
}

func (s *standard) sendExtensions(name, source, target string, scope []ScopeGroup, wanted func(*DirectoryExtension) bool) {
	var flows []Flow
	for i := range s.Extensions {
		e := &s.Extensions[i]
		switch {
		case !wanted(e):
		case e.Kind == 0 || e.Kind.String() == "string":
			// The service takes 250 characters.
			flows = append(flows, each(e.Name(), "IIF(IsPresent(@), Left(@, 250), NULL)")...)
		default:
			flows = append(flows, direct(e.Name())...)
		}
	}
	if flows != nil {
		s.add(s.Entra, Rule{
			Name: "Out to AAD - " + name + " DirectoryExtension", Direction: Outbound, SourceType: source, TargetType: target,
			Scope: scope, Flows: flows,
		})
	}
}

func (s *standard) sendDevices() {
	s.add(s.Entra, Rule{
		Name: "Out to AAD - Device Join SOAInAD", Direction: Outbound, SourceType: "device", TargetType: "device",
		Description: "Makes devices of computers that have a certificate to register with.",
		LinkType:    Provision, Join: joinOn("deviceId=deviceId"),
		Scope: all("cloudCreated EQUAL False", "userCertificate ISNOTNULL", notCloudFiltered),
		Flows: slices.Concat([]Flow{formula(dnName, entraDN)}, direct(`
			accountEnabled deviceId deviceOSType deviceOSVersion deviceTrustType displayName onPremiseSecurityIdentifier<-objectSid
			sourceAnchor userCertificate`)),
	})
}
