package adtest

import "strings"

// propertySets are the sets that attributes belong to, by their GUIDs: an access control
// entry about a set is about all attributes in it.
var propertySets = map[string]string{
	"59ba2f42-79a2-11d0-9020-00c04fc2d3cf": `objectSid sIDHistory sAMAccountName sAMAccountType displayName countryCode adminDescription
		primaryGroupID codePage`, // General Information
	"e48d0154-bcf8-11d1-8702-00c04fb96050": `objectGUID objectClass objectCategory distinguishedName userPrincipalName mail
		proxyAddresses cn name givenName sn initials description department title company division manager co
		altSecurityIdentities legacyExchangeDN msDS-PhoneticDisplayName servicePrincipalName showInAddressBook systemFlags
		textEncodedORAddress allowedAttributes allowedAttributesEffective allowedChildClasses allowedChildClassesEffective
		otherMailbox directReports canonicalName`, // Public Information
	"77b5b886-944a-11d1-aebd-0000f80367c1": `telephoneNumber mobile otherMobile homePhone otherTelephone otherHomePhone pager otherPager
		ipPhone otherIpPhone facsimileTelephoneNumber otherFacsimileTelephoneNumber physicalDeliveryOfficeName street
		streetAddress postOfficeBox l st postalCode c info thumbnailPhoto userCertificate userSMIMECertificate assistant
		homePostalAddress personalTitle publicDelegates msDS-ExternalDirectoryObjectId`, // Personal Information
	"4c164200-20c0-11d0-a768-00aa006e0529": `userAccountControl msDS-User-Account-Control-Computed pwdLastSet accountExpires`, // Account Restrictions
	"5f202010-79a5-11d0-9020-00c04fc2d4cf": `homeDirectory homeDrive profilePath scriptPath userWorkstations logonHours lastLogon
		lastLogoff logonCount badPwdCount`, // Logon Information
	"bc0ac240-79a9-11d0-9020-00c04fc2d4cf": `member memberOf`,                                                   // Group Membership
	"e45795b3-9455-11d1-aebd-0000f80367c1": `url wWWHomePage`,                                                   // Web Information
	"037088f8-0ae1-11d2-b422-00a0c968f939": `tokenGroups`,                                                       // Remote Access
	"c7407360-20bf-11d0-a768-00aa006e0529": `maxPwdAge minPwdAge minPwdLength lockoutDuration lockoutThreshold`, // Domain Password
}

// propertySetOf is the GUID of the set of an attribute, zero for one that is in none.
func propertySetOf(name string) GUID {
	for i := 1; i <= 20; i++ {
		if name == "msDS-cloudExtensionAttribute"+text10(int64(i)) {
			name = "telephoneNumber" // personal information, all of them
		}
	}
	for id, members := range propertySets {
		for m := range strings.FieldsSeq(members) {
			if m == name {
				g, _ := parseGUID(id)
				return g
			}
		}
	}
	return GUID{}
}

// The rights of administrators, and of everybody who has signed in, to objects that say
// nothing more.
const plainDescriptor = "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPLCLORC;;;AU)"

// userDescriptor is what AD gives to new users: everybody who has signed in reads the
// public part, the user itself a little more and writes some of it. That others read all
// comes from the domain, by way of Pre-Windows 2000 Compatible Access.
const userDescriptor = "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;AO)" +
	"(A;;RPLCLORC;;;PS)(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)(OA;;CR;ab721a54-1e2f-11d0-9819-00aa0040529b;;PS)" +
	"(OA;;CR;ab721a56-1e2f-11d0-9819-00aa0040529b;;PS)(OA;;RPWP;77b5b886-944a-11d1-aebd-0000f80367c1;;PS)" +
	"(OA;;RPWP;e45795b2-9455-11d1-aebd-0000f80367c1;;PS)(OA;;RPWP;e45795b3-9455-11d1-aebd-0000f80367c1;;PS)(A;;RC;;;AU)" +
	"(OA;;RP;59ba2f42-79a2-11d0-9020-00c04fc2d3cf;;AU)(OA;;RP;77b5b886-944a-11d1-aebd-0000f80367c1;;AU)" +
	"(OA;;RP;e45795b3-9455-11d1-aebd-0000f80367c1;;AU)(OA;;RP;e48d0154-bcf8-11d1-8702-00c04fb96050;;AU)" +
	"(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)(OA;;RPWP;bf967a7f-0de6-11d0-a285-00aa003049e2;;CA)"

// classDescriptors are the defaultSecurityDescriptor of classes that have one of their own.
var classDescriptors = map[string]string{
	"user": userDescriptor, "inetOrgPerson": userDescriptor,
	"computer": "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;AO)" +
		"(A;;RPLCLORC;;;AU)(A;;RPCRLCLORCSDDT;;;CO)(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)(A;;CCDC;;;PS)",
	"group": "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;AO)" +
		"(A;;RPLCLORC;;;AU)(OA;;CR;ab721a55-1e2f-11d0-9819-00aa0040529b;;AU)",
	"organizationalUnit": "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)" +
		"(OA;;CCDC;bf967a86-0de6-11d0-a285-00aa003049e2;;AO)(OA;;CCDC;bf967aba-0de6-11d0-a285-00aa003049e2;;AO)" +
		"(OA;;CCDC;bf967a9c-0de6-11d0-a285-00aa003049e2;;AO)(A;;RPLCLORC;;;AU)(A;;LCRPLORC;;;ED)",
	"msDS-Device":          "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPLCLORC;;;AU)",
	"msDS-DeviceContainer": plainDescriptor,
}

// defaultDescriptor is the defaultSecurityDescriptor of a class, as text.
func (c *classDef) defaultDescriptor() string {
	if text, ok := classDescriptors[c.name]; ok {
		return text
	}
	return plainDescriptor
}

// Descriptors of objects that every domain has.
const (
	domainDescriptor = "O:BAG:BAD:AI(A;;RP;;;WD)(A;;RPLCLORC;;;AU)(A;;RPWPCRLCLOCCRCWDWOSW;;;DA)(A;CI;RPWPCRLCLOCCRCWDWOSDSW;;;BA)" +
		"(A;;RPWPCRLCLOCCDCRCWDWOSDDTSW;;;SY)(A;CI;RPWPCRLCLOCCDCRCWDWOSDDTSW;;;EA)(A;CI;LC;;;RU)(A;;RPRC;;;RU)(A;;LCRPLORC;;;ED)" +
		"(OA;CIIO;RPLCLORC;;bf967a9c-0de6-11d0-a285-00aa003049e2;RU)(OA;CIIO;RPLCLORC;;4828cc14-1437-45bc-9b07-ad6f015e5f28;RU)" +
		"(OA;CIIO;RPLCLORC;;bf967aba-0de6-11d0-a285-00aa003049e2;RU)(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;BA)" +
		"(OA;;CR;1131f6ad-9c07-11d1-f79f-00c04fc2dcd2;;BA)(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;ED)" +
		"(OA;;CR;ccc2dc7d-a6ad-4a7a-8846-c04e3cc53501;;AU)(OA;;CR;280f369c-67c7-438e-ae98-1d46f3c6f541;;AU)"
	configurationDescriptor = "O:EAG:EAD:(A;CI;RPLCLORC;;;AU)(A;CI;GA;;;EA)(A;CI;GA;;;BA)(A;CI;GA;;;SY)"
	deletedDescriptor       = "O:SYG:SYD:PAI(A;;RPLC;;;BA)(A;;GA;;;SY)"
	holderDescriptor        = "O:DAG:DAD:PAI(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPWPCRCCDCLCLORCWOWDSW;;;BA)" +
		"(A;;RPWPCRCCDCLCLORCWOWDSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSW;;;EA)(A;;RPLCLORC;;;AU)(A;;RPLCLORC;;;RU)" +
		"(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)" +
		"(OA;;RPWP;bf967a7f-0de6-11d0-a285-00aa003049e2;;CA)"
)
