package adtest

// infrastructureRows are attributes of schema, configuration and device objects.
func infrastructureRows() []attrRow {
	return []attrRow{
		{"lDAPDisplayName", synUnicode, gc | keep, 0, 0, "1.2.840.113556.1.2.460", "", "LDAP-Display-Name"},
		{"attributeID", synOID, system, 0, 0, "1.2.840.113556.1.2.30", "", "Attribute-ID"},
		{"attributeSyntax", synOID, system, 0, 0, "1.2.840.113556.1.2.32", "", ""},
		{"oMSyntax", synInt, system, 0, 0, "1.2.840.113556.1.2.231", "", "OM-Syntax"},
		{"isSingleValued", synBool, system, 0, 0, "1.2.840.113556.1.2.33", "", ""},
		{"searchFlags", synEnum, 0, 0, 0, "1.2.840.113556.1.2.334", "", ""},
		{"linkID", synInt, system, 0, 0, "1.2.840.113556.1.2.50", "", "Link-ID"},
		{"rangeLower", synInt, 0, 0, 0, "1.2.840.113556.1.2.34", "", ""},
		{"rangeUpper", synInt, 0, 0, 0, "1.2.840.113556.1.2.35", "", ""},
		{"schemaIDGUID", synOctet, system, 16, 0, "1.2.840.113556.1.4.148", "", "Schema-ID-GUID"},
		{"attributeSecurityGUID", synOctet, 0, 16, 0, "1.2.840.113556.1.4.149", "", "Attribute-Security-GUID"},
		{"defaultSecurityDescriptor", synUnicode, 0, 32767, 0, "1.2.840.113556.1.4.224", "", ""},
		{"systemOnly", synBool, system, 0, 0, "1.2.840.113556.1.4.170", "", ""},
		{"isMemberOfPartialAttributeSet", synBool, 0, 0, 0, "1.2.840.113556.1.4.639", "", ""},
		{"isDefunct", synBool, 0, 0, 0, "1.2.840.113556.1.4.661", "", ""},
		{"governsID", synOID, system | keep, 0, 0, "1.2.840.113556.1.2.22", "", "Governs-ID"},
		{"objectClassCategory", synEnum, system, 0, 0, "1.2.840.113556.1.2.370", "", ""},
		{"rDNAttID", synOID, system, 0, 0, "1.2.840.113556.1.2.26", "", "RDN-Att-ID"},
		{"subClassOf", synOID, system | keep, 0, 0, "1.2.840.113556.1.2.21", "", "Sub-Class-Of"},
		{"mustContain", synOID, multi, 0, 0, "1.2.840.113556.1.2.24", "", ""},
		{"mayContain", synOID, multi, 0, 0, "1.2.840.113556.1.2.25", "", ""},
		{"systemMustContain", synOID, multi | system, 0, 0, "1.2.840.113556.1.4.197", "", ""},
		{"systemMayContain", synOID, multi | system, 0, 0, "1.2.840.113556.1.4.196", "", ""},
		{"auxiliaryClass", synOID, multi, 0, 0, "1.2.840.113556.1.2.351", "", ""},
		{"systemAuxiliaryClass", synOID, multi | system, 0, 0, "1.2.840.113556.1.4.198", "", ""},
		{"possSuperiors", synOID, multi, 0, 0, "1.2.840.113556.1.2.8", "", ""},
		{"systemPossSuperiors", synOID, multi | system, 0, 0, "1.2.840.113556.1.4.195", "", ""},
		{"defaultObjectCategory", synDN, 0, 0, 0, "1.2.840.113556.1.4.783", "", ""},
		{"objectVersion", synInt, 0, 0, 0, "1.2.840.113556.1.2.76", "", ""},
		{"nCName", synDN, keep, 0, 0, "1.2.840.113556.1.2.16", "", "NC-Name"},
		{"dnsRoot", synUnicode, multi | keep, 255, 0, "1.2.840.113556.1.4.28", "", ""},
		{"nETBIOSName", synUnicode, keep, 16, 0, "1.2.840.113556.1.4.87", "", "NETBIOS-Name"},
		{"trustParent", synDN, 0, 0, 0, "1.2.840.113556.1.4.471", "", ""},
		{"rootTrust", synDN, 0, 0, 0, "1.2.840.113556.1.4.674", "", ""},
		{"uPNSuffixes", synUnicode, multi, 0, 0, "1.2.840.113556.1.4.890", "", "UPN-Suffixes"},
		{"msDS-Behavior-Version", synInt, gc, 0, 0, "1.2.840.113556.1.4.1459", "", "ms-DS-Behavior-Version"},
		{"msDS-EnabledFeature", synDN, multi, 0, 0, "1.2.840.113556.1.4.2061", "", "ms-DS-Enabled-Feature"},
		{"msDS-OptionalFeatureGUID", synOctet, 0, 16, 0, "1.2.840.113556.1.4.2062", "", "ms-DS-Optional-Feature-GUID"},
		{"replUpToDateVector", synOctet, system | local, 0, 0, "1.2.840.113556.1.4.4", "", "Repl-UpToDate-Vector"},
		{"invocationId", synOctet, system, 16, 0, "1.2.840.113556.1.2.115", "", ""},
		{"options", synInt, 0, 0, 0, "1.2.840.113556.1.4.307", "", ""},
		{"serverReference", synDN, 0, 0, 0, "1.2.840.113556.1.4.515", "", ""},
		{"tombstoneLifetime", synInt, 0, 0, 0, "1.2.840.113556.1.2.54", "", ""},
		{"msDS-DeletedObjectLifetime", synInt, 0, 0, 0, "1.2.840.113556.1.4.2068", "", "ms-DS-Deleted-Object-Lifetime"},
		{"dSHeuristics", synUnicode, 0, 0, 0, "1.2.840.113556.1.2.212", "", "DS-Heuristics"},
		{"maxPwdAge", synInt64, 0, 0, 0, "1.2.840.113556.1.4.74", "", ""},
		{"minPwdAge", synInt64, 0, 0, 0, "1.2.840.113556.1.4.78", "", ""},
		{"minPwdLength", synInt, 0, 0, 0, "1.2.840.113556.1.4.79", "", ""},
		{"lockoutThreshold", synInt, 0, 0, 0, "1.2.840.113556.1.4.73", "", ""},
		{"lockoutDuration", synInt64, 0, 0, 0, "1.2.840.113556.1.4.60", "", ""},
		{"ms-DS-MachineAccountQuota", synInt, 0, 0, 0, "1.2.840.113556.1.4.1411", "", ""},
		{"keywords", synUnicode, multi | gc, 0, 0, "1.2.840.113556.1.4.48", "", ""},
		{"serviceBindingInformation", synUnicode, multi, 0, 0, "1.2.840.113556.1.4.510", "", ""},
		{"rightsGuid", synUnicode, 0, 36, 0, "1.2.840.113556.1.4.340", "", ""},
		{"validAccesses", synInt, 0, 0, 0, "1.2.840.113556.1.4.1356", "", ""},
		{"appliesTo", synUnicode, multi, 36, 0, "1.2.840.113556.1.4.341", "", ""},
		{"msDS-DeviceID", synOctet, gc | index, 16, 0, "", "c30181c7-6342-41fb-b279-f7c566cbe0a7", ""},
		{"msDS-IsEnabled", synBool, gc, 0, 0, "", "22a95c0e-1f83-4c82-94ce-bea688cfc871", ""},
		{"msDS-IsManaged", synBool, 0, 0, 0, "", "60686ace-6c27-43de-a4e5-f00c2f8d3309", ""},
		{"msDS-IsCompliant", synBool, gc, 0, 0, "", "59527d0f-b7c0-4ce2-a1dd-71cef6963292", ""},
		{"msDS-CloudAnchor", synOctet, 0, 0, 0, "", "78565e80-03d4-4fe3-afac-8c3bca2f3653", ""},
		{"msDS-DeviceOSType", synUnicode, gc, 1024, 0, "", "100e454d-f3bb-4dcb-845f-8d5edc471c59", ""},
		{"msDS-DeviceOSVersion", synUnicode, gc, 512, 0, "", "70fb8c63-5fab-4504-ab9d-14b329a8a7f8", ""},
		{"msDS-DevicePhysicalIDs", synUnicode, multi | gc, 1024, 0, "", "90615414-a2a0-4447-a993-53409599b74e", ""},
		{"msDS-DeviceObjectVersion", synInt, gc, 0, 0, "", "ef65695a-f179-4e6a-93de-b01e06681cfb", ""},
		{"msDS-RegisteredOwner", synOctet, gc, 0, 0, "", "617626e9-01eb-42cf-991f-ce617982237e", ""},
		{"msDS-DeviceLocation", synDN, 0, 0, 0, "", "e3fb56c8-5de8-45f5-b1b1-d2b6cd31e762", ""},
		{"msDS-DeviceTrustType", synInt, gc, 0, 0, "", "c4a46807-6adc-4bbb-97de-6bed181a1bfe", ""},
	}
}

// A classRow describes a class. Lists are separated by white space.
type classRow struct {
	name, super   string
	aux           string
	kind          int
	superiors     string
	must, may     string
	rdn, category string
	oid, guid, cn string
}

const topAttributes = `cn description displayName adminDescription adminDisplayName isDeleted isRecycled lastKnownParent
	msDS-LastKnownRDN nTSecurityDescriptor showInAdvancedViewOnly systemFlags isCriticalSystemObject wellKnownObjects
	mS-DS-ConsistencyGuid url wWWHomePage memberOf directReports managedObjects msDS-KeyCredentialLink-BL name objectGUID
	distinguishedName whenCreated whenChanged uSNCreated uSNChanged proxyAddresses parentGUID canonicalName allowedAttributes
	allowedAttributesEffective allowedChildClasses allowedChildClassesEffective sDRightsEffective createTimeStamp
	modifyTimeStamp structuralObjectClass subSchemaSubEntry`

const personAttributes = `givenName initials middleName generationQualifier personalTitle title department company division
	employeeID employeeNumber employeeType otherTelephone mobile otherMobile homePhone otherHomePhone pager otherPager
	ipPhone otherIpPhone facsimileTelephoneNumber otherFacsimileTelephoneNumber homePostalAddress physicalDeliveryOfficeName
	street streetAddress postOfficeBox l st postalCode c co countryCode manager assistant thumbnailPhoto mail info o
	msDS-PhoneticDisplayName msDS-ExternalDirectoryObjectId msDS-SourceAnchor msDS-preferredDataLocation`

const cloudAttributes = `msDS-cloudExtensionAttribute1 msDS-cloudExtensionAttribute2 msDS-cloudExtensionAttribute3
	msDS-cloudExtensionAttribute4 msDS-cloudExtensionAttribute5 msDS-cloudExtensionAttribute6
	msDS-cloudExtensionAttribute7 msDS-cloudExtensionAttribute8 msDS-cloudExtensionAttribute9
	msDS-cloudExtensionAttribute10 msDS-cloudExtensionAttribute11 msDS-cloudExtensionAttribute12
	msDS-cloudExtensionAttribute13 msDS-cloudExtensionAttribute14 msDS-cloudExtensionAttribute15
	msDS-cloudExtensionAttribute16 msDS-cloudExtensionAttribute17 msDS-cloudExtensionAttribute18
	msDS-cloudExtensionAttribute19 msDS-cloudExtensionAttribute20`

// containers are the classes that hold accounts and the like.
const containers = "organizationalUnit container domainDNS builtinDomain"

// classRows are the classes of the schema, superclasses first.
func classRows() []classRow {
	return append(principalClasses(), systemClasses()...)
}

func principalClasses() []classRow {
	return []classRow{
		{name: "top", kind: 2, must: "objectClass objectCategory instanceType", may: topAttributes, oid: "2.5.6.0", guid: "bf967ab7+"},
		{name: "mailRecipient", super: "top", kind: 3, oid: "1.2.840.113556.1.3.46",
			may: "legacyExchangeDN textEncodedORAddress showInAddressBook userCertificate userSMIMECertificate mail info " +
				cloudAttributes},
		{name: "securityPrincipal", super: "top", kind: 3, must: "objectSid sAMAccountName", oid: "1.2.840.113556.1.5.6",
			may: "sAMAccountType sIDHistory altSecurityIdentities tokenGroups tokenGroupsGlobalAndUniversal msDS-KeyCredentialLink msDS-PrincipalName " +
				"msDS-SupportedEncryptionTypes"},
		{name: "person", super: "top", kind: 1, must: "cn", may: "sn telephoneNumber seeAlso", oid: "2.5.6.6",
			guid: "bf967aa7+", superiors: containers},
		{name: "organizationalPerson", super: "person", kind: 1, may: personAttributes, oid: "2.5.6.7", category: "person",
			guid: "bf967aa4+", superiors: containers},
		{name: "user", super: "organizationalPerson", aux: "mailRecipient securityPrincipal", category: "person",
			oid: "1.2.840.113556.1.5.9", guid: "bf967aba+", superiors: containers,
			may: `userPrincipalName userAccountControl primaryGroupID unicodePwd pwdLastSet accountExpires lockoutTime
				adminCount codePage badPwdCount badPasswordTime lastLogoff lastLogon logonCount lastLogonTimestamp
				servicePrincipalName homeDirectory homeDrive profilePath scriptPath userWorkstations logonHours
				preferredLanguage jpegPhoto uid departmentNumber carLicense secretary uidNumber gidNumber
				unixHomeDirectory loginShell msDS-User-Account-Control-Computed`},
		{name: "inetOrgPerson", super: "user", category: "person", oid: "2.16.840.1.113730.3.2.2",
			guid: "4828cc14-1437-45bc-9b07-ad6f015e5f28", superiors: containers},
		{name: "computer", super: "user", oid: "1.2.840.113556.1.3.30", guid: "bf967a86+", superiors: containers,
			may: "dNSHostName operatingSystem operatingSystemVersion operatingSystemServicePack managedBy"},
		{name: "msDS-GroupManagedServiceAccount", super: "computer", superiors: containers,
			guid: "7b8b558a-93a5-4af7-adca-c017e67f1057"},
		{name: "contact", super: "organizationalPerson", aux: "mailRecipient", category: "person", oid: "1.2.840.113556.1.5.15",
			guid: "5cb41ed0-0e4c-11d0-a286-00aa003049e2", superiors: containers},
		{name: "group", super: "top", aux: "mailRecipient securityPrincipal", must: "groupType", oid: "1.2.840.113556.1.5.8",
			guid: "bf967a9c+", superiors: containers,
			may: "member managedBy adminCount primaryGroupToken gidNumber msDS-preferredDataLocation"},
		{name: "foreignSecurityPrincipal", super: "top", must: "objectSid", may: "msDS-PrincipalName",
			oid: "1.2.840.113556.1.5.76", guid: "89e31c12-8530-11d0-afda-00c04fd930c9", superiors: "container"},
	}
}

func systemClasses() []classRow {
	const anywhere = "*"
	return []classRow{
		{name: "organizationalUnit", super: "top", must: "ou", rdn: "ou", oid: "2.5.6.5", guid: "bf967aa5+",
			superiors: "organizationalUnit domainDNS",
			may: `managedBy street streetAddress l st postalCode postOfficeBox c co countryCode telephoneNumber
				facsimileTelephoneNumber physicalDeliveryOfficeName`},
		{name: "container", super: "top", must: "cn", oid: "1.2.840.113556.1.3.23", guid: "bf967a8b+",
			superiors: "container organizationalUnit domainDNS configuration crossRefContainer nTDSService server"},
		{name: "domainDNS", super: "top", must: "dc", rdn: "dc", oid: "1.2.840.113556.1.5.67",
			guid: "19195a5b-6da0-11d0-afd3-00c04fd930c9", superiors: "domainDNS",
			may: `objectSid msDS-Behavior-Version maxPwdAge minPwdAge minPwdLength lockoutThreshold lockoutDuration
				ms-DS-MachineAccountQuota dnsRoot`},
		{name: "builtinDomain", super: "top", may: "objectSid", oid: "1.2.840.113556.1.5.4", superiors: "domainDNS"},
		{name: "lostAndFound", super: "top", oid: "1.2.840.113556.1.5.139", superiors: "domainDNS configuration"},
		{name: "infrastructureUpdate", super: "top", may: "proxiedObjectName", oid: "1.2.840.113556.1.5.175", superiors: "domainDNS infrastructureUpdate"},
		{name: "configuration", super: "top", must: "cn", oid: "1.2.840.113556.1.5.12", superiors: "domainDNS"},
		{name: "dMD", super: "top", must: "cn", oid: "1.2.840.113556.1.3.9", superiors: "configuration", cn: "DMD",
			may: "objectVersion"},
		{name: "attributeSchema", super: "top", oid: "1.2.840.113556.1.3.14", superiors: "dMD",
			must: "lDAPDisplayName attributeID attributeSyntax oMSyntax isSingleValued schemaIDGUID",
			may:  "searchFlags linkID rangeLower rangeUpper systemOnly attributeSecurityGUID isMemberOfPartialAttributeSet isDefunct"},
		{name: "classSchema", super: "top", oid: "1.2.840.113556.1.3.13", superiors: "dMD",
			must: "lDAPDisplayName governsID objectClassCategory subClassOf schemaIDGUID defaultObjectCategory",
			may: `rDNAttID mustContain mayContain systemMustContain systemMayContain auxiliaryClass systemAuxiliaryClass
				possSuperiors systemPossSuperiors isDefunct systemOnly defaultSecurityDescriptor`},
		{name: "crossRefContainer", super: "top", oid: "1.2.840.113556.1.5.7000.53", superiors: "configuration",
			may: "uPNSuffixes msDS-Behavior-Version msDS-EnabledFeature"},
		{name: "crossRef", super: "top", must: "nCName dnsRoot", oid: "1.2.840.113556.1.3.11", superiors: "crossRefContainer",
			may: "nETBIOSName trustParent rootTrust msDS-Behavior-Version"},
		{name: "sitesContainer", super: "top", oid: "1.2.840.113556.1.5.107", superiors: "configuration"},
		{name: "site", super: "top", oid: "1.2.840.113556.1.5.31", superiors: "sitesContainer"},
		{name: "serversContainer", super: "top", superiors: "site"},
		{name: "server", super: "top", oid: "1.2.840.113556.1.5.17", superiors: "serversContainer",
			may: "dNSHostName serverReference"},
		{name: "nTDSDSA", super: "top", oid: "1.2.840.113556.1.5.7000.47", superiors: "server", cn: "NTDS-DSA",
			may: "invocationId options msDS-Behavior-Version"},
		{name: "nTDSService", super: "top", superiors: "container", cn: "NTDS-Service",
			may: "tombstoneLifetime msDS-DeletedObjectLifetime dSHeuristics"},
		{name: "msDS-OptionalFeature", super: "top", superiors: "container", must: "msDS-OptionalFeatureGUID"},
		{name: "controlAccessRight", super: "top", superiors: "container", may: "rightsGuid validAccesses appliesTo"},
		{name: "serviceConnectionPoint", super: "top", superiors: anywhere, may: "keywords serviceBindingInformation dNSHostName"},
		{name: "msDS-DeviceContainer", super: "top", superiors: "domainDNS container",
			guid: "7c9e8c58-901b-4ea8-b6ec-4eb9e9fc0e11"},
		{name: "msDS-Device", super: "top", must: "msDS-DeviceID msDS-IsEnabled displayName altSecurityIdentities", superiors: "msDS-DeviceContainer",
			guid: "5df2b673-6d41-4774-b3e8-d52e8ee9ff99", may: `msDS-IsManaged msDS-IsCompliant msDS-CloudAnchor msDS-DeviceOSType
				msDS-DeviceOSVersion msDS-DevicePhysicalIDs msDS-DeviceObjectVersion msDS-RegisteredOwner
				msDS-DeviceLocation msDS-DeviceTrustType msDS-KeyCredentialLink`},
		{name: "msDS-DeviceRegistrationServiceContainer", super: "top", superiors: "container",
			guid: "310b55ce-3dcd-4392-a96d-c9e35397c24f"},
		{name: "msDS-DeviceRegistrationService", super: "top", superiors: "msDS-DeviceRegistrationServiceContainer",
			guid: "96bc3a1a-e3d2-49d3-af11-7b0df79d67f5", may: "msDS-DeviceLocation msDS-IsEnabled"},
	}
}
