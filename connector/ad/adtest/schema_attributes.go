package adtest

import "fmt"

// An attrRow describes an attribute. Single-valued unless flagMulti is set.
type attrRow struct {
	name  string
	syn   syntax
	flags attrFlags
	upper int
	link  int
	oid   string
	guid  string // schemaIDGUID, "+" standing for the commonest ending; "" is made up
	cn    string
}

const (
	multi  = flagMulti
	system = flagSystem
	keep   = flagTombstone
	made   = flagConstructed | flagSystem | flagNotReplicated
	local  = flagNotReplicated | flagSystem
	sam    = flagSAM | flagSystem
	gc     = flagGC
	index  = flagIndexed
)

// attributeRows are the attributes of the schema without Exchange.
func attributeRows() []attrRow {
	rows := [][]attrRow{coreRows(), accountRows(), personRows(), linkRows(), infrastructureRows()}
	var out []attrRow
	for _, r := range rows {
		out = append(out, r...)
	}
	for i := 1; i <= 20; i++ {
		r := attrRow{name: fmt.Sprintf("msDS-cloudExtensionAttribute%d", i), flags: gc,
			oid: fmt.Sprintf("1.2.840.113556.1.4.%d", 2213+i), cn: fmt.Sprintf("ms-DS-cloudExtensionAttribute%d", i)}
		if i == 1 {
			r.guid = "9709eaaf-49da-4db2-908a-0446e5eab844"
		}
		out = append(out, r)
	}
	return out
}

// coreRows are attributes that every object has, or that the server computes.
func coreRows() []attrRow {
	return []attrRow{
		{"objectClass", synOID, multi | keep | gc | index, 0, 0, "2.5.4.0", "bf9679e5+", ""},
		{"objectGUID", synOctet, system | keep | gc | index, 16, 0, "1.2.840.113556.1.4.2", "bf9679e7+", "Object-GUID"},
		{"objectSid", synSID, sam | keep | gc | index, 28, 0, "1.2.840.113556.1.4.146", "bf9679e8+", ""},
		{"objectCategory", synDN, gc | index, 0, 0, "1.2.840.113556.1.4.782", "", ""},
		{"name", synUnicode, system | keep | gc | index, 255, 0, "1.2.840.113556.1.4.1", "bf967a0e+", "RDN"},
		{"cn", synUnicode, keep | gc | index, 64, 0, "2.5.4.3", "bf96793f+", "Common-Name"},
		{"ou", synUnicode, multi | keep | gc | index, 64, 0, "2.5.4.11", "bf9679f0+", "Organizational-Unit-Name"},
		{"dc", synUnicode, keep | gc, 255, 0, "0.9.2342.19200300.100.1.25", "", "Domain-Component"},
		{"distinguishedName", synDN, system | keep | gc | flagNotReplicated, 0, 0, "2.5.4.49", "", "Obj-Dist-Name"},
		{"instanceType", synInt, system | keep | gc, 0, 0, "1.2.840.113556.1.2.1", "bf96798c+", ""},
		{"whenCreated", synTime, system | keep | gc, 0, 0, "1.2.840.113556.1.2.2", "bf967a78+", ""},
		{"whenChanged", synTime, local | keep | gc, 0, 0, "1.2.840.113556.1.2.3", "bf967a77+", ""},
		{"uSNCreated", synInt64, local | keep | gc | index, 0, 0, "1.2.840.113556.1.2.19", "bf967a70+", ""},
		{"uSNChanged", synInt64, local | keep | gc | index, 0, 0, "1.2.840.113556.1.2.120", "bf967a6f+", ""},
		{"isDeleted", synBool, keep | gc | index, 0, 0, "1.2.840.113556.1.2.48", "bf96798f+", ""},
		{"isRecycled", synBool, system | keep | gc | index, 0, 0, "1.2.840.113556.1.4.2058",
			"8fb59256-55f1-444b-aacb-f5b482fe3459", ""},
		{"lastKnownParent", synDN, system | keep, 0, 0, "1.2.840.113556.1.4.781", "52ab8670-5709-11d1-a9c6-0000f80367c1", ""},
		{"msDS-LastKnownRDN", synUnicode, system | keep, 255, 0, "1.2.840.113556.1.4.2067",
			"8ab15858-683e-466d-877f-d640e1f9a611", ""},
		{"nTSecurityDescriptor", synSD, keep | gc, 132096, 0, "1.2.840.113556.1.2.281", "bf9679e3+", "NT-Security-Descriptor"},
		{"description", synUnicode, multi | gc, 1024, 0, "2.5.4.13", "bf967950+", ""},
		{"displayName", synUnicode, gc | index, 256, 0, "1.2.840.113556.1.2.13", "bf967953+", ""},
		{"adminDescription", synUnicode, 0, 1024, 0, "1.2.840.113556.1.2.226", "bf967919+", ""},
		{"adminDisplayName", synUnicode, 0, 256, 0, "1.2.840.113556.1.2.194", "", ""},
		{"info", synUnicode, 0, 1024, 0, "1.2.840.113556.1.2.81", "bf96793e+", "Comment"},
		{"url", synUnicode, multi, 0, 0, "1.2.840.113556.1.4.749", "9a9a0221-4a5b-11d1-a9c3-0000f80367c1", "WWW-Page-Other"},
		{"wWWHomePage", synUnicode, 0, 2048, 0, "1.2.840.113556.1.2.464", "bf967a7a+", ""},
		{"showInAdvancedViewOnly", synBool, gc, 0, 0, "1.2.840.113556.1.2.169", "", ""},
		{"systemFlags", synInt, system | keep, 0, 0, "1.2.840.113556.1.4.375", "", ""},
		{"isCriticalSystemObject", synBool, system, 0, 0, "1.2.840.113556.1.4.868", "", ""},
		{"proxiedObjectName", synDNBinary, system | keep | gc, 0, 0, "1.2.840.113556.1.4.1249", "e1aea402-cd5b-11d0-afff-0000f80367c1", ""},
		{"wellKnownObjects", synDNBinary, multi | system, 16, 0, "1.2.840.113556.1.4.618", "", ""},
		{"mS-DS-ConsistencyGuid", synOctet, 0, 0, 0, "1.2.840.113556.1.4.1360", "23773dc2-b63a-11d2-90e1-00c04fd91ab1",
			"ms-DS-Consistency-Guid"},
		{"parentGUID", synOctet, made, 0, 0, "1.2.840.113556.1.4.1224", "", ""},
		{"canonicalName", synUnicode, made | multi, 0, 0, "1.2.840.113556.1.4.916", "", ""},
		{"allowedAttributes", synOID, made | multi, 0, 0, "1.2.840.113556.1.4.913", "", ""},
		{"allowedAttributesEffective", synOID, made | multi, 0, 0, "1.2.840.113556.1.4.914", "", ""},
		{"allowedChildClasses", synOID, made | multi, 0, 0, "1.2.840.113556.1.4.911", "", ""},
		{"allowedChildClassesEffective", synOID, made | multi, 0, 0, "1.2.840.113556.1.4.912", "", ""},
		{"sDRightsEffective", synInt, made, 0, 0, "1.2.840.113556.1.4.1304", "", "SD-Rights-Effective"},
		{"createTimeStamp", synTime, made, 0, 0, "2.5.18.1", "", ""},
		{"modifyTimeStamp", synTime, made, 0, 0, "2.5.18.2", "", ""},
		{"structuralObjectClass", synOID, made | multi, 0, 0, "2.5.21.9", "", ""},
		{"subSchemaSubEntry", synDN, made, 0, 0, "2.5.18.10", "", ""},
		{"tokenGroups", synSID, made | multi, 0, 0, "1.2.840.113556.1.4.1301", "b7c69e6d-2cc7-11d2-854e-00a0c983f608", ""},
		{"tokenGroupsGlobalAndUniversal", synSID, made | multi, 0, 0, "1.2.840.113556.1.4.1418", "46a9b11d-60ae-405a-b7e8-ff8a58d456d2", ""},
		{"primaryGroupToken", synInt, made, 0, 0, "1.2.840.113556.1.4.1412", "", ""},
		{"msDS-PrincipalName", synUnicode, made, 0, 0, "1.2.840.113556.1.4.1865", "", "ms-DS-Principal-Name"},
		{"msDS-User-Account-Control-Computed", synInt, made, 0, 0, "1.2.840.113556.1.4.1460",
			"2cc4b836-b63f-4940-8d23-ea7acf06af56", "ms-DS-User-Account-Control-Computed"},
	}
}

// accountRows are attributes of security principals.
func accountRows() []attrRow {
	return []attrRow{
		{"sAMAccountName", synUnicode, keep | gc | index, 256, 0, "1.2.840.113556.1.4.221",
			"3e0abfd0-126a-11d0-a060-00aa006c33ed", "SAM-Account-Name"},
		{"sAMAccountType", synInt, sam | gc | index, 0, 0, "1.2.840.113556.1.4.302", "", "SAM-Account-Type"},
		{"userPrincipalName", synUnicode, gc | index, 1024, 0, "1.2.840.113556.1.4.656",
			"28630ebb-41d5-11d1-a9c1-0000f80367c1", ""},
		{"userAccountControl", synInt, keep | gc | index, 0, 0, "1.2.840.113556.1.4.8", "bf967a68+", ""},
		{"groupType", synInt, keep | gc | index, 0, 0, "1.2.840.113556.1.4.750", "9a9a021e-4a5b-11d1-a9c3-0000f80367c1", ""},
		{"primaryGroupID", synInt, gc | index, 0, 0, "1.2.840.113556.1.4.98", "bf967a00+", ""},
		{"sIDHistory", synSID, multi | keep | gc | index, 0, 0, "1.2.840.113556.1.4.609",
			"17eb4278-d167-11d0-b002-0000f80367c1", "SID-History"},
		{"unicodePwd", synOctet, flagSecret, 0, 0, "1.2.840.113556.1.4.90", "bf9679e1+", ""},
		{"pwdLastSet", synInt64, 0, 0, 0, "1.2.840.113556.1.4.96", "bf967a0a+", ""},
		{"accountExpires", synInt64, gc, 0, 0, "1.2.840.113556.1.4.159", "bf967915+", ""},
		{"lockoutTime", synInt64, 0, 0, 0, "1.2.840.113556.1.4.662", "28630ebf-41d5-11d1-a9c1-0000f80367c1", ""},
		{"adminCount", synInt, 0, 0, 0, "1.2.840.113556.1.4.150", "bf967918+", ""},
		{"codePage", synInt, 0, 0, 0, "1.2.840.113556.1.4.16", "", ""},
		{"badPwdCount", synInt, local, 0, 0, "1.2.840.113556.1.4.12", "", ""},
		{"badPasswordTime", synInt64, local, 0, 0, "1.2.840.113556.1.4.49", "", ""},
		{"lastLogoff", synInt64, local, 0, 0, "1.2.840.113556.1.4.51", "", ""},
		{"lastLogon", synInt64, local, 0, 0, "1.2.840.113556.1.4.52", "", ""},
		{"logonCount", synInt, local, 0, 0, "1.2.840.113556.1.4.169", "", ""},
		{"lastLogonTimestamp", synInt64, system, 0, 0, "1.2.840.113556.1.4.1696", "", ""},
		{"servicePrincipalName", synUnicode, multi | gc | index, 0, 0, "1.2.840.113556.1.4.771",
			"f3a64788-5306-11d1-a9c5-0000f80367c1", ""},
		{"altSecurityIdentities", synUnicode, multi | gc | index, 0, 0, "1.2.840.113556.1.4.867",
			"00fbf30c-91fe-11d1-aebc-0000f80367c1", ""},
		{"msDS-SupportedEncryptionTypes", synInt, 0, 0, 0, "1.2.840.113556.1.4.1963", "", "ms-DS-Supported-Encryption-Types"},
		{"homeDirectory", synUnicode, 0, 0, 0, "1.2.840.113556.1.4.44", "", ""},
		{"homeDrive", synUnicode, 0, 0, 0, "1.2.840.113556.1.4.45", "", ""},
		{"profilePath", synUnicode, 0, 0, 0, "1.2.840.113556.1.4.139", "", ""},
		{"scriptPath", synUnicode, 0, 0, 0, "1.2.840.113556.1.4.62", "", ""},
		{"userWorkstations", synUnicode, 0, 1024, 0, "1.2.840.113556.1.4.86", "", ""},
		{"logonHours", synOctet, 0, 0, 0, "1.2.840.113556.1.4.64", "", ""},
		{"dNSHostName", synUnicode, keep | gc | index, 2048, 0, "1.2.840.113556.1.4.619", "", "DNS-Host-Name"},
		{"operatingSystem", synUnicode, gc, 0, 0, "1.2.840.113556.1.4.363", "", ""},
		{"operatingSystemVersion", synUnicode, gc, 0, 0, "1.2.840.113556.1.4.364", "", ""},
		{"operatingSystemServicePack", synUnicode, 0, 0, 0, "1.2.840.113556.1.4.365", "", ""},
	}
}
