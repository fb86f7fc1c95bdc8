package entratest

// The kinds that identity synchronisation reads, or writes only to look after
// its own application.

func contactKind() *kind {
	k := &kind{name: "orgContact", set: "contacts", deltas: true}
	k.add(
		property{name: "id", flags: inDefault | readOnly},
		property{name: "addresses", typ: typeRawList, flags: inDefault | readOnly | noFilter},
		property{name: "companyName", flags: inDefault | readOnly},
		property{name: "deletedDateTime", typ: typeTime, flags: readOnly},
		property{name: "department", flags: inDefault | readOnly},
		property{name: "displayName", flags: inDefault | readOnly},
		property{name: "givenName", flags: inDefault | readOnly},
		property{name: "jobTitle", flags: inDefault | readOnly},
		property{name: "mail", flags: inDefault | readOnly},
		property{name: "mailNickname", flags: inDefault | readOnly},
		property{name: "onPremisesLastSyncDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "onPremisesProvisioningErrors", typ: typeRawList, flags: inDefault | readOnly | noFilter},
		property{name: "onPremisesSyncEnabled", typ: typeBool, flags: inDefault | readOnly},
		property{name: "phones", typ: typeRawList, flags: inDefault | readOnly | noFilter},
		property{name: "proxyAddresses", typ: typeStrings, flags: inDefault | readOnly},
		property{name: "surname", flags: inDefault | readOnly},
	)
	return k
}

func deviceKind() *kind {
	k := &kind{name: "device", set: "devices", deltas: true}
	k.add(
		property{name: "id", flags: inDefault | readOnly},
		property{name: "accountEnabled", typ: typeBool, flags: inDefault | readOnly},
		property{name: "alternativeSecurityIds", typ: typeRawList, flags: inDefault | readOnly | noFilter},
		property{name: "approximateLastSignInDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "createdDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "deletedDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "deviceId", flags: inDefault | readOnly},
		property{name: "deviceVersion", typ: typeInt, flags: inDefault | readOnly | noFilter},
		property{name: "isCompliant", typ: typeBool, flags: inDefault | readOnly},
		property{name: "isManaged", typ: typeBool, flags: inDefault | readOnly},
		property{name: "physicalIds", typ: typeStrings, flags: inDefault | readOnly},
		property{name: "registrationDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "displayName", flags: inDefault | readOnly},
		property{name: "extensionAttributes", typ: typeComplex, fields: extensionFields(), flags: inDefault | readOnly | advanced},
		property{name: "onPremisesLastSyncDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "onPremisesSecurityIdentifier", flags: inDefault | readOnly},
		property{name: "onPremisesSyncEnabled", typ: typeBool, flags: inDefault | readOnly},
		property{name: "operatingSystem", flags: inDefault | readOnly},
		property{name: "operatingSystemVersion", flags: inDefault | readOnly},
		property{name: "trustType", flags: inDefault | readOnly},
	)
	return k
}

func applicationKind() *kind {
	k := &kind{name: "application", set: "applications", soft: true, deltas: true, writable: true, relations: []string{"owners"}}
	k.add(
		property{name: "id", flags: inDefault | readOnly},
		property{name: "appId", flags: inDefault | readOnly},
		property{name: "appRoles", typ: typeRawList, flags: inDefault | noFilter},
		property{name: "createdDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "deletedDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "description", max: 1024, flags: inDefault | noFilter},
		property{name: "displayName", max: 256, flags: inDefault | noClear},
		property{name: "identifierUris", typ: typeStrings, flags: inDefault},
		property{name: "keyCredentials", typ: typeRawList, flags: inDefault | noFilter},
		property{name: "notes", max: 1024, flags: inDefault | noFilter},
		property{name: "passwordCredentials", typ: typeRawList, flags: inDefault | readOnly | noFilter},
		property{name: "publisherDomain", flags: inDefault | readOnly},
		property{name: "requiredResourceAccess", typ: typeRawList, flags: inDefault | noFilter},
		property{name: "signInAudience", max: 64, flags: inDefault | noFilter},
		property{name: "tags", typ: typeStrings, flags: inDefault},
	)
	return k
}

func servicePrincipalKind() *kind {
	k := &kind{name: "servicePrincipal", set: "servicePrincipals", soft: true, deltas: true, writable: true, relations: []string{"owners"}}
	k.add(
		property{name: "id", flags: inDefault | readOnly},
		property{name: "accountEnabled", typ: typeBool, flags: inDefault},
		property{name: "appDisplayName", flags: inDefault | readOnly},
		property{name: "appId", flags: inDefault | createOnly},
		property{name: "appOwnerOrganizationId", flags: inDefault | readOnly},
		property{name: "appRoles", typ: typeRawList, flags: inDefault | readOnly | noFilter},
		property{name: "deletedDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "displayName", max: 256, flags: inDefault},
		property{name: "keyCredentials", typ: typeRawList, flags: inDefault | readOnly | noFilter},
		property{name: "servicePrincipalNames", typ: typeStrings, flags: inDefault | readOnly},
		property{name: "servicePrincipalType", flags: inDefault | readOnly},
		property{name: "tags", typ: typeStrings, flags: inDefault},
	)
	return k
}

func roleKind() *kind {
	k := &kind{name: "directoryRole", set: "directoryRoles", relations: []string{"members"}}
	k.add(
		property{name: "id", flags: inDefault | readOnly},
		property{name: "deletedDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "description", flags: inDefault | readOnly | noFilter},
		property{name: "displayName", flags: inDefault | readOnly},
		property{name: "roleTemplateId", flags: inDefault | readOnly},
	)
	return k
}

func domainKind() *kind {
	k := &kind{name: "domain", set: "domains"}
	k.add(
		property{name: "id", flags: inDefault | readOnly},
		property{name: "authenticationType", flags: inDefault | readOnly},
		property{name: "isAdminManaged", typ: typeBool, flags: inDefault | readOnly},
		property{name: "isDefault", typ: typeBool, flags: inDefault | readOnly},
		property{name: "isInitial", typ: typeBool, flags: inDefault | readOnly},
		property{name: "isRoot", typ: typeBool, flags: inDefault | readOnly},
		property{name: "isVerified", typ: typeBool, flags: inDefault | readOnly},
		property{name: "supportedServices", typ: typeStrings, flags: inDefault | readOnly},
	)
	return k
}

func organizationKind() *kind {
	k := &kind{name: "organization", set: "organization"}
	k.add(
		property{name: "id", flags: inDefault | readOnly},
		property{name: "createdDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "deletedDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "displayName", flags: inDefault | readOnly},
		property{name: "onPremisesLastPasswordSyncDateTime", typ: typeTime, flags: readOnly},
		property{name: "onPremisesLastSyncDateTime", typ: typeTime, flags: inDefault | readOnly},
		property{name: "onPremisesSyncEnabled", typ: typeBool, flags: inDefault | readOnly},
		property{name: "tenantType", flags: inDefault | readOnly},
		property{name: "verifiedDomains", typ: typeRawList, flags: inDefault | readOnly | noFilter},
	)
	return k
}
