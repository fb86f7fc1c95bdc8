package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// The attributes of the default metaverse, by kind. A trailing * marks those that have
// several values; name#n stands for name1 to namen.
var metaverseAttributes = []struct {
	kind  attr.Kind
	names string
}{
	{attr.KindString, `
		accountName adminDescription alternativeSecurityId* assistantName c cloudAnchor cloudLegacyExchangeDN cloudSourceAnchor
		cn co company contributingConnectorDevice contributingConnectorExchange contributingConnectorGroup contributingConnectorUser
		department description deviceOSType deviceOSVersion devicePhysicalIds* deviceTrustType displayName distinguishedName division
		domainFQDN domainNetBios employeeHireDate employeeID employeeLeaveDateTime employeeNumber employeeOrgDataCostCenter
		employeeOrgDataDivision employeeType extensionAttribute#15 facsimileTelephoneNumber forestFQDN forestNetBios generationQualifier
		givenName homePhone info initials ipPhone l legacyExchangeDN mail mailNickname middleName mobile
		msDS-PhoneticDisplayName msExchArchiveName* msExchAssistantName msExchExtensionCustomAttribute1*
		msExchExtensionCustomAttribute2* msExchExtensionCustomAttribute3* msExchExtensionCustomAttribute4*
		msExchExtensionCustomAttribute5* msExchImmutableID msExchLitigationHoldOwner msExchResourceDisplay msExchResourceMetaData*
		msExchResourceSearchProperties* msExchRetentionComment msExchRetentionURL msExchSenderHintTranslations*
		msExchTeamMailboxSharePointUrl msExchUserHoldPolicies* cloudMSExchUserHoldPolicies* cloudMSExchUCVoiceMailSettings* msExchUCVoiceMailSettings* msRTCSIP-DeploymentLocator msRTCSIP-Line
		msRTCSIP-OwnerUrn msRTCSIP-PrimaryUserAddress objectSidString onPremisesDistinguishedName onPremisesObjectIdentifier
		onPremisesUserPrincipalName operatingSystem operatingSystemVersion otherFacsimileTelephoneNumber* otherHomePhone* otherIpPhone*
		otherMailbox* otherMobile* otherPager* otherTelephone* pager personalPager personalTitle physicalDeliveryOfficeName postOfficeBox
		postalAddress postalCode preferredDataLocation preferredLanguage proxyAddresses* pwdLastSet sn sourceAnchor sourceObjectType
		st streetAddress targetAddress telephoneAssistant telephoneNumber title url usageLocation userPrincipalName userType
		wWWHomePage managedDeviceType msExchELCExpirySuspensionEnd msExchELCExpirySuspensionStart msExchLitigationHoldDate
		msExchTeamMailboxExpiration`},
	{attr.KindInt, `
		countryCode cloudMSExchArchiveStatus cloudMSExchRecipientDisplayType deviceObjectVersion groupType lastPasswordChangeTimestamp
		memberCount msDS-HABSeniorityIndex msExchArchiveStatus msExchELCMailboxFlags msExchMailboxAuditLogAgeLimit
		msExchModerationFlags msExchRecipientDisplayType msExchRecipientTypeDetails msExchRemoteRecipientType msExchResourceCapacity
		msRTCSIP-ApplicationOptions msRTCSIP-OptionFlags msExchGroupDepartRestriction msExchGroupJoinRestriction
		msExchAuditAdmin msExchAuditDelegate msExchAuditDelegateAdmin msExchAuditOwner`},
	{attr.KindBool, `
		accountEnabled cloudCreated cloudFiltered cloudMastered cloudSOAExchMailbox hideDLMembership isCompliant isManaged
		isProvisionedInAD mailEnabled msExchBypassAudit msExchEnableModeration msExchHideFromAddressLists msExchMailboxAuditEnable
		msExchRequireAuthToSendTo msOrg-IsOrganizational msRTCSIP-UserEnabled oOFReplyToOriginator reportToOriginator reportToOwner
		securityEnabled`},
	{attr.KindBinary, `
		cloudMSExchBlockedSendersHash cloudMSExchSafeRecipientsHash cloudMSExchSafeSendersHash
		cloudUserCertificate* deviceId deviceKey* msExchArchiveGUID msExchBlockedSendersHash msExchMailboxGuid msExchMasterAccountSid
		msExchSafeRecipientsHash msExchSafeSendersHash msRTCSIP-OriginatorSid objectSid photo
		sIDHistory* sourceAnchorBinary thumbnailPhoto userCertificate* userSMIMECertificate*`},
	{attr.KindReference, `
		altRecipient* assistant authOrig* cloudPublicDelegates* dLMemRejectPerms* dLMemSubmitPerms* managedBy manager member*
		msExchBypassModerationLink* msExchCoManagedByLink* msExchDelegateListLink* msExchModeratedByLink*
		msExchTeamMailboxOwners* msExchTeamMailboxSharePointLinkedBy* owner* publicDelegates* registeredOwnerReference
		registeredUsersReference* secretary seeAlso unauthOrig*`},
}

// DefaultMetaverse returns the schema of the metaverse that the standard rules are written
// for. The result is the caller's own.
func DefaultMetaverse() *MetaverseSchema {
	m := &MetaverseSchema{Classes: []string{"person", "group", "device"}}
	for _, group := range metaverseAttributes {
		for field := range strings.FieldsSeq(group.names) {
			name, multi := strings.CutSuffix(field, "*")
			for _, n := range expandName(name) {
				m.Attributes = append(m.Attributes, MetaverseAttribute{
					Name: n, Kind: group.kind, MultiValued: multi, Indexed: group.kind == attr.KindString,
				})
			}
		}
	}
	slices.SortFunc(m.Attributes, func(a, b MetaverseAttribute) int { return attr.CompareNames(a.Name, b.Name) })
	return m
}

// expandName turns name#n into name1 to namen.
func expandName(name string) []string {
	stem, count, ok := strings.Cut(name, "#")
	if !ok {
		return []string{name}
	}
	n, _ := strconv.Atoi(count)
	names := make([]string, n)
	for i := range names {
		names[i] = stem + strconv.Itoa(i+1)
	}
	return names
}
