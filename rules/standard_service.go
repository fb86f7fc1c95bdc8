package rules

import (
	"slices"
	"strings"
)

// A Service is a service of Microsoft 365 or Azure whose attributes are sent to Entra ID
// by a rule of its own.
type Service string

// The services.
const (
	ExchangeOnline   Service = "ExchangeOnline"
	SharePointOnline Service = "SharePointOnline"
	LyncOnline       Service = "LyncOnline"
	AzureRMS         Service = "AzureRMS"
	Intune           Service = "Intune"
	DynamicsCRM      Service = "DynamicsCRM"
	OfficeProPlus    Service = "OfficeProPlus"
)

// Services returns all services, in the order of their rules.
func Services() []Service {
	return []Service{ExchangeOnline, DynamicsCRM, Intune, LyncOnline, SharePointOnline, AzureRMS, OfficeProPlus}
}

// identityAttributes are sent whatever the services are: names, addresses and membership.
// The letters say for which classes: users, contacts, groups.
const identityAttributes = `
	U: accountEnabled userPrincipalName onPremisesUserPrincipalName employeeID employeeType
	UC: givenName sn
	UCG: displayName mail mailNickname proxyAddresses
	G: member managedBy securityEnabled`

// serviceAttributes are the metaverse attributes of each service.
var serviceAttributes = map[Service]string{
	ExchangeOnline: `
		U: accountEnabled altRecipient msExchArchiveGUID msExchArchiveName msExchAuditAdmin msExchAuditDelegate
		U: msExchAuditDelegateAdmin msExchAuditOwner msExchBypassAudit msExchDelegateListLink msExchELCExpirySuspensionEnd
		U: msExchELCExpirySuspensionStart msExchELCMailboxFlags msExchImmutableID msExchMailboxAuditEnable
		U: msExchMailboxAuditLogAgeLimit msExchMailboxGuid msExchRemoteRecipientType msExchResourceCapacity
		U: msExchResourceDisplay msExchResourceMetaData msExchResourceSearchProperties msExchTeamMailboxExpiration
		U: msExchTeamMailboxOwners msExchTeamMailboxSharePointUrl msExchUserHoldPolicies pwdLastSet usageLocation
		U: userPrincipalName
		UC: c co company countryCode department facsimileTelephoneNumber givenName homePhone initials l manager mobile
		UC: msExchAssistantName msExchBlockedSendersHash msExchSafeRecipientsHash msExchSafeSendersHash
		UC: otherFacsimileTelephoneNumber otherHomePhone otherTelephone pager physicalDeliveryOfficeName postalCode sn st
		UC: streetAddress targetAddress telephoneAssistant telephoneNumber thumbnailPhoto title userCertificate
		UC: userSMIMECertificate wWWHomePage
		UCG: authOrig displayName dLMemRejectPerms dLMemSubmitPerms extensionAttribute#15 info legacyExchangeDN mail
		UCG: mailNickname msDS-HABSeniorityIndex msDS-PhoneticDisplayName msExchExtensionCustomAttribute#5
		UCG: msExchHideFromAddressLists msExchLitigationHoldDate msExchLitigationHoldOwner msExchModeratedByLink
		UCG: msExchModerationFlags msExchRecipientDisplayType msExchRecipientTypeDetails msExchRequireAuthToSendTo
		UCG: msExchRetentionComment msExchRetentionURL msExchSenderHintTranslations proxyAddresses publicDelegates unauthOrig
		UG: cn msExchEnableModeration objectSid
		G: description managedBy member msExchBypassModerationLink msExchCoManagedByLink msOrg-IsOrganizational
		G: oOFReplyToOriginator reportToOriginator reportToOwner securityEnabled`,
	SharePointOnline: `
		U: accountEnabled msExchTeamMailboxExpiration msExchTeamMailboxOwners msExchTeamMailboxSharePointLinkedBy
		U: msExchTeamMailboxSharePointUrl preferredLanguage pwdLastSet usageLocation userPrincipalName
		UC: c co company countryCode department facsimileTelephoneNumber givenName homePhone initials ipPhone l manager
		UC: middleName mobile otherFacsimileTelephoneNumber otherHomePhone otherIpPhone otherMobile otherPager otherTelephone
		UC: pager physicalDeliveryOfficeName postalCode postOfficeBox sn st streetAddress targetAddress telephoneAssistant
		UC: telephoneNumber thumbnailPhoto title url wWWHomePage
		UCG: authOrig description displayName dLMemRejectPerms dLMemSubmitPerms extensionAttribute#15 info mail mailNickname
		UCG: proxyAddresses unauthOrig
		UG: cn objectSid
		G: hideDLMembership managedBy member oOFReplyToOriginator reportToOriginator reportToOwner securityEnabled`,
	LyncOnline: `
		U: accountEnabled msRTCSIP-ApplicationOptions msRTCSIP-OwnerUrn preferredLanguage pwdLastSet usageLocation
		U: userPrincipalName
		UC: c co company department givenName homePhone ipPhone l manager mobile msRTCSIP-DeploymentLocator msRTCSIP-Line
		UC: msRTCSIP-OptionFlags msRTCSIP-PrimaryUserAddress msRTCSIP-UserEnabled otherTelephone
		UC: physicalDeliveryOfficeName postalCode sn st streetAddress telephoneNumber thumbnailPhoto title wWWHomePage
		UC: facsimileTelephoneNumber
		UCG: description displayName mail mailNickname msExchHideFromAddressLists proxyAddresses
		UG: cn objectSid
		G: managedBy member securityEnabled`,
	AzureRMS: `
		U: accountEnabled pwdLastSet usageLocation userPrincipalName
		UCG: displayName mail proxyAddresses
		UG: cn objectSid
		G: member securityEnabled`,
	Intune: `
		U: accountEnabled pwdLastSet usageLocation userPrincipalName
		UC: c
		UCG: description displayName mail mailNickname proxyAddresses
		UG: cn objectSid
		G: member securityEnabled`,
	DynamicsCRM: `
		U: accountEnabled preferredLanguage pwdLastSet usageLocation userPrincipalName
		UC: c co company countryCode facsimileTelephoneNumber givenName l manager mobile physicalDeliveryOfficeName
		UC: postalCode sn st streetAddress telephoneNumber title
		UCG: description displayName
		UG: cn objectSid
		G: managedBy member securityEnabled`,
	OfficeProPlus: `
		U: accountEnabled cn displayName objectSid pwdLastSet accountName usageLocation userPrincipalName`,
}

// entraNames are the metaverse attributes whose name in Entra ID's provisioning differs.
var entraNames = map[string]string{
	"accountName": "onPremisesSamAccountName", "c": "countryLetterCode", "cn": "commonName", "co": "country",
	"domainFQDN": "dnsDomainName", "domainNetBios": "netBiosName", "l": "city", "mailNickname": "alias",
	"msDS-HABSeniorityIndex": "msDsHabSeniorityIndex", "msExchRetentionURL": "msExchRetentionUrl",
	"msRTCSIP-ApplicationOptions": "msRtcSipApplicationOptions", "msRTCSIP-DeploymentLocator": "msRtcSipDeploymentLocator",
	"msRTCSIP-Line": "msRtcSipLine", "msRTCSIP-OptionFlags": "msRtcSipOptionFlags", "msRTCSIP-OwnerUrn": "msRtcSipOwnerUrn",
	"msRTCSIP-PrimaryUserAddress": "msRtcSipPrimaryUserAddress", "msRTCSIP-UserEnabled": "msRtcSipUserEnabled",
	"objectSid": "onPremiseSecurityIdentifier", "pwdLastSet": "lastPasswordChangeTimestamp", "sn": "surname", "st": "state",
}

// mechanical are the attributes that synchronisation itself depends on; they cannot be
// excluded.
var mechanical = []string{"sourceAnchor", "objectSid", "pwdLastSet", "usageLocation", "proxyAddresses"}

// sent returns the flows to Entra ID of the listed attributes for a class: U, C or G.
func (s *standard) sent(list, class string) (flows []Flow) {
	for line := range strings.SplitSeq(list, "\n") {
		classes, names, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || !strings.Contains(classes, class) {
			continue
		}
		for field := range strings.FieldsSeq(names) {
			for _, name := range expandName(field) {
				if slices.Contains(mechanical, name) || !slices.Contains(s.ExcludedAttributes, name) {
					flows = append(flows, sentFlow(name))
				}
			}
		}
	}
	return flows
}

// sentFlow returns the flow of one metaverse attribute to Entra ID.
func sentFlow(name string) Flow {
	target := name
	if renamed, ok := entraNames[name]; ok {
		target = renamed
	}
	switch name {
	case "usageLocation", "countryCode":
		// An empty value must not clear what was set in the cloud.
		return formula(target, "IIF(IsPresent(["+name+"]), ["+name+"], IgnoreThisFlow)")
	case "userCertificate", "userSMIMECertificate":
		// The service refuses the whole object for the sixteenth certificate.
		return formula(target, "IIF(Count(["+name+"]) > 15, AuthoritativeNull, ["+name+"])")
	}
	return direct(target + "<-" + name)[0]
}
