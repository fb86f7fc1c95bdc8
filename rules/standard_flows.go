package rules

import (
	"slices"
	"strconv"
	"strings"
)

// The attributes that inbound rules of Active Directory carry, by treatment.
const (
	// trimmedNames lose white space at both ends.
	trimmedNames = `
		c co company department facsimileTelephoneNumber givenName homePhone initials ipPhone l mail middleName mobile
		otherFacsimileTelephoneNumber otherHomePhone otherIpPhone otherMobile otherPager otherTelephone pager
		physicalDeliveryOfficeName postalCode preferredLanguage sn st streetAddress telephoneNumber title wWWHomePage`

	extensionNames = "extensionAttribute#15"

	// firstNames are multi-valued in Active Directory and single-valued here.
	firstNames = "description postOfficeBox url"

	// carriedNames go over as they are.
	carriedNames = "assistant cn countryCode manager thumbnailPhoto userCertificate userSMIMECertificate"

	// mailboxNames are Exchange's own attributes of users.
	mailboxNames = `
		altRecipient authOrig dLMemRejectPerms dLMemSubmitPerms legacyExchangeDN msDS-HABSeniorityIndex msDS-PhoneticDisplayName
		msExchArchiveGUID msExchArchiveName msExchArchiveStatus msExchAssistantName msExchAuditAdmin msExchAuditDelegate
		msExchAuditDelegateAdmin msExchAuditOwner msExchBlockedSendersHash msExchBypassAudit msExchDelegateListLink
		msExchELCExpirySuspensionEnd msExchELCExpirySuspensionStart msExchELCMailboxFlags msExchEnableModeration
		msExchExtensionCustomAttribute#5 msExchHideFromAddressLists msExchImmutableID msExchLitigationHoldDate
		msExchLitigationHoldOwner msExchMailboxAuditEnable msExchMailboxAuditLogAgeLimit msExchMailboxGuid msExchMasterAccountSid
		msExchModeratedByLink msExchModerationFlags msExchRecipientDisplayType msExchRecipientTypeDetails
		msExchRemoteRecipientType msExchRequireAuthToSendTo msExchResourceCapacity msExchResourceDisplay msExchResourceMetaData
		msExchResourceSearchProperties msExchRetentionComment msExchRetentionURL msExchSafeRecipientsHash
		msExchSafeSendersHash msExchSenderHintTranslations msExchTeamMailboxExpiration msExchTeamMailboxOwners
		msExchTeamMailboxSharePointLinkedBy msExchTeamMailboxSharePointUrl msExchUserHoldPolicies publicDelegates targetAddress
		unauthOrig`

	// groupMailNames are Exchange's own attributes of groups.
	groupMailNames = `
		authOrig dLMemRejectPerms dLMemSubmitPerms hideDLMembership legacyExchangeDN msDS-HABSeniorityIndex
		msDS-PhoneticDisplayName msExchBypassModerationLink msExchCoManagedByLink msExchEnableModeration
		msExchExtensionCustomAttribute#5 msExchHideFromAddressLists msExchLitigationHoldDate msExchLitigationHoldOwner
		msExchModeratedByLink msExchModerationFlags msExchRecipientDisplayType msExchRecipientTypeDetails
		msExchRequireAuthToSendTo msExchRetentionComment msExchRetentionURL msExchSenderHintTranslations
		msOrg-IsOrganizational oOFReplyToOriginator publicDelegates reportToOriginator reportToOwner targetAddress unauthOrig`

	// contactMailNames are Exchange's own attributes of contacts.
	contactMailNames = `
		authOrig dLMemRejectPerms dLMemSubmitPerms legacyExchangeDN msDS-HABSeniorityIndex msDS-PhoneticDisplayName
		msExchAssistantName msExchBlockedSendersHash msExchExtensionCustomAttribute#5 msExchHideFromAddressLists
		msExchLitigationHoldDate msExchLitigationHoldOwner msExchModeratedByLink msExchModerationFlags
		msExchRecipientDisplayType msExchRecipientTypeDetails msExchRequireAuthToSendTo msExchRetentionComment
		msExchRetentionURL msExchSafeRecipientsHash msExchSafeSendersHash msExchSenderHintTranslations publicDelegates
		targetAddress unauthOrig`

	userLyncNames = `
		msRTCSIP-ApplicationOptions msRTCSIP-DeploymentLocator msRTCSIP-Line msRTCSIP-OptionFlags msRTCSIP-OwnerUrn
		msRTCSIP-PrimaryUserAddress msRTCSIP-UserEnabled`

	contactLyncNames = `
		msRTCSIP-DeploymentLocator msRTCSIP-Line msRTCSIP-OptionFlags msRTCSIP-PrimaryUserAddress msRTCSIP-UserEnabled`

	// domainNames tell where an account lives.
	domainNames = "domainFQDN<-Domain.FQDN domainNetBios<-Domain.Netbios forestFQDN<-Forest.FQDN forestNetBios<-Forest.Netbios"
)

// linkedMailbox holds for a mailbox whose account is in another forest: it must not supply
// what identifies the account.
const linkedMailbox = "[msExchRecipientTypeDetails] = 2"

const (
	// trim leaves absent attributes absent.
	trim = "Trim(@)"
	// first takes the first value, as far as an indexed attribute can hold it.
	first = "IIF(IsNullOrEmpty(@), NULL, Left(Trim(Item(@, 1)), 448))"
	// short takes the whole value as far as an indexed attribute can hold it.
	short = "IIF(IsNullOrEmpty(@), NULL, Left(Trim(@), 448))"
	// nameOrCN is for attributes that must not be empty.
	nameOrCN = "IIF(IsNullOrEmpty(@), [cn], @)"
	// sidText is what a foreign security principal is called.
	sidText = "IIF(IsPresent([objectSid]), StringFromSid([objectSid]), NULL)"
	// addresses takes what the directory has confirmed: Exchange may have changed what was
	// exported.
	addresses = `RemoveDuplicates(Trim(ImportedValue("proxyAddresses")))`
	// guidAnchor is the source anchor of everything that has no other.
	guidAnchor  = "ConvertToBase64([objectGUID])"
	passwordSet = `IIF(IsPresent([pwdLastSet]), CStr(FormatDateTime(DateFromNum([pwdLastSet]), "yyyyMMddHHmmss.0Z")), NULL)`
	enabled     = "IIF(IsPresent([userAccountControl]), BitAnd([userAccountControl], 2) = 0, NULL)"
	dnText      = "IIF(Len(CStr([dn])) > 448, NULL, CStr([dn]))"
)

// conflict holds for objects that a replication conflict has renamed.
const conflict = `InStr(DNComponent(CRef([dn]), 1), "\\0ACNF:") > 0`

// anyOf returns an expression that is True where one of the conditions holds and NULL
// otherwise: cloudFiltered is never False, so that a rule of one's own may say so.
func anyOf(conditions ...string) string {
	return "IIF(\n    " + strings.Join(conditions, " ||\n    ") + ",\n  True, NULL)"
}

// startsWith and casName are conditions on text that may be absent.
func startsWith(attribute, text string) string {
	return `Left([` + attribute + `], ` + strconv.Itoa(len(text)) + `) = "` + text + `"`
}

// casName holds for the mailboxes that Exchange's probes use.
func casName(attribute string) string {
	return "(" + startsWith(attribute, "CAS_") + ` && InStr([` + attribute + `], "}") > 0)`
}

func userFiltered() string {
	return anyOf(
		"IsPresent([isCriticalSystemObject])",
		"IsPresent([sAMAccountName]) = False",
		`[sAMAccountName] = "SUPPORT_388945a0"`,
		startsWith("sAMAccountName", "AAD_"),
		startsWith("sAMAccountName", "MSOL_"),
		casName("sAMAccountName"),
		startsWith("mailNickname", "SystemMailbox{"),
		casName("mailNickname"),
		"CBool(IIF(IsPresent([msExchRecipientTypeDetails]), BitAnd([msExchRecipientTypeDetails], &H21C07000) > 0, NULL))",
		conflict,
	)
}

func contactFiltered() string {
	return anyOf(
		"IsPresent([isCriticalSystemObject])",
		`(InStr([displayName], "(MSOL)") > 0 && CBool([msExchHideFromAddressLists]))`,
		casName("mailNickname"),
		conflict,
	)
}

func groupFiltered() string {
	return anyOf(
		"IsPresent([isCriticalSystemObject])",
		`[sAMAccountName] = "MSOL_AD_Sync_RichCoexistence"`,
		"CBool(IIF(IsPresent([msExchRecipientTypeDetails]), BitAnd([msExchRecipientTypeDetails], &H40000000) > 0, NULL))",
		conflict,
	)
}

// mailEnabled holds for objects with an address to which mail can be sent.
const mailEnabled = `IIF(
    (IsPresent([proxyAddresses]) && Contains([proxyAddresses], "SMTP:") > 0 &&
      InStr(Item([proxyAddresses], Contains([proxyAddresses], "SMTP:")), "@") > 0) ||
    (IsPresent([mail]) && InStr([mail], "@") > 0),
  True, False)`

// joinCertificates keeps certificates with which a computer can register itself: valid
// ones that name it by its objectGUID.
const joinCertificates = `Where($c, [userCertificate],
    IsCert($c) && CertNotAfter($c) > Now() && InStr(LCase(CertSubject($c)), LCase(StringFromGuid([objectGUID]))) > 0)`

// userAnchor returns the expression for sourceAnchor of users.
func (s *standard) userAnchor() string {
	value := "IIF(IsString(@), CStr(@), ConvertToBase64(@))"
	if s.AnchorAttribute == objectGUID {
		value = guidAnchor
	} else {
		value = "IIF(IsPresent(@), " + value + ", " + s.anchorFallback(guidAnchor) + ")"
	}
	return "IIF(" + linkedMailbox + ", NULL, " + strings.ReplaceAll(value, "@", "["+s.AnchorAttribute+"]") + ")"
}

// anchorFallback is what stands in for an anchor attribute without a value.
func (s *standard) anchorFallback(guid string) string {
	if s.AnchorAttribute == consistencyGUID {
		return guid
	}
	return "NULL"
}

// usesConsistencyGUID reports whether the anchor is written to mS-DS-ConsistencyGuid.
func (s *standard) usesConsistencyGUID() bool { return s.AnchorAttribute == consistencyGUID }

// rawAnchor returns the expression for the octets of a GUID anchor.
func (s *standard) rawAnchor() string {
	if s.usesConsistencyGUID() {
		return "IIF(IsPresent([mS-DS-ConsistencyGuid]), [mS-DS-ConsistencyGuid], [objectGUID])"
	}
	return "[objectGUID]"
}

// signInName returns the expression for userPrincipalName: the chosen attribute, else one
// made of account and domain. A linked mailbox has none to give.
func (s *standard) signInName() string {
	own := "[" + s.UPNAttribute + "]"
	return `IIF(` + linkedMailbox + `, NULL,
  IIF(IsPresent(` + own + `), ` + own + `,
    IIF(IsPresent([sAMAccountName]), [sAMAccountName] & "@" & %Domain.FQDN%, Error("AccountName is not present"))))`
}

// accountFlows identify the account.
func (s *standard) accountFlows() []Flow {
	flows := direct("objectSid")
	flows = append(flows,
		formula("objectSidString", sidText),
		formula("pwdLastSet", passwordSet),
		formula("sourceAnchor", s.userAnchor()),
		formula("userPrincipalName", s.signInName()),
	)
	if s.UPNAttribute != upnName {
		flows = append(flows, direct("onPremisesUserPrincipalName<-userPrincipalName")...)
	}
	return append(flows, domainFlows()...)
}

func domainFlows() (flows []Flow) {
	for field := range strings.FieldsSeq(domainNames) {
		target, parameter, _ := strings.Cut(field, "<-")
		flows = append(flows, formula(target, "%"+parameter+"%"))
	}
	return flows
}

// listFlows are what address lists show of persons.
func listFlows() []Flow {
	return slices.Concat(
		direct(carriedNames), each(trimmedNames, trim), each(extensionNames, trim), each(firstNames, first),
		each("info", short), each("displayName", nameOrCN), []Flow{formula("proxyAddresses", addresses)},
	)
}
