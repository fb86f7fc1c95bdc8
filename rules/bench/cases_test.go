package bench

// values are the attributes of the object that all expressions read; what is not there has
// no value.
var values = map[string]any{
	"dn":                 "CN=Abbie Spencer,OU=Users,OU=Sales,DC=sales,DC=contoso,DC=com",
	"cn":                 "Abbie Spencer",
	"displayName":        "Abbie Spencer ",
	"sAMAccountName":     "aspencer",
	"mailNickname":       "abbie.spencer",
	"mail":               "abbie.spencer@contoso.com",
	"userAccountControl": int64(512),
	"recipientType":      int64(1),
	"objectGUID":         []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	"proxyAddresses":     []string{"smtp:as@contoso.com", " SMTP:abbie.spencer@contoso.com ", "smtp:as@contoso.com"},
	"sourceAnchor":       "AQIDBAUGBwgJCgsMDQ4PEA==",
	"cloudAnchor":        "User_0a1b2c3d-0000-0000-0000-000000000001",
	"cloudSourceAnchor":  "AQIDBAUGBwgJCgsMDQ4PEA==",
	"sourceObjectType":   "User",
}

// absent are the attributes that the expressions read and the object does not have.
var absent = map[string]any{"critical": false, "userPrincipalName": "", "usageLocation": ""}

// A testCase is one expression in three languages. Absent attributes are NULL in ours and
// null in CEL and nil in Expr.
type testCase struct {
	name            string
	ours, cel, expr string
	want            any
}

var cases = []testCase{
	{
		name: "accountEnabled",
		ours: `IIF(IsPresent([userAccountControl]),IIF(BitAnd([userAccountControl],2)=0,True,False),NULL)`,
		cel:  `userAccountControl != null ? math.bitAnd(userAccountControl, 2) == 0 : dyn(null)`,
		expr: `userAccountControl != nil ? bitand(userAccountControl, 2) == 0 : nil`,
		want: true,
	},
	{
		name: "displayName",
		ours: `IIF(IsNullOrEmpty([displayName]),Trim([cn]),Left(Trim([displayName]),448))`,
		cel: `displayName == null || displayName == "" ? cn.trim() :
			(size(displayName.trim()) > 448 ? displayName.trim().substring(0, 448) : displayName.trim())`,
		expr: `displayName == nil || displayName == "" ? trim(cn) : trim(displayName)[:448]`,
		want: "Abbie Spencer",
	},
	{
		name: "userPrincipalName",
		ours: `IIF(IsPresent([userPrincipalName]),[userPrincipalName],IIF(IsPresent([sAMAccountName]),[sAMAccountName] & "@" & %Domain.FQDN%,NULL))`,
		cel:  `userPrincipalName != null ? userPrincipalName : sAMAccountName != null ? sAMAccountName + "@" + domain : dyn(null)`,
		expr: `userPrincipalName != nil ? userPrincipalName : sAMAccountName != nil ? sAMAccountName + "@" + domain : nil`,
		want: "aspencer@contoso.com",
	},
	{
		name: "sourceAnchor",
		ours: `IIF([recipientType]=2,NULL,ConvertToBase64([objectGUID]))`,
		cel:  `recipientType == 2 ? dyn(null) : base64.encode(objectGUID)`,
		expr: `recipientType == 2 ? nil : base64(objectGUID)`,
		want: "AQIDBAUGBwgJCgsMDQ4PEA==",
	},
	{
		name: "cloudFiltered",
		ours: `IIF(IsPresent([critical]) || IsPresent([sAMAccountName]) = False || [sAMAccountName] = "SUPPORT_388945a0" ||
			Left([mailNickname],14) = "SystemMailbox{" || Left([sAMAccountName],4) = "AAD_" ||
			(Left([mailNickname],4) = "CAS_" && (InStr([mailNickname],"}") > 0)) ||
			(Left([sAMAccountName],4) = "CAS_" && (InStr([sAMAccountName],"}") > 0)) || Left([sAMAccountName],5) = "MSOL_" ||
			CBool(IIF(IsPresent([recipientType]),BitAnd([recipientType],&H21C07000) > 0,NULL)), True, NULL)`,
		cel: `critical != null || sAMAccountName == null || sAMAccountName == "SUPPORT_388945a0" ||
			mailNickname.startsWith("SystemMailbox{") || sAMAccountName.startsWith("AAD_") ||
			(mailNickname.startsWith("CAS_") && mailNickname.indexOf("}") >= 0) ||
			(sAMAccountName.startsWith("CAS_") && sAMAccountName.indexOf("}") >= 0) || sAMAccountName.startsWith("MSOL_") ||
			(recipientType != null && math.bitAnd(recipientType, 0x21C07000) > 0) ? true : dyn(null)`,
		expr: `critical != nil || sAMAccountName == nil || sAMAccountName == "SUPPORT_388945a0" ||
			mailNickname startsWith "SystemMailbox{" || sAMAccountName startsWith "AAD_" ||
			(mailNickname startsWith "CAS_" && indexOf(mailNickname, "}") >= 0) ||
			(sAMAccountName startsWith "CAS_" && indexOf(sAMAccountName, "}") >= 0) || sAMAccountName startsWith "MSOL_" ||
			(recipientType != nil && bitand(recipientType, 0x21C07000) > 0) ? true : nil`,
		want: nil,
	},
	{
		name: "mailEnabled",
		ours: `IIF((IsPresent([proxyAddresses]) && (Contains([proxyAddresses],"SMTP:") > 0) &&
			(InStr(Item([proxyAddresses],Contains([proxyAddresses],"SMTP:")),"@") > 0)) ||
			(IsPresent([mail]) && (InStr([mail],"@") > 0)),True,False)`,
		cel:  `proxyAddresses != null && proxyAddresses.exists(p, p.contains("SMTP:") && p.contains("@")) || mail != null && mail.contains("@")`,
		expr: `proxyAddresses != nil && any(proxyAddresses, # contains "SMTP:" && # contains "@") || mail != nil && mail contains "@"`,
		want: true,
	},
	{
		name: "proxyAddresses",
		ours: `RemoveDuplicates(Trim([proxyAddresses]))`,
		cel:  `proxyAddresses.map(p, p.trim()).distinct()`,
		expr: `uniq(map(proxyAddresses, trim(#)))`,
		want: []string{"smtp:as@contoso.com", "SMTP:abbie.spencer@contoso.com"},
	},
	{
		name: "entraDN",
		ours: `"CN={" & ConvertToUTF8Hex([sourceAnchor]) & "}"`,
		cel:  `"CN={%X}".format([sourceAnchor])`,
		expr: `"CN={" + hex(sourceAnchor) + "}"`,
		want: "CN={41514944424155474277674A4367734D4451345045413D3D}",
	},
	{
		name: "anchorGuard",
		ours: `IIF(IsPresent([cloudSourceAnchor]) && Word([cloudAnchor],1,"_")=[sourceObjectType] && [cloudSourceAnchor] <> [sourceAnchor],NULL,[sourceAnchor])`,
		cel: `cloudSourceAnchor != null && cloudAnchor.split("_")[0] == sourceObjectType && cloudSourceAnchor != sourceAnchor ?
			dyn(null) : sourceAnchor`,
		expr: `cloudSourceAnchor != nil && split(cloudAnchor, "_")[0] == sourceObjectType && cloudSourceAnchor != sourceAnchor ? nil : sourceAnchor`,
		want: "AQIDBAUGBwgJCgsMDQ4PEA==",
	},
	{
		name: "usageLocation",
		ours: `IIF(IsNullOrEmpty([usageLocation]),NULL,UCase(Left([usageLocation],2)))`,
		cel:  `usageLocation == null || usageLocation == "" ? dyn(null) : usageLocation.substring(0, 2).upperAscii()`,
		expr: `usageLocation == nil || usageLocation == "" ? nil : upper(usageLocation[:2])`,
		want: nil,
	},
}
