package adtest

import (
	"fmt"
	"slices"
	"strings"
)

// personRows are attributes of people and mail recipients.
func personRows() []attrRow {
	return []attrRow{
		{"givenName", synUnicode, gc | index, 64, 0, "2.5.4.42", "f0f8ff8e-1191-11d0-a060-00aa006c33ed", ""},
		{"sn", synUnicode, gc | index, 64, 0, "2.5.4.4", "bf967a41+", "Surname"},
		{"initials", synUnicode, 0, 6, 0, "2.5.4.43", "f0f8ff90-1191-11d0-a060-00aa006c33ed", ""},
		{"middleName", synUnicode, 0, 64, 0, "2.16.840.1.113730.3.1.34", "bf9679f2+", "Other-Name"},
		{"generationQualifier", synUnicode, 0, 64, 0, "2.5.4.44", "", ""},
		{"personalTitle", synUnicode, 0, 64, 0, "1.2.840.113556.1.2.615", "", ""},
		{"mail", synUnicode, gc | index, 256, 0, "0.9.2342.19200300.100.1.3", "bf967961+", "E-mail-Addresses"},
		{"proxyAddresses", synUnicode, multi | gc | index, 1123, 0, "1.2.840.113556.1.2.210", "bf967a06+", ""},
		{"legacyExchangeDN", synTeletex, keep | gc | index, 0, 0, "1.2.840.113556.1.4.655",
			"28630ebc-41d5-11d1-a9c1-0000f80367c1", ""},
		{"textEncodedORAddress", synUnicode, gc, 1024, 0, "0.9.2342.19200300.100.1.2", "", ""},
		{"showInAddressBook", synDN, multi, 0, 0, "1.2.840.113556.1.4.644", "", ""},
		{"title", synUnicode, 0, 128, 0, "2.5.4.12", "bf967a55+", ""},
		{"department", synUnicode, 0, 64, 0, "1.2.840.113556.1.2.141", "bf96794f+", ""},
		{"departmentNumber", synUnicode, multi, 0, 0, "2.16.840.1.113730.3.1.2", "", ""},
		{"company", synUnicode, 0, 64, 0, "1.2.840.113556.1.2.146", "f0f8ff88-1191-11d0-a060-00aa006c33ed", ""},
		{"division", synUnicode, 0, 256, 0, "1.2.840.113556.1.4.261", "fe6136a0-2073-11d0-a9c2-00aa006c33ed", ""},
		{"employeeID", synUnicode, 0, 16, 0, "1.2.840.113556.1.4.35", "bf967962+", "Employee-ID"},
		{"employeeNumber", synUnicode, 0, 512, 0, "1.2.840.113556.1.2.610", "a8df73ef-c5ea-11d1-bbcb-0080c76670c0", ""},
		{"employeeType", synUnicode, 0, 256, 0, "1.2.840.113556.1.2.613", "a8df73f0-c5ea-11d1-bbcb-0080c76670c0", ""},
		{"carLicense", synUnicode, multi, 0, 0, "2.16.840.1.113730.3.1.1", "", ""},
		{"telephoneNumber", synUnicode, gc, 64, 0, "2.5.4.20", "bf967a49+", ""},
		{"otherTelephone", synUnicode, multi, 64, 0, "1.2.840.113556.1.2.18", "f0f8ffa5-1191-11d0-a060-00aa006c33ed", ""},
		{"mobile", synUnicode, 0, 64, 0, "0.9.2342.19200300.100.1.41", "f0f8ffa3-1191-11d0-a060-00aa006c33ed", ""},
		{"otherMobile", synUnicode, multi, 64, 0, "1.2.840.113556.1.4.647", "0296c11e-40da-11d1-a9c0-0000f80367c1", ""},
		{"homePhone", synUnicode, gc, 64, 0, "0.9.2342.19200300.100.1.20", "f0f8ffa1-1191-11d0-a060-00aa006c33ed", ""},
		{"otherHomePhone", synUnicode, multi, 64, 0, "1.2.840.113556.1.2.277", "f0f8ffa2-1191-11d0-a060-00aa006c33ed", ""},
		{"pager", synUnicode, 0, 64, 0, "0.9.2342.19200300.100.1.42", "f0f8ffa6-1191-11d0-a060-00aa006c33ed", ""},
		{"otherPager", synUnicode, multi, 64, 0, "1.2.840.113556.1.2.118", "", ""},
		{"ipPhone", synUnicode, gc, 64, 0, "1.2.840.113556.1.4.721", "4d146e4a-48d4-11d1-a9c3-0000f80367c1", ""},
		{"otherIpPhone", synUnicode, multi, 0, 0, "1.2.840.113556.1.4.722", "", ""},
		{"facsimileTelephoneNumber", synUnicode, 0, 64, 0, "2.5.4.23", "bf967974+", ""},
		{"otherFacsimileTelephoneNumber", synUnicode, multi, 64, 0, "1.2.840.113556.1.4.646", "", ""},
		{"homePostalAddress", synUnicode, 0, 4096, 0, "1.2.840.113556.1.2.617", "", ""},
		{"physicalDeliveryOfficeName", synUnicode, 0, 128, 0, "2.5.4.19", "bf9679f7+", ""},
		{"street", synUnicode, 0, 1024, 0, "2.5.4.9", "", "Street-Address"},
		{"streetAddress", synUnicode, 0, 1024, 0, "1.2.840.113556.1.2.256", "f0f8ff84-1191-11d0-a060-00aa006c33ed", "Address"},
		{"postOfficeBox", synUnicode, multi, 40, 0, "2.5.4.18", "bf9679fb+", ""},
		{"l", synUnicode, gc | index, 128, 0, "2.5.4.7", "bf9679a2+", "Locality-Name"},
		{"st", synUnicode, gc, 128, 0, "2.5.4.8", "bf967a39+", "State-Or-Province-Name"},
		{"postalCode", synUnicode, 0, 40, 0, "2.5.4.17", "bf9679fd+", ""},
		{"c", synUnicode, gc, 3, 0, "2.5.4.6", "bf967945+", "Country-Name"},
		{"co", synUnicode, 0, 128, 0, "1.2.840.113556.1.2.131", "f0f8ffa7-1191-11d0-a060-00aa006c33ed", "Text-Country"},
		{"countryCode", synInt, 0, 65535, 0, "1.2.840.113556.1.4.25", "5fd42471-1262-11d0-a060-00aa006c33ed", ""},
		{"preferredLanguage", synUnicode, 0, 0, 0, "2.16.840.1.113730.3.1.39", "856be0d0-18e7-46e1-8f5f-7ee4d9020e0d", ""},
		{"uid", synUnicode, multi, 256, 0, "0.9.2342.19200300.100.1.1", "", ""},
		{"o", synUnicode, multi, 64, 0, "2.5.4.10", "", "Organization-Name"},
		{"thumbnailPhoto", synOctet, 0, 102400, 0, "2.16.840.1.113730.3.1.35", "8d3bca50-1d7e-11d0-a081-00aa006c33ed", "Picture"},
		{"jpegPhoto", synOctet, multi, 0, 0, "0.9.2342.19200300.100.1.60", "", ""},
		{"userCertificate", synOctet, multi | gc, 32768, 0, "2.5.4.36", "bf967a7f+", "X509-Cert"},
		{"userSMIMECertificate", synOctet, multi | gc, 32768, 0, "2.16.840.1.113730.3.140",
			"e16a9db2-403c-11d1-a9c0-0000f80367c1", ""},
		{"msDS-PhoneticDisplayName", synUnicode, gc, 256, 0, "1.2.840.113556.1.4.1946",
			"e21a94e4-2d66-4ce5-b30d-0ef87a776ff0", ""},
		{"msDS-ExternalDirectoryObjectId", synUnicode, gc, 256, 0, "1.2.840.113556.1.4.2310",
			"bd29bf90-66ad-40e1-887b-10df070419a6", "ms-DS-External-Directory-Object-Id"},
		{"msDS-SourceAnchor", synUnicode, 0, 0, 0, "1.2.840.113556.1.4.2352", "b002f407-1340-41eb-bca0-bd7d938e25a9", ""},
		{"msDS-preferredDataLocation", synUnicode, gc, 10, 0, "1.2.840.113556.1.4.2366",
			"fa0c8ade-4c94-4610-bace-180efdee2140", ""},
		{"unixHomeDirectory", synIA5, 0, 2048, 0, "1.3.6.1.1.1.1.3", "", ""},
		{"uidNumber", synInt, index, 0, 0, "1.3.6.1.1.1.1.0", "", ""},
		{"gidNumber", synInt, index, 0, 0, "1.3.6.1.1.1.1.1", "", ""},
		{"loginShell", synIA5, 0, 1024, 0, "1.3.6.1.1.1.1.4", "", ""},
	}
}

// linkRows are attributes that refer to objects, and their other ends.
func linkRows() []attrRow {
	back := system | flagNotReplicated | multi
	return []attrRow{
		{"member", synDN, multi | gc, 0, 2, "2.5.4.31", "bf9679c0+", ""},
		{"memberOf", synDN, back, 0, 3, "1.2.840.113556.1.2.102", "bf967991+", "Is-Member-Of-DL"},
		{"manager", synDN, gc, 0, 42, "0.9.2342.19200300.100.1.10", "bf9679b5+", ""},
		{"directReports", synDN, back, 0, 43, "1.2.840.113556.1.2.436", "", "Reports"},
		{"managedBy", synDN, 0, 0, 72, "1.2.840.113556.1.4.653", "0296c120-40da-11d1-a9c0-0000f80367c1", ""},
		{"managedObjects", synDN, back, 0, 73, "1.2.840.113556.1.4.654", "", ""},
		{"seeAlso", synDN, multi, 0, 0, "2.5.4.34", "", ""},
		{"assistant", synDN, 0, 0, 0, "1.2.840.113556.1.4.652", "0296c11c-40da-11d1-a9c0-0000f80367c1", ""},
		{"secretary", synDN, multi, 0, 0, "0.9.2342.19200300.100.1.21", "", ""},
		{"altRecipient", synDN, 0, 0, 126, "1.2.840.113556.1.2.126", "", ""},
		{"altRecipientBL", synDN, back, 0, 127, "1.2.840.113556.1.4.1449", "", ""},
		{"publicDelegates", synDN, multi, 0, 14, "1.2.840.113556.1.2.238", "f0f8ff9a-1191-11d0-a060-00aa006c33ed", ""},
		{"publicDelegatesBL", synDN, back, 0, 15, "1.2.840.113556.1.2.295", "", ""},
		{"authOrig", synDN, multi, 0, 110, "1.2.840.113556.1.2.129", "", ""},
		{"authOrigBL", synDN, back, 0, 111, "1.2.840.113556.1.2.290", "", ""},
		{"unauthOrig", synDN, multi, 0, 114, "1.2.840.113556.1.2.221", "", ""},
		{"unauthOrigBL", synDN, back, 0, 115, "1.2.840.113556.1.2.292", "", ""},
		{"dLMemSubmitPerms", synDN, multi, 0, 112, "1.2.840.113556.1.2.144", "", ""},
		{"dLMemSubmitPermsBL", synDN, back, 0, 113, "1.2.840.113556.1.2.291", "", ""},
		{"dLMemRejectPerms", synDN, multi, 0, 116, "1.2.840.113556.1.2.47", "", ""},
		{"dLMemRejectPermsBL", synDN, back, 0, 117, "1.2.840.113556.1.2.293", "", ""},
		{"msDS-KeyCredentialLink", synDNBinary, multi, 0, 2220, "1.2.840.113556.1.4.2328",
			"5b47d60f-6090-40b2-9f37-2a4de88f3063", "ms-DS-Key-Credential-Link"},
		{"msDS-KeyCredentialLink-BL", synDN, back, 0, 2221, "1.2.840.113556.1.4.2329", "", "ms-DS-Key-Credential-Link-BL"},
	}
}

// exchangeRows are the attributes that Exchange adds to the schema.
func exchangeRows() []attrRow {
	var out []attrRow
	for i := 1; i <= 15; i++ {
		r := attrRow{name: fmt.Sprintf("extensionAttribute%d", i), flags: gc | index, upper: 1024,
			cn: fmt.Sprintf("ms-Exch-Extension-Attribute-%d", i)}
		if i <= 10 {
			r.oid = fmt.Sprintf("1.2.840.113556.1.2.%d", 422+i)
		}
		if i > 10 {
			r.upper = 2048
		}
		out = append(out, r)
	}
	add := func(syn syntax, flags attrFlags, names string) {
		for n := range strings.FieldsSeq(names) {
			out = append(out, attrRow{name: n, syn: syn, flags: flags})
		}
	}
	add(synUnicode, gc|index, `mailNickname targetAddress msExchHomeServerName msExchAssistantName
		msExchUCVoiceMailSettings msExchLabeledURI msExchAuditOwner`)
	add(synUnicode, gc|multi, `msExchUserHoldPolicies msExchSenderHintTranslations msExchPoliciesIncluded msExchPoliciesExcluded
		msExchExtensionCustomAttribute1 msExchExtensionCustomAttribute2 msExchExtensionCustomAttribute3
		msExchExtensionCustomAttribute4 msExchExtensionCustomAttribute5`)
	add(synOctet, gc, `msExchArchiveGUID msExchMailboxGuid msExchBlockedSendersHash msExchSafeRecipientsHash
		msExchSafeSendersHash`)
	add(synSID, gc, `msExchMasterAccountSid`)
	add(synInt, gc, `msExchArchiveStatus msExchELCMailboxFlags msExchRecipientDisplayType msExchModerationFlags
		msExchGroupDepartRestriction msExchGroupJoinRestriction`)
	add(synInt64, gc, `msExchRecipientTypeDetails msExchRemoteRecipientType msExchVersion`)
	add(synBool, gc, `msExchHideFromAddressLists msExchRequireAuthToSendTo msExchEnableModeration
		msExchBypassModerationFromDLMembersLink msExchBypassAudit mAPIRecipient`)
	add(synUnicode, gc|multi, `msExchArchiveName msExchAlternateMailboxes`)
	add(synTime, gc, `msExchLitigationHoldDate`)
	add(synUnicode, gc, `msExchLitigationHoldOwner msExchTeamMailboxOwners msExchTeamMailboxSharePointUrl
		msExchHouseIdentifier reportToOriginator oOFReplyToOriginator reportToOwner`)
	for i := range out {
		switch out[i].name {
		case "mailNickname":
			out[i].oid, out[i].upper = "1.2.840.113556.1.2.447", 64
		case "targetAddress":
			out[i].upper = 1123
		}
	}
	return out
}

// exchangeNames are the names of rows that Exchange adds.
func exchangeNames(rows []attrRow) []string {
	known := map[string]bool{}
	for _, r := range attributeRows() {
		known[r.name] = true
	}
	var out []string
	for _, r := range rows {
		if !known[r.name] {
			out = append(out, r.name)
		}
	}
	return append(out, slices.Clone(mailLinks())...)
}

// mailLinks are attributes of the base schema that Exchange allows on recipients.
func mailLinks() []string {
	return strings.Fields(`altRecipient publicDelegates authOrig unauthOrig dLMemSubmitPerms dLMemRejectPerms`)
}
