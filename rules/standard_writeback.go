package rules

import "slices"

// x500 keeps mail reachable that is sent to an address of the cloud's own.
var x500 = Flow{
	Target: "proxyAddresses", Type: Expression, Merge: MergeCaseInsensitive,
	Expression: `IIF(IsPresent([cloudLegacyExchangeDN]), "x500:" & [cloudLegacyExchangeDN], NULL)`,
}

// cloudX500 holds the X.500 addresses that the cloud knows of an object.
const cloudX500 = "cloudX500Addresses"

// cloudAddresses adds those of them that the object does not have, and takes none away.
var cloudAddresses = Flow{Target: "proxyAddresses", Type: Direct, Source: []string{cloudX500}, Merge: MergeCaseInsensitive}

// toAD adds the outbound rules to Active Directory.
func (s *standard) toAD() {
	if s.usesConsistencyGUID() {
		for _, k := range userClasses {
			s.addWhere(func(c ADConnector) bool { return !c.AnchorReadOnly }, Rule{
				Name: "Out to AD - " + k.name + " ImmutableId", Direction: Outbound, SourceType: "person", TargetType: k.class,
				Description: "Keeps the source anchor with the account, so that it survives a move to another forest.",
				Scope:       all(isUser, notCloudFiltered, "sourceAnchorBinary ISNOTNULL"),
				Flows:       direct(consistencyGUID + "<-sourceAnchorBinary"),
			})
		}
	}
	if s.ExchangeHybrid {
		s.joinsToAD()
		s.hybridToAD()
	}
}

// addWhere appends the rule for the forests that want it.
func (s *standard) addWhere(wants func(ADConnector) bool, r Rule) {
	for _, c := range s.AD {
		if wants(c) {
			s.addFor(c, r)
		}
	}
}

func takesExchange(c ADConnector) bool { return !c.ExchangeReadOnly }

// joinsToAD adds the rules that tie objects which exist already to the flows back.
func (s *standard) joinsToAD() {
	s.addWhere(takesExchange, Rule{
		Name: "Out to AD - Contact Join", Direction: Outbound, SourceType: "person", TargetType: "contact",
		Scope: all(isContact), Join: joinOn("mail=mail"),
	})
	s.addWhere(takesExchange, Rule{
		Name: "Out to AD - Group Join", Direction: Outbound, SourceType: "group", TargetType: "group",
		Scope: all(notCloudMastered), Join: joinOn("objectGUID=sourceAnchorBinary"),
	})
	for _, k := range userClasses {
		if join := s.userMatching(); join != nil {
			s.addWhere(takesExchange, Rule{
				Name: "Out to AD - " + k.name + " Join SOAInAD", Direction: Outbound, SourceType: "person", TargetType: k.class,
				Scope: all(isUser, notCloudMastered), Join: join,
			})
		}
	}
}

// hybridToAD adds the rules of an Exchange hybrid deployment. They write only where the
// mailbox's Exchange attributes come from.
func (s *standard) hybridToAD() {
	hybrid := func(name, source, class string, scope []ScopeGroup, flows []Flow) {
		s.addWhere(func(c ADConnector) bool { return c.Exchange && takesExchange(c) }, Rule{
			Name: "Out to AD - " + name + " Exchange Hybrid", Direction: Outbound, SourceType: source, TargetType: class,
			Description: "What Exchange Online knows goes back to the forest of the mailbox.", Scope: scope, Flows: flows,
		})
	}
	identity := formula("msDS-ExternalDirectoryObjectID", "IIF(IsPresent([cloudAnchor]), [cloudAnchor], IgnoreThisFlow)")
	if s.GraphAddresses {
		hybrid("Group", "group", "group", all(notCloudMastered), []Flow{cloudAddresses})
		for _, k := range userClasses {
			hybrid(k.name, "person", k.class, all("contributingConnectorExchange EQUAL %Connector.ID%", notCloudMastered), []Flow{cloudAddresses, identity})
		}
		return
	}
	hybrid("Contact", "person", "contact", all(isContact), []Flow{x500})
	hybrid("Group", "group", "group", all(notCloudMastered), []Flow{x500})
	cloudOwned := func(name, source string) Flow {
		return formula(name, "IIF(CBool([cloudSOAExchMailbox]), ["+source+"], IgnoreThisFlow)")
	}
	kept := func(name, source string) Flow {
		return formula(name, "IIF(IsPresent(["+source+"]), ["+source+"], IgnoreThisFlow)")
	}
	flows := []Flow{
		x500,
		cloudOwned("msExchBlockedSendersHash", "cloudMSExchBlockedSendersHash"),
		cloudOwned("msExchSafeRecipientsHash", "cloudMSExchSafeRecipientsHash"),
		cloudOwned("msExchSafeSendersHash", "cloudMSExchSafeSendersHash"),
		kept("msExchArchiveStatus", "cloudMSExchArchiveStatus"),
		kept("msExchUCVoiceMailSettings", "cloudMSExchUCVoiceMailSettings"),
		kept("msExchUserHoldPolicies", "cloudMSExchUserHoldPolicies"),
		identity,
	}
	for _, k := range userClasses {
		scope := all("contributingConnectorExchange EQUAL %Connector.ID%", notCloudMastered)
		hybrid(k.name, "person", k.class, slices.Clone(scope), flows)
	}
}
