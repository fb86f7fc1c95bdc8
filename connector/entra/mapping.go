package entra

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// The object classes, as rules name them.
const (
	classUser   = "user"
	classGroup  = "group"
	classDevice = "device"
)

// An Access says what can be done with an attribute of a class.
type Access uint8

// The kinds of access.
const (
	None       Access = iota // objects of the class do not have it
	ReadOnly                 // imported; public Graph offers no way to write it
	CreateOnly               // imported; written when the object is created and never again
	ReadWrite                // imported and exported
	Matched                  // imported; what new objects shall have of it finds existing ones, and is not written
	NoProperty               // Entra Connect's rules export it; public Graph has no such property
)

var accessNames = [...]string{"", "read", "read, create", "read, write", "read, match", "no equivalent"}

// String returns the access in words, "" for None.
func (a Access) String() string {
	if int(a) < len(accessNames) {
		return accessNames[a]
	}
	return "access(" + strconv.Itoa(int(a)) + ")"
}

// maxMembers is what Microsoft Entra ID takes of synchronised groups.
const maxMembers = 250_000

// A Mapping connects an attribute, under the name that Entra Connect's provisioning rules
// use, with a property of Microsoft Graph.
type Mapping struct {
	Attribute   string
	Property    string // "" where there is none
	Kind        attr.Kind
	MultiValued bool
	MaxValues   int64 // of an object; 0 means not known
	MaxLength   int   // of each value in UTF-16 units, as Graph counts; 0 means not known
	User, Group Access
	Device      Access // read-only or none: devices are imported only

	shape    shape
	required bool // cannot be cleared
}

// A shape is the form that a property has in JSON.
type shape uint8

const (
	shapeText     shape = iota // string
	shapeFlag                  // true, false
	shapeNumber                // integer
	shapeList                  // array of strings
	shapeKeys                  // array of keys of devices: their text, which is Base64 of UTF-16
	shapeGUID                  // string that is a GUID, binary in the order of octets of Active Directory
	shapeFirst                 // array of strings of which there is at most one
	shapeNested                // member of a complex property: "property.member"
	shapeRefs                  // relationship: name@delta in delta answers
	shapeComputed              // made by the connector of other properties
)

const nestedProperty = "onPremisesExtensionAttributes"

// Mappings returns the table of attributes and properties, in the order in which the
// package's README shows it. Directory extensions are not in it: they keep their names.
func Mappings() []Mapping { return slices.Clone(mappings()) }

func mappings() []Mapping {
	text := func(attribute, property string, limit int, user, group Access) Mapping {
		return Mapping{Attribute: attribute, Property: property, Kind: attr.KindString, MaxLength: limit, User: user, Group: group}
	}
	table := []Mapping{
		{Attribute: attrCloudAnchor, Property: "id", Kind: attr.KindString, User: ReadOnly, Group: ReadOnly, Device: ReadOnly, shape: shapeComputed},
		text(attrSourceAnchor, "onPremisesImmutableId", 0, ReadWrite, CreateOnly),
		{Attribute: attrCloudMastered, Kind: attr.KindBool, User: ReadOnly, shape: shapeComputed},
		{Attribute: "accountEnabled", Property: "accountEnabled", Kind: attr.KindBool, User: ReadWrite, Device: ReadOnly, shape: shapeFlag, required: true},
		{Attribute: attrUPN, Property: "userPrincipalName", Kind: attr.KindString, MaxLength: 1024, User: ReadWrite, required: true},
		{Attribute: "displayName", Property: "displayName", Kind: attr.KindString, MaxLength: 256, User: ReadWrite, Group: ReadWrite, Device: ReadOnly, required: true},
		{Attribute: attrAlias, Property: "mailNickname", Kind: attr.KindString, MaxLength: 64, User: ReadWrite, Group: ReadWrite, required: true},
		text(attrMail, "mail", 256, ReadWrite, ReadOnly),
		{Attribute: attrProxies, Property: "proxyAddresses", Kind: attr.KindString, MultiValued: true, User: Matched, Group: Matched, shape: shapeList},
		{Attribute: "otherMails", Property: "otherMails", Kind: attr.KindString, MultiValued: true, MaxLength: 250, User: ReadWrite, shape: shapeList},
		text("givenName", "givenName", 64, ReadWrite, None),
		text("surname", "surname", 64, ReadWrite, None),
		{Attribute: "telephoneNumber", Property: "businessPhones", Kind: attr.KindString, MaxLength: 64, User: ReadWrite, shape: shapeFirst},
		text("mobile", "mobilePhone", 64, ReadWrite, None),
		text("facsimileTelephoneNumber", "faxNumber", 64, ReadWrite, None),
		text("physicalDeliveryOfficeName", "officeLocation", 128, ReadWrite, None),
		text("title", "jobTitle", 128, ReadWrite, None),
		text("department", "department", 64, ReadWrite, None),
		text("company", "companyName", 64, ReadWrite, None),
		text("streetAddress", "streetAddress", 1024, ReadWrite, None),
		text("city", "city", 128, ReadWrite, None),
		text("state", "state", 128, ReadWrite, None),
		text("postalCode", "postalCode", 40, ReadWrite, None),
		text("country", "country", 128, ReadWrite, None),
		text("preferredLanguage", "preferredLanguage", 64, ReadWrite, None),
		text(attrUsageLocation, "usageLocation", 2, ReadWrite, None),
		text("employeeID", "employeeId", 16, ReadWrite, None),
		text("employeeType", "employeeType", 256, ReadWrite, None),
		text("userType", "userType", 0, ReadWrite, None),
	}
	for i := range 15 {
		name := "extensionAttribute" + strconv.Itoa(i+1)
		m := text(name, nestedProperty+"."+name, 1024, ReadWrite, NoProperty)
		m.shape = shapeNested
		table = append(table, m)
	}
	table = append(table,
		Mapping{Attribute: attrManager, Property: "manager", Kind: attr.KindReference, User: ReadWrite, shape: shapeRefs},
		text("description", "description", 1024, NoProperty, ReadWrite),
		Mapping{Attribute: attrSecurityEnabled, Property: "securityEnabled", Kind: attr.KindBool, Group: CreateOnly, shape: shapeFlag, required: true},
		Mapping{Attribute: attrMailEnabled, Property: "mailEnabled", Kind: attr.KindBool, Group: CreateOnly, shape: shapeFlag, required: true},
		Mapping{Attribute: "groupTypes", Property: "groupTypes", Kind: attr.KindString, MultiValued: true, Group: ReadOnly, shape: shapeList},
		Mapping{Attribute: attrMember, Property: "members", Kind: attr.KindReference, MultiValued: true, MaxValues: maxMembers, Group: ReadWrite, shape: shapeRefs},
		Mapping{Attribute: attrOwner, Property: "owners", Kind: attr.KindReference, MultiValued: true, Group: ReadWrite, shape: shapeRefs},
		text("onPremisesSamAccountName", "onPremisesSamAccountName", 0, ReadOnly, ReadOnly),
		text("onPremiseSecurityIdentifier", "onPremisesSecurityIdentifier", 0, ReadOnly, ReadOnly),
		text("onPremisesDistinguishedName", "onPremisesDistinguishedName", 0, ReadOnly, NoProperty),
		text("onPremisesUserPrincipalName", "onPremisesUserPrincipalName", 0, ReadOnly, None),
		text("onPremisesDomainName", "onPremisesDomainName", 0, ReadOnly, ReadOnly),
		Mapping{Attribute: "onPremisesSyncEnabled", Property: "onPremisesSyncEnabled", Kind: attr.KindBool, User: ReadOnly, Group: ReadOnly, Device: ReadOnly, shape: shapeFlag},
		text("createdDateTime", "createdDateTime", 0, ReadOnly, ReadOnly),
	)
	table = append(table, deviceMappings()...)
	for _, n := range noProperties() {
		table = append(table, n...)
	}
	return table
}

// deviceMappings are the attributes that devices alone have. Owners and keys are not in
// delta answers.
func deviceMappings() []Mapping {
	only := func(attribute, property string, kind attr.Kind, s shape) Mapping {
		return Mapping{Attribute: attribute, Property: property, Kind: kind, MultiValued: s == shapeList || s == shapeKeys, Device: ReadOnly, shape: s}
	}
	return []Mapping{
		only("deviceId", "deviceId", attr.KindBinary, shapeGUID),
		only("deviceOSType", "operatingSystem", attr.KindString, shapeText),
		only("deviceOSVersion", "operatingSystemVersion", attr.KindString, shapeText),
		only("deviceTrustType", "trustType", attr.KindString, shapeText),
		only("deviceObjectVersion", "deviceVersion", attr.KindInt, shapeNumber),
		only("devicePhysicalIds", "physicalIds", attr.KindString, shapeList),
		only("alternativeSecurityId", "alternativeSecurityIds", attr.KindString, shapeKeys),
		only("isCompliant", "isCompliant", attr.KindBool, shapeFlag),
		only("isManaged", "isManaged", attr.KindBool, shapeFlag),
		only("registrationDateTime", "registrationDateTime", attr.KindString, shapeText),
	}
}

// noProperties are the attributes that Entra Connect's rules export to its private service
// and for which public Graph has no property. They are in the schema so that the rules run
// as they are; the engine reports each of them once and leaves it out.
func noProperties() [][]Mapping {
	define := func(kind attr.Kind, multi bool, user, group Access, names string) (out []Mapping) {
		for name := range strings.FieldsSeq(names) {
			out = append(out, Mapping{Attribute: name, Kind: kind, MultiValued: multi, User: user, Group: group, shape: shapeComputed})
		}
		return out
	}
	const both, no = NoProperty, None
	return [][]Mapping{
		define(attr.KindString, false, both, both, "commonName dnsDomainName netBiosName info legacyExchangeDN "+
			"msDsHabSeniorityIndex msDsPhoneticDisplayName msExchHideFromAddressLists msExchLitigationHoldDate "+
			"msExchLitigationHoldOwner msExchModerationFlags msExchRecipientDisplayType msExchRecipientTypeDetails "+
			"msExchRequireAuthToSendTo msExchRetentionComment msExchRetentionUrl msExchEnableModeration sourceObjectType"),
		define(attr.KindString, true, both, both, "msExchExtensionCustomAttribute1 msExchExtensionCustomAttribute2 "+
			"msExchExtensionCustomAttribute3 msExchExtensionCustomAttribute4 msExchExtensionCustomAttribute5 "+
			"msExchSenderHintTranslations"),
		define(attr.KindReference, true, both, both, "authOrig unauthOrig dLMemRejectPerms dLMemSubmitPerms "+
			"publicDelegates msExchModeratedByLink"),
		define(attr.KindString, false, both, no, "lastPasswordChangeTimestamp countryCode countryLetterCode "+
			"onPremisesObjectIdentifier homePhone initials ipPhone middleName pager postOfficeBox targetAddress telephoneAssistant "+
			"url wWWHomePage assistant deliverAndRedirect preferredDataLocation employeeHireDate employeeLeaveDateTime "+
			"msExchArchiveGuid msExchArchiveName msExchAssistantName msExchAuditAdmin msExchAuditDelegate msExchAuditDelegateAdmin "+
			"msExchAuditOwner msExchBypassAudit msExchElcExpirySuspensionEnd msExchElcExpirySuspensionStart msExchElcMailboxFlags "+
			"msExchImmutableId msExchMailboxAuditEnable msExchMailboxAuditLogAgeLimit msExchMailboxGuid msExchRemoteRecipientType "+
			"msExchResourceCapacity msExchResourceDisplay msExchTeamMailboxExpiration msExchTeamMailboxSharePointUrl "+
			"msRtcSipApplicationOptions msRtcSipDeploymentLocator msRtcSipLine msRtcSipOptionFlags msRtcSipOwnerUrn "+
			"msRtcSipPrimaryUserAddress msRtcSipUserEnabled"),
		define(attr.KindString, true, both, no, "otherFacsimileTelephone otherHomePhone otherIpPhone otherMobile otherPager "+
			"otherTelephone msExchResourceMetadata msExchResourceSearchProperties msExchUserHoldPolicies"),
		define(attr.KindBinary, false, both, no, "thumbnailPhoto msExchBlockedSendersHash msExchSafeRecipientsHash msExchSafeSendersHash"),
		define(attr.KindBinary, true, both, no, "userCertificate userSMIMECertificate"),
		define(attr.KindReference, false, both, no, "altRecipient msExchTeamMailboxSharePointLinkedBy"),
		define(attr.KindReference, true, both, no, "msExchDelegateListLink msExchTeamMailboxOwners"),
		define(attr.KindReference, false, no, both, "managedBy"),
		define(attr.KindReference, true, no, both, "msExchBypassModerationLink msExchCoManagedByLink"),
		define(attr.KindString, false, no, both, "hideDLMembership msOrgIsOrganizational oofReplyToOriginator reportToOriginator "+
			"reportToOwner groupType"),
	}
}

// The attributes that the connector itself deals with.
const (
	attrCloudAnchor     = "cloudAnchor"
	attrSourceAnchor    = "sourceAnchor"
	attrCloudMastered   = "cloudMastered"
	attrAlias           = "alias"
	attrUPN             = "userPrincipalName"
	attrMail            = "mail"
	attrProxies         = "proxyAddresses"
	attrManager         = "manager"
	attrMember          = "member"
	attrOwner           = "owner"
	attrSecurityEnabled = "securityEnabled"
	attrMailEnabled     = "mailEnabled"
	attrUsageLocation   = "usageLocation"
)

// access returns what can be done with the attribute in a class.
func (m *Mapping) access(class string) Access {
	switch class {
	case classUser:
		return m.User
	case classDevice:
		return m.Device
	}
	return m.Group
}
